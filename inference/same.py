"""Whether two answers to one window are the same: to the last bit, or but for what another machine may change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wire.packets import Answer, Result

CLOSE = 0.99999
"""Cosine of two embeddings of one window, at least, where bits may differ."""
TIE = 1e-5
"""Items whose cosines differ by less may change places then."""


@dataclass(frozen=True)
class Unlike:
    """The first thing in which two answers differ, in words."""

    what: str
    stored: str
    found: str


def unlike(stored: Result, found: Result, *, exact: bool) -> Unlike | None:
    """What differs between two answers; None where they are the same.

    Parameters
    ----------
    stored, found
        Of one window.
    exact
        Embeddings must be bit-equal, and answers equal; else cosines at least ``CLOSE``, and the same top k but for
        ties under ``TIE``.
    """
    if stored.data.shape != found.data.shape:
        return Unlike("embedding", f"shape {stored.data.shape}", f"shape {found.data.shape}")
    for version in range(stored.versions):
        parts = (
            _embedding(stored.data[version], found.data[version], version, exact),
            _items(stored.answers[version], found.answers[version], version, exact),
        )
        for part in parts:
            if part is not None:
                return part
    if exact and stored.answers != found.answers:
        return _scores(stored, found)
    for name in ("stimulus", "onset_s", "final", "end_s", "simulated", *(("flags",) if exact else ())):
        before, now = getattr(stored, name), getattr(found, name)
        if before != now:
            return Unlike(name, repr(before), repr(now))
    return None


def cosine(stored: Result, found: Result) -> float:
    """The lowest cosine between two answers' embeddings, over their versions."""
    return min(_cosine(a, b) for a, b in zip(stored.data, found.data, strict=True))


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    x, y = a.astype(np.float64), b.astype(np.float64)
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / norms if norms else float(np.array_equal(x, y))


def _embedding(a: NDArray[np.float32], b: NDArray[np.float32], version: int, exact: bool) -> Unlike | None:
    same = a.tobytes() == b.tobytes() if exact else _cosine(a, b) >= CLOSE
    if same:
        return None
    others = a.view(np.uint32) != b.view(np.uint32)  # bits: what is not finite would differ from itself
    at, count = int(np.argmax(others)), int(np.count_nonzero(others))
    found = f"{b[at]!s} there; {count} of {a.size} values differ, cosine {_cosine(a, b):.9f}"
    return Unlike(f"embedding, version {version}", f"{a[at]!s} at place {at}", found)


def _items(a: Answer, b: Answer, version: int, exact: bool) -> Unlike | None:
    before, now = ([hit.id for hit in answer.hits] for answer in (a, b))
    if before == now or (not exact and len(before) == len(now) and _tied(a, b) and _tied(b, a)):
        return None
    pairs = enumerate(zip(before, now, strict=False))
    at = next((k for k, (x, y) in pairs if x != y), min(len(before), len(now)))
    return Unlike(f"top {len(before)}, version {version}", f"{_named(before, at)} at rank {at + 1}", _named(now, at))


def _tied(a: Answer, b: Answer) -> bool:
    """Whether each item stands in the other answer in its place, in one that is tied with it, or fell off its end."""
    cosines = {hit.id: hit.cosine for hit in b.hits}
    for rank, hit in enumerate(a.hits):
        there = b.hits[rank]
        if there.id == hit.id:
            continue
        own = cosines.get(hit.id)
        gap = abs(own - there.cosine) if own is not None else abs(hit.cosine - b.hits[-1].cosine)
        if gap >= TIE:
            return False
    return True


def _named(ids: list[str], at: int) -> str:
    return f"'{ids[at]}'" if at < len(ids) else "no item"


def _scores(stored: Result, found: Result) -> Unlike:
    """What differs in answers that name the same items."""
    for version, (a, b) in enumerate(zip(stored.answers, found.answers, strict=True)):
        for rank, (x, y) in enumerate(zip(a.hits, b.hits, strict=True)):
            if x != y:
                name = next(n for n in x.__struct_fields__ if getattr(x, n) != getattr(y, n))
                what = f"{name} at rank {rank + 1}, version {version}"
                return Unlike(what, str(getattr(x, name)), str(getattr(y, name)))
        for name in ("repeats", "withheld", "decided"):
            if getattr(a, name) != getattr(b, name):
                return Unlike(f"{name}, version {version}", str(getattr(a, name)), str(getattr(b, name)))
    return Unlike("answers", "others", "these")
