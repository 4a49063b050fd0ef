"""What the broker does before a window is there: drafts to who can use them, processors awake, displays told."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from delivery_fakes import CHANNELS, until, window
from delivery_running import Running

from wire import tuning
from wire.clock import now
from wire.packets import Draft, Due


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="eeg") as folder:  # short enough for ipc
        made = Running(tmp_path, folder, drain_s=1.0)
        made.start()
        yield made
        made.close()


def draft(sequence: int) -> Draft:
    data = np.full((2, len(CHANNELS), 45), sequence, np.float32)
    return Draft(**window(sequence).key._asdict(), channels=CHANNELS, versions=2, times=45, data=data)


def test_a_draft_goes_to_a_worker_that_can_begin_with_it_and_is_in_no_sum(local: Running) -> None:
    worker = local.worker("w", drafts=True)
    until(lambda: local.switches.drafts, worker)
    local.put(drafts=(draft(0),))
    local.put(0)
    until(lambda: bool(worker.windows), worker)
    (got,) = [packet for packet in worker.heard if isinstance(packet, Draft)]
    assert got == draft(0)
    assert worker.heard.index(got) < worker.heard.index(worker.windows[0])
    worker.answer(worker.windows[0])
    counters = local.end()
    assert (counters["sent"], counters["answered"]) == (1, 1)


def test_other_workers_get_none(local: Running) -> None:
    worker = local.worker("w")
    local.put(drafts=(draft(0),))
    local.put(0)
    until(lambda: bool(worker.windows), worker)
    assert not local.switches.drafts
    assert not any(isinstance(packet, Draft) for packet in worker.heard)
    worker.answer(worker.windows[0])


def test_processors_are_awake_from_the_warning_to_the_answer(
    local: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "latency"
    file.touch()
    monkeypatch.setattr(tuning, "QOS", str(file))
    worker, display = local.worker("w"), local.display()
    assert local.broker.readiness.awake.open()
    assert not local.broker.readiness.awake.held
    local.put(due=(Due(sequence=0, due_s=now() + 0.05),))
    until(lambda: local.broker.readiness.awake.held, worker)
    local.put(0)
    until(lambda: bool(worker.windows), worker)
    # displays are told once the window is on its way
    until(lambda: any(isinstance(packet, Due) for packet in display.seen), worker, display)
    until(lambda: now() > local.broker.readiness._awake_until + 0.2, worker)
    assert local.broker.readiness.awake.held  # not answered yet
    worker.answer(worker.windows[0])
    until(lambda: not local.broker.readiness.awake.held, worker, display)
    written = [number for (number,) in struct.iter_unpack("i", file.read_bytes())]
    assert written == [tuning.ANY_LATENCY_US, 0, tuning.ANY_LATENCY_US]
