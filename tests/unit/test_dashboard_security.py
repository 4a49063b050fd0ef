from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from display.dashboard.process import address_of, token_of
from display.dashboard.security import Door, Gate, door, loopback, refused, same, shown_token

NEAR = door("127.0.0.1", 8477)
FAR = door("192.168.1.20", 8477, "t" * 20, ("lab.example",))
Headers = list[tuple[bytes, bytes]]


def headers(host: str | None = "127.0.0.1:8477", origin: str | None = None, cookie: str | None = None) -> Headers:
    given = {"host": host, "origin": origin, "cookie": cookie}
    return [(name.encode(), value.encode()) for name, value in given.items() if value is not None]


@pytest.mark.parametrize("host", ["127.0.0.1:8477", "localhost:9000", "LOCALHOST", "[::1]:8477"])
def test_names_of_this_machine_are_let_in_at_any_port_so_that_tunnels_work(host: str) -> None:
    assert refused(NEAR, headers(host)) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example:8477", "127.0.0.1.evil.example", "10.0.0.5:8477", "", "127.0.0.1:8477:1", "local host", "a" * 300],
)
def test_other_names_are_refused_on_loopback(host: str) -> None:
    found = refused(NEAR, headers(host))
    assert found is not None
    assert found.status == 403
    assert "\n" not in found.words


def test_no_host_and_two_hosts_are_refused() -> None:
    assert refused(NEAR, headers(None)) is not None
    assert refused(NEAR, [*headers(), *headers("evil.example")]) is not None


def test_beyond_loopback_addresses_and_given_names_are_let_in_and_foreign_names_are_not() -> None:
    assert refused(FAR, headers("192.168.1.20:8477")) is None
    assert refused(FAR, headers("10.1.2.3:8477")) is None
    assert refused(FAR, headers("[fe80::1]:8477")) is None
    assert refused(FAR, headers("LAB.example:8477")) is None
    assert refused(FAR, headers("evil.example:8477")) is not None


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:8478", "file://", "http://127.0.0.1", "ws://127.0.0.1:8477"],
)
def test_pages_of_another_origin_are_refused(origin: str) -> None:
    assert refused(NEAR, headers(origin=origin)) is not None
    assert refused(NEAR, headers(origin=origin), websocket=True) is not None


def test_a_websocket_needs_an_origin_and_a_request_does_not() -> None:
    assert refused(NEAR, headers()) is None
    assert refused(NEAR, headers(), websocket=True) is not None
    assert refused(NEAR, headers(origin="http://127.0.0.1:8477"), websocket=True) is None


def test_the_token_is_shown_by_the_cookie_of_this_port() -> None:
    token = "t" * 20
    assert shown_token(NEAR, headers())
    assert not shown_token(FAR, headers())
    assert shown_token(FAR, headers(cookie=f"other=1; eegseek-8477={token}"))
    assert not shown_token(FAR, headers(cookie=f"eegseek-8478={token}"))
    assert not shown_token(FAR, headers(cookie=f"eegseek-8477={token}x"))
    assert not shown_token(FAR, headers(cookie="eegseek-8477=ü"))
    assert same("ä", "ä")
    assert not same("ä", "a")


@pytest.mark.parametrize(
    ("host", "near"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("[::1]", True), ("0.0.0.0", False), ("lab", False)],
)
def test_what_is_loopback(host: str, near: bool) -> None:
    assert loopback(host) is near


def through(gate: Gate, scope: dict[str, Any]) -> list[MutableMapping[str, Any]]:
    """What a request brings back."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(gate(scope, receive, send))
    return sent


async def inner(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in"})


def request(kind: str = "http", path: str = "/", query: bytes = b"", **given: str) -> dict[str, Any]:
    return {"type": kind, "path": path, "query_string": query, "headers": headers(**given)}


def test_the_gate_refuses_before_the_application_hears_of_it() -> None:
    gate = Gate(inner, NEAR)
    assert through(gate, request())[0]["status"] == 200
    assert through(gate, request(host="evil.example"))[0]["status"] == 403
    assert through(gate, request("websocket"))[0]["type"] == "websocket.close"
    assert through(gate, request("websocket", origin="http://127.0.0.1:8477"))[0]["type"] == "websocket.accept"
    names = {name for name, _ in through(gate, request())[0]["headers"]}
    assert {b"content-security-policy", b"x-frame-options", b"referrer-policy"} <= names


def test_a_token_in_the_address_becomes_a_cookie_and_leaves_the_address() -> None:
    token = "t" * 20
    gate = Gate(inner, Door(NEAR.names, token=token, cookie="c"))
    assert through(gate, request())[0]["status"] == 401
    assert through(gate, request(query=b"token=wrong"))[0]["status"] == 401
    assert through(gate, request("websocket", origin="http://127.0.0.1:8477"))[0]["type"] == "websocket.close"
    found = dict(through(gate, request(path="//evil.example/x", query=f"a=1&token={token}".encode()))[0]["headers"])
    assert found[b"location"] == b"/evil.example/x?a=1"
    assert found[b"set-cookie"].startswith(f"c={token};".encode())
    assert through(gate, request(cookie=f"c={token}"))[0]["status"] == 200


def test_a_token_is_made_beyond_loopback_and_kept_for_the_session(tmp_path: Any) -> None:
    from config.load import validate

    assert token_of(validate({}), tmp_path) == ""
    assert token_of(validate({"dashboard": {"token": "x" * 16}}), tmp_path) == "x" * 16
    far = validate({"dashboard": {"host": "0.0.0.0"}})
    made = token_of(far, tmp_path)
    assert len(made) >= 32
    assert token_of(far, tmp_path) != made
    (tmp_path / "dashboard.url").write_text(address_of("0.0.0.0", 1, made) + "\n")
    assert token_of(far, tmp_path) == made


@pytest.mark.parametrize(
    ("host", "told"),
    [("127.0.0.1", "http://127.0.0.1:80/"), ("0.0.0.0", "http://10.1.2.3:80/"), ("::1", "http://[::1]:80/")],
)
def test_the_address_that_is_told(host: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("display.dashboard.process.own_address", lambda: "10.1.2.3")
    assert address_of(host, 80, "") == told
    assert address_of(host, 80, "k") == told + "?token=k"
