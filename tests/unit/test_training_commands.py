"""``eegseek train`` and ``evaluate`` on files: what is written can be read again, and mistakes are one sentence."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from config.bundles import read_encoder_spec
from config.errors import EegseekError
from inference.build import from_labels
from training.commands import train_command
from training.evaluation.evaluate_command import Places, evaluate_command

RATE, SECONDS = 256, 40
SET = [
    "chain.notch_hz=[]",
    "chain.lowpass_hz=20.0",
    "window.start_s=0.0",
    "window.end_s=0.5",
    "window.rate_hz=64.0",
    "rejection.peak_to_peak_uv=500.0",
]


def muse_csv(file: Path, seed: int, labels: tuple[str, str] = ("1", "2")) -> Path:
    """A made-up muse-lsl file: two categories with opposite responses, a marker every second."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((RATE * SECONDS, 4)) * 5
    markers = np.zeros(len(signal), dtype=object)
    markers[:] = "0"
    response = 20 * np.exp(-0.5 * ((np.arange(RATE // 2) - 50) / 12) ** 2)
    for row in range(RATE * 4, len(signal) - RATE, RATE):
        second = int(rng.integers(2))
        markers[row] = labels[second]
        signal[row : row + RATE // 2] += np.outer(response, [1, 0.2, 0.2, -1]) * (1 if second else -1)
    stamps = 1000 + np.arange(len(signal)) / RATE
    rows = [
        ",".join([f"{t:.3f}", *(f"{v:.3f}" for v in values), "0.0", mark])
        for t, values, mark in zip(stamps, signal, markers, strict=True)
    ]
    file.write_text("\n".join(["timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0", *rows]) + "\n")
    return file


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [muse_csv(tmp_path / f"run{k}.csv", k) for k in range(3)]


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    from_labels({"left": "left", "right": "right"}, tmp_path / "gallery")
    return tmp_path / "gallery"


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    file = tmp_path / "truth.json"
    truth = {"1": "left", "2": "right"}
    file.write_text(json.dumps({"format": "eegseek-session", "version": 1, "truth": truth}))
    return file


def quiet() -> Console:
    return Console(file=io.StringIO(), width=100)


def test_train_then_evaluate(files: list[Path], gallery: Path, truth: Path, tmp_path: Path) -> None:
    bundle, report = tmp_path / "bundle", tmp_path / "report.json"
    channels = 'chain.channels=["TP9", "TP10"]'
    spec = train_command(
        files[:2],
        gallery,
        "riemann",
        bundle,
        truth=truth,
        overrides=[*SET, channels],
        parameters=["alpha=10"],
        console=quiet(),
    )
    assert read_encoder_spec(bundle) == spec
    assert spec.channels == ("TP9", "TP10") and spec.window.end_s == 0.5 and spec.parameters["alpha"] == 10
    assert [record["name"] for record in spec.training["recordings"]] == ["run0.csv", "run1.csv"]
    screen = quiet()
    found = evaluate_command(bundle, files[2:], gallery, truth=truth, places=Places(report), console=screen)
    single = next(row for row in found.rows if row.repeats == 1 and "auc" in row.metrics)
    assert single.metrics["auc"].value > 0.95
    assert json.loads(report.read_text()) == found.json_able()
    assert isinstance(screen.file, io.StringIO) and "auc" in screen.file.getvalue().lower()


def test_a_bundle_evaluates_with_its_own_chain_whatever_the_settings(
    files: list[Path], gallery: Path, truth: Path, tmp_path: Path
) -> None:
    given = {"truth": truth, "console": quiet()}
    train_command(files[:2], gallery, "riemann", tmp_path / "b", overrides=SET, parameters=["alpha=10"], **given)
    plain = evaluate_command(tmp_path / "b", files[2:], gallery, **given)
    other = evaluate_command(tmp_path / "b", files[2:], gallery, overrides=["chain.highpass_hz=8.0"], **given)
    assert plain.rows == other.rows


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"recordings": []}, "no recording is given"),
        ({"truth": None}, "none of which the gallery knows"),
        ({"encoder": "reimann"}, "did you mean 'riemann'"),
        ({"parameters": ["alpha"]}, "not of the form name=value"),
        ({"overrides": ["chain.chanels=[]"]}, "did you mean 'channels'"),
        ({"overrides": [*SET, 'chain.channels=["Cz"]']}, "no channel 'Cz'"),
        ({"gallery": Path("nowhere")}, "'nowhere/gallery.json' cannot be read"),
        ({"overrides": [*SET, "rejection.peak_to_peak_uv=1.0"]}, r"gives no window, all \d+ stimuli rejected"),
    ],
)
def test_mistakes(
    files: list[Path], gallery: Path, truth: Path, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    given = {"recordings": files, "gallery": gallery, "encoder": "riemann", "out": tmp_path / "b", "truth": truth}
    with pytest.raises(EegseekError, match=says) as error:
        train_command(**{**given, "overrides": SET, "console": quiet(), **changes})  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    assert not (tmp_path / "b").exists()
