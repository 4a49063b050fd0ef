"""Models of braindecode by name (its import alone takes seconds, hence not among the unit tests)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from config.chain import ChainSettings, WindowSettings
from config.errors import BundleError
from inference.bundle import load_encoder, write_encoder
from inference.encoders import registry, zoo
from inference.encoders.network import state_arrays

CHANNELS = tuple(f"c{k}" for k in range(6))


def make(name: str, times: int = 200, **parameters: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return registry.build(name, channels=CHANNELS, times=times, rate_hz=200.0, dim=10, parameters=parameters)


@pytest.mark.parametrize("name", ["EEGNet", "ShallowFBCSPNet", "EEGConformer", "SignalJEPA_PreLocal"])
def test_bundle_round_trip(tmp_path: Path, name: str) -> None:
    """With their own last layer, or through ``return_features`` (the last one)."""
    net = make(f"braindecode:{name}").eval()
    assert isinstance(net, zoo.Features) == (name == "SignalJEPA_PreLocal")
    fields = {
        "architecture": f"braindecode:{name}",
        "channels": CHANNELS,
        "window": WindowSettings(end_s=1.0, rate_hz=200.0),
        "chain": ChainSettings(channels=CHANNELS),
        "space": "s",
        "dim": 10,
    }
    write_encoder(tmp_path / "b", fields, state_arrays(net))
    windows = np.random.default_rng(0).standard_normal((3, 6, 200)).astype(np.float32)
    vectors = load_encoder(tmp_path / "b", "cpu").encode(windows)
    with torch.no_grad():
        expected = net(torch.from_numpy(windows)).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert vectors.shape == (3, 10)
    assert np.allclose(vectors, expected, atol=1e-5)


def test_parameters_reach_the_model_and_unknown_ones_are_named() -> None:
    small, large = make("braindecode:EEGNet", F1=4), make("braindecode:EEGNet", F1=8)
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in large.parameters())
    with pytest.raises(BundleError, match=r"'braindecode:EEGNet' has no parameter 'F9'; known are .*F1"):
        make("braindecode:EEGNet", F9=1)


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(BundleError, match="nearest: 'braindecode:EEGNet'"):
        make("braindecode:EEGnet")


def test_a_model_that_cannot_take_these_sizes_says_why() -> None:
    with pytest.raises(BundleError, match=r"'braindecode:DGCNN' cannot embed 6 channels x 200 times .*chs_info"):
        make("braindecode:DGCNN")


def test_nothing_is_downloaded() -> None:
    with pytest.raises(BundleError, match="downloads electrode positions"):
        make("braindecode:REVE")


def test_pooling_keeps_windows_and_features() -> None:
    features = torch.arange(24.0).reshape(2, 3, 2, 2)
    assert torch.equal(zoo.pooled(features), features.reshape(2, 6, 2).mean(1))
    assert torch.equal(zoo.pooled(features[:, 0, 0]), features[:, 0, 0])
