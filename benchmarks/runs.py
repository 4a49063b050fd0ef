"""One stream played to one reader, with real processes, and what it left: eegseek's run and the peer's."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import timing
from benchmarks.bundles import WINDOW, Sizes, participant
from benchmarks.processes import Processes
from config.errors import ProcessError
from config.settings import InferenceSettings, LslSource, RunSettings, SessionSettings, Settings
from wire.clock import now

OURS = ("acquisition", "inference", "display")
PEERS = {"mne-lsl": [], "mne-lsl-tuned": ["--tuned"]}
"""Name of a peer to options of its script: as the examples of mne-lsl, torch and FAISS have it; as quick as it goes."""
START_S = 60.0
"""How long the first answer may take, beyond the participant's lead."""
STOP_S = 30.0
POLL_S = 0.1
TAIL_S = 2.0
"""Pictures shown after the measured time, so that its last windows are like the others."""
Rows = list[dict[str, Any]]
Say = Callable[[str, float], None]


@dataclass(frozen=True)
class LatencyOptions:
    """What is measured.

    Attributes
    ----------
    seconds, warm_s
        Measured time, and pictures shown before it.
    sizes
        Channels, rate, encoder, gallery.
    chunk
        Samples pushed at once.
    rsvp_hz
        Pictures a second.
    lead_s
        EEG before the first picture: the chain settles.
    peers
        Of `PEERS`, each measured in turn.
    control
        Measure the control, too.
    awake, realtime
        Settings of the run of these names.
    json
        Where the result is written, too.
    seed
        Of weights, gallery and participant.
    """

    seconds: float = 60.0
    warm_s: float = 5.0
    lead_s: float = 12.0
    sizes: Sizes = field(default_factory=Sizes)
    chunk: int = 4
    rsvp_hz: float = 5.0
    peers: tuple[str, ...] = ()
    control: bool = True
    awake: bool = True
    realtime: bool = False
    json: Path | None = None
    seed: int = 0


@dataclass(frozen=True)
class Run:
    """What one measured run left.

    Attributes
    ----------
    rows
        One a result, in order.
    pushes_s
        When each sample was pushed.
    begin_s, end_s
        The measured time.
    cpu_cores
        Processor seconds a second, by process.
    """

    rows: Rows
    pushes_s: timing.Array
    begin_s: float
    end_s: float
    cpu_cores: dict[str, float]

    def measured(self, moments_s: Sequence[float]) -> list[int]:
        """Which rows fall into the measured time."""
        return [k for k, moment in enumerate(moments_s) if self.begin_s <= moment < self.end_s]


class Stage:
    """One stream played to one reader: where its files lie and how it is measured."""

    def __init__(self, folder: Path, options: LatencyOptions, say: Say):
        self.folder = folder
        self.options = options
        self.say = say
        self.name = f"bench-{uuid.uuid4().hex[:8]}"
        self.push_log = folder / "pushes.npy"
        pictures_s = options.warm_s + options.seconds + TAIL_S
        made = participant(options.sizes, options.rsvp_hz, pictures_s, options.seed)
        self.source = made.model_copy(update={"lead_s": options.lead_s})

    def start_outlet(self, processes: Processes) -> None:
        """Play the participant once it is listened to."""
        file = self.folder / "source.json"
        file.write_text(self.source.model_dump_json())
        names = ["--name", self.name, "--source-id", self.name, "--marker-name", f"{self.name}-markers"]
        log = ["--push-log", str(self.push_log), "--chunk", str(self.options.chunk)]
        processes.start("outlet", "acquisition.outlet", "--source", str(file), *names, *log)

    def measure(self, processes: Processes, names: Sequence[str], rows: Path) -> tuple[float, float, dict[str, float]]:
        """Wait for the first answer, pass the warm-up, and measure; (begin, end, cores by process)."""
        self.say("settling", 0.0)
        self._wait(processes, lambda: rows.is_file() and rows.stat().st_size > 0, START_S + self.source.lead_s)
        self._pass(processes, self.options.warm_s, "warming up")
        begin_s, before = now(), processes.cpu_s(names)
        self._pass(processes, self.options.seconds, "measuring")
        end_s, after = now(), processes.cpu_s(names)
        return begin_s, end_s, {name: (after[name] - before[name]) / (end_s - begin_s) for name in names}

    def wait_ended(self, processes: Processes, names: Sequence[str]) -> None:
        """Wait until processes have ended by themselves, and well."""
        self.say("draining", self.options.seconds)
        self._wait(processes, lambda: all(processes.ended(name) for name in names), STOP_S)

    def _pass(self, processes: Processes, length_s: float, words: str) -> None:
        start = now()
        while (passed := now() - start) < length_s:
            self.say(words, passed if words == "measuring" else 0.0)
            processes.check()
            time.sleep(min(POLL_S, max(length_s - passed, 0.0)))

    def _wait(self, processes: Processes, condition: Callable[[], bool], limit_s: float) -> None:
        deadline = now() + limit_s
        while not condition():
            processes.check()
            if now() > deadline:
                words = "; ".join(f"{name}: {processes.last_words(name)}" for name in processes.running)
                raise ProcessError(f"the benchmark waited {limit_s:g} s in vain ({words})")
            time.sleep(POLL_S)


