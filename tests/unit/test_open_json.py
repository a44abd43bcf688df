"""JSON without a type does not grow: how much of it each room still reads and passes on.

`json.loads` outside of `include/contracts/documents.py` reads what has no `Form`, and
`dict[str, Any]` passes it on. Whoever gives a document a form lowers the number here. What
others write is listed by file, with its reason, and stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORMS = ROOT / "include" / "contracts" / "documents.py"

OTHERS = {
    "include/contracts/attestation.py": "what a signer of a package states: in-toto's form",
    "include/labelling/exports.py": "exports of Label Studio",
    "include/platform/credentials.py": "the file of passwords is SimpleAuthManager's",
    "include/settings/values.py": "what people write into a setting",
    "ml/models/pretrained/vggface2.py": "the list of weights that another project publishes",
    "ml/packaging/code/inference.py": "sealed in packages, where nothing of ours can be imported",
    "ml/packaging/graph.py": "the header of a file of safetensors",
    "ml/registry/beside.py": "documents of SageMaker, Clarify and in-toto",
    "plugins/access/sign_in.py": "the answer of a sign-in",
}
"""Files that read JSON that is not ours, and whose it is."""
READS = {
    "include/contracts": 1,
    "include/inference": 3,
    "include/platform": 3,
    "include/training_jobs": 1,
    "include/video": 3,
    "ml/comparison": 1,
    "ml/evaluation": 1,
    "ml/training": 4,
}
"""Calls of `json.loads` and `json.load` in other files, by room: at most."""
OPEN = {
    "dags/bias_audit": 3,
    "dags/erase_respondent": 1,
    "dags/label_intake": 1,
    "dags/label_queue": 2,
    "dags/model_comparison": 1,
    "dags/model_evaluation": 3,
    "dags/model_retraining": 1,
    "dags/model_rollback": 1,
    "dags/reprocess": 1,
    "include/contracts": 3,
    "include/demo": 4,
    "include/governance": 2,
    "include/inference": 1,
    "include/insights": 12,
    "include/labelling": 1,
    "include/ledger": 8,
    "include/monitoring": 7,
    "include/observability": 15,
    "include/pipeline": 24,
    "include/platform": 12,
    "include/quality": 4,
    "include/statistics": 1,
    "include/training_jobs": 1,
    "include/video": 25,
    "ml/comparison": 1,
    "ml/evaluation": 24,
    "ml/models": 1,
    "ml/packaging": 9,
    "ml/registry": 8,
    "ml/training": 5,
    "plugins/deadlines": 1,
    "plugins/decision": 1,
    "plugins/expression_transform": 1,
    "plugins/queues": 2,
}
"""`dict[str, Any]`, by room: at most."""


def _counted(*texts: str, but: Collection[str] = ()) -> dict[str, int]:
    found: Counter[str] = Counter()
    left_out = {FORMS, *(ROOT / name for name in but)}
    for top in ("include", "ml", "plugins", "dags"):
        for path in (ROOT / top).rglob("*.py"):
            if path in left_out:
                continue
            room = "/".join(path.relative_to(ROOT).with_suffix("").parts[:2])
            found[room] += sum(path.read_text(encoding="utf-8").count(text) for text in texts)
    return {room: count for room, count in sorted(found.items()) if count}


def _grown(found: dict[str, int], allowed: dict[str, int]) -> dict[str, int]:
    return {room: count for room, count in found.items() if count > allowed.get(room, 0)}


def test_json_without_a_form_is_read_nowhere_else() -> None:
    assert _grown(_counted("json.loads", "json.load(", but=OTHERS), READS) == {}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_listed_as_others_is_read_there(name: str) -> None:
    assert "json.loads" in (ROOT / name).read_text(encoding="utf-8")


def test_mappings_without_a_type_are_not_more() -> None:
    assert _grown(_counted("dict[str, Any]"), OPEN) == {}
