"""Encoders: shapes, sizes, determinism, and what they refuse."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from config.chain import ChainSettings, WindowSettings
from config.errors import BundleError
from inference.bundle import load_encoder, write_encoder
from inference.encoders import registry
from inference.encoders.base import ALIGNMENT, aligned, aligned_copy, unit_norm
from inference.encoders.generative import Generative
from inference.encoders.network import Foldable, Network, load_weights, state_arrays

SIZES = {
    "eegproject": (17, 512, 2.4e6),
    "spatial_mlp": (63, 1024, 5.2e6),
    "nice": (63, 1024, 2.6e6),
    "atm": (63, 1024, 3.1e6),
    "eegnet_fusion": (63, 1024, 0.83e6),
    "mi_eegnet": (63, 1024, 0.43e6),
    "vae": (63, 1024, 3.08e6),
    "vrae": (63, 1024, 2.72e6),
    "responses": (1, 1024, 1.87e6),
}
SMALL: dict[str, dict[str, object]] = {
    "eegnet_fusion": {"filters": [2, 3], "kernels": [16, 9], "separables": [8, 5]},
    "mi_eegnet": {"filters": 4, "depth": 2},
    "vae": {"latent": 6, "widths": [8, 12]},
    "vrae": {"latent": 6, "hidden": 16, "step": 7},
    "responses": {"run": 30, "width": 16},
}
"""Options that make the large ones quick."""
WITHOUT_CHANCE: dict[str, dict[str, object]] = {name: {"dropout": 0.0} for name in SIZES}
WITHOUT_CHANCE["nice"] |= {"head_dropout": 0.0}
WITHOUT_CHANCE["atm"] |= {"head_dropout": 0.0, "attention_dropout": 0.0}
SILENCED = {"nice": ["temporal.bias", "spatial.bias"], "atm": ["trunk.temporal.bias", "trunk.spatial.bias"]}
"""Biases before a batch norm, which takes them away again: their gradient is nothing, or rounding."""


def make(name: str, channels: int = 4, times: int = 100, dim: int = 8, **parameters: object) -> torch.nn.Module:
    torch.manual_seed(0)
    names = tuple(f"c{k}" for k in range(channels))
    return registry.build(name, channels=names, times=times, rate_hz=250.0, dim=dim, parameters=parameters)


def small(name: str, **parameters: object) -> torch.nn.Module:
    """With running statistics that are not those of a fresh network."""
    net = make(name, **{**SMALL.get(name, {}), **parameters})
    for _ in range(2):
        net(torch.randn(16, 4, 100) * 3 + 1)
    return net


def test_every_network_is_tested() -> None:
    assert set(SIZES) == set(registry.NETWORKS)


@pytest.mark.parametrize("name", list(SIZES))
def test_parameter_counts_are_those_of_the_recipes(name: str) -> None:
    channels, dim, expected = SIZES[name]
    with torch.device("meta"):  # counts need no memory
        net = make(name, channels, 2000 if name == "responses" else 250, dim)
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("name", list(SIZES))
def test_windows_in_vectors_out_and_the_same_each_time(name: str) -> None:
    windows = np.random.default_rng(0).standard_normal((3, 4, 100)).astype(np.float32)
    network = Network(small(name), "cpu")
    vectors = network.embed(windows)
    assert vectors.shape == (3, 8)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, network.embed(windows))
    assert len(np.unique(vectors.round(4), axis=0)) == 3, "different windows must not give the same vector"


@pytest.mark.parametrize("name", list(SIZES))
def test_a_vector_does_not_depend_on_the_windows_beside_it(name: str) -> None:
    windows = np.random.default_rng(0).standard_normal((7, 4, 100)).astype(np.float32)
    windows[3] *= 100
    network = Network(small(name), "cpu")
    alone = np.concatenate([network.embed(windows[k : k + 1]) for k in range(7)])
    assert np.allclose(network.embed(windows), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", list(SIZES))
def test_mixed_precision_learns_nearly_the_same(name: str) -> None:
    """Sums of squares in half precision would not: the statistics that are computed here stay whole."""
    ours = make(name, **SMALL.get(name, {}), **WITHOUT_CHANCE[name])
    mixed = copy.deepcopy(ours)
    windows = torch.randn(16, 4, 100) * 3 + 50
    expected = ours(windows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = mixed(windows)
    assert torch.cosine_similarity(found.float(), expected, dim=1).min() > 0.95
    for a, b in zip(mixed.buffers(), ours.buffers(), strict=True):
        assert torch.allclose(a.float(), b.float(), rtol=0.1, atol=0.01 + 0.05 * float(b.abs().max()))


@pytest.mark.parametrize("name", list(SIZES))
def test_every_parameter_learns(name: str) -> None:
    net = make(name, **SMALL.get(name, {})).train()
    windows = torch.randn(16, 4, 100)
    if isinstance(net, Generative):
        made = net.generate(windows)
        loss = (
            (made.reconstruction - windows).square().mean() + made.mean.square().mean() + made.log_variance.exp().mean()
        )
        vectors = made.vectors
    else:
        loss, vectors = torch.tensor(0.0), net(windows)
    (loss + (vectors * torch.randn(16, 8)).mean()).backward()
    missing = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert [n for n in missing if n not in SILENCED.get(name, [])] == []
    assert all(p.grad is not None for p in net.parameters()), "a parameter outside the graph stops several devices"


@pytest.mark.parametrize("name", list(SIZES))
def test_a_bundle_gives_the_same_bits(tmp_path: Path, name: str) -> None:
    net = small(name)
    channels = tuple(f"c{k}" for k in range(4))
    fields = {
        "architecture": name,
        "parameters": SMALL.get(name, {}),
        "channels": channels,
        "window": WindowSettings(end_s=0.4, rate_hz=250.0),
        "chain": ChainSettings(channels=channels),
        "space": "s",
        "dim": 8,
    }
    write_encoder(tmp_path / "b", fields, state_arrays(net))
    windows = np.random.default_rng(0).standard_normal((3, 4, 100)).astype(np.float32)
    loaded = load_encoder(tmp_path / "b", "cpu").encode(windows)
    assert np.array_equal(loaded, unit_norm(Network(net, "cpu").embed(windows)))


@pytest.mark.parametrize("name", [*SIZES])
def test_unknown_options_are_named(name: str) -> None:
    with pytest.raises(BundleError, match=f"'{name}' has no parameter 'colour'; known are"):
        make(name, colour="red")


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


@pytest.mark.parametrize("name", ["nice", "atm"])
def test_folded_is_the_same_function(name: str) -> None:
    net = small(name).eval()
    assert isinstance(net, Foldable)
    windows = torch.randn(4, 4, 100)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with torch.no_grad():
        assert torch.allclose(net(windows), net.folded()(windows), atol=1e-5)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


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
    drawn = np.random.default_rng(0).standard_normal((7, 1023)).astype(np.float32)
    assert unit_norm(drawn).tobytes() == (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).tobytes()


def test_riemann_registry_and_bundles_do_without_torch() -> None:
    code = (
        "import sys, inference.worker, inference.loading, inference.encoders.riemann, inference.build\n"
        "import inference.process\n"
        "loud = {'torch', 'faiss', 'braindecode', 'pyriemann', 'sklearn', 'pylsl', 'mne', 'acquisition', 'display'}\n"
        "sys.exit(', '.join(loud & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
