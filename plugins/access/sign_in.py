"""How often somebody may try to sign in, and how much they may send for it.

FAB limits its form by address (`[fab] auth_rate_limit`) and not its routes for tokens, which
take the same passwords. Here both count, by address and by the name that is tried: behind a
proxy everybody has one address, and a guesser with many addresses tries one name.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from fastapi.responses import JSONResponse

from include.governance.access.limits import TokenBuckets

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTES = ("/token", "/token/cli", "/login")
"""Ends of the addresses that take a password, without a slash at the end."""
ADDRESS_FACTOR = 3
"""An address may try that many times as often as a name: an office, or a proxy."""
MAX_BODY_BYTES = 16 << 10


class SignInGuard:
    """An ASGI middleware. Every try counts, a right one too: the answer tells no more.

    Args:
        app: What takes the tries.
        per_minute: Tries of one name in each server process; of an address thrice as many.
    """

    def __init__(self, app: App, per_minute: int) -> None:
        self._app = app
        self._names = TokenBuckets(per_minute)
        self._addresses = TokenBuckets(ADDRESS_FACTOR * per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the server for each request (ASGI)."""
        path = str(scope.get("path", "")).rstrip("/")
        if scope["type"] != "http" or scope["method"] != "POST" or not path.endswith(ROUTES):
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        wait = self._addresses.take(client[0] if client else "")
        if wait:
            await _too_often(wait)(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            refused = JSONResponse({"detail": f"at most {MAX_BODY_BYTES} bytes"}, 413)
            await refused(scope, receive, send)
            return
        wait = self._names.take(tried_name(body))
        if wait:
            await _too_often(wait)(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)


def _too_often(wait_s: int) -> JSONResponse:
    sentence = f"too many tries to sign in: again in {wait_s} s"
    return JSONResponse({"detail": sentence}, 429, {"Retry-After": str(wait_s)})


async def _body(receive: Receive) -> bytes | None:
    """Read a body whole; None: it is too long, or the client went away."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body once more, then what comes after it."""
    given = False

    async def first_the_body() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return first_the_body


def tried_name(body: bytes) -> str:
    """The name that is tried, as JSON or as a form has it; what has none counts together."""
    try:
        read = json.loads(body)
        found = read.get("username") if isinstance(read, dict) else None
    except (ValueError, RecursionError):
        found = _form(body).get("username", [None])[0]
    return found.strip().casefold()[:200] if isinstance(found, str) else ""


def _form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode(errors="replace"), max_num_fields=20)
    except ValueError:  # more fields than any form of ours
        return {}
