"""Journals as a run writes them, by the real reader; and copies of them with something else in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import zmq
from delivery_fakes import CHANNELS, RATE_HZ, answer, encoder_spec

from acquisition import journal
from acquisition.averages import Averages
from acquisition.configure import plan_of
from acquisition.delivery_account import rejected_by, totals
from acquisition.handoff import Batch, Handoff
from acquisition.journal import End, Header, Note, PacketRecord, Record, Sent
from acquisition.plan import Plan
from acquisition.reader import Job, Reader
from acquisition.rebuild import Rebuilt
from acquisition.recorder import Recorder
from acquisition.switches import Switches
from acquisition.types import Chunk, Event, Gap, StreamInfo
from acquisition.witness import Witness
from config.settings import Settings
from wire.codec import encode
from wire.packets import Failure, Packet, Status, Window
from wire.states import Change

PLAN = plan_of(Settings(), encoder_spec())
PARTS = replace(PLAN, window=PLAN.window.model_copy(update={"parts_s": (0.1, 0.15)}))
STEP, LENGTH_S = 25, 8.0
ONSETS_S = tuple(4.0 + 0.5 * k for k in range(7))
"""Of pictures a, b, a, b, ... after the filters have settled; the last one's window holds what is not finite."""


class Noise:
    """EEG that ends, with markers; calls back before each chunk."""

    def __init__(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self.data = generator.normal(0, 5, (3, round(LENGTH_S * RATE_HZ))).astype(np.float32)
        self.data[0, round(7.05 * RATE_HZ)] = np.nan
        self.before: Callable[[int], None] = lambda k: None
        self._k = 0

    def open(self) -> StreamInfo:
        return StreamInfo("noise", "recording", RATE_HZ, CHANNELS, simulated=True, exact_rows=True)

    def read(self, timeout_s: float) -> Chunk:
        k, self._k = self._k, self._k + 1
        self.before(k)
        first, end = k * STEP, (k + 1) * STEP
        stamps = 100.0 + np.arange(first, end) / RATE_HZ
        events = tuple(
            Event(100.0 + t, "ab"[n % 2], row=t * RATE_HZ) for n, t in enumerate(ONSETS_S) if first <= t * RATE_HZ < end
        )
        samples = np.ascontiguousarray(self.data[:, first:end])
        return Chunk(samples, stamps, float(stamps[-1]), stamps, events=events, final=end >= self.data.shape[1])

    def close(self) -> None:
        pass


def record(
    folder: Path,
    *,
    segment: int = 0,
    plan: Plan = PLAN,
    paused: Iterable[int] = (),
    failing: Iterable[int] = (),
    averages: Averages | None = None,
) -> Path:
    """A journal of seven stimuli of which one is rejected; paused at some chunks, some windows not answered."""
    file = journal.path(folder, segment)
    recorder, handoff, switches = Recorder(file, "test", segment, "{}"), Handoff(10_000), Switches()
    witness, source, commits = Witness(recorder), Noise(segment), 0
    pauses, ends = set(paused), dict.fromkeys(("answered", "expired", "dropped", "failed"), 0)
    parts, last = dict.fromkeys(("sent", "answered", "expired", "dropped", "failed"), 0), Batch()

    def deliver(window: Window) -> None:
        nonlocal commits
        witness.went(window)
        witness.write()
        count = ends if window.final else parts
        parts["sent"] += not window.final
        if window.sequence in failing:
            witness.settled(window)
            recorder.packet(Failure(**window.key._asdict(), worker="", reason="failed: 3 attempts, the last: tired"))
            count["failed"] += 1
            return
        commits += 1
        recorder.packet(_committed(window, commits))
        count["answered"] += 1

    def drain(k: int) -> None:
        nonlocal last
        switches.paused = k in pauses
        while (batch := handoff.take()) is not None:
            last = batch
            for window in batch.windows:
                deliver(window)

    source.before = drain
    job = Job("test", segment, plan, source, "recording", 0.0, lambda: Rebuilt(averages or Averages(plan.max_stimuli)))
    with zmq.Context() as context:
        Reader(job, recorder, handoff, switches).run(context)
    drain(-1)
    delivered = {"sent": sum(ends.values()), **ends}
    counters = totals(last.cut, delivered, 0, {**{f"parts_{k}": v for k, v in parts.items()}, "parts_in_flight": 0})
    status = Status(role="acquisition", name="acquisition", pid=1, session="test", segment=segment, state="stopped",
                    time_s=0.0, counters=counters, rejected_by=rejected_by(last.cut), last=True)  # fmt: skip
    recorder.packet(status)
    recorder.close("stopped")
    return file


def _committed(window: Window, number: int) -> Packet:
    from msgspec.structs import replace as changed

    return changed(answer(window, "e"), commit=number, final=window.final)


Edit = Callable[[Record], Iterable[Record]]


def rewrite(file: Path, folder: Path, change: Edit, rotate_bytes: int = journal.ROTATE_BYTES) -> Path:
    """The journal once more, each record sealed anew as ``change`` gives it."""
    copy = folder / file.name
    writer = journal.JournalWriter(copy, rotate_bytes)
    for old in journal.read(file):
        for new in change(old):
            match new:
                case Header():
                    writer.open(new)
                case Chunk():
                    writer.chunk(new)
                case PacketRecord():
                    writer.frames(new.frames)
                case Gap():
                    writer.gap(new)
                case Sent():
                    writer.sent(new)
                case Change():
                    writer.turn(new)
                case Note():
                    writer.note(new.text)
                case End():
                    writer.close(new.reason)
    return copy


def sealed(packet: Packet) -> PacketRecord:
    """A packet as a record."""
    topic, header, payload = map(bytes, encode(packet))
    return PacketRecord((topic, header, payload))
