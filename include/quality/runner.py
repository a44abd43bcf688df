"""Great Expectations at work: one context for a batch of manifests, one site of Data Docs.

Importing this module imports Great Expectations (seconds): `suite` imports it
inside the function that needs it.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Read at import time by Great Expectations. Nothing about a recording leaves the machine.
os.environ["GX_ANALYTICS_ENABLED"] = "False"

import great_expectations as gx
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.base import ProgressBarsConfig

from include.contracts.identity import slug
from include.quality.docs_pages import stand_alone, without_markup
from include.quality.expectations import build_schema_suite, build_suite, length_parameters
from include.quality.table import ManifestFrame
from include.settings import ValidationSettings

RUN_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""A run is identified by its extraction: validating again replaces the same page."""

# It notes a dozen things about itself for every manifest, and each is a line of the task's log.
logging.getLogger("great_expectations").setLevel(logging.WARNING)

_SITE = "data_docs"


@dataclass(frozen=True, slots=True)
class Run:
    """One manifest judged.

    Attributes:
        outcomes: One JSON-able mapping per expectation, as Great Expectations reports it.
        docs_page: Path of the page inside the docs folder, once published.
        docs_label: Name of the manifest on that page.
    """

    outcomes: list[dict[str, Any]]
    docs_page: str | None = None
    docs_label: str | None = None


class SuiteRunner:
    """Runs the suite on one manifest after another.

    Args:
        settings: Levels of the gate.
        docs_dir: Local folder of the Data Docs; None: no pages.
    """

    def __init__(self, settings: ValidationSettings, docs_dir: Path | None) -> None:
        self._settings = settings
        self._docs_dir = docs_dir
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._context.delete_data_docs_site("local_site")
        if docs_dir is not None:
            self._context.add_data_docs_site(_SITE, _site_config(docs_dir))
        self._source = self._context.data_sources.add_pandas("manifests")
        self._suite = self._context.suites.add(build_suite(settings))
        self._schema_suite = self._context.suites.add(build_schema_suite())

    def run(
        self, *, extraction_id: str, name: str, frame: ManifestFrame, instants_expected: int
    ) -> Run:
        """Judge one manifest."""
        # The recording's name makes the page findable; the id keeps two of the same name apart.
        label = f"{slug(name)}.{extraction_id}"
        suite = self._schema_suite if frame.schema_differences else self._suite
        asset = self._source.add_dataframe_asset(label)
        batch = asset.add_batch_definition_whole_dataframe("whole")
        definition = self._context.validation_definitions.add(
            gx.ValidationDefinition(name=label, data=batch, suite=suite)
        )
        result = definition.run(
            batch_parameters={"dataframe": without_markup(frame.rows)},
            expectation_parameters=length_parameters(self._settings, instants_expected),
            result_format="BASIC",
            run_id=RunIdentifier(run_name=extraction_id, run_time=RUN_TIME),
        )
        outcomes = result.to_json_dict()["results"]
        if self._docs_dir is None:
            return Run(outcomes)
        stamp = RUN_TIME.strftime("%Y%m%dT%H%M%S.%fZ")
        page = f"validations/{suite.name}/{extraction_id}/{stamp}/manifests-{label}.html"
        return Run(outcomes, page, label)

    def publish(self) -> None:
        """Write the Data Docs of everything that ran, once: an index per run would be quadratic."""
        if self._docs_dir is not None:
            self._context.build_data_docs(site_names=[_SITE])
            stand_alone(self._docs_dir)


def _site_config(docs_dir: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(docs_dir.resolve()),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
