"""The application under `/fex`. Every route names the act that it is; none is open.

GET  /                                    what the user may open
GET  /reports, /reports/{study}           studies, recordings and their files
GET  /reports/{study}/{recording}/{file}  a file of the result that readers take
GET  /faces, /faces/{queue}[/{picture}]   label queues, their pictures
GET  /audits, /audits/{sha256}            bias audits
GET  /audit-log                           the newest entries, plain text
GET  /set-aside                           what failed or is in quarantine, with a form for each
POST /set-aside                           such a form
POST /requeue                             {"study": ..., "recording": ..., "reason": ...}

Studies and recordings stand in addresses as base64url: their names are any text. A browser gets
errors as pages.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, Form, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from itsdangerous import BadData, URLSafeTimedSerializer
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from include.composition import Services
from include.contracts.errors import ConfigurationError, PlatformError, TransientError
from include.governance.access.limits import TokenBuckets
from include.governance.access.matrix import AUDIT_LOG, AUDITS, FACES, REPORTS, REQUEUE
from include.ledger.audit_tables import Deed
from include.pipeline import reading
from include.pipeline.audit_log import line
from include.pipeline.requeue import requeue, waiting
from include.pipeline.trail import looked
from include.settings import PagesSettings
from pages.markup import Links, below, listing, page
from pages.rights import allowed_to, may

Reader = Annotated[str, Depends(allowed_to(REPORTS))]
FaceReader = Annotated[str, Depends(allowed_to(FACES))]
AuditReader = Annotated[str, Depends(allowed_to(AUDITS))]
LogReader = Annotated[str, Depends(allowed_to(AUDIT_LOG))]
Requeuer = Annotated[str, Depends(allowed_to(REQUEUE))]
Segment = Annotated[str, Path(min_length=1, max_length=2000)]
Last = Annotated[int, Query(ge=1, le=1000)]
PLACES = (
    ("reports", "Reports of studies", REPORTS),
    ("set-aside", "Recordings that failed or were set aside", REQUEUE),
    ("faces", "Pictures of label queues", FACES),
    ("audits", "Bias audits", AUDITS),
    ("audit-log", "Who looked at what, who decided what", AUDIT_LOG),
)
LONGEST_REASON = 300
FORM_VALID_S = 3600
_MOST_ROWS = 200
HEADERS = {
    # What a person named a study is data: nothing in a page runs, or loads from elsewhere.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Faces and findings do not stay in a shared browser's cache.
    "Cache-Control": "private, no-store",
}
Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, pattern=r"\S")]


class RequeueBody(BaseModel):
    """What is put back into the queue."""

    model_config = ConfigDict(extra="forbid")

    study: Annotated[str, Field(min_length=1, max_length=500)]
    recording: Annotated[str, Field(min_length=1, max_length=1000)]
    reason: Reason


def build(services: Callable[[], Services], settings: PagesSettings, *, secret_key: str) -> FastAPI:
    """Return the application.

    Args:
        services: Opens the collaborators.
        settings: How often one user may ask, and how large a request and an answer may be.
        secret_key: Airflow's `[api] secret_key`; signs the forms.
    """
    app = FastAPI(title="Facial expressions", docs_url=None, redoc_url=None, openapi_url=None)
    often = TokenBuckets(settings.requests_per_minute)
    changes = TokenBuckets(settings.changes_per_minute)
    app.state.limit = lambda name, act: (changes if act is REQUEUE else often).take(name)
    app.add_exception_handler(PlatformError, _say)
    app.add_exception_handler(StarletteHTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _say_what_is_wrong)
    _guard(app, settings.max_body_kib << 10)
    _add_reports(app, services, settings.max_file_mib << 20)
    _add_faces(app, services)
    _add_requeue(app, services, URLSafeTimedSerializer(secret_key, salt="fex-requeue"))
    _add_governance(app, services)

    @app.get("/")
    def index(request: Request, user: GetUserDep) -> HTMLResponse:
        root = _root(request)
        open_to = [(f"{root}/{p}", text) for p, text, act in PLACES if may(user, act)]
        return listing("What you may open", open_to)

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
    def studies(request: Request, _who: Reader) -> HTMLResponse:
        names = reading.studies(services())
        links = [(f"{_root(request)}/reports/{coded(name)}", name) for name in names]
        return listing(
            "Studies", links, trail=_trail(request), nothing="No study has a report yet."
        )

    @app.get("/reports/{study}")
    def recordings(request: Request, _who: Reader, study: Segment) -> HTMLResponse:
        opened, name, above = services(), decoded(study), f"{_root(request)}/reports"
        links = [
            (f"{above}/{study}/{coded(recording)}/{reading.REPORT}", recording)
            for recording in reading.recordings(opened, name)
        ]
        if not links:
            raise reading.NotThereError("no study of that name has a report")
        return listing(name, links, trail=_trail(request, (above, "Studies")), lead="Recordings")

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
    def queues(request: Request, _who: FaceReader) -> HTMLResponse:
        links = below(f"{_root(request)}/faces", reading.label_queues(services()))
        return listing(
            "Label queues", links, trail=_trail(request), nothing="No queue was drawn yet."
        )

    @app.get("/faces/{queue}")
    def pictures(request: Request, _who: FaceReader, queue: Segment) -> HTMLResponse:
        names, above = reading.label_pictures(services(), queue), f"{_root(request)}/faces"
        return listing(
            queue,
            below(f"{above}/{quote(queue, safe='')}", names),
            trail=_trail(request, (above, "Label queues")),
            lead="Each look at a picture is written into the audit log.",
        )

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
    def audits(request: Request, _who: AuditReader) -> HTMLResponse:
        links = below(f"{_root(request)}/audits", reading.audits(services()))
        return listing(
            "Bias audits", links, trail=_trail(request), nothing="No audit was made yet."
        )

    @app.get("/audits/{sha256}")
    def audit(_who: AuditReader, sha256: Segment) -> HTMLResponse:
        return HTMLResponse(reading.audit_page(services(), sha256))

    @app.get("/audit-log")
    def audit_log(_who: LogReader, last: Last = 200) -> Response:
        entries = services().ledger.audit.entries(newest_first=True, limit=last)
        text = "\n".join(line(entry) for entry in entries)
        return Response(text, media_type="text/plain; charset=utf-8")


def _add_requeue(
    app: FastAPI, services: Callable[[], Services], forms: URLSafeTimedSerializer
) -> None:
    @app.post("/requeue")
    def put_back(who: Requeuer, body: RequeueBody) -> JSONResponse:
        before = requeue(
            services(), study=body.study, recording=body.recording, who=who, why=body.reason
        )
        return JSONResponse({"was": before.state, "reason": before.reason_code})

    @app.get("/set-aside")
    def set_aside(request: Request, who: Requeuer) -> HTMLResponse:
        rows = [
            {
                "study": row.study,
                "recording": row.recording,
                "state": row.state,
                "reason_code": row.reason_code,
                "reason": row.reason,
                "token": forms.dumps([who, row.study, row.recording]),
            }
            for row in waiting(services(), limit=_MOST_ROWS)
        ]
        return page(
            "set-aside.html.j2",
            title="Failed or set aside",
            lead=f"The last {_MOST_ROWS} at most. What is put back is analysed as if new; purpose "
            "and consent are asked for again. The reason goes into the audit log with your name.",
            trail=_trail(request),
            rows=rows,
            here=f"{_root(request)}/set-aside",
            longest=LONGEST_REASON,
        )

    @app.post("/set-aside")
    def put_back_by_form(
        request: Request,
        who: Requeuer,
        token: Annotated[str, Form(max_length=8000)],
        reason: Annotated[Reason, Form()],
    ) -> Response:
        # Only a page that was made for this person holds such a token: another site's does not.
        try:
            name, study, recording = forms.loads(token, max_age=FORM_VALID_S)
        except (BadData, ValueError):
            name = None
        if name != who:
            raise HTTPException(403, "the form is not yours, or older than an hour: open it again")
        requeue(services(), study=study, recording=recording, who=who, why=reason)
        return RedirectResponse(f"{_root(request)}/set-aside", HTTPStatus.SEE_OTHER)


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


def _say(request: Request, error: Exception) -> Response:
    """An error of the platform as an answer: its sentence, and whose fault it is."""
    status = 409
    if isinstance(error, reading.NotThereError | ConfigurationError):
        status = 404
    elif isinstance(error, reading.TooLargeError):
        status = 413
    elif isinstance(error, TransientError):
        return _answer(request, 503, "the store does not answer for now")
    return _answer(request, status, str(error))


def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, StarletteHTTPException):
        raise error
    return _answer(request, error.status_code, str(error.detail), error.headers)


def _say_what_is_wrong(request: Request, error: Exception) -> Response:
    """Names what is wrong without repeating what was sent."""
    if not isinstance(error, RequestValidationError):
        raise error
    wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return _answer(request, 422, "; ".join(wrong))


def _answer(
    request: Request, status: int, sentence: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A sentence, as a page where a browser asks."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": sentence}, status, headers)
    links: Links = [(f"{_root(request)}/", "What you may open")]
    if status == HTTPStatus.UNAUTHORIZED:
        back = quote(f"{_root(request)}/", safe="")
        airflow = _root(request).rpartition("/")[0]
        links = [(f"{airflow}/api/v2/auth/login?next={back}", "Sign in")]
        sentence = "These pages are for people who have signed in."
    answer = listing(HTTPStatus(status).phrase, links, lead=sentence, status=status)
    answer.headers.update(headers or {})
    return answer


def _root(request: Request) -> str:
    """The address under which Airflow's server has these pages."""
    return str(request.scope.get("root_path", ""))


def _trail(request: Request, *above: tuple[str, str]) -> Links:
    return [(f"{_root(request)}/", "All pages"), *above]
