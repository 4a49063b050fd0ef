"""The whole system through its command line: real processes, a killed worker, Ctrl-C, and every kind of bad input."""

from __future__ import annotations

import json
import os
import signal
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

from acquisition.offline import cut
from acquisition.plan import Plan
from acquisition.sources.participant import ParticipantReader
from config.bundles import Item
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import MarkerSettings, ParticipantSource
from inference.gallery import Gallery, write_gallery
from training.train import TrainRequest, train

CHANNELS = ("O1", "Oz", "O2", "Pz")
SOURCE = {
    "kind": "participant",
    "channels": list(CHANNELS),
    "rate_hz": 250,
    "stimuli": 4,
    "snr_db": 0,
    "lead_s": 3,
    "rsvp_hz": 5,
}
ENOUGH = 60_000
"""Bytes of a journal that holds the lead-in and some windows."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A riemann bundle for four pictures of a simulated participant, a gallery, a truth file."""
    folder = tmp_path_factory.mktemp("made")
    items = [Item(id=str(k), label=f"picture {k}") for k in range(1, 5)]
    write_gallery(folder / "gallery", items, np.eye(4, dtype=np.float32), space="four", model="test")
    write_gallery(folder / "other", items, np.eye(4, dtype=np.float32), space="another", model="test")
    chain = ChainSettings(channels=CHANNELS, highpass_hz=1.0, highpass_order=1, lowpass_hz=30.0)
    window = WindowSettings(start_s=0.0, end_s=0.6, rate_hz=125.0)
    plan = Plan(chain, window, RejectionSettings(peak_to_peak_uv=1000.0), MarkerSettings())
    source = ParticipantSource.model_validate({**SOURCE, "channels": CHANNELS, "repeats": 40, "speed": 0})
    epochs = tuple(cut(ParticipantReader(source.model_copy(update={"seed": seed})), plan) for seed in (1, 2))
    train(TrainRequest(epochs, Gallery.load(folder / "gallery"), "riemann", folder / "encoder", plan))
    truth = {"format": "eegseek-session", "version": 1, "truth": {str(k): str(k) for k in range(1, 5)}}
    (folder / "truth.json").write_text(json.dumps(truth))
    return folder


@pytest.fixture
def place(tmp_path: Path, made: Path) -> Iterator[Path]:
    """A folder with a settings file for a run of its own; sockets in a folder of short name."""
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        table: dict[str, dict[str, Any]] = {
            "session": {"name": "here", "folder": str(tmp_path / "sessions"), "truth": str(made / "truth.json")},
            "source": SOURCE,
            "inference": {"encoder": str(made / "encoder"), "gallery": str(made / "gallery")},
            "run": {"folder": f"{sockets}/run"},
        }
        (tmp_path / "c.json").write_text(json.dumps(table))
        yield tmp_path


def eegseek(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "eegseek", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str], limit_s: float = 60.0) -> tuple[int, str]:
    try:
        _, errors = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.communicate()
        pytest.fail(f"not finished within {limit_s} s")
    return process.returncode, errors


