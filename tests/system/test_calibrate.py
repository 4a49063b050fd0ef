"""A run that begins without an encoder: windows go to training until it is made, then they are answered."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from delivery_fakes import CHANNELS, RATE_HZ, FakeDisplay, FakeWorker, encoder_spec, until
from safetensors.numpy import save_file

from acquisition import journal, tally
from acquisition.delivery_account import check_end
from config.bundles import ENCODER_JSON, ENCODER_WEIGHTS, EncoderSpec, canonical, fingerprint
from config.chain import RejectionSettings, WindowSettings
from config.settings import Settings
from eegseek.verify import Verifier
from wire.endpoints import endpoints
from wire.packets import Preview, Tap
from wire.streams import TOPIC_OF

ROOT = Path(__file__).parents[2]


def make_bundle(folder: Path, **changes: object) -> EncoderSpec:
    """Written elsewhere, and there as a whole."""
    beside = folder.with_name(folder.name + ".part")
    beside.mkdir()
    save_file({"weights": np.zeros(3, np.float32)}, beside / ENCODER_WEIGHTS)
    digest = hashlib.sha256((beside / ENCODER_WEIGHTS).read_bytes()).hexdigest()
    spec = encoder_spec(weights_sha256=digest, **changes)
    (beside / ENCODER_JSON).write_bytes(canonical(spec))
    beside.rename(folder)
    return spec


@pytest.fixture
def run() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="eeg") as made:  # short enough for ipc
        yield made


def start(folder: Path, run: str, bundle: Path, repeats: int = 300, speed: int = 4) -> subprocess.Popen[str]:
    spec = encoder_spec()
    settings = Settings.model_validate(
        {
            "session": {"name": "p01", "folder": str(folder / "sessions"), "calibrate": True, "bids": False},
            "source": {
                "kind": "participant", "channels": CHANNELS, "rate_hz": RATE_HZ, "stimuli": 3, "repeats": repeats,
                "lead_s": 4, "speed": speed,
            },
            "chain": spec.chain, "window": spec.window, "rejection": RejectionSettings(peak_to_peak_uv=None),
            "inference": {"encoder": str(bundle)},
            "run": {"folder": run},
        }
    )  # fmt: skip
    file = folder / "settings.json"
    file.write_text(settings.model_dump_json())
    command = [sys.executable, "-m", "acquisition", "--config", str(file)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env)


class Run:
    """The process, a worker that answers, and a display."""

    def __init__(self, folder: Path, run: str, bundle: Path) -> None:
        self.process = start(folder, run, bundle)
        ends = endpoints(run)
        self.display, self.worker = FakeDisplay(ends), FakeWorker(ends, "w", "")
        self.asked = 0

    def until(self, condition) -> None:  # type: ignore[no-untyped-def]
        answered = 0

        def step() -> bool:
            nonlocal answered
            while answered < len(self.worker.windows):
                self.worker.answer(self.worker.windows[answered])
                answered += 1
            return bool(condition())

        until(step, self.worker, self.display, limit_s=60.0)

    def ask(self, command: str) -> tuple[bool, str]:
        self.asked += 1
        name = f"{command} {self.asked}"
        self.display.ask(name, command)
        self.until(lambda: self.display.reply(name) is not None)
        reply = self.display.reply(name)
        assert reply is not None
        return reply.ok, reply.message

    def stop(self) -> dict[str, int]:
        assert self.ask("stop")[0]
        self.until(lambda: self.display.status.last)
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        check_end(self.display.status.counters)
        return self.display.status.counters

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.display.close()
        self.worker.close()


def test_from_a_start_without_an_encoder_to_answers_with_one(tmp_path: Path, run: str) -> None:
    bundle = tmp_path / "bundle"
    first = Run(tmp_path, run, bundle)
    try:
        display, worker = first.display, first.worker
        for kind in (Preview, Tap):
            display.results.subscribe(TOPIC_OF[kind])
        first.until(lambda: sum(isinstance(p, Tap) for p in display.seen) >= 5)
        taps = [p for p in display.seen if isinstance(p, Tap)]
        assert all((t.channels, t.times, t.final, t.simulated) == (CHANNELS, 50, True, True) for t in taps)
        shown = [p for p in display.seen if isinstance(p, Preview)]
        assert len(shown) >= 3
        assert [p.sequence for p in shown[1:]] == [p.sequence + p.times for p in shown[:-1]]
        assert any(mark.stimulus for p in shown for mark in p.marks)
        first.until(lambda: display.status.rejected_by.get("calibration", 0) >= 5)
        assert display.status.state == "paused"
        assert display.status.message.startswith("calibrating")
        assert display.status.rejected_by.keys() == {"calibration"}
        ok, why = first.ask("start")
        assert (ok, "no encoder in" in why) == (False, True)
        make_bundle(bundle, window=WindowSettings(start_s=0.0, end_s=0.4, rate_hz=RATE_HZ))
        ok, why = first.ask("start")
        assert (ok, "end_s=0.4" in why) == (False, True)
        bundle.rename(tmp_path / "unfit")
        worker.encoder = fingerprint(make_bundle(bundle))
        worker.ready()
        first.until(lambda: display.status.state == "paused" and any(p.name == "w" for p in display.status.peers))
        assert worker.windows == []
        ok, why = first.ask("start")
        assert ok, why
        first.until(lambda: len(display.committed) >= 5)
        assert display.status.state == "connected"
        # none of what calibration saw is in an average
        assert {w.repeats for w in worker.windows[:2]} <= {1, 2}
        counters = first.stop()
        assert counters["rejected"] >= 5
        assert counters["answered"] == len(display.committed)
        assert display.status.rejected_by["calibration"] == counters["rejected"]
    finally:
        first.close()
    kept = tally.of_journal(journal.path(tmp_path / "sessions" / "p01", 0))
    assert (kept.wrong, kept.rejected_by["calibration"]) == ("", counters["rejected"])

    again = Run(tmp_path, run, bundle)  # with the encoder in place it is a run like any other
    try:
        again.worker.encoder = worker.encoder
        again.worker.ready()
        again.until(lambda: len(again.display.committed) >= 2)
        assert again.display.status.segment == 1
        assert "calibration" not in again.display.status.rejected_by
        again.stop()
    finally:
        again.close()


def test_a_session_that_calibrated_in_vain_can_be_verified_without_an_encoder(tmp_path: Path, run: str) -> None:
    process = start(tmp_path, run, tmp_path / "never", repeats=4, speed=0)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    checked = Verifier(None, None, lambda done, of: None).verify(journal.path(tmp_path / "sessions" / "p01", 0))
    assert checked.differences.count == 0
    assert (checked.counts["paused"], checked.counts["sent"]) == (12, 0)
