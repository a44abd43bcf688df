"""The compose file with a pool of workers for each queue, as one file that the runner reads."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from include.platform.layout import PROJECT_ROOT

BASE, QUEUES = PROJECT_ROOT / "docker-compose.yaml", PROJECT_ROOT / "docker-compose.queues.yaml"

Json = dict[str, Any]


def with_queues(target: Path) -> Path:
    """Write what `docker compose -f docker-compose.yaml -f docker-compose.queues.yaml` means.

    Of the rules for several files this keeps those that the second one uses: `extends` takes a
    service of the first as it stands there, mappings are put together, lists replace.
    """
    base: Json = yaml.safe_load(BASE.read_text())
    merged = copy.deepcopy(base["services"])
    for name, change in yaml.safe_load(QUEUES.read_text())["services"].items():
        change = dict(change)
        extended = change.pop("extends", None)
        if extended is not None:
            merged[name] = copy.deepcopy(base["services"][extended["service"]])
        environment = {**merged[name].get("environment", {}), **change.pop("environment", {})}
        merged[name] |= {**change, "environment": environment}
    for service in merged.values():
        service["volumes"] = [
            str(PROJECT_ROOT / entry) if entry.startswith("./") else entry
            for entry in service.get("volumes", [])
        ]
    kept = {key: base[key] for key in ("secrets", "volumes")}
    target.write_text(yaml.safe_dump({"services": merged, **kept}))
    return target
