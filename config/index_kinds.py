"""Names of the kinds of index that galleries are searched with (see `inference.indexes.kinds`)."""

from __future__ import annotations

from typing import Literal, get_args

IndexKind = Literal["flat", "8bit", "ivf", "ivf-pq", "pq", "hnsw", "binary", "disk", "disk-16", "disk-8"]
AskedIndex = Literal["auto", IndexKind]
ASKED_INDEXES: tuple[str, ...] = get_args(AskedIndex)
