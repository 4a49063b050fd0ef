"""Encoders that answer before the window ends: one a window end in closed form, padded windows for networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from config.bundles import Normalisation
from config.chain import ChainSettings, WindowSettings
from config.errors import BundleError
from inference.bundle import load_encoder, write_encoder
from inference.encoders import registry
from inference.encoders.linear import CCA
from inference.encoders.network import state_arrays
from inference.encoders.riemann import Riemann
from inference.encoders.staged import Staged

CHANNELS = ("TP9", "AF7", "AF8", "TP10")
WHOLE = WindowSettings(start_s=0.0, end_s=0.4, rate_hz=100.0)
PARTS = WindowSettings(start_s=0.0, end_s=0.4, rate_hz=100.0, parts_s=(0.1, 0.25))
RNG = np.random.default_rng(0)
WINDOWS = np.asarray(RNG.standard_normal((40, 4, 40)) * 20, np.float32)
CLASSES = np.arange(40) % 2
TARGETS = np.eye(8)[CLASSES]


def fields(window: WindowSettings, **other: Any) -> dict[str, Any]:
    base = {"architecture": "staged", "channels": CHANNELS, "chain": ChainSettings(channels=CHANNELS)}
    return {**base, "window": window, "space": "test:8", "dim": 8, **other}


def riemann(times: int) -> Riemann:
    return Riemann({"nfilter": 1}).fit(WINDOWS[:, :, :times], TARGETS, CLASSES)


def linear(times: int, seed: int) -> CCA:
    rng = np.random.default_rng(seed)
    sizes = ((4, times, 2), (2, 8), (8,))
    return CCA.fitted({"rank": 2}, *(rng.standard_normal(size) for size in sizes))


def test_staged_answers_each_end_as_its_own_model_and_whole_windows_as_without_parts(tmp_path: Path) -> None:
    models = [riemann(times) for times in (10, 25, 40)]
    staged = Staged.fitted("riemann", models)
    parameters = staged.parameters.model_dump()
    write_encoder(tmp_path / "staged", fields(PARTS, parameters=parameters), staged.arrays())
    plain = fields(WHOLE, architecture="riemann", parameters=models[2].parameters.model_dump())
    write_encoder(tmp_path / "plain", plain, models[2].arrays())
    encoder = load_encoder(tmp_path / "staged")
    assert np.array_equal(encoder.encode(WINDOWS), load_encoder(tmp_path / "plain").encode(WINDOWS))
    for model, times in zip(models, (10, 25, 40), strict=True):
        wanted = model.embed(np.ascontiguousarray(WINDOWS[:, :, :times]))
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
        assert np.allclose(encoder.encode(WINDOWS[:, :, :times]), wanted, atol=1e-6)


def test_a_bundle_with_parts_needs_weights_for_each(tmp_path: Path) -> None:
    staged = Staged.fitted("cca", [linear(10, 0), linear(40, 1)])
    write_encoder(tmp_path / "few", fields(PARTS, parameters=staged.parameters.model_dump()), staged.arrays())
    with pytest.raises(BundleError, match="10, 25 samples are answered too, the weights of 'staged' are for 10, 40"):
        load_encoder(tmp_path / "few")
    plain = linear(40, 1)
    write_encoder(tmp_path / "plain", fields(PARTS, architecture="cca"), plain.arrays())
    with pytest.raises(BundleError, match="the weights of 'cca' are for 40"):
        load_encoder(tmp_path / "plain")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "inner"),
        ({"inner": "cca", "stages": []}, "stages"),
        ({"inner": "cca", "stages": [{"times": 10}, {"times": 10}]}, "rise"),
        ({"inner": "staged", "stages": [{"times": 10}]}, "cannot stand inside"),
        ({"inner": "nice", "stages": [{"times": 10}]}, "cannot stand inside"),
        ({"inner": "cca", "stages": [{"times": 10}, {"times": 39}]}, "not \\(4, 39, 8\\)"),
        ({"inner": "cca", "stages": [{"times": 10}, {"times": 40}, {"times": 50}]}, "lack filters"),
    ],
)
def test_staged_parameters_that_do_not_fit(parameters: dict[str, Any], message: str) -> None:
    arrays = Staged.fitted("cca", [linear(10, 0), linear(40, 1)]).arrays()
    with pytest.raises(BundleError, match=message):
        Staged.from_arrays(parameters, arrays)


def test_networks_get_the_normalised_window_and_zeros_after_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = registry.build("eegproject", channels=CHANNELS, times=40, rate_hz=100.0, dim=8)
    turn = np.linalg.qr(RNG.standard_normal((4, 4)))[0]
    norm = Normalisation(
        mean_uv=(5.0, -3.0, 2.0, 1.0), scale_uv=(10.0, 20.0, 30.0, 40.0), whitening=tuple(map(tuple, turn.tolist()))
    )
    for name, window in (("whole", WHOLE), ("parts", PARTS)):
        own = fields(window, architecture="eegproject", normalisation=norm)
        write_encoder(tmp_path / name, own, state_arrays(net))
    encoder = load_encoder(tmp_path / "parts", "cpu")
    assert np.array_equal(encoder.encode(WINDOWS), load_encoder(tmp_path / "whole", "cpu").encode(WINDOWS))
    scaled = turn @ ((WINDOWS - np.array(norm.mean_uv)[:, None]) / np.array(norm.scale_uv)[:, None])
    scaled[:, :, 25:] = 0
    with torch.no_grad():
        wanted = net.eval()(torch.from_numpy(scaled.astype(np.float32))).numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.allclose(encoder.encode(WINDOWS[:, :, :25]), wanted, atol=1e-5)


@pytest.mark.parametrize("times", [9, 24, 39, 41])
def test_other_lengths_are_refused(tmp_path: Path, times: int) -> None:
    staged = Staged.fitted("cca", [linear(10, 0), linear(25, 1), linear(40, 2)])
    write_encoder(tmp_path / "e", fields(PARTS, parameters=staged.parameters.model_dump()), staged.arrays())
    with pytest.raises(BundleError, match="or 10, 25 samples of an earlier end"):
        load_encoder(tmp_path / "e").encode(np.zeros((2, 4, times), np.float32))
