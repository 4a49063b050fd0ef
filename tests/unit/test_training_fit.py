"""Fitting a network: the loss is what it should be, the same seed gives the same weights, and stopping is honest."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from training.fitting import fit
from training.fitting.feed import batches
from training.objectives.base import Batch
from training.objectives.infonce import InfoNCE
from training.trials.examples import Examples

ITEMS, DIM, SHAPE = 12, 6, (3, 20)
SETTINGS = fit.FitSettings(
    epochs=8, batch=64, learning_rate=2e-2, weight_decay=1e-4, patience=None, seed=3, device="cpu"
)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads on busy cores wait for each other longer than these small networks take."""
    monkeypatch.setattr(fit, "THREADS", 1)


def vectors() -> np.ndarray:
    found = np.random.default_rng(0).standard_normal((ITEMS, DIM)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def examples(n: int, seed: int, signal: float = 1.0) -> Examples:
    rng = np.random.default_rng(seed)
    rows = rng.integers(ITEMS, size=n)
    mixing = np.random.default_rng(5).standard_normal((DIM, SHAPE[0] * SHAPE[1]))
    windows = signal * vectors()[rows] @ mixing + rng.standard_normal((n, SHAPE[0] * SHAPE[1]))
    return Examples(windows.reshape(n, *SHAPE).astype(np.float32), rows)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(SHAPE[0] * SHAPE[1], DIM))


def test_loss_is_clips_where_no_item_repeats() -> None:
    loss = InfoNCE()
    x, y = torch.randn(7, DIM), functional.normalize(torch.randn(7, DIM), dim=1)
    logits = functional.normalize(x, dim=1) @ y.T / 0.07
    target = torch.arange(7)
    clip = (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
    assert torch.allclose(loss(Batch(x, x, y, target)), clip, atol=1e-5)


def test_repeats_of_an_item_in_a_batch_do_not_count_as_wrong() -> None:
    """All windows on their items: with two of each the loss can only be what sharing costs, log 2 on one side."""
    loss = InfoNCE()
    items = torch.eye(4)
    index = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    assert loss(Batch(items, items[index], items, index)).item() == pytest.approx(np.log(2) / 2, abs=1e-3)
    assert loss(Batch(items, items[index].flip(0), items, index)).item() > 5


def test_temperature_is_learned_and_bounded() -> None:
    loss = InfoNCE()
    with torch.no_grad():
        loss.temperature.log_scale.fill_(50.0)
    assert loss.logits(torch.eye(3), torch.eye(3)).max().item() == pytest.approx(100, rel=1e-4)


def test_same_seed_same_weights_and_other_seed_others() -> None:
    def weights(seed: int) -> torch.Tensor:
        net = network()
        fit.fit(net, examples(200, 1), None, vectors(), replace(SETTINGS, seed=seed, epochs=3))
        return net[2].weight.detach().clone()

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_it_learns_and_leaves_torch_as_it_was() -> None:
    net = network()
    threads, chance = torch.get_num_threads(), torch.random.get_rng_state()
    fitted = fit.fit(net, examples(400, 1), examples(100, 2), vectors(), SETTINGS)
    assert fitted.epoch == SETTINGS.epochs == len(fitted.losses)
    assert fitted.losses[-1][1] < fitted.losses[0][1] < np.log(ITEMS)
    assert fitted.losses[-1][1] < 0.2 * np.log(ITEMS)
    assert not net.training and torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), chance)
    assert not torch.are_deterministic_algorithms_enabled()


def test_early_stop_keeps_the_best_pass() -> None:
    """Pure noise: validation only gets worse as the network learns the training set by heart."""
    train, held = examples(120, 1, signal=0.0), examples(120, 2, signal=0.0)
    settings = replace(SETTINGS, epochs=100, patience=3, learning_rate=3e-2)
    net = network()
    fitted = fit.fit(net, train, held, vectors(), settings)
    validation = [loss for _, loss in fitted.losses]
    assert fitted.epoch == int(np.argmin(validation)) + 1
    assert len(fitted.losses) == fitted.epoch + 3 < 100
    again = network()
    fit.fit(again, train, held, vectors(), replace(settings, epochs=fitted.epoch, patience=None))
    assert torch.equal(net[2].weight, again[2].weight)


def test_progress_is_told_after_every_pass() -> None:
    told: list[tuple[str, int, int]] = []
    fit.fit(network(), examples(40, 1), None, vectors(), replace(SETTINGS, epochs=2), lambda *what: told.append(what))
    assert told[:2] == [("training", 1, 2), ("training", 2, 2)]


@pytest.mark.parametrize(("n", "size"), [(5, 2), (33, 32), (64, 32), (3, 256)])
def test_batches_cover_everything_and_leave_none_alone(n: int, size: int) -> None:
    bounds = batches(n, size)
    assert bounds[0][0] == 0 and bounds[-1][1] == n
    assert all(a[1] == b[0] for a, b in pairwise(bounds))
    sizes = [b - a for a, b in bounds]
    assert max(sizes) <= size and (min(sizes) > 1 or n == 5)
