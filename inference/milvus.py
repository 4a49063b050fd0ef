"""A gallery's vectors in Milvus: past one machine a cluster by its address, on one a file that Milvus Lite keeps.

The bundle stays what it is: its rows are the primary keys of the collection, and ids, labels and pictures are looked up
in its table of items, by the rows that Milvus answers with. A collection belongs to one bundle, by its fingerprint.

An address is ``http://HOST:19530`` (or https) of a cluster, or the path of a ``.db`` of Milvus Lite, which one process
at a time can open. A cluster's token comes from the environment and is written nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError, SearchFailed
from inference.encoders.base import Vectors
from inference.index import Rows, ranked
from inference.milvus_client import (
    BELONGS,
    CHANGE_S,
    CONNECT_S,
    Place,
    check_belongs,
    close,
    connected,
    count,
    translated,
)

SEARCH_S = 5.0
"""Time-out of a search."""
BATCH_BYTES = 8 << 20
"""Of the vectors that are sent at once."""
Kind = Literal["FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW", "AUTOINDEX"]
"""Of index, of those that both Milvus and Milvus Lite have; Lite takes others without a word and searches flat."""
BUILD: dict[str, dict[str, int]] = {"HNSW": {"M": 16, "efConstruction": 200}}
"""A cluster takes these; Milvus Lite 3.2 overlooks how pymilvus 3 sends them, and makes its own (128 lists, M 16)."""
NPROBE, EF_LEAST = 64, 512
Told = Callable[[int, int], None]


class MilvusIndex:
    """The index of a gallery whose vectors are in Milvus.

    Parameters
    ----------
    client
        Connected.
    place
        Checked to hold this gallery, whole.
    kind
        Of index, as the collection says.
    """

    def __init__(self, client: Any, place: Place, kind: str) -> None:
        self._client, self._place, self.kind = client, place, kind

    def __len__(self) -> int:
        return self._place.n_items

    @property
    def memory_bytes(self) -> int:
        """None here; Milvus holds the vectors."""
        return 0

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """The ``k`` nearest of each query, best first, equal ones by row; see `inference.index.Index`.

        Raises
        ------
        SearchFailed
            Milvus did not answer in time, or refused.
        """
        params = {"HNSW": {"ef": max(EF_LEAST, 2 * k)}, "IVF": {"nprobe": NPROBE}}.get(self.kind.split("_")[0], {})
        with translated(f"Milvus at '{self._place.uri}' did not answer a search", SearchFailed):
            found = self._client.search(
                self._place.collection,
                data=list(np.ascontiguousarray(queries, dtype=np.float32)),
                limit=k,
                output_fields=["row"],
                search_params={"metric_type": "COSINE", "params": params},
                timeout=SEARCH_S,
            )
        cosines = np.full((len(queries), k), -np.inf, np.float32)
        rows = np.full((len(queries), k), -1, np.int64)
        for number, hits in enumerate(found):
            cosines[number, : len(hits)] = [hit["distance"] for hit in hits]
            rows[number, : len(hits)] = [hit["row"] for hit in hits]
        return ranked(cosines, rows, k)

    def close(self) -> None:
        """Let go of the connection, and of a file's lock."""
        close(self._client, self._place)


def connect(place: Place) -> MilvusIndex:
    """Index of a gallery that was filled into Milvus.

    Raises
    ------
    BundleError
        Milvus is not there, has not this gallery, or holds it only in part.
    """
    client = connected(place)
    try:
        with translated(f"the collection at '{place.uri}' cannot be used"):
            check_belongs(client, place)
            there = count(client, place)
            if there != place.n_items:
                raise BundleError(
                    f"'{place.uri}' holds {there} of {place.n_items} vectors of gallery {place.gallery}; finish with "
                    "`eegseek gallery milvus`, the same command as before"
                )
            client.load_collection(place.collection, timeout=CHANGE_S)
            kind = str(client.describe_index(place.collection, "vector", timeout=CONNECT_S)["index_type"])
        return MilvusIndex(client, place, kind)
    except BaseException:
        close(client, place)
        raise


def fill(place: Place, vectors: NDArray[Any], kind: Kind = "HNSW", progress: Told | None = None) -> int:
    """Put a gallery's vectors into Milvus, batch by batch; what was interrupted goes on where it stopped.

    Parameters
    ----------
    place
        Where to; the collection is made where it is not there.
    vectors
        (n_items, dim) float32, unit norm; may be mapped from a file.
    kind
        Of index.
    progress
        Told how many vectors are there, and of how many.

    Returns
    -------
    How many were put in now.

    Raises
    ------
    BundleError
        Milvus is not there, refuses, or holds another gallery under this name.
    """
    if vectors.shape != (place.n_items, place.dim):
        raise BundleError(f"vectors of shape {vectors.shape} are not those of a gallery of {place.n_items, place.dim}")
    batch = max(1, BATCH_BYTES // (4 * place.dim))
    client = connected(place)
    try:
        with translated(f"the collection at '{place.uri}' cannot be filled"):
            if not client.has_collection(place.collection, timeout=CONNECT_S):
                _create(client, place, kind)
            check_belongs(client, place)
            client.load_collection(place.collection, timeout=CHANGE_S)
            some_there = count(client, place) > 0
            begin = _whole_batches(client, place, batch) * batch if some_there else 0
            for k in range(begin, place.n_items, batch):
                some = np.asarray(vectors[k : k + batch], np.float32)
                # of the batch that was interrupted some may be there already, and insert would double them
                put = client.upsert if some_there and k == begin else client.insert
                put(
                    place.collection,
                    [{"row": k + number, "vector": vector} for number, vector in enumerate(some)],
                    timeout=CHANGE_S,
                )
                if progress is not None:
                    progress(k + len(some), place.n_items)
            client.flush(place.collection, timeout=CHANGE_S)
            if (there := count(client, place)) != place.n_items:
                raise BundleError(
                    f"'{place.uri}' holds {there} vectors after {place.n_items} were put in; drop the collection "
                    f"'{place.collection}' and fill it again"
                )
        return max(0, place.n_items - begin)
    finally:
        close(client, place)


def _create(client: Any, place: Place, kind: Kind) -> None:
    from pymilvus import DataType  # type: ignore[import-untyped]

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False, description=f"{BELONGS}={place.gallery}")
    schema.add_field("row", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=place.dim)
    lists = {"nlist": max(16, min(int(4 * place.n_items**0.5), place.n_items // 40))} if "IVF" in kind else {}
    index = client.prepare_index_params()
    index.add_index("vector", index_type=kind, metric_type="COSINE", params=BUILD.get(kind, lists))
    client.create_collection(
        place.collection,
        schema=schema,
        index_params=index,
        properties={BELONGS: place.gallery},
        consistency_level="Strong",
        timeout=CHANGE_S,
    )


def _whole_batches(client: Any, place: Place, batch: int) -> int:
    """Batches that are there in full, before the first that is not. They were put in in order."""
    low, high = 0, -(-place.n_items // batch)
    while low < high:
        middle = (low + high + 1) // 2
        rows = min(middle * batch, place.n_items)
        low, high = (middle, high) if count(client, place, rows) == rows else (low, middle - 1)
    return low
