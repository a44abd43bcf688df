"""Who asks, and whether the matrix lets them: for both auth managers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import HTTPException, Request

from include.governance.access.matrix import Act, Role

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

_SIMPLE: dict[str, frozenset[Role]] = {
    "viewer": frozenset({Role.MARKETER}),
    "user": frozenset({Role.AUDITOR, Role.APPROVER}),
    "op": frozenset({Role.OPERATOR}),
    "admin": frozenset(Role),
}
"""What the roles of Airflow's simple auth manager are here; it knows no others."""


def may(user: BaseUser, act: Act) -> bool:
    """Whether the user may do it."""
    if isinstance(user, SimpleAuthManagerUser):
        return bool(_SIMPLE.get((user.role or "").lower(), frozenset()) & act.roles)
    manager = get_auth_manager()
    return all(
        # FAB's manager takes its own names of actions.
        manager.is_authorized_custom_view(method=action, resource_name=resource, user=user)  # type: ignore[arg-type]
        for action, resource in act.permissions
    )


def allowed_to(act: Act) -> Callable[[Request, BaseUser], str]:
    """Return a dependency: the name of a user who may do it and does not ask too often."""

    def check(request: Request, user: GetUserDep) -> str:
        name: str = user.get_name()
        if not may(user, act):
            raise HTTPException(403, f"you may not {act.what}")
        if wait := request.app.state.limit(name, act):
            again = {"Retry-After": str(wait)}
            raise HTTPException(429, f"too many requests: again in {wait} s", headers=again)
        return name

    return check
