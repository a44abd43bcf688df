"""Package: the trained weights sealed as the champion is, calibrated on the rows that select."""

from __future__ import annotations

from typing import Any

import numpy as np

from include.composition import Services
from include.governance.release.documents import Packaged
from include.lake import keys
from include.pipeline.model_retraining import documents
from include.pipeline.scratch import working_folder
from include.training_jobs.build import build_backend
from include.training_jobs.data import fetch_data
from ml.data.bundle import Bundle, read_bundle
from ml.data.votes import majority
from ml.packaging.seal import Material, SealOptions, seal
from ml.packaging.signature import Signature
from ml.packaging.unpack import read_signature

_SHORT = 8
_OWN_LABELS = "Trained further with labels made on this platform."


def run(services: Services, request_id: str) -> Packaged:
    """Write the challenger's package; return its version and sha256.

    Raises:
        TransientError: The training's results cannot be read at present.
        ConfigurationError: They cannot be packaged.
    """
    done = documents.find(services, request_id, documents.PACKAGED)
    if done is not None:
        return done
    opened = documents.read(services, request_id, documents.OPENED)
    assembled = documents.read(services, request_id, documents.ASSEMBLED)
    spec = documents.read(services, request_id, documents.TRAINED).spec
    with working_folder(services) as folder:
        trained = build_backend(services).fetch(spec, folder / "trained")
        data = fetch_data(services.lake, spec.data_prefix, spec.data_sha256, folder / "data")
        _, champion, package = documents.champion_package(services, opened, folder)
        sealed = read_signature(package)
        facts: dict[str, Any] = {
            "data": f"{assembled.train} faces, {assembled.new_labels_train} newly labelled "
            f"(retraining {request_id})",
            "split": keys.retraining_data(request_id),
            "split_sha256": spec.data_sha256,
        }
        licence = None
        if services.settings.retraining.start_from == "champion":
            before = sealed.training
            facts["started_from"] = (
                f"version {champion.version} ({champion.sha256[:12]}), "
                f"from {before.started_from or 'random weights'}"
            )
            facts["teacher"] = before.teacher
            # What went into the champion is in its successor too.
            licence = f"{sealed.licence} {_OWN_LABELS}"
        challenger = folder / "model.tar.gz"
        options = _options(sealed, request_id, opened.asked_at)
        material = _material(read_bundle(data), facts, licence)
        sha256 = seal(trained, material, challenger, options)
        services.lake.put_file(keys.retraining_package(request_id), challenger)
    return documents.write(
        services, request_id, documents.PACKAGED, Packaged(sha256, options.version)
    )


def _options(champion: Signature, request_id: str, asked_at: str) -> SealOptions:
    """Seal the challenger as the champion is: what differs is what was learnt."""
    day = asked_at[:10].replace("-", "")
    return SealOptions(
        version=f"retrained-{day}-{request_id[:_SHORT]}",
        detail_side_px=champion.preprocessing.detail_side_px,
        flip_average=champion.preprocessing.flip_average,
        engine=champion.serving.engine,
        precision=champion.serving.precision,
        class_offsets=any(champion.logit_offset),
    )


def _material(bundle: Bundle, facts: dict[str, Any], licence: str | None) -> Material:
    labels = majority(bundle.validation.votes)
    scored = np.flatnonzero(labels >= 0)
    return Material(
        validation=lambda: (bundle.validation.select(scored), labels[scored]),
        train=lambda: bundle.train,
        facts=facts,
        licence=licence,
    )
