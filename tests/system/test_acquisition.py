"""The acquisition process from its command line: a stream in, answers out, every stimulus accounted for."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from delivery_fakes import RATE_HZ, FakeDisplay, FakeWorker, encoder_spec, until
from safetensors.numpy import save_file

from acquisition import journal
from config.bundles import ENCODER_JSON, ENCODER_WEIGHTS, canonical, fingerprint
from config.chain import ChainSettings
from config.settings import ParticipantSource
from wire.endpoints import endpoints
from wire.packets import Result, Status

ROOT = Path(__file__).parents[2]
NAMES = ("O1", "Oz", "O2")


class Acquisition:
    """The process, with an encoder bundle, a worker and a display of the test's own."""

    def __init__(self, folder: Path, run: str) -> None:
        self.folder, self.run = folder, run
        self.bundle = folder / "bundle"
        self.bundle.mkdir()
        save_file({"weights": np.zeros(3, np.float32)}, self.bundle / ENCODER_WEIGHTS)
        digest = hashlib.sha256((self.bundle / ENCODER_WEIGHTS).read_bytes()).hexdigest()
        spec = encoder_spec(weights_sha256=digest)
        (self.bundle / ENCODER_JSON).write_bytes(canonical(spec))
        self.encoder = fingerprint(spec)
        self.ends = endpoints(run)
        self.display = FakeDisplay(self.ends)
        self.worker = FakeWorker(self.ends, "w", self.encoder)
        self.process: subprocess.Popen[str] | None = None

    def start(self, *overrides: str, speed: str = "0", policy: str = "block") -> None:
        settings = {
            "run.folder": self.run,
            "session.name": "p01",
            "session.folder": str(self.folder / "sessions"),
            "inference.encoder": str(self.bundle),
            "dispatch.policy": policy,
            "dispatch.drain_s": "3",
            "source.kind": "participant",
            "source.speed": speed,
            "source.rate_hz": str(RATE_HZ),
            "source.channels": '["O1", "Oz", "O2"]',
            "source.stimuli": "5",
            "source.repeats": "4",
            "source.lead_s": "6",
        }
        settings.update(o.partition("=")[::2] for o in overrides)
        sets = [part for key, value in settings.items() if value for part in ("--set", f"{key}={value}")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "acquisition", *sets],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def until(self, condition, *, answering: bool = True, limit_s: float = 60.0) -> None:  # type: ignore[no-untyped-def]
        """Wait for something, the worker answering meanwhile."""
        answered = 0

        def step() -> bool:
            nonlocal answered
            while answering and answered < len(self.worker.windows):
                self.worker.answer(self.worker.windows[answered])
                answered += 1
            return bool(condition())

        until(step, self.worker, self.display, limit_s=limit_s)

    def up(self, segment: int = 0) -> None:
        """Wait until the display hears a segment, the worker silent: one that beats is given windows at once."""
        until(
            lambda: self.display.status is not None and self.display.status.segment == segment, self.display, limit_s=60
        )

    def exited(self) -> tuple[int, str]:
        """Exit code and standard error."""
        assert self.process is not None
        out, err = self.process.communicate(timeout=60)
        assert out == ""
        return self.process.returncode, err

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.display.close()
        self.worker.close()


@pytest.fixture
def acquisition(tmp_path: Path) -> Iterator[Acquisition]:
    with tempfile.TemporaryDirectory(prefix="eeg") as run:  # short enough for ipc
        made = Acquisition(tmp_path, run)
        yield made
        made.close()


def records(acquisition: Acquisition, segment: int = 0) -> list[object]:
    return list(journal.read(journal.path(acquisition.folder / "sessions" / "p01", segment)))


