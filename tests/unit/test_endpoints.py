"""Where sockets may live: this user on this machine by default, further only with keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import zmq

from config.errors import EndpointError, KeysError
from config.settings import RunSettings
from wire.endpoints import endpoints, endpoints_of, is_loopback
from wire.keys import Keys
from wire.sockets import bind, connect, make


def beyond(keys: Keys, run: str = "tcp://0.0.0.0:5000") -> str:
    """Where sockets would go. Only the address is looked at here: nothing is bound."""
    return endpoints(run, keys).results


@pytest.mark.parametrize(
    "run", ["tcp://0.0.0.0:5000", "tcp://192.0.2.7:5000", "tcp://[2001:db8::1]:5000", "tcp://lab-pc:5000"]
)
def test_beyond_loopback_without_keys_is_refused_and_the_sentence_says_how_to_make_them(
    run: str, tmp_path: Path
) -> None:
    keys = Keys(tmp_path / "keys")
    with pytest.raises(KeysError, match=r"eegseek keys make client.*eegseek keys make server"):
        endpoints(run, keys)
    assert not keys.folder.exists()  # and none are made by themselves


def test_one_key_of_the_two_is_not_enough(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    keys.make("client", "client")
    with pytest.raises(KeysError, match="no key 'server'"):
        beyond(keys)
    keys.make("server", "server")
    assert beyond(keys) == "tcp://0.0.0.0:5001"


def test_beyond_loopback_with_keys_is_allowed_by_name(tmp_path: Path) -> None:
    run = RunSettings(folder="tcp://192.0.2.7:5000", keys=str(tmp_path / "k"), client="laptop", server="lab")
    keys = Keys(tmp_path / "k", "laptop", "lab")
    keys.make("laptop", "client")
    keys.make("lab", "server")
    assert endpoints_of(run).keys == keys
    with pytest.raises(KeysError, match=r"'laptop' is a client's, expected a server's"):
        endpoints_of(run.model_copy(update={"server": "laptop"}))


def test_on_loopback_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "a" / "keys")
    for _ in range(2):
        ends = endpoints("tcp://127.0.0.1:5000", keys)
    assert ends.work == "tcp://127.0.0.1:5000" and ends.keys == keys
    assert {key.name: key.role for key in keys.all()} == {"client": "client", "server": "server"}
    before = keys.all()
    assert endpoints("tcp://localhost:5000", keys).control == "tcp://127.0.0.1:5002"
    assert keys.all() == before
    for path in (keys.folder, *keys.folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_key_of_another_name_is_not_made_by_itself(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys", client="laptop")
    endpoints("tcp://127.0.0.1:5000", keys)
    with pytest.raises(KeysError, match=r"key 'laptop' is not in .*known there: server"):
        keys.own_client()


def test_ipc_has_no_keys_and_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert endpoints(str(tmp_path / "run")).keys is None
    assert not (tmp_path / "config").exists()


def test_where_there_is_no_ipc_the_default_is_loopback_with_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(zmq, "has", lambda what: what != "ipc")
    ends = endpoints("")
    assert ends.work.startswith("tcp://127.0.0.1:") and ends.keys is not None
    assert endpoints("").work == ends.work
    with pytest.raises(EndpointError, match="no ipc"):
        endpoints(str(tmp_path / "run"))


def test_without_curve_tcp_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zmq, "has", lambda what: what != "curve")
    with pytest.raises(EndpointError, match="needs keys, which this ZeroMQ lacks"):
        endpoints("tcp://127.0.0.1:5000", Keys(tmp_path / "keys"))


@pytest.mark.parametrize(
    "run",
    ["tcp://*:5000", "tcp://:5000", "tcp://a b:5000", "tcp://127.0.0.1:0", "tcp://127.0.0.1:-5", "tcp://127.0.0.1:٣",
     "tcp://127.0.0.1:65534", "tcp://;x:1", "tcp://"],
)  # fmt: skip
def test_what_is_no_address_is_refused(run: str, tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match="no usable"):
        endpoints(run, Keys(tmp_path / "keys"))


def test_loopback_is_told_from_the_rest() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.0.1", "[::1]")))
    assert not any(map(is_loopback, ("0.0.0.0", "[::]", "10.0.0.1", "127.0.0.1.example.org", "localhost.example.org")))


def test_a_tcp_socket_is_neither_bound_nor_connected_without_keys() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = make(context, zmq.DEALER)
    try:
        for attempt in (bind, connect):
            with pytest.raises(EndpointError, match="without keys"):
                attempt(socket, "tcp://127.0.0.1:5000")
    finally:
        socket.close()
        context.term()


def test_the_default_folder_is_this_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert endpoints("").work == f"ipc://{tmp_path.resolve()}/eegseek/work"
    assert stat.S_IMODE((tmp_path / "eegseek").stat().st_mode) == 0o700
    assert (tmp_path / "eegseek").stat().st_uid == os.getuid()
