"""Recordings that a run makes by itself: behind it, at its end, and of sessions beside it that were interrupted."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import run_data

from acquisition import journal
from acquisition.bids.layout import Layout
from acquisition.types import Chunk, StreamInfo
from eegseek.keeper import DUE, Keeper

pytestmark = pytest.mark.timeout(240)


def until(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"not within {limit_s:g} s: {what}"
        time.sleep(0.02)


def closed_journal(session: Path) -> Path:
    """A journal of a second, closed in order."""
    writer = journal.JournalWriter(journal.path(session, 0))
    writer.open(journal.make_header("p01", 0, StreamInfo("x", "lsl", 100.0, ("a",))))
    for k in range(10):
        writer.chunk(Chunk(np.full((1, 10), k, np.float32), k / 10 + np.arange(10) / 100, float(k)))
    writer.close()
    return writer.file


def test_a_run_makes_its_recordings_behind_it_and_at_its_end(tmp_path: Path) -> None:
    run_data.bundles(tmp_path)
    with tempfile.TemporaryDirectory(prefix="eeg") as run:
        table = run_data.settings(tmp_path, tmp_path / "sessions", Path(run) / "run")
        table["source"] = {**run_data.SOURCE, "kind": "participant", "repeats": 500}
        table["inference"]["spare"] = False
        (tmp_path / "c.json").write_text(json.dumps(table))
        # a session beside it was interrupted, as a machine that lost its power would leave it
        other = Layout(tmp_path / "sessions" / "other", "p01")
        interrupted = closed_journal(other.session)
        (other.session / DUE).touch()
        process = run_data.eegseek("run", "-c", "c.json", "--headless", cwd=tmp_path)
        try:
            session = tmp_path / "sessions" / "here"
            layout = Layout(session, "here")
            first, second = journal.path(session, 0), journal.path(session, 1)
            until(lambda: first.exists() and first.stat().st_size > 60_000, 90, "a segment")
            acquisition = run_data.child(process, "-m", "acquisition")
            assert acquisition is not None
            acquisition.kill()
            # acquisition is started again, and the segment that was cut off is recovered behind it
            until(lambda: layout.complete(0, 1, first.stat().st_size), 90, "the recording of the first segment")
            assert (session / DUE).exists()
            until(lambda: other.complete(0, 1, interrupted.stat().st_size), 90, "the recording of the other session")
            until(lambda: second.exists() and second.stat().st_size > 60_000, 60, "a second segment")
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
        except BaseException:
            run_data.kill(process)
            raise
        code, errors = run_data.end(process, 90)
    assert code == 0, errors
    assert other.complete(0, 1, interrupted.stat().st_size), errors
    assert not (other.session / DUE).exists() and not (session / DUE).exists()
    assert layout.complete(1, 1, second.stat().st_size), errors
    for segment in (0, 1):
        stem = layout.stem(segment, 1)
        chunks = [r.samples for r in journal.read(journal.path(session, segment)) if isinstance(r, Chunk)]
        samples = np.hstack(chunks)
        data = np.fromfile(layout.eeg / f"{stem}_eeg.eeg", "<f4").reshape(-1, 5)
        assert np.ascontiguousarray(data[:, :4].T).tobytes() == samples.tobytes()
        assert "answered" in (layout.eeg / f"{stem}_answers.tsv").read_text()


def test_at_the_end_a_damaged_journal_is_told_and_a_second_ctrl_c_leaves_the_rest(tmp_path: Path) -> None:
    session = tmp_path / "p01"
    file = closed_journal(session)
    layout, said = Layout(session, "p01"), list[str]()
    off = Keeper(session, tmp_path / "log", said.append, enabled=False)
    off.open()
    off.finish(lambda: False)
    assert not (session / "bids").exists() and not (session / DUE).exists()
    keeper = Keeper(session, tmp_path / "log", said.append)
    keeper.open()
    keeper.finish(lambda: True)
    assert "eegseek recover" in said.pop() and not layout.complete(0, 1, file.stat().st_size)
    assert (session / DUE).exists()
    keeper.finish(lambda: False)
    assert said == [] and layout.complete(0, 1, file.stat().st_size) and not (session / DUE).exists()
    content = bytearray(file.read_bytes())
    content[-200] ^= 0xFF
    file.write_bytes(content + b"more")
    keeper.open()
    keeper.finish(lambda: False)
    assert "is not whole" in said[0] and "damaged" in said[0] and (session / DUE).exists()
