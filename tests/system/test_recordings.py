"""Acquisition killed, rotated, out of disk: what was pushed is in the BIDS recording, bit for bit, as MNE opens it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from delivery_fakes import encoder_spec
from numpy.typing import NDArray
from safetensors.numpy import save_file

from acquisition import journal
from acquisition.bids.layout import Layout
from acquisition.journal_files import part_path, segments
from acquisition.types import Chunk
from config.bundles import ENCODER_JSON, ENCODER_WEIGHTS, canonical

ROOT = Path(__file__).parents[2]
RATE = 500.0
LATEST_S = 0.25
NAMES = ("O1", "Oz", "O2")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
pytestmark = pytest.mark.timeout(240)

OUTLET = """
import signal, sys, time
import numpy as np
from wire import lsl_scope
lsl_scope.restrict()
import pylsl
name, rate, log = sys.argv[1], float(sys.argv[2]), sys.argv[3]
info = pylsl.StreamInfo(name, "EEG", 3, rate, pylsl.cf_float32, name)
channels = info.desc().append_child("channels")
for label in ("O1", "Oz", "O2"):
    channel = channels.append_child("channel")
    channel.append_child_value("label", label)
    channel.append_child_value("unit", "microvolts")
outlet = pylsl.StreamOutlet(info)
markers = pylsl.StreamOutlet(pylsl.StreamInfo(f"{name}-markers", "Markers", 1, 0, pylsl.cf_string, f"{name}-markers"))
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
t0, row, pushed = pylsl.local_clock(), 0, []
while not stop:
    k = np.arange(row, row + 10, dtype=np.float64)
    block = np.stack([k, 20 * np.sin(k * 1.7), 1e-3 * np.cos(k)], axis=1).astype(np.float32)
    outlet.push_chunk(block, (t0 + k / rate).tolist())
    if row % 250 == 0:
        markers.push_sample([f"at {row}"], t0 + row / rate)
    row += 10
    pushed.append((row, time.monotonic()))
    time.sleep(max(0.0, t0 + row / rate - pylsl.local_clock()))
