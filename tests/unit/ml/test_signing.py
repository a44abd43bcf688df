"""Signatures of model packages: made by a person's key, asked for wherever a package is used."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from include.contracts.attestation import (
    ATTESTATION_FILE,
    UnsignedPackageError,
    key_id,
    sign,
    verify,
)
from include.contracts.errors import ConfigurationError
from include.inference.package import unpack_package
from include.pipeline import sign_model
from include.settings import Settings, StorageSettings, load_settings
from ml.packaging.build import build_package
from ml.packaging.signature import make_signature
from ml.packaging.unpack import package_sha256
from ml.registry.champion import register_packaged_champion
from ml.registry.mlflow import MlflowRegistry
from ml.registry.promotion import challenge, promote, rollback
from ml.registry.protocol import CHAMPION, Document, VersionStatus
from ml.registry.signed import SignedRegistry, require_signed
from tests.fakes.tiny_package import build_tiny_package

ROOT = Path(__file__).parents[3]
NAME = "expression-mobilenetv2"
SHA256 = "ab" * 32
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
FACTS = {"package_version": "1", "signed_by": "Anna"}


def signer(name: str, key: Ed25519PrivateKey) -> str:
    return f"{name}={base64.b64encode(key.public_key().public_bytes_raw()).decode()}"


SIGNERS = (signer("Anna", KEY),)


def test_a_signature_says_who_and_what() -> None:
    envelope = json.loads(json.dumps(sign(SHA256, FACTS, KEY)))
    assert verify(envelope, SHA256, (signer("Bert", OTHER), *SIGNERS)) == ("Anna", FACTS)
    assert envelope["signatures"][0]["keyid"] == key_id(KEY.public_key().public_bytes_raw())


def test_what_is_signed_is_the_encoding_of_dsse() -> None:
    """The pre-authentication encoding of the DSSE 1.0 protocol, spelt out."""
    envelope = sign(SHA256, FACTS, KEY)
    payload = base64.b64decode(envelope["payload"])
    message = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(payload)).encode()
    made = base64.b64decode(envelope["signatures"][0]["sig"])
    KEY.public_key().verify(made, message + b" " + payload)
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [{"name": "model.tar.gz", "digest": {"sha256": SHA256}}]


def changed(envelope: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**envelope, **changes}


def test_whatever_is_not_a_signers_signature_of_these_bytes_is_refused() -> None:
    good = sign(SHA256, FACTS, KEY)
    other_facts = sign(SHA256, {**FACTS, "package_version": "2"}, KEY)["payload"]
    signature = bytearray(base64.b64decode(good["signatures"][0]["sig"]))
    signature[0] ^= 1
    flipped = [{"keyid": "x", "sig": base64.b64encode(signature).decode()}]
    for wrong, why in (
        (None, "is not signed"),
        ({}, "is not signed"),
        ({"payload": 1}, "cannot be read"),
        (changed(good, payload="%%%"), "cannot be read"),
        (changed(good, signatures=[{}]), "cannot be read"),
        (changed(good, signatures=[]), "none of the signers"),
        (changed(good, payload=other_facts), "none of the signers"),
        (changed(good, signatures=flipped), "none of the signers"),
        (changed(good, payloadType="text/plain"), "none of the signers"),
        (sign(SHA256, FACTS, OTHER), "none of the signers"),
        (sign("cd" * 32, FACTS, KEY), "Anna signed another package"),
    ):
        with pytest.raises(UnsignedPackageError, match=why) as refused:
            verify(wrong, SHA256, SIGNERS)
        assert refused.value.setting == "FEX_MODEL__SIGNERS"


def test_the_committed_package_is_signed_for_the_production_stack(committed_package: Path) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    given = compose["services"]["worker"]["environment"]["FEX_MODEL__SIGNERS"]
    settings = load_settings({"FEX_MODEL__SIGNERS": given})
    envelope = json.loads(committed_package.with_name(ATTESTATION_FILE).read_text())
    name, facts = verify(envelope, package_sha256(committed_package), settings.model.signers)
    assert name == facts["signed_by"] == "project"


def test_the_setting_takes_public_keys_and_nothing_else() -> None:
    assert Settings().model.signers == ()
    for wrong in ("Anna", "Anna=", "=" + SIGNERS[0].partition("=")[2], "Anna=c2hvcnQ="):
        with pytest.raises(ConfigurationError, match="FEX_MODEL__SIGNERS"):
            load_settings({"FEX_MODEL__SIGNERS": wrong})
    assert load_settings({"FEX_MODEL__SIGNERS": SIGNERS[0]}).model.signers == SIGNERS


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with its tables: making them takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.sqlite"
    MlflowRegistry(tracking_uri=f"sqlite:///{path}", artifact_uri="file:///no").list_versions(NAME)
    return path.read_bytes()


@pytest.fixture
def plain(tmp_path: Path, empty_database: bytes) -> MlflowRegistry:
    (tmp_path / "mlflow.sqlite").write_bytes(empty_database)
    return MlflowRegistry(
        tracking_uri=f"sqlite:///{tmp_path / 'mlflow.sqlite'}",
        artifact_uri=(tmp_path / "artefacts").as_uri(),
    )


def packages(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / str(number) / "model.tar.gz" for number in range(3)]
    for number, path in enumerate(paths):
        build_package(
            f"weights {number}".encode(),
            make_signature(package_version=str(number), input_side_px=96),
            path,
        )
    return paths


def test_a_registry_approves_and_restores_nothing_unsigned(
    plain: MlflowRegistry, tmp_path: Path
) -> None:
    registry = SignedRegistry(plain, SIGNERS)
    first, second, foreign = packages(tmp_path)
    unsigned = challenge(registry, registry.register(NAME, first))
    for act in (
        lambda: promote(registry, NAME, unsigned.version, approved_by="Anna"),
        lambda: registry.set_status(NAME, unsigned.version, VersionStatus.APPROVED),
        lambda: require_signed(registry, unsigned),
    ):
        with pytest.raises(UnsignedPackageError, match="is not signed"):
            act()
    assert registry.get(NAME, unsigned.version).status is VersionStatus.PENDING
    registry.attach(unsigned, Document.ATTESTATION, sign(unsigned.sha256, FACTS, KEY))
    champion = promote(registry, NAME, unsigned.version, approved_by="Anna")
    assert champion.aliases == (CHAMPION,)
    signed = registry.register(NAME, second, documents={Document.ATTESTATION: {}})
    registry.attach(signed, Document.ATTESTATION, sign(signed.sha256, FACTS, KEY))
    promote(registry, NAME, signed.version, approved_by="Anna")
    registry.attach(champion, Document.ATTESTATION, sign(champion.sha256, FACTS, OTHER))
    with pytest.raises(UnsignedPackageError, match="none of the signers"):
        rollback(registry, NAME, approved_by="Anna")
    assert CHAMPION in registry.get(NAME, signed.version).aliases
    build_tiny_package(foreign)
    strange = registry.register(NAME, foreign)
    with pytest.raises(UnsignedPackageError, match="is not signed"):
        registry.fetch(strange, tmp_path / "fetched")
    assert plain.fetch(strange, tmp_path / "fetched").is_file()


def test_a_champion_from_before_gets_the_signature_that_the_repository_has(
    plain: MlflowRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = packages(tmp_path)[0]
    old = plain.register(NAME, package)
    plain.set_status(NAME, old.version, VersionStatus.APPROVED)
    old = plain.set_alias(NAME, CHAMPION, old.version)
    registry = SignedRegistry(plain, SIGNERS)
    with pytest.raises(UnsignedPackageError):
        require_signed(registry, old)
    envelope = sign(package_sha256(package), FACTS, KEY)
    package.with_name(ATTESTATION_FILE).write_text(json.dumps(envelope))
    assert register_packaged_champion(registry, name=NAME, package=package) == old
    require_signed(registry, old)


def test_a_package_is_not_unpacked_without_a_signature_cached_or_not(tmp_path: Path) -> None:
    package, cache = tmp_path / "a b" / "model.tar.gz", tmp_path / "cache"
    storage = StorageSettings()
    package.parent.mkdir()
    sha256 = build_tiny_package(package)
    beside = package.with_name(ATTESTATION_FILE)
    for content in (None, b"no json", json.dumps(sign(SHA256, FACTS, KEY)).encode()):
        if content is not None:
            beside.write_bytes(content)
        with pytest.raises(UnsignedPackageError):
            unpack_package(package.as_uri(), sha256, cache, storage, signers=SIGNERS)
        assert not cache.exists()
    beside.write_text(json.dumps(sign(sha256, FACTS, KEY)))
    assert unpack_package(package.as_uri(), sha256, cache, storage, signers=SIGNERS).is_dir()
    beside.unlink()
    with pytest.raises(UnsignedPackageError):
        unpack_package(package.as_uri(), sha256, cache, storage, signers=SIGNERS)
    assert unpack_package(package.as_uri(), sha256, cache, storage, signers=()).is_dir()


def test_a_batch_is_not_opened_with_an_unsigned_champion(
    plain: MlflowRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.pipeline import open_batch
    from include.pipeline.reprocess import begin

    version = plain.register(NAME, packages(tmp_path)[0])
    plain.set_status(NAME, version.version, VersionStatus.APPROVED)
    plain.set_alias(NAME, CHAMPION, version.version)
    registry = SignedRegistry(plain, SIGNERS)
    settings = load_settings({"FEX_MODEL__SIGNERS": SIGNERS[0]})
    pinned: list[dict[str, str]] = []
    ledger = SimpleNamespace(
        batch=lambda batch_id: SimpleNamespace(model_sha256=None),
        pin_model=lambda batch_id, **model: pinned.append(model),
    )
    services: Any = SimpleNamespace(settings=settings, ledger=ledger)
    for module in (open_batch, begin):
        monkeypatch.setattr(module, "build_registry", lambda settings: registry)
    for open_ in (
        lambda: open_batch.run(services, "batch"),
        lambda: begin._version(services, CHAMPION),
    ):
        with pytest.raises(UnsignedPackageError):
            open_()
    assert pinned == []


def test_the_command_signs_files_and_versions(
    plain: MlflowRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key, package = tmp_path / "anna.pem", packages(tmp_path)[0]
    assert sign_model.main(["new-key", str(key)]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    setting, _, value = line.partition("=")
    assert key.stat().st_mode & 0o777 == 0o600
    assert sign_model.main(["new-key", str(key)]) == 2
    assert sign_model.main(["new-key", str(ROOT / "anna.pem")]) == 2
    assert not (ROOT / "anna.pem").exists()
    signers = json.loads(value)
    by = ["--key", str(key), "--name", "Anna"]
    assert sign_model.main(["package", str(package), *by]) == 0
    envelope = json.loads(package.with_name(ATTESTATION_FILE).read_text())
    _, facts = verify(envelope, package_sha256(package), signers)
    assert facts["signed_by"] == "Anna"

    registered = plain.register(NAME, package)
    registry = SignedRegistry(plain, tuple(signers))
    monkeypatch.setattr(sign_model, "build_registry", lambda settings: registry)
    monkeypatch.setenv(setting, value)
    assert sign_model.main(["version", registered.version, *by]) == 0
    require_signed(registry, registered)
    monkeypatch.setenv(setting, f'["{SIGNERS[0]}"]')
    assert sign_model.main(["version", registered.version, *by]) == 2
    key.chmod(0o640)
    assert sign_model.main(["package", str(package), *by]) == 2
    assert "others may read" in capsys.readouterr().err
