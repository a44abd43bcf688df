"""The compose file together with its overlays, as one file that the runner reads."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from include.platform.layout import PROJECT_ROOT

BASE = PROJECT_ROOT / "docker-compose.yaml"
QUEUES, BACKUP = (PROJECT_ROOT / f"docker-compose.{name}.yaml" for name in ("queues", "backup"))

Json = dict[str, Any]


def together(target: Path, *overlays: Path) -> Path:
    """Write what `docker compose -f docker-compose.yaml -f OVERLAY ...` means.

    Of the rules for several files this keeps those that ours use: `extends` takes a service of
    the first as it stands there, mappings are put together, secrets and volumes are added,
    everything else replaces; a health check that is disabled goes.
    """
    base: Json = yaml.safe_load(BASE.read_text())
    merged = copy.deepcopy(base["services"])
    for overlay in overlays:
        for name, change in yaml.safe_load(overlay.read_text())["services"].items():
            if "extends" in change:
                merged[name] = copy.deepcopy(base["services"][change["extends"]["service"]])
            merged[name] = _changed(merged[name], change)
    for service in merged.values():
        service["volumes"] = [
            str(PROJECT_ROOT / entry) if entry.startswith("./") else entry
            for entry in service.get("volumes", [])
        ]
    kept = {key: base[key] for key in ("secrets", "volumes")}
    target.write_text(yaml.safe_dump({"services": merged, **kept}))
    return target


def _changed(service: Json, change: Json) -> Json:
    found = {**service, **{key: value for key, value in change.items() if key != "extends"}}
    if "environment" in change:
        found["environment"] = {**service.get("environment", {}), **change["environment"]}
    for key in ("secrets", "volumes"):
        if key in change:
            found[key] = [*service.get(key, []), *change[key]]
    if found.get("healthcheck", {}).get("disable"):
        del found["healthcheck"]
    return found
