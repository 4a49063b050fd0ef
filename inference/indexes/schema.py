"""What the arrays of an index must look like before FAISS, which checks nothing, is given them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError

Shape = tuple[str | int, ...]
Schema = Mapping[str, tuple[type, Shape]]
"""Type and shape by name; a word in a shape is one size wherever it stands."""

BYTES: Schema = {"low": (np.float32, ("dim",)), "width": (np.float32, ("dim",)), "bytes": (np.uint8, ("n", "dim"))}
PRODUCT: Schema = {
    "turn": (np.float32, ("wide", "dim")),
    "shift": (np.float32, ("wide",)),
    "centroids": (np.float32, ("groups", 16, 4)),
    "codes": (np.uint8, ("n", "pairs")),
}
LISTS: Schema = {"centres": (np.float32, ("lists", "dim")), "list": (np.int32, ("n",))}
BITS: Schema = {"mean": (np.float32, ("dim",)), "bits": (np.uint8, ("n", "packed"))}
HALVES: Schema = {"halves": (np.float16, ("n", "dim"))}
GRAPH: Schema = {
    "neighbours": (np.int32, ("links",)),
    "offsets": (np.int64, ("ends",)),
    "levels": (np.int32, ("n",)),
    "entry": (np.int32, (2,)),
}


def check(arrays: Mapping[str, NDArray[Any]], schema: Schema, n: int, dim: int) -> None:
    """Whether all arrays are there, of one size, finite, and name only lists that are there.

    Raises
    ------
    BundleError
        They are not.
    """
    sizes: dict[str, int] = {"n": n, "dim": dim, "packed": math.ceil(dim / 8)}
    for name, (dtype, shape) in schema.items():
        array = arrays.get(name)
        if array is None or array.dtype != dtype or array.ndim != len(shape):
            raise BundleError(f"the index holds no fitting array '{name}'; build the index again")
        for size, wanted in zip(array.shape, shape, strict=True):
            known = wanted if isinstance(wanted, int) else sizes.setdefault(wanted, size)
            if size != known:
                raise BundleError(f"array '{name}' of the index is {array.shape}, expected {shape}; build it again")
        if array.dtype == np.float32 and not np.isfinite(array).all():
            raise BundleError(f"array '{name}' of the index is not finite; build the index again")
    if "wide" in sizes and not (sizes["wide"] == 4 * sizes["groups"] == 8 * sizes["pairs"] and sizes["wide"] >= dim):
        raise BundleError("the codes of the index do not fit its centroids; build the index again")
    if "lists" in sizes:
        lists = arrays["list"]
        if not sizes["lists"] or lists.min(initial=0) < 0 or lists.max(initial=0) >= sizes["lists"]:
            raise BundleError("the index names lists that are not there; build the index again")
