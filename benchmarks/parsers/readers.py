"""Every reader of text and bytes from outside: what it is given, and which errors it documents.

A reader that gets bytes as a file gets them in a folder that is removed after each example.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from hypothesis import strategies as st

from benchmarks.parsers.inputs import archives, bytes_like, changed, json_like, texts, values
from include.contracts.attestation import sign, verify
from include.contracts.containers import kind_of
from include.contracts.documents import DocumentError
from include.contracts.errors import ConfigurationError, PermanentInputError
from include.contracts.package import unpack_members
from include.contracts.rows import MANIFEST
from include.contracts.spreadsheet import TableError, read_table
from include.governance.access.people import answered_by
from include.governance.bias.fixed_set import open_fixed_set
from include.labelling.exports import read_answers
from include.platform.stack.compose import read_compose
from include.platform.stack.errors import ComposeError
from include.quality.table import prepare, read_manifest
from include.settings import load_settings, variables
from include.study.consent import COLUMNS, read_consent
from include.study.dates import read_moment
from include.study.respondents_table import parse_respondents
from include.study.study_file import parse_study_file
from include.video.messages import MalformedMessageError, MessageReader
from ml.packaging.signature import make_signature, plain_signature
from ml.packaging.unpack import read_signature

_ROOT = Path(__file__).parents[2]
_STUDY = (
    b"purpose: market_research\n",
    b"purpose: Advertising test\nconsent: required\nrespondents: 2\nseats: [left, right]\n",
    "purpose: 'market research'\ntitle: \"Fr\u00fchling\"\nnotes: |\n  a\n  b\n".encode(),
    b"purpose: &p market_research\ncontact: *p\n",
)
_RESPONDENTS = (
    (
        b"recording,respondent,consent,consent_at,consent_withdrawn_at,age_group\n"
        b"r01.mp4,P-0017,notice 2,2026-11-21,,25-34\nr02.mp4,P-0018,notice 2,21.11.2026,,\n"
    ),
    "recording;respondent;age\r\nr01;\u00c4nne;25-34\r\n".encode("cp1252"),
    "recording\trespondent\r\nr01\tP1\r\n".encode("utf-16"),
    b'sep=,\n"recording","respondent"\n"r,1.mp4","P""1"\n',
)
_ROW = "e1-0000003-00"
_ANSWERS = (
    f"row_id,annotator,label,answered_at\n{_ROW},anna,fear,2026-11-21T10:00:00+01:00\n".encode(),
    f"row_id;annotator;label\n{_ROW};\u00c4nne;not_a_face\n".encode("cp1252"),
)
_TASKS = [
    {
        "id": 1,
        "data": {"image": f"s3://bucket/{_ROW}.jpg", "row_id": _ROW},
        "annotations": [
            {
                "id": 1001,
                "completed_by": {"id": 1, "email": "anna@example.org"},
                "result": [
                    {
                        "from_name": "displayed_expression",
                        "to_name": "image",
                        "type": "choices",
                        "value": {"choices": ["fear"]},
                    }
                ],
                "was_cancelled": False,
                "created_at": "2026-11-02T10:00:00.728353Z",
                "updated_at": "2026-11-02T10:00:00.728378Z",
            }
        ],
    }
]
_FLAT = [{"id": 1, "row_id": _ROW, "displayed_expression": "fear", "annotator": 1}]
_SIGNATURE = {
    **plain_signature(make_signature(package_version="1", input_side_px=96)),
    "members": {"code/inference.py": hashlib.sha256(b"").hexdigest()},
}
_ANSWER = {
    "chosen_options": ["Approve"],
    "params_input": {"comment": "fine"},
    "responded_at": "2026-11-21T10:00:00Z",
    "responded_by_user": {"id": "1", "name": "ada"},
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Something that reads what comes from outside.

    Attributes:
        inputs: What it is given.
        read: The reader.
        documented: Errors that its description names.
    """

    inputs: st.SearchStrategy[Any]
    read: Callable[[Any], object]
    documented: tuple[type[Exception], ...]


