"""The embedded registry: MLflow's own store, without a server.

The backend database and the artefact folder are used directly. A package is a
plain artefact of a run (`mlflow.pytorch` wants pickle or pt2), and the model
version points at its URI.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from include.contracts.documents import Content
from ml.packaging.unpack import package_sha256
from ml.registry.beside import read_beside
from ml.registry.protocol import (
    Document,
    ModelRegistry,
    ModelVersion,
    RegistryError,
    VersionStatus,
    check_metadata,
    fetch_checked,
    may_carry,
)

EXPERIMENT = "model-packages"
_SHA256, _STATUS, _COMMENT = "sha256", "status", "comment"
_METRIC, _OF_MLFLOW = "metric.", "mlflow."
_SQLITE = "sqlite:///"
_PAGE = 1000


class MlflowRegistry(ModelRegistry):
    """Registry in an MLflow backend store.

    Args:
        tracking_uri: `sqlite:///{path}` or another MLflow backend store.
        artifact_uri: `file://` or `s3://` folder for packages.
    """

    def __init__(self, *, tracking_uri: str, artifact_uri: str) -> None:
        self._tracking_uri = tracking_uri
        self._artifact_uri = artifact_uri.rstrip("/")
        self._depth = 0

    def register(
        self,
        name: str,
        package: Path,
        *,
        metrics: Mapping[str, float] | None = None,
        metadata: Mapping[str, str] | None = None,
        documents: Mapping[Document, Mapping[str, Any]] | None = None,
    ) -> ModelVersion:
        """Store a package as a run's artefact and return its version."""
        check_metadata(metadata or {})
        sha256 = package_sha256(package)
        with self.exclusive():
            for version in self.list_versions(name):
                if version.sha256 == sha256:
                    return version
            client = self._client
            self._ensure_name(name)
            run = client.create_run(self._experiment(), run_name=f"{name} {sha256[:12]}")
            for key, value in (metrics or {}).items():
                client.log_metric(run.info.run_id, key, value)
            client.log_artifact(run.info.run_id, str(package))
            for kind, content in (documents or {}).items():
                client.log_dict(run.info.run_id, dict(content), f"{kind}.json")
            client.set_terminated(run.info.run_id)
            tags = {
                **(metadata or {}),
                _SHA256: sha256,
                _STATUS: VersionStatus.PENDING.value,
                **{f"{_METRIC}{key}": repr(value) for key, value in (metrics or {}).items()},
            }
            source = f"{run.info.artifact_uri}/{package.name}"
            created = client.create_model_version(
                name, source=source, run_id=run.info.run_id, tags=tags
            )
            return self.get(name, str(created.version))

    def list_versions(self, name: str) -> tuple[ModelVersion, ...]:
        """Return all versions, oldest first; empty for an unknown name."""
        literal = name.replace("'", "''")
        found = self._client.search_model_versions(f"name = '{literal}'", max_results=_PAGE)
        aliases = self._aliases(name) if found else {}
        versions = [_version(item, aliases) for item in found]
        return tuple(sorted(versions, key=lambda version: int(version.version)))

    def set_status(
        self,
        name: str,
        version: str,
        status: VersionStatus,
        *,
        comment: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Approve or reject a version."""
        check_metadata(metadata or {})
        self.get(name, version)
        tags = {
            **(metadata or {}),
            _STATUS: status.value,
            **({_COMMENT: comment} if comment else {}),
        }
        for key, value in tags.items():
            self._client.set_model_version_tag(name, version, key, value)
        return self.get(name, version)

    def set_alias(self, name: str, alias: str, version: str) -> ModelVersion:
        """Point an alias at a version that may carry it."""
        if not may_carry(alias, self.get(name, version).status):
            raise RegistryError(f"version {version} of model {name!r} is not approved")
        self._client.set_registered_model_alias(name, alias, version)
        return self.get(name, version)

    def drop_alias(self, name: str, alias: str) -> None:
        """Take an alias off the version that carries it, if any does."""
        if self.get_by_alias(name, alias) is not None:
            self._client.delete_registered_model_alias(name, alias)

    def fetch(self, version: ModelVersion, into_dir: Path) -> Path:
        """Copy the package to `into_dir/model.tar.gz`, checked against its sha256."""
        return fetch_checked(
            version,
            into_dir,
            lambda target: _copy(version.package_uri, target, self._tracking_uri),
        )

    def document(self, version: ModelVersion, kind: Document) -> Content | None:
        """Return a document that lies beside a version, None where there is none."""
        found = self._client.get_model_version(version.name, version.version)
        names = {item.path for item in self._client.list_artifacts(found.run_id)}
        if f"{kind}.json" not in names:
            return None
        with tempfile.TemporaryDirectory() as scratch:
            path = self._client.download_artifacts(found.run_id, f"{kind}.json", scratch)
            return read_beside(Path(path).read_bytes(), f"{version.package_uri}, {kind}.json")

    def attach(self, version: ModelVersion, kind: Document, content: Mapping[str, Any]) -> None:
        """Write the document as an artefact of the version's run."""
        found = self._client.get_model_version(version.name, version.version)
        self._client.log_dict(found.run_id, dict(content), f"{kind}.json")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold a lock beside the SQLite file; other stores are left to themselves."""
        if not self._tracking_uri.startswith(_SQLITE) or self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        database = Path(self._tracking_uri.removeprefix(_SQLITE))
        database.parent.mkdir(parents=True, exist_ok=True)
        with database.with_name(database.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1

    @cached_property
    def _client(self) -> Any:
        # Opening creates or migrates the tables, which two processes cannot do at once.
        with self.exclusive():
            # MLflow reads this at import; the platform calls nobody.
            os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
            os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
            logging.getLogger("mlflow").setLevel(logging.WARNING)
            logging.getLogger("alembic").setLevel(logging.WARNING)
            from mlflow import MlflowClient

            self._create_database(MlflowClient)
            client = MlflowClient(self._tracking_uri, self._tracking_uri)
            client.search_registered_models(max_results=1)
            return client

    def _create_database(self, client: Any) -> None:
        """Make a missing SQLite database aside and rename it when its tables are complete.

        MLflow makes them one by one: a process that is killed meanwhile would
        leave a database that no later one can open.
        """
        database = Path(self._tracking_uri.removeprefix(_SQLITE))
        if not self._tracking_uri.startswith(_SQLITE) or database.exists():
            return
        aside = database.with_name(f"{database.name}.new")
        aside.unlink(missing_ok=True)
        aside.with_name(f"{aside.name}-journal").unlink(missing_ok=True)
        uri = f"{_SQLITE}{aside}"
        client(uri, uri).search_registered_models(max_results=1)
        aside.rename(database)

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=self._artifact_uri))

    def _ensure_name(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _aliases(self, name: str) -> dict[str, list[str]]:
        aliases: dict[str, list[str]] = {}
        for alias, version in self._client.get_registered_model(name).aliases.items():
            aliases.setdefault(str(version), []).append(alias)
        return aliases


def _copy(uri: str, target: Path, tracking_uri: str) -> None:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        shutil.copyfile(unquote(parts.path), target)
        return
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        found = download_artifacts(artifact_uri=uri, dst_path=scratch, tracking_uri=tracking_uri)
        Path(found).replace(target)


def _version(item: Any, aliases: Mapping[str, list[str]]) -> ModelVersion:
    tags = dict(item.tags)
    metrics = {
        key.removeprefix(_METRIC): float(value)
        for key, value in tags.items()
        if key.startswith(_METRIC)
    }
    return ModelVersion(
        name=item.name,
        version=str(item.version),
        package_uri=item.source,
        sha256=tags.get(_SHA256, ""),
        aliases=tuple(sorted(aliases.get(str(item.version), []))),
        status=VersionStatus(tags.get(_STATUS, VersionStatus.PENDING)),
        metrics=metrics,
        metadata={
            key: value
            for key, value in tags.items()
            if key not in {_SHA256, _STATUS, _COMMENT} and not key.startswith((_METRIC, _OF_MLFLOW))
        },
        comment=tags.get(_COMMENT, ""),
    )
