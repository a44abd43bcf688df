"""A real Airflow with FAB in a real browser: names that would be markup if some page let them.

Every page under `/fex` that a role can reach, and Airflow's own where our texts stand: notes,
questions, results of tasks, labels of mapped tasks.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert

from include.contracts.markdown import plain
from include.governance.access.matrix import Role
from include.insights.publish import render_results
from include.lake import keys
from include.ledger.models import recordings
from tests.access.fab_airflow import FabAirflow, fab_airflow
from tests.browser.conftest import browser  # noqa: F401 - a fixture
from tests.fakes.home import services_in
from tests.fakes.markup import MARK, NAMES, look, watched
from tests.unit.insights.recordings import context, manifest, predictions

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(900)]

RUN = "/dags/model_retraining/runs/marked"
AIRFLOWS = (
    "/dags/model_retraining/runs",
    RUN,
    f"{RUN}/required_actions",
    f"{RUN}/tasks/approve",
    f"{RUN}/tasks/approve/required_actions",
    f"{RUN}/tasks/approve/xcom",
    f"{RUN}/tasks/approve/details",
    "/required_actions",
    "/xcoms",
    "/dag_runs",
    "/assets",
)


@pytest.fixture(scope="module")
def fab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabAirflow]:
    home = tmp_path_factory.mktemp("fab")
    with fab_airflow(home, FEX_PAGES__REQUESTS_PER_MINUTE="10000") as server:
        for number, name in enumerate(NAMES):
            _publish(home, tmp_path_factory.mktemp("results"), number, name)
        _ask(server)
        yield server


def _publish(home: Path, folder: Path, number: int, name: str) -> None:
    services = services_in(home)
    identity = f"{number:032x}"
    prefix = keys.published(name, name, identity)
    made = render_results(
        context(20.0, recording=name, study=name), predictions(manifest(20)), folder
    )
    for path in made:
        services.lake.put_bytes(f"{prefix}/{path.name}", path.read_bytes())
    content = {
        "study": name,
        "recording": name,
        "video_id": "v" * 64,
        "extraction_id": identity,
        "analysis_id": identity,
        "model": {"name": name, "version": "1", "sha256": "s" * 64},
        "published_at": "2026-11-01T00:00:00+00:00",
        "files": {path.name: {"size_bytes": path.stat().st_size} for path in made},
    }
    services.lake.put_bytes(f"{prefix}/manifest.json", json.dumps(content).encode())
    queue = name.replace("/", "_")
    services.lake.put_bytes(f"labels/queues/{queue}/pictures/{queue}.jpg", b"\xff\xd8face")
    now = services.ledger.clock()
    common = {
        "version": "1",
        "size_bytes": 1,
        "listed": False,
        "first_seen_at": now,
        "stable_since": now,
        "updated_at": now,
        "attempts": 1,
        "study": name,
    }
    standing = {"published": name, "quarantined": f"{name} again"}
    with create_engine(services.settings.storage.ledger_url).begin() as database:
        for state, recording in standing.items():
            place = dict.fromkeys(("uri_id", "uri", "key"), f"{state}-{number}")
            said = {"state": state, "reason_code": "undecodable", "reason": name}
            row = {**common, **place, **said, "recording": recording}
            database.execute(insert(recordings).values(**row))


def _ask(server: FabAirflow) -> None:
    """A question, results and labels, as a worker would leave them in Airflow's database."""
    text = "\n\n".join(NAMES)
    body = {"logical_date": None, "dag_run_id": "marked", "note": text}
    asked = server.client("operator").post("/api/v2/dags/model_retraining/dagRuns", json=body)
    assert asked.status_code == 200, asked.text
    server.ask("model_retraining", "marked", "approve", ["approver"])
    with contextlib.closing(sqlite3.connect(server.home / "airflow.db")) as database, database:
        database.execute(
            "UPDATE hitl_detail SET subject = ?, body = ?",
            (NAMES[0], "\n".join(f"* {plain(name)}" for name in NAMES)),
        )
        database.execute("UPDATE task_instance SET rendered_map_index = ?", (NAMES[0],))
        (run,) = database.execute("SELECT id FROM dag_run WHERE run_id = 'marked'").fetchone()
        for key, value in (("return_value", text), (NAMES[0], {NAMES[0]: NAMES[1]})):
            database.execute(
                "INSERT INTO xcom (dag_run_id, task_id, map_index, key, dag_id, run_id, value,"
                " timestamp) VALUES (?, 'approve', -1, ?, 'model_retraining', 'marked', ?,"
                " '2026-01-01 00:00:00.000000')",
                (run, key, json.dumps(value)),
            )


@pytest.mark.parametrize("role", Role)
def test_names_are_text_wherever_a_role_gets(
    fab: FabAirflow,
    browser,  # noqa: F811
    role: Role,
) -> None:
    shown = 0
    with watched(browser) as (page, asked):
        page.goto(f"{fab.url}/auth/login/")
        page.fill("#username", role)
        page.fill("#password", (fab.home / role).read_text())
        page.click("input[type=submit]")
        page.wait_for_load_state("networkidle")
        page.get_by_text("Reports", exact=True).first.wait_for()  # the menu leads to our pages
        todo, seen = ["/fex/"], set()
        while todo:
            path = todo.pop()
            if path in seen:
                continue
            seen.add(path)
            answer = page.goto(fab.url + path)
            assert answer is not None
            assert answer.status == 200, path
            found = look(page, asked)
            assert found.harmless, (path, found)
            shown += MARK in found.texts
            if answer.headers["content-type"].startswith("text/html"):
                addresses = page.evaluate("[...document.links].map(link => link.href)")
                assert all(one.startswith(fab.url) for one in addresses), path
                todo += [
                    one.removeprefix(fab.url)
                    for one in addresses
                    if not one.endswith((".csv", ".parquet"))
                ]
        if role is not Role.ADMIN:
            assert shown > len(NAMES)
        for path in AIRFLOWS if role in (Role.OPERATOR, Role.APPROVER) else ():
            page.goto(fab.url + path)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(500)
            found = look(page, asked)
            assert found.harmless, (path, found)
        print(role, len(seen), "pages of ours")
