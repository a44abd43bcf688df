"""Tries to sign in are counted by name and by address, whatever is sent as a try."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

LIMIT = 4


@pytest.fixture
def taken() -> list[bytes]:
    """What reached the application behind the guard."""
    return []


@pytest.fixture
def ask(taken: list[bytes]) -> Any:
    from access.sign_in import SignInGuard

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        taken.append(body)
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    guard = SignInGuard(behind, LIMIT)

    def one(path: str = "/auth/token", address: str = "10.0.0.1", **given: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=guard, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
                return await client.post(path, **given)

        return asyncio.run(send())

    return one


def test_a_name_is_tried_so_often_from_wherever(ask: Any, taken: list[bytes]) -> None:
    names = ["ada", " ADA ", "Ada", "ada"]
    for number, name in enumerate(names):
        answer = ask(json={"username": name, "password": "x"}, address=f"10.0.0.{number}")
        assert answer.status_code == 201
    assert b'"username":" ADA "' in taken[1].replace(b": ", b":")
    refused = ask(json={"username": "ada", "password": "right"}, address="10.9.9.9")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"username": "ada", "password": "right"})
    assert ask("/auth/login/", content=body, headers=form).status_code == 429
    assert ask("/auth/token/cli", json={"username": "ada", "password": "x"}).status_code == 429
    assert ask(json={"username": "grace", "password": "x"}).status_code == 201
    assert len(taken) == LIMIT + 1


def test_an_address_tries_so_many_names(ask: Any) -> None:
    answers = [ask(json={"username": f"u{n}", "password": "x"}).status_code for n in range(15)]
    assert answers == [201] * 3 * LIMIT + [429] * 3
    assert ask(json={"username": "u99", "password": "x"}, address="10.0.0.2").status_code == 201


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"username": 5}', b"\xff\xfe", b"[" * 9000, b"&".join([b"a=b"] * 50)],
)
def test_what_is_no_try_counts_all_the_same(ask: Any, content: bytes) -> None:
    answers = [ask(content=content).status_code for _ in range(LIMIT + 1)]
    assert answers == [201] * LIMIT + [429]


def test_a_long_body_is_refused_before_it_is_read_whole(ask: Any, taken: list[bytes]) -> None:
    async def endless() -> Any:
        while True:
            yield b"x" * 4096

    assert ask(json={"username": "ada", "password": "p" * 20_000}).status_code == 413
    assert ask(content=endless()).status_code == 413
    assert taken == []


def test_other_requests_pass(ask: Any) -> None:
    assert {ask("/auth/users/add", json={}).status_code for _ in range(40)} == {201}
