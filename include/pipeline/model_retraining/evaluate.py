"""Evaluate: champion and challenger on the same frozen faces, and the challenger's model card."""

from __future__ import annotations

import json
import logging
from typing import Any

from include.composition import Services
from include.contracts.errors import ConfigurationError
from include.governance.release.compare import compare_on, measure_speed, pool, scored_rows
from include.governance.release.documents import Evaluation
from include.lake import keys
from include.pipeline.model_retraining import documents
from include.pipeline.scratch import working_folder
from ml.data.frozen import read_frozen
from ml.evaluation.answers import OpenPackage, open_package
from ml.evaluation.card import model_card
from ml.evaluation.page import render_page
from ml.evaluation.report import Options, assess
from ml.evaluation.rows import ScoredRows
from ml.evaluation.sagemaker_card import sagemaker_card

log = logging.getLogger(__name__)

EVALUATION_PAGE = "evaluation.html"
MODEL_CARD = "model-card.md"
MODEL_CARD_JSON = "model-card.json"


def run(services: Services, request_id: str) -> dict[str, Any]:
    """Write the comparison and the card; return the pooled figures.

    Raises:
        ConfigurationError: No frozen face has a unique label.
        TransientError: A package or a set cannot be read at present.
    """
    done = documents.find(services, request_id, documents.EVALUATION)
    if done is None:
        done = _evaluate(services, request_id)
    return {"n": done.pool.n, **done.pool.challenger.to_json()}


def _evaluate(services: Services, request_id: str) -> Evaluation:
    opened = documents.read(services, request_id, documents.OPENED)
    sets = _frozen(services, request_id)
    if not sets:
        raise ConfigurationError(
            "FEX_RETRAINING__EVALUATION_SETS",
            "no frozen face has a unique label: name a base set or evaluation sets, or label more",
        )
    everything = pool(sets)
    with working_folder(services) as folder:
        _, _, first = documents.champion_package(services, opened, folder)
        second = documents.challenger_package(services, request_id, folder)
        champion = open_package(first, folder)
        challenger = open_package(second, folder)
        compared = [compare_on(rows, champion, challenger) for rows in sets]
        pooled = compared[0] if len(sets) == 1 else compare_on(everything, champion, challenger)
        speed = measure_speed(champion, challenger, everything.images)
        _describe(services, request_id, challenger, everything)
    return documents.write(
        services,
        request_id,
        documents.EVALUATION,
        Evaluation(opened.champion, challenger.sha256, pooled, compared, speed),
    )


def _frozen(services: Services, request_id: str) -> list[ScoredRows]:
    names = documents.read(services, request_id, documents.ASSEMBLED).frozen
    found = []
    for slug in sorted(names):
        key = keys.retraining_frozen(request_id, slug)
        name, records, votes = read_frozen(services.lake.get_bytes(key), key)
        rows = scored_rows(name, records, votes)
        if rows is not None:
            found.append(rows)
    return found


def _describe(
    services: Services, request_id: str, challenger: OpenPackage, rows: ScoredRows
) -> None:
    """Write what is kept with a version: the page for people and the model card."""
    report = assess(
        challenger,
        rows,
        challenger.probabilities(rows.images),
        Options(varied_pictures=services.settings.release.varied_pictures, explained_per_class=0),
        log.info,
    )
    card = json.dumps(sagemaker_card(report), ensure_ascii=False, allow_nan=False)
    for name, text in (
        (EVALUATION_PAGE, render_page(report)),
        (MODEL_CARD, model_card(report)),
        (MODEL_CARD_JSON, card),
    ):
        services.lake.put_bytes(keys.retraining_document(request_id, name), text.encode())
