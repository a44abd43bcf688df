"""The retry rules of every task, keyed on the platform's exception tree."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from include.contracts.errors import PlatformError, TransientError

RETRIES = {
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    # The first rule that matches decides. What is not ours (a lost database
    # connection, a killed process) falls through to the plain retries above.
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=TransientError, action=RetryAction.RETRY),
            RetryRule(
                exception=PlatformError,
                action=RetryAction.FAIL,
                reason="permanent: another try would meet the same input and settings",
            ),
        ]
    ),
}
"""`default_args` of every DAG."""