def until(condition: Any, limit_s: float = 30.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def worker(process: subprocess.Popen[str], name: str) -> psutil.Process | None:
    """A child by the name it was given."""
    for child in psutil.Process(process.pid).children():
        line = child.cmdline()
        if "--name" in line and line[line.index("--name") + 1] == name:
            return child
    return None


def sums_hold(windows: dict[str, int]) -> bool:
    due = windows["sent"] + windows["rejected"] + windows["missed"] + windows["pending"]
    sent = sum(windows[name] for name in ("answered", "expired", "dropped", "failed", "in_flight"))
    return windows["due"] == due and windows["sent"] == sent and windows["lost"] == windows["doubled"] == 0


def log(place: Path, name: str) -> str:
    file = place / "sessions" / "here" / "logs" / f"{name}.err"
    return file.read_text() if file.exists() else ""


def test_a_killed_worker_costs_nothing(place: Path) -> None:
    process = eegseek(
        "run", "-c", "c.json", "--set", "source.repeats=10", "--headless", "--report", "r.json", cwd=place
    )
    journal = place / "sessions" / "here" / "segment-0000.esj"
    # windows flow once the journal holds the lead-in and some more
    until(lambda: journal.exists() and journal.stat().st_size > ENOUGH)
    victim = worker(process, "worker-1")
    assert victim is not None
    victim.kill()
    code, errors = finished(process)
    assert code == 0, errors
    assert "worker-1 was killed by signal 9; started again" in errors
    report = json.loads((place / "r.json").read_text())
    windows = report["windows"]
    assert windows["due"] == windows["answered"] == 40
    assert windows["expired"] == windows["dropped"] == windows["failed"] == 0
    assert sums_hold(windows)
    assert report["simulated"] is True
    # the whole way carries the signal: 4 pictures, chance 0.25
    assert report["accuracy"]["by_repeats"]["10"]["top1"] >= 0.75


def test_ctrl_c_stops_cleanly_and_accounts_for_everything(place: Path) -> None:
    process = eegseek(
        "run", "-c", "c.json", "--set", "source.repeats=1000", "--headless", "--report", "r.json", cwd=place
    )
    journal = place / "sessions" / "here" / "segment-0000.esj"
    until(lambda: journal.exists() and journal.stat().st_size > ENOUGH)
    process.send_signal(signal.SIGINT)
    code, errors = finished(process)
    assert code == 0, errors
    windows = json.loads((place / "r.json").read_text())["windows"]
    assert windows["due"] > 0
    assert windows["pending"] == windows["in_flight"] == 0
    assert sums_hold(windows)


def test_over_lsl_a_second_segment_continues_the_averages(place: Path) -> None:
    name = f"run-{os.getpid()}"
    over_lsl = [
        "--set",
        "source.kind=lsl",
        "--set",
        f"source.name={name}",
        "--set",
        f"source.marker_name={name}-markers",
    ]
    sets = [f"source.{key}={value}" for key, value in SOURCE.items() if key != "kind"]
    player = [part for text in [*sets, "source.repeats=3", "source.lead_s=2"] for part in ("--set", text)]
    for report in ("a.json", "b.json"):
        streaming = eegseek("stream", "participant", "--name", name, *player, cwd=place)
        code, errors = finished(eegseek("run", "-c", "c.json", *over_lsl, "--headless", "--report", report, cwd=place))
        if code != 0:
            streaming.kill()
        played, _ = finished(streaming)
        assert code == 0, errors
        assert played == 0
    first, second = (json.loads((place / name).read_text()) for name in ("a.json", "b.json"))
    assert first["windows"]["answered"] == second["windows"]["answered"] == 12
    assert sums_hold(first["windows"]) and sums_hold(second["windows"])
    assert set(first["accuracy"]["by_repeats"]) == {"1", "2", "3"}
    assert set(second["accuracy"]["by_repeats"]) == {"4", "5", "6"}
    assert (first["segments"], second["segments"]) == ([0], [1])
    assert first["simulated"] and second["simulated"]


def test_a_journal_replays_with_the_same_result(place: Path, made: Path) -> None:
    fast = ["--set", "source.speed=0", "--set", "dispatch.policy=block", "--set", "source.repeats=3", "--headless"]
    code, errors = finished(eegseek("run", "-c", "c.json", *fast, "--report", "a.json", cwd=place))
    assert code == 0, errors
    journal = str(place / "sessions" / "here" / "segment-0000.esj")
    again = ["replay", journal, "-c", "c.json", "--set", "session.name=again", "--headless"]
    code, errors = finished(eegseek(*again, "--report", "b.json", cwd=place))
    assert code == 0, errors
    first, second = (json.loads((place / name).read_text()) for name in ("a.json", "b.json"))
    assert first["windows"] == second["windows"]
    assert first["accuracy"]["by_repeats"] == second["accuracy"]["by_repeats"]
    # the recorded stamps are of another time: no latency is better than a false one
    assert first["latency_ms"]["n"] == 12
    assert second["latency_ms"]["n"] == 0 and second["stages_ms"]["cut_to_sent"]["n"] == 12


def empty_csv(place: Path) -> None:
    (place / "empty.csv").write_text("timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0\n")


def railed_csv(place: Path) -> None:
    rows = [f"{k / 256:.4f},1000,1000,1000,1000,0,{int(k % 256 == 9)}" for k in range(2560)]
    (place / "railed.csv").write_text("timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0\n" + "\n".join(rows) + "\n")


def unmarked_csv(place: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 20, (2560, 4))
    rows = [f"{k / 256:.4f},{','.join(f'{v:.2f}' for v in row)},0,0" for k, row in enumerate(noise)]
    (place / "unmarked.csv").write_text("timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0\n" + "\n".join(rows) + "\n")


def truncated_bundle(place: Path) -> None:
    table = json.loads((place / "c.json").read_text())
    source = Path(table["inference"]["encoder"])
    (place / "cut").mkdir()
    (place / "cut" / "encoder.json").write_bytes((source / "encoder.json").read_bytes())
    (place / "cut" / "model.safetensors").write_bytes((source / "model.safetensors").read_bytes()[:-10])


BAD: tuple[tuple[str, list[str], Any, str], ...] = (
    (
        "no such stream",
        [
            "run",
            *["--set", "source.kind=lsl", "--set", "source.name=nobody", "--set", "source.marker_name=nobody"],
            *["--set", "source.wait_s=1"],
        ],
        None,
        "no EEG stream",
    ),
    ("wrong channels", ["run", "--set", "source.channels=['Fz','Cz']"], None, "'O1'"),
    ("wrong rate", ["run", "--set", "source.rate_hz=100"], None, "100 Hz"),
    ("another space", ["run", "--set", "inference.gallery={other}"], None, "another"),
    ("no bundle", ["run", "--set", "inference.encoder=nowhere"], None, "nowhere"),
    ("foreign bundle", ["run", "--set", "inference.encoder={gallery}"], None, "encoder.json"),
    ("truncated bundle", ["run", "--set", "inference.encoder=cut"], truncated_bundle, "truncated"),
    ("unknown setting", ["run", "--set", "source.chanels=['O1']"], None, "did you mean 'channels'?"),
    ("unknown preset", ["run", "--preset", "musee"], None, "did you mean 'muse'?"),
    ("no such recording", ["replay", "nothing.csv"], None, "nothing.csv"),
    ("empty recording", ["replay", "empty.csv"], empty_csv, "empty.csv"),
    ("railed recording", ["replay", "railed.csv"], railed_csv, "railed"),
    ("recording without markers", ["replay", "unmarked.csv"], unmarked_csv, "marker"),
    ("gallery of nothing", ["gallery", "build", "g"], None, "--images"),
    ("unknown item", ["gallery", "search", "{gallery}", "picture-9"], None, "picture-9"),
    ("unknown encoder", ["train", "x.csv", "-g", "{gallery}", "-o", "out", "-e", "nise"], None, "nice"),
    ("no such file to stream", ["stream", "nothing.csv"], None, "nothing.csv"),
)


@pytest.mark.parametrize(("arguments", "prepare", "words"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_input_is_one_clear_sentence(
    place: Path, made: Path, arguments: list[str], prepare: Any, words: str
) -> None:
    if prepare is not None:
        prepare(place)
    filled = [a.replace("{gallery}", str(made / "gallery")).replace("{other}", str(made / "other")) for a in arguments]
    if filled[0] in ("run", "replay"):
        filled += ["-c", "c.json", "--headless"]
    code, errors = finished(eegseek(*filled, cwd=place))
    assert code == 1, errors
    last = errors.strip().splitlines()[-1]
    assert words in last, errors
    assert "Traceback" not in errors
    assert last.startswith("eegseek: ")


def test_a_run_whose_endpoints_are_taken_is_refused(place: Path) -> None:
    first = eegseek("run", "-c", "c.json", "--set", "source.repeats=1000", "--headless", cwd=place)
    until(lambda: "worker" in log(place, "acquisition") or (place / "sessions/here/segment-0000.esj").exists())
    code, errors = finished(eegseek("run", "-c", "c.json", "--set", "session.name=two", "--headless", cwd=place))
    first.send_signal(signal.SIGINT)
    assert finished(first)[0] == 0
    assert code == 1
    assert "in use" in errors
