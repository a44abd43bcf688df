"""FAB's auth manager, with questions answered by the people whom settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.www.security.permissions import RESOURCE_DAG_RUN, resource_name

from access.sign_in import SignInGuard
from include.settings import load_settings

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
    from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
    from airflow.providers.fab.auth_manager.models import User
    from fastapi import FastAPI


class NamedFabAuthManager(FabAuthManager):
    """FAB with four changes: who answers, what answering takes, what starting a run takes, and
    how often somebody may try to sign in.

    * A task is answered by users whose *name* is among its assigned users. FAB compares its
      own numbers, which nobody who writes a setting or a DAG can know.
    * Answering takes the permission to edit human-in-the-loop details and to read the DAG.
      FAB asks for the permission to edit the DAG as well: whoever may answer could then pause
      it, start it and mark its tasks as done.
    * Starting runs takes the permission to create runs of that very DAG ("DAG Run:name") and
      to read it. FAB asks for the permission to edit the DAG.
    * Tries to sign in are bounded, those for a token too (`sign_in.SignInGuard`).
    """

    def get_fastapi_app(self) -> FastAPI | None:
        """Called by Airflow's server when it starts."""
        app = super().get_fastapi_app()
        if app is not None:
            app.add_middleware(SignInGuard, per_minute=load_settings().pages.sign_ins_per_minute)
        return app

    def is_authorized_hitl_task(self, *, assigned_users: set[str], user: User) -> bool:
        """Called by Airflow where a task has assigned users."""
        return user.username in assigned_users

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: User,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Called by Airflow for whatever belongs to a DAG."""
        if access_entity is DagAccessEntity.HITL_DETAIL and method != "GET":
            may_answer = all(
                self._is_authorized(method=method, resource_type=name, user=user)
                for name in self._get_fab_resource_types(access_entity)
            )
            return may_answer and self._may_read(user, details)
        if access_entity is DagAccessEntity.RUN and method == "POST":
            if details is None or not details.id:
                return False
            runs = resource_name(details.id, RESOURCE_DAG_RUN)
            may_start = self._is_authorized(method=method, resource_type=runs, user=user)
            return may_start and self._may_read(user, details)
        return super().is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )

    def _may_read(self, user: User, details: DagDetails | None) -> bool:
        return super().is_authorized_dag(method="GET", details=details, user=user)
