"""The guided session's parts: lights, checks, what is said of a headset, pictures, plans, settings, the guide."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from config.calibration import Evidence, Progress
from config.errors import EegseekError, SettingsError
from config.guide import (
    Check,
    Guide,
    GuideAnswer,
    note_check,
    read_checks,
    read_guide,
    take_answer,
    write_answer,
    write_guide,
)
from config.load import load_settings
from config.session_ask import Ask
from config.settings import LslSource
from eegseek.cli_session import _check_name
from eegseek.session import checks, materials, setup
from eegseek.session.ear import Ear
from eegseek.session.find import Found, Stream, judge, option
from eegseek.session.headsets import HEADSETS, SYNTHETIC, back, frontal
from eegseek.session.lights import Steady, all_good, lights, row, worst
from eegseek.session.measure import Measure
from eegseek.session.pictures import SIZE, draw, gratings
from eegseek.session.place import Workplace
from eegseek.session.samples import Samples
from eegseek.session.serving import Serving
from eegseek.session.terminal import Terminal, choice_of
from eegseek.session.words import QUIT, progress_line
from wire.packets import Answer, Hit, PeerState, Preview, Quality, Result, Status

RATE = 256.0
MUSE = ("TP9", "AF7", "AF8", "TP10")


def quality(*states: str, hum: float = 0.1) -> Quality:
    names = MUSE[: len(states)]
    count = len(states)
    return Quality(time_s=0.0, channels=names, rms_uv=(5.0,) * count, line_ratio=(hum,) * count, states=states)  # type: ignore[arg-type]


def test_lights_have_letters_and_say_how_to_mend_the_worst() -> None:
    shown = lights(quality("good", "noisy", "railed", "flat"))
    assert row(shown) == "TP9 G  AF7 Y  AF8 R  TP10 R" and not all_good(shown)
    assert worst(shown).startswith("AF8: ") and "1 more" in worst(shown)
    assert all_good(lights(quality("good", "good"))) and not all_good(lights(None))
    assert [light.letter for light in lights(quality("good", hum=0.8))] == ["Y"]


def test_contact_must_stay_good() -> None:
    steady = Steady().seen(True, 10.0).seen(True, 12.0)
    assert not steady.enough(12.5) and steady.enough(13.0)
    assert not steady.seen(False, 13.0).seen(True, 13.5).enough(14.0)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 4.0, (4, round(seconds * RATE)))


def test_a_blink_is_seen_near_the_eyes_and_only_there() -> None:
    asked = noise(6, 1)
    hump = 120 * np.hanning(round(0.3 * RATE))
    asked[1:3, 400 : 400 + len(hump)] += hump
    seen = checks.blink(noise(3), asked, RATE, MUSE)
    assert seen.passed and "the electrodes work" in seen.words and "AF7, AF8" in seen.words
    assert not checks.blink(noise(3), noise(6, 1), RATE, MUSE).passed
    behind = noise(6, 1)
    behind[0, 400 : 400 + len(hump)] += hump
    assert not checks.blink(noise(3), behind, RATE, MUSE).passed


def test_alpha_with_eyes_closed_is_brain_and_a_louder_signal_is_not() -> None:
    times = np.arange(round(12 * RATE)) / RATE
    opened, closed = noise(12, 2), noise(12, 3)
    closed += 6 * np.sin(2 * np.pi * 10 * times)
    seen = checks.alpha(opened, closed, RATE, MUSE)
    assert seen.passed and "it is brain" in seen.words and "TP9" in seen.words
    assert not checks.alpha(opened, 5 * noise(12, 3), RATE, MUSE).passed
    burst = noise(12, 3) + 40 * np.sin(2 * np.pi * 10 * times) * (times < 2)
    assert not checks.alpha(opened, burst, RATE, MUSE).passed
    assert not checks.alpha(opened, noise(1), RATE, MUSE).passed


def preview(first_s: float, count: int) -> Preview:
    data = np.tile(np.arange(count, dtype=np.float32) + np.float32(round(first_s * RATE)), (4, 1))
    return Preview(
        session="s", segment=0, sequence=round(first_s * RATE), first_s=first_s, rate_hz=RATE, channels=MUSE,
        times=count, data=data,
    )  # fmt: skip


def test_samples_are_put_together_by_their_stamps() -> None:
    kept = Samples()
    assert kept.last_s == 0.0
    for k in range(20):
        kept.add(preview(k * 0.125, 32))
    found = kept.between(0.5, 1.0)
    assert found.shape[0] == 4 and found[0].tolist() == list(range(128, 257))
    assert kept.last_s == pytest.approx(2.5 - 1 / RATE)


def test_a_check_tells_what_to_do_and_ends() -> None:
    measure = Measure("eyes", 100.0)
    assert "open" in measure.words(102.0) and "close" in measure.words(115.0)
    assert not measure.over(120.0) and measure.over(126.5)


def test_which_electrodes_are_looked_at() -> None:
    assert frontal(MUSE) == (1, 2) and back(MUSE) == (0, 3)
    assert back(HEADSETS["cyton"].channels) == (6, 7) and back(("X1", "X2")) == (0, 1)


@pytest.mark.parametrize("name", HEADSETS)
def test_every_headset_says_what_it_can_and_cannot_do(name: str) -> None:
    one = HEADSETS[name]
    assert one.can and one.cannot and one.mend and one.fit
    if "muse" in name:
        assert "visual cortex" in one.cannot and "single images" in one.cannot


def test_what_is_wrong_comes_with_how_to_mend_it() -> None:
    settings = load_settings(preset="muse-lsl")
    muse = HEADSETS["muse-lsl"]
    missing = judge(Found(error="no EEG stream came up; there are no streams", code="E301"), settings, muse)
    assert missing.trouble and any("firewall" in line for line in missing.mend)
    broken = judge(
        Found(error="x", code="E300", library=("BrainFlow: cannot be imported; pip install",)), settings, muse
    )
    assert broken.mend[0].startswith("BrainFlow")
    whole = judge(Found(error="x", code="E300", works=("BrainFlow",)), settings, muse)
    assert "itself works" in whole.say[0]
    two = tuple(Stream(words="'Muse' (…, on lab)", sets={"source.source_id": one}) for one in ("m1", "m2"))
    twice = judge(Found(error="2 streams match", code="E302", streams=two), settings, muse)
    assert [line.partition("on lab")[2] for line in twice.mend] == [
        "): --set source.source_id=m1",
        "): --set source.source_id=m2",
        "",
    ]
    assert "told apart" in judge(Found(error="2 streams match", code="E302"), settings, muse).mend[0]
    unseen = "no marker stream with type 'Markers' came up within 10 s; there are no marker streams"
    program = judge(Found(error=unseen, code="E301"), settings, muse)
    assert "shows the pictures" in program.mend[0] and "source.marker_name" in program.mend[-1]
    board = judge(Found(error=unseen, code="E301"), load_settings(preset="muse"), HEADSETS["muse"])
    assert "--set source.marker_lsl=NAME" in board.mend[-1]
    program_of = Stream(words="'P'", sets={"source.marker_name": "P"})
    both = "2 streams match the marker stream with type 'Markers': …"
    markers = judge(Found(error=both, code="E302", streams=(program_of,)), settings, muse)
    assert "--set source.marker_name=P" in markers.mend[0] and not any("wear" in line for line in markers.mend)
    elsewhere = "no stream with name 'Muse' came up; streams that are there: 'Petal'"
    petal = Stream(words="'Petal'", sets={"source.name": "Petal"})
    named = judge(Found(error=elsewhere, code="E301", streams=(petal,)), settings, muse)
    assert "--set source.name=Petal" in named.mend[0]
    empty = judge(Found(name="Muse", channels=MUSE, rate_hz=256, measured_hz=0), settings, muse)
    assert "empty stream" in empty.trouble
    other = judge(Found(name="x", channels=("A", "B"), rate_hz=256, measured_hz=256), settings, muse)
    assert "TP9" in other.trouble and "source.channels" in other.mend[0]


@pytest.mark.parametrize("value", ["Muse-1", "Muse 00:55:da", 'a "b" \\c', "123", "true", "1.5", "ü", "[x]"])
def test_an_option_sets_what_it_says(value: str) -> None:
    import shlex

    word, override = shlex.split(option("source.name", value))
    assert word == "--set"
    source = load_settings(None, "lsl", [override]).source
    assert isinstance(source, LslSource) and source.name == value


def test_what_is_odd_is_said_and_does_not_stop_it() -> None:
    settings, muse = load_settings(preset="muse-lsl"), HEADSETS["muse-lsl"]
    note = "stamps of 'Muse' were of the wall clock, converted once by 1.0 s"
    found = Found(name="Muse", channels=MUSE, rate_hz=256, measured_hz=200, dead=("AF7",), notes=(note,))
    told = judge(found, settings, muse)
    assert not told.trouble
    words = " ".join(told.say)
    assert "--lsl_time" in words and "200 samples a second" in words and "AF7" in words


def test_gratings_differ_by_their_side_alone() -> None:
    left, right = (draw(gratings(side)[1]) for side in ("left", "right"))
    assert left.shape == (SIZE, SIZE, 3)
    half = SIZE // 2
    assert left[:, :half].std() > 20 and left[:, half:].std() == 0
    assert right[:, half:].std() > 20 and right[:, :half].std() == 0
    assert left[:, :half].std() == pytest.approx(right[:, half:].std(), rel=0.05)


def test_a_plan_mixes_categories_in_every_block_and_is_seeded(tmp_path: Path) -> None:
    stimuli = materials.pictures_of(materials.draw_own(tmp_path), ())
    showing = materials.Showing(blocks=3, trials=20)
    plan = materials.plan_of(stimuli, showing, 5, attended=False)
    assert plan == materials.plan_of(stimuli, showing, 5, attended=False)
    assert plan.parts != materials.plan_of(stimuli, showing, 6, attended=False).parts
    for block in plan.blocks:
        shown = [trial.stimulus.split("/")[0] for trial in block.trials]
        assert Counter(shown) == {"left": 10, "right": 10} and shown != sorted(shown) and shown != sorted(shown)[::-1]
    assert all(part.seconds for part in plan.parts if part.kind == "pause")
    assert set(plan.truth.values()) == {"left", "right"}
    rest = materials.rest_of(plan, 2)
    assert rest is not None and rest.blocks == plan.blocks[2:] and materials.rest_of(plan, 3) is None


def test_recordings_become_a_plan_of_their_own_order() -> None:
    events = (("1", "2", "note", "1", "2", "2", "1"), ("2", "1"))
    stimuli = materials.of_labels({"1": 40, "2": 41, "note": 1}, ())
    plan = materials.replayed(stimuli, events, trials=3)
    assert [[t.stimulus for t in block.trials] for block in plan.blocks] == [
        ["1", "2", "1"],
        ["2", "2", "1"],
        ["2", "1"],
    ]
    assert materials.markers_of(stimuli) == "1|2"
    with pytest.raises(SettingsError, match="no marker 'x'"):
        materials.of_labels({"1": 40}, ("x",))
    with pytest.raises(SettingsError, match="1 categories"):
        materials.of_labels({"1": 40}, ())


def test_settings_of_a_session(tmp_path: Path) -> None:
    ask = Ask(preset="muse", name="me")
    made = setup.settings_of(ask, tmp_path / "me", "(left|right)/.+")
    assert made.session.calibrate and made.session.name == "me" and made.session.folder == str(tmp_path)
    assert made.source.kind == "brainflow" and made.source.marker_lsl == ask.stream
    assert made.markers.stimulus == "(left|right)/.+"
    worn = setup.settings_of(Ask(preset="muse", name="me", participant=True), tmp_path / "me")
    assert worn.source.kind == "lsl" and worn.source.name == "eegseek-me"
    played = setup.settings_of(Ask(name="me", recordings=("a.csv",), speed=40), tmp_path / "me")
    assert played.source.kind == "recording" and played.dispatch.policy == "block"
    board = Ask(name="me", board="synthetic")
    assert setup.worn(board, setup.settings_of(board, tmp_path / "me")) is SYNTHETIC
    named = setup.complete(setup.settings_of(Ask(preset="cyton", name="me"), tmp_path / "me"), ("O1", "O2"))
    assert named.chain is not None and named.chain.channels == ("O1", "O2")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"participant": True, "board": "synthetic"}, "exclude each other"),
        ({"participant": True, "presenter": False}, "--no-presenter"),
        ({"recordings": ("no-such.csv",)}, "is not there"),
    ],
)
def test_what_cannot_go_together_is_refused_in_one_sentence(given: dict[str, object], words: str) -> None:
    with pytest.raises(EegseekError, match=words):
        setup.check(Ask.model_validate({"name": "me", **given}))


def test_the_name_of_a_session_that_recorded_nothing_is_free_again(tmp_path: Path) -> None:
    folder = tmp_path / "me"
    _check_name(folder)
    with pytest.raises(SettingsError, match="has no subfolder 'up'"):
        Workplace(Ask(name="me", board="synthetic", categories=("up", "down")), folder)
    _check_name(folder)
    work = Workplace(Ask(name="me", board="synthetic", categories=("left", "right")), folder)
    assert work.where() == (f"Nothing was recorded; the settings are in {folder}, and the name may be used again",)
    with (folder / "run.jsonl").open("w"), pytest.raises(SettingsError, match=f"in use by process {os.getpid()}"):
        _check_name(folder)
    (folder / "segment-01.esj").touch()
    assert work.where()[-1].startswith("Go on with it:")
    with pytest.raises(SettingsError, match="--resume me goes on with it"):
        _check_name(folder)
    (tmp_path / "other").mkdir()
    with pytest.raises(SettingsError, match="there is a session 'other' already"):
        _check_name(tmp_path / "other")


def test_answers_come_from_a_bundle_a_start_and_a_worker() -> None:
    serving = Serving(limit_s=100.0, wants_start=True)
    assert serving.now(bundle=False, workers=0, flows=True, at_s=0.0) == "bundle"
    assert serving.now(bundle=True, workers=0, flows=True, at_s=1.0) == "start"
    serving = serving.ask("a", 1.0)
    assert serving.now(bundle=True, workers=0, flows=True, at_s=1.1) == "worker"
    refused = serving.told(False, "other channels")
    assert refused.now(bundle=True, workers=1, flows=True, at_s=50.0) == "start"
    assert refused.now(bundle=True, workers=1, flows=True, at_s=100.0) == "failed" and "other channels" in refused.why
    accepted = serving.told(True, "")
    assert accepted.now(bundle=True, workers=0, flows=True, at_s=2.0) == "worker"
    assert accepted.now(bundle=True, workers=1, flows=True, at_s=2.0) == "done"
    assert accepted.now(bundle=True, workers=0, flows=True, at_s=100.0) == "failed"


def test_the_guide_and_its_answer_go_through_files_once(tmp_path: Path) -> None:
    guide = Guide(session="me", step="fit", title="Fit", question=3, choices=(QUIT,))
    write_guide(tmp_path, guide)
    assert read_guide(tmp_path) == guide
    write_answer(tmp_path, GuideAnswer(question=3, choice="quit"))
    assert take_answer(tmp_path) == GuideAnswer(question=3, choice="quit") and take_answer(tmp_path) is None
    (tmp_path / "guide-answer.json").write_text('{"question": "three"}')
    assert take_answer(tmp_path) is None and take_answer(tmp_path) is None
    (tmp_path / "guide.json").write_text("{")
    assert read_guide(tmp_path) is None


def test_checks_are_kept_the_last_of_each(tmp_path: Path) -> None:
    assert read_checks(tmp_path) == ()
    for passed in (False, True):
        note_check(tmp_path, Check(name="blink", passed=passed, value=80, wanted=50, words="seen"))
    note_check(tmp_path, Check(name="alpha", passed=True, value=2, wanted=1.3, words="brain"))
    assert [(one.name, one.passed) for one in read_checks(tmp_path)] == [("blink", True), ("alpha", True)]


def test_keys_choose() -> None:
    choices = (QUIT.model_copy(update={"name": "start", "key": "s", "default": True}), QUIT)
    assert [choice_of(key, choices) for key in ("s", "Q", "\n", "x", "")] == ["start", "quit", "start", "", ""]


def test_the_terminal_takes_single_keys_and_is_left_as_it_was() -> None:
    import os
    import select
    import termios

    person, side = os.openpty()
    with os.fdopen(side, "w", buffering=1, closefd=False) as screen, os.fdopen(side, "r") as keys:
        before = termios.tcgetattr(side)
        terminal = Terminal(screen, keys)
        terminal.open()
        os.write(person, b"g")
        assert terminal.key() == "g" and terminal.key() == ""
        terminal.say("a name\x1b[2J of a stream")
        terminal.line("TP9 G")
        terminal.close()
        shown = b""
        while b"\x1b[2K" not in shown:  # the line that changes was taken away again
            assert select.select([person], [], [], 10)[0], shown
            shown += os.read(person, 1000)
        assert b"a name [2J of a stream" in shown and b"TP9 G" in shown
        assert termios.tcgetattr(side) == before
    os.close(person)


def test_where_the_output_is_no_terminal_lines_are_few() -> None:
    import io

    out = io.StringIO()
    terminal = Terminal(out)
    terminal.open()
    terminal.say("block 1")
    for words in ("block 1", "TP9 G", "TP9 Y", "TP9 R"):
        terminal.line(words)
    terminal.ask((QUIT,))
    terminal.close()
    assert out.getvalue() == "block 1\nTP9 G\n" and terminal.key() == ""


def result(stimulus: str, found: str, **more: object) -> Result:
    hit = Hit(id=found, label=found, modality="image", cosine=0.5, probability=0.8)
    fixed: dict[str, object] = {
        "session": "me", "segment": 0, "sequence": 0, "stimulus": stimulus, "onset_s": 0.0, "versions": 1, "dim": 2,
        "answers": (Answer(hits=(hit,), repeats=1),), "encoder": "e", "gallery": "g", "data": np.zeros((1, 2)),
    }  # fmt: skip
    return Result(**{**fixed, **more})  # type: ignore[arg-type]


def test_answers_are_told_with_what_was_shown() -> None:
    ear = Ear({"left/1": "left", "right/1": "right"})
    ear.hear(result("left/1", "left"), 0.0)
    ear.hear(result("right/1", "left", simulated=True), 0.0)
    ear.hear(result("right/1", "left", final=False), 0.0)
    assert list(ear.lines) == ["found: left (80%)  right", "SIMULATED  found: left (80%)  wrong, shown was right"]
    assert "1 of 2 right" in ear.score


def test_a_silent_headset_is_told_by_its_source() -> None:
    def status(source: str, own: str) -> Status:
        peer = PeerState(role="source", name="Muse", pid=0, state=source, message="no sample", age_s=0.0)  # type: ignore[arg-type]
        return Status(
            role="acquisition",
            name="a",
            pid=1,
            session="me",
            segment=0,
            state=own,
            time_s=0.0,
            peers=(peer,),  # type: ignore[arg-type]
        )

    ear = Ear()
    assert not ear.flows and not ear.silent
    ear.hear(status("connected", "paused"), 0.0)
    assert ear.flows and not ear.silent
    ear.hear(status("lost", "lost"), 0.0)
    assert ear.silent == "no sample" and not ear.flows


@pytest.mark.parametrize(
    ("log10_e", "said"), [(0.3, "evidence 2 of 20"), (9.0, "over 1,000 of 20"), (4000.0, "over 1,000")]
)
def test_evidence_is_told_however_much_there_is(log10_e: float, said: str) -> None:
    whole = Evidence(channels=("AF7",), trials=40, auc=0.9, log10_e=log10_e)
    told = Progress(categories=("x", "y"), blocks_planned=4, chance=0.5, threshold_log10_e=1.30103, whole=whole)
    assert said in progress_line(told)
