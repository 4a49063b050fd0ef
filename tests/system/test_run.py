"""The whole system through its command line: real processes, a killed worker, Ctrl-C, and every kind of bad input."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_data import SOURCE, bundles, child, eegseek, end, settings, until

from config.bundles import Item
from inference.gallery import write_gallery

ENOUGH = 60_000
"""Bytes of a journal that holds the lead-in and some windows."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles, and a gallery of another space."""
    folder = tmp_path_factory.mktemp("made")
    bundles(folder)
    items = [Item(id=str(k), label=f"picture {k}") for k in range(1, 5)]
    write_gallery(folder / "other", items, np.eye(4, dtype=np.float32), space="another", model="test")
    return folder


@pytest.fixture
def place(tmp_path: Path, made: Path) -> Iterator[Path]:
    """A folder with a settings file for a run of its own; sockets in a folder of short name."""
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        table = settings(made, tmp_path / "sessions", Path(sockets) / "run")
        table["source"] = {"kind": "participant", **SOURCE}
        (tmp_path / "c.json").write_text(json.dumps(table))
        yield tmp_path


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
    victim = child(process, "--name", "worker-1")
    assert victim is not None
    victim.kill()
    code, errors = end(process)
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
    code, errors = end(process)
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
    sets = [f"source.{key}={value}" for key, value in SOURCE.items()]
    player = [part for text in [*sets, "source.repeats=3", "source.lead_s=2"] for part in ("--set", text)]
    for report in ("a.json", "b.json"):
        streaming = eegseek("stream", "participant", "--name", name, *player, cwd=place)
        code, errors = end(eegseek("run", "-c", "c.json", *over_lsl, "--headless", "--report", report, cwd=place))
        if code != 0:
            streaming.kill()
        played, _ = end(streaming)
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
    code, errors = end(eegseek("run", "-c", "c.json", *fast, "--report", "a.json", cwd=place))
    assert code == 0, errors
    journal = str(place / "sessions" / "here" / "segment-0000.esj")
    again = ["replay", journal, "-c", "c.json", "--set", "session.name=again", "--headless"]
    code, errors = end(eegseek(*again, "--report", "b.json", cwd=place))
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
    code, errors = end(eegseek(*filled, cwd=place))
    assert code == 1, errors
    last = errors.strip().splitlines()[-1]
    assert words in last, errors
    assert "Traceback" not in errors
    assert last.startswith("eegseek: ")


def test_a_run_whose_endpoints_are_taken_is_refused(place: Path) -> None:
    first = eegseek("run", "-c", "c.json", "--set", "source.repeats=1000", "--headless", cwd=place)
    until(lambda: "worker" in log(place, "acquisition") or (place / "sessions/here/segment-0000.esj").exists())
    code, errors = end(eegseek("run", "-c", "c.json", "--set", "session.name=two", "--headless", cwd=place))
    first.send_signal(signal.SIGINT)
    assert end(first)[0] == 0
    assert code == 1
    assert "in use" in errors
