"""What a whole run needs: bundles of a simulated participant's four pictures, settings, and command lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil

from acquisition.offline import cut
from acquisition.plan import Plan
from acquisition.sources.participant import ParticipantReader
from config.bundles import Item
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import MarkerSettings, ParticipantSource
from inference.gallery import Gallery, write_gallery
from training.train import TrainRequest, train

ROOT = Path(__file__).parents[1]
CHANNELS = ("O1", "Oz", "O2", "Pz")
SOURCE = {"channels": list(CHANNELS), "rate_hz": 250, "stimuli": 4, "snr_db": 0, "lead_s": 3, "rsvp_hz": 5}


def bundles(folder: Path) -> None:
    """An encoder, a gallery of four pictures, and a truth file."""
    items = [Item(id=str(k), label=f"picture {k}") for k in range(1, 5)]
    write_gallery(folder / "gallery", items, np.eye(4, dtype=np.float32), space="four", model="test")
    chain = ChainSettings(channels=CHANNELS, highpass_hz=1.0, highpass_order=1, lowpass_hz=30.0)
    window = WindowSettings(start_s=0.0, end_s=0.6, rate_hz=125.0)
    plan = Plan(chain, window, RejectionSettings(peak_to_peak_uv=1000.0), MarkerSettings())
    source = ParticipantSource.model_validate({**SOURCE, "channels": CHANNELS, "repeats": 20, "speed": 0})
    # two sessions: with four pictures only recordings can be held out
    epochs = tuple(cut(ParticipantReader(source.model_copy(update={"seed": seed})), plan) for seed in (1, 2))
    train(TrainRequest(epochs, Gallery.load(folder / "gallery"), "riemann", folder / "encoder", plan))
    truth = {"format": "eegseek-session", "version": 1, "truth": {str(k): str(k) for k in range(1, 5)}}
    (folder / "truth.json").write_text(json.dumps(truth))


def settings(made: Path, sessions: Path, run: Path) -> dict[str, dict[str, Any]]:
    """Of a session named ``here``, but for its source."""
    return {
        "session": {"name": "here", "folder": str(sessions), "truth": str(made / "truth.json")},
        "inference": {"encoder": str(made / "encoder"), "gallery": str(made / "gallery")},
        "run": {"folder": str(run)},
    }


def eegseek(*arguments: str, cwd: Path, out: IO[str] | int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """A command of ours, in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "eegseek", *arguments]
    return subprocess.Popen(command, cwd=cwd, env=environment, stdout=out, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str], limit_s: float = 60.0) -> tuple[int, str]:
    """Exit code and standard error of a command that ends by itself; else it is killed with its children."""
    try:
        _, errors = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        errors = kill(process)
        raise AssertionError(f"not finished within {limit_s} s: {errors}") from None
    return process.returncode, errors


def kill(process: subprocess.Popen[str]) -> str:
    """End a command and its children at once; its standard error."""
    if process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
    return process.communicate()[1]


def child(process: subprocess.Popen[str], *words: str) -> psutil.Process | None:
    """A child whose command line holds all these words."""
    for one in psutil.Process(process.pid).children():
        if set(words) <= set(one.cmdline()):
            return one
    return None


def until(condition: Callable[[], object], limit_s: float = 60.0) -> None:
    """Wait for something, or fail."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
