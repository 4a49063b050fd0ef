"""Compiled last layers: those of torch, and a row's result is the same alone and among others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from inference import kernels
from inference.encoders.eegproject import EEGProject
from inference.encoders.few import Head, Linear, array, few
from inference.encoders.nice import NICE
from inference.kernels import FEW, Floats

CHANNELS, TIMES, DIM = 6, 130, 33


def drawn(*shape: int) -> Floats:
    return np.random.default_rng(sum(shape)).standard_normal(shape, np.float32)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("shared", [True, False])
def test_products_are_those_of_torch(shared: bool) -> None:
    weight, x, start = torch.randn(50, 7), drawn(3, 50), drawn(1 if shared else 3, 7)
    found = Linear(weight)(x, start)
    assert np.allclose(found, start + x @ weight.numpy(), atol=1e-5)
    for k in range(len(x)):
        assert np.array_equal(Linear(weight)(x[k : k + 1], start[[0 if shared else k]])[0], found[k])


def test_strided_is_a_product_and_an_elu() -> None:
    start, samples, weight = drawn(12, 5), drawn(12, 4) * 3, drawn(4, 5)
    out = np.empty_like(start)
    kernels.strided(start, samples, weight, out)
    assert np.allclose(out, functional.elu(torch.from_numpy(start + samples @ weight)), atol=1e-6)


def test_an_elu_far_below_and_above() -> None:
    x = np.array([[-200.0, -1.0, -0.0, 0.0, 1.0, 200.0]], np.float32)
    wanted = functional.elu(torch.from_numpy(x)).numpy()
    kernels.elu(x)
    assert np.allclose(x, wanted, atol=1e-7)


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_the_head_is_that_of_torch(offset: float) -> None:
    net = EEGProject(CHANNELS, TIMES, DIM).eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    rest, x = net.project[1:], drawn(4, DIM) + np.float32(offset)
    with torch.no_grad():
        wanted = rest(torch.from_numpy(x)).numpy()
    found = Head(rest)(x)
    assert np.allclose(found, wanted, rtol=1e-4, atol=1e-4)
    assert np.array_equal(Head(rest)(x[2:3])[0], found[2])


def test_another_head_is_refused() -> None:
    step = nn.Sequential(nn.ReLU(), nn.Linear(3, 3), nn.Dropout())
    with pytest.raises(TypeError, match="GELU"):
        Head(nn.Sequential(nn.Sequential(step), nn.LayerNorm(3)))


@pytest.mark.parametrize("kind", ["nice", "eegproject"])
def test_few_windows_give_what_many_do(kind: str) -> None:
    net: NICE | EEGProject
    net = NICE(CHANNELS, TIMES, DIM, filters=7) if kind == "nice" else EEGProject(CHANNELS, TIMES, DIM)
    folded = net.eval().folded()
    windows = torch.from_numpy(drawn(FEW + 5, CHANNELS, TIMES))
    with torch.inference_mode():
        many = folded(windows)
        some = folded(windows[:FEW])
        one = folded(windows[:1])
        published = net(windows)
    assert torch.allclose(many, published, atol=1e-5)
    assert torch.allclose(some, many[:FEW], atol=1e-5)
    assert torch.allclose(one[0], some[0], atol=1e-6)  # torch begins, and sums others in another order


def test_gradients_and_other_precisions_stay_with_torch() -> None:
    rows = torch.zeros(2, 3)
    assert not few(rows)
    with torch.inference_mode():
        assert few(rows)
        assert not few(rows.double())
        assert not few(torch.zeros(FEW + 1, 3))
    assert array(torch.zeros(2, 3, requires_grad=True)).flags.c_contiguous
