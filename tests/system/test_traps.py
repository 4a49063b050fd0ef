"""What LSL really does, where no other test covers it: inlets that overflow, and two streams where one was lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.sources import lsl_inlet
from acquisition.sources.lsl import LslReader
from acquisition.types import Chunk, Gap
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import LslSource, MarkerSettings
from wire import lsl_scope
from wire.clock import now

lsl_scope.restrict()
pytestmark = pytest.mark.timeout(180)
ROOT = Path(__file__).parents[2]


@contextmanager
def sender(name: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "benchmarks.faults.streams_sender", "--name", name, "--zero", repr(now() - 1.0)]
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        yield child
    finally:
        child.kill()
        child.wait(5.0)


def read_until(reader: LslReader, enough: Callable[[list[Chunk]], bool], limit_s: float = 60.0) -> list[Chunk]:
    chunks: list[Chunk] = []
    until = time.monotonic() + limit_s
    while not enough(chunks):
        assert time.monotonic() < until, [chunk.state for chunk in chunks][-5:]
        chunks.append(reader.read(0.05))
    return chunks


def reader_of(name: str) -> LslReader:
    return LslReader(LslSource(name=name, markers="none", wait_s=30.0))


def test_an_inlet_that_overflows_says_nothing_and_the_pipeline_finds_the_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsl_inlet, "BUFFER_S", 1)
    name = f"traps-{uuid.uuid4().hex[:10]}"
    reader = reader_of(name)
    with sender(name):
        try:
            info = reader.open()
            chunks = read_until(reader, lambda c: sum(one.stamps.size for one in c) > 500)
            held = now() + 4.0
            while now() < held:  # the reader is held up for longer than the inlet keeps
                time.sleep(0.05)
            chunks += read_until(reader, lambda c: sum(one.stamps.size for one in c) > 1000)
        finally:
            reader.close()
    assert {one.state for one in chunks} == {"connected"}
    number = np.concatenate([one.samples[0] for one in chunks])
    lost = int(np.argmax(np.diff(number)))  # a busy machine holds the sender too, which leaves smaller holes
    assert number[lost + 1] - number[lost] > 500
    window = WindowSettings(start_s=0.0, end_s=0.4, rate_hz=250.0, baseline_s=None)
    chain = ChainSettings(notch_hz=(), highpass_hz=None, lowpass_hz=None)
    limits = RejectionSettings(peak_to_peak_uv=None, flat_uv=None)
    pipeline = Pipeline(info, Plan(chain, window, limits, MarkerSettings()))
    gaps = [output for one in chunks for output in pipeline.feed(one) if isinstance(output, Gap)]
    (gap,) = [gap for gap in gaps if gap.index == lost + 1]
    assert abs(gap.missing - (number[lost + 1] - number[lost] - 1)) <= 1


def test_of_two_streams_that_could_be_the_lost_one_none_is_taken() -> None:
    import pylsl

    name = f"traps-{uuid.uuid4().hex[:10]}"
    reader = reader_of(name)
    try:
        with ExitStack() as others:
            with sender(name):
                reader.open()
                first, _ = others.enter_context(sender(name)), others.enter_context(sender(name))
                assert len(pylsl.resolve_byprop("name", name, minimum=3, timeout=40.0)) == 3
                read_until(reader, lambda c: sum(one.stamps.size for one in c) > 100)
            read_until(reader, lambda c: bool(c) and c[-1].state == "lost")
            waiting = now() + 5.0
            chunks = read_until(reader, lambda c: now() > waiting)
            assert {one.state for one in chunks} == {"lost"}
            assert [one.remark for one in chunks if one.remark] == [
                "2 streams are called like the lost one: none is taken until one is left"
            ]
            first.kill()
            first.wait(5.0)
            back = read_until(reader, lambda c: bool(c) and c[-1].stamps.size > 0)
            assert back[-1].state == "recovered"
    finally:
        reader.close()
