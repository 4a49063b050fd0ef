"""Show a plan, frame by frame, on whatever shows frames: knows of no window and no LSL."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from config.presentation import Block, Pause, Plan, Trial
from display.presenter.frames import NOTHING, BlockFrames, block_frames

Ended = Literal["completed", "aborted", "stopped", "failed"]
Key = Literal["space", "escape", "other"]
RESPONSE_S = (0.15, 1.5)
"""A press is the answer to a trial when it comes so long after its onset, s."""
HEARD_EVERY = 30
"""Frames between two looks whether anybody listens."""


class Canvas(Protocol):
    """Something that shows frames."""

    def picture(self, row: int, patch: bool) -> None:
        """Draw the next frame: a stimulus by its row, or ``NOTHING``, and the patch white or black."""
        ...

    def words(self, text: str, below: str = "", share: float | None = None, above: Sequence[int] = ()) -> None:
        """Draw the next frame: words, a line below them, a bar that is full to a share, small pictures above."""
        ...

    def flip(self) -> float:
        """Show what was drawn; the stamp taken when that returned, seconds on the shared clock."""
        ...

    def pressed(self) -> list[tuple[Key, float]]:
        """Keys since the last call, with when they were noticed; closing the window is ``escape``."""
        ...


class Sender(Protocol):
    """Where markers go."""

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        ...

    def send(self, label: str, stamp: float) -> None:
        """Send a marker."""
        ...


class Writer(Protocol):
    """Where events are written."""

    def write(self, event: str, *, time_s: float | None = None, **fields: object) -> None:
        """Write one."""
        ...


class Ending(Exception):
    """The presentation ends before its end; ``how`` says why."""

    def __init__(self, how: Ended) -> None:
        super().__init__(how)
        self.how = how


@dataclass
class Shown:
    """What was shown.

    Attributes
    ----------
    trials
        Of the plan's, how many began.
    stamps
        Of the flips of each block, (frames,) seconds.
    marker_s
        From each onset's flip to when its marker had been sent, s.
    targets
        Onsets at which a key was to be pressed, s.
    presses
        When space was pressed during blocks, s.
    unheard
        Markers that nobody listened to, as far as it was looked.
    """

    trials: int = 0
    stamps: list[NDArray[np.float64]] = field(default_factory=list)
    marker_s: list[float] = field(default_factory=list)
    targets: list[float] = field(default_factory=list)
    presses: list[float] = field(default_factory=list)
    unheard: int = 0

    @property
    def responses(self) -> tuple[int, int, int]:
        """Targets that were answered, all targets, and presses that answer none."""
        return responses(self.targets, self.presses)


def responses(targets: Sequence[float], presses: Sequence[float]) -> tuple[int, int, int]:
    """Which targets were answered: each press answers one target at most.

    Parameters
    ----------
    targets, presses
        When, s, in order.

    Returns
    -------
    Targets answered, all targets, presses left over.
    """
    left = list(presses)
    hits = 0
    for onset in targets:
        match = next((at for at in left if RESPONSE_S[0] <= at - onset <= RESPONSE_S[1]), None)
        if match is not None:
            left.remove(match)
            hits += 1
    return hits, len(targets), len(left)


class Show:
    """Shows one plan once.

    Parameters
    ----------
    plan
        What.
    canvas, sender, writer
        Where it is shown, sent and written.
    rate_hz
        Frames a second of the canvas.
    clock
        Seconds on the clock of the canvas's stamps.
    asked
        Asked at every frame: how the presentation is to end, None while it is to go on.
    unattended_s
        Pauses end by themselves after so long, s; None: as the plan says.
    """

    def __init__(
        self,
        plan: Plan,
        canvas: Canvas,
        sender: Sender,
        writer: Writer,
        *,
        rate_hz: float,
        clock: Callable[[], float],
        asked: Callable[[], Ended | None] = lambda: None,
        unattended_s: float | None = None,
    ) -> None:
        self.plan = plan
        self.shown = Shown()
        self._canvas = canvas
        self._sender = sender
        self._writer = writer
        self._rate_hz = rate_hz
        self._clock = clock
        self._asked = asked
        self._unattended_s = unattended_s
        self._stimuli = plan.by_id
        self._heard = True

    def run(self) -> Ended:
        """Show all parts; how it ended.

        Raises
        ------
        PlanError
            A trial cannot be shown at this rate.
        """
        rows = {stimulus.id: row for row, stimulus in enumerate(self.plan.stimuli)}
        # all of it before anything is shown: nothing is worked out between blocks, and errors come first
        laid = [block_frames(block, rows, self._rate_hz) for block in self.plan.blocks]
        number = 0
        try:
            for part in self.plan.parts:
                if isinstance(part, Pause):
                    self.pause(part)
                else:
                    self._block(number, part, laid[number])
                    number += 1
        except Ending as ending:
            return ending.how
        return "completed"

    def hold(self, words: str, until: Callable[[], bool], below: str = "Esc ends it") -> None:
        """Show words until something holds.

        Raises
        ------
        Ending
            A person or a signal ended it.
        """
        while not until():
            self._canvas.words(words, below)
            self._canvas.flip()
            self.keys()

    def pause(self, pause: Pause) -> None:
        """Show words until space is pressed or the time is up."""
        seconds = pause.seconds if self._unattended_s is None else self._unattended_s
        above = tuple(row for row, one in enumerate(self.plan.stimuli) if one.id in pause.stimuli)
        begun: float | None = None
        self.keys()  # what was pressed before these words were seen is no answer to them
        while True:
            left = None if seconds is None else seconds - (0.0 if begun is None else self._clock() - begun)
            if left is not None and left <= 0:
                break
            self._canvas.words(pause.words, "" if left is None else f"goes on in {left:.0f} s", above=above)
            seen = self._canvas.flip()
            if begun is None:
                begun = seen
                self._writer.write("pause", time_s=seen, words=pause.words, seconds=seconds)
            if any(key == "space" for key, _ in self.keys()):
                break
        self._writer.write("go_on")

    def _block(self, number: int, block: Block, frames: BlockFrames) -> None:
        self._writer.write("block", block=number, trials=len(block.trials))
        stamps = np.empty(len(frames))
        count = 0
        gc.collect()
        gc.disable()  # a collection takes longer than a frame
        try:
            for frame in range(len(frames)):
                self._canvas.picture(int(frames.stimulus[frame]), bool(frames.patch[frame]))
                stamps[frame] = stamp = self._canvas.flip()
                count = frame + 1
                place = int(frames.onset[frame])
                if place != NOTHING:
                    self._onset(number, place, block.trials[place], stamp)
                for key, at in self.keys():
                    self._press(key, at)
                if frame % HEARD_EVERY == 0:
                    self._listen()
        finally:
            gc.enable()
            self.shown.stamps.append(stamps[:count])

    def _onset(self, block: int, place: int, trial: Trial, stamp: float) -> None:
        self._sender.send(trial.stimulus, stamp)
        self.shown.marker_s.append(self._clock() - stamp)
        self.shown.trials += 1
        self.shown.unheard += not self._heard
        if trial.respond:
            self.shown.targets.append(stamp)
        category = self._stimuli[trial.stimulus].category
        self._writer.write(
            "stimulus",
            time_s=stamp,
            id=trial.stimulus,
            category=category,
            block=block,
            trial=place,
            respond=trial.respond,
        )

    def _press(self, key: Key, at: float) -> None:
        if key == "space":
            self.shown.presses.append(at)
            self._writer.write("press", time_s=at)

    def _listen(self) -> None:
        heard = self._sender.heard
        if heard != self._heard:
            self._heard = heard
            self._writer.write("heard" if heard else "unheard")

    def keys(self) -> list[tuple[Key, float]]:
        """Keys since the last call, unless they end it."""
        keys = self._canvas.pressed()
        if any(key == "escape" for key, _ in keys):
            raise Ending("aborted")
        if (how := self._asked()) is not None:
            raise Ending(how)
        return keys
