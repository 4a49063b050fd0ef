"""The process that calibrates: taps of a running session in, ``calibration.json`` and at last a bundle out."""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from acquisition.plan import Plan
from config.bundles import read_session_file
from config.calibration import (
    CALIBRATION_EPOCHS,
    CALIBRATION_JSON,
    CalibrationRules,
    Progress,
    write_progress,
)
from config.chain import RejectionSettings
from config.errors import EegseekError, InternalError, OutputError, SettingsError
from config.presentation import CATCH, read_plan
from config.presentation import Plan as Presentation
from config.settings import Settings
from display.client import Client, Malformed
from inference.gallery import Gallery
from training.calibration import blocks
from training.calibration.calibration import Calibration
from training.calibration.former import read_all
from training.calibration.order import Order
from training.calibration.task import Task
from wire.clock import now
from wire.endpoints import endpoints_of
from wire.packets import Packet, Rejected, State, Status, Tap

_log = logging.getLogger(__name__)

BEAT_S = 0.25
QUIET_S = 10.0
"""A block of which more than half has come is closed after so long without a stimulus: its last marker was lost."""
CALIBRATING = "calibration"
"""Reason that acquisition gives for windows that go to training: they come as taps, and are not lost."""


@dataclass(frozen=True)
class Options:
    """What the command line adds.

    Attributes
    ----------
    plan
        The presenter's.
    rules
        When what is said.
    former
        Folders of earlier sessions of the same person, or their ``calibration-epochs``.
    name
        As acquisition lists this process.
    runs
        It goes on over so many runs of acquisition, such as recordings one after the other.
    """

    plan: Path
    rules: CalibrationRules = field(default_factory=CalibrationRules)
    former: tuple[Path, ...] = ()
    name: str = "calibration"
    runs: int = 1


def made(settings: Settings, presentation: Presentation, options: Options) -> Calibration:
    """The calibration that settings and plan ask for.

    Raises
    ------
    EegseekError
        Something is missing or does not fit.
    """
    if settings.chain is None or settings.window is None:
        raise SettingsError("a calibration needs [chain] and [window] in the settings; start from a preset")
    if not settings.inference.gallery:
        raise SettingsError("inference.gallery is empty; name the gallery that holds the plan's right answers")
    plan = Plan(settings.chain, settings.window, settings.rejection or RejectionSettings(), settings.markers)
    gallery = Gallery.load(settings.inference.gallery)
    task = Task.of(presentation)
    truth = dict(task.truth)
    if not truth and settings.session.truth:
        truth = {s: i for s, i in read_session_file(Path(settings.session.truth)).truth.items() if s in task.categories}
    if not truth and set(task.categories.values()) <= set(gallery.row_of):
        truth = dict(task.categories)
    task = Task(task.categories, truth, task.blocks)
    former = read_all(options.former, plan, task, Path(settings.session.folder) / settings.session.name)
    return Calibration(plan, task, gallery, options.rules, presentation.seed, former)


