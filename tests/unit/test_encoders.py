"""Encoders: shapes, sizes, determinism, and what they refuse."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from config.errors import BundleError
from inference.encoders import registry
from inference.encoders.base import ALIGNMENT, aligned, aligned_copy, unit_norm
from inference.encoders.network import Network, load_weights, state_arrays
from inference.encoders.nice import NICE

SIZES = {"eegproject": (17, 512, 2.4e6), "spatial_mlp": (63, 1024, 5.2e6), "nice": (63, 1024, 2.6e6)}


def make(name: str, channels: int = 4, times: int = 100, dim: int = 8, **parameters: float) -> torch.nn.Module:
    torch.manual_seed(0)
    names = tuple(f"c{k}" for k in range(channels))
    return registry.build(name, channels=names, times=times, rate_hz=250.0, dim=dim, parameters=parameters)


@pytest.mark.parametrize("name", list(SIZES))
def test_parameter_counts_are_those_of_the_recipes(name: str) -> None:
    channels, dim, expected = SIZES[name]
    with torch.device("meta"):  # counts need no memory
        net = make(name, channels, 250, dim)
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("name", list(SIZES))
def test_windows_in_vectors_out_and_the_same_each_time(name: str) -> None:
    windows = np.random.default_rng(0).standard_normal((3, 4, 100)).astype(np.float32)
    network = Network(make(name), "cpu")
    vectors = network.embed(windows)
    assert vectors.shape == (3, 8)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, network.embed(windows))
    assert len(np.unique(vectors.round(4), axis=0)) == 3, "different windows must not give the same vector"


@pytest.mark.parametrize("name", list(SIZES))
def test_every_parameter_learns(name: str) -> None:
    net = make(name).train()
    net(torch.randn(16, 4, 100)).pow(2)[:, 0].sum().backward()
    # layer norm's other outputs have no say in the first one, nothing else may be without gradient
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_spatial_filters_are_never_negative() -> None:
    net = make("spatial_mlp")
    with torch.no_grad():
        net.spatial.fill_(-1.0)
    up, down = torch.ones(1, 4, 100), -torch.ones(1, 4, 100)
    hooked: list[torch.Tensor] = []
    net.norm.register_forward_pre_hook(lambda _, inputs: hooked.append(inputs[0]))
    net.eval()(torch.cat([up, down]))
    assert (hooked[0][0] > 0).all()
    assert (hooked[0][1] < 0).all()


def test_folded_nice_is_the_same_function() -> None:
    net = make("nice", channels=5, times=120, dim=16)
    assert isinstance(net, NICE)
    for _ in range(3):  # running statistics that are not those of a fresh network
        net(torch.randn(32, 5, 120) * 3 + 1)
    net.eval()
    windows = torch.randn(4, 5, 120)
    with torch.no_grad():
        assert torch.allclose(net(windows), net.folded()(windows), atol=1e-5)


def test_unknown_encoder_names_the_nearest() -> None:
    with pytest.raises(BundleError, match="did you mean 'eegproject'"):
        registry.is_network("eegprojekt")


def test_unknown_parameter_names_the_known() -> None:
    with pytest.raises(BundleError, match="no parameter 'droput'; known are dropout"):
        make("eegproject", droput=0.1)


def test_too_short_a_window_is_a_sentence() -> None:
    with pytest.raises(BundleError, match="75 or more"):
        make("nice", times=74)
    assert make("nice", times=75) is not None


def test_absurd_sizes_are_refused_before_memory_is_taken() -> None:
    with pytest.raises(BundleError, match="larger than any encoder"):
        make("eegproject", dim=1 << 40)


def test_riemann_is_no_network() -> None:
    assert not registry.is_network("riemann")
    with pytest.raises(BundleError, match="closed form"):
        make("riemann")


def test_weights_round_trip_and_foreign_ones_are_named() -> None:
    net, other = make("eegproject"), make("eegproject", dropout=0.0)
    torch.nn.init.ones_(other.project[0].weight)
    load_weights(other, state_arrays(net), "'eegproject'")
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True))
    arrays = state_arrays(net)
    arrays["project.0.weight"] = arrays["project.0.weight"][:, :-1]
    with pytest.raises(BundleError, match=r"'project.0.weight' is \(8, 399\).*\(8, 400\)"):
        load_weights(net, arrays, "'eegproject'")
    with pytest.raises(BundleError, match="'foreign' is"):
        load_weights(net, {**state_arrays(net), "foreign": np.ones(2)}, "'eegproject'")


@pytest.mark.parametrize("shape", [(1,), (2, 4, 100), (3, 7), (0, 5)])
def test_aligned(shape: tuple[int, ...]) -> None:
    array = aligned(shape)
    assert array.shape == shape
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    assert array.size == 0 or array.ctypes.data % ALIGNMENT == 0
    values = np.arange(array.size, dtype=np.float64).reshape(shape)[::-1]
    assert np.array_equal(aligned_copy(values), values.astype(np.float32))


def test_unit_norm_keeps_zero() -> None:
    out = unit_norm(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert np.allclose(out, [[0.6, 0.8], [0, 0]])


def test_riemann_registry_and_bundles_do_without_torch() -> None:
    code = (
        "import sys, inference.worker, inference.loading, inference.encoders.riemann, inference.build\n"
        "import inference.process\n"
        "loud = {'torch', 'faiss', 'braindecode', 'pyriemann', 'sklearn', 'pylsl', 'mne', 'acquisition', 'display'}\n"
        "sys.exit(', '.join(loud & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
