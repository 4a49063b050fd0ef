"""The averages that all viewers of the evoked page share, and what is drawn of them. No page, no socket."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from config.errors import SettingsError
from display.dashboard.evoked_average import EVERY, Averages, Running, category_of
from display.dashboard.evoked_map import EXTENT, GRID, OUTSIDE, Mapper, mapper, packed
from display.dashboard.head import places
from display.seen import Seen
from display.truth import Truth
from wire.packets import Key, Tap

PREFERRED = ("PO7", "Oz", "PO8", "O1", "O2", "Pz", "Cz", "P7", "P8", "Fz", "TP9", "TP10", "AF7", "AF8")
"""Channels shown at first, those that there are: where pictures evoke most, then along the middle, then a Muse's."""
AT_FIRST = 4
MOST_SHOWN = 6
"""Categories drawn together at most: as many looks as there are."""
CURSORS_MS = (100.0, 170.0, 250.0, 350.0, 500.0)
MOST_CURSORS = 8
MINUS = " − "


@dataclass(frozen=True)
class Choice:
    """What a viewer has chosen.

    Attributes
    ----------
    channels, categories
        Names.
    cursors_ms
        Times of the maps after the onset.
    mapped
        Category of the maps, or two of them with `MINUS` between.
    """

    channels: tuple[str, ...]
    categories: tuple[str, ...]
    cursors_ms: tuple[float, ...]
    mapped: str


class Store:
    """Taps in, averages out. `take` is called in one thread, the others in another.

    Parameters
    ----------
    truth
        Gives what the session's truth is now.
    clock
        Gives seconds.
    """

    def __init__(self, truth: Callable[[], Truth], clock: Callable[[], float]):
        self._truth = truth
        self._clock = clock
        self._lock = threading.Lock()
        self._averages = Averages(clock())
        self._mapper: tuple[tuple[str, ...], Mapper | None] = ((), None)
        self._seen = {False: Seen(), True: Seen()}
        self._anew = False

    def take(self, tap: Tap) -> None:
        """A window was accepted."""
        self._add(tap, former=False)

    def take_former(self, tap: Tap) -> bool:
        """A window of before, cut once more; whether it is counted: one that came live, too, is counted once."""
        return self._add(tap, former=True)

    def _add(self, tap: Tap, *, former: bool) -> bool:
        truth = self._truth()
        category = category_of(tap.stimulus, truth.of, truth.labels)
        key = Key("", tap.segment, tap.sequence, 0)
        with self._lock:
            if self._seen[not former].get(key) is not None or (former and self._anew):
                return False
            self._seen[former].put(key, key.sequence, False)
            return self._averages.add(tap, category, self._clock(), former=former)

    def restart(self) -> None:
        """Count from now on; what is of before is no longer wanted."""
        with self._lock:
            self._anew = True
            self._averages = Averages(self._clock(), begun_anew="somebody asked for it")

    @property
    def n(self) -> int:
        """Trials counted."""
        with self._lock:
            return self._averages.n

    def facts(self) -> tuple[float, str, tuple[str, ...], dict[str, int], tuple[float, float]]:
        """Since when (and why not longer), channels, trials of each category, and the window's ends in ms."""
        with self._lock:
            of = self._averages
            times = of.times_s
            ends = (float(times[0]) * 1e3, float(times[-1]) * 1e3) if times.size else (0.0, 0.0)
            return of.since_s, of.begun_anew, of.shape.channels if of.shape else (), of.counts, ends

    def drawn(self, choice: Choice) -> dict[str, Any] | None:
        """What ``evoked.js`` draws; None before the first trial or without a channel."""
        with self._lock:
            shape, by = self._averages.shape, self._averages.by
            rows = [shape.channels.index(name) for name in choice.channels if name in shape.channels] if shape else []
            if shape is None or not rows:
                return None
            shown = [name for name in choice.categories if name in by][:MOST_SHOWN]
            times = self._averages.times_s
            cursors = tuple(ms for ms in choice.cursors_ms if times[0] <= ms / 1e3 <= times[-1] + 1e-9)
            return {
                "channels": [shape.channels[row] for row in rows],
                "first_ms": float(times[0]) * 1e3,
                "step_ms": 1e3 / shape.rate_hz,
                "times": shape.times,
                "categories": [_category(name, by[name], rows) for name in shown],
                "cursors_ms": list(cursors),
                "maps": self._maps(shape.channels, times, by, choice.mapped, cursors),
            }

    def _maps(
        self,
        channels: tuple[str, ...],
        times: np.ndarray[Any, np.dtype[np.float64]],
        by: dict[str, Running],
        mapped: str,
        cursors: Sequence[float],
    ) -> dict[str, Any] | None:
        known = places(channels)
        if self._mapper[0] != channels:
            self._mapper = (channels, mapper(channels, known))
        maker = self._mapper[1]
        first, minus, second = mapped.partition(MINUS)
        if maker is None or not cursors or first not in by or (minus and second not in by):
            return None
        mean = by[first].mean - by[second].mean if minus else by[first].mean
        at = [int(np.abs(times * 1e3 - ms).argmin()) for ms in cursors]
        grids = [maker.grid(mean[:, k]) for k in at]
        limit = nice(max(float(np.nanmax(np.abs(grid))) for grid in grids))
        return {
            "size": GRID,
            "extent": EXTENT,
            "outside": OUTSIDE,
            "limit": limit,
            "title": f"Across the head: {mapped}",
            "titles": [f"{ms:g} ms" for ms in cursors],
            "values": [_text(packed(grid, limit)) for grid in grids],
            "spots": [known[channels[row]] for row in maker.rows],
        }


def nice(value: float) -> float:
    """The next round number, not below 0.1."""
    power = 10.0 ** np.floor(np.log10(max(value, 0.1)))
    steps = (1, 1.5, 2, 3, 5, 7.5, 10)
    return float(next(step * power for step in steps if step * power >= value * 0.999 or step == 10))


def first_channels(channels: Sequence[str]) -> tuple[str, ...]:
    """Channels shown before anybody has chosen."""
    preferred = [name for name in PREFERRED if name in channels]
    others = [name for name in channels if name not in preferred]
    return tuple([*preferred, *others][:AT_FIRST])


def first_categories(counts: dict[str, int]) -> tuple[str, ...]:
    """Categories shown before anybody has chosen: all of a few, else all trials together."""
    return tuple(counts) if len(counts) <= MOST_SHOWN else (EVERY,)


def mappable(counts: dict[str, int]) -> list[str]:
    """What maps can be of: all trials, a category, and the difference of two where there are two."""
    pair = [MINUS.join(counts)] if len(counts) == 2 else []
    return [EVERY, *pair, *counts]


def read_cursors(text: str) -> tuple[float, ...]:
    """Times as typed, ms by commas.

    Raises
    ------
    SettingsError
        They are not numbers, or too many.
    """
    try:
        found = tuple(sorted({float(part) for part in text.replace(";", ",").split(",") if part.strip()}))
    except ValueError as error:
        raise SettingsError(f"'{text:.60}' are not times in ms by commas, such as 100, 170, 300") from error
    if len(found) > MOST_CURSORS or not all(abs(ms) < 1e5 for ms in found):
        raise SettingsError(f"give at most {MOST_CURSORS} times within the window, in ms by commas")
    return found


def _category(name: str, of: Running, rows: list[int]) -> dict[str, Any]:
    error = np.nan_to_num(of.error[rows]).astype("<f4")
    return {"name": name, "n": of.n, "mean": _text(of.mean[rows].astype("<f4")), "error": _text(error)}


def _text(array: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
