"""Encoders that compute published layers in a cheaper order: outputs, gradients and running statistics are theirs."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from inference.encoders.nice import NICE
from inference.encoders.stem import Stem, moments

CHANNELS, TIMES = 5, 110
Forward = Callable[[nn.Module, torch.Tensor], torch.Tensor]


def nice_as_published(net: NICE, windows: torch.Tensor) -> torch.Tensor:
    x = functional.avg_pool2d(net.temporal(windows[:, None]), (1, net.width), (1, net.stride))
    x = functional.elu(net.norm1(x))
    x = functional.elu(net.norm2(net.spatial(x)))
    y: torch.Tensor = net.project(net.mix(x).flatten(2).transpose(1, 2).flatten(1))
    return y


def stem_as_published(net: Stem, windows: torch.Tensor) -> torch.Tensor:
    n, channels, times = windows.shape
    x = net.temporal(functional.pad(windows.reshape(n * channels, 1, times), net.padding))
    filters = x.shape[1]
    x = net.norm1(x.reshape(n, channels, filters, times).transpose(1, 2).reshape(n, filters, -1))
    x = x.reshape(n, filters, channels, times).repeat_interleave(net.depth, 1)
    y: torch.Tensor = net.after(net.norm2(torch.einsum("nfct,fc->nft", x, net.spatial.weight[..., 0])))
    return y


CASES: dict[str, tuple[Callable[[], nn.Module], Forward]] = {
    "nice": (lambda: NICE(CHANNELS, TIMES, 6, filters=7, dropout=0.0, head_dropout=0.0), nice_as_published),
    "stem": (lambda: Stem(CHANNELS, filters=3, kernel=12, depth=2, pool=4, dropout=0.0), stem_as_published),
    "stem, odd kernel": (lambda: Stem(CHANNELS, filters=3, kernel=9, depth=1, pool=2, dropout=0.0), stem_as_published),
}


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("offset", [0.0, 20.0])
def test_training_is_that_of_the_published_layers(case: str, offset: float) -> None:
    torch.manual_seed(0)
    build, published = CASES[case]
    ours = build().double().train()
    theirs = copy.deepcopy(ours)
    windows = torch.randn(9, CHANNELS, TIMES, dtype=torch.float64).cumsum(2) + offset
    for _ in range(2):  # the second pass begins from running statistics of the first
        expected, found = published(theirs, windows), ours(windows)
        assert torch.allclose(found, expected, rtol=1e-6, atol=1e-9)
        weights = torch.randn(expected.shape, dtype=torch.float64)
        for net, out in ((ours, found), (theirs, expected)):
            net.zero_grad()
            (out * weights).sum().backward()
        for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            assert a.grad is not None
            assert b.grad is not None
            assert torch.allclose(a.grad, b.grad, rtol=1e-6, atol=1e-9), name
    for (name, a), b in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        assert torch.allclose(a, b), name
    windows = torch.randn(3, CHANNELS, TIMES, dtype=torch.float64)
    assert torch.allclose(ours.eval()(windows), published(theirs.eval(), windows))


@pytest.mark.parametrize("case", list(CASES))
def test_gradients_reach_the_windows(case: str) -> None:
    """What a map of what drives the score, or attention before the trunk, needs: through the statistics too."""
    torch.manual_seed(0)
    build, published = CASES[case]
    net = build().double().train()
    windows = torch.randn(4, CHANNELS, TIMES, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(net(windows).shape, dtype=torch.float64)
    (found,) = torch.autograd.grad((net(windows) * weights).sum(), windows)
    (expected,) = torch.autograd.grad((published(net, windows) * weights).sum(), windows)
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(kernel=st.integers(1, 12), extra=st.integers(0, 30), rows=st.integers(1, 4), seed=st.integers(0, 1000))
def test_moments_are_those_of_all_patches(kernel: int, extra: int, rows: int, seed: int) -> None:
    signals = torch.randn(2, rows, kernel + extra, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    patches = signals.unfold(2, kernel, 1).reshape(-1, kernel)
    mean, second = moments(signals, kernel)
    assert torch.allclose(mean, patches.mean(0))
    assert torch.allclose(second, patches.T @ patches / len(patches))
