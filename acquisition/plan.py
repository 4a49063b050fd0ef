"""What is cut from the EEG, and how: the settings of one pipeline, checked against the stream."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from acquisition.types import StreamInfo
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import MisfitError
from config.settings import MarkerSettings

MAX_RATIO_TERM = 1000
"""Largest numerator or denominator of window rate / source rate."""


@dataclass(frozen=True)
class Plan:
    """Chain, window, rejection and markers of a pipeline.

    Attributes
    ----------
    max_stimuli
        Running averages held; the least recently seen goes first.
    """

    chain: ChainSettings
    window: WindowSettings
    rejection: RejectionSettings
    markers: MarkerSettings
    max_stimuli: int = 1000

    @property
    def whole(self) -> Plan:
        """The same plan without parts: for what only needs whole windows, which parts change in nothing."""
        return replace(self, window=self.window.model_copy(update={"parts_s": ()})) if self.window.parts_s else self

    def check(self, info: StreamInfo) -> None:
        """Refuse a plan that the stream cannot give.

        Raises
        ------
        MisfitError
            The window's rate cannot be reached from the stream's, or the chain leaves frequencies that would alias.
        """
        ratio(self.window.rate_hz, info.rate_hz)
        same = self.window.rate_hz == info.rate_hz
        limit = self.window.rate_hz / 2
        lowpass = self.chain.lowpass_hz
        if not same and (lowpass is None or lowpass > limit):
            has = "has no low-pass" if lowpass is None else f"has its low-pass at {lowpass:g} Hz"
            raise MisfitError(
                f"the chain {has}, but windows at {self.window.rate_hz:g} Hz cut from '{info.name}' "
                f"({info.rate_hz:g} Hz) need chain.lowpass_hz of at most {limit:g}; lower it, or raise window.rate_hz"
            )


def ratio(window_hz: float, source_hz: float) -> Fraction:
    """Window rate over source rate, as a fraction of small whole numbers.

    Raises
    ------
    MisfitError
        The window's rate is above the source's, or their ratio is no fraction of small whole numbers.
    """
    if not source_hz > 0:
        raise MisfitError(f"the stream says it has a rate of {source_hz:g} Hz; a regular, positive rate is needed")
    if window_hz > source_hz:
        raise MisfitError(
            f"windows at {window_hz:g} Hz cannot be cut from a stream at {source_hz:g} Hz; use an encoder trained at "
            f"{source_hz:g} Hz or below, or a faster stream"
        )
    value = Fraction(window_hz / source_hz).limit_denominator(MAX_RATIO_TERM)
    if value == 0 or abs(float(value) * source_hz - window_hz) > 1e-6 * window_hz:
        raise MisfitError(
            f"windows at {window_hz:g} Hz cannot be cut from a stream at {source_hz:g} Hz: their ratio is no fraction "
            f"of whole numbers up to {MAX_RATIO_TERM}; choose a window.rate_hz that divides {source_hz:g}"
        )
    return value
