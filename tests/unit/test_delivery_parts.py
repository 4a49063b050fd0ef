"""The small parts of delivery: the account, the history, commands, the hand-off between the threads."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import zmq
from delivery_fakes import answer, encoder_spec, window

from acquisition import journal
from acquisition.configure import bundle_of, encoder_of, plan_of, session_folder
from acquisition.control import REPLIES, Control
from acquisition.delivery_account import CALIBRATION, PAUSED, Cut, check_end, fault, rejected_by, totals
from acquisition.dispatch import Dispatcher, Send
from acquisition.handoff import WAKE, Batch, Handoff
from acquisition.history import History
from acquisition.recorder import Recorder
from acquisition.switches import Switches
from acquisition.types import StreamInfo
from config.bundles import ENCODER_JSON, canonical, fingerprint
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import BundleError, JournalError, ProcessError, SettingsError
from config.settings import DispatchSettings, Settings
from wire.codec import decode, encode
from wire.packets import Command, Load, Ready

DELIVERED = {"sent": 5, "answered": 2, "expired": 1, "dropped": 1, "failed": 0}
CUT = Cut(
    {"due": 10, "accepted": 6, "rejected": 2, "missed": 1, "pending": 1}, {"flat": 2}, paused=1, extra={"samples": 9}
)


def test_the_account_joins_both_sides() -> None:
    counters = totals(CUT, DELIVERED, in_flight=1)
    assert fault(counters) == ""
    assert (counters["due"], counters["rejected"], counters["samples"]) == (10, 3, 9)
    assert "accepted" not in counters
    assert rejected_by(CUT) == {"flat": 2, PAUSED: 1}
    assert fault(totals(Cut(), dict.fromkeys(DELIVERED, 0), 0)) == ""


def test_what_was_kept_for_calibration_is_rejected_by_that_name() -> None:
    cut = replace(CUT, calibration=3, counters={**CUT.counters, "due": 13, "accepted": 9})
    counters = totals(cut, DELIVERED, in_flight=1)
    assert fault(counters) == ""
    assert counters["rejected"] == 6
    assert rejected_by(cut) == {"flat": 2, PAUSED: 1, CALIBRATION: 3}


@pytest.mark.parametrize(
    ("name", "words"), [("due", "due 11 is not sent 5"), ("answered", "sent 5 is not answered 3"), ("missed", "due")]
)
def test_a_sum_that_does_not_hold_is_told(name: str, words: str) -> None:
    counters = totals(CUT, DELIVERED, in_flight=1)
    counters[name] += 1
    assert words in fault(counters)
    with pytest.raises(ProcessError, match="does not close"):
        check_end(counters)


def test_at_the_end_nothing_may_be_open() -> None:
    with pytest.raises(ProcessError, match="pending 1 and in flight 1"):
        check_end(totals(CUT, DELIVERED, in_flight=1))


def test_history_gives_what_it_holds_from_a_number_on() -> None:
    history = History(3)
    frames = [encode(answer(window(k), "e")) for k in range(5)]
    for each in frames:
        history.add(each)
    assert history.next == 6
    assert history.since(0) == history.since(1) == frames[2:]
    assert history.since(4) == frames[3:]
    assert history.since(6) == history.since(10**30) == []


class Run:
    """A control desk and what it commands."""

    def __init__(self) -> None:
        self.switches = Switches()
        self.spec = encoder_spec()
        self.dispatcher = Dispatcher(DispatchSettings(), "test", [fingerprint(self.spec)])
        self.history = History(100)
        self.recorder = Recorder(None, "test", 0, "")
        self.control = Control(
            plan_of(Settings(), self.spec), self.switches, self.dispatcher, self.history, self.recorder
        )

    def ask(self, command: str, name: str = "1", **fields: object):  # type: ignore[no-untyped-def]
        return self.control.execute(Command(id=name, command=command, **fields), 0.0)


def test_pause_start_and_stop_set_the_switches() -> None:
    run = Run()
    assert run.ask("pause", "1").reply.ok
    assert run.switches.paused
    assert run.ask("start", "2").announce
    assert not run.switches.paused
    assert run.ask("stop", "3").reply.ok
    assert run.switches.stop


def test_a_repeated_request_is_answered_again_and_not_carried_out_again() -> None:
    run = Run()
    first = run.ask("pause", "same")
    run.ask("start", "other")
    again = run.ask("pause", "same")
    assert again.reply == first.reply
    assert not run.switches.paused
    for k in range(REPLIES):
        run.ask("status", f"more {k}")
    run.ask("pause", "same")  # so long ago that it counts as new
    assert run.switches.paused


def test_since_brings_results_then_where_to_go_on() -> None:
    run = Run()
    for k in range(4):
        run.history.add(encode(answer(window(k), "e")))
    outcome = run.ask("since", sequence=3)
    assert [decode(f).sequence for f in outcome.results] == [2, 3]
    assert (outcome.reply.count, outcome.reply.next_sequence) == (2, 5)
    assert run.ask("since", sequence=3).results == ()  # the same id: the reply alone


def test_notes_need_words_and_a_journal() -> None:
    run = Run()
    assert not run.ask("note", "1", text=" ").reply.ok
    assert "journal" in run.ask("note", "2", text="subject moved").reply.message


def test_a_bad_stretch_needs_a_length_and_a_journal(tmp_path: Path) -> None:
    run = Run()
    assert "seconds" in run.ask("bad", "1", text="a cough").reply.message
    assert "journal" in run.ask("bad", "2", seconds=5.0).reply.message
    run.recorder = run.control.recorder = Recorder(tmp_path / "segment-0000.esj", "test", 0, "")
    run.recorder.open(StreamInfo("test", "recording", 250.0, ("O1",)))
    outcome = run.ask("bad", "3", seconds=5.0, text="a cough")
    assert outcome.reply.ok
    assert "5 s" in outcome.reply.message
    run.ask("bad", "3", seconds=5.0, text="a cough")  # the same wish, again
    run.recorder.close("stopped")
    kept = [r for r in journal.read(tmp_path / "segment-0000.esj") if isinstance(r, journal.Bad)]
    assert kept == [journal.Bad(0.0, 5.0, "a cough")]


@pytest.mark.parametrize("text", ["", "12x", "-1", "²"])
def test_gone_needs_a_process_id(text: str) -> None:
    assert not Run().ask("gone", text=text).reply.ok


def write_spec(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    (folder / ENCODER_JSON).write_bytes(canonical(encoder_spec(**changes)))
    return folder


def test_load_goes_to_the_workers_if_the_encoder_takes_these_windows(tmp_path: Path) -> None:
    run = Run()
    run.dispatcher.on_ready(b"w", Ready(worker="w", pid=1, encoder=fingerprint(run.spec), gallery="g", credit=1), 0.0)
    fits = write_spec(tmp_path / "fits", dim=8)
    outcome = run.ask("load", "1", encoder=str(fits), gallery="there")
    assert outcome.reply.ok
    assert outcome.actions == (Send(b"w", Load(encoder=str(fits), gallery="there")),)
    assert fingerprint(encoder_spec(dim=8)) in run.dispatcher.workers.encoders
    other = write_spec(tmp_path / "other", window=WindowSettings(end_s=0.4))
    outcome = run.ask("load", "2", encoder=str(other))
    assert not outcome.reply.ok
    assert "end_s=0.4" in outcome.reply.message
    assert "end_s=0.2" in outcome.reply.message
    assert outcome.actions == ()
    assert not run.ask("load", "3", encoder=str(tmp_path / "none")).reply.ok
    assert not run.ask("load", "4").reply.ok


def test_the_handoff_holds_back_when_full_and_lets_go_at_the_end() -> None:
    handoff = Handoff(2)
    for k in range(2):
        handoff.put(Batch(message=str(k)), lambda: False)
    asked = threading.Event()

    def hurry() -> bool:
        if asked.is_set():
            return True
        asked.set()  # it has begun to wait
        return False

    waiting = threading.Thread(target=handoff.put, args=(Batch(message="2"), hurry))
    waiting.start()
    waiting.join(5)
    assert not waiting.is_alive()
    assert [batch.message for _ in range(3) if (batch := handoff.take())] == ["0", "1", "2"]
    assert handoff.take() is None


def test_the_handoff_wakes_the_poller() -> None:
    with zmq.Context() as context, context.socket(zmq.PAIR) as pair:
        pair.bind(WAKE)
        handoff = Handoff(2)
        handoff.open(context)
        assert not pair.poll(0)
        handoff.put(Batch(), lambda: False)
        assert pair.poll(2000)
        handoff.close()


def test_the_plan_is_the_bundles_and_only_rejection_may_differ() -> None:
    spec = encoder_spec()
    plan = plan_of(Settings(rejection=RejectionSettings(peak_to_peak_uv=70.0)), spec)
    assert (plan.chain, plan.window, plan.rejection.peak_to_peak_uv) == (spec.chain, spec.window, 70.0)
    same = spec.chain.model_copy(update={"channels": ()})
    assert plan_of(Settings(chain=same, window=spec.window), spec).rejection == spec.rejection


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"chain": ChainSettings(notch_hz=(60.0,))}, r"chain.notch_hz is \(60.0,\) .* trained with \(\)"),
        ({"window": WindowSettings(end_s=0.3)}, r"window.end_s is 0.3 .* trained with 0.2"),
    ],
)
def test_another_chain_or_window_is_refused_naming_both_sides(changes: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        plan_of(Settings(**changes), encoder_spec())


def test_an_encoder_must_be_named_and_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"inference\.encoder is empty"):
        encoder_of(Settings())
    with pytest.raises(BundleError, match="none"):
        encoder_of(Settings(inference={"encoder": str(tmp_path / "none")}))
    folder = tmp_path / "cut"
    folder.mkdir()
    (folder / ENCODER_JSON).write_text(json.dumps({"format": "eegseek-encoder"}))
    with pytest.raises(BundleError, match="not a valid encoder bundle"):
        encoder_of(Settings(inference={"encoder": str(folder)}))


def test_the_session_folder_is_private_or_an_error(tmp_path: Path) -> None:
    folder = session_folder(Settings(session={"folder": str(tmp_path / "deep" / "sessions"), "name": "p01"}))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"cannot be written .* session\.folder"):
        session_folder(Settings(session={"folder": str(tmp_path / "file"), "name": "p01"}))


def calibrating(folder: Path, **changes: object) -> Settings:
    spec = encoder_spec()
    asked = {"chain": spec.chain, "window": spec.window, **changes}
    return Settings(session={"calibrate": True}, inference={"encoder": str(folder)}, **asked)


def test_a_session_that_calibrates_cuts_as_its_settings_say_before_there_is_an_encoder_and_after(
    tmp_path: Path,
) -> None:
    settings, spec = calibrating(tmp_path / "made"), encoder_spec()
    assert bundle_of(settings) is None
    before = plan_of(settings, None)
    assert (before.chain, before.window, before.rejection) == (spec.chain, spec.window, RejectionSettings())
    assert plan_of(settings, spec) == before
    write_spec(tmp_path / "made")
    with pytest.raises(BundleError):  # no weights beside it
        bundle_of(settings)
    with pytest.raises(SettingsError, match=r"inference\.encoder is empty"):
        bundle_of(Settings(session={"calibrate": True}))


@pytest.mark.parametrize("missing", [{"window": None}, {"chain": None}, {"chain": ChainSettings()}])
def test_without_an_encoder_the_settings_must_say_how_to_cut(tmp_path: Path, missing: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="give \\[window\\], and \\[chain\\] with its channels"):
        plan_of(calibrating(tmp_path / "none", **missing), None)


def test_calibration_is_left_once_its_encoder_is_there_and_fits(tmp_path: Path) -> None:
    run = Run()
    run.dispatcher.workers.encoders.clear()
    run.control.encoder = str(tmp_path / "made")
    run.switches.calibrating = True
    assert "no encoder in" in run.ask("start", "1").reply.message
    assert not run.ask("pause", "2").reply.ok
    other = write_spec(tmp_path / "other", window=WindowSettings(end_s=0.4))
    run.control.encoder = str(other)
    outcome = run.ask("start", "3")
    assert not outcome.reply.ok
    assert "end_s=0.4" in outcome.reply.message
    assert run.switches.calibrating
    assert not run.dispatcher.workers.encoders
    run.control.encoder = str(write_spec(tmp_path / "made"))
    outcome = run.ask("start", "4")
    assert outcome.reply.ok
    assert outcome.announce
    assert not run.switches.calibrating
    assert run.dispatcher.workers.encoders == {fingerprint(run.spec)}
    assert run.ask("pause", "5").reply.ok
    assert run.ask("start", "6").reply.ok
    assert not run.switches.paused
