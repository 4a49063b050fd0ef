"""What went to a worker stands in the journal once, before its answer, however often it is sent."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from delivery_fakes import until, window
from delivery_running import Running

from acquisition import journal
from acquisition.delivery_account import Cut
from acquisition.handoff import Batch
from acquisition.journal import PacketRecord, Sent
from wire.packets import Failure, Result, Window


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="eeg") as folder:
        made = Running(tmp_path, folder, drain_s=0.2)
        made.start()
        yield made
        made.close()


def noise(sequence: int) -> Window:
    data = np.random.default_rng(sequence).standard_normal((2, 3, 50), dtype=np.float32)
    return window(sequence, data=data)


def test_once_and_before_the_answer(run: Running) -> None:
    display, worker = run.display(), run.worker("w")
    made = [noise(k) for k in range(3)]
    counters = {"due": 3, "accepted": 3, "rejected": 0, "missed": 0, "pending": 0}
    run.handoff.put(Batch(windows=tuple(made), cut=Cut(counters), state="connected"), lambda: False)
    run.sent = 3
    until(lambda: len(worker.windows) == 2, worker)  # its credit
    worker.fail(worker.windows[0])  # it is sent again
    worker.answer(worker.windows[1])
    until(lambda: sum(w.sequence == 0 for w in worker.windows) == 2, worker)
    worker.answer(next(w for w in reversed(worker.windows) if w.sequence == 0))
    until(lambda: len(display.committed) == 2 and any(w.sequence == 2 for w in worker.windows), worker, display)
    run.end()  # window 2 expires
    records = list(journal.read(run.file))
    sent = {r.sequence: (at, r.sha256) for at, r in enumerate(records) if isinstance(r, Sent)}
    assert sum(isinstance(r, Sent) for r in records) == len(sent) == 3
    for each in made:
        assert sent[each.sequence][1] == hashlib.sha256(each.data.tobytes()).hexdigest()
    ends = [(at, r.packet) for at, r in enumerate(records) if isinstance(r, PacketRecord)]
    settled = [(at, p.sequence) for at, p in ends if isinstance(p, Result | Failure)]
    assert sorted(sequence for _, sequence in settled) == [0, 1, 2]
    assert all(sent[sequence][0] < at for at, sequence in settled)


def test_a_window_that_no_worker_took_was_not_sent(run: Running) -> None:
    run.put(0)
    run.end()
    assert not any(isinstance(r, Sent) for r in journal.read(run.file))
