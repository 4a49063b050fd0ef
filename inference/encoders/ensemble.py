"""``ensemble``: several closed-form decoders, their answers summed on the scale of the embedding. No torch to run."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from config.chain import Frozen
from config.errors import BundleError
from inference.encoders.base import Vectors, Windows
from inference.encoders.ensemble_members import Member, Part, RiemannMember, ToeplitzMember, part

Array = NDArray[np.float64]
MOST_MEMBERS = 64


class EnsembleParameters(Frozen):
    """Members and their weights; they stand in ``parameters`` of the bundle."""

    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=MOST_MEMBERS)] = (
        RiemannMember(),
        ToeplitzMember(),
    )
    weights: tuple[float, ...] | None = None
    """Of the members' answers about the mean target; None: equal ones that sum to 1."""


class Ensemble:
    """Weighted sum of decoders that are each fitted in closed form.

    The members are ``riemann`` (see `inference.encoders.riemann`), on the window or on the window stacked with delayed
    copies [1]_, and a linear discriminant on binned samples with a block-Toeplitz covariance [2]_.

    Parameters
    ----------
    parameters
        Keys of `EnsembleParameters`.

    Raises
    ------
    BundleError
        A parameter is unknown or out of range.

    References
    ----------
    .. [1] Carrara and Papadopoulo (2024), Classification of BCI-EEG based on the augmented covariance matrix,
       IEEE TBME 71 (9).
    .. [2] Sosulski and Tangermann (2022), J. Neural Eng. 19 (6), 066001.
    """

    def __init__(self, parameters: dict[str, Any] | None = None) -> None:
        try:
            self.parameters = EnsembleParameters.model_validate(parameters or {})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BundleError(f"parameter '{where}' of 'ensemble': {first['msg']}") from error
        members, weights = self.parameters.members, self.parameters.weights
        if weights is not None and len(weights) != len(members):
            raise BundleError(f"'ensemble' has {len(members)} members and {len(weights)} weights; give one each")
        self._weights = np.full(len(members), 1 / len(members)) if weights is None else np.array(weights, np.float64)
        self._size = (0, 0)
        self._models: list[Part] = []
        self._bias: Array = np.empty(0)

    def fit(self, windows: Windows, targets: NDArray[Any], classes: NDArray[Any]) -> Ensemble:
        """Fit every member to the same trials.

        Parameters
        ----------
        windows
            (n, channels, times), µV or normalised.
        targets
            (n, dim): the embedding of what was shown with each window.
        classes
            (n,): two or a few, for xDAWN and the noise covariance.

        Raises
        ------
        BundleError
            The shapes do not agree, a value is not finite, there are fewer than two classes, or a window is too short
            for a member.
        """
        self._size = windows.shape[1], windows.shape[2]
        self._models = [part(member).fit(windows, targets, classes) for member in self.parameters.members]
        self._bias = np.asarray(targets, np.float64).mean(axis=0)
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, times, dim) of the weights."""
        return *self._size, len(self._bias)

    def embed(self, windows: Windows) -> Vectors:
        """Vectors (n, dim) float32 of windows (n, channels, times)."""
        out = np.broadcast_to(self._bias, (len(windows), len(self._bias))).copy()
        for weight, model in zip(self._weights, self._models, strict=True):
            if weight:
                out += weight * (model.embed(windows) - self._bias)
        return np.asarray(out, dtype=np.float32)

    encode = embed

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the bundle's safetensors file holds: each member's arrays under its number.

        Raises
        ------
        BundleError
            It was not fitted.
        """
        if not self._models:
            raise BundleError("'ensemble' has no arrays before it is fitted; call fit first")
        own = {"size": np.array(self._size, np.int64), "bias": self._bias}
        return own | {
            f"{k}.{name}": array for k, model in enumerate(self._models) for name, array in model.arrays().items()
        }

    @classmethod
    def from_arrays(cls, parameters: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Ensemble:
        """A fitted encoder from its arrays, without refitting.

        Raises
        ------
        BundleError
            An array is missing, or their shapes do not fit one another.
        """
        model = cls(parameters)
        size, bias = arrays.get("size"), arrays.get("bias")
        if size is None or bias is None or size.shape != (2,) or bias.ndim != 1 or not np.isfinite(bias).all():
            raise BundleError("the weights of 'ensemble' lack size or bias; train the encoder again")
        model._size, model._bias = (int(size[0]), int(size[1])), np.asarray(bias, np.float64)
        for k, member in enumerate(model.parameters.members):
            own = {name.partition(".")[2]: a for name, a in arrays.items() if name.startswith(f"{k}.")}
            restored = part(member).restore(own)
            if restored.shape(model._size) != (*model._size, len(bias)):
                raise BundleError(f"member {k} of 'ensemble' is for other windows or targets; train the encoder again")
            model._models.append(restored)
        return model
