"""A real Airflow API server with FAB, on a database of its own, with the platform's roles."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from include.governance.access.matrix import Role

ROOT = Path(__file__).parents[2]
DAGS = ("bias_audit", "model_retraining", "model_rollback", "video_intake")
MANAGER = "access.auth_manager.NamedFabAuthManager"

_PREPARE = """
import contextlib, io, json, os, sys
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.utils.session import create_session
with create_session() as session:
    manager = DagBundlesManager()
    manager.sync_bundles_to_db(session=session)
    session.commit()
    for bundle in manager.get_all_dag_bundles():
        bundle.initialize()
        bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        assert not bag.import_errors, bag.import_errors
        sync_bag_to_db(bag, bundle.name, bundle_version=None, session=session)
from plugins.access.__main__ import main
calls = []
def run(*words, **settings):
    os.environ.update(settings)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(words)
    calls.append({"status": status, "out": out.getvalue(), "err": err.getvalue()})
    for name in settings:
        del os.environ[name]
run("sync", *sys.argv[1:])
run("check")
from access.roles import security_manager
with security_manager() as manager:
    for name in ("fex-marketer", "Op"):
        role = manager.find_role(name)
        by_hand = manager.create_permission("can_read", "Connections")
        role.permissions = [*role.permissions, by_hand]
    manager.session.commit()
run("check")
run("sync")
run("check")
run("sync", FEX_RELEASE__APPROVERS="ada")
run("check", FEX_AUDIT__SIGNERS="marketer")
print("CALLS", json.dumps(calls))
"""
"""Database, DAGs and roles as `airflow-init` makes them; then roles changed by hand and made
whole again, and settings that name the wrong people, all in one process: each costs seconds."""


@dataclass
class FabAirflow:
    """What a test may do with it."""

    home: Path
    environment: dict[str, str]
    url: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    """Exit status and output of each call of the command of the roles while it was made."""
    _clients: dict[str, httpx.Client] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make database, DAGs, roles and one user for each role."""
        users = [f"--user={role}={role}:{self.home / role}" for role in Role]
        for role in Role:
            (self.home / role).write_text(secrets.token_urlsafe(16))
        done = self._run(["-c", _PREPARE, *users])
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        self.calls = json.loads(done.stdout.rpartition("CALLS ")[2])

    def client(self, user: str) -> httpx.Client:
        """A client that is signed in with the user's password."""
        if user not in self._clients:
            given = {"username": user, "password": (self.home / user).read_text()}
            answer = httpx.post(f"{self.url}/auth/token", json=given, timeout=30)
            assert answer.status_code == 201, answer.text
            bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            self._clients[user] = httpx.Client(base_url=self.url, headers=bearer, timeout=30)
        return self._clients[user]

    @contextlib.contextmanager
    def session(self, user: str) -> Iterator[httpx.Client]:
        """A browser's session: signed in by FAB's form."""
        with self.form() as (browser, token):
            password = (self.home / user).read_text()
            given = {"username": user, "password": password, "csrf_token": token}
            assert browser.post("/auth/login/", data=given).status_code == 302
            yield browser

    @contextlib.contextmanager
    def form(self) -> Iterator[tuple[httpx.Client, str]]:
        """A browser with FAB's form open, and the form's token."""
        with httpx.Client(base_url=self.url, timeout=30) as browser:
            page = browser.get("/auth/login/").text
            token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
            assert token is not None
            yield browser, token[1]

    def anonymous(self) -> httpx.Client:
        """A client of somebody who has not signed in."""
        if "" not in self._clients:
            self._clients[""] = httpx.Client(base_url=self.url, timeout=30)
        return self._clients[""]

    def close(self) -> None:
        """Close the clients' connections."""
        for client in self._clients.values():
            client.close()

    def start_run(self, user: str, dag: str, run_id: str) -> int:
        """Start a run by the API; return the status."""
        body = {"logical_date": None, "dag_run_id": run_id}
        return self.client(user).post(f"/api/v2/dags/{dag}/dagRuns", json=body).status_code

    def ask(self, dag: str, run_id: str, task: str, people: list[str]) -> str:
        """Have a task ask people; return where the answer goes.

        No worker runs here: the row is what its request leaves in Airflow's database.
        """
        with contextlib.closing(sqlite3.connect(self.home / "airflow.db")) as database, database:
            (ti_id,) = database.execute(
                "SELECT id FROM task_instance WHERE dag_id = ? AND run_id = ? AND task_id = ?",
                (dag, run_id, task),
            ).fetchone()
            assigned = json.dumps([{"id": name, "name": name} for name in people])
            database.execute(
                "INSERT INTO hitl_detail (ti_id, options, subject, defaults, multiple, params,"
                " assignees, created_at, params_input) VALUES (?, ?, ?, ?, 0, '{}', ?, ?, '{}')",
                (
                    ti_id,
                    '["Approve", "Reject"]',
                    "A question",
                    '["Reject"]',
                    assigned,
                    "2026-01-01 00:00:00.000000",
                ),
            )
        return f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/-1/hitlDetails"

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@contextlib.contextmanager
def fab_airflow(home: Path, **settings: str) -> Iterator[FabAirflow]:
    """Prepare and start it; stop it at the end."""
    dags = home / "dags"
    dags.mkdir()
    for name in DAGS:
        shutil.copy(ROOT / "dags" / f"{name}.py", dags)
    server = FabAirflow(home, _environment(home, dags, settings))
    server.prepare()
    port = _free_port()
    server.url = f"http://127.0.0.1:{port}"
    with (home / "api.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server", "--port", str(port)],
            cwd=ROOT,
            env={**server.environment, "AIRFLOW__API__BASE_URL": server.url},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(server.url, process, home / "api.log")
            yield server
        finally:
            server.close()
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)


def _environment(home: Path, dags: Path, settings: dict[str, str]) -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": MANAGER,
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__FAB__UPDATE_FAB_PERMS": "False",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "FEX_STORAGE__LAKE_URL": (home / "lake").as_uri(),
        "FEX_STORAGE__LEDGER_URL": f"sqlite:///{home}/ledger.sqlite",
        **settings,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + 150
    while time.monotonic() < give_up_at:
        assert process.poll() is None, log.read_text()[-3000:]
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/api/v2/monitor/health", timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])
