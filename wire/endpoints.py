"""Where the three sockets live: ``ipc`` in a private run folder, or loopback TCP."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config.errors import EndpointError

MAX_IPC_PATH = 107
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Endpoints:
    """Addresses that acquisition binds and the others connect to."""

    work: str
    results: str
    control: str


def endpoints(run: str) -> Endpoints:
    """Addresses of a run.

    Parameters
    ----------
    run
        A folder for ``ipc`` sockets (empty: this user's), or ``tcp://HOST:PORT`` for three consecutive ports.

    Raises
    ------
    EndpointError
        The folder is not private, its path is too long, or the TCP host is not loopback.
    """
    return _tcp(run) if run.startswith("tcp://") else _ipc(run)


def _tcp(run: str) -> Endpoints:
    host, _, port = run.removeprefix("tcp://").rpartition(":")
    if not port.isdigit() or not 1 <= int(port) <= 65533:
        raise EndpointError(f"'{run}' names no usable port; write tcp://127.0.0.1:PORT with PORT in 1 to 65533")
    if host not in LOOPBACK:
        raise EndpointError(f"'{run}' reaches beyond this machine, which needs keys; use one of {', '.join(LOOPBACK)}")
    return Endpoints(*(f"tcp://{host}:{int(port) + k}" for k in range(3)))


def _ipc(run: str) -> Endpoints:
    folder = Path(run) if run else _default_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = folder.stat()
    except OSError as error:
        raise EndpointError(
            f"run folder '{folder}' cannot be made ({error.strerror}); choose another with --set run.folder=DIR"
        ) from error
    if mode.st_uid != os.getuid() or stat.S_IMODE(mode.st_mode) & 0o077:
        raise EndpointError(f"run folder '{folder}' is open to others; make it private with: chmod 700 {folder}")
    paths = [folder.resolve() / name for name in ("work", "results", "control")]
    longest = max(len(str(path)) for path in paths)
    if longest > MAX_IPC_PATH:
        raise EndpointError(
            f"run folder '{folder}' makes a socket path of {longest} characters, at most {MAX_IPC_PATH}; "
            "choose a shorter one"
        )
    return Endpoints(*(f"ipc://{path}" for path in paths))


def _default_folder() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR")
    return Path(base) / "eegseek" if base else Path(tempfile.gettempdir()) / f"eegseek-{os.getuid()}"
