"""Find one stream among those that are there, and say clearly when there is none or more than one.

All visible streams are listed and compared here, exactly: no query is composed from settings, so nothing has to be
escaped, and the list is at hand for the error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pylsl

from acquisition.sources.layout import Channels
from config.errors import AmbiguousStream, SourceError, StreamNotFound

FORMATS = {
    pylsl.cf_float32: "float32",
    pylsl.cf_double64: "double64",
    pylsl.cf_string: "string",
    pylsl.cf_int8: "int8",
    pylsl.cf_int16: "int16",
    pylsl.cf_int32: "int32",
    pylsl.cf_int64: "int64",
}
LOOK_S = 1.0
"""One look at the network: liblsl asks loopback ports half a second after its first, multicast question."""


@dataclass(frozen=True)
class Identity:
    """What a stream announces of itself."""

    name: str
    type: str
    source_id: str
    uid: str
    """Of one outlet: changes when it is made again."""
    host: str
    count: int
    rate_hz: float
    format: str

    @classmethod
    def of(cls, info: Any) -> Identity:
        """From a ``pylsl.StreamInfo``."""
        return cls(
            info.name(),
            info.type(),
            info.source_id(),
            info.uid(),
            info.hostname(),
            info.channel_count(),
            info.nominal_srate(),
            FORMATS.get(info.channel_format(), "undefined"),
        )

    def __str__(self) -> str:
        """As it stands in lists."""
        rate = f"{self.rate_hz:g} Hz" if self.rate_hz else "irregular"
        known = f"source_id '{self.source_id}'" if self.source_id else "no source_id"
        what = f"type {self.type or 'none'}, {self.count} ch {self.format}, {rate}"
        return f"'{self.name}' ({what}, {known}, on {self.host})"


@dataclass(frozen=True)
class Query:
    """What is looked for; empty texts match everything.

    Attributes
    ----------
    what
        For errors, such as ``EEG stream``.
    keys
        The settings that name, type and source_id come from, for errors; empty where there is none.
    """

    what: str
    name: str
    type: str
    source_id: str
    keys: tuple[str, str, str]

    def matches(self, found: Identity) -> bool:
        """Whether a stream is one that is looked for."""
        wanted = (self.name, self.type, self.source_id)
        return all(not w or w == f for w, f in zip(wanted, (found.name, found.type, found.source_id), strict=True))

    @property
    def settings(self) -> str:
        """The settings, as they stand in errors."""
        return ", ".join(filter(None, self.keys))

    def __str__(self) -> str:
        """As it stands in errors."""
        parts = zip(("name", "type", "source_id"), (self.name, self.type, self.source_id), strict=True)
        return f"{self.what} with " + ", ".join(f"{key} '{value}'" for key, value in parts if value)


def never() -> bool:
    """Nobody asks to stop."""
    return False


def find(
    queries: Sequence[Query],
    wait_s: float,
    look: Callable[[float], list[Any]] | None = None,
    stopping: Callable[[], bool] = never,
) -> list[Any]:
    """One stream for each query.

    Parameters
    ----------
    queries
        What is looked for; all at once.
    wait_s
        How long, seconds.
    look
        Lists what is visible, given the seconds it may take; LSL's resolver unless a test says otherwise.
    stopping
        Asked after each look: once it is true, what was not found is no longer looked for.

    Returns
    -------
    The ``pylsl.StreamInfo`` of each.

    Raises
    ------
    StreamNotFound
        Nothing matches; names the streams that are there.
    AmbiguousStream
        More than one matches; names them and the setting that chooses.
    """
    for query in queries:
        if not (query.name or query.type or query.source_id):
            raise SourceError(f"no {query.what} is asked for: set one of {query.settings}")
    look = look or (lambda seconds: list(pylsl.resolve_streams(seconds)))
    until = time.monotonic() + wait_s
    while True:
        visible = {info.uid(): info for info in look(min(LOOK_S, wait_s))}
        found = [[i for i in visible.values() if query.matches(Identity.of(i))] for query in queries]
        for query, matching in zip(queries, found, strict=True):
            if len(matching) > 1:
                several = [Identity.of(info) for info in matching]
                raise AmbiguousStream(_ambiguous(query, several), _choices(query, several))
        if all(found):
            return [matching[0] for matching in found]
        if time.monotonic() >= until or stopping():
            missing = next(query for query, matching in zip(queries, found, strict=True) if not matching)
            there = _alike(missing, [Identity.of(info) for info in visible.values()])
            raise StreamNotFound(_missing(missing, wait_s, there), _choices(missing, there))


def _missing(query: Query, wait_s: float, there: list[Identity]) -> str:
    kind = "marker streams" if query.what == "marker stream" else "streams"
    listed = f"; {kind} that are there: " + "; ".join(sorted(map(str, there))) if there else f"; there are no {kind}"
    return f"no {query} came up within {wait_s:g} s: start it, or change {query.settings}{listed}"


def _alike(query: Query, there: list[Identity]) -> list[Identity]:
    """Those that could be meant: a marker stream is no EEG stream."""
    if query.what != "marker stream":
        return there
    return [one for one in there if one.rate_hz == 0 or "marker" in one.type.lower()]


def _choices(query: Query, there: list[Identity]) -> tuple[tuple[str, dict[str, str]], ...]:
    """Each stream that can be told from the others by its name and source_id, with the settings that take it."""
    there = [one for one in there if query.type in ("", one.type)]
    told = []
    for one in sorted(there, key=str):
        alike = [other for other in there if other.name == one.name]
        given = {}
        if one.name != query.name:
            given[query.keys[0]] = one.name
        if len(alike) > 1 or (query.source_id and query.source_id != one.source_id):
            given[query.keys[2]] = one.source_id
        alone = sum(other.source_id == one.source_id for other in alike) == 1
        if alone and given and all(given) and all(given.values()):
            told.append((str(one), given))
    return tuple(told)


def _ambiguous(query: Query, matching: list[Identity]) -> str:
    names, ids = {i.name for i in matching}, {i.source_id for i in matching}
    key = query.keys[0] if len(names) == len(matching) else query.keys[2]
    alone = max(len(names), len(ids)) == len(matching)
    advice = f"choose one with {key} (--set {key}=…)" if key and alone else "close all but one of them"
    return f"{len(matching)} streams match the {query}: {'; '.join(sorted(map(str, matching)))}; {advice}"


def channels_of(info: Any) -> Channels:
    """What a full ``pylsl.StreamInfo`` says of its channels, however unevenly it says it."""
    rows: list[tuple[str | None, str | None, str | None]] = []
    node = info.desc().child("channels").child("channel")
    while not node.empty() and len(rows) < info.channel_count():
        label = node.child_value("label") or node.child_value("name") or None
        rows.append((label, node.child_value("type") or None, node.child_value("unit") or None))
        node = node.next_sibling("channel")
    rows += [(None, None, None)] * (info.channel_count() - len(rows))
    labels, types, units = zip(*rows, strict=True) if rows else ((), (), ())
    return Channels(info.channel_count(), labels, types, units)


def ours(info: Any) -> dict[str, str]:
    """What an outlet of eegseek says of its stream (see acquisition.outlet): empty for others."""
    node = info.desc().child("eegseek").first_child()
    said = {}
    while not node.empty():
        said[node.name()] = node.child_value()
        node = node.next_sibling()
    return said
