"""A presentation frame by frame, on a canvas that only remembers: what is shown, sent, written, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.errors import AmbiguousStream, OutputError
from config.presentation import Block, Drawing, Pause, Plan, Stimulus, Trial
from display.presenter.log import Log, read_log
from display.presenter.markers import Markers
from display.presenter.show import Ended, Key, Show, responses

RATE = 60.0
STIMULI = tuple(Stimulus(id=f"a/{k}", category="a", drawing=Drawing()) for k in range(3))
TRIALS = tuple(Trial(stimulus=f"a/{k % 3}", on_s=0.05, blank_s=0.05, respond=k == 2) for k in range(6))
PLAN = Plan(
    stimuli=STIMULI,
    parts=(
        Pause(words="hello"),
        Block(trials=TRIALS[:3], lead_s=0.1, trail_s=0.1),
        Pause(words="break", seconds=0.5),
        Block(trials=TRIALS[3:], lead_s=0.1, trail_s=0.1),
    ),
)


class Memory:
    """A canvas whose clock goes on a frame with every flip, and on which keys are pressed at given flips."""

    def __init__(self, keys: dict[int, Key]) -> None:
        self.keys = keys
        self.frames: list[tuple[Any, ...]] = []
        self.next: tuple[Any, ...] = ()

    @property
    def time(self) -> float:
        return 100.0 + len(self.frames) / RATE

    def picture(self, row: int, patch: bool) -> None:
        self.next = ("picture", row, patch)

    def words(self, text: str, below: str = "", share: float | None = None, above: Sequence[int] = ()) -> None:
        self.next = ("words", text, *above)

    def flip(self) -> float:
        self.frames.append(self.next)
        return self.time

    def pressed(self) -> list[tuple[Key, float]]:
        key = self.keys.pop(len(self.frames), None)
        return [] if key is None else [(key, self.time)]


class Sent:
    heard = True

    def __init__(self) -> None:
        self.markers: list[tuple[str, float]] = []

    def send(self, label: str, stamp: float) -> None:
        self.markers.append((label, stamp))


def shown(
    tmp_path: Path, keys: dict[int, Key], stop_after: int | None = None, unattended_s: float | None = None
) -> tuple[Ended, Show, Memory, Sent, list[dict[str, Any]]]:
    canvas, sent = Memory(keys), Sent()

    def asked() -> Ended | None:
        return "stopped" if stop_after is not None and len(canvas.frames) >= stop_after else None

    with Log(tmp_path / "log.jsonl") as log:
        show = Show(
            PLAN, canvas, sent, log, rate_hz=RATE, clock=lambda: canvas.time, asked=asked, unattended_s=unattended_s
        )
        ended = show.run()
    return ended, show, canvas, sent, read_log(tmp_path / "log.jsonl")


def test_every_trial_is_shown_sent_and_written_once_with_the_stamp_of_its_flip(tmp_path: Path) -> None:
    ended, show, canvas, sent, log = shown(tmp_path, {10: "space"})
    assert ended == "completed"
    assert [label for label, _ in sent.markers] == [trial.stimulus for trial in TRIALS]
    written = [line for line in log if line["event"] == "stimulus"]
    assert [(line["id"], line["time_s"]) for line in written] == sent.markers
    assert [(line["block"], line["trial"]) for line in written] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    for label, stamp in sent.markers:  # the stamp is of the very flip that showed it first
        flip = round((stamp - 100.0) * RATE) - 1
        row = [s.id for s in STIMULI].index(label)
        assert canvas.frames[flip] == ("picture", row, True)
        assert canvas.frames[flip - 1] == ("picture", -1, False)
    assert len(show.shown.stamps) == 2
    assert all(np.allclose(np.diff(stamps), 1 / RATE) for stamps in show.shown.stamps)


def test_pauses_end_with_space_or_by_themselves(tmp_path: Path) -> None:
    _, _, canvas, _, log = shown(tmp_path, {10: "space"})
    assert canvas.frames.count(("words", "hello")) == 10
    assert canvas.frames.count(("words", "break")) in (30, 31)  # half a second
    assert [line["event"] for line in log if line["event"] in ("pause", "go_on")] == ["pause", "go_on"] * 2


def test_unattended_no_pause_waits_for_a_person(tmp_path: Path) -> None:
    ended, _, canvas, _, _ = shown(tmp_path, {}, unattended_s=0.1)
    assert ended == "completed"
    assert canvas.frames.count(("words", "hello")) in (6, 7, 8)


@pytest.mark.parametrize(
    ("how", "keys", "stop"), [("aborted", {10: "space", 24: "escape"}, None), ("stopped", {10: "space"}, 24)]
)
def test_an_abort_in_the_middle_of_a_block_loses_nothing_of_what_was_shown(
    tmp_path: Path, how: Ended, keys: dict[int, Key], stop: int | None
) -> None:
    ended, show, canvas, sent, log = shown(tmp_path, keys, stop)
    assert ended == how
    assert len(canvas.frames) == 24
    assert [label for label, _ in sent.markers] == ["a/0", "a/1"]
    assert show.shown.trials == 2
    assert len(show.shown.stamps[0]) == 14
    assert sum(line["event"] == "stimulus" for line in log) == 2


def test_presses_are_judged_by_targets(tmp_path: Path) -> None:
    # the third trial begins with flip 10 + 6 + 12 + 1 = 29, and is answered 0.3 s later
    _, show, _, _, log = shown(tmp_path, {10: "space", 29 + 11: "space"})
    assert show.shown.responses == (1, 1, 0)
    assert sum(line["event"] == "press" for line in log) == 1
    assert responses([1.0, 5.0], [1.4, 1.5, 9.0]) == (1, 2, 2)
    assert responses([1.0], [1.05]) == (0, 1, 1)  # too early to be an answer
    assert responses([], []) == (0, 0, 0)


def test_who_stops_listening_is_written(tmp_path: Path) -> None:
    class Deaf(Sent):
        heard = False

    canvas = Memory({1: "space"})
    with Log(tmp_path / "log.jsonl") as log:
        show = Show(PLAN, canvas, Deaf(), log, rate_hz=RATE, clock=lambda: canvas.time)
        assert show.run() == "completed"
    assert show.shown.unheard == 6
    assert any(line["event"] == "unheard" for line in read_log(tmp_path / "log.jsonl"))


def test_a_log_is_appended_to_and_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.jsonl"
    for name in ("one", "two"):
        with Log(path) as log:
            log.begin(plan=name)
    with path.open("a") as file:
        file.write('{"event": "sti')
    assert [line["plan"] for line in read_log(path)] == ["one", "two"]
    with path.open("a") as file:
        file.write('\n{"event": "end"}\n')
    with pytest.raises(OutputError, match="line 3"):
        read_log(path)
    with pytest.raises(OutputError, match="cannot be written"), Log(tmp_path):
        pass


@dataclass
class Info:
    """What LSL says of a stream."""

    stream: str
    created: float
    identity: str

    def name(self) -> str:
        return self.stream

    def type(self) -> str:
        return "Markers"

    def hostname(self) -> str:
        return "here"

    def created_at(self) -> float:
        return self.created

    def uid(self) -> str:
        return self.identity


@pytest.mark.parametrize(
    ("others", "refused"),
    [
        ([], False),
        ([Info("Markers", 5.0, "mine")], False),  # itself
        ([Info("Markers", 6.0, "b")], False),  # began later: that one ends
        ([Info("Markers", 4.0, "b")], True),
        ([Info("Markers", 5.0, "a")], True),  # in the very moment: one of the two, and not both
        ([Info("Markers", 5.0, "z")], False),
        ([Info("Others", 4.0, "b")], False),
    ],
)
def test_of_two_that_begin_at_once_the_later_one_ends(others: list[Info], refused: bool) -> None:
    class Outlet:
        def get_info(self) -> Info:
            return Info("Markers", 5.0, "mine")

    class Resolver:
        def results(self) -> list[Info]:
            return others

    markers = Markers("Markers")
    markers._outlet, markers._resolver = Outlet(), Resolver()
    if refused:
        with pytest.raises(AmbiguousStream, match="is there already"):
            markers.alone()
    else:
        assert markers.alone()
    assert (markers._outlet is None) == refused
