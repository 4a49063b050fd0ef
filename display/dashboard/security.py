"""Who may talk to the dashboard: Host, Origin and token of every request and websocket. Pure but for `Gate`.

A page elsewhere in the same browser can send requests to this machine, also to loopback. Checked is therefore the name
that the browser used (a foreign name that was made to lead here is refused, which ends DNS rebinding), and the page
that a request comes from (another page than ours is refused; websockets are not held back by the browser itself).
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]{1,253})(:[0-9]{1,5})?")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval'; img-src 'self' data:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", POLICY.encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""On every answer: nothing is fetched from elsewhere, and no other page may frame or embed ours."""


@dataclass(frozen=True)
class Door:
    """What is let in.

    Attributes
    ----------
    names
        Names that browsers may use for this server, lower case, without a port.
    addresses
        Whether any IP address will do as well: beyond loopback it is not known which ones lead here, and nobody can
        make a foreign address lead here as a name can be made to.
    token
        Must be shown; empty where none is needed.
    cookie
        Name of the cookie that holds the token, once it was shown.
    """

    names: frozenset[str]
    addresses: bool = False
    token: str = ""
    cookie: str = "eegseek"


@dataclass(frozen=True)
class Refusal:
    """Why not, as an HTTP status and a sentence."""

    status: int
    words: str


def door(host: str, port: int, token: str = "", names: Iterable[str] = ()) -> Door:
    """The door of a server that listens at ``host``.

    Parameters
    ----------
    host, port
        Where it listens.
    token
        That must be shown; empty for none.
    names
        More names that it goes by.
    """
    told = frozenset(name.lower() for name in names)
    cookie = f"eegseek-{port}"
    if loopback(host):
        return Door(LOOPBACK | told, False, token, cookie)
    own = {host.lower(), socket.gethostname().lower()}
    return Door(LOOPBACK | told | own, True, token, cookie)


def loopback(host: str) -> bool:
    """Whether an address to listen at can be reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refused(door: Door, headers: Iterable[tuple[bytes, bytes]], *, websocket: bool = False) -> Refusal | None:
    """Why a request is refused for the name that it used or the page that it comes from; None where it is not.

    Parameters
    ----------
    door
        What is let in.
    headers
        Of the request, names in lower case.
    websocket
        Browsers always send an Origin then; without one it is refused.
    """
    hosts = [value for name, value in headers if name == b"host"]
    origins = [value for name, value in headers if name == b"origin"]
    host = hosts[0].decode("latin-1").lower() if len(hosts) == 1 else ""
    match = HOST.fullmatch(host)
    if match is None or not _known(door, match[1]):
        shown = "none" if not hosts else f"'{hosts[0][:80].decode('latin-1')}'"
        return Refusal(
            403,
            f"this dashboard does not go by the name {shown}; use the address that it printed, or name it in "
            "dashboard.names",
        )
    if websocket and not origins:
        return Refusal(403, "a websocket without an Origin is refused")
    for origin in origins:
        parts = urlsplit(origin.decode("latin-1").lower())
        if parts.scheme not in ("http", "https") or parts.netloc != host:
            return Refusal(403, "requests from pages of another origin are refused")
    return None


def _known(door: Door, name: str) -> bool:
    if name in door.names:
        return True
    if not door.addresses:
        return False
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def shown_token(door: Door, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request's cookie holds the token, or none is needed."""
    if not door.token:
        return True
    for name, value in headers:
        if name == b"cookie":
            try:
                cookies = SimpleCookie(value.decode("latin-1"))
            except CookieError:
                continue
            if door.cookie in cookies and same(cookies[door.cookie].value, door.token):
                return True
    return False


def same(given: str, wanted: str) -> bool:
    """Compare tokens in a time that says nothing."""
    return hmac.compare_digest(given.encode(), wanted.encode())


class Gate:
    """An ASGI application that lets in what the door says, and has the other do the rest.

    ``?token=…`` in the address of a page is turned into a cookie, and the page opened again without it, so that it
    stays in no history and in no copied address.
    """

    def __init__(self, app: App, door: Door) -> None:
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or websocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        websocket = scope["type"] == "websocket"
        refusal = refused(self.door, scope["headers"], websocket=websocket)
        if refusal is None and not shown_token(self.door, scope["headers"]):
            query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
            if not websocket and same(query.get("token", ""), self.door.token):
                await _admit(self.door, scope["path"], query, send)
                return
            refusal = Refusal(401, "this dashboard asks for its token: open the address that it printed, with ?token=…")
        if refusal is not None:
            await _refuse(refusal, send, websocket=websocket)
            return
        await self.app(scope, receive, send if websocket else _guarded(send))


def _guarded(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await send(message)

    return sending


async def _admit(door: Door, path: str, query: Mapping[str, str], send: Send) -> None:
    rest = urlencode({name: value for name, value in query.items() if name != "token"})
    # one slash at the start: with two the browser would take what follows for another server
    where = "/" + path.lstrip("/\\") + (f"?{rest}" if rest else "")
    cookie = f"{door.cookie}={door.token}; Path=/; HttpOnly; SameSite=Strict"
    headers = [(b"location", where.encode("ascii", "ignore")), (b"set-cookie", cookie.encode()), *HEADERS]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(refusal: Refusal, send: Send, *, websocket: bool) -> None:
    if websocket:  # before it is accepted: the server answers with 403
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.words[:120]})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": f"eegseek: {refusal.words}\n".encode()})
