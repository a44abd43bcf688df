"""`python -m include.pipeline.bias_audit OUT`: audit a package without Airflow.

Writes `bias-audit.html` and `bias-audit.json` into OUT and prints what was found. Audits
the packed model of the project, or another `--package`, on the fixed set alone; nothing
is registered, signed or sent. What the pipeline made of the set stays in the lake that
the settings name, so that another package is answered from the same extractions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from include.composition import Services, build_services
from include.contracts.errors import PlatformError
from include.governance.bias.fixed_set import open_fixed_set
from include.governance.bias.metrics import Panel
from include.governance.bias.page import plain_findings, render_page
from include.governance.bias.record import AuditedModel, audit_record
from include.pipeline.bias_audit.fixed_panel import fixed_rows
from include.pipeline.bias_audit.package_audit import thresholds
from include.pipeline.bias_audit.panels import FIXED_SET, RowSet
from ml.packaging.unpack import package_sha256, read_signature
from ml.registry.champion import PACKAGED
from ml.registry.protocol import ModelVersion, VersionStatus


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, audit, write and print; 0 for any verdict, 1 for an error."""
    parser = argparse.ArgumentParser(prog="bias_audit", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for page and record; made when missing")
    parser.add_argument("--package", type=Path, default=PACKAGED, help="a model.tar.gz")
    parser.add_argument("--set", type=Path, help="the audit set (default: FEX_AUDIT__FIXED_SET)")
    parser.add_argument("--people", type=int, help="faces to show at most (default: all)")
    options = parser.parse_args(arguments)
    try:
        services = build_services()
        path = options.set or services.settings.audit.fixed_set
        findings = _audit(services, options.package, path, options.people, options.out)
    except PlatformError as error:
        sys.stderr.write(f"bias_audit: {error}\n")
        return error.exit_status
    sys.stdout.write("\n".join([*findings, f"{options.out / 'bias-audit.html'}\n"]))
    return 0


def _audit(
    services: Services, package: Path, set_path: Path | None, people: int | None, out: Path
) -> list[str]:
    audit_set = open_fixed_set(set_path, people)
    model = _unregistered(services, package)
    rows, settings = fixed_rows(services, audit_set, model), thresholds(services)
    audited = audit_record(
        [RowSet(FIXED_SET, Panel.PARITY, rows).judged(settings)],
        settings,
        AuditedModel(model.name, model.version, model.sha256),
        audited_at=datetime.now(UTC).isoformat(timespec="seconds"),
        extraction=services.settings.extraction.model_dump(mode="json"),
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "bias-audit.html").write_bytes(render_page(audited))
    (out / "bias-audit.json").write_bytes(audited.content)
    return plain_findings(audited.record)


def _unregistered(services: Services, package: Path) -> ModelVersion:
    """A package as the pipeline takes it, without a registry."""
    return ModelVersion(
        name=services.settings.model.name,
        version=f"packaged {read_signature(package).package_version}",
        package_uri=package.resolve().as_uri(),
        sha256=package_sha256(package),
        aliases=(),
        status=VersionStatus.PENDING,
    )


if __name__ == "__main__":
    sys.exit(main())
