"""Answers before the window ends, through real processes: provisional, committed in order, accounted for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from acquisition import journal
from acquisition.configure import encoder_of, plan_of
from acquisition.journal_format import PacketRecord
from acquisition.rebuild import rebuild
from config.bundles import Calibration, Item
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.load import load_settings
from inference.gallery import write_gallery
from wire.packets import Result

CHANNELS = ("O1", "Oz", "O2", "Pz")
PARTS_S, END_S = (0.2, 0.4), 0.6
DUE = 16
LIMIT_S = 45.0
Rows = list[dict[str, Any]]


def fitted(end_s: float | None, repeats: int, above: float | None) -> Calibration:
    return Calibration(
        repeats=repeats,
        temperature=0.5,
        log_loss=1.0,
        calibration_error=0.1,
        n_stimuli=50,
        gallery_size=4,
        window_end_s=end_s,
        commit_above=above,
    )


def write_bundles(folder: Path) -> None:
    """Random weights. Averages of three or more are committed at 0.4 s, single trials where the best is likely."""
    import torch

    from inference.bundle import write_encoder
    from inference.encoders import registry

    window = WindowSettings(start_s=0.0, end_s=END_S, rate_hz=125.0, parts_s=PARTS_S)
    torch.manual_seed(0)
    net = registry.build("eegproject", channels=CHANNELS, times=window.n_times, rate_hz=125.0, dim=4, parameters={})
    fields = {
        "architecture": "eegproject",
        "channels": CHANNELS,
        "window": window,
        "chain": ChainSettings(channels=CHANNELS, highpass_hz=1.0, highpass_order=1, lowpass_hz=30.0),
        "rejection": RejectionSettings(peak_to_peak_uv=1e5, flat_uv=1e-6),
        "space": "four",
        "dim": 4,
        "calibration": [
            fitted(None, 1, None),
            fitted(PARTS_S[0], 1, 0.75),
            fitted(PARTS_S[0], 2, None),
            fitted(PARTS_S[1], 1, 0.75),
            fitted(PARTS_S[1], 3, 0.0),
        ],
    }
    write_encoder(folder / "encoder", fields, {name: value.numpy() for name, value in net.state_dict().items()})
    items = [Item(id=str(k), label=f"picture {k}") for k in range(1, 5)]
    write_gallery(folder / "gallery", items, np.eye(4, dtype=np.float32), space="four", model="test")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder with bundles and a settings file; sockets in a folder of short name."""
    write_bundles(tmp_path)
    truth = {"format": "eegseek-session", "version": 1, "truth": {str(k): str(k) for k in range(1, 5)}}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        table: dict[str, dict[str, Any]] = {
            "session": {"name": "early", "folder": str(tmp_path / "sessions"), "truth": str(tmp_path / "truth.json")},
            "source": {
                "kind": "participant",
                "channels": list(CHANNELS),
                "rate_hz": 250,
                "stimuli": 4,
                "repeats": DUE // 4,
                "lead_s": 3,
                "rsvp_hz": 5,
            },
            "inference": {"encoder": str(tmp_path / "encoder"), "gallery": str(tmp_path / "gallery")},
            "run": {"folder": f"{sockets}/run"},
        }
        (tmp_path / "c.json").write_text(json.dumps(table))
        yield tmp_path


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str], limit_s: float = LIMIT_S) -> None:
    try:
        _, errors = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.communicate()
        pytest.fail(f"not finished within {limit_s:g} s")
    assert process.returncode == 0, errors


def test_early_answers_are_provisional_committed_in_order_and_all_accounted_for(place: Path) -> None:
    # a second display, with a trace, connects whenever it can
    watching = start("display", "--config", "c.json", "--trace", "t.jsonl", "--headless", "--name", "other", cwd=place)
    running = start("eegseek", "run", "-c", "c.json", "--headless", "--report", "r.json", cwd=place)
    finish(running)
    finish(watching)
    report = json.loads((place / "r.json").read_text())
    windows, early = report["windows"], report["anytime"]
    parts = early["parts"]
    assert windows["due"] == windows["answered"] == DUE
    assert windows["lost"] == windows["doubled"] == parts["lost"] == parts["pending"] == parts["in_flight"] == 0
    assert parts["due"] == 2 * DUE == sum(parts[name] for name in ("sent", "skipped", "rejected", "missed"))
    assert parts["sent"] == sum(parts[name] for name in ("answered", "expired", "dropped", "failed"))
    assert parts["answered"] > 0
    assert report["latency_ms"]["n"] == DUE
    assert early["latency_ms"]["n"] == parts["answered"]
    assert early["single"]["stimuli"] == early["average"]["stimuli"] == report["accuracy"]["single"]["n"] == DUE
    # from the third repeat on averages are committed at 0.4 s, unless that part was dropped on the way
    assert early["average"]["early"] <= DUE - 8
    assert early["average"]["early"] >= DUE - 8 - parts["dropped"] - parts["skipped"]
    assert early["average"]["mean_s"] < early["average"]["whole_mean_s"]

    rows: Rows = [json.loads(line) for line in (place / "t.jsonl").read_text().splitlines()]
    assert len(rows) == DUE + parts["answered"]
    check_trace(rows)
    check_journal(place, rows)


def check_trace(rows: Rows) -> None:
    """Each stimulus's committed answer is its first decided part, else the whole window, whatever came after."""
    rows = sorted(rows, key=lambda row: row["sequence"])
    for _, group in groupby(rows, key=lambda row: row["sequence"]):
        course = sorted(group, key=lambda row: row["part"])
        assert course[-1]["final"] and not any(row["final"] for row in course[:-1])
        assert [row["end_s"] for row in course] == [(*PARTS_S, END_S)[row["part"]] for row in course]
        for row in course[:-1]:
            lead_s = END_S - row["end_s"]
            assert course[-1]["stamps"]["sample_due"] - row["stamps"]["sample_due"] == pytest.approx(lead_s, abs=0.01)
        for version in (0, 1):
            first = next((row for row in course if row["answers"][version]["decided"]), course[-1])
            last = max(course, key=lambda row: row["commit"])
            stands = last["committed"][version]
            assert stands["part"] == first["part"]
            assert stands["id"] == first["answers"][version]["hits"][0]["id"]
    assert any(row["answers"][1]["decided"] for row in rows)
    assert not any(row["answers"][0]["decided"] and row["final"] for row in rows)


def check_journal(place: Path, rows: Rows) -> None:
    """Parts are journalled like any result, and stay out of the averages that a restart continues."""
    folder = place / "sessions" / "early"
    records = journal.read(journal.path(folder, 0))
    results = [r.packet for r in records if isinstance(r, PacketRecord) and isinstance(r.packet, Result)]
    assert {(r.sequence, r.part, r.commit) for r in results} == {
        (row["sequence"], row["part"], row["commit"]) for row in rows
    }
    assert sorted(r.commit for r in results) == list(range(1, len(rows) + 1))
    settings = load_settings(str(place / "c.json"))
    rebuilt = rebuild(folder, 1, "early", plan_of(settings, encoder_of(settings)), lambda: False)
    assert (rebuilt.windows, len(rebuilt.averages)) == (DUE, 4)
