"""The application under `/fex`. Every route names the act that it is; none is open.

GET  /                                    what the user may open
GET  /reports, /reports/{study}           studies, recordings and their files
GET  /reports/{study}/{recording}/{file}  a file of the result that readers take
GET  /faces, /faces/{queue}[/{picture}]   label queues, their pictures
GET  /audits, /audits/{sha256}            bias audits
GET  /audit-log                           the newest entries, plain text
POST /requeue                             {"study": ..., "recording": ...}

Studies and recordings stand in addresses as base64url: their names are any text.
"""

from __future__ import annotations

import base64
import binascii
import html
import mimetypes
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from include.composition import Services
from include.contracts.errors import ConfigurationError, PlatformError, TransientError
from include.governance.access.limits import TokenBuckets
from include.governance.access.matrix import AUDIT_LOG, AUDITS, FACES, REPORTS, REQUEUE
from include.ledger.audit_tables import Deed
from include.pipeline import reading
from include.pipeline.audit_log import line
from include.pipeline.requeue import requeue
from include.pipeline.trail import looked
from include.settings import PagesSettings
from pages.rights import allowed_to, may

Reader = Annotated[str, Depends(allowed_to(REPORTS))]
FaceReader = Annotated[str, Depends(allowed_to(FACES))]
AuditReader = Annotated[str, Depends(allowed_to(AUDITS))]
LogReader = Annotated[str, Depends(allowed_to(AUDIT_LOG))]
Requeuer = Annotated[str, Depends(allowed_to(REQUEUE))]
Segment = Annotated[str, Path(min_length=1, max_length=2000)]
Last = Annotated[int, Query(ge=1, le=1000)]
PLACES = (("reports", REPORTS), ("faces", FACES), ("audits", AUDITS), ("audit-log", AUDIT_LOG))
HEADERS = {
    # What a person named a study is data: nothing in a page runs, or loads from elsewhere.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Faces and findings do not stay in a shared browser's cache.
    "Cache-Control": "private, no-store",
}
Links = Iterable[tuple[str, str]]


class RequeueBody(BaseModel):
    """What is put back into the queue."""

    model_config = ConfigDict(extra="forbid")

    study: Annotated[str, Field(min_length=1, max_length=500)]
    recording: Annotated[str, Field(min_length=1, max_length=1000)]


def build(services: Callable[[], Services], settings: PagesSettings) -> FastAPI:
    """Return the application.

    Args:
        services: Opens the collaborators.
        settings: How often one user may ask, and how large a request and an answer may be.
    """
    app = FastAPI(title="Facial expressions", docs_url=None, redoc_url=None, openapi_url=None)
    often = TokenBuckets(settings.requests_per_minute)
    changes = TokenBuckets(settings.changes_per_minute)
    app.state.limit = lambda name, act: (changes if act is REQUEUE else often).take(name)
    app.add_exception_handler(PlatformError, _say)
    _guard(app, settings.max_body_kib << 10)
    _add_reports(app, services, settings.max_file_mib << 20)
    _add_faces(app, services)
    _add_governance(app, services)

    @app.get("/")
    def index(user: GetUserDep) -> HTMLResponse:
        return _page("Facial expressions", [(p, p) for p, act in PLACES if may(user, act)])

    return app


