"""Categories that are not shown equally often: chance stays chance, and bets, areas and shares hold."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from training.calibration.betting import Bets, log_factors
from training.calibration.decoder import Decoder
from training.calibration.evidence import Track
from training.calibration.scores import area, balanced, counted, wilson


def test_stakes_are_a_martingale_with_one_to_three() -> None:
    """Over every order of two wanted among eight, the mean of what stakes are multiplied by is one."""
    scores = np.random.default_rng(0).standard_normal((8, 2))
    orders = [np.isin(np.arange(8), places).astype(np.int64) for places in itertools.combinations(range(8), 2)]
    factors = [np.exp(log_factors(scores, labels).sum(axis=0)) for labels in orders]
    assert np.mean(factors, axis=0) == pytest.approx(np.ones(factors[0].shape), abs=1e-9)


def test_noise_does_not_pass_the_line_more_often_with_one_to_three() -> None:
    rng, passed = np.random.default_rng(1), 0
    for _ in range(400):
        bets = Bets()
        for _ in range(8):
            labels = rng.permutation(np.repeat([0, 1], (10, 30)))
            bets = bets.after(rng.standard_normal((40, 2)), labels)
            if bets.log10_e >= np.log10(20):
                passed += 1
                break
    assert passed / 400 <= 0.05


def test_always_naming_the_commoner_one_is_chance() -> None:
    labels = np.repeat([0, 1], (10, 30))
    share, low, high = balanced(counted(np.ones(40, np.int64), labels))
    assert share == 0.5 and low < 0.5 < high
    track = Track(("Cz",), 0.05).after(0, _named(np.array([[0.0, 1.0]])), np.zeros((40, 1, 4), np.float32), labels)
    assert track.evidence.accuracy == 0.5 and track.blocks[0].accuracy == 0.5


def test_equal_numbers_are_told_as_before() -> None:
    labels = np.repeat([0, 1], 20)
    answers = np.where(np.arange(40) % 4 == 0, 1 - labels, labels)
    share, low, high = balanced(counted(answers, labels))
    assert (share, low, high) == pytest.approx((0.75, *wilson(30, 40)))
    assert balanced({}) == (0.0, 0.0, 1.0)


def test_areas_do_not_depend_on_how_common_a_category_is() -> None:
    rng = np.random.default_rng(2)
    values = []
    for sizes in ((200, 200), (100, 300)):
        labels = np.repeat([0, 1], sizes)
        scores = np.stack([-labels + rng.standard_normal(400), labels + rng.standard_normal(400)], axis=1)
        found = area(scores, labels)
        assert found is not None
        values.append(found.value)
    assert values[0] == pytest.approx(values[1], abs=0.04)


def test_averages_that_the_rarer_category_is_too_few_for_are_not_told() -> None:
    labels = np.repeat([0, 1], (10, 30))
    track = Track(("Cz",), 0.05).after(0, _named(np.eye(2)[labels][:40]), _indexed(40), labels)
    assert [one.repeats for one in track.repeats] == [1, 2, 4, 8]
    assert track.repeats[0].accuracy == 1.0


def _indexed(n: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.arange(n, dtype=np.float32)[:, None, None] * np.ones((1, 1, 4), np.float32)


def _named(rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Decoder:
    """Says of window k (by its mean value) what row k holds, and of a mean of windows what the nearest row holds."""

    def embed(
        windows: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        which = np.clip(np.round(windows.mean(axis=(1, 2))).astype(int), 0, len(rows) - 1)
        return np.asarray(rows[which], np.float32)

    return Decoder(embed, np.eye(2, dtype=np.float32))
