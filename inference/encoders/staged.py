"""``staged``: one encoder in closed form for each window end, so that what is known early is answered early."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, ValidationError, model_validator

from config.chain import Frozen
from config.errors import BundleError
from inference.encoders.base import ClosedForm, Vectors, Windows


class Stage(Frozen):
    """The encoder of one window end."""

    times: PositiveInt
    """Samples that a window holds at this end."""
    parameters: dict[str, Any] = {}
    """Of the inner encoder."""


class StagedParameters(Frozen):
    """The inner encoder and its window ends; they stand in ``parameters`` of the bundle."""

    inner: str
    """Name of an encoder that is fitted in closed form."""
    stages: tuple[Stage, ...] = Field(min_length=1)
    """Rising in samples; the last one takes the whole window."""

    @model_validator(mode="after")
    def _rising(self) -> StagedParameters:
        if any(later.times <= earlier.times for earlier, later in pairwise(self.stages)):
            raise ValueError("the stages must rise in samples")
        return self


class Staged:
    """Encoders of one kind and one embedding space, chosen by the number of samples that a window holds.

    Parameters
    ----------
    parameters
        Keys of `StagedParameters`.
    models
        The fitted encoder of each stage.

    Raises
    ------
    BundleError
        A parameter is wrong, or a model is for other windows than its stage.
    """

    def __init__(self, parameters: dict[str, Any], models: Sequence[ClosedForm]) -> None:
        wanted = _parse(parameters)
        self.parameters: Frozen = wanted
        self._models = {stage.times: model for stage, model in zip(wanted.stages, models, strict=True)}
        channels, _, dim = models[-1].shape
        for times, model in self._models.items():
            if model.shape != (channels, times, dim):
                raise BundleError(
                    f"a stage of 'staged' is for (channels, times, dim) {model.shape}, not {(channels, times, dim)}; "
                    "train the encoder again"
                )

    @classmethod
    def fitted(cls, inner: str, models: Sequence[ClosedForm]) -> Staged:
        """Of encoders fitted to windows of rising length, the last one to whole windows."""
        stages = [{"times": model.shape[1], "parameters": model.parameters.model_dump()} for model in models]
        return cls({"inner": inner, "stages": stages}, models)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, times, dim) of the whole window's weights."""
        return self._models[max(self._models)].shape

    @property
    def times(self) -> tuple[int, ...]:
        """Samples of each stage, rising."""
        return tuple(self._models)

    @property
    def projection(self) -> NDArray[np.float32] | None:
        """(dim of the gallery, dim): what the gallery's items go through; None where it is searched as it is."""
        found: NDArray[np.float32] | None = getattr(self._models[max(self._models)], "projection", None)
        return found

    def embed(self, windows: Windows) -> Vectors:
        """Vectors (n, dim) float32 of windows (n, channels, times), ``times`` being that of a stage.

        Raises
        ------
        BundleError
            No stage takes so many samples.
        """
        model = self._models.get(windows.shape[2])
        if model is None:
            known = ", ".join(map(str, self._models))
            raise BundleError(f"windows of {windows.shape[2]} samples fit no stage of 'staged', which has {known}")
        return model.embed(windows)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the bundle's safetensors file holds: each stage's arrays under its number."""
        return {
            f"{k}.{name}": array
            for k, model in enumerate(self._models.values())
            for name, array in model.arrays().items()
        }

    @classmethod
    def from_arrays(cls, parameters: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Staged:
        """A fitted encoder from its arrays.

        Raises
        ------
        BundleError
            A parameter or an array is missing or wrong.
        """
        from inference.encoders import registry

        wanted = _parse(parameters)
        if wanted.inner == registry.STAGED or registry.is_network(wanted.inner):
            raise BundleError(f"'{wanted.inner}' cannot stand inside 'staged', which takes encoders in closed form")
        inner = registry.closed_form(wanted.inner)
        own: list[dict[str, NDArray[Any]]] = [{} for _ in wanted.stages]
        for name, array in arrays.items():
            number, _, rest = name.partition(".")
            if number.isdecimal() and int(number) < len(own):
                own[int(number)][rest] = array
        models = [inner.from_arrays(s.parameters, a) for s, a in zip(wanted.stages, own, strict=True)]
        return cls(parameters, models)


def _parse(parameters: dict[str, Any]) -> StagedParameters:
    try:
        return StagedParameters.model_validate(parameters)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "parameters"
        raise BundleError(f"'{where}' of 'staged': {first['msg']}; train the encoder again") from error