class Trainer:
    """Works through what came, in a thread of its own, so that beats go on while it trains.

    Parameters
    ----------
    calibration
        Only this thread touches it once it runs.
    folder
        The session's.
    bundle
        Where the bundle is to be.
    session
        Its name.
    """

    def __init__(self, calibration: Calibration, folder: Path, bundle: Path | None, session: str) -> None:
        self.calibration, self.folder, self.bundle, self.session = calibration, folder, bundle, session
        self.error: EegseekError | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="trainer", daemon=True)

    def open(self) -> None:
        """Take up blocks that were kept before a restart, and begin."""
        for block in blocks.load(self.folder / CALIBRATION_EPOCHS):
            self.calibration.take(block)
        self._tell(self.calibration.progress)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether it is decided and everything is written, or an error ended it."""
        return not self._thread.is_alive()

    def add(self, window: Tap, block: int) -> None:
        """One more window."""
        self._jobs.put(lambda: self._added(lambda: self.calibration.add(window, block), block))

    def reject(self, reasons: tuple[str, ...], block: int) -> None:
        """One more stimulus without a window."""
        self._jobs.put(lambda: self._added(lambda: self.calibration.reject(reasons, block), block))

    def shown_again(self, first: tuple[int, int]) -> None:
        """The block was interrupted and is shown again, from (segment, sequence) on: the former start of it is void."""
        self._jobs.put(lambda: self.calibration.gathering.drop(first))

    def close_block(self) -> None:
        """The block is complete."""
        self._jobs.put(self._close)

    def stop(self) -> None:
        """Keep what is there, undecided, and end."""
        self._jobs.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        self._thread.join(timeout_s)

    def _work(self) -> None:
        try:
            while self.calibration.progress.verdict == "going_on":
                job = self._jobs.get()
                if job is not None:
                    job()
                    continue
                self._close()
                self.calibration.interrupt()
                self._tell(self.calibration.progress)
            self._decided()
        except EegseekError as error:
            self.error = error
        except OSError as error:
            self.error = OutputError(f"'{self.folder}' cannot be written: {error.strerror or error}")
        except Exception as error:  # the top of this thread: what ends it must end the process with a word
            _log.exception("the calibration failed")
            self.error = InternalError(f"the calibration failed with {type(error).__name__}: {error}; this is a bug")

    def _added(self, step: Callable[[], None], block: int) -> None:
        if block > self.calibration.gathering.number and len(self.calibration.gathering):
            self._close()
            if self.calibration.progress.verdict != "going_on":
                return
        step()

    def _close(self) -> None:
        if not len(self.calibration.gathering):
            return
        closed = self.calibration.close_block()
        plan = self.calibration.plan
        blocks.save(self.folder / CALIBRATION_EPOCHS, closed, plan, plan.window.rate_hz, self.session)
        self._tell(self.calibration.progress)

    def _decided(self) -> None:
        progress = self.calibration.progress
        if progress.verdict == "decodable" and self.bundle is not None:
            self.calibration.finish(self.bundle)
            self._tell(self.calibration.progress)

    def _tell(self, progress: Progress) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_progress(self.folder / CALIBRATION_JSON, progress)
        _log.info("%d of %d blocks: %s. %s", progress.blocks_done, progress.blocks_planned, progress.verdict,
                  progress.words)  # fmt: skip


class Process:
    """Listens, sorts by block and hands on. The constructor only stores."""

    def __init__(self, client: Client, trainer: Trainer, order: Order, runs: int = 1) -> None:
        self.client, self.trainer, self.order, self.runs = client, trainer, order, runs
        self._ended: set[int] = set()
        self._stop = False
        self._seen: set[tuple[int, int]] = set()
        self._block = trainer.calibration.closed
        self._heard_s = self._beat_s = float("-inf")

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Leave soon; also a signal handler."""
        self._stop = True

    def run(self) -> None:
        """Until it is decided, the run ends, or `stop`."""
        self.client.open()
        self.client.listen(Tap)
        stopping = False
        while not self.trainer.over:
            for packet, _ in self.client.arrivals(BEAT_S / 5):
                if not isinstance(packet, Malformed):
                    self._take(packet)
            at_s = now()
            if at_s - self._beat_s >= BEAT_S:
                self._beat_s = at_s
                self._beat()
            if at_s - self._heard_s > QUIET_S and self.order.share(self._block) > 0.5:
                self._heard_s = float("inf")
                self.trainer.close_block()
            if self._stop and not stopping:
                stopping = True
                self.trainer.stop()

    def _take(self, packet: Packet) -> None:
        if isinstance(packet, Status) and packet.last:
            self._ended.add(packet.segment)
            self._stop |= len(self._ended) >= self.runs
        if not isinstance(packet, Tap | Rejected) or packet.part:
            return
        if isinstance(packet, Rejected) and set(packet.reasons) == {CALIBRATING}:
            return
        key = packet.segment, packet.sequence
        if key in self._seen or packet.stimulus not in self.trainer.calibration.task.categories:
            return
        self._seen.add(key)
        self._heard_s = now()
        self._block, last = self.order.place(packet.segment, packet.sequence, packet.stimulus)
        if isinstance(packet, Tap):
            self.trainer.add(packet, self._block)
        else:
            reasons = tuple(reason for reason in packet.reasons if reason != CALIBRATING)
            self.trainer.reject(reasons, self._block)
        if self.order.again is not None:
            self.trainer.shown_again(self.order.again)
        if last:
            self.trainer.close_block()

    def _beat(self) -> None:
        progress = self.trainer.calibration.progress
        state: State = "connected" if self._seen else "waiting"
        counters = {"windows": sum(progress.trials.values()), "blocks": progress.blocks_done}
        self.client.beat(state, counters, progress.words[:200])


def calibrate(settings: Settings, options: Options) -> Progress:
    """Run a calibration to its end; what it came to.

    Raises
    ------
    EegseekError
        Something is missing, does not fit, or cannot be written.
    """
    presentation = read_plan(options.plan)
    calibration = made(settings, presentation, options)
    shown = [(block, trial.stimulus) for block, trial in presentation.trials()]
    known = [(block, name) for block, name in shown if presentation.by_id[name].category not in ("", CATCH)]
    order = Order([name for _, name in known], [block for block, _ in known])
    folder = Path(settings.session.folder) / settings.session.name
    bundle = Path(settings.inference.encoder) if settings.inference.encoder else None
    trainer = Trainer(calibration, folder, bundle, settings.session.name)
    client = Client(endpoints_of(settings.run), options.name, os.getpid())
    process = Process(client, trainer, order, options.runs)
    old = {number: signal.signal(number, process.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        trainer.open()
        process.run()
    finally:
        client.close()
        for number, handler in old.items():
            signal.signal(number, handler)
    if trainer.error is not None:
        raise trainer.error
    return calibration.progress
