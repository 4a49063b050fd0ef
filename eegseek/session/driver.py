"""Drives a guided session: what happens goes to the machine of `eegseek.session.steps`, what follows is done."""

from __future__ import annotations

import signal
import sys
import time
from collections import deque
from types import FrameType

from config.calibration import CALIBRATION_JSON, Progress, read_progress
from config.errors import BundleError, ChildFailed, ScreenError
from display.presenter.process import ABORTED
from eegseek.session import words
from eegseek.session.ear import Ear
from eegseek.session.events import (
    Action,
    Answered,
    Decided,
    Event,
    Heard,
    Looked,
    Place,
    Quit,
    Reported,
    RunEnded,
    Shown,
    Steadied,
    Turn,
)
from eegseek.session.face import Face
from eegseek.session.find import Found, judge
from eegseek.session.hands import Hands
from eegseek.session.lights import row, worst
from eegseek.session.link import Link
from eegseek.session.place import Workplace
from eegseek.session.rounds import Rounds
from eegseek.session.steps import advance, begin
from eegseek.session.terminal import Terminal
from eegseek.session.waits import Waits
from wire.clock import now

POLL_S = 0.05
LAST_S = 30.0
"""After everything was shown, how long the calibration may wait for more before it is told that nothing comes."""
LINGER_S = 3.0
CHILDREN = ("looker", "run", "presenter", "calibration", "report", "participant", "dashboard")


