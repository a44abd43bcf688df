"""Discovery on a real lake and a real ledger: what is claimed, what is set aside and why."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.contracts.errors import TransientError
from include.lake.store import Lake
from include.ledger.ledger import Ledger, Recording, State
from include.pipeline.discover import DiscoverSummary, discover
from include.settings import DiscoverySettings, StorageSettings

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTINGS = DiscoverySettings(stable_for_s=30)


class Desk:
    """A lake, a ledger, and an intake that runs every 31 seconds."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "lake"
        self.now = START
        self.lake = Lake.open(StorageSettings(lake_url=self.root.as_uri()))
        self.ledger = Ledger.open(f"sqlite:///{folder}/ledger.sqlite", clock=lambda: self.now)

    def drop(self, name: str, data: bytes | str = b"video") -> None:
        path = self.root / "incoming" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def run(self, settings: DiscoverySettings = SETTINGS) -> DiscoverSummary:
        self.now += timedelta(seconds=31)
        return discover(
            self.lake, self.ledger, settings, run_key=self.now.isoformat(), now=self.now
        )

    def run_until_stable(self) -> DiscoverSummary:
        self.run()
        return self.run()

    def claimed(self, summary: DiscoverSummary) -> list[str]:
        return [
            item.key.removeprefix("incoming/")
            for batch_id in summary.batch_ids
            for item in self.ledger.recordings(batch_id)
        ]

    def reasons(self) -> dict[str, dict[str, Any]]:
        found = [json.loads(self.lake.get_bytes(key)) for key in self.lake.list("quarantine")]
        return {reason["original"]["key"].removeprefix("incoming/"): reason for reason in found}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_dropped_video_is_claimed_once_it_rests(desk: Desk) -> None:
    desk.drop("summer ad/anna.mp4")

    first, second, third = desk.run(), desk.run(), desk.run()

    assert (first.new, first.batch_ids) == (1, [])
    assert desk.claimed(second) == ["summer ad/anna.mp4"]
    assert third.batch_ids == []
    assert json.loads(json.dumps(asdict(second)))["listed"] == 1


def test_one_bad_name_holds_nothing_up(desk: Desk) -> None:
    for name in ("s/a b.mp4", "s/日本語.mp4", "s/new\nline.mp4", "s/100%.mp4", "loose.mp4"):
        desk.drop(name)
    (desk.root / "incoming/s/link.mp4").symlink_to("/etc/hostname")

    summary = desk.run_until_stable()

    assert sorted(desk.claimed(summary)) == [
        "loose.mp4",
        "s/100%.mp4",
        "s/a b.mp4",
        "s/new\nline.mp4",
        "s/日本語.mp4",
    ]
    reason = desk.reasons()["s/link.mp4"]
    assert reason["code"] == "unusable_key"
    assert "symbolic link" in reason["sentence"]
    assert reason["what_to_do"]
    assert reason["original"]["uri"].startswith("file://")
    assert (desk.root / "incoming/s/link.mp4").is_symlink()


