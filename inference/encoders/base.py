"""What every encoder is to the rest of the project, and two helpers. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from config.chain import Frozen

ALIGNMENT = 64
"""Bytes. torch and FAISS give other last bits for another buffer alignment, so every input is copied to one."""

Windows = NDArray[np.float32]
"""(n, channels, times), µV or normalised."""
Vectors = NDArray[np.float32]
"""(n, dim)."""


class Encoder(Protocol):
    """Windows in, vectors out. It is given arrays only: no label, name or time of a stimulus can reach it."""

    def embed(self, windows: Windows) -> Vectors:
        """Vectors (n, dim) float32, any norm, of normalised windows (n, channels, times) float32."""
        ...


@runtime_checkable
class Anticipating(Encoder, Protocol):
    """An encoder that does most of its work on the first samples of a window."""

    @property
    def known(self) -> int:
        """Samples that `begin` needs; 0 where there is nothing to begin with."""
        ...

    def begin(self, windows: Windows) -> Any:
        """What `finish` goes on from, of normalised windows (n, channels, times) with ``known`` samples or more."""
        ...

    def finish(self, begun: Any, samples: Windows) -> Vectors:
        """Vectors of windows whose first samples `begin` was given, by the samples from ``known`` on."""
        ...


class ClosedForm(Encoder, Protocol):
    """An encoder that is fitted without gradients, on the CPU.

    Attributes
    ----------
    parameters
        All of its options, defaults included.
    """

    parameters: Frozen

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, times, dim) of the weights."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Weights, for a bundle."""
        ...

    @classmethod
    def from_arrays(cls, parameters: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ClosedForm:
        """The encoder of a bundle.

        Raises
        ------
        BundleError
            A parameter or an array is missing or wrong.
        """
        ...


def aligned(shape: Sequence[int]) -> NDArray[np.float32]:
    """Empty C-contiguous float32 array that begins on a multiple of ``ALIGNMENT`` bytes."""
    count = prod(shape)
    raw = np.empty(count * 4 + ALIGNMENT, dtype=np.uint8)
    start = -raw.__array_interface__["data"][0] % ALIGNMENT  # .ctypes takes ten times as long
    return raw[start : start + count * 4].view(np.float32).reshape(shape)


def aligned_copy(array: NDArray[Any]) -> NDArray[np.float32]:
    """The array as float32 in a buffer of its own from `aligned`."""
    copy = aligned(array.shape)
    copy[...] = array
    return copy


def as_aligned(array: NDArray[Any]) -> NDArray[np.float32]:
    """The array itself where it is as one from `aligned`, else an `aligned_copy`."""
    ready = array.dtype == np.float32 and array.flags.c_contiguous and array.flags.writeable
    return array if ready and array.ctypes.data % ALIGNMENT == 0 else aligned_copy(array)


def unit_norm(vectors: NDArray[Any]) -> Vectors:
    """Each row divided by its Euclidean norm, float32; a row of zeros stays so."""
    # the sum of `np.linalg.norm`, to the last bit, without what it asks before
    norms = np.sqrt(np.add.reduce(vectors * vectors, axis=1, keepdims=True))
    return np.asarray(vectors / np.maximum(norms, np.finfo(np.float32).tiny), dtype=np.float32)
