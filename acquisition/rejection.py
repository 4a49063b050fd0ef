"""Why a window is not sent to the decoder. Pure functions of what the window's samples are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.chain import RejectionSettings


@dataclass(frozen=True)
class Extremes:
    """Least and largest value of each channel, (channels,) each: float64 filtered, float32 raw, µV."""

    filtered_low: NDArray[np.float64]
    filtered_high: NDArray[np.float64]
    raw_low: NDArray[np.float32]
    raw_high: NDArray[np.float32]

    @classmethod
    def of(cls, filtered: NDArray[np.float64], raw: NDArray[np.float32]) -> Extremes:
        """Of samples as in `Evidence`."""
        return cls(filtered.min(axis=1), filtered.max(axis=1), raw.min(axis=1), raw.max(axis=1))

    def joined(self, other: Extremes) -> Extremes:
        """Of these samples and others."""
        return Extremes(
            np.minimum(self.filtered_low, other.filtered_low),
            np.maximum(self.filtered_high, other.filtered_high),
            np.minimum(self.raw_low, other.raw_low),
            np.maximum(self.raw_high, other.raw_high),
        )


@dataclass(frozen=True)
class Evidence:
    """Everything that rejection looks at, over all source samples that a window needs.

    Attributes
    ----------
    filtered
        (channels, samples) float64, µV.
    raw
        (channels, samples) float32, µV, the same channels unfiltered and not re-referenced.
    gap, settling, alignment
        A gap lies within; the chain has not settled; the onset may be wrong by half a source sample.
    non_finite
        A channel, or a channel of its reference, was not finite.
    swapped
        Two channels that were exchanged during the session.
    extremes
        Of these samples, where they are known already.
    """

    filtered: NDArray[np.float64]
    raw: NDArray[np.float32]
    gap: bool = False
    settling: bool = False
    alignment: bool = False
    non_finite: bool = False
    swapped: tuple[str, str] | None = None
    extremes: Extremes | None = None


def reasons(evidence: Evidence, channels: tuple[str, ...], settings: RejectionSettings) -> tuple[str, ...]:
    """All reasons that hold, each a stable word, then a colon and details; empty for a good window."""
    found = []
    if evidence.gap:
        found.append("gap: samples are missing within the window")
    if evidence.settling:
        found.append("settling: the filters have not settled")
    if evidence.alignment:
        found.append("alignment: the onset is not known to half a sample")
    if evidence.non_finite:
        bad = np.asarray(~np.isfinite(evidence.raw).all(axis=1))
        found.append(f"non_finite: {_names(bad, channels) or 'a reference channel'}")
    if evidence.swapped is not None:
        found.append(f"swapped: {' and '.join(evidence.swapped)} look exchanged")
    found += _limits(evidence, channels, settings)
    return tuple(found)


def _limits(evidence: Evidence, channels: tuple[str, ...], settings: RejectionSettings) -> list[str]:
    found = []
    known = evidence.extremes or Extremes.of(evidence.filtered, evidence.raw)
    if settings.peak_to_peak_uv is not None:
        size = known.filtered_high - known.filtered_low
        worst = int(size.argmax())
        if size[worst] > settings.peak_to_peak_uv:
            more = int((size > settings.peak_to_peak_uv).sum()) - 1
            detail = f"{channels[worst]} {size[worst]:.0f} µV > {settings.peak_to_peak_uv:g}"
            found.append(f"peak_to_peak: {detail}" + (f" (and {more} more)" if more else ""))
    if settings.flat_uv is not None:
        raw_size = raw_peak_to_peak(evidence.raw) if evidence.non_finite else known.raw_high - known.raw_low
        flat = np.asarray(raw_size < settings.flat_uv)
        if flat.any():
            found.append(f"flat: {_names(flat, channels)}")
    if settings.railed_uv is not None:
        limit = settings.railed_uv
        if evidence.non_finite:
            railed = np.asarray((np.abs(evidence.raw) >= limit).any(axis=1))
        else:
            railed = np.asarray((known.raw_high >= limit) | (known.raw_low <= -limit))
        if railed.any():
            found.append(f"railed: {_names(railed, channels)}")
    return found


def raw_peak_to_peak(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Peak to peak of each row over its finite values, µV; NaN for a row that has none: (rows,) float32."""
    finite = np.where(np.isfinite(raw), raw, np.float32("nan"))
    return np.asarray(np.fmax.reduce(finite, axis=1) - np.fmin.reduce(finite, axis=1))


def _names(mask: NDArray[np.bool_], channels: tuple[str, ...]) -> str:
    return ", ".join(name for name, hit in zip(channels, mask, strict=True) if hit)
