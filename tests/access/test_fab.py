"""Access on a real Airflow API server with FAB: who answers, what roles may, by real requests."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from access.probe import ANONYMOUS, probe, table
from sqlalchemy import create_engine, insert

from include.governance.access.matrix import Role
from include.lake import keys as lake_keys
from include.ledger.audit_tables import Deed
from include.ledger.models import Recording, recordings
from tests.access.fab_airflow import FabAirflow, fab_airflow
from tests.fakes.home import services_in

pytestmark = [pytest.mark.integration, pytest.mark.timeout(450)]


@pytest.fixture(scope="module")
def fab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabAirflow]:
    with fab_airflow(tmp_path_factory.mktemp("fab")) as server:
        yield server


def _answer(fab: FabAirflow, user: str, path: str, option: str = "Approve") -> tuple[int, str]:
    body = {"chosen_options": [option], "params_input": {}}
    answer = fab.client(user).patch(path, json=body)
    return answer.status_code, answer.text


def test_the_people_named_by_settings_answer_and_nobody_else(fab: FabAirflow) -> None:
    assert fab.start_run("operator", "model_retraining", "r1") == 200
    path = fab.ask("model_retraining", "r1", "approve", ["approver"])
    for other in (role for role in Role if role is not Role.APPROVER):
        assert _answer(fab, other, path)[0] == 403, other
    status, text = _answer(fab, "approver", path)
    assert (status, '"name":"approver"' in text) == (200, True), text
    assert _answer(fab, "approver", path)[0] == 409


def test_a_question_that_leaves_the_asker_out_is_refused_to_them(fab: FabAirflow) -> None:
    assert fab.start_run("operator", "model_retraining", "r2") == 200
    path = fab.ask("model_retraining", "r2", "approve", ["grace"])
    status, text = _answer(fab, "approver", path)
    assert status == 403
    assert "is not a respondent for the task" in text


def test_an_auditor_signs_an_audit_and_starts_nothing_else(fab: FabAirflow) -> None:
    assert fab.start_run("auditor", "bias_audit", "a1") == 200
    path = fab.ask("bias_audit", "a1", "sign_off", ["auditor"])
    for other in (role for role in Role if role is not Role.AUDITOR):
        assert _answer(fab, other, path)[0] == 403, other
    assert _answer(fab, "auditor", path)[0] == 200
    for dag in ("model_retraining", "model_rollback", "video_intake"):
        assert fab.start_run("auditor", dag, "a2") == 403, dag


def test_whoever_may_answer_may_not_touch_the_run(fab: FabAirflow) -> None:
    fab.start_run("operator", "model_retraining", "r3")
    approver = fab.client("approver")
    assert approver.get("/api/v2/dags/model_retraining/dagRuns/r3").status_code == 200
    assert fab.start_run("approver", "model_retraining", "r4") == 403
    for path, body in {
        "/api/v2/dags/model_retraining": {"is_paused": True},
        "/api/v2/dags/model_retraining/dagRuns/r3": {"state": "success"},
        "/api/v2/dags/model_retraining/dagRuns/r3/taskInstances/check": {"new_state": "success"},
    }.items():
        assert approver.patch(path, json=body).status_code == 403, path


def test_roles_are_made_whole_again_and_names_in_settings_are_checked(fab: FabAirflow) -> None:
    made, first, changed, repaired, again, nobody, powerless = fab.calls
    assert made["status"] == 0
    assert first["status"] == 0
    assert changed["status"] == 1
    assert "fex-marketer: +0 -1\n  removed can_read on Connections" in changed["out"]
    assert "Op: +0 -1" in changed["out"]
    assert (repaired["status"], again["status"]) == (0, 0)
    assert again["out"] == ""
    assert nobody["status"] == powerless["status"] == 2
    assert "no Airflow user is called 'ada'; there are admin, approver" in nobody["err"]
    assert "'marketer' has no role that may answer a question" in powerless["err"]


def test_every_route_answers_as_the_matrix_says(fab: FabAirflow) -> None:
    """Each route once, as two of the six; `make chaos` asks all as all."""
    clients = {role.value: fab.client(role) for role in Role} | {ANONYMOUS: fab.anonymous()}
    found = list(probe(clients, briefly=True))
    assert len(found) > 150
    wrong = [one for one in found if one.wrong]
    assert not wrong, table(wrong)
    ours = [one for one in found if one.template.startswith("/fex")]
    assert len(ours) > 10
    assert not [one for one in ours if any(status >= 500 for status in one.statuses.values())]


def coded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


NAMES = ("<b>spring</b>/../..", "Eva & Co <script>alert(1)</script>.mp4")


@pytest.fixture(scope="module")
def published(fab: FabAirflow) -> str:
    """One recording with results, under names that would break a page; returns its address."""
    services = services_in(fab.home)
    study, recording = NAMES
    lake, ledger = services.lake, services.ledger
    prefix = lake_keys.published(study, recording, "a" * 32)
    kept = {"report.html": b"<p>report", "annotated.mp4": b"film", "summary.json": b"{}"}
    for name, content in kept.items():
        lake.put_bytes(f"{prefix}/{name}", content)
    manifest = {
        "study": study,
        "recording": recording,
        "video_id": "v" * 64,
        "extraction_id": "e" * 32,
        "analysis_id": "a" * 32,
        "model": {"name": "m", "version": "1", "sha256": "s" * 64},
        "published_at": "2026-11-01T00:00:00+00:00",
        "files": {name: {"sha256": "d", "size_bytes": len(data)} for name, data in kept.items()},
    }
    lake.put_bytes(f"{prefix}/manifest.json", json.dumps(manifest).encode())
    lake.put_bytes("labels/queues/q1/pictures/row-1.jpg", b"\xff\xd8face")
    lake.put_bytes(f"{prefix}/secret.txt", b"not in the manifest")
    dropped = fab.home / "lake" / "incoming" / "spring" / "bad.mp4"
    dropped.parent.mkdir(parents=True)
    dropped.write_bytes(b"no video")
    ledger.observe(lake.list_incoming(), ledger.clock())
    (bad,) = ledger.versions_named("spring", "bad.mp4")
    ledger.quarantine(bad.id, code="undecodable", reason="why", result_key="quarantine/x")
    with create_engine(services.settings.storage.ledger_url).begin() as database:
        columns = {**_row(bad), "study": study, "recording": recording, "state": "published"}
        database.execute(insert(recordings).values(**columns))
    return f"/fex/reports/{coded(study)}/{coded(recording)}"


def _row(like: Recording) -> dict[str, object]:
    return {
        "uri_id": "u",
        "uri": "file:///u",
        "key": "incoming/u",
        "version": "1",
        "size_bytes": 1,
        "listed": False,
        "first_seen_at": like.first_seen_at,
        "stable_since": like.stable_since,
        "updated_at": like.first_seen_at,
        "attempts": 1,
    }


def test_marketers_read_reports_and_no_copy_with_faces(fab: FabAirflow, published: str) -> None:
    marketer = fab.client("marketer")
    assert "&lt;b&gt;spring&lt;/b&gt;" in marketer.get("/fex/reports").text
    listed = marketer.get(published.rpartition("/")[0])
    assert "<script>" not in listed.text
    assert "&lt;script&gt;" in listed.text
    assert "default-src 'none'" in listed.headers["content-security-policy"]
    report = marketer.get(f"{published}/report.html")
    assert (report.status_code, report.content) == (200, b"<p>report")
    assert report.headers["cache-control"] == "private, no-store"
    assert marketer.get(f"{published}/annotated.mp4").status_code == 403
    assert marketer.get("/fex/faces/q1/row-1.jpg").status_code == 403
    assert fab.anonymous().get(f"{published}/report.html").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/secret.txt",
        "/..%2Fmanifest.json",
        "/%2e%2e%2f%2e%2e%2f%2e%2e%2fledger.sqlite",
        "/manifest.json",
    ],
)
def test_only_what_the_manifest_names_is_handed_out(
    fab: FabAirflow, published: str, path: str
) -> None:
    answer = fab.client("operator").get(published + path)
    assert answer.status_code == 404, answer.text
    assert b"not in" not in answer.content


def test_every_look_at_a_face_is_written_down_with_who(fab: FabAirflow, published: str) -> None:
    audit = services_in(fab.home).ledger.audit
    before = audit.verify().entries
    operator = fab.client("operator")
    assert operator.get(f"{published}/annotated.mp4").content == b"film"
    assert operator.get(f"{published}/summary.json").status_code == 200
    assert operator.get("/fex/faces/q1/row-1.jpg").content == b"\xff\xd8face"
    assert operator.get("/fex/faces/q1/..%2F..%2Fqueue.json").status_code == 404
    new = list(audit.entries(after=before))
    assert [(entry.who, entry.deed) for entry in new] == [("operator", "look")] * 2
    assert "annotated.mp4" in new[0].detail
    assert new[1].what == "label queue q1"
    shown = fab.client("auditor").get("/fex/audit-log").text
    assert "operator  look" in shown
    assert "Eva" not in "".join(entry.what + entry.detail for entry in new)
    assert audit.verify().faults == ()


def test_an_operator_requeues_in_their_name(fab: FabAirflow, published: str) -> None:
    body = {"study": "spring", "recording": "bad.mp4", "reason": "sent again"}
    assert fab.client("marketer").post("/fex/requeue", json=body).status_code == 403
    answer = fab.client("operator").post("/fex/requeue", json=body)
    assert answer.json() == {"was": "quarantined", "reason": "undecodable"}
    assert fab.client("operator").post("/fex/requeue", json=body).status_code == 409
    last = services_in(fab.home).ledger.audit.last(Deed.REQUEUE)
    assert last is not None
    assert last.who == "operator"


def test_an_operator_puts_back_by_a_form_that_was_made_for_them(
    fab: FabAirflow, published: str
) -> None:
    lake, ledger = (services := services_in(fab.home)).lake, services.ledger
    (fab.home / "lake" / "incoming" / "spring" / "<b>worse.mp4").write_bytes(b"no video")
    ledger.observe(lake.list_incoming(), ledger.clock())
    (bad,) = ledger.versions_named("spring", "<b>worse.mp4")
    ledger.quarantine(bad.id, code="undecodable", reason="<i>why</i>", result_key="quarantine/x")
    operator, reason = fab.client("operator"), "sent again"
    page = operator.get("/fex/set-aside").text
    assert "&lt;b&gt;worse.mp4" in page
    assert "&lt;i&gt;why" in page
    token = re.findall(r'name="token" value="([^"]+)"', page)[0]
    for user in (role for role in Role if role is not Role.OPERATOR):
        assert fab.client(user).get("/fex/set-aside").status_code == 403
        given = {"token": token, "reason": reason}
        assert fab.client(user).post("/fex/set-aside", data=given).status_code == 403
    for given in ({"token": token}, {"token": token, "reason": " "}, {"reason": reason}):
        assert operator.post("/fex/set-aside", data=given).status_code == 422
    changed = token[:4] + ("A" if token[4] != "A" else "B") + token[5:]
    assert (
        operator.post("/fex/set-aside", data={"token": changed, "reason": reason}).status_code
        == 403
    )
    before = ledger.audit.verify().entries
    answer = operator.post("/fex/set-aside", data={"token": token, "reason": reason})
    assert (answer.status_code, answer.headers["location"]) == (303, "/fex/set-aside")
    (entry,) = ledger.audit.entries(after=before)
    assert (entry.who, entry.deed) == ("operator", "requeue")
    assert json.loads(entry.detail)["why"] == reason
    assert "worse.mp4" not in operator.get("/fex/set-aside").text
    assert (
        operator.post("/fex/set-aside", data={"token": token, "reason": reason}).status_code == 409
    )


@pytest.mark.parametrize("path", ["/fex/reports", "/fex/faces", "/fex/none"])
def test_a_browser_is_told_in_a_page_what_is_wrong(fab: FabAirflow, path: str) -> None:
    wants = {"Accept": "text/html"}
    answer = fab.anonymous().get(path, headers=wants)
    assert answer.headers["content-type"].startswith("text/html")
    if answer.status_code == 401:
        assert 'href="/api/v2/auth/login?next=%2Ffex%2F"' in answer.text
    refused = fab.client("admin").get("/fex/reports", headers=wants)
    assert refused.status_code == 403
    assert "you may not read the reports of studies" in refused.text


def test_requests_are_bounded_in_size_and_number(fab: FabAirflow) -> None:
    operator = fab.client("operator")
    long = {"study": "s" * 100_000, "recording": "r", "reason": "r"}
    assert operator.post("/fex/requeue", json=long).status_code == 413
    unmeasured = operator.post("/fex/requeue", content=iter([b"{}"]))
    assert unmeasured.status_code == 411
    body = {"study": "none", "recording": "none", "reason": "none"}
    answers = [operator.post("/fex/requeue", json=body) for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 404
    assert refused
    assert int(refused[-1].headers["retry-after"]) >= 1
    assert fab.client("auditor").get("/fex/audits").status_code == 200


@pytest.mark.parametrize(
    ("user", "opened"),
    [
        ("admin", {"/auth/users/list/", "/auth/users/add", "/auth/users/userinfo/"}),
        ("operator", {"/auth/users/userinfo/"}),
        ("marketer", {"/auth/users/userinfo/"}),
    ],
)
def test_fabs_own_pages_are_for_who_has_accounts_in_hand(
    fab: FabAirflow, user: str, opened: set[str]
) -> None:
    pages = {
        "/auth/users/list/",
        "/auth/users/add",
        "/auth/users/userinfo/",
        "/auth/roles/add",
        "/auth/roles/edit/1",
        "/auth/permissions/list/",
        "/auth/resources/list/",
    }
    with fab.session(user) as browser:
        answers = {page: browser.get(page).status_code for page in pages}
    assert {page for page, status in answers.items() if status == 200} == opened
    assert set(answers.values()) <= {200, 302}  # sent to the sign-in


def test_passwords_cannot_be_guessed_by_the_thousand(fab: FabAirflow) -> None:
    nobody = fab.anonymous()
    long = {"username": "nobody", "password": "p" * 100_000}
    assert nobody.post("/auth/token", json=long).status_code == 413
    given = {"username": "nobody", "password": "guess"}
    began = time.monotonic()
    answers = [nobody.post("/auth/token", json=given) for _ in range(35)]
    again = (time.monotonic() - began) / 3  # 20 a minute
    tried = [answer.status_code for answer in answers].count(401)
    assert 20 <= tried <= 21 + again
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == len(answers) - tried > 0
    assert 1 <= int(refused[-1].headers["retry-after"]) <= 3
    assert nobody.post("/auth/token/cli", json={**given, "username": "other"}).status_code == 401


def test_the_form_is_bounded_too(fab: FabAirflow) -> None:
    with fab.form() as (browser, token):
        given = {"username": "marketer", "password": "guess", "csrf_token": token}
        answers = {browser.post("/auth/login/", data=given).status_code for _ in range(8)}
    assert answers == {302, 429}


def test_no_secret_is_in_the_servers_log_nor_on_its_command_line(fab: FabAirflow) -> None:
    log = (fab.home / "api.log").read_text()
    assert "/auth/token" in log
    secrets = [(fab.home / role).read_text() for role in Role]
    secrets += [
        value for name, value in fab.environment.items() if name.endswith(("_SECRET", "_KEY"))
    ]
    secrets += [fab.client(role).headers["authorization"].partition(" ")[2] for role in Role]
    commands = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            commands += path.read_bytes()
    # Airflow writes its own title over the command line that it was started with.
    assert b"api-server" in commands or b"airflow api_server" in commands
    for secret in filter(None, secrets):
        assert secret not in log
        assert secret.encode() not in commands