@pytest.mark.parametrize(
    "purpose",
    [
        *("workplace", "Workplace monitoring", "EDUCATION", "employment-screening"),
        *("work_place", "workplaces", "employees", "recruitment", "HR", "classroom"),
        *("Arbeitsplatz", "Bewerbung", "Schüler", "école", "trabajo", "market research at work"),
    ],
)
def test_a_denied_purpose_is_never_claimed(desk: Desk, purpose: str) -> None:
    desk.drop("office/study.yaml", f"title: x\npurpose: {purpose}\nnotes: [1, 2]\n")
    desk.drop("office/bob.mp4")
    desk.drop("ad/anna.mp4")

    summary = desk.run_until_stable()

    assert desk.claimed(summary) == ["ad/anna.mp4"]
    assert summary.quarantined == 1
    reason = desk.reasons()["office/bob.mp4"]
    assert reason["code"] == "purpose_denied"
    assert (reason["study"], reason["recording"]) == ("office", "bob.mp4")
    assert (desk.root / "incoming/office/bob.mp4").read_bytes() == b"video"
    assert desk.run().quarantined == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"purpose: [unclosed", "not valid YAML"),
        (b"\xff\xfe\x00", "not valid YAML"),
        (b"- a\n- list\n", "key: value"),
        (b"", "key: value"),
        (b"title: only\n", "no `purpose`"),
        (b"purpose: 5\n", "no `purpose`"),
        (b"date: 2026-13-45\npurpose: x\n", "not valid YAML"),
        (b"!!python/object/apply:os.system [id]\n", "not valid YAML"),
        (b"[" * 5000, "not valid YAML"),
        (b"purpose: &one x\ntitle: *one\n", "an alias; write out what it stands for"),
        (b"purpose: x\n#" + b"x" * (64 << 10), "larger than 64 KiB"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_a_bad_study_file_holds_only_its_own_study(desk: Desk, content: bytes, said: str) -> None:
    desk.drop("bad/study.yaml", content)
    desk.drop("bad/a.mp4")
    desk.drop("good/study.yaml", "purpose: Market Research\ntitle: {deep: [1]}\n")
    desk.drop("good/b.mp4")

    summary = desk.run_until_stable()

    assert desk.claimed(summary) == ["good/b.mp4"]
    reason = desk.reasons()["bad/a.mp4"]
    assert reason["code"] == "bad_study_file"
    assert said in reason["sentence"]


def test_a_corrected_study_file_brings_its_recordings_back(desk: Desk) -> None:
    desk.drop("s/study.yaml", "purpose: workplace\n")
    desk.drop("s/a.mp4")
    desk.run_until_stable()
    assert set(desk.reasons()) == {"s/a.mp4"}

    desk.drop("s/study.yaml", "purpose: market_research\n")
    back = desk.run()
    summary = desk.run()

    assert back.reopened == 1
    assert desk.claimed(summary) == ["s/a.mp4"]
    assert desk.reasons() == {}


def test_the_default_purpose_is_judged_too(desk: Desk) -> None:
    desk.drop("s/a.mp4")
    settings = SETTINGS.model_copy(update={"default_purpose": "workplace"})

    desk.run(settings)
    summary = desk.run(settings)

    assert summary.batch_ids == []
    assert desk.reasons()["s/a.mp4"]["code"] == "purpose_denied"


def test_every_study_file_that_applies_must_permit(desk: Desk) -> None:
    desk.drop("study.yaml", "purpose: workplace\n")
    desk.drop("loose.mp4")
    desk.drop("two/study.yaml", "purpose: market_research\n")
    desk.drop("two/study.yml", "purpose: education\n")
    desk.drop("two/a.mp4")

    assert desk.run_until_stable().batch_ids == []
    assert {item["code"] for item in desk.reasons().values()} == {"purpose_denied"}


def test_a_purpose_off_the_list_waits_until_it_is_stated_rightly(desk: Desk) -> None:
    desk.drop("s/study.yaml", "purpose: ad_test\n")
    desk.drop("s/a.mp4")
    assert desk.run_until_stable().batch_ids == []
    assert "market_research, ux_research" in desk.reasons()["s/a.mp4"]["sentence"]

    # Another fault takes the place of the first: people read what holds them now.
    desk.drop("s/study.yaml", "purpose: employees\n")
    desk.run()
    desk.run()
    assert "Article 5(1)(f)" in desk.reasons()["s/a.mp4"]["sentence"]
    assert desk.run().reopened == 0

    allowed = SETTINGS.model_copy(update={"added_purposes": ("ad_test=Anna Muster",)})
    desk.drop("s/study.yaml", "purpose: ad test\n")
    desk.run(allowed)
    assert desk.claimed(desk.run(allowed)) == ["s/a.mp4"]


@pytest.mark.parametrize("name", ["Study.yaml", "study.yml.txt", "STUDY.YAML", "day 1/study.yaml"])
def test_a_misnamed_study_file_is_no_recording_and_its_study_waits(desk: Desk, name: str) -> None:
    desk.drop(f"s/{name}", "purpose: workplace\n")
    desk.drop("s/a.mp4")
    desk.drop("other/b.mp4")

    summary = desk.run_until_stable()

    assert desk.claimed(summary) == ["other/b.mp4"]
    assert summary.listed == 2
    [sentence] = summary.to_correct
    assert f"'incoming/s/{name}' looks like a study file" in sentence
    reason = desk.reasons()["s/a.mp4"]
    assert reason["code"] == "study_file_to_correct"
    assert f"Rename incoming/s/{name} to incoming/s/study.yaml" in reason["what_to_do"]
    assert (desk.root / "incoming/s" / name).exists()

    # Rightly named, it is read: and denies.
    (desk.root / "incoming/s" / name).rename(desk.root / "incoming/s/study.yaml")
    desk.run()
    desk.run()
    assert desk.reasons()["s/a.mp4"]["code"] == "purpose_denied"
    desk.drop("s/study.yaml", "purpose: market_research\n")
    desk.run()
    assert desk.claimed(desk.run()) == ["s/a.mp4"]


def test_a_study_file_behind_a_link_is_not_passed_over(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text("purpose: workplace\n")
    desk.drop("s/a.mp4")
    (desk.root / "incoming/s/study.yaml").symlink_to(tmp_path / "elsewhere.yaml")

    assert desk.run_until_stable().batch_ids == []
    assert "symbolic link" in desk.reasons()["s/a.mp4"]["sentence"]


@pytest.mark.parametrize("default", ["none", ""])
def test_without_a_default_a_study_must_state_its_purpose(desk: Desk, default: str) -> None:
    strict = SETTINGS.model_copy(update={"default_purpose": default})
    desk.drop("s/a.mp4")
    desk.run(strict)
    assert desk.run(strict).batch_ids == []
    reason = desk.reasons()["s/a.mp4"]
    assert reason["code"] == "purpose_missing"
    assert "incoming/s/study.yaml" in reason["what_to_do"]

    desk.drop("s/study.yaml", "purpose: media_research\n")
    desk.run(strict)
    assert desk.claimed(desk.run(strict)) == ["s/a.mp4"]


CONSENTS = "recording;respondent;consent;consent_at;consent_withdrawn_at\n"


def test_only_what_was_consented_to_is_claimed_and_the_rest_goes_on_by_itself(desk: Desk) -> None:
    desk.drop("s/study.yaml", "purpose: market_research\nconsent: required\n")
    desk.drop(
        "s/respondents.csv", f"{CONSENTS}A;P1;v2;20.02.2026;\nb.mp4;P2;;;\nC.MP4;P3;v2;;1.3.26\n"
    )
    for name in ("a.mp4", "b.mp4", "c.mp4", "d.mp4"):
        desk.drop(f"s/{name}")
        desk.drop(f"free/{name}")

    summary = desk.run_until_stable()

    assert set(desk.claimed(summary)) == {"s/a.mp4", *(f"free/{name}.mp4" for name in "abcd")}
    codes = {key: reason["code"] for key, reason in desk.reasons().items()}
    assert codes == {
        "s/b.mp4": "consent_missing",
        "s/c.mp4": "consent_withdrawn",
        "s/d.mp4": "consent_missing",
    }
    assert "line 3 has no version" in desk.reasons()["s/b.mp4"]["sentence"]
    assert "no line names this recording" in desk.reasons()["s/d.mp4"]["sentence"]
    erase = desk.reasons()["s/c.mp4"]["what_to_do"]
    assert "python -m include.pipeline.erasure s --recording c.mp4 --asked-by" in erase
    assert desk.run().reopened == 0

    desk.drop("s/respondents.csv", f"{CONSENTS}a;P1;v2;;\nb.mp4;P2;v2;;\n")
    assert desk.run().reopened == 1
    assert desk.claimed(desk.run()) == ["s/b.mp4"]
    # The line of the one who withdrew is gone, and with it nothing is taken back.
    assert desk.reasons()["s/c.mp4"]["code"] == "consent_withdrawn"
    desk.drop("s/c.mp4", b"dropped once more")
    desk.run()
    assert desk.run().batch_ids == []


def test_the_setting_decides_where_the_study_says_nothing(desk: Desk) -> None:
    strict = SETTINGS.model_copy(update={"consent": "required"})
    desk.drop("says/study.yaml", "purpose: market_research\nconsent: not_required\n")
    desk.drop("says/a.mp4")
    desk.drop("silent/study.yaml", "purpose: market_research\n")
    desk.drop("silent/a.mp4")
    desk.drop("nothing/a.mp4")

    desk.run(strict)
    assert desk.claimed(desk.run(strict)) == ["says/a.mp4"]
    assert {reason["code"] for reason in desk.reasons().values()} == {"consent_missing"}


def test_a_table_that_cannot_be_read_holds_its_study(desk: Desk) -> None:
    desk.drop("s/respondents.csv", "recording,respondent,consent_withdrwan_at\na,P,2026-02-20\n")
    desk.drop("s/a.mp4")

    assert desk.run_until_stable().batch_ids == []
    reason = desk.reasons()["s/a.mp4"]
    assert reason["code"] == "bad_study_file"
    assert "name it consent_withdrawn_at" in reason["sentence"]

    desk.drop("s/respondents.csv", "recording,respondent\na,P\n")
    desk.run()
    assert desk.claimed(desk.run()) == ["s/a.mp4"]


def test_a_study_file_that_cannot_be_read_now_defers_its_study(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.drop("slow/a.mp4")
    desk.drop("fine/b.mp4")
    read_head = Lake.read_head

    def slow(lake: Lake, key: str, max_bytes: int) -> bytes:
        if key.startswith("incoming/slow/"):
            raise TransientError("the store is busy")
        return read_head(lake, key, max_bytes)

    desk.run()
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "read_head", slow)
        summary = desk.run()

    assert desk.claimed(summary) == ["fine/b.mp4"]
    assert summary.deferred_studies == ["slow"]
    assert desk.claimed(desk.run()) == ["slow/a.mp4"]


def test_a_file_that_grows_is_not_claimed(desk: Desk) -> None:
    for size in range(1, 5):
        desk.drop("s/a.mp4", b"x" * size)
        assert desk.run().batch_ids == []

    assert desk.claimed(desk.run()) == ["s/a.mp4"]


def test_a_run_killed_while_it_sets_aside_is_finished_by_its_retry(
    desk: Desk, tmp_path: Path
) -> None:
    desk.drop("office/study.yaml", "purpose: workplace\n")
    for number in range(6):
        desk.drop(f"office/{number}.mp4")
        desk.drop(f"ad/{number}.mp4")
    desk.run()
    # A new interpreter: obstore's threads do not survive a fork.
    child = subprocess.run(
        [sys.executable, "-c", _DISCOVER_AND_DIE, str(tmp_path), desk.now.isoformat()],
        cwd=Path(__file__).parents[3],
        timeout=120,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    assert desk.ledger.counts()[State.QUARANTINED] == 2

    summary = desk.run()

    assert len(desk.claimed(summary)) == 6
    assert desk.ledger.counts()[State.QUARANTINED] == 6
    assert len(desk.reasons()) == 6


_DISCOVER_AND_DIE = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from tests.unit.pipeline.test_discover import Desk

desk = Desk(Path(sys.argv[1]))
desk.now = datetime.fromisoformat(sys.argv[2])
quarantine, calls = desk.ledger.quarantine, []

def die_at_the_third(recording_id, **values):
    calls.append(recording_id)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    quarantine(recording_id, **values)

desk.ledger.quarantine = die_at_the_third
desk.run()
"""


def test_a_duplicate_is_known_by_its_bytes(desk: Desk, tmp_path: Path) -> None:
    desk.drop("s/a.mp4", b"same")
    desk.drop("t/b.mp4", b"same")
    summary = desk.run_until_stable()
    items: list[Recording] = [
        item for batch_id in summary.batch_ids for item in desk.ledger.recordings(batch_id)
    ]
    for item in items:
        sha256 = desk.lake.fetch(item.key, tmp_path / "copy", version=item.version)
        desk.ledger.identify(item.id, video_id=sha256, extraction_id=f"e-{sha256}"[:32])

    assert [desk.ledger.recording(item.id).video_id for item in items] == [sha256, sha256]


def test_ten_thousand_files(desk: Desk) -> None:
    for study in range(20):
        (desk.root / "incoming" / f"study {study}").mkdir()
    for number in range(10_000):
        (desk.root / "incoming" / f"study {number % 20}" / f"r{number:05d}.mp4").touch()

    start = time.perf_counter()
    first = desk.run()
    first_s = time.perf_counter() - start
    start = time.perf_counter()
    second = desk.run()
    second_s = time.perf_counter() - start
    print(f"10,000 files: listed and entered in {first_s:.2f} s, listed again in {second_s:.2f} s")

    assert (first.new, second.new) == (10_000, 0)
    assert len(desk.claimed(second)) == 800
    assert first_s < 15
    assert second_s < 15
