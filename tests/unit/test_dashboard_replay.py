"""Replays and trials of before: what is started, what it is told, and what is counted; journals played at a pace."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from delivery_fakes import encoder_spec
from display_fakes import status
from verify_data import PLAN, Noise, record, rewrite

from acquisition.journal import Header, PacketRecord
from acquisition.journal_read import JournalSource, read
from acquisition.pipeline import Pipeline
from acquisition.retap import taps, write
from acquisition.sources.factory import make_source
from acquisition.sources.paced_journal import PacedJournal
from acquisition.types import Epoch
from config.errors import BundleError, SessionError, WireError
from config.load import load_settings, validate
from config.settings import DashboardSettings, RecordingSource
from display.dashboard.children import last_words
from display.dashboard.evoked_page import since_words
from display.dashboard.evoked_store import Store
from display.dashboard.former import Former, Progress
from display.dashboard.player import Player, outcome
from display.dashboard.recordings import Recording
from display.dashboard.replay import Playing, argv, heard, settings_of, shown_by
from display.truth import Truth
from wire import pipe
from wire.packets import PeerState, Result, Status, Tap


def journal_of(folder: Path, **settings: object) -> Path:
    """A journal whose header says how its windows were cut, without an encoder."""
    spec = encoder_spec()
    table = {
        "session": {"calibrate": True},
        "chain": spec.chain.model_dump(mode="json"),
        "window": spec.window.model_dump(mode="json"),
        "rejection": spec.rejection.model_dump(mode="json"),
        "inference": {"encoder": "not there yet"},
        **settings,
    }
    text = validate(table).model_dump_json()
    (folder / "session").mkdir()
    (folder / "raw").mkdir()
    return rewrite(
        record(folder / "raw", paused=range(44, 52)),
        folder / "session",
        lambda old: (replace(old, settings=text) if isinstance(old, Header) else old,),
    )


def test_trials_of_before_are_those_of_the_run_paused_ones_too(tmp_path: Path) -> None:
    file = journal_of(tmp_path)
    found = list(taps(file))
    pipeline, source = Pipeline(Noise(0).open(), PLAN), Noise(0)
    wanted, final = [], False
    while not final:
        chunk = source.read(0.0)
        final = chunk.final
        wanted += [one for one in pipeline.feed(chunk) if isinstance(one, Epoch)]
    assert [(one.sequence, one.stimulus) for one in found] == [(one.sequence, one.stimulus) for one in wanted]
    assert all(np.array_equal(a.data, b.data[:1]) for a, b in zip(found, wanted, strict=True))
    answered = {
        one.packet.sequence for one in read(file) if isinstance(one, PacketRecord) and isinstance(one.packet, Result)
    }
    assert answered < {one.sequence for one in found}


def test_trials_go_through_a_pipe_and_a_journal_that_cannot_be_read_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = journal_of(tmp_path)
    wanted = list(taps(file))
    told = io.BytesIO()
    assert write(file.parent, told) == 1
    told.seek(0)
    found = [one for one in iter(lambda: pipe.take(told), None) if isinstance(one, Tap)]
    assert [one.sequence for one in found] == [one.sequence for one in wanted]
    file.write_bytes(b"no journal at all, though long enough")
    assert write(file.parent, io.BytesIO()) == 0
    assert "is no journal of eegseek" in capsys.readouterr().err
    with pytest.raises(WireError, match="ended within"):
        pipe.take(io.BytesIO(b"1234"))
    with pytest.raises(WireError, match="announced"):
        pipe.take(io.BytesIO(b"\xff" * 12))


def test_a_bundle_that_is_gone_is_told(tmp_path: Path) -> None:
    file = journal_of(tmp_path, session={"calibrate": False})
    with pytest.raises(BundleError, match="not there yet"):
        list(taps(file))


def tap(sequence: int, uv: float = 1.0, channels: tuple[str, ...] = ("Oz",)) -> Tap:
    return Tap(
        session="s", segment=0, sequence=sequence, stimulus="face/1", onset_s=1.0, sampling_rate_hz=100.0,
        first_sample_offset_s=0.0, channels=channels, versions=1, times=5, repeats=1,
        data=np.full((1, len(channels), 5), uv, np.float32),
    )  # fmt: skip


def test_a_trial_that_comes_live_and_from_the_journal_is_counted_once() -> None:
    store = Store(lambda: Truth(), lambda: 12.0)
    store.take(tap(3))
    assert [store.take_former(tap(k)) for k in range(4)] == [True, True, True, False]
    store.take(tap(2))
    assert store.n == 4
    assert not store.take_former(tap(9, channels=("Oz", "Pz")))  # of another shape: what is live stays
    assert store.n == 4
    store.restart()
    assert not store.take_former(tap(8))
    store.take(tap(10))
    assert store.n == 1


def test_who_joined_at_the_first_window_has_nothing_to_read() -> None:
    former = Former(Path("nowhere"), lambda one: True)
    assert former.late  # not heard yet: the session may have ended
    former.hear(status(0, due=0))
    former.hear(status(1, due=7))
    assert not former.late
    late = Former(Path("nowhere"), lambda one: True)
    late.hear(status(0, due=3))
    assert late.late
    assert "when this dashboard joined" in since_words(Progress(), "12:00:00")
    assert "7" in since_words(Progress("reading", 7), "12:00:00")
    assert since_words(Progress("done", 7), "12:00:00").startswith("since the session began, 7 of them")
    assert "torn" in since_words(Progress("failed", 7, "torn"), "12:00:00")


class Clock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.s = 50.0

    def wait(self, seconds: float) -> None:
        self.s += seconds


def test_a_journal_at_a_pace_is_the_same_chunks_and_not_sooner(tmp_path: Path) -> None:
    file = record(tmp_path)
    straight = JournalSource(file)
    straight.open()
    wanted = []
    while not wanted or not wanted[-1].final:
        wanted.append(straight.read(0.0))
    clock = Clock()
    paced = PacedJournal(JournalSource(file), 2.0, lambda: clock.s, clock.wait)
    paced.open()
    found, began_s = [], clock.s
    while not found or not found[-1].final:
        chunk = paced.read(0.02)
        if chunk.samples.shape[1]:
            found.append(chunk)
            assert clock.s - began_s >= (chunk.arrived - wanted[0].arrived) / 2 - 0.021
        else:
            assert chunk.arrived <= (found[-1] if found else wanted[0]).arrived  # on the journal's clock
    assert clock.s - began_s == pytest.approx((wanted[-1].arrived - wanted[0].arrived) / 2, abs=0.03)
    assert [one.samples.tobytes() for one in found] == [one.samples.tobytes() for one in wanted]
    assert [one.events for one in found] == [one.events for one in wanted]
    assert paced.read(0.0).final
    paced.close()
    assert isinstance(make_source(RecordingSource(file=str(file), speed=1.0)), PacedJournal)
    assert isinstance(make_source(RecordingSource(file=str(file), speed=0.0)), JournalSource)


def test_a_replay_has_sockets_a_folder_and_a_port_of_its_own_and_writes_nothing(tmp_path: Path) -> None:
    recorded = {
        "markers": {"stimulus": "x.*"},
        "inference": {"encoder": "e", "workers": 4},
        "dashboard": {"token": "a-token-of-then-and-there"},
        "run": {"folder": "the-live-one"},
        "session": {"name": "mine", "folder": "sessions"},
    }
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "settings.json").write_text(json.dumps(recorded))
    one = Recording("mine", "", tmp_path / "mine" / "segment-0000.esj", ("--encoder", "e"))
    shown = DashboardSettings(token="a-token-of-the-tests-own", names=("lab.example",))
    made = validate(settings_of(one, tmp_path / "place", shown, 9999))
    assert made.markers.stimulus == "x.*" and made.inference.encoder == "e" and made.inference.workers == 1
    assert made.run.folder == str(tmp_path / "place" / "run")
    assert made.session.name == "replay-of-mine" and not made.session.journal and not made.session.bids
    assert (made.dashboard.port, made.dashboard.token) == (9999, "a-token-of-the-tests-own")
    assert made.dashboard.names == ("lab.example",)
    line = argv(one, tmp_path / "s.json", 5.0)
    assert line[2:5] == ["eegseek", "replay", str(one.journal)]
    assert line[-6:] == ["--config", str(tmp_path / "s.json"), "--speed", "5", "--headless", "--dashboard"]
    long = replace(one, name="n" * 64, journal=tmp_path / "none" / "segment-0000.esj")
    assert len(validate(settings_of(long, tmp_path, shown, 9999)).session.name) == 64
    assert load_settings().session.journal  # of others


def test_how_a_replay_goes_is_told_in_words() -> None:
    told = status(0, due=9, answered=7, samples=62_500)
    assert heard(told) == {"played_s": 250.0, "due": 9, "answered": 7}
    assert not shown_by(told)
    peer = PeerState(role="display", name="dashboard", pid=2, state="connected", age_s=0.1)
    assert shown_by(msgspec.structs.replace(told, peers=(peer,)))
    now = replace(Playing("playing", "mine", 2.0, 8478, "t" * 16), **heard(told))
    assert now.words == "▶ Playing 'mine' at 2×: 4:10 min of signal, 9 pictures, 7 answered."
    assert now.address("lab.example") == f"http://lab.example:8478/?token={'t' * 16}"
    assert replace(now, token="").address("::1") == "http://[::1]:8478/"
    assert replace(now, port=0).address("localhost") == ""
    assert "failed: torn" in replace(now, stage="failed", why="torn").words
    assert isinstance(told, Status)


def test_how_a_replay_ended(tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    assert last_words(said) == ""
    assert outcome(0, said, asked=False) == ("ended", "")
    assert outcome(-15, said, asked=True) == ("stopped", "")
    assert outcome(-9, said, asked=False)[1] == "it was killed by signal 9 and said nothing"
    said.write_text("a warning\neegseek: the journal is torn [E301]\nmore\n")
    assert outcome(1, said, asked=False) == ("failed", "the journal is torn [E301]")


def test_a_second_replay_is_refused_and_stop_without_one_is_harmless() -> None:
    player = Player(DashboardSettings())
    player.stop()
    player.close(0.1)
    assert player.now.words == "" and not player.now.runs

    class Busy:
        def is_alive(self) -> bool:
            return True

    player._thread = Busy()  # type: ignore[assignment]
    with pytest.raises(SessionError, match="stop it first"):
        player.start(Recording("mine", "", Path("segment-0000.esj")))
