"""What commands do. Pure but for the journal; the broker carries the outcome to the sockets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acquisition.dispatch import Action, Dispatcher, Send
from acquisition.history import History
from acquisition.journal_format import Bad
from acquisition.plan import Plan
from acquisition.recorder import Recorder
from acquisition.switches import Switches
from config.bundles import ENCODER_JSON, EncoderSpec, fingerprint, parse, read_json
from config.errors import BundleError, EegseekError
from wire.codec import Frame
from wire.packets import Command, Load, Reply

REPLIES = 1024
"""Replies remembered, so that a repeated request is not carried out twice."""


@dataclass(frozen=True)
class Outcome:
    """What a command leads to.

    Attributes
    ----------
    reply
        Goes back last.
    results
        Encoded results that go back before it.
    actions
        For the dispatcher's sockets.
    announce
        Everybody is to hear the state again.
    """

    reply: Reply
    results: tuple[list[Frame], ...] = ()
    actions: tuple[Action, ...] = ()
    announce: bool = False


class Control:
    """Carry out commands, each id once.

    Parameters
    ----------
    plan
        How the run cuts windows; an encoder must fit them.
    switches, dispatcher, history, recorder
        Of the run.
    encoder
        Folder that calibration writes its bundle to.
    """

    def __init__(
        self,
        plan: Plan,
        switches: Switches,
        dispatcher: Dispatcher,
        history: History,
        recorder: Recorder,
        encoder: str = "",
    ) -> None:
        self.plan = plan
        self.encoder = encoder
        self.switches = switches
        self.dispatcher = dispatcher
        self.history = history
        self.recorder = recorder
        self._replies: OrderedDict[str, Reply] = OrderedDict()
        self._edited = ""
        self._table: dict[str, Callable[[Command, float], Outcome]] = {
            "start": self._start,
            "pause": self._pause,
            "stop": self._stop,
            "note": self._note,
            "bad": self._bad,
            "load": self._load,
            "edit": self._edit,
            "since": self._since,
            "status": self._status,
            "gone": self._gone,
        }

    def execute(self, command: Command, now: float) -> Outcome:
        """Carry a command out; a repeated id only gets the first reply again."""
        known = self._replies.get(command.id)
        if known is not None:
            return Outcome(known)
        try:
            outcome = self._table[command.command](command, now)
        except EegseekError as error:
            outcome = _refused(command, str(error))
        self._replies[command.id] = outcome.reply
        if len(self._replies) > REPLIES:
            self._replies.popitem(last=False)
        return outcome

    def _start(self, command: Command, now: float) -> Outcome:
        if self.switches.calibrating:
            return self._calibrated(command)
        return self._switch(command, paused=False, words="started: stimuli are decoded")

    def _calibrated(self, command: Command) -> Outcome:
        """Leave calibration, once its bundle is there and fits."""
        folder = Path(self.encoder)
        if not (folder / ENCODER_JSON).exists():
            words = f"there is no encoder in '{folder}' yet: calibration writes it; start again once it has"
            return _refused(command, words)
        encoder = self._fitting(folder)
        self.dispatcher.admit(encoder)
        words = f"calibration is over: stimuli are decoded by encoder {encoder}"
        self.recorder.note(words)
        self.switches.calibrating = False
        return Outcome(Reply(id=command.id, ok=True, message=words), announce=True)

    def _pause(self, command: Command, now: float) -> Outcome:
        if self.switches.calibrating:
            words = "the run calibrates, and nothing is decoded yet; for a break, let the presentation pause"
            return _refused(command, words)
        return self._switch(command, paused=True, words="paused: stimuli are rejected until start")

    def _switch(self, command: Command, *, paused: bool, words: str) -> Outcome:
        self.recorder.note(words)
        self.switches.paused = paused
        return Outcome(Reply(id=command.id, ok=True, message=words), announce=True)

    def _stop(self, command: Command, now: float) -> Outcome:
        self.switches.stop = True
        return Outcome(Reply(id=command.id, ok=True, message="stopping: outstanding answers are waited for"))

    def _note(self, command: Command, now: float) -> Outcome:
        if not command.text.strip():
            return _refused(command, "a note needs words in 'text'")
        if not self.recorder.writing:
            return _refused(command, "the note was not kept: no journal is being written (yet); see session.journal")
        self.recorder.note(command.text)
        return Outcome(Reply(id=command.id, ok=True, message="noted"))

    def _bad(self, command: Command, now: float) -> Outcome:
        if not command.seconds > 0:
            return _refused(command, "bad needs 'seconds': how long before now the bad stretch began")
        if not self.recorder.writing:
            return _refused(command, "nothing was marked: no journal is being written (yet); see session.journal")
        self.recorder.bad(Bad(now, command.seconds, command.text))
        return Outcome(Reply(id=command.id, ok=True, message=f"the last {command.seconds:g} s are marked as bad"))

    def _load(self, command: Command, now: float) -> Outcome:
        if not command.encoder and not command.gallery:
            return _refused(command, "load needs the folder of an 'encoder', of a 'gallery', or both")
        if command.encoder:
            self.dispatcher.admit(self._fitting(Path(command.encoder)))
        load = Load(encoder=command.encoder, gallery=command.gallery)
        workers = [worker.identity for worker in self.dispatcher.workers if worker.alive]
        reply = Reply(id=command.id, ok=True, message=f"asked {len(workers)} workers", count=len(workers))
        return Outcome(reply, actions=tuple(Send(identity, load) for identity in workers))

    def _edit(self, command: Command, now: float) -> Outcome:
        """Tell the workers of an edit that stands in the gallery's log; ``count`` says how many have followed it.

        Nothing is held here: whoever asks until all have followed has seen it through, and a worker that comes later
        reads the log.
        """
        if not command.gallery or not command.version:
            return _refused(command, "edit needs the folder of a 'gallery', and the 'version' that it was brought to")
        living = [worker for worker in self.dispatcher.workers if worker.alive and worker.state != "stopped"]
        behind = [worker.identity for worker in living if worker.ready.gallery != command.version]
        load = Load(gallery=command.gallery, version=command.version)
        if command.version != self._edited:
            self._edited = command.version
            self.recorder.note(f"gallery '{command.gallery}' was edited and goes by {command.version}")
        done = len(living) - len(behind)
        words = f"{done} of {len(living)} workers answer by gallery {command.version}"
        reply = Reply(id=command.id, ok=True, message=words, count=done, workers=len(living))
        return Outcome(reply, actions=tuple(Send(identity, load) for identity in behind))

    def _fitting(self, folder: Path) -> str:
        """Fingerprint of an encoder that takes this run's windows. Its weights are checked by the workers."""
        path = folder / ENCODER_JSON
        spec = parse(EncoderSpec, read_json(path, "description of an encoder bundle"), path, "encoder bundle")
        plan = self.plan
        for name, wanted in (("channels", plan.chain.channels), ("window", plan.window), ("chain", plan.chain)):
            given = getattr(spec, name)
            if wanted != given:
                raise BundleError(
                    f"encoder '{folder}' has {name} {given}, this run cuts windows with {name} {wanted}; start a new "
                    "run with that encoder"
                )
        return fingerprint(spec)

    def _since(self, command: Command, now: float) -> Outcome:
        results = tuple(self.history.since(command.sequence))
        following = self.history.next
        reply = Reply(id=command.id, ok=True, count=len(results), next_sequence=following)
        return Outcome(reply, results=results)

    def _status(self, command: Command, now: float) -> Outcome:
        return Outcome(Reply(id=command.id, ok=True, message="published"), announce=True)

    def _gone(self, command: Command, now: float) -> Outcome:
        if not command.text.isascii() or not command.text.isdigit():
            return _refused(command, f"'{command.text[:40]}' is no process id")
        actions = self.dispatcher.on_gone(int(command.text[:20]), now)
        return Outcome(Reply(id=command.id, ok=True), actions=tuple(actions))


def _refused(command: Command, why: str) -> Outcome:
    return Outcome(Reply(id=command.id, ok=False, message=why))
