"""Talks to a running session over its control socket, for commands that change what it serves."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import zmq

from config.errors import SessionError
from config.gallery_log import read_log
from wire.curve import Handshake
from wire.endpoints import endpoints
from wire.packets import Command, Reply
from wire.sockets import connect, make, receive, send

ANSWER_S = 3.0
"""A session that is there answers within this."""
FOLLOW_S = 30.0
"""All its workers have the new version of a gallery within this; a large one takes seconds to be read again."""
AGAIN_S = 0.1


class Session:
    """A running session, by its run folder. The constructor only stores; use it as a context.

    Parameters
    ----------
    run
        Its ``run.folder``; empty: this user's default.
    """

    def __init__(self, run: str = "") -> None:
        self.run = run
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._handshake: Handshake | None = None

    def __enter__(self) -> Session:
        """Connect.

        Raises
        ------
        EndpointError
            The run folder is not usable.
        """
        ends = endpoints(self.run)
        self._context = zmq.Context()
        self._socket = make(self._context, zmq.DEALER)
        self._handshake = Handshake(self._socket, ends.control, ends.keys)
        connect(self._socket, ends.control, ends.keys)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._handshake is not None:
            self._handshake.close()
        if self._socket is not None and self._context is not None:
            self._socket.close()
            self._context.term()

    def ask(self, command: Command) -> Reply:
        """The reply to a command.

        Raises
        ------
        SessionError
            No session answers, or it refuses.
        """
        socket = self._socket
        if socket is None:
            raise RuntimeError("the session was not connected to; use it in a with statement")
        send(socket, command)
        until = time.monotonic() + ANSWER_S
        while (left := until - time.monotonic()) > 0:
            if not socket.poll(max(1, round(1000 * left))):
                break
            message = receive(socket)
            if message is not None and isinstance(message[1], Reply) and message[1].id == command.id:
                if not message[1].ok:
                    raise SessionError(f"the session refused: {message[1].message}")
                return message[1]
        if self._handshake is not None:
            self._handshake.check()
        where = self.run or "this user's default run folder"
        raise SessionError(
            f"no session answered at '{where}' within {ANSWER_S:g} s; start one, name its run.folder with --run, or "
            "leave --live away"
        )

    def edited(self, gallery: Path, version: str) -> Reply:
        """Tell the session that a gallery was edited; how many of its workers answer by that version."""
        name = f"edit-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        return self.ask(Command(id=name, command="edit", gallery=str(gallery.resolve()), version=version))


def edit_live(gallery: Path, run: str, edit: Callable[[], str]) -> tuple[str, int]:
    """Edit a gallery that a session serves, and see the edit through to all its workers.

    Parameters
    ----------
    gallery
        The bundle.
    run
        The session's run folder.
    edit
        Writes the edit; the fingerprint after it.

    Returns
    -------
    What the gallery goes by now, and how many workers answer by it.

    Raises
    ------
    SessionError
        No session is there or it searches another gallery (nothing is written then), or not all of its workers
        followed in time.
    """
    with Session(run) as session:
        _check_served(session, gallery)
        version = edit()
        return version, _followed(session, gallery)


def _check_served(session: Session, gallery: Path) -> None:
    """Before anything is written: the session's workers must search this gallery."""
    until = time.monotonic() + ANSWER_S
    while True:
        reply = session.edited(gallery, read_log(gallery).name)
        if not reply.workers:
            raise SessionError("the session has no worker yet; wait until it answers, or leave --live away")
        if reply.count:
            return
        if time.monotonic() > until:
            raise SessionError(
                f"the session searches another gallery than '{gallery}'; nothing was written; edit the one that it was "
                "started with"
            )
        time.sleep(AGAIN_S)


def _followed(session: Session, gallery: Path) -> int:
    until = time.monotonic() + FOLLOW_S
    while True:
        # read again each time: somebody else may have edited since, and workers go to the last version
        reply = session.edited(gallery, read_log(gallery).name)
        if reply.count == reply.workers > 0:
            return reply.count
        if time.monotonic() > until:
            raise SessionError(f"the edit is written, but after {FOLLOW_S:g} s {reply.message}; see the workers' logs")
        time.sleep(AGAIN_S)
