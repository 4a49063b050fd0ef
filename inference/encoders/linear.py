"""``cca`` and ``encoding``: linear encoders of low rank, fitted in closed form. Need no torch to run."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, ValidationError

from config.chain import Frozen
from config.errors import BundleError
from inference.encoders.base import Vectors, Windows

Array = NDArray[np.float64]
WEIGHTS = {"filters": 3, "readout": 2, "bias": 1}
"""Arrays of the bundle, and how many dimensions each has."""


class LinearParameters(Frozen):
    """Choices that both methods share; they stand in ``parameters`` of the bundle."""

    rank: PositiveInt = 16
    """Patterns over channels and time, at most."""
    waves: PositiveInt = 45
    """Cosines that a channel's time-course is made of: 45 over a window of 1 s reach 22 Hz."""
    compare: Literal["embedding", "subspace"] = "embedding"
    """Where the gallery is searched: as it is, or projected to the few directions that windows tell apart. The second
    needs a gallery indexed after the encoder's projection; it is what a cosine can be exact in."""


class CCAParameters(LinearParameters):
    """Choices of ``cca``."""

    shrink_windows: float = Field(default=0.01, gt=0, le=1)
    """Share of the identity in the correlation of windows."""
    shrink_items: float = Field(default=0.1, gt=0, le=1)
    """Share of a sphere in the covariance of embeddings."""


class EncodingParameters(LinearParameters):
    """Choices of ``encoding``."""

    repeats: PositiveFloat = 10.0
    """Averages of so many windows are weighed best; more or fewer hardly lose."""
    prior: NonNegativeFloat = 1.0
    """How far the prior of what evoked responses look like is widened; 0: none."""


class Linear:
    """``(windows * filters).sum() @ readout + bias``; the base of both methods.

    Parameters
    ----------
    parameters
        Keys of the method's options.

    Raises
    ------
    BundleError
        A parameter is unknown or out of range.
    """

    name: ClassVar[str] = "linear"
    options: ClassVar[type[LinearParameters]] = LinearParameters

    def __init__(self, parameters: dict[str, Any] | None = None) -> None:
        try:
            self.parameters: Frozen = self.options.model_validate(parameters or {})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            known = ", ".join(self.options.model_fields)
            where = ".".join(str(part) for part in first["loc"])
            raise BundleError(f"parameter '{where}' of '{self.name}': {first['msg']}; known are {known}") from error
        self.projection: NDArray[np.float32] | None = None
        self._arrays: dict[str, NDArray[np.float32]] = {}

    @classmethod
    def fitted(
        cls, parameters: dict[str, Any], filters: Array, readout: Array, bias: Array, projection: Array | None = None
    ) -> Self:
        """An encoder with these weights.

        Parameters
        ----------
        parameters
            Its options.
        filters
            (channels, times, rank).
        readout
            (rank, dim).
        bias
            (dim,).
        projection
            (dim of the gallery, dim): what the gallery's items go through first, where it is not searched as it is.
        """
        model = cls(parameters)
        arrays = {"filters": filters, "readout": readout, "bias": bias}
        model._set({name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()})
        model.projection = None if projection is None else np.ascontiguousarray(projection, np.float32)
        return model

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, times, dim) of the weights."""
        channels, times, _ = self._arrays["filters"].shape
        return channels, times, len(self._arrays["bias"])

    def embed(self, windows: Windows) -> Vectors:
        """Vectors (n, dim) float32 of windows (n, channels, times)."""
        a = self._arrays
        filters = a["filters"].reshape(-1, a["filters"].shape[2])
        flat = np.asarray(windows, np.float32).reshape(len(windows), len(filters))
        return np.asarray(flat @ filters @ a["readout"] + a["bias"], np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the bundle's safetensors file holds.

        Raises
        ------
        BundleError
            It was not fitted.
        """
        if not self._arrays:
            raise BundleError(f"'{self.name}' has no arrays before it is fitted; train it first")
        return dict(self._arrays)

    @classmethod
    def from_arrays(cls, parameters: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """A fitted encoder from its arrays.

        Raises
        ------
        BundleError
            An array is missing, or their shapes do not fit one another.
        """
        model = cls(parameters)
        missing = [name for name in WEIGHTS if name not in arrays]
        if missing:
            raise BundleError(f"the weights of '{cls.name}' lack {', '.join(missing)}; train the encoder again")
        model._set({name: np.asarray(arrays[name], np.float32) for name in WEIGHTS})
        return model

    def _set(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        wrong = [n for n, ndim in WEIGHTS.items() if arrays[n].ndim != ndim or not np.isfinite(arrays[n]).all()]
        if not wrong and arrays["filters"].shape[2] != len(arrays["readout"]):
            wrong = ["filters"]
        if not wrong and arrays["readout"].shape[1] != len(arrays["bias"]):
            wrong = ["readout"]
        if wrong:
            raise BundleError(
                f"the weights of '{self.name}' have a wrong shape or value in {', '.join(wrong)}; train it again"
            )
        self._arrays = arrays


class CCA(Linear):
    """Canonical correlation of windows and embeddings [1]_, shrunk on both sides.

    References
    ----------
    .. [1] Hotelling (1936), Relations between two sets of variates, Biometrika 28.
    """

    name = "cca"
    options = CCAParameters


class Encoding(Linear):
    """A model of how embeddings evoke responses, inverted by Bayes' rule [1]_.

    References
    ----------
    .. [1] Naselaris et al. (2011), Encoding and decoding in fMRI, NeuroImage 56 (2).
    """

    name = "encoding"
    options = EncodingParameters
