"""Damage that knows JSON: the text stays JSON, what it says does not stay right."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

from benchmarks.fuzz.mutate import Mutation

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 0.5, 1e308, -1e308, 2**31, 2**63, -(2**63) - 1, 10**30, float("nan"), float("inf"), "",
    "x", "\x00", "\ud800", "../../etc/passwd", "/etc/passwd", "a\nb", "é" * 50, "x" * 5000, [], {}, [[]], [None],
    {"": 0}, ["a", "a"], [0.0] * 3, "0" * 64, "[" * 50,
)  # fmt: skip
DEEP = 3000


def json_value(rng: Random, data: bytes) -> bytes:
    """A value of a JSON text replaced, taken out, doubled, renamed or nested."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return data
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = _changed(rng, tree)
    try:
        text = json.dumps(tree)
    except RecursionError:
        return data
    if rng.random() < 0.03:
        deep = rng.choice((20, 200, 990, DEEP))
        text = text.replace(":", ":" + '{"a":' * deep + "1" + "}" * deep + ',"b":', 1)
    if rng.random() < 0.03:
        text = text.replace("{", '{"version": 1, ', 1)
    return text.encode("utf-8", "replace")


def json_lines(rng: Random, data: bytes) -> bytes:
    """The same in one line of several."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    at = rng.randrange(len(lines))
    lines[at] = json_value(rng, lines[at].rstrip(b"\n")) + b"\n"
    return b"".join(lines)


def _changed(rng: Random, tree: Any) -> Any:
    places = _places(tree)
    if not places:
        return _value(rng)
    holder, key = rng.choice(places)
    how = rng.random()
    if how < 0.65:
        holder[key] = _value(rng)
    elif how < 0.8:
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(key, holder[key])
    elif how < 0.9:
        holder[rng.choice(("new", "", f"{key}_", "v"))] = holder.pop(key)
    else:
        holder[key] = [holder[key]]
    return tree


def _value(rng: Random) -> Any:
    return copy.deepcopy(rng.choice(VALUES))


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    open_ = [tree]
    while open_:
        one = open_.pop()
        if isinstance(one, dict):
            found += [(one, key) for key in one]
            open_ += one.values()
        elif isinstance(one, list):
            found += [(one, k) for k in range(len(one))]
            open_ += one
    return found


JSON: tuple[Mutation, ...] = (json_value,)
