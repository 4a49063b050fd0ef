"""The decoders that an ensemble is made of, and their options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt

from config.chain import Frozen
from config.errors import BundleError
from inference.encoders import ensemble_lda
from inference.encoders.base import Vectors, Windows
from inference.encoders.riemann import SHAPES, Riemann, RiemannParameters

Array = NDArray[np.float64]


class RiemannMember(RiemannParameters):
    """``riemann`` on windows stacked with delayed copies of themselves."""

    kind: Literal["riemann"] = "riemann"
    lags: PositiveInt = 1
    """Copies; 1 is the window alone. With delays the xDAWN filters and the covariances see time as well as space."""
    step: PositiveInt = 1
    """Samples between two copies."""


class ToeplitzMember(Frozen):
    """Linear discriminant with a block-Toeplitz noise covariance (see `ensemble_lda.fit`)."""

    kind: Literal["toeplitz"] = "toeplitz"
    bin: PositiveInt = 4
    """Samples averaged into one feature."""
    skip: NonNegativeInt = 0
    """Samples left out at the beginning of the window."""
    taper: bool = True


Member = Annotated[RiemannMember | ToeplitzMember, Field(discriminator="kind")]


class LaggedRiemann:
    """`Riemann` on stacked delays."""

    def __init__(self, member: RiemannMember) -> None:
        self.member = member
        self.model = Riemann(member.model_dump(exclude={"kind", "lags", "step"}))

    def stacked(self, windows: Windows) -> Windows:
        """Windows (n, channels x lags, times less the longest delay)."""
        reach = self.member.step * (self.member.lags - 1)
        times = windows.shape[2] - reach
        if times < 2:
            raise BundleError(f"a member of 'ensemble' reaches over {reach} of {windows.shape[2]} samples; lower step")
        copies = [windows[:, :, k : k + times] for k in range(0, reach + 1, self.member.step)]
        return copies[0] if len(copies) == 1 else np.concatenate(copies, axis=1)

    def fit(self, windows: Windows, targets: NDArray[Any], classes: NDArray[Any]) -> LaggedRiemann:
        """See `Ensemble.fit`."""
        self.model.fit(self.stacked(windows), targets, classes)
        return self

    def with_alphas(self, windows: Windows, targets: NDArray[Any], alphas: Sequence[float]) -> list[LaggedRiemann]:
        """See `Riemann.with_alphas`."""
        found = []
        for model in self.model.with_alphas(self.stacked(windows), targets, alphas):
            other = LaggedRiemann(self.member.model_copy(update={"alpha": model.parameters.alpha}))
            other.model = model
            found.append(other)
        return found

    def embed(self, windows: Windows) -> Vectors:
        """See `Ensemble.embed`."""
        return self.model.embed(self.stacked(windows))

    def arrays(self) -> dict[str, Array]:
        """Those of `Riemann`."""
        return self.model.arrays()

    def restore(self, arrays: dict[str, NDArray[Any]]) -> LaggedRiemann:
        """From what `arrays` gave."""
        self.model = Riemann.from_arrays(
            self.model.parameters.model_dump(), {name: a for name, a in arrays.items() if name in SHAPES}
        )
        return self

    def shape(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """(channels, times, dim) that it takes; ``size`` is not needed."""
        channels, times, dim = self.model.shape
        lags = self.member.lags
        return (channels // lags if channels % lags == 0 else 0), times + self.member.step * (lags - 1), dim


class Toeplitz:
    """`ensemble_lda` as a member."""

    def __init__(self, member: ToeplitzMember) -> None:
        self.member = member
        self._arrays: dict[str, Array] = {}

    def fit(self, windows: Windows, targets: NDArray[Any], classes: NDArray[Any]) -> Toeplitz:
        """See `Ensemble.fit`."""
        member, y = self.member, np.asarray(targets, np.float64)
        if windows.shape[2] - member.skip < member.bin:
            raise BundleError(f"a member of 'ensemble' finds no bin of {member.bin} in {windows.shape[2]} samples")
        if len(np.unique(classes)) < 2 or not np.isfinite(windows).all():
            raise BundleError("'ensemble' needs two or more classes of finite windows")
        weights = ensemble_lda.fit(windows, y, classes, member.bin, member.skip, member.taper)
        centre = ensemble_lda.binned(windows, member.bin, member.skip).mean(axis=0)
        self._arrays = {"weights": weights, "bias": y.mean(axis=0) - np.tensordot(centre, weights, axes=2)}
        return self

    def embed(self, windows: Windows) -> Vectors:
        """See `Ensemble.embed`."""
        bins = ensemble_lda.binned(windows, self.member.bin, self.member.skip)
        out = np.tensordot(bins, self._arrays["weights"], axes=2) + self._arrays["bias"]
        return np.asarray(out, dtype=np.float32)

    def arrays(self) -> dict[str, Array]:
        """``weights`` (channels, bins, dim) and ``bias`` (dim,)."""
        return {name: np.ascontiguousarray(a) for name, a in self._arrays.items()}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Toeplitz:
        """From what `arrays` gave."""
        weights, bias = arrays.get("weights"), arrays.get("bias")
        if weights is None or bias is None or weights.ndim != 3 or bias.shape != weights.shape[2:]:
            raise BundleError("a member of 'ensemble' lacks weights or bias; train the encoder again")
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise BundleError("a member of 'ensemble' has weights that are not finite; train the encoder again")
        self._arrays = {"weights": np.asarray(weights, np.float64), "bias": np.asarray(bias, np.float64)}
        return self

    def shape(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """(channels, times, dim) that it takes, the times being those of ``size`` where they give as many bins."""
        channels, bins, dim = self._arrays["weights"].shape
        fits = (size[1] - self.member.skip) // self.member.bin == bins
        return channels, size[1] if fits else 0, dim


Part = LaggedRiemann | Toeplitz


def part(member: RiemannMember | ToeplitzMember) -> Part:
    """Unfitted model of a member."""
    return LaggedRiemann(member) if isinstance(member, RiemannMember) else Toeplitz(member)
