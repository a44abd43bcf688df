"""Which result of a recording readers take: a numbered list of choices, the last one counts.

A recording may have several results side by side, one prefix for each analysis. Which of
them is shown is said by `published/{study}/{recording}/current/{number}.json`. Each choice
is an object of its own, written by conditional put: nothing is overwritten, two that choose
at once get two numbers, and the list is the history. Where there is no list (results from
before there were any) the newest manifest counts. See docs/decisions/0019-reprocess.md.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from include.contracts.documents import Form
from include.lake import keys
from include.pipeline.published import PublishedRecording, result_at

if TYPE_CHECKING:
    from include.lake.store import Lake


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of the list."""

    analysis_id: str
    prefix: str
    """Lake prefix of the result; `manifest.json` there is its entry point."""
    video_id: str
    """sha256 of the recording's bytes: another one is a newer upload under the same name."""
    model_version: str
    by: str
    """Who chose: an upload's object id, or the batch of a re-analysis."""
    at: str
    """ISO 8601, UTC."""


CHOICE = Form(Choice)


def current(lake: Lake, study: str, recording: str) -> Choice | None:
    """Return what readers take, None where nothing is published or consent was withdrawn.

    Raises:
        TransientError: The lake failed for now.
    """
    if lake.exists(keys.withdrawn(study, recording)):
        return None
    choices = history(lake, study, recording)
    return choices[-1] if choices else _newest(lake, study, recording)


def history(lake: Lake, study: str, recording: str) -> list[Choice]:
    """Return all choices, the oldest first; empty where none was made yet.

    Raises:
        TransientError: The lake failed for now.
    """
    return [lake.read(CHOICE, key) for key in lake.list(keys.current_choices(study, recording))]


def choose(
    lake: Lake, result: PublishedRecording, *, by: str, at: datetime, same_video: bool = False
) -> bool:
    """Have readers take a result from now on; False where a newer upload is in front.

    The same choice by the same chooser is made once, ever: a task that is repeated does not
    undo what was chosen meanwhile.

    Args:
        lake: The lake.
        result: A published result.
        by: Who chooses.
        at: Aware time.
        same_video: Choose only if readers take a result of the same bytes now: a re-analysis
            must not hide a newer upload.

    Raises:
        TransientError: The lake failed for now.
    """
    chosen = Choice(
        analysis_id=result.analysis_id,
        prefix=result.prefix,
        video_id=result.video_id,
        model_version=result.model.version,
        by=by,
        at=at.isoformat(),
    )
    content = CHOICE.write(chosen)
    while True:
        made = history(lake, result.study, result.recording)
        if any((item.by, item.analysis_id) == (by, result.analysis_id) for item in made):
            return True
        if same_video and made and made[-1].video_id != result.video_id:
            return False
        # Somebody else may take the number first: look again, then.
        key = keys.current_choice(result.study, result.recording, len(made) + 1)
        if lake.put_if_absent(key, content):
            return True


def keep(lake: Lake, study: str, recording: str, *, at: datetime) -> None:
    """Write down what readers take now, where that was never chosen.

    To be called before a second result appears: by then the newest manifest would be that
    of the re-analysis.

    Raises:
        TransientError: The lake failed for now.
    """
    if history(lake, study, recording):
        return
    now = _newest(lake, study, recording)
    if now is not None and (result := result_at(lake, now.prefix)) is not None:
        choose(lake, result, by="first result", at=at)


def _newest(lake: Lake, study: str, recording: str) -> Choice | None:
    found = [
        result
        for key in lake.list(keys.published_recording(study, recording))
        if posixpath.basename(key) == keys.PUBLISHED_MANIFEST
        and (result := result_at(lake, posixpath.dirname(key))) is not None
    ]
    if not found:
        return None
    newest = max(found, key=lambda item: (item.published_at, item.prefix))
    return Choice(
        analysis_id=newest.analysis_id,
        prefix=newest.prefix,
        video_id=newest.video_id,
        model_version=newest.model.version,
        by="",
        at=newest.published_at.isoformat(),
    )
