"""Where the three sockets live: ``ipc`` in a private run folder, or TCP with keys."""

from __future__ import annotations

import getpass
import ipaddress
import os
import re
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import zmq

from config.errors import EndpointError, KeysError
from config.private import open_to_others
from config.settings import RunSettings
from wire.keys import CLIENT, SERVER, Keys, keys_folder

MAX_IPC_PATH = 107
HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,252})")


@dataclass(frozen=True)
class Endpoints:
    """Addresses that acquisition binds and the others connect to.

    Attributes
    ----------
    work, results, control
        As ZeroMQ takes them.
    keys
        What TCP goes with; None for ``ipc``.
    """

    work: str
    results: str
    control: str
    keys: Keys | None = None


def endpoints_of(run: RunSettings) -> Endpoints:
    """Addresses of a run, with the keys that its settings name.

    Raises
    ------
    EndpointError
        As `endpoints`.
    """
    return endpoints(run.folder, Keys(keys_folder(run.keys), run.client, run.server))


def endpoints(run: str, keys: Keys | None = None) -> Endpoints:
    """Addresses of a run.

    Parameters
    ----------
    run
        A folder for ``ipc`` sockets (empty: this user's), or ``tcp://HOST:PORT`` for three consecutive ports.
    keys
        For TCP; None: this user's. On loopback they are made where there are none, as every user of the machine can
        connect there; beyond it they must be there.

    Raises
    ------
    EndpointError
        The folder is not private, its path is too long, the address cannot be used, or its keys are missing.
    """
    if not run and not zmq.has("ipc"):
        run = _default_address()
    return _tcp(run, keys or Keys(keys_folder())) if run.startswith("tcp://") else _ipc(run)


def _tcp(run: str, keys: Keys) -> Endpoints:
    host, _, port = run.removeprefix("tcp://").rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65533:
        raise EndpointError(f"'{run}' names no usable port; write tcp://127.0.0.1:PORT with PORT in 1 to 65533")
    if not HOST.fullmatch(host):
        raise EndpointError(f"'{run}' names no usable host; write an address of this machine, such as 127.0.0.1")
    if not zmq.has("curve"):
        raise EndpointError(f"'{run}' needs keys, which this ZeroMQ lacks; pip install --force-reinstall pyzmq")
    if host == "localhost":
        host = "127.0.0.1"  # libzmq binds to addresses, not to names
    if is_loopback(host):
        keys.ensure()
    else:
        _check_beyond(run, keys)
    work, results, control = (f"tcp://{host}:{int(port) + k}" for k in range(3))
    return Endpoints(work, results, control, keys)


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_beyond(run: str, keys: Keys) -> None:
    """Beyond this machine nothing is bound or connected to where a key is missing."""
    known = {key.name for key in keys.all()}
    if missing := [name for name in (keys.server, keys.client) if name not in known]:
        raise KeysError(
            f"'{run}' reaches beyond this machine, which needs keys, and there is no key '{missing[0]}' in "
            f"'{keys.folder}'; make them with 'eegseek keys make {CLIENT}' and 'eegseek keys make {SERVER}', or take "
            "over another machine's with 'eegseek keys trust FILE' (docs/security.md)"
        )
    keys.expected_server()
    keys.own_client()


def _ipc(run: str) -> Endpoints:
    if not zmq.has("ipc"):
        raise EndpointError(
            f"this system has no ipc sockets for folder '{run}'; set run.folder to tcp://127.0.0.1:PORT"
        )
    folder = Path(run) if run else _default_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = open_to_others(folder)
    except OSError as error:
        raise EndpointError(
            f"run folder '{folder}' cannot be made ({error.strerror}); choose another with --set run.folder=DIR"
        ) from error
    if others:
        raise EndpointError(f"run folder '{folder}' is open to others; make it private with: chmod 700 {folder}")
    paths = [folder.resolve() / name for name in ("work", "results", "control")]
    longest = max(len(str(path)) for path in paths)
    if longest > MAX_IPC_PATH:
        raise EndpointError(
            f"run folder '{folder}' makes a socket path of {longest} characters, at most {MAX_IPC_PATH}; "
            "choose a shorter one"
        )
    work, results, control = (f"ipc://{path}" for path in paths)
    return Endpoints(work, results, control)


def _default_folder() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR")
    return Path(base) / "eegseek" if base else Path(tempfile.gettempdir()) / f"eegseek-{os.getuid()}"


def _default_address() -> str:
    """Where there is no ipc: ports of this user's own on loopback, the same at each start."""
    return f"tcp://127.0.0.1:{20_000 + 3 * (zlib.crc32(getpass.getuser().encode()) % 4_000)}"
