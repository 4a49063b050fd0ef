"""The encoder that serves is the encoder that was trained: folded, with quick ELUs, on real EEG too."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.encoders import registry
from inference.encoders.network import Network

CHANNELS, TIMES, DIM = 17, 250, 512
ZOO = ("EEGNet", "ShallowFBCSPNet", "Deep4Net", "EEGConformer", "ATCNet")
PLACED = ("P7", "P5", "P3", "P1", "Pz", "P2", "P4", "P6", "P8", "PO7", "PO3", "POz", "PO4", "PO8", "O1", "Oz", "O2")
OPTIONS: dict[str, dict[str, object]] = {"responses": {"run": 25}}


def plain(name: str) -> torch.nn.Module:
    """At the sizes that are used, with running statistics of its own."""
    torch.manual_seed(0)
    net = registry.build(
        name, channels=PLACED, times=TIMES, rate_hz=250.0, dim=DIM, parameters=dict(OPTIONS.get(name, {}))
    )
    for _ in range(2):
        net(torch.randn(16, CHANNELS, TIMES) * 2 + 0.5)
    return net.eval()


def real_windows() -> np.ndarray | None:
    """(20, channels, times) of a genuine recording, in units of 20 µV, its four channels repeated at other times."""
    folder = os.environ.get("EEGSEEK_DATA")
    if not folder:
        return None
    file = sorted((Path(folder) / "muse" / "left-right").glob("*.csv"))[0]
    signal = np.loadtxt(file, delimiter=",", skiprows=1, usecols=(1, 2, 3, 4), max_rows=8000)[2000:].T
    signal -= signal.mean(axis=1, keepdims=True)
    rows = np.concatenate([np.roll(signal, 37 * k, axis=1) for k in range(5)])[:CHANNELS] / 20
    return np.stack([rows[:, k * TIMES : (k + 1) * TIMES] for k in range(20)]).astype(np.float32)


@pytest.fixture(scope="module")
def windows() -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((20, CHANNELS, TIMES), dtype=np.float32)
    real = real_windows()
    return noise if real is None else np.concatenate([noise, real])


@pytest.mark.parametrize("name", [*registry.NETWORKS, *(f"{registry.BRAINDECODE}{name}" for name in ZOO)])
def test_it_is_the_same_function(name: str, windows: np.ndarray) -> None:
    net = plain(name)
    with torch.inference_mode():
        expected = net(torch.from_numpy(windows)).numpy()
    serving = Network(net, "cpu")
    found = serving.embed(windows)
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    assert ((found * expected).sum(axis=1) / norms).min() >= 0.99999
    # one window alone is what it is among others
    alone = serving.embed(windows[-1:])[0]
    assert alone @ found[-1] / (np.linalg.norm(alone) * np.linalg.norm(found[-1])) >= 0.999999
