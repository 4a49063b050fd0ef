"""How far our LSL streams reach: this machine only, unless the local network is asked for.

liblsl reads its configuration once, before its first call, so each process says early what it is: one that opens
outlets (`restrict`) or one that only listens (`listen`). A second call in the same process changes nothing. What the
user has configured (``LSLAPICFG``, ``lsl_api.cfg``, ``~/lsl_api/lsl_api.cfg``, ``/etc/lsl_api/lsl_api.cfg``) is kept;
our keys are added to it.

Configuration alone only *hides* an outlet: liblsl 1.18 still listens on every interface, and a machine that knows our
address can connect (tried between two network namespaces). `seal` closes that on Linux by binding the outlet's sockets
to the loopback device.
"""

from __future__ import annotations

import configparser
import logging
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import unescape

Scope = Literal["machine", "network"]
Keys = dict[str, dict[str, str]]

_QUIET: Keys = {"log": {"level": "-3"}}  # what goes wrong is ours to say
_MACHINE: Keys = {
    "multicast": {"ResolveScope": "machine", "ListenAddress": "127.0.0.1"},
    "ports": {"IPv6": "disable"},
}
_log = logging.getLogger(__name__)
_lock = threading.Lock()
_configured: list[Scope] = []


def restrict(lan: bool = False) -> Scope:
    """Prepare this process for outlets.

    Parameters
    ----------
    lan
        Let them be found on the local network: LSL has neither encryption nor authentication, so this warns.

    Returns
    -------
    ``machine`` or ``network``: what holds in this process, which is what was asked for only if LSL was not in use yet.
    """
    scope = _configure("network" if lan else "machine")
    if lan:
        _log.warning("LSL streams of this process are open to the local network, unencrypted")
    return scope


def listen() -> Scope:
    """Prepare this process for listening: headsets on the local network are found, and outlets kept to this machine."""
    return _configure("network")


def seal(outlet: Any) -> bool:
    """Refuse connections to an outlet from other machines.

    Parameters
    ----------
    outlet
        A ``pylsl.StreamOutlet`` made after `restrict`.

    Returns
    -------
    True where its sockets now accept loopback traffic only; False (and a warning) where the system cannot do that, so
    that the outlet is hidden but not closed.
    """
    device = getattr(socket, "SO_BINDTODEVICE", None)
    ports = _ports(outlet.get_info().as_xml())
    try:
        bound = [_bind(fd, device) for fd in _open_files() if device is not None and _port_of(fd) in ports]
    except OSError as error:
        _log.warning("an LSL outlet could not be bound to the loopback device (%s): it is hidden, not closed", error)
        return False
    if not bound:
        _log.warning("this system cannot bind LSL outlets to the loopback device: they are hidden, not closed")
    return bool(bound)


def _configure(scope: Scope) -> Scope:
    # by name: importing this module must not load LSL (workers do without it), only calling it does
    pylsl = import_module("pylsl")
    with _lock:
        if not _configured:
            ours = [_QUIET] if scope == "network" else [_QUIET, _MACHINE]
            pylsl.set_config_content(merged(_user_config(), ours))
            _configured.append(scope)
        return _configured[0]


def merged(text: str, ours: Iterable[Keys]) -> str:
    """A configuration in INI form: the user's text, our keys in place of theirs but for a log level they chose."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=(";", "#"))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as error:
        _log.warning("the LSL configuration file is not understood and is left out: %s", str(error).splitlines()[0])
        parser.clear()
    for keys in ours:
        for section, pairs in keys.items():
            if not parser.has_section(section):
                parser.add_section(section)
            for key, value in pairs.items():
                if section != "log" or not parser.has_option(section, key):
                    parser.set(section, key, value)
    return "".join(
        f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in parser.items(section))
        for section in parser.sections()
    )


def _user_config() -> str:
    """Text of the first configuration file that liblsl itself would read."""
    named = os.environ.get("LSLAPICFG")
    places = [*([Path(named)] if named else []), Path("lsl_api.cfg")]
    places += [Path("~/lsl_api/lsl_api.cfg").expanduser(), Path("/etc/lsl_api/lsl_api.cfg")]
    for path in places:
        try:
            return path.read_text("utf-8", errors="replace")
        except OSError:
            continue
    return ""


def _ports(xml: str) -> set[int]:
    """Data and service ports that an outlet says it has."""
    ports = set()
    for tag in ("v4data_port", "v4service_port", "v6data_port", "v6service_port"):
        text = unescape(xml.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0])
        if text.isdigit() and int(text):
            ports.add(int(text))
    return ports


def _open_files() -> list[int]:
    folder = Path("/proc/self/fd")
    return [int(entry.name) for entry in folder.iterdir()] if folder.is_dir() else []


@contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    """A socket object of an open file that is not ours to close."""
    view = socket.socket(fileno=fd)
    try:
        yield view
    finally:
        view.detach()


def _port_of(fd: int) -> int | None:
    """Local port of an open internet socket; None for any other file."""
    try:
        with _borrowed(fd) as view:
            inet = view.family in (socket.AF_INET, socket.AF_INET6)
            return int(view.getsockname()[1]) if inet else None
    except OSError:
        return None


def _bind(fd: int, device: int) -> int:
    with _borrowed(fd) as view:
        view.setsockopt(socket.SOL_SOCKET, device, b"lo\0")
    return fd
