"""Outcomes of Great Expectations in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXAMPLES = 3

SUBJECTS = {
    "rule_instant_target_s": "target_s",
    "rule_instant_usable": "a share of instants with a usable face",
    "rule_lead_s": "pts_s minus target_s",
    "rule_instant_is_one_moment": "agreement",
    "rule_crop_iff_usable": "agreement",
    "rule_values_missing": "a number of missing values",
}
"""What the rule columns are called in a sentence."""


def failure_sentence(outcome: Mapping[str, Any]) -> str:
    """One sentence: the rule, what was expected, what was found.

    Args:
        outcome: One failed entry of a validation result's `results`, JSON form.
    """
    config = outcome["expectation_config"]
    rule = (config.get("meta") or {}).get("rule", config["type"])
    return f"{rule[0].upper()}{rule[1:]}: expected {_expected(config)}, found {_found(outcome)}."


def _expected(config: Mapping[str, Any]) -> str:
    kwargs = config["kwargs"]
    kind = str(config["type"])
    column = str(kwargs.get("column", ""))
    subject = SUBJECTS.get(column, column)
    if "column_list" in kwargs:
        return f"{len(kwargs['column_list'])} columns"
    if kind.endswith("to_be_unique"):
        return f"no {subject} twice"
    if kind.endswith("to_match_regex"):
        return f"{subject} like 0000012-00"
    if kind.endswith("to_be_increasing"):
        return f"{subject} {'strictly rising' if kwargs.get('strictly') else 'never falling'}"
    if "value_set" in kwargs:
        known = "in every row" if kwargs["value_set"] == [True] else "one of the known values"
        return f"{subject} {known}"
    if kind.endswith("unique_value_count_to_be_between"):
        subject = f"a number of different values of {column}"
    return f"{subject} {_bounds(kwargs)}"


def _bounds(kwargs: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    above = "above" if kwargs.get("strict_min") else "of at least"
    if low is not None and high is not None:
        return f"from {_text(low)} to {_text(high)}"
    if low is not None:
        return f"{above} {_text(low)}"
    return f"of at most {_text(high)}"


def _found(outcome: Mapping[str, Any]) -> str:
    result = outcome["result"]
    if "unexpected_count" in result:
        examples = [_text(value) for value in result.get("partial_unexpected_list", [])[:EXAMPLES]]
        # "false" says nothing beyond the number of rows.
        told = [text for text in dict.fromkeys(examples) if text != "false"]
        shown = f" (for example {', '.join(told)})" if told else ""
        count, total = result["unexpected_count"], result.get("element_count", 0)
        return f"{count} of {total} rows that break the rule{shown}"
    if result.get("observed_value") is not None:
        observed = result["observed_value"]
        return _text(observed) if not isinstance(observed, list) else f"{len(observed)} columns"
    return "nothing that could be judged"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)[:60]
