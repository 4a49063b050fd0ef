"""The journal against a kill and a full disk, in real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from acquisition import journal
from acquisition.types import Chunk

CHILD = """
import resource, sys
from pathlib import Path
import numpy as np
from acquisition import journal
from acquisition.types import Chunk, Event, StreamInfo
from config.errors import JournalError

file, limit = Path(sys.argv[1]), int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
writer = journal.JournalWriter(file)
try:
    writer.open(journal.make_header("s", 0, StreamInfo("x", "lsl", 1000.0, tuple("abcd"))))
    for k in range(1_000_000):
        rng = np.random.default_rng(k)
        samples = rng.standard_normal((4, 16)).astype(np.float32)
        writer.chunk(Chunk(samples, k + np.arange(16) / 1000, float(k), events=(Event(k, str(k)),)))
        sys.stdout.write(f"{k}\\n")
        sys.stdout.flush()
except JournalError as error:
    sys.stderr.write(str(error))
    sys.exit(1)
"""


def start(file: Path, limit: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(file), str(limit)]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    return subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def check(chunks: list[Chunk]) -> None:
    for k, chunk in enumerate(chunks):
        samples = np.random.default_rng(k).standard_normal((4, 16)).astype(np.float32)
        assert chunk.samples.tobytes() == samples.tobytes()
        assert chunk.stamps.tobytes() == (k + np.arange(16) / 1000).tobytes()
        assert chunk.events[0].label == str(k)


def test_killed_while_writing(tmp_path: Path) -> None:
    with start(tmp_path / "a.esj", 0) as child:
        assert child.stdout is not None
        told = -1
        while told < 300:
            told = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split()
        child.wait(10)
    told = int(rest[-1]) if rest else told
    records = list(journal.read(tmp_path / "a.esj"))
    chunks = [record for record in records if isinstance(record, Chunk)]
    assert len(chunks) >= told + 1  # all that was told to be written, and perhaps one more
    check(chunks)
    assert not any(isinstance(record, journal.End) for record in records)


def test_full_disk(tmp_path: Path) -> None:
    with start(tmp_path / "a.esj", 20_000) as child:
        output, errors = child.communicate(timeout=30)
    assert child.returncode == 1
    assert errors.startswith("journal '") and "free space" in errors and "Traceback" not in errors
    records = list(journal.read(tmp_path / "a.esj"))
    chunks = [record for record in records if isinstance(record, Chunk)]
    assert len(chunks) == len(output.split()) > 10
    assert not any(isinstance(record, journal.Torn) for record in records)
    check(chunks)
