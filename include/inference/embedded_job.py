"""What the folder of an embedded transform job holds: its specification, runtime and progress."""

from __future__ import annotations

from dataclasses import dataclass

from include.contracts.documents import Form
from include.inference.spec import TransformSpec
from include.jobs.folder import JobFolder, JobRuntime, JobStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime(JobRuntime):
    """How the runner works."""

    models_dir: str
    """Cache of unpacked model packages."""
    workers: int
    threads: int
    """Of each worker, for the model's arithmetic."""
    signers: tuple[str, ...] = ()
    """Who may stand for the model package; public keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(JobStanding):
    """How far the runner has come, in shards."""

    done: int
    total: int


class TransformFolder(JobFolder[TransformSpec, Runtime, Progress]):
    """The folder of one transform job."""

    spec_form = Form(TransformSpec)
    runtime_form = Form(Runtime)
    standing_form = Form(Progress)