def run_ours(folder: Path, bundles: tuple[Path, Path], options: LatencyOptions, say: Say) -> tuple[Run, dict[str, Any]]:
    """Measure eegseek; the run, and the display's report."""
    stage = Stage(folder, options, say)
    run_folder, trace, report = folder / "run", folder / "trace.jsonl", folder / "report.json"
    run_folder.mkdir(mode=0o700)
    settings = Settings(
        session=SessionSettings(name="bench", folder=str(folder / "sessions")),
        source=LslSource(name=stage.name, marker_name=f"{stage.name}-markers", wait_s=START_S),
        inference=InferenceSettings(encoder=str(bundles[0]), gallery=str(bundles[1]), device="cpu", spare=False),
        run=RunSettings(
            folder=str(run_folder),
            awake=options.awake,
            realtime=options.realtime,
        ),
    )
    config = folder / "settings.json"
    config.write_text(settings.model_dump_json())
    with Processes(folder / "logs") as processes:
        shown = ["--headless", "--trace", str(trace), "--report", str(report)]
        processes.start("inference", "inference", "--config", str(config))
        processes.start("display", "display", "--config", str(config), *shown)
        stage.start_outlet(processes)
        processes.start("acquisition", "acquisition", "--config", str(config))
        begin_s, end_s, cores = stage.measure(processes, OURS, trace)
        stage.wait_ended(processes, ["outlet", "acquisition", "display"])
    found = Run(_lines(trace), np.load(stage.push_log), begin_s, end_s, cores)
    return found, json.loads(report.read_text())


def run_control(folder: Path, options: LatencyOptions, say: Say) -> Run:
    """Measure the control: processes and messages without work."""
    stage = Stage(folder, options, say)
    run_folder, out = folder / "run", folder / "control.jsonl"
    run_folder.mkdir(mode=0o700)
    sizes = options.sizes
    module, run = "benchmarks.control", ["--run", str(run_folder)]
    with Processes(folder / "logs") as processes:
        processes.start("display", module, "display", *run, "--out", str(out))
        streams = ["--eeg", stage.name, "--markers", f"{stage.name}-markers"]
        window = ["--last-row", str(last_row(sizes.rate_hz)), "--payload", str(2 * sizes.channels * WINDOW.n_times * 4)]
        processes.start("acquisition", module, "acquisition", *run, *streams, *window)
        processes.start("inference", module, "inference", *run, "--payload", str(2 * sizes.dim * 4))
        stage.start_outlet(processes)
        begin_s, end_s, cores = stage.measure(processes, OURS, out)
        stage.wait_ended(processes, ["outlet", *OURS])
    return Run(_lines(out), np.load(stage.push_log), begin_s, end_s, cores)


def last_row(rate_hz: float) -> int:
    """Last source sample of a window, counted from its onset's."""
    return round((WINDOW.n_times - 1) * rate_hz / WINDOW.rate_hz)


def run_peer(
    folder: Path, bundles: tuple[Path, Path], options: LatencyOptions, peer: str, say: Say
) -> tuple[Run, Rows]:
    """Measure the mne-lsl script; the run, and the markers as numbered for it."""
    stage = Stage(folder, options, say)
    answers, markers, codes = folder / "answers.jsonl", folder / "markers.jsonl", f"{stage.name}-codes"
    with Processes(folder / "logs") as processes:
        passed = ["--markers", f"{stage.name}-markers", "--codes", codes, "--out", str(markers)]
        processes.start("codes", "benchmarks.peers.codes", *passed)
        read = ["--encoder", str(bundles[0]), "--gallery", str(bundles[1]), "--eeg", stage.name, "--codes", codes]
        count = ["--n-codes", str(stage.source.stimuli * stage.source.repeats), "--out", str(answers)]
        processes.start("peer", "benchmarks.peers.mne_lsl", *read, *count, *PEERS[peer])
        stage.start_outlet(processes)
        begin_s, end_s, cores = stage.measure(processes, ["peer"], answers)
        stage.wait_ended(processes, ["outlet"])
        for name in ("peer", "codes"):
            processes.terminate(name)
        stage.wait_ended(processes, ["peer", "codes"])
    return Run(_lines(answers), np.load(stage.push_log), begin_s, end_s, cores), _lines(markers)


def _lines(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text().splitlines()]
