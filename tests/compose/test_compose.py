"""docker-compose.yaml against the compose specification and the project's own rules.

No engine runs here. The specification's schema comes with `check-jsonschema`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from include.platform.stack.compose import read_compose
from include.settings import load_settings, variables
from tests.production.overlays import BACKUP, QUEUES, together

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}
SECRET_WORDS = re.compile(r"password|secret|token|credential|fernet|_url|conn$|backend$", re.I)
READ_BUT_NOT_LISTED = {("scheduler", "num_stuck_in_queued_retries")}
"""Options that Airflow's code reads and its list leaves out; the next test finds them there."""
each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def environment() -> list[tuple[str, str, str]]:
    return [
        (service, key, str(value))
        for service, definition in SERVICES.items()
        for key, value in definition.get("environment", {}).items()
    ]


def test_it_follows_the_compose_specification() -> None:
    schema_file = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(schema_file.read_text())
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    problems = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator(schema).iter_errors(COMPOSE)
    ]
    assert problems == []


def test_the_schema_refuses_what_is_wrong() -> None:
    schema = json.loads(
        (files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text()
    )
    wrong = {"services": {"a": {"image": "x", "heathcheck": {}}}}
    assert list(jsonschema.validators.validator_for(schema)(schema).iter_errors(wrong))


def test_every_component_of_the_stack_is_there() -> None:
    expected = {"api-server", "scheduler", "dag-processor", "triggerer", "worker"}
    assert expected | {"postgres", "redis", "store", "mlflow"} <= SERVICES.keys() - ONE_SHOT
    assert {"airflow-init", "store-init", "model-init"} <= ONE_SHOT


@each_service
def test_long_running_services_are_watched(name: str) -> None:
    if name not in ONE_SHOT:
        check = SERVICES[name]["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL")
        assert {"interval", "timeout", "retries"} <= check.keys()
        assert SERVICES[name]["restart"] == "unless-stopped"


@each_service
def test_nothing_runs_as_root_or_may_become_it(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert not service.get("privileged")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True


@each_service
def test_images_are_pinned(name: str) -> None:
    image = SERVICES[name]["image"].partition("@")[0]  # `make pin-images` adds the digest
    tag = image.rpartition(":")[2]
    assert ":" in image
    assert re.search(r"\d+\.\d+\.\d+|\d+\.\d+-|RELEASE\.\d{4}-\d{2}-\d{2}T", tag), image


def test_the_base_image_is_pinned_and_the_image_ends_without_root() -> None:
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert bases
    pinned = r"python:3\.11\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?"
    assert all(re.fullmatch(pinned, base) for base in bases)
    assert [line for line in lines if line.startswith("USER")] == ["USER 50000:50000"]


@each_service
def test_resources_are_bounded(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert {"cpus", "memory"} <= limits.keys()


def test_no_secret_is_written_in_the_file() -> None:
    for service, key, value in environment():
        if key.startswith("AIRFLOW_CONN_"):
            assert "password" not in value
            continue
        if SECRET_WORDS.search(key) and not key.endswith(("_FILE", "_CMD")):
            # What is left names places and modes; none carries credentials.
            assert "@" not in value, f"{service}: {key}"
            assert not re.search(r"PASSWORD|SECRET|TOKEN|FERNET", key), f"{service}: {key}"


def test_secret_files_are_declared_generated_and_given_to_who_reads_them(tmp_path: Path) -> None:
    declared = COMPOSE["secrets"]
    generated = _generate_secrets(tmp_path)
    assert declared.keys() == generated.keys()
    for name, definition in declared.items():
        assert definition == {"file": f"./docker/secrets/{name}"}
    for service, key, value in environment():
        for secret in re.findall(r"/run/secrets/(\w+)", value):
            assert secret in declared
            needed = secret in SERVICES[service].get("secrets", [])
            # One-shot jobs too: what cannot be read ends the entry point before the job.
            assert needed, f"{service} reads {secret} through {key}"


def test_generated_secrets_are_private_stable_and_differ(tmp_path: Path) -> None:
    first = _generate_secrets(tmp_path)
    assert _generate_secrets(tmp_path) == first
    folder = tmp_path / "docker" / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    passwords = [value for name, value in first.items() if name.endswith("_password")]
    assert len(set(passwords)) == len(passwords)
    assert all(len(value) >= 40 for value in passwords)
    assert first["postgres_ledger_password"] in first["ledger_url"]
    assert first["store_app_password"] in first["aws_credentials"]


def _generate_secrets(root: Path) -> dict[str, str]:
    (root / "scripts").mkdir(exist_ok=True)
    (root / "docker").mkdir(exist_ok=True)
    script = root / "scripts" / "make_secrets.py"
    script.write_text((ROOT / "scripts" / "make_secrets.py").read_text())
    printed = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True)
    found = {path.name: path.read_text() for path in (root / "docker" / "secrets").iterdir()}
    assert not any(value in printed.stdout for value in found.values())
    return found


def test_every_fex_variable_is_a_setting() -> None:
    ours = {key.removesuffix("_FILE") for _, key, _ in environment() if key.startswith("FEX_")}
    assert ours <= variables().keys()
    assert "FEX_STORAGE__LAKE_URL" in ours


def test_the_fex_values_are_accepted() -> None:
    secrets = {
        "FEX_STORAGE__LEDGER_URL": "postgresql://fex:word@postgres/fex",
        "FEX_LABELS__PSEUDONYM_KEY": "sixteen characters",
    }
    services = read_compose(ROOT / "docker-compose.yaml", {}).services.values()
    ours = {
        key: value
        for service in services
        for key, value in service.environment.items()
        if key.startswith("FEX_")
    }
    files = {key.removesuffix("_FILE") for key in ours if key.endswith("_FILE")}
    plain = {key: value for key, value in ours.items() if not key.endswith("_FILE")}
    assert files == secrets.keys()
    settings = load_settings({**plain, **secrets})
    assert settings.storage.lake_url == "s3://fex/lake"
    assert settings.transform.backend == "embedded"
    assert settings.discovery.consent == "required"
    assert settings.discovery.stated_default is None


def test_every_airflow_variable_is_one_of_airflows_options() -> None:
    script = (
        "import json; from airflow.configuration import conf;"
        "d = conf.configuration_description;"
        "print(json.dumps({s: {k: bool(o.get('sensitive')) for k, o in v['options'].items()}"
        " for s, v in d.items()}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    options = json.loads(answer.stdout.splitlines()[-1])
    for _, key, _ in environment():
        if not key.startswith("AIRFLOW__"):
            continue
        section, option = key.lower().removeprefix("airflow__").split("__")
        if (section, option) in READ_BUT_NOT_LISTED or section == "celery_broker_transport_options":
            continue
        if option.endswith("_cmd"):
            option = option.removesuffix("_cmd")
            assert options[section][option], f"Airflow reads no command for {key}"
        assert option in options[section], key


def test_options_that_airflow_does_not_list_are_read() -> None:
    import airflow.jobs

    source = (Path(airflow.jobs.__path__[0]) / "scheduler_job_runner.py").read_text()
    for section, option in READ_BUT_NOT_LISTED:
        assert f'section="{section}"' in source
        assert f'key="{option}"' in source


def test_only_the_api_server_is_reachable_and_only_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["api-server"]
    assert all(port.startswith("127.0.0.1:") for port in published["api-server"])
    internal = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}
    assert internal == COMPOSE["networks"].keys() - {"edge"}
    for name in ("postgres", "redis", "store", "mlflow"):
        assert set(SERVICES[name]["networks"]) <= internal


def test_what_is_waited_for_exists_and_can_be_waited_for() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            # What only has to end later than another one need not be healthy before it.
            running = {"service_healthy", "service_started"}
            expected = {"service_completed_successfully"} if other in ONE_SHOT else running
            assert how["condition"] in expected, f"{name} waits for {other}"


def test_mounted_files_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).is_file(), source
                assert volume.endswith(":ro")
            else:
                assert source in COMPOSE["volumes"]


@pytest.mark.parametrize(
    "script", sorted((ROOT / "docker").rglob("*.sh")), ids=lambda path: path.name
)
def test_scripts_are_executable_and_parse(script: Path) -> None:
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", script], check=True)


def test_the_entrypoint_reads_secrets_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://somewhere")
    answer = subprocess.run(
        ["sh", ROOT / "docker" / "entrypoint.sh", "env"],
        env={"PATH": "/usr/bin:/bin", "FEX_STORAGE__LEDGER_URL_FILE": str(secret)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "FEX_STORAGE__LEDGER_URL=postgresql://somewhere" in answer.stdout.splitlines()
    assert "_FILE" not in answer.stdout


def test_the_file_with_queues_follows_the_specification_and_has_workers_for_each(
    tmp_path: Path,
) -> None:
    overlay = yaml.safe_load((ROOT / "docker-compose.queues.yaml").read_text())
    schema_file = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(schema_file.read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(overlay)] == []

    services = read_compose(together(tmp_path / "compose.yaml", QUEUES), {}).services
    assert services.keys() - SERVICES.keys() == {"worker-cpu", "worker-gpu"}
    parse_dags = ("api-server", "scheduler", "dag-processor", "triggerer")
    workers = [name for name in services if name.startswith("worker")]
    named = set()
    for name in (*parse_dags, *workers):
        found = {key: v for key, v in services[name].environment.items() if "FEX_QUEUES_" in key}
        assert found.keys() <= variables().keys()
        named |= set(found.values())
        assert len(found) == 3, name
    taken = set()
    for name in workers:
        words = services[name].command or ()
        taken |= set(words[words.index("--queues") + 1].split(","))
        assert services[name].secrets == tuple(SERVICES["worker"]["secrets"])
        assert services[name].mounts
    assert taken == named | {"default"}


def test_the_backup_runs_as_a_worker_that_sees_every_database(tmp_path: Path) -> None:
    overlay = yaml.safe_load((ROOT / "docker-compose.backup.yaml").read_text())
    schema_file = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(schema_file.read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(overlay)] == []

    variables = {"FEX_BACKUPS": str(tmp_path)}
    services = read_compose(together(tmp_path / "compose.yaml", BACKUP), variables).services
    backup = services["backup"]
    assert backup.is_one_shot
    assert {"airflow_url", "ledger_url", "mlflow_url", "mlflow_auth_url"} <= set(backup.secrets)
    assert (str(tmp_path), "/backups") in {(m.source, m.target) for m in backup.mounts}
    # What reads a database's URL is given the file.
    for value in backup.environment.values():
        assert set(re.findall(r"/run/secrets/(\w+)", value)) <= set(backup.secrets)
