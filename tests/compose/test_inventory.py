"""`make sbom` and `make pip-audit`: what is listed, and what is said when nobody answers."""

from __future__ import annotations

import json
import runpy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HASH = "ab" * 32


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return runpy.run_path(str(ROOT / "scripts" / name))


@pytest.fixture
def sbom(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return script("make_sbom.py", monkeypatch)


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return script("audit_packages.py", monkeypatch)


def environment() -> dict[str, Any]:
    def component(name: str, version: str) -> dict[str, Any]:
        return {
            "type": "library",
            "bom-ref": f"{name}=={version}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name.lower()}@{version}",
            "licenses": [{"license": {"id": "MIT"}}],
        }

    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "metadata": {"properties": []},
        "components": [
            component("Flask_X", "1.0"),
            component("six", "2"),
            component("pytest", "9"),
        ],
        "dependencies": [
            {"ref": "Flask_X==1.0", "dependsOn": ["six==2", "pytest==9"]},
            {"ref": "pytest==9"},
            {"ref": "six==2"},
        ],
    }


def locked(sbom: dict[str, Any], *packages: tuple[str, str]) -> list[Any]:
    return [sbom["Locked"](name, version, (HASH,)) for name, version in packages]


def test_the_inventory_holds_what_the_lock_names_with_its_hashes(sbom: dict[str, Any]) -> None:
    made = sbom["of_the_platform"](
        environment(),
        locked(sbom, ("flask-x", "1.0"), ("six", "2")),
        direct=["flask-x"],
        project={"name": "platform", "version": "1"},
    )
    assert [component["name"] for component in made["components"]] == ["Flask_X", "six"]
    for component in made["components"]:
        source = component["externalReferences"][0]
        assert source["type"] == "distribution"
        assert source["hashes"] == [{"alg": "SHA-256", "content": HASH}]
    assert made["dependencies"] == [
        {"ref": "platform", "dependsOn": ["Flask_X==1.0"]},
        {"ref": "Flask_X==1.0", "dependsOn": ["six==2"]},
        {"ref": "six==2"},
    ]
    made["components"].append(sbom["model_component"](ROOT / "ml" / "weights" / "model.tar.gz"))
    sbom["check"](made)
    made["components"][0]["hash"] = HASH
    with pytest.raises(sbom["SbomError"], match="does not follow"):
        sbom["check"](made)


@pytest.mark.parametrize("package", [("six", "3"), ("numpy", "1")])
def test_what_is_not_installed_as_locked_is_named(
    sbom: dict[str, Any], package: tuple[str, str]
) -> None:
    with pytest.raises(sbom["SbomError"], match=f"{package[0]} {package[1]} is .*make setup"):
        sbom["of_the_platform"](
            environment(),
            locked(sbom, package),
            direct=[],
            project={"name": "platform", "version": "1"},
        )


def test_all_that_the_short_list_asks_for_is_locked(sbom: dict[str, Any]) -> None:
    names = set(sbom["direct_names"](ROOT / "requirements.in"))
    held = {
        package.name
        for name in sbom["PLATFORM_LOCKS"]
        for package in sbom["read_lock"](ROOT / name)
    }
    assert {"torch", "mlflow", "celery", "apache-airflow"} <= names <= held


class Advisories(BaseHTTPRequestHandler):
    """OSV's interface: advisories by package."""

    known: dict[str, list[dict[str, Any]]]

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"vulns": self.known.get(asked["package"]["name"], [])}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


def advisory(package: str, version: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"PYSEC-{package}",
            "summary": "made",
            "published": "2020-01-01T00:00:00Z",
            "affected": [
                {
                    "package": {"name": package, "ecosystem": "PyPI"},
                    "versions": [version],
                    "ranges": [],
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("known", "status", "said"),
    [
        ({"jinja2": "2.10"}, 0, "pip-audit: 0 known vulnerabilities in 2 packages"),
        ({"jinja2": "2.10", "six": "1.0"}, 1, "six 1.0: PYSEC-six, fixed in no release"),
        ({}, 3, "cannot be reached from here: the source has nothing on jinja2 2.10"),
    ],
)
def test_the_audit_tells_clean_from_vulnerable_from_a_source_that_knows_nothing(
    audit: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    known: dict[str, str],
    status: int,
    said: str,
) -> None:
    handler = type("Made", (Advisories,), {"known": {n: advisory(n, v) for n, v in known.items()}})
    monkeypatch.setitem(
        audit["main"].__globals__, "locked", lambda: [("six", "1.0"), ("idna", "3.20")]
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1/query"
        assert audit["main"](["-s", "osv", "--osv-url", url]) == status
        server.shutdown()
    printed = capsys.readouterr()
    assert said in printed.out + printed.err


def test_a_source_out_of_reach_has_a_status_of_its_own(
    audit: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit["main"](["-s", "osv", "--osv-url", "http://127.0.0.1:9/v1/query"]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_everything_locked_is_asked_about_once(audit: dict[str, Any]) -> None:
    packages = audit["locked"]()
    assert len(packages) == len(set(packages)) > 300
    assert "+" not in "".join(version for _, version in packages)
