"""The filter chain, the window and its rejection, as they stand in settings and in encoder bundles."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator


class Frozen(BaseModel):
    """Base of every settings and bundle model: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


MOST_TIMES = 1_000_000
"""Samples of a window: more do not travel in a packet."""
MOST_S = 3600.0
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Matrix = tuple[tuple[float, ...], ...]


class AsrSettings(Frozen):
    """Artifact subspace reconstruction, as `acquisition.asr.calibrate` found it in clean EEG of the same chain."""

    rate_hz: PositiveFloat
    """Rate of the source that it was calibrated on; the stream's must be the same."""
    mixing: Matrix
    """channels x channels: square root of the clean EEG's covariance, µV."""
    threshold: Matrix
    """channels x channels: largest clean amplitude of each of its components, in terms of the channels."""
    window_s: PositiveFloat = 0.5
    """How far back the amplitude is taken, seconds."""
    step: PositiveInt = 32
    """Samples between two decisions; each fades in over the samples up to the next."""
    most: Probability = 0.66
    """Largest share of the dimensions that is taken out at once."""

    @model_validator(mode="after")
    def _square(self) -> AsrSettings:
        if {len(self.mixing), len(self.threshold), *map(len, self.mixing), *map(len, self.threshold)} != {
            len(self.mixing)
        }:
            raise ValueError("mixing and threshold must be channels x channels matrices of one size")
        return self


class ChainSettings(Frozen):
    """Causal filters, applied at the source rate in this order: reference, selection, notch, high-pass, low-pass, ASR.

    Frequencies are in Hz; ``None`` or an empty tuple leaves a stage out.
    """

    channels: tuple[str, ...] = ()
    """Channels kept, in this order; empty keeps all EEG channels of the source."""
    reference: Literal["none", "average"] | tuple[str, ...] = "none"
    """``average`` over the kept channels, or the mean of the named channels."""
    notch_hz: tuple[PositiveFloat, ...] = (50.0,)
    notch_q: PositiveFloat = 30.0
    highpass_hz: PositiveFloat | None = 1.0
    highpass_order: PositiveInt = 2
    lowpass_hz: PositiveFloat | None = 40.0
    lowpass_order: PositiveInt = 4
    asr: AsrSettings | None = None
    """Takes large artefacts out (artifact subspace reconstruction); calibrated, never written by hand."""


DRAFT_S = 0.02
"""The first samples of a window go to its worker so long before the last one, seconds."""


class WindowSettings(Frozen):
    """The part of the EEG after (or around) each stimulus onset that is decoded. Times are seconds from the onset."""

    start_s: float = 0.0
    end_s: float = 0.8
    rate_hz: PositiveFloat = 250.0
    """Sampling rate of the window as the encoder gets it."""
    baseline_s: tuple[float, float] | None = (-0.1, 0.0)
    """Interval whose mean is subtracted per channel; may lie before ``start_s``."""
    parts_s: tuple[float, ...] = ()
    """Ends of earlier windows that are answered provisionally, rising, all before ``end_s``: anytime answers."""

    @model_validator(mode="after")
    def _ordered(self) -> WindowSettings:
        if self.end_s <= self.start_s:
            raise ValueError("end_s must be later than start_s")
        if (self.end_s - self.start_s) * self.rate_hz > MOST_TIMES:
            raise ValueError(f"the window holds more than {MOST_TIMES:,} samples at rate_hz")
        if max(map(abs, (self.start_s, self.end_s, *(self.baseline_s or ())))) > MOST_S:
            raise ValueError(f"start_s, end_s and baseline_s must be within {MOST_S:g} s of the onset")
        if self.baseline_s is not None and self.baseline_s[1] <= self.baseline_s[0]:
            raise ValueError("baseline_s must be (earlier, later)")
        if self.n_times < 1:
            raise ValueError("the window holds no sample at rate_hz")
        times = (*self.part_times, self.n_times)
        if any(later <= earlier for earlier, later in pairwise((0, *times))):
            raise ValueError("parts_s must rise, each at least one sample after the one before and before end_s")
        if self.parts_s and self.baseline_s is not None and self.baseline_s[1] > self.parts_s[0]:
            raise ValueError("the baseline must end before the first of parts_s, which cannot wait for it")
        return self

    @property
    def n_times(self) -> int:
        """Samples in a window at ``rate_hz``: those at ``start_s + k / rate_hz`` before ``end_s``."""
        return self._times_until(self.end_s)

    @property
    def draft_times(self) -> int:
        """Samples that come ``DRAFT_S`` before the last: what an encoder may begin with."""
        return max(1, self.n_times - math.ceil(DRAFT_S * self.rate_hz))

    @property
    def part_times(self) -> tuple[int, ...]:
        """Samples in each of the earlier windows, which are the first of the whole one's."""
        return tuple(map(self._times_until, self.parts_s))

    def _times_until(self, end_s: float) -> int:
        return round((end_s - self.start_s) * self.rate_hz)


class RejectionSettings(Frozen):
    """When a window is not sent to the decoder. ``None`` switches a test off."""

    peak_to_peak_uv: PositiveFloat | None = 150.0
    """Largest peak-to-peak of the *filtered* window on any channel, µV."""
    flat_uv: PositiveFloat | None = 0.1
    """A channel whose *raw* peak-to-peak in the window is below this is flat, µV."""
    railed_uv: PositiveFloat | None = None
    """A *raw* sample whose absolute value reaches this is railed, µV (board-specific: Muse 999, Cyton 187,500)."""
