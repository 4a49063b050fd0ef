"""Keys: made private, read with care, carried by their public part."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import zmq
import zmq.auth
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from config.errors import KeysError
from eegseek.cli import app
from wire.curve import Door
from wire.key_file import Key, read_key
from wire.keys import Keys, keys_folder


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


def test_a_pair_is_what_zmq_reads_too(keys: Keys) -> None:
    made = keys.make("client", "client")
    file = keys.folder / "own" / "client.key_secret"
    assert zmq.auth.load_certificate(file) == (made.public, made.secret)
    assert zmq.curve_public(made.secret) == made.public
    assert read_key(file) == made == keys.own_client()
    assert made.secret.decode() not in made.text()


def test_keys_travel_by_their_public_part(keys: Keys, tmp_path: Path) -> None:
    elsewhere = Keys(tmp_path / "elsewhere")
    there = elsewhere.make("client", "client")
    (tmp_path / "c.key").write_text(elsewhere.named("client").text())
    ours = keys.make("client", "client")
    with pytest.raises(KeysError, match="--as"):
        keys.trust(tmp_path / "c.key")
    assert keys.trust(tmp_path / "c.key", "laptop") == Key("laptop", "client", there.public)
    assert keys.admitted() == {ours.public: "client", there.public: "laptop"}
    with pytest.raises(KeysError, match="already, as 'laptop'"):
        keys.trust(tmp_path / "c.key", "again")
    assert keys.remove("laptop").name == "laptop"
    assert keys.admitted() == {ours.public: "client"}
    with pytest.raises(KeysError, match="'laptop' is not in"):
        keys.remove("laptop")


def test_servers_are_known_and_never_admitted(keys: Keys, tmp_path: Path) -> None:
    elsewhere = Keys(tmp_path / "elsewhere")
    (tmp_path / "s.key").write_text(elsewhere.make("server", "server").text())
    keys.trust(tmp_path / "s.key", "lab")
    assert keys.admitted() == {}
    lab = Keys(keys.folder, server="lab")
    assert lab.expected_server().public == elsewhere.own_server().public
    with pytest.raises(KeysError, match="only the public part"):
        lab.own_server()


def test_a_secret_key_is_not_taken_over(keys: Keys, tmp_path: Path) -> None:
    Keys(tmp_path / "elsewhere").make("client", "client")
    with pytest.raises(KeysError, match="must stay where it was made"):
        keys.trust(tmp_path / "elsewhere" / "own" / "client.key_secret")


@pytest.mark.parametrize("what", ["", "own", "own/client.key_secret", "clients/laptop.key"])
@pytest.mark.parametrize("mode", [0o040, 0o004, 0o002, 0o010])
def test_what_is_open_to_others_is_refused(keys: Keys, tmp_path: Path, what: str, mode: int) -> None:
    known = keys.make("client", "client")
    (tmp_path / "c.key").write_text(Keys(tmp_path / "elsewhere").make("laptop", "client").text())
    keys.trust(tmp_path / "c.key")
    path = keys.folder / what
    path.chmod(path.stat().st_mode | mode)
    for attempt in (keys.own_client, keys.admitted, lambda: keys.make("new", "client")):
        with pytest.raises(KeysError, match=r"open to others.*chmod [67]00"):
            attempt()
    assert not Door(keys).callback("eegseek", known.public)  # rather nobody than everybody


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "-x", "x.key", "x.key_secret", "ä", "x" * 65])
def test_names_that_are_no_names(keys: Keys, name: str) -> None:
    with pytest.raises(KeysError, match="cannot name a key"):
        keys.make(name, "client")


def test_a_file_under_another_name_is_refused(keys: Keys) -> None:
    keys.make("client", "client")
    (keys.folder / "own" / "client.key_secret").rename(keys.folder / "own" / "laptop.key_secret")
    with pytest.raises(KeysError, match="does not belong there"):
        keys.all()


def test_a_secret_among_the_public_keys_is_refused(keys: Keys) -> None:
    keys.make("client", "client")
    (keys.folder / "clients").mkdir(mode=0o700)
    (keys.folder / "own" / "client.key_secret").rename(keys.folder / "clients" / "client.key")
    with pytest.raises(KeysError, match="does not belong there"):
        keys.admitted()


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    one, other = (Keys(tmp_path / name).make("client", "client") for name in ("a", "b"))
    (tmp_path / "mixed").write_text(Key("client", "client", one.public, other.secret).text(secret=True))
    with pytest.raises(KeysError, match="do not belong together"):
        read_key(tmp_path / "mixed")


GOOD = Key("laptop", "client", b"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID").text()


@given(st.binary(max_size=300), st.integers(0, len(GOOD)), st.integers(0, 40))
def test_nothing_but_our_error_comes_of_a_damaged_file(
    tmp_path_factory: pytest.TempPathFactory, put: bytes, at: int, lost: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged.key"
    file.write_bytes(GOOD[:at].encode() + put + GOOD[at + lost :].encode())
    try:
        key = read_key(file)
    except KeysError as error:
        assert str(file) in str(error)
    else:
        assert key.role in ("client", "server") and len(key.public) == 40


def test_a_file_that_is_too_large_or_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large").write_text(GOOD + "#" * 5000)
    with pytest.raises(KeysError, match="longer than 4096"):
        read_key(tmp_path / "large")
    with pytest.raises(KeysError, match="cannot be read"):
        read_key(tmp_path / "missing")


def test_two_that_make_the_same_pair_at_once_end_with_one(keys: Keys) -> None:
    wait = threading.Barrier(4)
    errors: list[Exception] = []

    def ensure() -> None:
        wait.wait()
        try:
            keys.ensure()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert [key.name for key in keys.all()] == ["client", "server"]
    assert not list(keys.folder.rglob(".new-*"))


def test_a_door_admits_by_the_folder_as_it_is_now(keys: Keys, tmp_path: Path) -> None:
    door = Door(keys)
    known, unknown = keys.make("client", "client"), Keys(tmp_path / "other").make("client", "client")
    server = keys.make("server", "server")
    assert door.callback("eegseek", known.public)
    assert not door.callback("eegseek", unknown.public)
    assert not door.callback("eegseek", server.public)
    assert door.refused == 2
    keys.remove("client")
    assert not door.callback("eegseek", known.public)


def test_the_folder_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")  # to be ignored, says the specification
    assert keys_folder() == tmp_path / ".config" / "eegseek" / "keys"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "x"))
    assert keys_folder() == tmp_path / "x" / "eegseek" / "keys"
    assert keys_folder("~/k") == tmp_path / "k"


def test_the_command_line_makes_lists_carries_and_removes(tmp_path: Path) -> None:
    def say(*arguments: str, keys: str = "a") -> str:
        ran = CliRunner().invoke(app, ["keys", *arguments, "--keys", str(tmp_path / keys)])
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return ran.output

    assert "no keys" in say("list")
    assert "server key 'server'" in say("make", "server")
    assert "client key 'client'" in say("make", "client", keys="b")
    exported = tmp_path / "client.key"
    assert "trust client.key" in say("export", "client", "-o", str(exported), keys="b")
    assert "secret-key" not in exported.read_text()
    with pytest.raises(KeysError, match="not overwritten"):
        say("export", "client", "-o", str(exported), keys="b")
    assert "'laptop' may connect" in say("trust", str(exported), "--as", "laptop")
    listed = say("list")
    assert [line.split()[:3] for line in listed.splitlines()] == [
        ["server", "server", "own"],
        ["laptop", "client", "trusted"],
    ]
    assert say("export", "client", keys="b") == exported.read_text()
    assert "removed the client key 'laptop'" in say("remove", "laptop")
    with pytest.raises(KeysError, match="not in"):
        say("remove", "laptop")
