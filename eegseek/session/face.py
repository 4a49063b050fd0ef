"""What a guided session shows of itself, in the terminal and to the dashboard, and what is answered there."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from config.calibration import Progress
from config.guide import Guide, Light, take_answer, write_guide
from eegseek.session import words
from eegseek.session.events import Phase, Place
from eegseek.session.place import REPORT_HTML, Workplace
from eegseek.session.terminal import Terminal, choice_of
from eegseek.session.track import Track
from wire.clock import now

GUIDE_S = 0.25
SAID = 30


class Face:
    """Tells, asks, and hears the answer. The constructor only stores.

    Parameters
    ----------
    work
        Of the session.
    terminal
        Where it is told.
    """

    def __init__(self, work: Workplace, terminal: Terminal) -> None:
        self.work = work
        self.terminal = terminal
        self._said: deque[str] = deque(maxlen=SAID)
        self._question = 0
        self._asked = words.Asked()
        self._asked_s = 0.0
        self._phase: Phase | None = None
        self._guide: Guide | None = None
        self._track = Track()
        self._at: Place | None = None
        self._guided_s = float("-inf")

    def tell(self, *lines: str) -> None:
        """Say lines, which stay."""
        told = [line for line in lines if line]
        self._said.extend(told)
        self.terminal.say(*told)

    def follow(self, at: Place) -> None:
        """Note where the session is, at every turn."""
        reported = self.work.recorded and (self.work.folder / REPORT_HTML).exists()
        before = self._at
        self._track, self._at = self._track.seen(before, at, reported=reported), at
        for step, outcome in self._track.outcomes.items():
            if before is not None and before.step != at.step and step == before.step and outcome == "aborted":
                self.terminal.say(f"✖ {words.TITLES[before.phase].partition(':')[0]}: ended early")

    def enter(self, at: Place, *, flows: bool) -> None:
        """Say where the session is, where that is new, and ask what is asked there."""
        asked = words.asked(at, self.work.way, self.work.headset.fit, flows=flows)
        if at.phase == "find" and asked.choices:
            asked = replace(asked, choices=(*asked.choices, *self.work.streams))
        if at.phase != self._phase:
            if self._phase is None or words.TITLES[at.phase] != words.TITLES[self._phase]:
                self.terminal.title(words.TITLES[at.phase])
            self._phase = at.phase
        elif asked == self._asked:
            return
        self._ask(at, asked)

    def answer(self) -> str:
        """The choice that was made by a key, on the dashboard, or unattended by default; empty where none was."""
        choices = self._asked.choices
        key = self.terminal.key()
        if chosen := choice_of(key, choices):
            return chosen
        answer = take_answer(self.work.folder)
        if answer is not None and answer.question == self._question:
            return next((one.name for one in choices if one.name == answer.choice), "")
        waited = now() - self._asked_s
        patient = self.work.ask.contact_s if self._asked.patience else 0.0
        return "" if self.work.way.attended or waited < patient else self._asked.default

    def show(self, at: Place, lights: tuple[Light, ...], progress: Progress | None, now_words: str = "") -> None:
        """Write the guide for the dashboard, where something changed; a few times a second at most."""
        if at.phase != "end" and now() - self._guided_s < GUIDE_S:
            return
        self._guided_s = now()
        guide = Guide(
            session=self.work.ask.name,
            step=at.step,
            title=words.TITLES[at.phase],
            words=(*self._asked.words, *((now_words,) if now_words else ())),
            said=tuple(self._said),
            lights=lights if at.step in ("fit", "calibrate") else (),
            question=self._question if self._asked.choices else 0,
            choices=self._asked.choices,
            progress=words.progress_line(progress) if progress is not None else "",
            headset=self.work.headset.title,
            can_do=self.work.headset.promise,
            simulated=self.work.simulated,
            reached=self._track.reached,
            outcomes=dict(self._track.outcomes),
            ended=at.phase == "end",
        )
        if guide != self._guide:
            self._guide = guide
            write_guide(self.work.folder, guide)

    def _ask(self, at: Place, asked: words.Asked) -> None:
        before = self._asked
        self._asked, self._asked_s = asked, now()
        self._question += bool(asked.choices)
        if self.work.way.attended or at.trouble:
            self.terminal.say(*(line for line in asked.words if line not in (*before.words, *self._said)))
        self.terminal.ask(asked.choices)
