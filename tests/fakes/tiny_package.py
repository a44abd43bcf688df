"""A model package without a model: answers that anybody can recompute, in no time.

Crops beginning with one of the orders below misbehave, so that a test decides
what goes wrong, and where.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from include.contracts.labels import EXPRESSIONS
from include.contracts.package import CODE_MEMBER, SIGNATURE_MEMBER
from ml.packaging.signature import make_signature, signature_bytes

FAIL = b"ORDER:fail:"
"""The whole request is answered with status 500."""
CRASH = b"ORDER:crash:"
"""The process that runs the model ends on the spot."""
SLEEP = b"ORDER:sleep:"
"""Followed by seconds: the answer takes that long."""

INFERENCE = """\
import hashlib
import io
import json
import os
import tarfile
import time

LABELS = {labels!r}


def model_fn(model_dir):
    return LABELS


def input_fn(body, content_type):
    if content_type != "application/x-tar":
        raise ValueError("unsupported content type " + content_type)
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return [(m.name.rpartition(".")[0], tar.extractfile(m).read()) for m in tar]


def predict_fn(crops, labels):
    return [(row_id, probabilities(crop, labels)) for row_id, crop in crops]


def output_fn(rows, accept):
    lines = [json.dumps({{"row_id": row_id, "probabilities": p}}) for row_id, p in rows]
    return "".join(line + "\\n" for line in lines), "application/jsonlines"


def probabilities(crop, labels):
    if crop.startswith({crash!r}):
        os._exit(9)
    if crop.startswith({fail!r}):
        raise RuntimeError("told to fail")
    if crop.startswith({sleep!r}):
        time.sleep(float(crop.split(b":")[2]))
    digest = hashlib.sha256(crop).digest()[: len(labels)]
    total = sum(digest) + len(digest)
    return {{label: (byte + 1) / total for label, byte in zip(labels, digest)}}
"""


def build_tiny_package(path: Path, *, answering: str = "", **sealed: Any) -> str:
    """Write `model.tar.gz` to `path` and return its sha256.

    Args:
        path: The file.
        answering: Source of another `probabilities(crop, labels)`, in place of the usual one.
        sealed: Further entries of the signature, such as `abstain_threshold`.
    """
    usual = INFERENCE.format(labels=EXPRESSIONS, crash=CRASH, fail=FAIL, sleep=SLEEP)
    source = f"{usual}\n\n{answering}".encode()
    members = {CODE_MEMBER: hashlib.sha256(source).hexdigest()}
    drafted = make_signature(package_version="1", input_side_px=96)
    signature = signature_bytes(replace(drafted, members=members, **sealed))
    with tarfile.open(path, "w:gz") as tar:
        _add(tar, CODE_MEMBER, source)
        _add(tar, SIGNATURE_MEMBER, signature)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build_shard(crops: Mapping[str, bytes]) -> bytes:
    """Return a tar of crops by row id."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for row_id, crop in crops.items():
            _add(tar, f"{row_id}.jpg", crop)
    return buffer.getvalue()


def expected_answer(crops: Mapping[str, bytes]) -> bytes:
    """Return what the package answers to the shard of these crops."""
    lines = []
    for row_id, crop in crops.items():
        digest = hashlib.sha256(crop).digest()[: len(EXPRESSIONS)]
        total = sum(digest) + len(digest)
        probabilities = {
            label: (byte + 1) / total for label, byte in zip(EXPRESSIONS, digest, strict=True)
        }
        lines.append(json.dumps({"row_id": row_id, "probabilities": probabilities}) + "\n")
    return "".join(lines).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
