"""Bundles with random weights, runs of the whole program, and what is needed to verify them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from acquisition import journal
from acquisition.journal import PacketRecord, Sent
from config.bundles import Item
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from inference.gallery import write_gallery
from wire.packets import Result
from wire.streams import TOPIC_OF

CHANNELS = ("P7", "P3", "Pz", "P4", "P8", "PO7", "PO8", "O1", "Oz", "O2")
DIM, ITEMS, STIMULI, REPEATS = 32, 200, 4, 3
RATE_HZ = 250.0
PARTICIPANT = {
    "channels": list(CHANNELS), "rate_hz": RATE_HZ, "stimuli": STIMULI, "repeats": REPEATS, "lead_s": 3, "rsvp_hz": 5,
}  # fmt: skip
LIMIT_S = 100.0


def write_encoder_bundle(folder: Path, seed: int, parts_s: tuple[float, ...] = (0.3,)) -> Path:
    """NICE with random weights."""
    import torch

    from inference.bundle import write_encoder
    from inference.encoders import registry

    window = WindowSettings(start_s=0.0, end_s=0.6, rate_hz=RATE_HZ, baseline_s=(-0.1, 0.0), parts_s=parts_s)
    torch.manual_seed(seed)
    net = registry.build("nice", channels=CHANNELS, times=window.n_times, rate_hz=RATE_HZ, dim=DIM, parameters={})
    fields = {
        "architecture": "nice",
        "channels": CHANNELS,
        "window": window,
        "chain": ChainSettings(channels=CHANNELS, highpass_hz=1.0, highpass_order=1, lowpass_hz=40.0),
        "rejection": RejectionSettings(peak_to_peak_uv=1e5, flat_uv=1e-6),
        "space": "test",
        "dim": DIM,
    }
    write_encoder(folder, fields, {name: value.numpy() for name, value in net.state_dict().items()})
    return folder


def write_gallery_bundle(folder: Path, seed: int) -> Path:
    vectors = np.random.default_rng(seed).standard_normal((ITEMS, DIM), dtype=np.float32)
    items = [Item(id=str(k), label=f"picture {k}") for k in range(1, ITEMS + 1)]
    write_gallery(folder, items, vectors, space="test", model="random")
    return folder


def eegseek(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    del environment["OMP_NUM_THREADS"]  # verifying has to see to its threads itself
    command = [sys.executable, "-m", "eegseek", *arguments]
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str], limit_s: float = LIMIT_S) -> tuple[int, str, str]:
    try:
        words, errors = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.communicate()
        pytest.fail(f"not finished within {limit_s} s")
    return process.returncode, words, errors


def sets(table: dict[str, Any]) -> list[str]:
    return [text for name, value in table.items() for text in ("--set", f"{name}={value}")]


def write_settings(folder: Path, sockets: str) -> None:
    """Of a session ``here`` with the bundles beside them."""
    table: dict[str, dict[str, Any]] = {
        "session": {"name": "here", "folder": str(folder / "sessions"), "bids": False},
        "inference": {"encoder": str(folder / "encoder"), "gallery": str(folder / "gallery"), "spare": False},
        "run": {"folder": f"{sockets}/run"},
    }
    (folder / "c.json").write_text(json.dumps(table))


def verify(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, the report, and all that was said."""
    out = folder / "verify.json"
    out.unlink(missing_ok=True)
    code, words, errors = finished(
        eegseek("replay", str(folder), "--verify", "--json", str(out), *arguments, cwd=folder)
    )
    return code, json.loads(out.read_text()) if out.exists() else {}, " ".join((words + errors).split())


def results(file: Path) -> list[Result]:
    found = [r.packet for r in journal.read(file) if isinstance(r, PacketRecord) and r.frames[0] == TOPIC_OF[Result]]
    return [packet for packet in found if isinstance(packet, Result)]


def hashes(file: Path) -> dict[tuple[int, int], str]:
    return {(r.sequence, r.part): r.sha256 for r in journal.read(file) if isinstance(r, Sent)}
