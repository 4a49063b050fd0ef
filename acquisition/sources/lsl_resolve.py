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
        The settings that name, type and source_id come from, for errors.
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

    def __str__(self) -> str:
        """As it stands in errors."""
        parts = zip(("name", "type", "source_id"), (self.name, self.type, self.source_id), strict=True)
        return f"{self.what} with " + ", ".join(f"{key} '{value}'" for key, value in parts if value)


def find(queries: Sequence[Query], wait_s: float, look: Callable[[float], list[Any]] | None = None) -> list[Any]:
    """One stream for each query.

    Parameters
    ----------
    queries
        What is looked for; all at once.
    wait_s
        How long, seconds.
    look
        Lists what is visible, given the seconds it may take; LSL's resolver unless a test says otherwise.

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
            raise SourceError(f"no {query.what} is asked for: set one of {', '.join(query.keys)}")
    look = look or (lambda seconds: list(pylsl.resolve_streams(seconds)))
    until = time.monotonic() + wait_s
    while True:
        visible = {info.uid(): info for info in look(min(LOOK_S, wait_s))}
        found = [[i for i in visible.values() if query.matches(Identity.of(i))] for query in queries]
        for query, matching in zip(queries, found, strict=True):
            if len(matching) > 1:
                raise AmbiguousStream(_ambiguous(query, [Identity.of(info) for info in matching]))
        if all(found):
            return [matching[0] for matching in found]
        if time.monotonic() >= until:
            missing = next(query for query, matching in zip(queries, found, strict=True) if not matching)
            raise StreamNotFound(_missing(missing, wait_s, [Identity.of(info) for info in visible.values()]))


def _missing(query: Query, wait_s: float, there: list[Identity]) -> str:
    kind = "streams"
    if query.what == "marker stream":
        kind = "marker streams"
        there = [i for i in there if i.rate_hz == 0 or "marker" in i.type.lower()]
    listed = f"; {kind} that are there: " + "; ".join(sorted(map(str, there))) if there else f"; there are no {kind}"
    return f"no {query} came up within {wait_s:g} s: start it, or change {', '.join(query.keys)}{listed}"


def _ambiguous(query: Query, matching: list[Identity]) -> str:
    names, ids = {i.name for i in matching}, {i.source_id for i in matching}
    key = query.keys[0] if len(names) == len(matching) else query.keys[2]
    advice = f"choose one with {key}" if max(len(names), len(ids)) == len(matching) else "close all but one of them"
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
