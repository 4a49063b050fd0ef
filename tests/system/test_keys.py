"""Over TCP only known clients get anything: real sockets on loopback, intruders of every kind beside a real broker."""

from __future__ import annotations

import socket as plain
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq
from delivery_fakes import FakeDisplay, until
from delivery_running import ENCODER, Running, free_ports
from zmq.auth.thread import AuthenticationThread
from zmq.utils.monitor import recv_monitor_message

from config.errors import KeysError
from eegseek.live import Session
from wire.clock import now
from wire.codec import encode
from wire.curve import Handshake
from wire.endpoints import Endpoints, endpoints
from wire.keys import Keys
from wire.packets import Command, Heartbeat, Ready
from wire.sockets import bind, connect, make, send

SOCKETS = {"work": zmq.DEALER, "results": zmq.SUB, "control": zmq.DEALER}
BROKEN = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    zmq.EVENT_DISCONNECTED,
)
GARBAGE = [b"result", b"{", b"no floats"]
Dress = Callable[[zmq.Socket[bytes], Endpoints], None]
"""What an intruder sets on a socket before it connects."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Running]:
    """A broker on loopback TCP, with this user's keys."""
    made = Running(tmp_path, free_ports(), drain_s=1.0)
    made.start()
    yield made
    made.close()


@pytest.fixture
def stranger(tmp_path: Path) -> Keys:
    """Keys of somebody else: a client of their own, and the public part of our server's."""
    ours = endpoints("tcp://127.0.0.1:5000").keys
    assert ours is not None
    theirs = Keys(tmp_path / "stranger")
    theirs.make("client", "client")
    (tmp_path / "server.key").write_text(ours.own_server().text())
    theirs.trust(tmp_path / "server.key")
    return theirs


def ours(ends: Endpoints) -> Keys:
    assert ends.keys is not None
    return ends.keys


def nothing_at_all(socket: zmq.Socket[bytes], ends: Endpoints) -> None:
    """No CURVE."""


def server_key_alone(socket: zmq.Socket[bytes], ends: Endpoints) -> None:
    """A pair made up on the spot, with the right server key."""
    public, secret = zmq.curve_keypair()
    socket.curve_serverkey = ours(ends).expected_server().public
    socket.curve_publickey, socket.curve_secretkey = public, secret


def a_known_name_without_its_secret(socket: zmq.Socket[bytes], ends: Endpoints) -> None:
    """All public keys, of the server and of a client that is admitted, but no secret one."""
    socket.curve_serverkey = ours(ends).expected_server().public
    socket.curve_publickey = ours(ends).own_client().public
    socket.curve_secretkey = zmq.curve_keypair()[1]


def the_server_itself(socket: zmq.Socket[bytes], ends: Endpoints) -> None:
    """The server's own pair: a server is no client."""
    pair = ours(ends).own_server()
    socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = pair.public, pair.public, pair.secret


def another_server_key(socket: zmq.Socket[bytes], ends: Endpoints) -> None:
    """A client that is known, and takes us for somebody else."""
    pair = ours(ends).own_client()
    socket.curve_serverkey = zmq.curve_keypair()[0]
    socket.curve_publickey, socket.curve_secretkey = pair.public, pair.secret


def a_password(socket: zmq.Socket[bytes], ends: Endpoints) -> None:
    """The mechanism PLAIN."""
    socket.plain_username, socket.plain_password = b"client", b"client"


DRESSES = (
    nothing_at_all,
    server_key_alone,
    a_known_name_without_its_secret,
    the_server_itself,
    another_server_key,
    a_password,
)


