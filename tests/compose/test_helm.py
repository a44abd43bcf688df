"""deploy/helm: made from the compose file, valid Kubernetes, every task with a place to run.

No cluster and no chart are here. Pods are made of the templates by the KubernetesExecutor's own
code and validated with Kubernetes' own schemas; the chart's values against the parameters that
we use of it, written down after its reference. What the chart makes of them is not checked.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from include.platform.kubernetes.__main__ import CHANGES, FOLDER, documents, text_of
from include.platform.kubernetes.pods import TEMPLATES
from include.platform.kubernetes.stages import STAGES
from include.platform.stack.compose import read_compose
from include.settings import load_settings, variables

ROOT = Path(__file__).parents[2]
DOCUMENTS = documents()
VALUES, PER_POD = DOCUMENTS["values.yaml"], DOCUMENTS["values-kubernetes-executor.yaml"]
PODS = {stage.name: DOCUMENTS[f"pod-templates/{stage.name}.yaml"] for stage in STAGES}
MANIFESTS = {**PODS, "model-init": DOCUMENTS["model-init.yaml"]}
RELEASES = ("1.30", kubernetes_validate.latest_version())
SCHEMA = json.loads((Path(__file__).parent / "chart_values.schema.json").read_text())
COMPONENTS = ("apiServer", "scheduler", "dagProcessor", "triggerer", "migrateDatabaseJob")

Json = dict[str, Any]
each_manifest = pytest.mark.parametrize("name", sorted(MANIFESTS))


def spec_of(manifest: Json) -> Json:
    spec = manifest["spec"]
    return spec["template"]["spec"] if manifest["kind"] == "Job" else spec


def environments() -> dict[str, dict[str, str]]:
    lists = {"values": VALUES["env"], "values-kubernetes-executor": PER_POD["env"]}
    lists |= {name: spec_of(found)["containers"][0]["env"] for name, found in MANIFESTS.items()}
    return {
        name: {entry["name"]: entry["value"] for entry in entries}
        for name, entries in lists.items()
    }


def mounted(volumes: list[Json], mounts: list[Json]) -> set[str]:
    """Names of the secrets that a container finds under /run/secrets."""
    (secret,) = (volume for volume in volumes if "secret" in volume)
    places = {mount["name"]: mount for mount in mounts}
    assert places[secret["name"]]["mountPath"] == "/run/secrets"
    assert places[secret["name"]]["readOnly"] is True
    assert set(places) == {volume["name"] for volume in volumes}
    return {item["path"] for item in secret["secret"]["items"]}


def asked_for(*texts: str) -> set[str]:
    return set(re.findall(r"/run/secrets/(\w+)", " ".join(texts)))


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_what_is_committed_is_what_the_compose_file_gives(name: str) -> None:
    assert (FOLDER / name).read_text() == text_of(DOCUMENTS[name]), "run: make helm"
    assert {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.yaml")} == set(
        DOCUMENTS
    )


@pytest.mark.parametrize("release", RELEASES)
@each_manifest
def test_manifests_follow_kubernetes_schema(name: str, release: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], release, strict=True)


def test_the_schema_refuses_what_is_wrong() -> None:
    for broken in ("serviceAcountName", "automountServiceAccountTokens"):
        pod = copy.deepcopy(PODS["io"])
        pod["spec"][broken] = "x"
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(pod, RELEASES[-1], strict=True)
    pod = copy.deepcopy(PODS["io"])
    pod["spec"]["terminationGracePeriodSeconds"] = "soon"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pod, RELEASES[-1], strict=True)


def test_the_values_are_parameters_of_the_chart() -> None:
    check = jsonschema.Draft202012Validator(SCHEMA)
    check.check_schema(SCHEMA)
    assert [error.message for error in check.iter_errors(VALUES)] == []
    together = {**VALUES, **PER_POD, "scheduler": {**VALUES["scheduler"], **PER_POD["scheduler"]}}
    assert [error.message for error in check.iter_errors(together)] == []
    for wrong in (
        {**VALUES, "dagProcesor": {}},
        {**VALUES, "executor": "LocalExecutor"},
        {**VALUES, "scheduler": {**VALUES["scheduler"], "replicas": "1"}},
    ):
        assert list(check.iter_errors(wrong))


@pytest.mark.parametrize("where", sorted(environments()))
def test_every_variable_is_a_setting_with_an_accepted_value(where: str) -> None:
    found = environments()[where]
    ours = {name: value for name, value in found.items() if name.startswith("FEX_")}
    assert {name.removesuffix("_FILE") for name in ours} <= variables().keys()
    plain = {name: value for name, value in ours.items() if not name.endswith("_FILE")}
    plain["FEX_STORAGE__LEDGER_URL"] = "postgresql+psycopg2://fex:word@postgres/fex"
    settings = load_settings(plain)
    assert settings.storage.lake_url == "s3://fex/lake"
    assert settings.discovery.consent == "required"


@pytest.mark.parametrize("where", sorted(environments()))
def test_variables_are_those_of_the_compose_file_but_for_what_is_said_to_differ(where: str) -> None:
    services = read_compose(ROOT / "docker-compose.yaml", {}).services
    service = services["model-init" if where == "model-init" else "worker"]
    found = environments()[where]
    others = CHANGES.keys() | {"FEX_QUEUES__POD_TEMPLATES", "AIRFLOW__CORE__EXECUTOR"}
    assert {name: value for name, value in found.items() if name not in others} == {
        name: value for name, value in service.environment.items() if name not in others
    }


def test_secrets_come_by_reference_and_each_reader_is_given_its_own() -> None:
    for name, manifest in MANIFESTS.items():
        spec = spec_of(manifest)
        given = mounted(spec["volumes"], spec["containers"][0]["volumeMounts"])
        assert asked_for(*environments()[name].values()) <= given, name
    common = asked_for(*environments()["values"].values())
    for component in COMPONENTS:
        values = VALUES[component]
        given = mounted(values["extraVolumes"], values["extraVolumeMounts"])
        typed = asked_for(*values["args"])
        if component != "migrateDatabaseJob":
            assert common | typed <= given, component
        assert typed <= given, component
    celery = VALUES["workers"]["celery"]
    assert common <= mounted(celery["extraVolumes"], celery["extraVolumeMounts"])
    written = json.dumps(DOCUMENTS)
    assert "://:" not in written, "a URL with a password"
    assert not re.search(r"://[^/\"]+:[^/\"]+@", written)


@each_manifest
def test_containers_may_do_nothing_that_they_need_not(name: str) -> None:
    spec = spec_of(MANIFESTS[name])
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 50000
    (container,) = spec["containers"]
    assert container["securityContext"] == VALUES["securityContexts"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {"cpu", "memory"} == container["resources"]["limits"].keys()
    assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]


def test_only_the_scheduler_that_makes_pods_is_let_into_kubernetes() -> None:
    accounts = {name: VALUES[name]["serviceAccount"] for name in COMPONENTS if name in VALUES}
    accounts["workers"] = VALUES["workers"]["celery"]["serviceAccount"]
    assert {account["automountServiceAccountToken"] for account in accounts.values()} == {False}
    assert PER_POD["scheduler"]["serviceAccount"] == {"automountServiceAccountToken": True}


RENDER = """
import json, sys
from datetime import datetime
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
templates = sys.argv[2]
bag = DagBag(dag_folder=sys.argv[1])
assert not bag.import_errors, bag.import_errors
found = []
for dag in bag.dags.values():
    for task in dag.tasks:
        file = (task.executor_config or {}).get("pod_template_file", "")
        base = PodGenerator.deserialize_model_file(file.replace(sys.argv[3], templates))
        pod = PodGenerator.construct_pod(
            dag_id=dag.dag_id, task_id=task.task_id, pod_id=f"{dag.dag_id}-{task.task_id}",
            try_number=1, kube_image=None, date=datetime.fromisoformat(sys.argv[4]),
            args=["a", "task"], pod_override_object=None, base_worker_pod=base, namespace="fex",
            scheduler_job_id="7", run_id="a run", map_index=-1,
        )
        found.append({"task": f"{dag.dag_id}.{task.task_id}", "queue": task.queue, "file": file,
                      "pod": PodGenerator.serialize_pod(pod)})
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """Every task of every DAG with the pod that the KubernetesExecutor would ask for."""
    named = {
        name: value
        for name, value in environments()["values-kubernetes-executor"].items()
        if name.startswith("FEX_QUEUES__")
    }
    done = subprocess.run(
        [
            *(sys.executable, "-c", RENDER, str(ROOT / "dags")),
            *(str(FOLDER / "pod-templates"), TEMPLATES, datetime.now(UTC).isoformat()),
        ],
        env={
            **os.environ,
            **named,
            "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: list[Json] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_every_task_has_a_pod_of_its_stage_that_kubernetes_takes(rendered: list[Json]) -> None:
    assert len(rendered) > 30
    for entry in rendered:
        pod = entry["pod"]
        kubernetes_validate.validate(pod, RELEASES[-1], strict=True)
        stage = pod["metadata"]["labels"]["fex/needs"]
        assert entry["file"] == f"{TEMPLATES}/{stage}.yaml", entry["task"]
        (container,) = pod["spec"]["containers"]
        assert container["args"] == ["a", "task"]
        assert container["image"] == PODS[stage]["spec"]["containers"][0]["image"]
        limits = PODS[stage]["spec"]["containers"][0]["resources"]["limits"]
        assert container["resources"]["limits"] == limits
    stages = {entry["pod"]["metadata"]["labels"]["fex/needs"] for entry in rendered}
    assert stages == {"io", "cpu", "gpu"}


def test_every_queue_has_workers_and_every_worker_set_a_queue(rendered: list[Json]) -> None:
    used = {entry["queue"] for entry in rendered}
    taken_from: set[str] = set()
    for workers in VALUES["workers"]["celery"]["sets"]:
        named = workers["args"][workers["args"].index("--queues") + 1]
        assert workers["queue"] == named
        taken_from |= set(named.split(","))
    assert used <= taken_from
    # What is in no queue of ours (callbacks of deadlines) waits in Airflow's own.
    assert taken_from == used | {"default"}


def test_the_image_has_the_templates_where_the_setting_names_them() -> None:
    copied = (
        f"COPY {TEMPLATES.removeprefix('/opt/project/')} {TEMPLATES.removeprefix('/opt/project/')}"
    )
    assert copied in (ROOT / "docker" / "Dockerfile").read_text()
    (where,) = (
        entry["value"] for entry in PER_POD["env"] if entry["name"] == "FEX_QUEUES__POD_TEMPLATES"
    )
    assert where == TEMPLATES
