"""JSON without a type does not grow: how much of it each room still reads and passes on.

`json.loads` outside of `include/contracts/documents.py` reads what has no `Form`, and
`dict[str, Any]` passes it on. Whoever gives a document a form lowers the number here; what is
outside JSON (SageMaker's, Label Studio's, a sign-in's) stays.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORMS = ROOT / "include" / "contracts" / "documents.py"

READS = {
    "include/contracts": 3,
    "include/demo": 1,
    "include/governance": 3,
    "include/inference": 3,
    "include/labelling": 1,
    "include/pipeline": 11,
    "include/platform": 8,
    "include/settings": 1,
    "include/training_jobs": 1,
    "include/video": 3,
    "ml/comparison": 1,
    "ml/data": 2,
    "ml/evaluation": 4,
    "ml/models": 1,
    "ml/packaging": 3,
    "ml/registry": 4,
    "ml/training": 5,
    "plugins/access": 1,
}
"""Calls of `json.loads` and `json.load`, by room: at most."""
OPEN = {
    "dags/bias_audit": 7,
    "dags/erase_respondent": 1,
    "dags/label_intake": 1,
    "dags/label_queue": 2,
    "dags/model_comparison": 1,
    "dags/model_evaluation": 3,
    "dags/model_retraining": 1,
    "dags/model_rollback": 1,
    "dags/reprocess": 1,
    "include/contracts": 5,
    "include/demo": 4,
    "include/governance": 13,
    "include/inference": 1,
    "include/insights": 12,
    "include/labelling": 1,
    "include/ledger": 8,
    "include/monitoring": 7,
    "include/observability": 15,
    "include/pipeline": 30,
    "include/platform": 12,
    "include/quality": 4,
    "include/statistics": 1,
    "include/training_jobs": 1,
    "include/video": 25,
    "ml/comparison": 1,
    "ml/evaluation": 28,
    "ml/models": 1,
    "ml/packaging": 16,
    "ml/registry": 15,
    "ml/training": 5,
    "plugins/deadlines": 1,
    "plugins/decision": 1,
    "plugins/expression_transform": 1,
    "plugins/queues": 2,
}
"""`dict[str, Any]`, by room: at most."""


def _counted(*texts: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for top in ("include", "ml", "plugins", "dags"):
        for path in (ROOT / top).rglob("*.py"):
            if path == FORMS:
                continue
            room = "/".join(path.relative_to(ROOT).with_suffix("").parts[:2])
            found[room] += sum(path.read_text(encoding="utf-8").count(text) for text in texts)
    return {room: count for room, count in sorted(found.items()) if count}


def _grown(found: dict[str, int], allowed: dict[str, int]) -> dict[str, int]:
    return {room: count for room, count in found.items() if count > allowed.get(room, 0)}


def test_json_without_a_form_is_read_nowhere_else() -> None:
    assert _grown(_counted("json.loads", "json.load("), READS) == {}


def test_mappings_without_a_type_are_not_more() -> None:
    assert _grown(_counted("dict[str, Any]"), OPEN) == {}
