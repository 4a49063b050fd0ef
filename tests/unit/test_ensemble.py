"""The ensemble: members found back, restored bit for bit, weights and options chosen on held-out trials only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from training_data import epochs, gallery, plan, repeated

from config.errors import BundleError
from inference.bundle import load_encoder
from inference.encoders import ensemble_lda
from inference.encoders.ensemble import Ensemble
from training.closed import ensemble_fit
from training.metrics import retrieval
from training.request import TrainRequest
from training.train import train
from training.trials.epochs import gather

MEMBERS = [
    {"kind": "riemann", "nfilter": 2, "alpha": 10.0},
    {"kind": "riemann", "lags": 2, "step": 4, "nfilter": 2, "alpha": 10.0},
    {"kind": "toeplitz", "bin": 4, "skip": 3},
]


def responses(n: int = 120, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Noise with a different bump for each of two classes."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.arange(n) % 2)
    bump = np.exp(-0.5 * ((np.arange(80) - 40) / 6) ** 2)
    x = rng.standard_normal((n, 4, 80)).cumsum(axis=2) * 0.3
    x += np.array([1.0, -0.5, 0.3, 0.0])[:, None] * bump * np.where(classes == 1, 1.5, -1.5)[:, None, None]
    return x.astype(np.float32), classes


def test_block_toeplitz_averages_equal_lags_and_keeps_what_is_one_already() -> None:
    rng = np.random.default_rng(0)
    channels, bins = 3, 5
    by_lag = {lag: rng.standard_normal((channels, channels)) for lag in range(bins)}
    by_lag[0] = by_lag[0] + by_lag[0].T
    exact = np.zeros((channels, bins, channels, bins))
    for i in range(bins):
        for j in range(bins):
            exact[:, i, :, j] = by_lag[i - j] if i >= j else by_lag[j - i].T
    matrix = exact.reshape(channels * bins, -1)
    assert np.allclose(ensemble_lda.block_toeplitz(matrix, channels, bins, taper=False), matrix)
    tapered = ensemble_lda.block_toeplitz(matrix, channels, bins, taper=True).reshape(exact.shape)
    assert np.allclose(tapered[:, 3, :, 0], by_lag[3] * 2 / 5) and np.allclose(tapered[:, 2, :, 2], by_lag[0])
    noisy = rng.standard_normal((15, 15))
    noisy = noisy @ noisy.T
    found = ensemble_lda.block_toeplitz(noisy, channels, bins, taper=False).reshape(exact.shape)
    assert np.allclose(found[1, 2, 0, 1], np.mean([noisy.reshape(exact.shape)[1, k + 1, 0, k] for k in range(4)]))
    assert np.linalg.eigvalsh(ensemble_lda.block_toeplitz(noisy, channels, bins, taper=True)).min() > 0


def test_shrinkage_is_scikit_learns() -> None:
    from sklearn.covariance import ledoit_wolf

    x = np.random.default_rng(1).standard_normal((40, 12)) @ np.diag(np.arange(1.0, 13.0))
    assert np.allclose(ensemble_lda.shrunk(x), ledoit_wolf(x, assume_centered=True)[0])


def test_two_classes_give_fishers_direction() -> None:
    x, classes = responses(400)
    weights = ensemble_lda.fit(x, np.eye(2)[classes], classes, 8, 0, taper=True)
    bins = ensemble_lda.binned(x, 8, 0).reshape(len(x), -1)
    means = np.stack([bins[classes == k].mean(axis=0) for k in (0, 1)])
    noise = ensemble_lda.block_toeplitz(ensemble_lda.shrunk(bins - means[classes]), 4, 10, taper=True)
    fisher = np.linalg.solve(noise, means[1] - means[0])
    found = (weights[..., 1] - weights[..., 0]).ravel()
    assert np.isclose(found @ fisher / np.linalg.norm(found) / np.linalg.norm(fisher), 1.0)


def test_answers_are_the_weighted_sum_of_the_members() -> None:
    x, classes = responses()
    targets = np.random.default_rng(2).standard_normal((2, 5))[classes]
    alone = [Ensemble({"members": [one]}).fit(x, targets, classes).embed(x) for one in MEMBERS]
    middle = targets.mean(axis=0)
    both = Ensemble({"members": MEMBERS, "weights": [0.5, 0.0, 2.0]}).fit(x, targets, classes)
    assert both.shape == (4, 80, 5)
    assert np.allclose(both.embed(x), middle + 0.5 * (alone[0] - middle) + 2.0 * (alone[2] - middle), atol=1e-5)


def test_restored_without_refitting_and_refused_when_broken() -> None:
    x, classes = responses()
    model = Ensemble({"members": MEMBERS}).fit(x, np.eye(2)[classes], classes)
    parameters, arrays = model.parameters.model_dump(mode="json"), model.arrays()
    again = Ensemble.from_arrays(parameters, arrays)
    assert again.shape == model.shape and np.array_equal(again.embed(x), model.embed(x))
    with pytest.raises(BundleError, match="lack filters"):
        Ensemble.from_arrays(parameters, {k: v for k, v in arrays.items() if k != "1.filters"})
    with pytest.raises(BundleError, match="lack size or bias"):
        Ensemble.from_arrays(parameters, {k: v for k, v in arrays.items() if k != "size"})
    with pytest.raises(BundleError, match=r"member 2 .* other windows"):
        Ensemble.from_arrays(parameters, {**arrays, "2.weights": arrays["2.weights"][:, :-1]})
    with pytest.raises(BundleError, match="not finite"):
        Ensemble.from_arrays(parameters, {**arrays, "2.bias": arrays["2.bias"] * np.nan})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"members": []}, "parameter 'members' of 'ensemble'"),
        ({"members": [{"kind": "lstm"}]}, "parameter 'members.0'"),
        ({"members": MEMBERS, "weights": [1.0]}, "3 members and 1 weights"),
    ],
)
def test_wrong_parameters(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        Ensemble(parameters)


def test_members_longer_than_the_window() -> None:
    x, classes = responses()
    for member in ({"kind": "riemann", "lags": 3, "step": 40}, {"kind": "toeplitz", "bin": 90}):
        with pytest.raises(BundleError, match="a member of 'ensemble'"):
            Ensemble({"members": [member]}).fit(x, np.eye(2)[classes], classes)


def test_weights_come_from_answers_that_agree_with_the_targets() -> None:
    rng = np.random.default_rng(3)
    wanted = rng.standard_normal((400, 3))
    good, noise = wanted + rng.standard_normal((400, 3)), rng.standard_normal((400, 3))
    weights = ensemble_fit.stack([good, noise, -good], wanted)
    assert weights[0] > 0.3 and weights[1] < 0.1 * weights[0] and weights[2] == 0
    assert np.allclose(ensemble_fit.stack([10 * good, noise, -good], wanted) * [10, 1, 1], weights)


def test_trained_as_a_bundle_it_finds_two_categories_in_an_unseen_run(tmp_path: Path) -> None:
    two = gallery(tmp_path / "gallery", ["house", "face"])
    runs = [epochs(two, repeated(["house", "face"], 25, seed=k), signal=0.5, seed=k) for k in range(4)]
    spec = train(
        TrainRequest(epochs=tuple(runs[:3]), gallery=two, encoder="ensemble", out=tmp_path / "bundle", plan=plan())
    )
    assert spec.architecture == "ensemble" and len(spec.parameters["weights"]) == len(spec.parameters["members"])
    assert {one["choice"].split()[0] for one in spec.training["tried"]} == {"riemann", "toeplitz", "ensemble"}
    encoder = load_encoder(tmp_path / "bundle")
    unseen = gather(runs[3:], (), two)
    area = retrieval.auc(retrieval.contrast(two.cosines(encoder.encode(unseen.windows))), unseen.rows == 1)
    assert area > 0.8


def test_given_members_are_kept_and_without_splits_nothing_is_chosen(tmp_path: Path) -> None:
    two = gallery(tmp_path / "gallery", ["house", "face"])
    trials = gather([epochs(two, repeated(["house", "face"], 20))], (), two)
    free = ensemble_fit.choose(trials, two.vectors, {}, [], 0)
    assert free.criterion == "none" and "weights" not in free.parameters
    # windows of 32 samples: delays that reach over more than a third of them are left out
    assert [m.get("step") for m in free.parameters["members"]] == [1, 4, 8, None, None]
    given = ensemble_fit.choose(trials, two.vectors, {"members": MEMBERS[2:]}, [], 0)
    assert given.parameters["members"] == MEMBERS[2:]
