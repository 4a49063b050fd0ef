"""Corrections without labels: they undo a person's distortion, lower hubs, and say when they are transductive."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from config.errors import SettingsError
from inference.encoders.base import unit_norm
from training.confidence import posthoc
from training.metrics import retrieval

DIM, ITEMS = 16, 100
Vectors = NDArray[np.float32]


def world(seed: int = 0) -> tuple[Vectors, Vectors, Vectors, NDArray[np.int64]]:
    """Gallery, undistorted embeddings of 400 trials, the same as a new person gives them, and the truth."""
    rng = np.random.default_rng(seed)
    gallery = unit_norm(rng.standard_normal((ITEMS, DIM)))
    truth = rng.integers(ITEMS, size=400)
    plain = gallery[truth] + 0.15 * rng.standard_normal((400, DIM))
    stretch = np.diag(np.geomspace(0.2, 5, DIM))
    return gallery, unit_norm(plain), unit_norm(plain @ stretch + 0.5), truth


def mrr(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    return float(retrieval.reciprocal(retrieval.ranks(scores, truth)).mean())


@pytest.mark.parametrize("spread", ["whiten", "match"])
def test_a_persons_distortion_is_undone(spread: posthoc.Spread) -> None:
    gallery, plain, distorted, truth = world()
    seen, scored = slice(0, 200), slice(200, 400)
    fitted = posthoc.fit(distorted[seen], gallery, spread=spread, reference=plain[seen])
    before = mrr(distorted[scored] @ gallery.T, truth[scored])
    after = mrr(fitted.cosines(distorted[scored], gallery), truth[scored])
    assert after > before + 0.1
    assert after > 0.8 * mrr(plain[scored] @ gallery.T, truth[scored])
    assert not fitted.transductive


def test_matching_gives_the_mean_and_covariance_of_the_reference() -> None:
    rng = np.random.default_rng(1)
    person = rng.standard_normal((5000, 4)) * [1, 2, 3, 4] + 7
    reference = rng.standard_normal((5000, 4)) @ rng.standard_normal((4, 4)) - 3
    taken, matrix, added = posthoc._matching(person, reference)
    mapped = (person - taken) @ matrix + added
    assert mapped.mean(axis=0) == pytest.approx(reference.mean(axis=0))
    assert np.cov(mapped.T) == pytest.approx(np.cov(reference.T), rel=0.02, abs=0.02)


def test_csls_by_hand() -> None:
    gallery = unit_norm(np.array([[1.0, 0], [0, 1], [1, 1]]))
    calibration = unit_norm(np.array([[1, 0.1], [0.1, 1], [0.5, 1], [1, 0.5], [1, 1], [1, 0.9], [0.9, 1], [1, 0.8]]))
    fitted = posthoc.fit(calibration, gallery, csls=True, neighbours=2)
    query = unit_norm(np.array([[1.0, 0.2]]))
    cosines = (query @ gallery.T)[0]
    near = np.sort(gallery @ calibration.T, axis=1)[:, -2:].mean(axis=1)
    expected = 2 * cosines - np.sort(cosines)[-2:].mean() - near
    assert fitted.cosines(query, gallery)[0] == pytest.approx(expected, abs=1e-6)


def test_csls_lowers_hubs() -> None:
    rng = np.random.default_rng(2)
    gallery = rng.standard_normal((ITEMS, DIM))
    gallery[0] = 0.5  # near the mean of the queries, and so of all of them
    gallery = unit_norm(gallery)
    truth = np.repeat(np.arange(1, ITEMS), 4)
    queries = unit_norm(gallery[truth] + 0.25 * rng.standard_normal((len(truth), DIM)) + 0.3)
    half = rng.permutation(len(truth))[:200]
    rest = np.setdiff1d(np.arange(len(truth)), half)
    fitted = posthoc.fit(queries[half], gallery, csls=True)
    plain = queries[rest] @ gallery.T
    better = fitted.cosines(queries[rest], gallery)
    assert np.mean(better.argmax(axis=1) == 0) < 0.5 * np.mean(plain.argmax(axis=1) == 0)
    assert mrr(better, truth[rest]) > mrr(plain, truth[rest])


def test_scores_of_one_query_do_not_depend_on_the_others_unless_transductive() -> None:
    gallery, _, distorted, _ = world()
    fitted = posthoc.fit(distorted[:100], gallery, spread="whiten", csls=True)
    together = fitted.cosines(distorted[100:], gallery)
    alone = np.concatenate([fitted.cosines(distorted[k : k + 1], gallery) for k in range(100, 400)])
    assert together == pytest.approx(alone, abs=1e-5)
    over = fitted.on_queries(distorted[100:], gallery)
    assert over.transductive and not fitted.transductive
    assert over.steps == ("whitening", "CSLS on the scored queries")
    assert over.on_queries(distorted[100:101], gallery).hubness != pytest.approx(over.hubness)


def test_nothing_asked_changes_nothing() -> None:
    gallery, plain, *_ = world()
    fitted = posthoc.fit(plain[:50], gallery)
    assert fitted.steps == ()
    assert fitted.cosines(plain, gallery) == pytest.approx(plain @ gallery.T, abs=1e-6)


def test_refusals() -> None:
    gallery, plain, *_ = world()
    with pytest.raises(SettingsError, match="too few"):
        posthoc.fit(plain[:3], gallery, spread="whiten")
    with pytest.raises(SettingsError, match="reference"):
        posthoc.fit(plain, gallery, spread="match")
    with pytest.raises(SettingsError, match="whiten, match"):
        posthoc.fit(plain, gallery, spread="pca")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="100 items, but 99"):
        posthoc.fit(plain, gallery, csls=True).cosines(plain, gallery[:99])
