"""The suite itself. Importing this module imports Great Expectations (seconds)."""

from __future__ import annotations

import math

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

from include.contracts.reasons import RowReason
from include.contracts.rows import MANIFEST
from include.quality.docs_pages import MANIFEST_SUITE, SCHEMA_SUITE
from include.quality.table import SCHEMA_DIFFERENCE
from include.settings import ValidationSettings

TIME_TOLERANCE_S = 0.002
"""Containers round times to their clock; the coarsest that does so counts 1/600 s (QuickTime)."""

MANIFEST_REASONS = sorted(set(RowReason) - {RowReason.LOW_CONFIDENCE})
"""Abstaining is the model's reason: extraction cannot know it."""

RULE = "rule"
"""Key of an expectation's `meta` that holds the rule in words."""


def build_suite(settings: ValidationSettings) -> gx.ExpectationSuite:
    """The rules of every manifest; `length_parameters` fills in a recording's length."""
    suite = gx.ExpectationSuite(name=MANIFEST_SUITE)
    for expectation in [
        *_shape(),
        *_times(),
        *_faces(),
        *_usable_share(settings),
    ]:
        suite.add_expectation(expectation)
    return suite


def length_parameters(settings: ValidationSettings, instants_expected: int) -> dict[str, int]:
    """Bounds of `build_suite` that depend on the length of the recording.

    The last frame may settle one target more than the duration promises: the
    index of the last instant is at most the number expected.
    """
    return {
        "instants_least": math.ceil(settings.coverage_min * instants_expected - 1e-9),
        "instants_expected": instants_expected,
    }


def build_schema_suite() -> gx.ExpectationSuite:
    """The one rule for a manifest whose columns or types are wrong."""
    suite = gx.ExpectationSuite(name=SCHEMA_SUITE)
    suite.add_expectation(
        gxe.ExpectColumnValuesToBeNull(
            column=SCHEMA_DIFFERENCE,
            meta=_meta("the table has the agreed columns, in order, with the agreed types"),
        )
    )
    return suite


def _meta(rule: str) -> dict[str, str]:
    return {RULE: rule, "notes": rule}


def _shape() -> list[Expectation]:
    names = [*MANIFEST.names, *RULE_COLUMNS]
    return [
        gxe.ExpectTableColumnsToMatchOrderedList(
            column_list=names, meta=_meta("the table has the agreed columns in the agreed order")
        ),
        gxe.ExpectColumnValuesToBeUnique(
            column="row_id", meta=_meta("every row has its own row id")
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="row_id",
            regex=r"^\d{7,}-\d{2,}$",
            meta=_meta("row ids are the instant and the face number, like 0000012-00"),
        ),
        _true("rule_crop_iff_usable", "a row has a crop exactly when it has no reason"),
        gxe.ExpectColumnValuesToBeInSet(
            column="reason",
            value_set=[reason.value for reason in MANIFEST_REASONS],
            meta=_meta("the reason is one of the known codes"),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="rule_values_missing",
            max_value=0,
            meta=_meta("a usable face has a time, a face id, a box, landmarks and measurements"),
        ),
    ]


RULE_COLUMNS = (
    "rule_instant_target_s",
    "rule_instant_usable",
    "rule_lead_s",
    "rule_instant_is_one_moment",
    "rule_crop_iff_usable",
    "rule_values_missing",
)


def _times() -> list[Expectation]:
    return [
        gxe.ExpectColumnValuesToBeIncreasing(
            column="instant", meta=_meta("instants do not go backwards")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="instant", min_value=0, meta=_meta("instants are numbered from 0")
        ),
        gxe.ExpectColumnUniqueValueCountToBeBetween(
            column="instant",
            min_value={"$PARAMETER": "instants_least"},
            meta=_meta("every sampling target of the recording has a row"),
        ),
        # A header may promise too little; the frames that are there anyway are good data.
        gxe.ExpectColumnValuesToBeBetween(
            column="instant",
            max_value={"$PARAMETER": "instants_expected"},
            severity=FailureSeverity.WARNING,
            meta=_meta("the recording is no longer than its header says"),
        ),
        gxe.ExpectColumnValuesToBeIncreasing(
            column="rule_instant_target_s",
            strictly=True,
            meta=_meta("target times rise from one instant to the next"),
        ),
        gxe.ExpectColumnValuesToBeIncreasing(
            column="pts_s", meta=_meta("presentation times do not go backwards")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="rule_lead_s",
            min_value=-TIME_TOLERANCE_S,
            meta=_meta("the frame shown is never earlier than its target time, rounding aside"),
        ),
        _true(
            "rule_instant_is_one_moment",
            "the rows of an instant share its times and scene, list a face once, "
            "and a row about the whole instant is alone",
        ),
        gxe.ExpectColumnValuesToBeIncreasing(
            column="scene", meta=_meta("scene numbers do not go backwards")
        ),
    ]


def _faces() -> list[Expectation]:
    positive: dict[str, float] = {"min_value": 0.0, "strict_min": True}
    ranges: list[tuple[str, dict[str, float], str]] = [
        ("box_width_px", positive, "face boxes have a positive width"),
        ("box_height_px", positive, "face boxes have a positive height"),
        ("detector_score", {"min_value": 0.0, "max_value": 1.0}, "detector scores are 0 to 1"),
        ("blur", {"min_value": 0.0}, "the sharpness measure is not negative"),
        ("brightness", {"min_value": 0.0, "max_value": 255.0}, "brightness is 0 to 255"),
        ("yaw_deg", {"min_value": -90.0, "max_value": 90.0}, "head turn is -90 to 90 degrees"),
        ("roll_deg", {"min_value": -180.0, "max_value": 180.0}, "roll is -180 to 180 degrees"),
        ("change", {"min_value": 0.0, "max_value": 255.0}, "changes of a face are 0 to 255"),
        ("scene_change", {"min_value": 0.0, "max_value": 255.0}, "scenes change by 0 to 255"),
    ]
    return [
        gxe.ExpectColumnValuesToBeBetween(column=column, meta=_meta(rule), **bounds)
        for column, bounds, rule in ranges
    ]


def _usable_share(settings: ValidationSettings) -> list[Expectation]:
    expectations: list[Expectation] = [
        gxe.ExpectColumnMeanToBeBetween(
            column="rule_instant_usable",
            min_value=settings.usable_share_warning,
            severity=FailureSeverity.WARNING,
            meta=_meta("enough instants have a usable face (warning level)"),
        )
    ]
    # An error level of 0 means that even a recording without any face is published, with a warning.
    if settings.usable_share_error > 0:
        expectations.append(
            gxe.ExpectColumnMeanToBeBetween(
                column="rule_instant_usable",
                min_value=settings.usable_share_error,
                strict_min=True,
                meta=_meta("enough instants have a usable face (error level)"),
            )
        )
    return expectations


def _true(column: str, rule: str) -> Expectation:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[True], meta=_meta(rule))
