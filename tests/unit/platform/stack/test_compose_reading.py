"""The compose file and the Dockerfile as the runner understands them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from include.platform.layout import PROJECT_ROOT
from include.platform.stack.compose import (
    Condition,
    Restart,
    duration_s,
    read_compose,
    size_bytes,
)
from include.platform.stack.dockerfile import read_dockerfile
from include.platform.stack.errors import ComposeError
from include.platform.stack.instances import instances, service_instances

MINIMAL = {
    "image": "redis:7.2.10",
    "user": "999:999",
    "security_opt": ["no-new-privileges:true"],
    "cap_drop": ["ALL"],
}


def written(folder: Path, **keys: object) -> Path:
    path = folder / "compose.yaml"
    path.write_text(yaml.safe_dump({"services": {"one": {**MINIMAL, **keys}}}))
    return path


def test_the_projects_own_file_is_read_whole() -> None:
    compose = read_compose(PROJECT_ROOT / "docker-compose.yaml", {"FEX_API_PORT": "8123"})
    worker, api = compose.services["worker"], compose.services["api-server"]
    assert worker.stop_grace_s == 60
    assert worker.limits.memory_bytes == 6 << 30
    assert worker.limits.pids == 512
    assert worker.depends_on["model-init"] is Condition.COMPLETED
    assert worker.health is not None
    assert worker.health.test[-1] == "worker"
    assert api.ports[0].host_port == 8123
    assert api.health is not None
    assert api.health.start_interval_s == 2
    assert compose.services["volumes-init"].networked is False
    assert compose.services["airflow-init"].restart is Restart.NEVER
    assert compose.secrets["ledger_url"].name == "ledger_url"


def test_the_port_has_its_default() -> None:
    compose = read_compose(PROJECT_ROOT / "docker-compose.yaml", {})
    assert compose.services["api-server"].ports[0].host_port == 8080


def test_dollars_and_variables_are_put_in(tmp_path: Path) -> None:
    path = written(tmp_path, environment={"A": "$$x ${B:-c} ${D}"}, command=["$${E}"])
    service = read_compose(path, {"D": "d", "B": ""}).services["one"]
    assert service.environment["A"] == "$x c d"
    assert service.command == ("${E}",)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"heathcheck": {}}, "heathcheck"),
        ({"privileged": True}, "privileged"),
        ({"cap_drop": []}, "cap_drop"),
        ({"user": "redis"}, "user"),
        ({"restart": "always"}, "always"),
        ({"network_mode": "host"}, "host"),
        ({"secrets": ["nowhere"]}, "nowhere"),
        ({"depends_on": {"two": {"condition": "service_healthy"}}}, "two"),
        ({"volumes": ["data:/data"]}, "data"),
        ({"environment": {"A": "${NOT_SET}"}}, "NOT_SET"),
        ({"healthcheck": {"test": ["CMD", "x"], "start_perod": "1s"}}, "healthcheck"),
        ({"ports": ["8080:8080"]}, "8080:8080"),
        ({"deploy": {"replicas": 2}}, "deploy"),
    ],
)
def test_what_is_not_understood_stops_the_reading(
    tmp_path: Path, keys: dict[str, object], named: str
) -> None:
    with pytest.raises(ComposeError, match=named):
        read_compose(written(tmp_path, **keys), {})


def test_durations_and_sizes() -> None:
    assert duration_s("1m30s") == 90
    assert duration_s("500ms") == 0.5
    assert size_bytes("1.5g") == 3 << 29
    assert size_bytes("300m") == 300 << 20
    for wrong in ("90", "1 m", "m", ""):
        with pytest.raises(ComposeError):
            duration_s(wrong)
        with pytest.raises(ComposeError):
            size_bytes(wrong)


def test_the_image_is_laid_out_as_its_dockerfile_says() -> None:
    recipe = read_dockerfile(PROJECT_ROOT / "docker" / "Dockerfile")
    assert ("include", "/opt/project/include") in recipe.copies
    assert ("docker/entrypoint.sh", "/opt/project/docker/entrypoint.sh") in recipe.copies
    assert recipe.environment["AIRFLOW_HOME"] == "/opt/airflow"
    assert recipe.entrypoint == ("/opt/project/docker/entrypoint.sh",)
    assert (recipe.uid, recipe.gid) == (50000, 50000)
    folders = {folder.path: folder.mode for folder in recipe.folders}
    assert folders == {"/var/lib/fex": "0750", "/opt/airflow": "0750", "/home/fex": "0700"}


def test_a_copy_that_the_ignore_file_keeps_out_is_refused(tmp_path: Path) -> None:
    text = (PROJECT_ROOT / "docker" / "Dockerfile").read_text()
    (tmp_path / "Dockerfile").write_text(text)
    (tmp_path / "Dockerfile.dockerignore").write_text("*\n!dags\n!ml\n!plugins\n")
    with pytest.raises(ComposeError, match="include"):
        read_dockerfile(tmp_path / "Dockerfile")


def test_workers_are_numbered() -> None:
    compose = read_compose(PROJECT_ROOT / "docker-compose.yaml", {})
    found = instances(compose, workers=3)
    names = service_instances(found, "worker")
    assert names == ["worker-1", "worker-2", "worker-3"]