class Intruder:
    """A client on all three sockets that says everything a worker or display may say, and listens."""

    def __init__(self, ends: Endpoints, dress: Dress) -> None:
        self.context = zmq.Context()
        self.sockets: dict[str, zmq.Socket[bytes]] = {}
        self.monitors: dict[str, zmq.Socket[bytes]] = {}
        self.broken = dict.fromkeys(SOCKETS, 0)
        self.let_in = 0
        for name, kind in SOCKETS.items():
            socket = self.sockets[name] = make(self.context, kind)
            self.monitors[name] = socket.get_monitor_socket()
            dress(socket, ends)
            if kind == zmq.SUB:
                socket.subscribe(b"")
            socket.connect(getattr(ends, name))

    def talk(self) -> None:
        """As a worker that is ready, a display that asks for everything and says stop, and a vandal."""
        ready = Ready(worker="intruder", pid=1, encoder=ENCODER, gallery="g", credit=100)
        beat = Heartbeat(role="display", name="intruder", pid=1, time_s=now())
        for packet in (ready, Heartbeat(role="inference", name="intruder", pid=1, time_s=now())):
            send(self.sockets["work"], packet)
        for packet in (beat, Command(id="a", command="since"), Command(id="b", command="stop")):
            send(self.sockets["control"], packet)
        for name in ("work", "control"):
            self.sockets[name].send_multipart(GARBAGE, flags=zmq.DONTWAIT)

    def look(self) -> bool:
        """Whether each socket was turned away: the hand-shake failed, and the connection was closed."""
        for name, monitor in self.monitors.items():
            while monitor.poll(0):
                event = recv_monitor_message(monitor)["event"]
                self.broken[name] += event in BROKEN
                self.let_in += event == zmq.EVENT_HANDSHAKE_SUCCEEDED
        return all(count >= 2 for count in self.broken.values())

    @property
    def heard(self) -> int:
        """Sockets that something arrived on."""
        return sum(bool(socket.poll(0)) for socket in self.sockets.values())

    def close(self) -> None:
        for name, socket in self.sockets.items():
            socket.disable_monitor()
            self.monitors[name].close(linger=0)
            socket.close(linger=0)
        self.context.term()


@pytest.mark.parametrize("dress", DRESSES, ids=lambda dress: dress.__name__)
def test_who_is_not_known_gets_nothing_and_changes_nothing(run: Running, dress: Dress) -> None:
    display, worker = run.display(), run.worker("w")
    before = display.counters()
    intruder = Intruder(run.ends, dress)
    try:
        intruder.talk()
        until(intruder.look, display, worker, limit_s=30)
        run.put(0)  # the run goes on: known ones get all there is, the intruder still nothing
        until(lambda: len(worker.windows) == 1, display, worker)
        worker.answer(worker.windows[0])
        until(lambda: len(display.committed) == 1, display, worker)
        display.ask("x", "status")
        until(lambda: display.reply("x") is not None and display.counters().get("answered") == 1, display, worker)
        intruder.look()
        assert intruder.let_in == intruder.heard == 0
    finally:
        intruder.close()
    assert run.broker.malformed == 0  # its garbage never came as far as the codec
    assert not run.switches.stop
    counted = display.counters()
    assert {name for name in counted if counted[name] != before.get(name, 0)} == {"due", "sent", "answered"}
    assert display.status is not None
    assert not [peer for peer in display.status.peers if peer.pid == 1 or peer.name == "intruder"]


def test_the_same_garbage_from_a_known_client_is_seen(run: Running) -> None:
    """The counter that stays at zero above does count."""
    display = run.display()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    vandal = make(context, zmq.DEALER)
    connect(vandal, run.ends.work, run.ends.keys)
    try:
        vandal.send_multipart(GARBAGE)
        until(lambda: display.counters().get("malformed") == 1, display)
    finally:
        vandal.close()
        context.term()


def refusal(ends: Endpoints, keys: Keys, limit_s: float = 20.0) -> str:
    """What a client of ours says when it is not let in."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = make(context, zmq.DEALER)
    try:
        with Handshake(socket, ends.control, keys) as handshake:
            connect(socket, ends.control, keys)
            deadline = now() + limit_s
            while handshake.pending and now() < deadline:
                handshake.check(100)
    except KeysError as error:
        return str(error)
    finally:
        socket.close()
        context.term()
    return "let in" if now() < deadline else "nothing in time"


def test_a_client_is_told_why_it_is_not_let_in(run: Running, stranger: Keys, tmp_path: Path) -> None:
    assert refusal(run.ends, ours(run.ends)) == "let in"
    assert "does not know the key 'client'" in refusal(run.ends, stranger)
    wrong = Keys(tmp_path / "wrong")
    wrong.ensure()  # a server key that is not this session's
    assert "its server key is not the key 'server'" in refusal(run.ends, wrong)


@pytest.mark.parametrize("curve", [True, False], ids=["a key of its own", "no keys"])
def test_a_program_that_sits_on_the_port_is_told_nothing(curve: bool) -> None:
    ends = endpoints(free_ports())
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    squatter = make(context, zmq.ROUTER)
    if curve:
        squatter.curve_server = True
        squatter.curve_publickey, squatter.curve_secretkey = zmq.curve_keypair()
    squatter.bind(ends.control)
    guest = FakeDisplay(ends)
    try:
        guest.beat()
        assert "its server key is not the key 'server'" in refusal(ends, ours(ends))
        assert not squatter.poll(200)
    finally:
        guest.close()
        squatter.close()
        context.term()


def test_without_an_authenticator_nobody_is_let_in(run: Running) -> None:
    """Should it be missing, the door stays shut: libzmq alone would let in whoever knows the server's key."""
    keys = ours(run.ends)
    ends = endpoints(free_ports(), keys)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    alone = make(context, zmq.ROUTER)
    bind(alone, ends.control, keys)
    try:
        assert refusal(ends, keys, 3.0) != "let in"
    finally:
        alone.close()
        context.term()


