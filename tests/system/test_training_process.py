"""Training as processes: Ctrl-C leaves a checkpoint to go on from, and two devices learn what one does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from training.fitting import fit
from training.fitting.checkpoint import load
from training.fitting.run_folder import RunFolder
from training.trials.examples import Examples

SCRIPT = """
import sys
from pathlib import Path
if __name__ == "__main__":
    sys.path.insert(0, {tests!r})
    import test_training_process as test
    test.{call}(Path({folder!r}))
"""
SETTINGS = fit.FitSettings(4000, 16, 1e-3, 1e-4, None, 1, "cpu")


def given(n: int = 64) -> tuple[Examples, np.ndarray]:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((16, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Examples(rng.standard_normal((n, 3, 10)).astype(np.float32), rng.integers(16, size=n)), vectors


def network(dropout: float = 0.2) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(30, 6))


def until_interrupted(folder: Path) -> None:
    """Fit for long."""
    examples, vectors = given()
    run = RunFolder(folder)
    run.start({}, {}, resume=False)
    fit.fit(network(), examples, None, vectors, SETTINGS, run=run)


def on_both(folder: Path) -> None:
    """The same fit on one device and on two; a process of its own, for Python keeps a helper of spawned ones alive."""
    examples, vectors = given()
    found: dict[str, object] = {}
    for devices in (1, 2):
        told: list[tuple[str, int, int]] = []
        settings = replace(SETTINGS, epochs=3, learning_rate=1e-2, devices=devices)
        net = network(dropout=0.0)
        fitted = fit.fit(net, examples, examples, vectors, settings, lambda *what, to=told: to.append(what))
        found[str(devices)] = [net[2].weight.detach().tolist(), fitted.losses, told]
    folder.write_text(json.dumps(found))


def process_of(call: str, folder: Path) -> subprocess.Popen[bytes]:
    script = folder.with_name("script.py")
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent), folder=str(folder), call=call))
    return subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": "."}
    )


def test_ctrl_c_leaves_a_checkpoint_that_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = process_of("until_interrupted", folder)
    try:
        _until(lambda: (folder / "metrics.csv").is_file() and len(_lines(folder)) > 3, 60)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) != 0
    finally:
        process.kill()
    position, _ = load(folder / "checkpoint.safetensors")
    done = position.epoch - 1
    assert 3 <= done < SETTINGS.epochs and len(_lines(folder)) == done + 1
    examples, vectors = given()
    fitted = fit.fit(network(), examples, None, vectors, replace(SETTINGS, epochs=done))
    assert [loss for loss, _ in fitted.losses] == [row["training_loss"] for row in position.history]


def test_two_devices_learn_what_one_does(tmp_path: Path) -> None:
    process = process_of("on_both", tmp_path / "found.json")
    try:
        assert process.wait(120) == 0
    finally:
        process.kill()
    one, two = json.loads((tmp_path / "found.json").read_text()).values()
    assert np.allclose(one[0], two[0], atol=1e-5) and np.allclose(one[1], two[1], atol=1e-4)
    assert one[2] == two[2] and len(one[2]) == 4


def _lines(folder: Path) -> list[str]:
    return (folder / "metrics.csv").read_text().splitlines()


def _until(true: object, limit_s: float) -> None:
    end = time.monotonic() + limit_s
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            pytest.fail(f"not so within {limit_s} s")
        time.sleep(0.05)
