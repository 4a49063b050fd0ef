"""``riemann``: xDAWN covariances, tangent space, ridge onto the embedding. Fitted in seconds; needs no torch to run."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveInt, ValidationError

from config.chain import Frozen
from config.errors import BundleError
from inference.encoders import covariance
from inference.encoders.base import Vectors, Windows

Array = NDArray[np.float64]
SHAPES = ("filters", "prototypes", "reference", "weights", "bias")


class RiemannParameters(Frozen):
    """Choices of the method; they stand in ``parameters`` of the bundle."""

    nfilter: PositiveInt = 3
    """xDAWN filters a class, at most the number of channels."""
    estimator: Literal["scm", "oas", "lwf"] = "oas"
    """Covariance of the prototypes and the filtered window. With as many filters as channels, regularise."""
    xdawn_estimator: Literal["scm", "oas", "lwf"] = "lwf"
    """Covariance of the signal, against which xDAWN finds its filters."""
    applyfilters: bool = True
    """False: the window keeps its channels, only the prototypes are filtered."""
    metric: Literal["riemann", "logeuclid"] = "riemann"
    """Of the mean and of the tangent space; ``logeuclid`` takes differences of logarithms (Arsigny et al. 2006)."""
    standardise: bool = True
    """Tangent features to unit variance before the ridge, so that ``alpha`` weighs them alike."""
    alpha: NonNegativeFloat = 1000.0
    """Ridge penalty."""


class Riemann:
    """xDAWN covariances [1]_, tangent space [2]_ and ridge regression onto the embedding.

    Parameters
    ----------
    parameters
        Keys of `RiemannParameters`.

    Raises
    ------
    BundleError
        A parameter is unknown or out of range.

    References
    ----------
    .. [1] Rivet et al. (2009), xDAWN algorithm to enhance evoked potentials, IEEE TBME 56 (8).
    .. [2] Barachant et al. (2012), Multiclass brain-computer interface classification by Riemannian geometry,
       IEEE TBME 59 (4).
    """

    def __init__(self, parameters: dict[str, Any] | None = None) -> None:
        try:
            self.parameters = RiemannParameters.model_validate(parameters or {})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            known = ", ".join(RiemannParameters.model_fields)
            where = ".".join(str(part) for part in first["loc"])
            raise BundleError(f"parameter '{where}' of 'riemann': {first['msg']}; known are {known}") from error
        self._arrays: dict[str, Array] = {}
        self._tangent: Array = np.empty((0, 0))

    def fit(self, windows: Windows, targets: NDArray[Any], classes: NDArray[Any]) -> Riemann:
        """Fit filters, reference and ridge, in closed form.

        Parameters
        ----------
        windows
            (n, channels, times), µV or normalised.
        targets
            (n, dim): the embedding of what was shown with each window.
        classes
            (n,): what xDAWN finds prototypes of, such as the category of each picture; two or a few.

        Raises
        ------
        BundleError
            The shapes do not agree, a value is not finite, or there are fewer than two classes.
        """
        x, y = np.asarray(windows, np.float64), np.asarray(targets, np.float64)
        _check(x, y, classes)
        filters, prototypes = self._xdawn(x, np.asarray(classes))
        self._arrays = {"filters": filters, "prototypes": prototypes}
        self._set_reference(_mean(self._covariances(x), self.parameters.metric))
        weights, bias = _ridge(self._features(x), y, self.parameters.alpha, self.parameters.standardise)
        self._arrays |= {"weights": weights, "bias": bias}
        return self

    def with_alphas(self, windows: Windows, targets: NDArray[Any], alphas: Sequence[float]) -> list[Riemann]:
        """The fitted encoder with other ridge penalties; only the ridge is solved again, on the same training data.

        Parameters
        ----------
        windows, targets
            As it was fitted to.
        alphas
            Penalties.
        """
        features = self._features(np.asarray(windows, np.float64))
        y = np.asarray(targets, np.float64)
        models = []
        for alpha in alphas:
            model = copy.copy(self)
            model.parameters = self.parameters.model_copy(update={"alpha": alpha})
            weights, bias = _ridge(features, y, alpha, self.parameters.standardise)
            model._arrays = {**self._arrays, "weights": weights, "bias": bias}
            models.append(model)
        return models

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, times, dim) of the weights."""
        a = self._arrays
        return a["filters"].shape[1], a["prototypes"].shape[1], len(a["bias"])

    def embed(self, windows: Windows) -> Vectors:
        """Vectors (n, dim) float32 of windows (n, channels, times)."""
        x = np.asarray(windows, np.float64)
        return np.asarray(self._features(x) @ self._arrays["weights"] + self._arrays["bias"], dtype=np.float32)

    encode = embed

    def arrays(self) -> dict[str, Array]:
        """What the bundle's safetensors file holds.

        Raises
        ------
        BundleError
            It was not fitted.
        """
        if len(self._arrays) != len(SHAPES):
            raise BundleError("'riemann' has no arrays before it is fitted; call fit first")
        return {name: np.ascontiguousarray(self._arrays[name]) for name in SHAPES}

    @classmethod
    def from_arrays(cls, parameters: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Riemann:
        """A fitted encoder from its arrays, without refitting.

        Raises
        ------
        BundleError
            An array is missing, or their shapes do not fit one another.
        """
        model = cls(parameters)
        missing = [name for name in SHAPES if name not in arrays]
        if missing:
            raise BundleError(f"the weights of 'riemann' lack {', '.join(missing)}; train the encoder again")
        kept = {name: np.asarray(arrays[name], np.float64) for name in SHAPES}
        _check_restored(kept, model.parameters.applyfilters)
        model._arrays = {name: kept[name] for name in ("filters", "prototypes", "weights", "bias")}
        model._set_reference(kept["reference"])
        return model

    def _xdawn(self, x: Array, classes: NDArray[Any]) -> tuple[Array, Array]:
        """Filters (f, channels) and prototypes (f, times), all classes stacked."""
        # pyriemann takes seconds to import, because it imports torch: only training pays for that
        from pyriemann.spatialfilters import Xdawn

        p = self.parameters
        xdawn = Xdawn(nfilter=min(p.nfilter, x.shape[1]), estimator=p.xdawn_estimator).fit(x, classes)
        return np.asarray(xdawn.filters_), np.asarray(xdawn.evokeds_)

    def _set_reference(self, reference: Array) -> None:
        self._arrays["reference"] = reference
        riemann = self.parameters.metric == "riemann"
        self._tangent = covariance.inverse_sqrtm(reference) if riemann else covariance.logm(reference)

    def _covariances(self, x: Array) -> Array:
        """Covariances (n, s, s) of prototypes and window, one above the other."""
        filters, prototypes = self._arrays["filters"], self._arrays["prototypes"]
        signal = filters @ x if self.parameters.applyfilters else x
        above = np.broadcast_to(prototypes, (len(x), *prototypes.shape))
        return covariance.covariances(np.concatenate([above, signal], axis=1), self.parameters.estimator)

    def _features(self, x: Array) -> Array:
        """Tangent vectors (n, s (s + 1) / 2)."""
        cov = self._covariances(x)
        if self.parameters.metric == "riemann":
            return covariance.upper(covariance.logm(self._tangent @ cov @ self._tangent))
        return covariance.upper(covariance.logm(cov) - self._tangent)


def _mean(cov: Array, metric: str) -> Array:
    from pyriemann.geometry.mean import gmean

    return np.asarray(gmean(cov, metric=metric), np.float64)


def _ridge(features: Array, targets: Array, alpha: float, standardise: bool) -> tuple[Array, Array]:
    """Weights (features, dim) and bias (dim,) of a ridge whose intercept is not penalised."""
    centre, middle = features.mean(axis=0), targets.mean(axis=0)
    scale = features.std(axis=0) if standardise else np.ones(features.shape[1])
    # a feature of the prototypes alone never varies: it gets no weight instead of a division by nothing
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 1e-9)
    x = (features - centre) * inverse
    # the smaller of the two systems of equations: n windows or so many features
    if len(x) <= x.shape[1]:
        solution = x.T @ np.linalg.lstsq(x @ x.T + alpha * np.eye(len(x)), targets - middle, rcond=None)[0]
    else:
        solution = np.linalg.lstsq(x.T @ x + alpha * np.eye(x.shape[1]), x.T @ (targets - middle), rcond=None)[0]
    weights = solution * inverse[:, None]
    return weights, middle - centre @ weights