def test_a_key_that_is_trusted_while_the_session_runs_is_admitted_and_one_removed_is_not(
    run: Running, stranger: Keys, tmp_path: Path
) -> None:
    (tmp_path / "c.key").write_text(stranger.own_client().text())
    ours(run.ends).trust(tmp_path / "c.key", "guest")
    try:
        ends = Endpoints(run.ends.work, run.ends.results, run.ends.control, stranger)
        guest = FakeDisplay(ends, "guest")
        try:
            until(lambda: guest.status is not None, guest)
        finally:
            guest.close()
    finally:
        ours(run.ends).remove("guest")
    assert "does not know" in refusal(run.ends, stranger)


def test_commands_from_the_command_line_come_in_with_keys(
    run: Running, stranger: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = run.ends.work
    with Session(where) as session:
        assert session.ask(Command(id="one", command="status")).ok
    (tmp_path / "config" / "eegseek").mkdir(parents=True, mode=0o700)
    stranger.folder.rename(tmp_path / "config" / "eegseek" / "keys")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with Session(where) as session, pytest.raises(KeysError, match="does not know the key"):
        session.ask(Command(id="two", command="stop"))
    assert not run.switches.stop


@pytest.mark.parametrize("kind", ["ipc", "tcp"])
def test_an_authenticator_runs_over_tcp_alone_and_ends_with_the_run(tmp_path: Path, kind: str) -> None:
    def authenticators() -> int:
        return sum(isinstance(thread, AuthenticationThread) for thread in threading.enumerate())

    with tempfile.TemporaryDirectory(prefix="eegseek-") as folder:
        run = Running(tmp_path, folder if kind == "ipc" else free_ports(), drain_s=1.0)
        run.start()
        try:
            assert authenticators() == (kind == "tcp")
        finally:
            run.close()
        assert authenticators() == 0


def test_frames_are_not_readable_on_the_way(run: Running) -> None:
    """A worker's way over TCP is encrypted: what a tapped connection carries has no word of it in it."""
    port = int(run.ends.work.rpartition(":")[2])
    taken = bytearray()
    listener = plain.create_server(("127.0.0.1", 0))

    def carry(source: plain.socket, target: plain.socket) -> None:
        while True:
            try:
                data = source.recv(65536)
                target.sendall(data)
            except OSError:
                return
            if not data:
                return
            taken.extend(data)

    def tap() -> None:
        near, _ = listener.accept()
        far = plain.create_connection(("127.0.0.1", port))
        with near, far:
            threads = [threading.Thread(target=carry, args=pair) for pair in ((near, far), (far, near))]
            for thread in threads:
                thread.start()
            threads[0].join()
            far.shutdown(plain.SHUT_RDWR)
            threads[1].join()

    tapping = threading.Thread(target=tap)
    tapping.start()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    through = make(context, zmq.DEALER)
    connect(through, f"tcp://127.0.0.1:{listener.getsockname()[1]}", run.ends.keys)
    ready = Ready(worker="tapped", pid=1, encoder=ENCODER, gallery="g", credit=1)
    try:
        send(through, ready, flags=0)
        run.display_until(lambda d: any(peer.name == "tapped" for peer in d.status.peers))
    finally:
        through.close()
        context.term()
        listener.close()
        tapping.join(10)
    assert len(taken) > sum(map(len, encode(ready)))
    assert b"tapped" not in taken and b"ready" not in taken