def _as_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def with_file(content: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            return read(path)

    return with_file


def _settings() -> st.SearchStrategy[dict[str, str]]:
    known = st.sampled_from(sorted(variables()))
    # The system's variables are bytes: what is no UTF-8 arrives as lone surrogates.
    said = st.one_of(
        texts(),
        st.binary(max_size=20).map(lambda one: one.decode("utf-8", "surrogateescape")),
        values().map(json.dumps),
        st.sampled_from(("1", "0", "true", "s3://b/k", "file:///x", "a,b", '["a"]', "none")),
    )
    names = st.one_of(known, known, known, texts().map(lambda one: f"FEX_{one}"))
    return st.dictionaries(names, said, max_size=4)


def _parquet(rows: int = 12) -> st.SearchStrategy[bytes]:
    from tests.unit.insights.recordings import manifest

    table = manifest(rows, faces=2)

    def written(found: pa.Table) -> bytes:
        sink = io.BytesIO()
        pq.write_table(found, sink)
        return sink.getvalue()

    names = st.sampled_from(MANIFEST.names)
    other = st.sampled_from(
        (pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.list_(pa.int8()))
    )

    @st.composite
    def tables(draw: st.DrawFn) -> bytes:
        found = table
        for _ in range(draw(st.integers(0, 3))):
            name = draw(names)
            if name not in found.schema.names:
                continue
            at = found.schema.names.index(name)
            kind = draw(st.sampled_from(("drop", "nulls", "other", "rename", "empty")))
            if kind == "drop":
                found = found.drop_columns([name])
            elif kind == "nulls":
                field = found.schema.field(name).with_nullable(True)
                found = found.set_column(at, field, pa.nulls(len(found), field.type))
            elif kind == "other":
                field = pa.field(name, draw(other))
                found = found.set_column(at, field, pa.nulls(len(found), field.type))
            elif kind == "rename":
                changed_names = list(found.schema.names)
                changed_names[at] = draw(texts())
                found = found.rename_columns(changed_names)
            else:
                found = found.slice(0, 0)
        return written(found)

    return st.one_of(tables(), bytes_like(written(table)))


def _read_manifest(path: Path) -> object:
    return prepare(read_manifest(path), 12)


def _package(path: Path) -> object:
    read_signature(path)
    return unpack_members(path, path.parent / "unpacked" / "one")


def _compose() -> st.SearchStrategy[bytes]:
    whole = (_ROOT / "docker-compose.yaml").read_bytes()
    tree = yaml.safe_load(whole)
    small = {
        "services": {name: tree["services"][name] for name in ("redis", "postgres")},
        "secrets": {name: tree["secrets"][name] for name in tree["secrets"]},
        "volumes": tree["volumes"],
    }
    plain = yaml.safe_dump(small).encode()
    return st.one_of(
        changed(json.loads(json.dumps(small))).map(lambda one: json.dumps(one).encode()),
        bytes_like(plain),
    )


def _envelopes() -> st.SearchStrategy[Any]:
    key = _private_key()
    return changed(sign("a" * 64, {"version": "1"}, key))


def _private_key() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def _verified(envelope: Any) -> object:
    import base64

    public = base64.b64encode(_private_key().public_key().public_bytes_raw()).decode()
    return verify(envelope, "a" * 64, [f"ada={public}"])


def _shard(content: bytes) -> object:
    from ml.packaging.code.inference import SHARD, input_fn

    return input_fn(content, SHARD)


def _refused_shard() -> type[Exception]:
    from ml.packaging.code.inference import GenericInferenceToolkitError

    found: type[Exception] = GenericInferenceToolkitError
    return found


def _messages(content: bytes) -> object:
    reader = MessageReader()
    half = len(content) // 2
    return [*reader.feed(content[:half]), *reader.feed(content[half:])]


def _tried_name(content: bytes) -> object:
    from plugins.access.sign_in import tried_name

    return tried_name(content)


READERS: Mapping[str, Reader] = {
    "study.yaml": Reader(
        bytes_like(*_STUDY),
        lambda content: parse_study_file("s", "study.yaml", content),
        (PermanentInputError,),
    ),
    "respondents.csv": Reader(
        bytes_like(*_RESPONDENTS),
        lambda content: parse_respondents("s", content),
        (PermanentInputError,),
    ),
    "consent in a line": Reader(
        st.dictionaries(st.sampled_from(COLUMNS), texts()), read_consent, ()
    ),
    "a day or a time": Reader(
        st.one_of(
            texts(),
            st.from_regex(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}(,? \d{1,2}:\d\d)?", fullmatch=True),
            st.datetimes().map(str),
        ),
        read_moment,
        (ValueError,),
    ),
    "any table": Reader(
        bytes_like(*_RESPONDENTS, *_ANSWERS),
        lambda content: read_table(content, ("recording",)),
        (TableError,),
    ),
    "answers, CSV": Reader(
        bytes_like(*_ANSWERS),
        lambda content: read_answers("a.csv", content, asked={_ROW}),
        (PermanentInputError,),
    ),
    "answers, Label Studio": Reader(
        st.one_of(json_like(_TASKS), json_like(_FLAT)),
        lambda content: read_answers("a.json", content, asked={_ROW}),
        (PermanentInputError,),
    ),
    "settings": Reader(_settings(), load_settings, (ConfigurationError,)),
    "answer to a question": Reader(
        changed(_ANSWER).filter(lambda one: isinstance(one, dict)), answered_by, ()
    ),
    "audit set": Reader(
        archives(
            {
                "labels.csv": bytes_like(b"file,race,age\n1.jpg,A,20-29\n"),
                "images/1.jpg": st.just(b"\xff\xd8face"),
            },
            kind="zip",
        ),
        _as_file("set.zip", open_fixed_set),
        (ConfigurationError,),
    ),
    "shard of crops": Reader(
        archives({"a-0.jpg": st.binary(max_size=60), "a-1.jpg": st.just(b"\xff\xd8")}, kind="tar"),
        _shard,
        (_refused_shard(),),
    ),
    "manifest, Parquet": Reader(
        _parquet(), _as_file("manifest.parquet", _read_manifest), (OSError, pa.ArrowException)
    ),
    "model package": Reader(
        archives(
            {"signature.json": json_like(_SIGNATURE), "code/inference.py": st.just(b"")}, kind="gz"
        ),
        _as_file("model.tar.gz", _package),
        (ConfigurationError, DocumentError),
    ),
    "signature of a package": Reader(_envelopes(), _verified, (ConfigurationError,)),
    "compose file": Reader(
        _compose(),
        _as_file("compose.yaml", lambda path: read_compose(path, {})),
        (ComposeError,),
    ),
    "kind of a file": Reader(
        bytes_like(
            b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
            b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01",
            b"RIFF\x10\0\0\0AVI LIST",
            (b"\x47" + b"\xff" * 187) * 6,
        ),
        kind_of,
        (),
    ),
    "what the decoder says": Reader(
        bytes_like(b'{"kind":"started","confined":true}\n{"kind":"x","payload":3}\nabc'),
        _messages,
        (MalformedMessageError,),
    ),
    "a try to sign in": Reader(
        st.one_of(
            json_like({"username": "ada", "password": "x"}),
            bytes_like(urlencode({"username": "ada", "password": "x"}).encode()),
        ),
        _tried_name,
        (),
    ),
}
"""By what they read."""
