"""Streams of an XDF file, and which of them is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import AmbiguousStream, StreamNotFound

EEG, MARKERS = "stream", "marker_stream"
"""The settings that choose."""
_MARKER_WORDS = ("marker", "event", "stim", "trigger", "annotation")


@dataclass(frozen=True)
class Stream:
    """A stream as pyxdf gives it.

    Attributes
    ----------
    number
        Its id in the file.
    values
        (samples, channels) numbers, or a list of lists of text.
    stamps
        (samples,) float64, seconds, clock offsets applied.
    channels
        What it says of each channel.
    resets
        Samples before which its clock was set anew.
    """

    number: int
    name: str
    type: str
    rate_hz: float
    n_channels: int
    numeric: bool
    values: Any
    stamps: NDArray[np.float64]
    channels: tuple[dict[str, str | None], ...]
    resets: tuple[int, ...]

    @classmethod
    def of(cls, stream: dict[str, Any]) -> Stream:
        """From a dict of pyxdf."""
        info = stream["info"]
        return cls(
            int(info["stream_id"]),
            info["name"][0] or "",
            info["type"][0] or "",
            float(info["nominal_srate"][0]),
            int(info["channel_count"][0]),
            info["channel_format"][0] != "string",
            stream["time_series"],
            np.asarray(stream["time_stamps"], dtype=np.float64),
            _channels(info),
            tuple(int(begin) for begin, _ in info["clock_segments"][1:]),
        )

    def __str__(self) -> str:
        return f"{self.name}#{self.number}"

    @property
    def count(self) -> int:
        """Samples."""
        return len(self.stamps)

    @property
    def described(self) -> str:
        """For lists of streams."""
        return f"'{self}' ({self.type}, {self.n_channels} channels at {self.rate_hz:g} Hz, {self.count} samples)"

    def fits(self, use: str) -> bool:
        """Whether its type is that of EEG, or of markers."""
        kind = self.type.lower()
        return kind == "eeg" if use == EEG else any(word in kind for word in _MARKER_WORDS)


def _channels(info: dict[str, Any]) -> tuple[dict[str, str | None], ...]:
    description = (info.get("desc") or [None])[0] or {}
    listed = (description.get("channels") or [None])[0] or {}
    found = [channel or {} for channel in listed.get("channel", [])]
    return tuple({key: (values or [None])[0] for key, values in channel.items()} for channel in found)


def choose(file: Path, streams: Sequence[Stream], wanted: str, use: str) -> Stream | None:
    """The stream to use.

    Parameters
    ----------
    file
        For errors.
    streams
        All of the file.
    wanted
        ``name``, ``name#number``, or empty for the only one of the right type that holds samples.
    use
        `EEG` or `MARKERS`.

    Returns
    -------
    The stream; None where no marker stream is named and the file has none with samples.

    Raises
    ------
    StreamNotFound, AmbiguousStream
        There is no such stream, or several.
    """
    named = [s for s in streams if s.name == wanted or str(s) == wanted] if wanted else list(streams)
    exact = [s for s in named if str(s) == wanted]
    candidates = exact or (named if len(named) == 1 and wanted else [s for s in named if s.fits(use)])
    if len(candidates) > 1:
        candidates = [s for s in candidates if s.count] or candidates
    if not wanted and use == MARKERS:
        candidates = [s for s in candidates if s.count]
        if not candidates:
            return None
    there = ", ".join(stream.described for stream in streams) or "none"
    if not candidates:
        what = f"no stream '{wanted}'" if wanted else "no stream of type EEG"
        raise StreamNotFound(f"'{file}' has {what}; set source.{use} to one of: {there}")
    if len(candidates) > 1:
        what = f"streams named '{wanted}'" if wanted else f"streams that can be source.{use}"
        raise AmbiguousStream(f"'{file}' has {len(candidates)} {what}; set source.{use} to one of: {there}")
    return candidates[0]
