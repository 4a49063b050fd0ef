"""How well frames kept their time: intervals between flips, dropped frames, jitter, and what that is worth. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat

from config.chain import Frozen

BINS_MS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0)
MOST_BINS = 25
"""Bins of a histogram are the finest of these widths that make no more rows than that."""
MOST_KEPT = 10_000
"""More than an hour in which each second has an interval of its own does not happen."""
DROPPED = 1.5
"""An interval longer than so many frames holds a frame that was shown again in place of the next."""
NEAR = 0.03
"""A screen's rate and the rate at which flips return agree within this share where flips wait for the screen."""
STEADY = 0.25
"""... and so much of a frame is most that nine in ten intervals differ from it."""
BAR = 40


class Timing(Frozen):
    """Intervals between the flips of all blocks.

    Attributes
    ----------
    frames
        Flips.
    frame_ms
        What an interval should be, ms.
    median_ms, sd_ms, p95_ms, p99_ms, longest_ms
        Of the intervals; ``sd_ms`` is the jitter.
    dropped
        Frames that were missed.
    bin_ms, edges_ms, counts
        Histogram: width of its bins, their lower edges where they hold any, and how many lie in each.
    marker_ms
        From a flip's stamp to when its marker had been sent, ms: median and longest; None where none was.
    """

    frames: NonNegativeInt
    frame_ms: float
    median_ms: float
    sd_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float
    dropped: NonNegativeInt
    bin_ms: PositiveFloat
    edges_ms: Annotated[tuple[float, ...], Field(max_length=MOST_KEPT)]
    counts: Annotated[tuple[NonNegativeInt, ...], Field(max_length=MOST_KEPT)]
    marker_ms: tuple[float, float] | None = None

    def table(self) -> dict[str, Any]:
        """For JSON."""
        return self.model_dump()


@dataclass(frozen=True)
class Screen:
    """What is known of a screen.

    Attributes
    ----------
    driver, renderer
        SDL's video driver, such as ``x11``, and renderer, such as ``opengl``.
    size
        Of the window, pixels.
    full
        Whether the window covers the screen.
    refresh_hz
        That the screen says it has; 0 where it says none, as virtual ones.
    asked
        Whether vertical sync was asked for.
    granted
        Whether the driver can wait for the screen, and not only pretend to.
    trial_ms
        Intervals of flips that were tried before anything was shown.
    """

    driver: str
    renderer: str
    size: tuple[int, int]
    full: bool
    refresh_hz: float
    asked: bool
    granted: bool
    trial_ms: tuple[float, ...] = ()

    @property
    def synced(self) -> bool:
        """Whether flips return when the screen takes a new picture: measured, as drivers promise more than they do."""
        return self.asked and self.granted and keeps(self.trial_ms, self.refresh_hz)

    @property
    def rate_hz(self) -> float:
        """Frames a second: measured where flips wait for the screen."""
        if self.synced:
            return 1e3 / float(np.median(self.trial_ms))
        return self.refresh_hz or 60.0

    @property
    def words(self) -> str:
        """What times on it are worth."""
        wide, high = self.size
        size = f"{wide} × {high} pixels, {'full screen' if self.full else 'in a window'}"
        said = f"{size}, {self.driver}/{self.renderer}, {self.rate_hz:.2f} Hz"
        if self.synced:
            return f"{said}; vertical sync: yes, measured; {_window_words(self.full)}"
        return f"{said}; vertical sync: no, {self._why}; frames are timed by this program's clock instead"

    @property
    def worth(self) -> str:
        """How far the stamps of the markers can be trusted."""
        if self.synced and self.full:
            return (
                "each stamp is that of the flip; the light follows after a constant delay of this screen, which "
                "`eegseek calibrate-delay` measures with a photodiode"
            )
        frame = 1e3 / self.rate_hz
        if not self.refresh_hz:
            return (
                "nobody sees this screen: it is a virtual one, and the stamps say when its memory was written; good "
                "for trying things out, worth nothing as times of light"
            )
        return f"a picture may appear up to {frame:.1f} ms after its stamp, each time otherwise: use a full screen"

    @property
    def _why(self) -> str:
        if not self.asked:
            return "it was not asked for"
        if not self.refresh_hz:
            return "the screen says no refresh rate, as virtual ones do"
        if not self.granted:
            return "the graphics driver cannot wait for the screen"
        return f"flips do not return at the screen's {self.refresh_hz:g} Hz"

    def table(self) -> dict[str, Any]:
        """For JSON."""
        known = asdict(self)
        known.pop("trial_ms")
        return {**known, "synced": self.synced, "rate_hz": self.rate_hz, "worth": self.worth}