def test_a_whole_run_from_first_sample_to_last_status(acquisition: Acquisition) -> None:
    acquisition.start()
    display = acquisition.display
    acquisition.up()
    acquisition.worker.ready()
    acquisition.until(lambda: display.status.last)
    code, err = acquisition.exited()
    assert code == 0, err
    counters = display.status.counters
    assert counters["due"] == 20
    assert counters["sent"] == counters["answered"] == len(display.committed) == 20
    assert (counters["pending"], counters["in_flight"], counters["dropped"], counters["expired"]) == (0, 0, 0, 0)
    assert [r.commit for r in display.committed] == list(range(1, 21))
    assert display.status.simulated
    assert display.status.state == "stopped"
    assert {len(r.answers) for r in display.committed} == {2}
    assert max(w.repeats for w in acquisition.worker.windows) == 4
    kept = records(acquisition)
    packets = [r.packet for r in kept if isinstance(r, journal.PacketRecord)]
    assert sum(isinstance(p, Result) for p in packets) == 20
    assert isinstance(packets[-1], Status)
    assert isinstance(kept[-1], journal.End)
    assert (acquisition.folder / "sessions" / "p01").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_drains_says_the_last_word_and_exits_clean(
    acquisition: Acquisition, number: signal.Signals
) -> None:
    acquisition.start("source.stimuli=50", speed="4", policy="drop_oldest")
    display, worker = acquisition.display, acquisition.worker
    acquisition.up()
    assert display.status.state == "waiting"
    worker.ready()
    acquisition.until(lambda: len(worker.windows) == 2, answering=False)  # its credit; the rest is queued
    acquisition.process.send_signal(number)
    acquisition.until(lambda: display.status.last)
    code, err = acquisition.exited()
    assert code == 0, err
    counters = display.status.counters
    assert 2 <= counters["answered"] == len(display.committed) < 200
    assert counters["due"] == counters["sent"] + counters["rejected"] + counters["missed"]
    assert counters["sent"] == counters["answered"]


def test_stopped_without_any_worker_it_ends_and_accounts(acquisition: Acquisition) -> None:
    acquisition.start("dispatch.drain_s=0.5")
    display = acquisition.display
    until(lambda: display.counters().get("in_flight", 0) > 0, display, limit_s=60)
    assert display.status.state == "degraded"
    display.ask("s", "stop")
    until(lambda: display.status.last, display)
    assert acquisition.exited()[0] == 0
    counters = display.status.counters
    assert counters["expired"] == counters["sent"] > 0


def test_a_restart_is_a_new_segment(acquisition: Acquisition) -> None:
    for segment in (0, 1):
        acquisition.start()
        acquisition.up(segment)
        acquisition.worker.ready()
        acquisition.until(lambda: acquisition.display.status.last)
        assert acquisition.exited()[0] == 0
    first, second = (records(acquisition, k)[0] for k in (0, 1))
    assert (first.segment, second.segment) == (0, 1)
    # this source began at its beginning again: nothing is continued
    seen = [(w.segment, w.sequence, w.repeats) for w in acquisition.worker.windows]
    assert len(seen) == 40
    assert [(q, r) for s, q, r in seen if s == 0] == [(q, r) for s, q, r in seen if s == 1]


def test_killed_and_started_again_the_worker_is_found_and_the_journal_is_whole(acquisition: Acquisition) -> None:
    acquisition.start(speed="4", policy="drop_oldest")
    display, worker = acquisition.display, acquisition.worker
    acquisition.up()
    worker.ready()
    acquisition.until(lambda: len(display.committed) >= 2)
    acquisition.process.kill()
    acquisition.process.communicate()
    shown = len(display.committed)
    kept = [r for r in records(acquisition) if isinstance(r, journal.PacketRecord)]
    assert sum(isinstance(r.packet, Result) for r in kept) >= shown
    acquisition.start()  # the worker beats, is asked who it is, and says READY again
    acquisition.up(segment=1)
    acquisition.until(lambda: display.status.last)
    assert acquisition.exited()[0] == 0
    assert display.counters()["answered"] == 20
    kept = [r.packet for r in records(acquisition, 1) if isinstance(r, journal.PacketRecord)]
    assert [p.commit for p in kept if isinstance(p, Result)] == list(range(1, 21))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("inference.encoder=", "inference.encoder is empty"),
        ("inference.encoder=nowhere", "nowhere"),
        ("window.end_s=0.7", "trained with 0.2"),
        ('source.channels=["Fz", "Cz", "Pz"]', "O1"),
        ("source.rate_hz=90", "250 Hz"),
        ("source.montage=no_such_montage", "no_such_montage"),
        ("sesion.name=x", "did you mean 'session'"),
    ],
)
def test_bad_input_is_one_sentence_and_a_failed_exit(acquisition: Acquisition, override: str, words: str) -> None:
    acquisition.start(override)
    code, err = acquisition.exited()
    assert code == 1
    lines = [line for line in err.splitlines() if line.startswith("acquisition: ")]
    assert words in lines[-1]
    assert "Traceback" not in err


def test_an_encoder_that_is_cut_off_is_refused(acquisition: Acquisition) -> None:
    weights = acquisition.bundle / ENCODER_WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    acquisition.start()
    code, err = acquisition.exited()
    assert (code, "truncated or changed" in err) == (1, True)


