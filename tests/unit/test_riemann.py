"""The closed-form encoder: equal to pyriemann's own pipeline, restored without refitting, and it finds the signal."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pyriemann.estimation import XdawnCovariances
from pyriemann.geometry.base import logm
from pyriemann.geometry.mean import gmean
from pyriemann.geometry.tangentspace import upper
from pyriemann.tangentspace import TangentSpace
from sklearn.linear_model import Ridge

from config.errors import BundleError
from inference.encoders import covariance
from inference.encoders.riemann import Riemann

Array = NDArray[np.float32]


def responses(n: int = 120, channels: int = 4, times: int = 80, seed: int = 0) -> tuple[Array, NDArray[np.int64]]:
    """Noise with a different bump for each of two classes."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.arange(n) % 2)
    bump = np.exp(-0.5 * ((np.arange(times) - 40) / 6) ** 2)
    x = rng.standard_normal((n, channels, times)).cumsum(axis=2) * 0.3
    x += rng.standard_normal((1, channels, 1)) * bump * np.where(classes == 1, 1.5, -1.5)[:, None, None]
    return x.astype(np.float32), classes


@pytest.mark.parametrize("estimator", ["scm", "oas", "lwf"])
def test_covariances_equal_pyriemanns(estimator: str) -> None:
    from pyriemann.geometry.covariance import covariances

    x = np.random.default_rng(1).standard_normal((5, 6, 40)).cumsum(axis=2) + 7
    assert np.allclose(covariance.covariances(x, estimator), covariances(x, estimator=estimator), rtol=1e-10)


@pytest.mark.parametrize("metric", ["riemann", "logeuclid"])
@pytest.mark.parametrize("applyfilters", [True, False])
def test_equals_the_pipeline_of_pyriemann_and_scikit_learn(metric: str, applyfilters: bool) -> None:
    x, classes = responses()
    targets = np.random.default_rng(2).standard_normal((2, 5))[classes]
    model = Riemann({"nfilter": 2, "metric": metric, "applyfilters": applyfilters, "standardise": False, "alpha": 3})
    model.fit(x[:80], targets[:80], classes[:80])
    cov = XdawnCovariances(2, applyfilters=applyfilters, estimator="oas", xdawn_estimator="lwf")
    seen, unseen = cov.fit_transform(x[:80].astype(float), classes[:80]), cov.transform(x[80:].astype(float))
    if metric == "riemann":
        tangent = TangentSpace().fit(seen)
        features, new = tangent.transform(seen), tangent.transform(unseen)
    else:  # Arsigny's vector space: plain differences of logarithms
        middle = logm(gmean(seen, metric="logeuclid"))
        features, new = upper(logm(seen) - middle), upper(logm(unseen) - middle)
    expected = Ridge(alpha=3).fit(features, targets[:80]).predict(new)
    # pyriemann's geometric mean stops at a tolerance of its own, hence not to the last digit
    assert np.allclose(model.embed(x[80:]), expected, atol=1e-4)


@pytest.mark.parametrize("parameters", [{}, {"nfilter": 4, "estimator": "lwf"}, {"metric": "logeuclid", "alpha": 1}])
def test_decodes_windows_it_has_not_seen(parameters: dict[str, object]) -> None:
    x, classes = responses()
    model = Riemann(parameters).fit(x[:80], np.eye(2)[classes[:80]], classes[:80])
    assert np.mean(model.embed(x[80:]).argmax(axis=1) == classes[80:]) > 0.9


def test_chance_where_there_is_no_signal() -> None:
    x = np.random.default_rng(3).standard_normal((400, 4, 60)).astype(np.float32)
    classes = np.arange(400) % 2
    model = Riemann().fit(x[:200], np.eye(2)[classes[:200]], classes[:200])
    assert 0.38 < np.mean(model.embed(x[200:]).argmax(axis=1) == classes[200:]) < 0.62


def test_restored_without_refitting_is_bit_equal() -> None:
    x, classes = responses()
    model = Riemann({"nfilter": 2}).fit(x, np.eye(2)[classes], classes)
    again = Riemann.from_arrays({"nfilter": 2}, model.arrays())
    assert np.array_equal(model.embed(x), again.embed(x))
    assert model.embed(x).dtype == np.float32


def test_one_window_or_many_give_the_same() -> None:
    x, classes = responses()
    model = Riemann().fit(x, np.eye(2)[classes], classes)
    assert np.allclose(np.concatenate([model.embed(w[None]) for w in x]), model.embed(x), atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"nfilters": 2}, "'nfilters'.*known are nfilter"),
        ({"estimator": "mcd"}, "'estimator'"),
        ({"alpha": -1}, "'alpha'"),
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        Riemann(parameters)


def test_wrong_training_data_is_a_sentence() -> None:
    x, classes = responses(20)
    with pytest.raises(BundleError, match="got 1 class of 20 windows"):
        Riemann().fit(x, np.eye(2)[classes], np.zeros(20))
    with pytest.raises(BundleError, match="expected"):
        Riemann().fit(x, np.eye(2)[classes][:-1], classes)
    x[3, 0, 0] = np.nan
    with pytest.raises(BundleError, match="not finite"):
        Riemann().fit(x, np.eye(2)[classes], classes)


def test_unfitted_and_damaged_arrays_are_refused() -> None:
    with pytest.raises(BundleError, match="before it is fitted"):
        Riemann().arrays()
    x, classes = responses(40)
    arrays = Riemann().fit(x, np.eye(2)[classes], classes).arrays()
    with pytest.raises(BundleError, match="lack bias"):
        Riemann.from_arrays({}, {k: v for k, v in arrays.items() if k != "bias"})
    with pytest.raises(BundleError, match="weights"):
        Riemann.from_arrays({}, {**arrays, "weights": arrays["weights"][:-1]})
    with pytest.raises(BundleError, match="reference"):
        Riemann.from_arrays({}, {**arrays, "reference": arrays["reference"] * np.nan})