def keeps(intervals_ms: Sequence[float], refresh_hz: float) -> bool:
    """Whether flips return at the rate of the screen: the median is its frame, and nine in ten are near that."""
    if len(intervals_ms) < 10 or refresh_hz <= 0:
        return False
    found = np.asarray(intervals_ms)
    frame = 1e3 / refresh_hz
    near = np.abs(found - frame) <= STEADY * frame
    return bool(abs(np.median(found) - frame) <= NEAR * frame and near.mean() >= 0.9)


def measure(blocks: Iterable[NDArray[np.float64]], rate_hz: float, marker_s: Sequence[float] = ()) -> Timing | None:
    """Timing of what was shown.

    Parameters
    ----------
    blocks
        Stamps of the flips of each block, (frames,) seconds; between blocks nothing is timed.
    rate_hz
        Frames a second that there should be.
    marker_s
        How long each marker took, s.

    Returns
    -------
    None where fewer than two frames were shown.
    """
    kept = [stamps for stamps in blocks if len(stamps) > 1]
    if not kept:
        return None
    intervals = np.concatenate([np.diff(stamps) for stamps in kept]) * 1e3
    frame = 1e3 / rate_hz
    missed = np.maximum(0, np.rint(intervals / frame) - 1)
    width, edges, counts = _histogram(intervals)
    p95, p99 = np.percentile(intervals, [95, 99])
    return Timing(
        frames=sum(map(len, kept)),
        frame_ms=frame,
        median_ms=float(np.median(intervals)),
        sd_ms=float(intervals.std()),
        p95_ms=float(p95),
        p99_ms=float(p99),
        longest_ms=float(intervals.max()),
        dropped=int(missed[intervals > DROPPED * frame].sum()),
        bin_ms=width,
        edges_ms=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        marker_ms=(float(np.median(marker_s) * 1e3), float(max(marker_s) * 1e3)) if marker_s else None,
    )


def report(timing: Timing | None, screen: Screen) -> list[str]:
    """Timing for people."""
    if timing is None:
        return ["no frame was timed", f"screen: {screen.words}"]
    lines = [
        f"screen: {screen.words}",
        f"frames: {timing.frames}, each {timing.frame_ms:.2f} ms; dropped {timing.dropped} "
        f"({timing.dropped / timing.frames:.2%})",
        f"interval between flips: median {timing.median_ms:.2f} ms, jitter (standard deviation) {timing.sd_ms:.2f} ms, "
        f"p95 {timing.p95_ms:.2f} ms, p99 {timing.p99_ms:.2f} ms, longest {timing.longest_ms:.2f} ms",
    ]
    if timing.marker_ms is not None:
        lines.append(
            f"marker sent after its flip: median {timing.marker_ms[0]:.3f} ms, at most {timing.marker_ms[1]:.3f} ms"
        )
    most = max(timing.counts)
    lines += [
        f"{edge:8.1f} to {edge + timing.bin_ms:6.1f} ms {count:8d} {'█' * max(1, round(BAR * count / most))}"
        for edge, count in zip(timing.edges_ms, timing.counts, strict=True)
    ]
    return [*lines, f"what that is worth: {screen.worth}"]


def _histogram(intervals_ms: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], NDArray[np.int64]]:
    """Width of the bins, lower edges of those that hold any, and their counts."""
    for width in BINS_MS:
        bins, counts = np.unique(np.floor(intervals_ms / width).astype(np.int64), return_counts=True)
        if len(bins) <= MOST_BINS:
            break
    return width, bins.astype(np.float64) * width, counts.astype(np.int64)


def _window_words(full: bool) -> str:
    return "the window covers the screen" if full else "in a window the desktop may hold frames back"