def _check(x: Array, y: Array, classes: NDArray[Any]) -> None:
    if x.ndim != 3 or y.ndim != 2 or not len(x) == len(y) == len(classes):
        raise BundleError(
            f"'riemann' got windows {x.shape}, targets {y.shape} and {len(classes)} classes; "
            "expected (n, channels, times), (n, dim) and n"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BundleError("'riemann' got values that are not finite; reject such windows before training")
    if len(np.unique(classes)) < 2:
        raise BundleError(f"'riemann' got {len(np.unique(classes))} class of {len(x)} windows; xDAWN needs two or more")


def _check_restored(a: dict[str, Array], applyfilters: bool) -> None:
    expected = {"filters": 2, "prototypes": 2, "reference": 2, "weights": 2, "bias": 1}
    wrong = [name for name, ndim in expected.items() if a[name].ndim != ndim or not np.isfinite(a[name]).all()]
    if not wrong:
        rows, channels = a["filters"].shape
        size = rows + (rows if applyfilters else channels)
        fits = {
            "prototypes": len(a["prototypes"]) == rows,
            "reference": a["reference"].shape == (size, size),
            "weights": a["weights"].shape == (size * (size + 1) // 2, len(a["bias"])),
        }
        wrong = [name for name, good in fits.items() if not good]
    if wrong:
        raise BundleError(f"the weights of 'riemann' have a wrong shape or value in {', '.join(wrong)}; train it again")