def _guard(app: FastAPI, max_body_bytes: int) -> None:
    @app.middleware("http")
    async def guard(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        length = request.headers.get("content-length", "0")
        if "transfer-encoding" in request.headers or not length.isdecimal():
            response: Response = JSONResponse({"detail": "say how long the body is"}, 411)
        elif int(length) > max_body_bytes:
            response = JSONResponse({"detail": f"at most {max_body_bytes} bytes"}, 413)
        else:
            response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def _add_reports(app: FastAPI, services: Callable[[], Services], max_bytes: int) -> None:
    @app.get("/reports")
    def studies(_who: Reader) -> HTMLResponse:
        names = reading.studies(services())
        return _page("Studies", [(f"reports/{coded(name)}", name) for name in names])

    @app.get("/reports/{study}")
    def recordings(_who: Reader, study: Segment) -> HTMLResponse:
        opened, name = services(), decoded(study)
        return _page(
            name,
            [
                (f"{study}/{coded(recording)}/{reading.REPORT}", recording)
                for recording in reading.recordings(opened, name)
            ],
        )

    @app.get("/reports/{study}/{recording}/{name}")
    def result(
        who: Reader, user: GetUserDep, study: Segment, recording: Segment, name: Segment
    ) -> Response:
        if name == reading.ANNOTATED and not may(user, FACES):
            raise HTTPException(403, f"you may not {FACES.what}")
        opened, names = services(), (decoded(study), decoded(recording))
        found, content = reading.result_file(opened, *names, name, max_bytes=max_bytes)
        if found.shows_faces:
            looked(opened, who=who, study=names[0], recording=names[1], shown=name)
        kind, _ = mimetypes.guess_type(name)
        return Response(content, media_type=kind or "application/octet-stream")


def _add_faces(app: FastAPI, services: Callable[[], Services]) -> None:
    @app.get("/faces")
    def queues(_who: FaceReader) -> HTMLResponse:
        return _page("Label queues", _below("faces", reading.label_queues(services())))

    @app.get("/faces/{queue}")
    def pictures(_who: FaceReader, queue: Segment) -> HTMLResponse:
        return _page(queue, _below(queue, reading.label_pictures(services(), queue)))

    @app.get("/faces/{queue}/{name}")
    def picture(who: FaceReader, queue: Segment, name: Segment) -> Response:
        opened = services()
        content = reading.label_picture(opened, queue, name)
        opened.ledger.audit.append(
            Deed.LOOK, who=who, what=f"label queue {queue}", detail={"shown": "label picture"}
        )
        return Response(content, media_type="image/jpeg")


def _add_governance(app: FastAPI, services: Callable[[], Services]) -> None:
    @app.get("/audits")
    def audits(_who: AuditReader) -> HTMLResponse:
        return _page("Bias audits", _below("audits", reading.audits(services())))

    @app.get("/audits/{sha256}")
    def audit(_who: AuditReader, sha256: Segment) -> HTMLResponse:
        return HTMLResponse(reading.audit_page(services(), sha256))

    @app.get("/audit-log")
    def audit_log(_who: LogReader, last: Last = 200) -> Response:
        entries = services().ledger.audit.entries(newest_first=True, limit=last)
        text = "\n".join(line(entry) for entry in entries)
        return Response(text, media_type="text/plain; charset=utf-8")

    @app.post("/requeue")
    def put_back(who: Requeuer, body: RequeueBody) -> JSONResponse:
        before = requeue(services(), study=body.study, recording=body.recording, who=who)
        return JSONResponse({"was": before.state, "reason": before.reason_code})


def coded(name: str) -> str:
    """Return a name as it stands in an address."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def decoded(segment: str) -> str:
    """Return the name that a part of an address stands for.

    Raises:
        NotThereError: It stands for none.
    """
    try:
        return base64.b64decode(
            segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True
        ).decode()
    except (binascii.Error, ValueError):
        raise reading.NotThereError("this address stands for no name") from None


def _say(_request: Request, error: Exception) -> JSONResponse:
    """An error of the platform as an answer: its sentence, and whose fault it is."""
    status = 409
    if isinstance(error, reading.NotThereError | ConfigurationError):
        status = 404
    elif isinstance(error, reading.TooLargeError):
        status = 413
    elif isinstance(error, TransientError):
        return JSONResponse({"detail": "the store does not answer for now"}, 503)
    return JSONResponse({"detail": str(error)}, status)


def _below(folder: str, names: Iterable[str]) -> list[tuple[str, str]]:
    return [(f"{folder}/{name}", name) for name in names]


def _page(title: str, links: Links) -> HTMLResponse:
    listed = "".join(
        f'<li><a href="{html.escape(target)}">{html.escape(text)}</a></li>'
        for target, text in links
    )
    told = f"<ul>{listed}</ul>" if listed else "<p>Nothing here.</p>"
    name = html.escape(title)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>'
        "<style>body{font:16px system-ui;margin:2rem;max-width:60rem}</style>"
        f"<h1>{name}</h1>{told}</html>"
    )