def test_an_encoder_with_another_reference_than_the_stream_has(acquisition: Acquisition) -> None:
    spec = encoder_spec(chain=ChainSettings(channels=NAMES, reference=("TP9",)))
    digest = hashlib.sha256((acquisition.bundle / ENCODER_WEIGHTS).read_bytes()).hexdigest()
    (acquisition.bundle / ENCODER_JSON).write_bytes(canonical(spec.model_copy(update={"weights_sha256": digest})))
    acquisition.start()
    code, err = acquisition.exited()
    assert code == 1
    assert "TP9" in err.splitlines()[-1]


def test_an_endpoint_in_use_is_refused_and_the_other_run_lives_on(acquisition: Acquisition, tmp_path: Path) -> None:
    acquisition.start("dispatch.drain_s=60")  # it waits for a worker while the other is refused
    acquisition.up()
    first = acquisition.process
    acquisition.start("session.name=other")
    second, acquisition.process = acquisition.process, first
    _, err = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "in use by another run" in err
    acquisition.worker.ready()
    acquisition.until(lambda: acquisition.display.status.last)
    assert acquisition.exited()[0] == 0
    assert acquisition.display.counters()["answered"] == 20


def test_a_session_folder_that_cannot_be_written(acquisition: Acquisition) -> None:
    (acquisition.folder / "file").write_text("")
    acquisition.start(f"session.folder={acquisition.folder / 'file'}")
    code, err = acquisition.exited()
    assert code == 1
    assert "session.folder" in err


class Outlet:
    """A simulated participant played through LSL by a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.name = f"eegseek-{uuid.uuid4().hex[:10]}"
        source = ParticipantSource(
            rate_hz=RATE_HZ, channels=NAMES, stimuli=4, repeats=4, lead_s=2.0, rsvp_hz=8.0, speed=1, blinks_per_minute=0
        )
        file = folder / "source.json"
        file.write_text(source.model_dump_json())
        ids = ["--name", self.name, "--source-id", self.name, "--marker-name", f"{self.name}-markers"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "acquisition.outlet", "--source", str(file), *ids],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    @property
    def settings(self) -> list[str]:
        source = ["source.kind=lsl", f"source.name={self.name}", f"source.marker_name={self.name}-markers"]
        # keys of the other kind of source are not known to this one
        gone = [f"source.{key}=" for key in ("speed", "rate_hz", "channels", "stimuli", "repeats", "lead_s")]
        return [*source, *gone, "dispatch.policy=drop_oldest"]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def outlet(tmp_path: Path) -> Iterator[Outlet]:
    made = Outlet(tmp_path)
    yield made
    made.close()


def test_a_stream_over_lsl_waits_for_the_worker_and_nothing_is_missed(acquisition: Acquisition, outlet: Outlet) -> None:
    acquisition.start(*outlet.settings)
    display = acquisition.display
    until(lambda: display.status is not None and "waiting for a worker" in display.status.message, display, limit_s=60)
    acquisition.worker.ready()
    acquisition.until(lambda: display.status.last, limit_s=60)
    code, err = acquisition.exited()
    assert code == 0, err
    counters = display.status.counters
    assert counters["due"] == 16
    assert counters["due"] == counters["sent"] + counters["rejected"]
    assert counters["sent"] == counters["answered"] == len(display.committed) > 8
    assert display.status.simulated


def test_a_stream_that_dies_ends_the_run_accounted_for_and_a_restart_goes_on_with_its_averages(
    acquisition: Acquisition, outlet: Outlet, tmp_path: Path
) -> None:
    acquisition.start(*outlet.settings, "source.give_up_s=1")
    display, worker = acquisition.display, acquisition.worker
    acquisition.up()
    worker.ready()
    acquisition.until(lambda: len(display.committed) >= 6, limit_s=60)
    outlet.close()
    acquisition.until(lambda: display.status.state == "lost", limit_s=40)
    acquisition.until(lambda: display.status.last, limit_s=60)
    code, err = acquisition.exited()
    assert code == 1
    assert "did not come back" in err.splitlines()[-1]
    assert "Traceback" not in err
    counters = display.status.counters
    assert counters["due"] == counters["sent"] + counters["rejected"] + counters["missed"]
    assert counters["sent"] == counters["answered"]
    before = max(w.repeats for w in worker.windows)
    again = Outlet(tmp_path)
    try:
        worker.windows.clear()
        acquisition.start(*again.settings)
        acquisition.up(segment=1)
        acquisition.until(lambda: len(worker.windows) > 0, limit_s=60)
        display.ask("s", "stop")
        acquisition.until(lambda: display.status.last, limit_s=60)
        code, err = acquisition.exited()
        assert code == 0
        assert "former segments" in err
        assert max(w.repeats for w in worker.windows) > min(before, 1)
        assert worker.windows[0].repeats > 1
    finally:
        again.close()