class Driver:
    """A guided session. The constructor only stores; `run` goes from the first step to the last.

    Parameters
    ----------
    work
        Folder, settings and plans of the session.
    terminal
        Where it is told, and asked.
    """

    def __init__(self, work: Workplace, terminal: Terminal) -> None:
        self.work = work
        self.terminal = terminal
        self.face = Face(work, terminal)
        self.hands = Hands(work)
        self.link = Link(work.settings.run)
        self.ear = Ear(work.truth)
        self.waits = Waits(work, terminal, self.link, self.ear)
        self.rounds = Rounds(work, self.face)
        self.at = Place()
        self.progress: Progress | None = None
        self._events: deque[Event] = deque()
        self._quits = 0
        self._over_s: float | None = None
        self._wants_address = False

    def run(self) -> None:
        """From start to report.

        Raises
        ------
        ChildFailed
            The session could not do what it was for; the sentence says why.
        """
        old = {number: signal.signal(number, self._flag) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.hands.open()
            self.terminal.open()
            self.link.open()
            self._greet()
            self._take(begin())
            while self.at.phase != "end" and self._quits < 3:
                self._once()
            self.face.show(self.at, (), self.progress)
            self._linger()
        finally:
            self.terminal.close()
            self.link.close()
            self.hands.close()
            for number, handler in old.items():
                signal.signal(number, handler)
        if self.ear.answered:
            self.face.tell(f"Answers: {self.ear.score}.")
        self.face.tell(*self.work.where())
        sys.stdout.flush()
        if self.at.failed:
            raise ChildFailed(self.at.failed)

    # --- one round

    def _once(self) -> None:
        for packet in self.link.heard(POLL_S):
            self.ear.hear(packet, now())
            self.rounds.hear(packet)
        self._children()
        self._watch()
        self.face.enter(self.at, flows=self.ear.flows)
        if self._quits and not self.at.quitting:
            self._events.append(Quit())
        elif chosen := self.face.answer():
            self._events.append(Answered("retry" if self.work.take(chosen) else chosen))
        while self._events:
            self._take(advance(self.at, self._events.popleft(), self.work.way))
        self.face.show(self.at, self.ear.lights, self.progress, self.waits.words)

    def _take(self, turn: Turn) -> None:
        self.at = turn.place
        self.face.follow(self.at)
        self.face.tell(*turn.say)
        for action in turn.do:
            self._do(action)

    def _flag(self, number: int, frame: FrameType | None) -> None:
        self._quits += 1

    def _greet(self) -> None:
        self.face.tell(self.work.headset.promise)
        if self.work.ask.participant:
            self.face.tell("SIMULATED: the participant is a program. No person, no headset.")
        if not self.work.ask.recordings:
            self._wants_address = self.hands.dashboard()

    def _linger(self) -> None:
        """Let pages in browsers see the end."""
        until = now() + LINGER_S
        while self.hands.processes.runs("dashboard") and now() < until and self._quits < 2:
            time.sleep(POLL_S)

    # --- what happens in the run

    def _watch(self) -> None:
        phase, ear = self.at.phase, self.ear
        if self.work.seeker is not None:
            ear.lines.clear()  # that single pictures were wanted or not is no news to people
        while ear.lines:
            self.face.tell(ear.lines.popleft())
        if phase == "contact":
            if ear.flows and ear.steady.enough(now()):
                self._events.append(Steadied())
            self.terminal.line(f"{row(ear.lights)}   {worst(ear.lights)}" if ear.lights else "waiting for samples …")
        if self._wants_address and self.work.address.exists():
            self._wants_address = False
            self.face.tell(f"The dashboard is at {self.work.guide_address()}")
        self._events.extend(self.waits.look())
        if self.at.running and phase not in ("find", "report", "end") and bool(ear.silent) != self.at.lost:
            self._events.append(Heard(bool(ear.silent), ear.silent))
        if phase == "calibrating":
            self._calibrating()
        self._events.extend(self.rounds.look(phase, self._over_s))
        if phase == "showing" and self.work.seeker is None:
            self.terminal.line(ear.score)
            alone = not self.work.way.attended and not self.work.way.shows and not self.work.ask.recordings
            if alone and ear.answered >= self.work.ask.use_trials:
                self._events.append(Answered("finish"))

    def _calibrating(self) -> None:
        """Read how it stands; where everything was shown and nothing follows, tell it so."""
        try:
            progress = read_progress(self.work.folder / CALIBRATION_JSON)
        except BundleError:
            return
        done = self.progress.blocks_done if self.progress is not None else 0
        self.progress = progress
        line = words.progress_line(progress)
        if progress.blocks_done != done:
            self.face.tell(line)
        self.terminal.line(line)
        undecided = progress.verdict == "going_on"
        if undecided and self._over_s is not None and now() - self._over_s > LAST_S:
            self._over_s = None
            self.hands.processes.ask("calibration")

    # --- what children do

    def _children(self) -> None:
        for name in CHILDREN:
            code = self.hands.processes.code(name)
            if code is not None:
                said = self.hands.processes.last_words(name)
                self.hands.processes.forget(name)
                getattr(self, f"_{name}_ended")(code, said)

    def _looker_ended(self, code: int, said: str) -> None:
        try:
            found = Found.model_validate_json(self.work.found.read_bytes())
        except (OSError, ValueError):
            found = Found(error=said or f"looking for the headset failed with {code}", code="E300")
        judged = judge(found, self.work.settings, self.work.headset)
        self.work.there = found.streams
        self.face.tell(*judged.say)
        if not judged.trouble:
            self.work.found_as(found)
            self.ear.truth = self.work.truth
            if self.work.ask.recordings:
                self._wants_address = self.hands.dashboard()
        else:
            self.face.tell(judged.trouble)
        self.face.tell(*(f"  {number}. {mend}" for number, mend in enumerate(judged.mend, 1)))
        self._events.append(Looked(judged.trouble))

    def _run_ended(self, code: int, said: str) -> None:
        self.link.previews(False)
        self.ear.forget_run()
        failed = "" if code == 0 else said or f"the run ended with {code}"
        if self.hands.stopping and code > 0:
            self.face.tell(f"The run ended badly: {failed}")
        self._events.append(RunEnded("" if self.hands.stopping else failed))
        self.hands.stopping = False

    def _presenter_ended(self, code: int, said: str) -> None:
        self.hands.hold()
        self._over_s = now()
        failed = {0: "", ABORTED: "The presentation was ended with Esc."}
        self._events.append(Shown(failed.get(code, said or f"the presenter ended with {code}")))

    def _calibration_ended(self, code: int, said: str) -> None:
        self._calibrating()
        progress = self.progress
        if code > 0 or progress is None or progress.verdict == "going_on":
            why = said or f"the calibration ended with {code}"
            self._events.append(Decided("out_of_trials", why, failed=why))
        else:
            self.face.tell(*progress.warnings, *([progress.former.words] if progress.former else []))
            self._events.append(Decided(progress.verdict, progress.words))

    def _report_ended(self, code: int, said: str) -> None:
        self._events.append(Reported("" if code == 0 else f"the report could not be made: {said or code}"))

    def _participant_ended(self, code: int, said: str) -> None:
        self.face.tell(f"The simulated participant ended: {said or code}")

    def _dashboard_ended(self, code: int, said: str) -> None:
        self._wants_address = False
        self.face.tell(f"The dashboard ended ({said or code}); the session goes on here.")

    # --- what is to be done

    def _do(self, action: Action) -> None:
        match action:
            case "look":
                self.face.tell("Looking …")
                self.hands.look()
            case "run":
                if self.at.phase != "calibrating" or self.progress is None or self.progress.verdict == "going_on":
                    self._over_s = None
                    self.ear.forget_run()
                    self.hands.run(self.at.file)
            case "blink" | "eyes":
                self.waits.measure(action)
            case "calibrate":
                self._calibrating()
                self.hands.calibrate()
            case "show":
                self._show()
            case "hide":
                self.hands.hide()
            case "serve":
                self.waits.serve()
            case "rank":
                self.rounds.rank()
            case "stop":
                self.waits.nothing()
                if self.hands.stop():
                    self.face.tell("Ending the run; the recording is written …")
                else:
                    self.hands.stopping = False
                    self._events.append(RunEnded())
            case "report":
                if not self.hands.report():
                    self._events.append(Reported())

    def _show(self) -> None:
        using = self.at.step == "use"
        done = self.progress.blocks_done if self.progress is not None and not using else 0
        self._over_s = None
        if why := self.hands.show(using=using, done=done):
            self._events.append(Shown(why))


def guided(work: Workplace, terminal: Terminal) -> None:
    """Run a guided session to its end.

    Raises
    ------
    ScreenError
        It would show pictures, and there is no display.
    ChildFailed
        It could not do what it was for.
    """
    if work.way.shows and (why := work.no_display()):
        raise ScreenError(why)
    Driver(work, terminal).run()
