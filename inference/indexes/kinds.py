"""All kinds of index by name: how each is trained, how vectors are encoded, and how it is put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from config.errors import SettingsError
from inference.encoders.base import Vectors
from inference.index import ExactIndex, Index
from inference.indexes import bits, graph, lists, product, scalar, schema
from inference.indexes.eight import EightBit
from inference.indexes.rows import VectorRows
from inference.indexes.scalar import Arrays
from inference.indexes.schema import Schema


@dataclass(frozen=True)
class Kind:
    """A kind of index.

    Attributes
    ----------
    about
        In a few words.
    restore
        Makes it of its arrays, the vectors (in memory or mapped), and an effort.
    efforts
        Of a search, rising; the first with enough recall is taken.
    train
        Arrays from a sample of the vectors, their number, and a seed; None where nothing is built.
    encode
        Arrays of a piece of the vectors, from those of training and of the piece before.
    schema
        What its arrays look like.
    whole
        The arrays of a piece are those of all vectors so far, not of its own rows.
    vectors
        Whether the vectors themselves are needed for searching: ``no``, in ``memory``, or ``mapped`` from the bundle.
    """

    about: str
    restore: Callable[[Arrays, Vectors, int], Index]
    efforts: tuple[int, ...] = (0,)
    train: Callable[[Vectors, int, int], Arrays] | None = None
    encode: Callable[[Arrays, Vectors, Arrays | None], Arrays] = lambda arrays, part, before: {}
    schema: Schema | None = None
    whole: bool = False
    vectors: str = "no"


def kind(name: str) -> Kind:
    """Kind of that name.

    Raises
    ------
    SettingsError
        There is none.
    """
    if name not in TABLE:
        raise SettingsError(f"there is no index '{name}'; choose auto, {', '.join(TABLE)}")
    return TABLE[name]


def _train_product(sample: Vectors, n: int, seed: int) -> Arrays:
    return {**product.trained(sample, seed), **scalar.trained(sample)}


def _encode_product(arrays: Arrays, part: Vectors, before: Arrays | None) -> Arrays:
    return {"codes": product.encoded(arrays, part), "bytes": scalar.encoded(arrays, part)}


def _restore_product(arrays: Arrays, vectors: Vectors, effort: int) -> Index:
    first = product.turning(arrays, product.scan(arrays, arrays["codes"]))
    rows = VectorRows(vectors)
    memory = arrays["codes"].nbytes + arrays["bytes"].nbytes + rows.memory_bytes
    return product.Refined(first, arrays, rows, effort, memory)


def _train_lists(sample: Vectors, n: int, seed: int) -> Arrays:
    return {**lists.trained(sample, n, seed), **scalar.trained(sample)}


def _encode_lists(arrays: Arrays, part: Vectors, before: Arrays | None) -> Arrays:
    return {"list": lists.nearest(arrays, part), "bytes": scalar.encoded(arrays, part)}


def _restore_lists_product(arrays: Arrays, vectors: Vectors, effort: int) -> Index:
    # the second look takes as many as there are worth a look in the lists that are read
    rows, inverted = VectorRows(vectors), lists.scan(arrays)
    memory = arrays["codes"].nbytes + arrays["bytes"].nbytes + 8 * len(rows) + rows.memory_bytes
    return product.Refined(product.turning(arrays, inverted), arrays, rows, effort, memory, inverted, LOOKED_AT)


def _train_bits(sample: Vectors, n: int, seed: int) -> Arrays:
    return {**bits.trained(sample), **scalar.trained(sample)}


def _encode_bits(arrays: Arrays, part: Vectors, before: Arrays | None) -> Arrays:
    return {"bits": bits.encoded(arrays, part), "bytes": scalar.encoded(arrays, part)}


def _train_codes(sample: Vectors, n: int, seed: int) -> Arrays:
    return product.trained(sample, seed)


def _encode_codes(arrays: Arrays, part: Vectors, before: Arrays | None) -> Arrays:
    return {"codes": product.encoded(arrays, part)}


def _encode_halves(arrays: Arrays, part: Vectors, before: Arrays | None) -> Arrays:
    return {**_encode_codes(arrays, part, before), "halves": np.asarray(part, np.float16)}


def _looked(rows: Callable[[Arrays, Vectors], VectorRows]) -> Callable[[Arrays, Vectors, int], Index]:
    """Product codes in memory, and rows wherever they stand."""

    def restore(arrays: Arrays, vectors: Vectors, effort: int) -> Index:
        second = rows(arrays, vectors)
        first = product.turning(arrays, product.scan(arrays, arrays["codes"]))
        return product.Looked(first, second, effort, arrays["codes"].nbytes + second.memory_bytes)

    return restore


def _join_train(*parts: Callable[[Vectors, int, int], Arrays]) -> Callable[[Vectors, int, int], Arrays]:
    return lambda sample, n, seed: {name: array for part in parts for name, array in part(sample, n, seed).items()}


def _encode_lists_product(arrays: Arrays, part: Vectors, before: Arrays | None) -> Arrays:
    return {"list": lists.nearest(arrays, part), **_encode_product(arrays, part, before)}


def _bytes_rows(arrays: Arrays, vectors: Vectors) -> VectorRows:
    return scalar.rows(arrays, arrays["bytes"])


def _halves_rows(arrays: Arrays, vectors: Vectors) -> VectorRows:
    return VectorRows(arrays["halves"])


def _own_rows(arrays: Arrays, vectors: Vectors) -> VectorRows:
    return VectorRows(vectors)


LOOKED_AT = 1000
"""Candidates of ``ivf-pq`` that are looked at twice."""
CANDIDATES = (500, 1000, 1500, 2000, 3000, 4000, 8000)
PROBES = (4, 8, 16, 32, 64, 128, 256, 512)
TABLE: dict[str, Kind] = {
    "flat": Kind("every vector in float32", lambda arrays, vectors, effort: ExactIndex(vectors), vectors="memory"),
    "8bit": Kind(
        "every vector in 8 bits, the best in float32; the first ten are those of flat",
        lambda arrays, vectors, effort: EightBit(vectors),
        vectors="memory",
    ),
    "ivf": Kind(
        "inverted lists of bytes",
        lambda arrays, vectors, effort: lists.Lists(arrays, effort),
        PROBES,
        _train_lists,
        _encode_lists,
        {**schema.LISTS, **schema.BYTES},
    ),
    "ivf-pq": Kind(
        "inverted lists of 4-bit product codes, the best in bytes, the very best in float32 from the bundle's file",
        _restore_lists_product,
        PROBES,
        _join_train(_train_lists, _train_product),
        _encode_lists_product,
        {**schema.LISTS, **schema.PRODUCT, **schema.BYTES},
        vectors="mapped",
    ),
    "pq": Kind(
        "every vector in 4-bit product codes, the best in bytes, the very best in float32 from the bundle's file",
        _restore_product,
        CANDIDATES,
        _train_product,
        _encode_product,
        {**schema.PRODUCT, **schema.BYTES},
        vectors="mapped",
    ),
    "hnsw": Kind(
        "a graph of neighbours over bytes",
        lambda arrays, vectors, effort: graph.Graph(arrays, effort),
        (64, 128, 256, 512, 1024, 2048),
        lambda sample, n, seed: scalar.trained(sample),
        graph.encoded,
        {**schema.GRAPH, **schema.BYTES},
        whole=True,
    ),
    "binary": Kind(
        "every vector in one bit a dimension, the best in bytes",
        lambda arrays, vectors, effort: bits.Bits(arrays, effort),
        CANDIDATES,
        _train_bits,
        _encode_bits,
        {**schema.BITS, **schema.BYTES},
    ),
    "disk": Kind(
        "4-bit product codes in memory, the best in float32 from the bundle's own file",
        _looked(_own_rows),
        CANDIDATES,
        _train_codes,
        _encode_codes,
        schema.PRODUCT,
        vectors="mapped",
    ),
    "disk-16": Kind(
        "4-bit product codes in memory, the best in float16 from the index's file",
        _looked(_halves_rows),
        CANDIDATES,
        _train_codes,
        _encode_halves,
        {**schema.PRODUCT, **schema.HALVES},
    ),
    "disk-8": Kind(
        "4-bit product codes in memory, the best in bytes from the index's file",
        _looked(_bytes_rows),
        CANDIDATES,
        _train_product,
        _encode_product,
        {**schema.PRODUCT, **schema.BYTES},
    ),
}
