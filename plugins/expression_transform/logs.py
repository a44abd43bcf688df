"""Where the log of an inference job is: a file, or CloudWatch's console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

    from include.settings import Settings

_LOG_GROUP = "/aws/sagemaker/TransformJobs"
"""Streams are `{job}/{instance}`: SageMaker developer guide, "Log groups and streams"."""


def job_log(settings: Settings, job: str) -> str:
    """Return the URL of a job's log: `file://`, or a search in CloudWatch's console."""
    if settings.transform.backend == "embedded":
        return (settings.transform.jobs_dir / job / "log.txt").absolute().as_uri()
    region = settings.storage.s3_region
    # The console's own encoding: a dollar for the percent sign; a name's slashes twice.
    group = _LOG_GROUP.replace("/", "$252F")
    return (
        f"https://{region}.console.{_domain(region)}/cloudwatch/home?region={region}"
        f"#logsV2:log-groups/log-group/{group}$3FlogStreamNameFilter$3D{job}"
    )


class JobLogLink(BaseOperatorLink):
    """The button "Log of the job" on the task.

    A file is named in the task log instead: no browser follows a link from a served
    page to a file.
    """

    name = "Log of the job"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Called by Airflow in the task's process, when the task is over."""
        link: str = getattr(operator, "job_log", "")
        return link if link.startswith("https://") else ""


def _domain(region: str) -> str:
    if region.startswith("cn-"):
        return "amazonaws.cn"
    return "amazonaws-us-gov.com" if region.startswith("us-gov-") else "aws.amazon.com"