np.save(log, np.array(pushed))
"""


def expected(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    k = numbers.astype(np.float64)
    return np.stack([k, 20 * np.sin(k * 1.7), 1e-3 * np.cos(k)]).astype(np.float32)


def until(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"not within {limit_s:g} s: {what}"
        time.sleep(0.02)


class Bench:
    """An outlet, and acquisition processes of one session."""

    def __init__(self, folder: Path, run: str) -> None:
        self.folder, self.run = folder, run
        self.name = f"eegseek-{uuid.uuid4().hex[:10]}"
        self.session = folder / "sessions" / "p01"
        self.log = folder / "pushed.npy"
        bundle = self.bundle = folder / "bundle"
        bundle.mkdir()
        save_file({"weights": np.zeros(3, np.float32)}, bundle / ENCODER_WEIGHTS)
        digest = hashlib.sha256((bundle / ENCODER_WEIGHTS).read_bytes()).hexdigest()
        (bundle / ENCODER_JSON).write_bytes(canonical(encoder_spec(weights_sha256=digest)))
        self.outlet = subprocess.Popen(
            [sys.executable, "-c", OUTLET, self.name, str(RATE), str(self.log)], env=ENVIRONMENT, cwd=ROOT
        )
        self.process: subprocess.Popen[str] | None = None

    def start(self, *overrides: str, limit: int = 0) -> None:
        settings = {
            "run.folder": self.run,
            "run.start_s": "0.1",  # there is no worker: windows expire, the recording goes on
            "session.name": "p01",
            "session.folder": str(self.folder / "sessions"),
            "inference.encoder": str(self.bundle),
            "dispatch.drain_s": "0.2",
            "source.kind": "lsl",
            "source.name": self.name,
            "source.marker_name": f"{self.name}-markers",
        }
        settings.update(o.partition("=")[::2] for o in overrides)
        sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "acquisition", *sets],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=ENVIRONMENT,
            preexec_fn=limited(limit),
        )

    def size(self, segment: int) -> int:
        first = journal.path(self.session, segment)
        return sum(part_path(first, part).stat().st_size for part in segments(self.session).get(segment, ()))

    def recorded(self, segment: int, size: int) -> None:
        """Wait until so many bytes of a segment are there."""

        def enough() -> bool:
            assert self.process is not None and self.process.poll() is None, self.words()
            return self.size(segment) > size

        until(enough, 60, f"{size} bytes of segment {segment}")

    def words(self) -> str:
        assert self.process is not None and self.process.stderr is not None
        return self.process.stderr.read()

    def kill(self) -> float:
        """SIGKILL; the moment before."""
        assert self.process is not None
        at = time.monotonic()
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=20)
        return at

    def stop(self) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err

    def pushed(self) -> NDArray[np.float64]:
        """(pushes, 2): samples pushed by then, and the time."""
        if self.outlet.poll() is None:
            self.outlet.terminate()
            self.outlet.wait(20)
        return np.load(self.log)

    def close(self) -> None:
        for process in (self.process, self.outlet):
            if process is not None and process.poll() is None:
                process.kill()
                process.communicate()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="eeg") as run:
        made = Bench(tmp_path, run)
        yield made
        made.close()


def limited(limit: int) -> Callable[[], None] | None:
    """Files of a child may grow to this size, as on a disk that is full then; 0: as they like."""
    return (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None


def recover(*arguments: str, limit: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eegseek", "recover", *arguments],
        capture_output=True, text=True, timeout=120, cwd=ROOT, env=ENVIRONMENT, preexec_fn=limited(limit),
    )  # fmt: skip


def opened(session: Path, segment: int, part: int = 1) -> tuple[NDArray[np.float32], Any]:
    """Samples as MNE and mne-bids read them, µV float32, and the annotations of the latter."""
    import mne
    import mne_bids

    layout = Layout(session, "p01")
    vhdr = layout.eeg / f"{layout.stem(segment, part)}_eeg.vhdr"
    plain = mne.io.read_raw_brainvision(vhdr, preload=True, verbose="error")
    path = mne_bids.get_bids_path_from_fname(vhdr)
    raw = mne_bids.read_raw_bids(path, verbose="error")
    raw.load_data(verbose="error")
    assert raw.ch_names == plain.ch_names == [*NAMES, "sample"]
    assert raw.get_channel_types() == ["eeg", "eeg", "eeg", "misc"]
    assert raw.info["sfreq"] == plain.info["sfreq"] == RATE
    assert np.array_equal(raw.get_data(), plain.get_data())
    first = Layout(session, "p01").facts(segment, part)["EegseekFirstSample"]
    assert np.array_equal(raw.get_data("sample")[0], first + np.arange(raw.n_times))
    microvolts = (raw.get_data(list(NAMES)) * 1e6).astype(np.float32)
    on_disk = np.fromfile(vhdr.with_suffix(".eeg"), "<f4").reshape(-1, 4).T
    assert microvolts.tobytes() == np.ascontiguousarray(on_disk[:3]).tobytes()
    return microvolts, raw.annotations


def from_journal(session: Path, segment: int) -> NDArray[np.float32]:
    chunks = [r.samples for r in journal.read(journal.path(session, segment)) if isinstance(r, Chunk)]
    return np.hstack(chunks)


def test_killed_at_random_moments_what_was_pushed_is_in_the_recording(bench: Bench) -> None:
    moments = random.Random(5)
    killed = []
    for segment in range(4):
        # every other one goes on in further files meanwhile
        bench.start(*["session.rotate_bytes=65536"] * (segment % 2))
        bench.recorded(segment, 80_000 if segment % 2 else 30_000)
        time.sleep(moments.uniform(0.0, 0.7))  # any moment will do
        killed.append(bench.kill())
    pushed = bench.pushed()
    done = recover(str(bench.session))
    assert done.returncode == 0, done.stderr
    parts = segments(bench.session)
    assert [len(parts[segment]) > 1 for segment in range(4)] == [False, True, False, True]
    assert len(done.stdout.splitlines()) == sum(map(len, parts.values()))
    for segment, at in enumerate(killed):
        found = [opened(bench.session, segment, part) for part in parts[segment]]
        samples, annotations = np.hstack([one[0] for one in found]), found[0][1]
        numbers = samples[0]
        assert np.array_equal(np.diff(numbers), np.ones(numbers.size - 1))  # none lost, none twice
        assert samples.tobytes() == expected(numbers).tobytes()
        assert samples.tobytes() == from_journal(bench.session, segment).tobytes()
        sent = pushed[pushed[:, 1] <= at, 0].max()
        assert (sent - 1 - numbers[-1]) / RATE <= LATEST_S
        marks = [one for one in annotations if one["description"].startswith("Stimulus/at ")]
        for one in marks:  # a marker stands on the sample that carries its number
            row = int(one["description"].split()[-1]) - numbers[0]
            assert abs(one["onset"] * RATE - row) < 0.5, one
        assert marks
    again = recover(str(bench.session))
    assert again.returncode == 0 and "were there already" in again.stdout and "→" not in again.stdout
    gaps = [one for one in opened(bench.session, 1)[1] if one["description"] == "BAD_boundary"]
    assert gaps and gaps[0]["onset"] == 0.0  # the time between two segments


def validated(session: Path) -> list[str]:
    """Errors that the validator of BIDS itself finds in a session's dataset."""
    command = [str(Path(sys.executable).with_name("bids-validator-deno")), str(session / "bids"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = json.loads(done.stdout)
    assert found["summary"]["totalFiles"] > 10, done.stderr
    return [issue["code"] for issue in found["issues"]["issues"] if issue["severity"] == "error"]


def test_rotated_under_load_nothing_is_lost(bench: Bench) -> None:
    bench.start("session.rotate_bytes=65536")
    bench.recorded(0, 240_000)
    code, err = bench.stop()
    assert code == 0, err
    parts = segments(bench.session)[0]
    assert len(parts) > 3
    assert recover(str(bench.session)).returncode == 0
    whole = np.hstack([opened(bench.session, 0, part)[0] for part in parts])
    assert np.array_equal(np.diff(whole[0]), np.ones(whole.shape[1] - 1))
    assert whole.tobytes() == expected(whole[0]).tobytes() == from_journal(bench.session, 0).tobytes()
    assert isinstance(list(journal.read(journal.path(bench.session, 0)))[-1], journal.End)
    assert validated(bench.session) == []


def test_a_full_disk_is_loud_and_what_was_there_is_recovered(bench: Bench) -> None:
    bench.start(limit=120_000)
    bench.recorded(0, 10_000)
    assert bench.process is not None
    _, err = bench.process.communicate(timeout=60)
    assert bench.process.returncode == 1 and "Traceback" not in err
    assert "cannot be written after" in err and "eegseek recover" in err
    full = recover(str(bench.session), limit=20_000)
    assert full.returncode == 1 and full.stderr.count("\n") == 1 and "the journals are untouched" in full.stderr
    assert not (bench.session / "bids").exists()
    done = recover(str(bench.session))
    assert done.returncode == 0, done.stderr
    samples, _ = opened(bench.session, 0)
    assert samples.shape[1] > 2000 and samples.tobytes() == expected(samples[0]).tobytes()


def test_no_room_to_begin(bench: Bench) -> None:
    bench.start("session.free_bytes=1000000000000000")
    assert bench.process is not None
    _, err = bench.process.communicate(timeout=60)
    assert bench.process.returncode == 1
    assert "session.free_bytes" in err and "Traceback" not in err
    assert not segments(bench.session)


def test_a_recovery_that_was_killed_is_done_again(bench: Bench) -> None:
    bench.start()
    bench.recorded(0, 200_000)
    assert bench.stop()[0] == 0
    journal_before = journal.path(bench.session, 0).read_bytes()
    command = [sys.executable, "-m", "acquisition.bids", str(bench.session)]
    layout = Layout(bench.session, "p01")
    while True:  # until one is caught in the act
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ENVIRONMENT, cwd=ROOT) as child:
            until(lambda: layout.partial.exists() or child.poll() is not None, 60, "the recovery begins")
            child.kill()
        if not layout.complete(0, 1, len(journal_before)):
            break
        for file in layout.eeg.iterdir():
            file.unlink()
    assert recover(str(bench.session)).returncode == 0
    assert not layout.partial.exists() and layout.complete(0, 1, len(journal_before))
    assert opened(bench.session, 0)[0].tobytes() == from_journal(bench.session, 0).tobytes()
    assert journal.path(bench.session, 0).read_bytes() == journal_before


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    done = recover(str(tmp_path))
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "holds no journal" in done.stderr
