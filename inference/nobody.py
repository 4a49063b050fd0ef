"""Windows that nobody saw: for warming up and rehearsing, through the very path of those that come."""

from __future__ import annotations

from config.bundles import EncoderSpec
from inference.encoders.base import Windows
from wire.packets import Window


def nobodys(spec: EncoderSpec, data: Windows, part: int) -> Window:
    """A window that no dispatcher knows.

    Parameters
    ----------
    spec
        Of the encoder that is to answer it.
    data
        (2, channels, times) float32, µV.
    part
        Whose length it has.
    """
    return Window(
        session="",
        segment=0,
        sequence=0,
        part=part,
        final=part == len(spec.window.parts_s),
        stimulus="",
        onset_s=0.0,
        sampling_rate_hz=spec.window.rate_hz,
        first_sample_offset_s=spec.window.start_s,
        channels=spec.channels,
        versions=2,
        times=data.shape[2],
        repeats=2,
        data=data,
    )
