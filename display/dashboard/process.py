"""The dashboard's process: a display in a thread of its own, and a server that shows what it knows."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from config.errors import EegseekError, OutputError, SessionError
from config.private import private_folder
from config.settings import Settings
from display.client import Client, Malformed
from display.dashboard.security import loopback
from display.dashboard.view import View
from display.process import Display, Screen
from display.state import State
from display.truth import Truth, read_truth
from wire import tuning
from wire.endpoints import endpoints_of
from wire.packets import Packet, Reply

ADDRESS_FILE = "dashboard.url"
"""In the session's folder, readable by this user alone: where the dashboard is, its token included."""
_log = logging.getLogger(__name__)


class Watcher(Display):
    """A display whose screen is a view, and which also carries commands and what the view's pages ask for."""

    def __init__(self, state: State, client: Client, view: View, others: Sequence[Screen] = ()):
        super().__init__(state, client, [*others, view], view.lock)
        self.view = view
        self._listening: frozenset[type[Packet]] = frozenset()
        self._orders: dict[str, Future[Reply]] = {}

    def _once(self) -> None:
        for command, order in self.view.orders():
            if self.client.order(command):
                self._orders[command.id] = order
            else:
                _settle(order, SessionError("no session is there to be asked; is it still running?"))
        wanted = self.view.wanted
        for kind in wanted ^ self._listening:
            self.client.listen(kind, on=kind in wanted)
        self._listening = wanted
        super()._once()

    def _take(self, packet: Packet | Malformed, fetched: bool) -> None:
        super()._take(packet, fetched)
        if isinstance(packet, Malformed):
            return
        if isinstance(packet, Reply) and (order := self._orders.pop(packet.id, None)) is not None:
            _settle(order, packet)
        self.view.heard(packet)


def _settle(order: Future[Reply], outcome: Reply | EegseekError) -> None:
    """Tell who asked; they may have gone."""
    if order.set_running_or_notify_cancel():
        if isinstance(outcome, Reply):
            order.set_result(outcome)
        else:
            order.set_exception(outcome)


class Thread(threading.Thread):
    """The display's thread. It ends with acquisition's last word, when asked, or with an error that it keeps.

    Parameters
    ----------
    watcher
        What it runs.
    """

    def __init__(self, watcher: Watcher) -> None:
        super().__init__(name="display", daemon=True)
        self.watcher = watcher
        self.error: Exception | None = None

    def run(self) -> None:
        """Show until the end."""
        try:
            self.watcher.run()
        except Exception as error:  # the top of a thread: raised again in the main one, which ends with it
            self.error = error
        finally:
            self.watcher.finish({})  # the run's own display reports: it takes seconds of processor time


def token_of(settings: Settings, folder: Path) -> str:
    """The token that browsers must show; empty for none.

    One that is not given is made once a session: a dashboard that is started again still knows its browsers.
    """
    given = settings.dashboard.token
    if given or loopback(settings.dashboard.host):
        return given
    with suppress(OSError):
        kept = (folder / ADDRESS_FILE).read_text().partition("?token=")[2].strip()
        if len(kept) >= 16:
            return kept
    return secrets.token_urlsafe(24)


def write_address(folder: Path, address: str) -> None:
    """Leave the address in the session's folder.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    path = folder / ADDRESS_FILE
    try:
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(address + "\n")
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written ({error.strerror}); choose another session.folder") from error


def serve_dashboard(settings: Settings, *, name: str = "dashboard", with_run: bool = False) -> int:
    """Run a dashboard until it is told to end; the exit code.

    Parameters
    ----------
    settings
        Of the session.
    name
        As acquisition lists it.
    with_run
        End soon after acquisition's last word; otherwise the end stays to be seen until the process is told to stop.

    Raises
    ------
    EegseekError
        Truth, gallery, run folder, keys or address cannot be used.
    """
    from display.dashboard.server import Served, bound, run_server

    shown = settings.dashboard
    listening = bound(shown.host, shown.port)  # before anything else: a taken port is told at once
    folder = private_folder(Path(settings.session.folder) / settings.session.name)
    token = token_of(settings, folder)
    state = State(Truth())
    state.truth = read_truth(settings)
    known = settings.model_copy(update={"dashboard": shown.model_copy(update={"token": token})})
    view = View(known, folder, state)
    watcher = Watcher(state, Client(endpoints_of(settings.run), name, os.getpid()), view)
    tuning.settle(settings.run, live=False)
    thread = Thread(watcher)
    address = address_of(shown.host, shown.port, token)
    write_address(folder, address)

    def ready() -> None:
        thread.start()
        _log.info("the dashboard is at %s", address.partition("?")[0])
        if not with_run:
            sys.stdout.write(f"dashboard: {address}\n")
            sys.stdout.flush()

    served = Served(view, listening, token, ready, lambda: _over(thread, with_run=with_run))
    try:
        run_server(served)
    finally:
        watcher.stop()
        if thread.ident is not None:
            thread.join()
    if thread.error is not None:
        raise thread.error
    return 0


def address_of(host: str, port: int, token: str) -> str:
    """Where browsers find it."""
    name = own_address() if host.strip("[]") in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    name = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def own_address() -> str:
    """Address of this machine towards others; loopback where it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # of TEST-NET-1 (RFC 5737): only the route is looked up
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def _over(thread: Thread, *, with_run: bool) -> bool:
    """Whether the server has nothing left to wait for."""
    if thread.ident is None or thread.is_alive():
        return False
    return with_run or thread.error is not None
