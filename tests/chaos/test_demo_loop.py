"""`make demo-loop` from start to end, as people run it, and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from include.demo.loop.report import STORY
from include.demo.loop.settings import home_of
from include.governance.bias import store
from include.lake.store import Lake
from include.ledger.ledger import Ledger
from include.ledger.retraining_tables import RequestState
from include.platform.environment import ID_VARIABLE, platform_id
from include.platform.layout import PROJECT_ROOT, Layout
from include.settings import StorageSettings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, str, dict[str, Any]]:
    """The demonstration's home, what it printed, its story by step."""
    environ = {**os.environ, "FEX_HOME": str(tmp_path_factory.mktemp("home"))}
    done = subprocess.run(
        [sys.executable, "-m", "include.demo", "loop", "--stop"],
        cwd=PROJECT_ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=3500,
        check=False,
    )
    layout = Layout(home_of(environ))
    assert done.returncode == 0, done.stdout + done.stderr
    story = json.loads((layout.home / STORY).read_text())
    assert story["failed"] is None
    return layout, done.stdout, {item["step"]: item for item in story["steps"]}


def test_the_model_degrades_is_replaced_recovers_and_returns(
    told: tuple[Layout, str, dict[str, Any]],
) -> None:
    layout, printed, steps = told
    lake = Lake.open(StorageSettings(lake_url=layout.lake.as_uri()))
    documents = [
        json.loads(lake.get_bytes(key))
        for key in lake.list("evaluations")
        if key.endswith("/evaluation.json")
    ]
    documents.sort(key=lambda item: item["evaluated_at"])
    assert [item["model"]["version"] for item in documents] == ["1", "1", "2"]
    health = [item["decision"]["health"] for item in documents]
    assert health[:2] == ["healthy", "degraded"]
    assert health[2] != "degraded"
    before, after = (item["estimates"]["figures"]["accuracy"] for item in documents[1:])
    assert after["low"] > before["high"]

    [request] = Ledger.open(f"sqlite:///{layout.ledger}").retraining.requests()
    assert (request.state, request.reason) == (RequestState.PROMOTED, "degraded")
    assert steps["Retraining"]["figures"]["request_id"] == request.request_id
    difference = steps["Retraining"]["figures"]["accuracy_difference"]
    assert difference["low"] > 0
    # The archive is of the same kind as new labels, and none of them.
    learnt = steps["Retraining"]["figures"]
    assert 0 < learnt["new_labels_train"] < learnt["train"] - 150
    assert (steps["Rollback"]["figures"]["from"], steps["Rollback"]["figures"]["to"]) == ("2", "1")
    for step in steps.values():
        assert step["took_s"] > 0
        assert step["run"]
        assert Path(step["path"]).exists(), step
        assert step["decided"][:40] in printed.replace("\n", " ")

    for name in ("Audit before", "Audit after"):
        signed = store.read_sign_off(lake, steps[name]["figures"]["audit_sha256"])
        assert signed is not None
        assert (signed.who, signed.decision) == ("auditor", "accepted")


def test_nothing_runs_any_more(told: tuple[Layout, str, dict[str, Any]]) -> None:
    mark = f"{ID_VARIABLE}={platform_id(told[0])}".encode()
    alive = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                alive.append(folder.name)
        except OSError:
            continue
    assert alive == []
