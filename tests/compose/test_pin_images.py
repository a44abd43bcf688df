"""`make pin-images` against a real registry that asks for a token (Debian's docker-registry)."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from scripts import pin_images

ROOT = Path(__file__).parents[2]
KIND = "application/vnd.oci.image.manifest.v1+json"


def test_names_are_taken_apart_as_docker_does() -> None:
    assert pin_images.reference("postgres:15.14-bookworm") == pin_images.Reference(
        "docker.io", "library/postgres", "15.14-bookworm"
    )
    assert pin_images.reference("minio/mc:A").repository == "minio/mc"
    assert pin_images.reference("localhost:5000/a/b:1").registry == "localhost:5000"


def test_every_image_of_the_stack_that_is_not_built_here_is_asked_for() -> None:
    named = {name: pin_images.images((ROOT / name).read_text()) for name in pin_images.FILES}
    repositories = {n: [image.rpartition(":")[0] for image in found] for n, found in named.items()}
    assert repositories["docker-compose.yaml"] == ["minio/mc", "minio/minio", "postgres", "redis"]
    assert repositories["docker/Dockerfile"] == ["python"]


class Tokens:
    """Gives tokens that a registry accepts, each for the scope that was asked for."""

    def __init__(self, folder: Path) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tokens")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .sign(self.key, hashes.SHA256())
        )
        self.chain = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
        self.bundle = folder / "tokens.pem"
        self.bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.scopes: list[str] = []

    def token(self, scope: str) -> str:
        self.scopes.append(scope)
        kind, name, actions = scope.split(":")
        now = int(time.time())
        access = [{"type": kind, "name": name, "actions": actions.split(",")}]
        claims = {"iss": "tokens", "sub": "", "aud": "registry", "access": access, "jti": "1"}
        claims |= {"nbf": now - 60, "iat": now - 60, "exp": now + 600}
        return jwt.encode(claims, self.key, "RS256", headers={"x5c": [self.chain]})


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[tuple[Tokens, str]]:
    made = Tokens(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            body = json.dumps({"token": made.token(asked["scope"][0])}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made, f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()


@pytest.fixture
def registry(tmp_path: Path, tokens: tuple[Tokens, str]) -> Iterator[str]:
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("Debian's docker-registry is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (tmp_path / "registry.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path / 'kept'}}}}}\n"
        f"http: {{addr: '{address}'}}\n"
        f"auth: {{token: {{realm: '{tokens[1]}', service: registry, issuer: tokens, "
        f"rootcertbundle: {tokens[0].bundle}}}}}\n"
    )
    process = subprocess.Popen(
        [program, "serve", tmp_path / "registry.yml"],
        env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                assert requests.get(f"http://{address}/v2/", timeout=5).status_code == 401
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def push(address: str, tokens: Tokens, image: str) -> str:
    """Put an image without files into the registry; return the digest of its manifest."""
    name = pin_images.reference(image)
    headers = {"Authorization": f"Bearer {tokens.token(f'repository:{name.repository}:pull,push')}"}
    config = json.dumps({"architecture": "amd64", "os": "linux", "name": image}).encode()
    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    start = requests.post(
        f"{address}/v2/{name.repository}/blobs/uploads/", headers=headers, timeout=10
    )
    sent = requests.put(
        start.headers["Location"],
        params={"digest": digest},
        data=config,
        headers=headers,
        timeout=10,
    )
    assert sent.status_code == 201, sent.text
    blob = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest}
    manifest = {"schemaVersion": 2, "mediaType": KIND, "layers": []}
    body = json.dumps({**manifest, "config": {**blob, "size": len(config)}}).encode()
    put = requests.put(
        f"{address}/v2/{name.repository}/manifests/{name.tag}",
        data=body,
        headers={**headers, "Content-Type": KIND},
        timeout=10,
    )
    assert put.status_code == 201, put.text
    return "sha256:" + hashlib.sha256(body).hexdigest()


def checkout(folder: Path) -> Path:
    (folder / "docker").mkdir(parents=True)
    for name in pin_images.FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_digests_come_behind_the_tags_and_are_checked(
    tmp_path: Path, registry: str, tokens: tuple[Tokens, str], capsys: pytest.CaptureFixture[str]
) -> None:
    root = checkout(tmp_path / "checkout")
    before = {name: (root / name).read_text() for name in pin_images.FILES}
    named = sorted({image for text in before.values() for image in pin_images.images(text)})
    mirror = ["--registry", f"docker.io={registry}"]
    digests = {image: push(registry, tokens[0], image) for image in named[1:]}

    assert pin_images.main(mirror, root) == 3  # one tag is not there: nothing is written
    assert named[0] in capsys.readouterr().err
    assert {name: (root / name).read_text() for name in before} == before

    digests[named[0]] = push(registry, tokens[0], named[0])
    assert pin_images.main([*mirror, "--check"], root) == 1
    assert pin_images.main(mirror, root) == 0
    after = {name: (root / name).read_text() for name in before}
    for image, digest in digests.items():
        assert any(f"{image}@{digest}" in text for text in after.values())
    for name, text in after.items():
        assert pin_images.images(text) == pin_images.images(before[name])
        for digest in digests.values():
            text = text.replace(f"@{digest}", "")
        assert text == before[name]
    assert pin_images.main([*mirror, "--check"], root) == 0

    moved = push(registry, tokens[0], named[0] + "-new")
    assert moved not in digests.values()
    assert pin_images.digest_of(f"{named[0]}-new", {"docker.io": registry}) == moved
    assert all(scope.endswith((":pull", ":pull,push")) for scope in tokens[0].scopes)


def test_a_registry_out_of_reach_leaves_the_files_as_they_are(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    before = [(root / name).read_bytes() for name in pin_images.FILES]
    assert pin_images.main(["--registry", "docker.io=http://127.0.0.1:9"], root) == 3
    assert [(root / name).read_bytes() for name in pin_images.FILES] == before
