"""What an audit looks at: sets of rows that are never mixed, each beside those of the last audit.

A fixed set of annotated faces, what was published to respondents who declared their groups,
and instants that people labelled. Read from above to below: the sets of a version, those of a
package that has published nothing, what both know of the last audit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from include.composition import Services
from include.governance.bias.audit import audit
from include.governance.bias.fixed_set import FixedSet
from include.governance.bias.metrics import Panel
from include.governance.bias.record import (
    NOT_CUT,
    DataCut,
    SealedRecord,
    Section,
    section_of,
)
from include.governance.bias.rows import AuditRows
from include.governance.bias.settings import AuditSettings
from include.pipeline.bias_audit.fixed_panel import fixed_rows, kept_rows
from include.pipeline.bias_audit.traffic import labelled_rows, production_rows
from ml.registry.protocol import ModelVersion

FIXED_SET, PRODUCTION, LABELLED = "fixed_set", "production", "labelled"
_NOT_PUBLISHED = ("a challenger has published nothing",)


@dataclass(frozen=True, slots=True)
class RowSet:
    """One set of rows, before it is judged.

    Attributes:
        name: `FIXED_SET`, `PRODUCTION` or `LABELLED`.
        panel: What may be read from it.
        rows: What happened; None where there is nothing to audit.
        previous: The same of the last audit; None without one.
        data_cut: When they were published.
        notes: What a reader must know of these rows, or why there are none.
    """

    name: str
    panel: Panel
    rows: AuditRows | None
    previous: AuditRows | None = None
    data_cut: DataCut = NOT_CUT
    notes: tuple[str, ...] = ()

    def judged(self, settings: AuditSettings) -> Section:
        """Audit the rows; changes are told where the last audit had the same attributes."""
        found, previous = None, self.previous
        if self.rows is not None:
            if previous is not None and previous.attributes != self.rows.attributes:
                previous = None
            found = audit(self.rows, settings, previous=previous, panels=(self.panel,))
        return section_of(self.name, self.rows, found, self.data_cut, self.notes)


def of_version(
    services: Services,
    audit_set: FixedSet,
    model: ModelVersion,
    moment: datetime,
    last: SealedRecord | None,
) -> tuple[RowSet, ...]:
    """Gather the three sets of a registered version.

    Args:
        services: The platform.
        audit_set: Whom to show.
        model: The version.
        moment: End of the window of production, aware.
        last: The last audit, None without one.

    Raises:
        ConfigurationError: The audit set or the package is damaged.
        TransientError: Something outside failed for now.
    """
    since = moment - timedelta(days=services.settings.audit.window_days)
    # Last, then now: what fails of the last audit fails before anybody is shown anything.
    before = _of_last(services, audit_set, last)
    fixed = fixed_rows(services, audit_set, model)
    production, notes = production_rows(services, model.sha256, since, moment)
    labelled, label_notes = labelled_rows(services, model.sha256)
    return (
        RowSet(FIXED_SET, Panel.PARITY, fixed, before.get(FIXED_SET)),
        RowSet(
            PRODUCTION,
            Panel.PARITY,
            production,
            before.get(PRODUCTION),
            DataCut(since.isoformat(), moment.isoformat()),
            tuple(notes),
        ),
        RowSet(LABELLED, Panel.LABELLED, labelled, before.get(LABELLED), notes=tuple(label_notes)),
    )


def of_candidate(
    services: Services, audit_set: FixedSet, model: ModelVersion, last: SealedRecord | None
) -> tuple[RowSet, ...]:
    """Gather what there is of a package that has published nothing: the fixed set.

    Args:
        services: The platform.
        audit_set: Whom to show.
        model: The package; it need not be registered.
        last: The audit that changes refer to, None without one.

    Raises:
        ConfigurationError: The audit set or the package is damaged.
        TransientError: Something outside failed for now.
    """
    before = None
    if last is not None:
        before = kept_rows(services, audit_set, last.record.model.sha256)
    fixed = fixed_rows(services, audit_set, model)
    return (
        RowSet(FIXED_SET, Panel.PARITY, fixed, before),
        RowSet(PRODUCTION, Panel.PARITY, None, notes=_NOT_PUBLISHED),
        RowSet(LABELLED, Panel.LABELLED, None, notes=_NOT_PUBLISHED),
    )


def _of_last(
    services: Services, audit_set: FixedSet, last: SealedRecord | None
) -> dict[str, AuditRows | None]:
    """Return the rows of the last audit, read again: an audit keeps nothing of a person.

    A respondent who was erased meanwhile is missing from them, as it should be.
    """
    if last is None:
        return {}
    sha256 = last.record.model.sha256
    rows: dict[str, AuditRows | None] = {
        FIXED_SET: kept_rows(services, audit_set, sha256),
        LABELLED: labelled_rows(services, sha256)[0],
    }
    cuts = {section.name: section.data_cut for section in last.record.sections}
    if (cut := cuts.get(PRODUCTION)) and cut.since:
        since, until = (datetime.fromisoformat(end) for end in (cut.since, cut.until))
        rows[PRODUCTION] = production_rows(services, sha256, since, until)[0]
    return rows
