"""CURVE on sockets over TCP: what both ends are told, who is let in, and whether we were.

Nothing of this is used with ``ipc``: its sockets lie in a folder that only their user can look into.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING

import zmq

from config.errors import EegseekError, EndpointError, KeysError
from wire.keys import Keys

if TYPE_CHECKING:
    from zmq.auth.thread import ThreadAuthenticator

DOMAIN = "eegseek"
"""Of the authenticator; sockets of a context without one let nobody in."""
TRIES = 5
"""Hand-shakes that break off, in a row, before the keys are taken to be wrong; zmq makes some ten a second."""
_EVENTS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
_log = logging.getLogger(__name__)


def serve(socket: zmq.Socket[bytes], endpoint: str, keys: Keys | None) -> None:
    """Let a socket that is about to be bound admit known clients only; does nothing where it is no TCP socket.

    Raises
    ------
    EndpointError
        There are no keys, or no secret one of a server's.
    """
    if not endpoint.startswith("tcp://"):
        return
    if keys is None:
        raise EndpointError(
            f"'{endpoint}' can be reached by every user of this machine, so it is not bound without keys"
        )
    pair = keys.own_server()
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, pair.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret)
    socket.setsockopt_string(zmq.ZAP_DOMAIN, DOMAIN)
    # without an authenticator in this context libzmq would let in whoever knows the server's key
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
    _allow_ipv6(socket, endpoint)


def approach(socket: zmq.Socket[bytes], endpoint: str, keys: Keys | None) -> None:
    """Give a socket that is about to connect its key and the server's; does nothing where it is no TCP socket.

    Raises
    ------
    EndpointError
        There are no keys, or not those that are asked for.
    """
    if not endpoint.startswith("tcp://"):
        return
    if keys is None:
        raise EndpointError(f"'{endpoint}' is not connected to without keys, which would not be let in")
    pair = keys.own_client()
    socket.setsockopt(zmq.CURVE_SERVERKEY, keys.expected_server().public)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, pair.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret)
    _allow_ipv6(socket, endpoint)


def _allow_ipv6(socket: zmq.Socket[bytes], endpoint: str) -> None:
    if "[" in endpoint:
        socket.setsockopt(zmq.IPV6, 1)


class Door:
    """Admits clients whose public key is in the folder of keys, looked up at each hand-shake.

    The constructor only stores. Without keys (``ipc``) `open` does nothing, and there is no thread.

    Parameters
    ----------
    keys
        Where the clients' keys are; None: none are needed.

    Attributes
    ----------
    refused
        Hand-shakes of clients that are not known.
    """

    def __init__(self, keys: Keys | None) -> None:
        self.keys = keys
        self.refused = 0
        self._authenticator: ThreadAuthenticator | None = None

    def open(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """Admit from here on; before the sockets of the context are bound."""
        if self.keys is None:
            return
        from zmq.auth.thread import ThreadAuthenticator

        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(DOMAIN, self)

    def close(self) -> None:
        """Let go; harmless when called twice."""
        if self._authenticator is not None:
            self._authenticator.stop()
        self._authenticator = None

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether a public key (Z85) is known; called in the authenticator's thread, which no error may end."""
        try:
            known = self.keys is not None and key in self.keys.admitted()
        except (EegseekError, OSError) as error:
            _log.error("nobody is let in: %s", error)
            return False
        if not known:
            self.refused += 1
            if self.refused & (self.refused - 1) == 0:  # the 1st, 2nd, 4th, ...: a flood must not fill the disk
                _log.warning("a client with an unknown key was not let in (%d so far)", self.refused)
        return known


class Handshake:
    """Whether a socket that connects was let in. Without keys (``ipc``) there is nothing to see, and nothing is done.

    Parameters
    ----------
    socket
        Not connected yet; it is to be closed after this.
    endpoint
        Where it will be.
    keys
        It shows itself by; None: none.
    """

    def __init__(self, socket: zmq.Socket[bytes], endpoint: str, keys: Keys | None) -> None:
        self.endpoint = endpoint
        self.keys = keys
        self._socket = socket
        self._failures = 0
        self._monitor = socket.get_monitor_socket(_EVENTS) if keys is not None else None

    def __enter__(self) -> Handshake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pending(self) -> bool:
        """Whether it is not known yet."""
        return self._monitor is not None

    def check(self, wait_ms: int = 0) -> None:
        """Look what came of it, waiting so long for something new.

        Raises
        ------
        KeysError
            The other side refuses our key, or has not the key that it should.
        """
        if self._monitor is None:
            return
        from zmq.utils.monitor import recv_monitor_message

        while self._monitor is not None and self._monitor.poll(wait_ms):
            wait_ms = 0
            self._take(recv_monitor_message(self._monitor)["event"])

    def _take(self, event: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.close()
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            raise KeysError(
                f"the session at '{self.endpoint}' does not know the key '{self._names[0]}' of this side; write its "
                f"public part with 'eegseek keys export {self._names[0]}', and there say: eegseek keys trust FILE"
            )
        else:
            # where the other side takes no keys at all, libzmq does not try again
            self._failures += TRIES if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL else 1
            if self._failures >= TRIES:
                raise KeysError(
                    f"the session at '{self.endpoint}' breaks the hand-shake off: its server key is not the key "
                    f"'{self._names[1]}' that is known here, or it takes no keys; there say 'eegseek keys export "
                    f"{self._names[1]}', here 'eegseek keys trust FILE --as NAME', and set run.server to that name"
                )

    @property
    def _names(self) -> tuple[str, str]:
        return (self.keys.client, self.keys.server) if self.keys is not None else ("", "")

    def close(self) -> None:
        """Look no more; harmless when called twice."""
        if self._monitor is not None:
            self._socket.disable_monitor()
            self._monitor.close(linger=0)
        self._monitor = None
