"""Serves our pages under `/fex` of Airflow's API server, behind Airflow's sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

PREFIX = "/fex"


class Pages:
    """The application, built at its first request.

    Every component of Airflow loads every plugin; only the API server serves one.
    """

    def __init__(self) -> None:
        self._app: FastAPI | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Called by the server for each request below the prefix (ASGI)."""
        await self._built()(scope, receive, send)

    def _built(self) -> FastAPI:
        if self._app is None:
            from airflow.configuration import conf
            from pages.app import build

            from include.composition import build_services
            from include.settings import load_settings

            settings = load_settings()
            opened = build_services(settings)
            secret_key = conf.get_mandatory_value("api", "secret_key")
            self._app = build(lambda: opened, settings.pages, secret_key=secret_key)
        return self._app


class FexPages(AirflowPlugin):
    """Registers the pages and their place in Airflow's menu."""

    name = "fex_pages"
    fastapi_apps = [{"app": Pages(), "url_prefix": PREFIX, "name": "fex"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012 - Airflow's signature
        {"name": "Reports", "href": f"{PREFIX}/", "destination": "nav", "url_route": "fex"}
    ]
