"""Vectors in bytes, each dimension in its own range, for the second look at candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors
from inference.indexes.rows import VectorRows

Arrays = dict[str, NDArray[Any]]
"""What is kept of an index, by name."""
WIDER = 0.1
"""Share by which ranges are wider than the sample's."""
LEVELS = 255


def trained(sample: Vectors) -> Arrays:
    """Ranges of the dimensions: ``low`` and ``width`` (dim,) float32."""
    low, high = sample.min(axis=0), sample.max(axis=0)
    width = np.maximum(high - low, np.float32(1e-6))
    return {"low": low - WIDER / 2 * width, "width": (1 + WIDER) * width}


def empty(arrays: Arrays) -> Any:
    """A FAISS index of bytes by those ranges, without vectors."""
    import faiss

    index = faiss.IndexScalarQuantizer(len(arrays["low"]), faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    set_ranges(index, arrays)
    return index


def set_ranges(index: Any, arrays: Arrays) -> None:
    """Give a FAISS index with a scalar quantiser its ranges."""
    import faiss

    faiss.copy_array_to_vector(np.concatenate([arrays["low"], arrays["width"]]).astype(np.float32), index.sq.trained)
    index.is_trained = True


def encoded(arrays: Arrays, part: Vectors) -> NDArray[np.uint8]:
    """Bytes (n, dim) of vectors."""
    codes: NDArray[np.uint8] = empty(arrays).sa_encode(np.ascontiguousarray(part))
    return codes


def rows(arrays: Arrays, codes: NDArray[np.uint8]) -> VectorRows:
    """Bytes as rows to compare; FAISS puts a byte in the middle of its step."""
    scale = np.asarray(arrays["width"] / LEVELS, np.float32)
    return VectorRows(codes, scale, np.asarray(arrays["low"] + scale / 2, np.float32))
