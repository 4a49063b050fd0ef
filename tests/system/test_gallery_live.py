"""A gallery that grows and shrinks while a whole run serves it: real processes, a killed worker, no wrong answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from acquisition.journal_format import PacketRecord
from acquisition.journal_read import read
from config.bundles import Item
from config.chain import ChainSettings, WindowSettings
from config.errors import ProcessError
from config.gallery_log import read_log
from eegseek import cli_gallery_edit, live
from eegseek.live import edit_live
from inference import gallery_compact, gallery_edit
from inference.bundle import write_encoder
from inference.encoders.base import unit_norm
from inference.encoders.riemann import Riemann
from inference.gallery import Gallery, write_gallery
from wire.packets import Result

CHANNELS = ("O1", "Oz", "O2", "Pz")
DIM, FIRST, TOP = 8, 40, 10
LIMIT_S = 60.0
SOURCE = {"kind": "participant", "channels": list(CHANNELS), "rate_hz": 250, "stimuli": 4, "snr_db": 0, "lead_s": 2}


def vectors(n: int, seed: int) -> np.ndarray:
    return unit_norm(np.random.default_rng(seed).standard_normal((n, DIM)))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    write_gallery(
        tmp_path / "gallery",
        [Item(id=f"a{k}", label=f"label {k}") for k in range(FIRST)],
        vectors(FIRST, 0),
        space="eight",
        model="test",
    )
    write_gallery(tmp_path / "other", [Item(id="a", label="a")], vectors(1, 1), space="eight", model="test")
    window = WindowSettings(end_s=0.4, rate_hz=125.0)
    rng, classes = np.random.default_rng(0), np.arange(64) % DIM
    noise = rng.standard_normal((64, len(CHANNELS), window.n_times)).astype(np.float32)
    model = Riemann({"nfilter": 2}).fit(noise, np.eye(DIM)[classes], classes)
    fields = {
        "architecture": "riemann",
        "parameters": {"nfilter": 2},
        "channels": CHANNELS,
        "window": window,
        "chain": ChainSettings(channels=CHANNELS, highpass_hz=1.0, highpass_order=1, lowpass_hz=30.0),
        "space": "eight",
        "dim": DIM,
    }
    write_encoder(tmp_path / "encoder", fields, model.arrays())
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        table: dict[str, Any] = {
            "session": {"name": "here", "folder": str(tmp_path / "sessions")},
            "source": {**SOURCE, "rsvp_hz": 10, "repeats": 18},
            "inference": {"encoder": str(tmp_path / "encoder"), "gallery": str(tmp_path / "gallery"), "top_k": TOP},
            "run": {"folder": f"{sockets}/run"},
        }
        (tmp_path / "c.json").write_text(json.dumps(table))
        yield tmp_path


def start(place: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "eegseek", "run", "-c", "c.json", "--headless", "--report", "r.json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        _, errors = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        end(process)
        pytest.fail(f"not finished within {LIMIT_S} s")
    return process.returncode, errors


def end(process: subprocess.Popen[str]) -> None:
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    process.kill()
    process.communicate(timeout=LIMIT_S)


def results(journal: Path) -> list[Result]:
    if not journal.exists():
        return []
    packets = [record.packet for record in read(journal) if isinstance(record, PacketRecord)]
    return [packet for packet in packets if isinstance(packet, Result)]


def until_answered(journal: Path, more: int) -> int:
    began, deadline = len(results(journal)), time.monotonic() + LIMIT_S
    while len(found := results(journal)) < began + more:
        assert time.monotonic() < deadline, "no answers came"
        time.sleep(0.05)
    return len(found)


def contents(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Ids and vectors of every version that the log knows, put together anew."""
    gallery, log = Gallery.of_bundle(folder), read_log(folder)
    now = {item.id: gallery.vectors[k] for k, item in enumerate(gallery.items)}
    every = {log.head.name: dict(now)}
    for edit in log.edits:
        for name in edit.remove:
            del now[name]
        now.update(zip((item.id for item in edit.add), edit.rows(DIM), strict=True))
        every[edit.name] = dict(now)
    return every


def check(result: Result, version: dict[str, np.ndarray]) -> None:
    names, rows = list(version), np.stack(list(version.values()))
    for answer, vector in zip(result.answers, result.data, strict=True):
        cosines = dict(zip(names, (rows @ vector).tolist(), strict=True))
        best = sorted(cosines.values(), reverse=True)[:TOP]
        hits = [hit.id for hit in answer.hits]
        assert len(set(hits)) == len(hits) == min(TOP, len(names))
        assert set(hits) <= set(names), "an item that this version does not hold"
        assert np.allclose([cosines[name] for name in hits], best, atol=1e-5), "not the nearest of this version"


def test_items_come_and_go_while_answers_flow(place: Path) -> None:
    gallery, journal = place / "gallery", place / "sessions" / "here" / "segment-0000.esj"
    run = json.loads((place / "c.json").read_text())["run"]["folder"]
    process = start(place)
    try:
        until_answered(journal, 5)
        with pytest.raises(ProcessError, match="searches another gallery"):
            edit_live(place / "other", run, lambda: pytest.fail("nothing may be written"))
        done: list[tuple[str, float]] = []
        for number in range(6):
            items = [Item(id=f"b{number}-{k}", label="new") for k in range(3)]
            rows, gone = vectors(3, 10 + number), [f"a{number}", *([f"b{number - 1}-0"] if number else [])]
            name, _ = edit_live(
                gallery, run, lambda i=items, r=rows, g=gone: gallery_edit.edit(gallery, i, r, remove=g)
            )
            done.append((name, time.monotonic()))
            if number == 2:
                victim = next(c for c in psutil.Process(process.pid).children() if "worker-1" in c.cmdline())
                victim.kill()  # the one that takes its place reads the log
            if number == 4:
                gallery_edit.edit(gallery, remove=["a30"])  # nobody is told: workers look for themselves
            if number == 5:
                cli_gallery_edit.remove(gallery, ["a31"], live=True, run=run)
                before_compaction = contents(gallery)
                gallery_compact.compact(gallery)  # the same version, in another bundle
                edit_live(gallery, run, lambda: gallery_edit.edit(gallery, remove=["a32"]))
            until_answered(journal, 2)
        code, errors = finished(process)
    except BaseException:
        end(process)
        raise
    assert code == 0, errors
    answered = results(journal)
    windows = json.loads((place / "r.json").read_text())["windows"]
    assert windows["due"] == windows["answered"] == len(answered) == 72
    assert windows["lost"] == windows["doubled"] == windows["failed"] == windows["expired"] == 0
    versions = {**before_compaction, **contents(gallery)}
    order = list(versions)
    for result in answered:
        check(result, versions[result.gallery])
    assert answered[0].gallery == order[0]
    assert answered[-1].gallery == order[-1]
    assert len({result.gallery for result in answered}) >= len(done), "answers by every version that was waited for"
    for name, at in done:
        late = [r for r in answered if r.stamps.received is not None and r.stamps.received > at]
        assert all(order.index(r.gallery) >= order.index(name) for r in late), "older than what was promised"


def test_nobody_there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "ANSWER_S", 0.3)
    with pytest.raises(ProcessError, match="no session answered"):
        edit_live(place / "gallery", str(place / "run"), lambda: pytest.fail("nothing may be written"))
