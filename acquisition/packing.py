"""What the pipeline puts out, as packets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from acquisition.types import Epoch, Missed, Refused
from wire.packets import Draft, Rejected, Stamps, Tap, Window

Kind = TypeVar("Kind", bound=Window)


@dataclass(frozen=True)
class Packer:
    """Make packets of one segment.

    Attributes
    ----------
    session, segment
        Of the run.
    channels
        Of every window, in the order of its rows.
    rate_hz
        Of every window.
    simulated
        The data are not from a living head.
    replayed
        Sample stamps are of a former run, and stay out of the latency.
    parts
        Earlier ends at which a window is given too: 0 where it is only given whole.
    """

    session: str
    segment: int
    channels: tuple[str, ...]
    rate_hz: float
    simulated: bool
    replayed: bool = False
    parts: int = 0

    def window(self, epoch: Epoch, now: float, part: int | None = None) -> Window:
        """An accepted window, cut ``now``, or one of its parts."""
        return self._as(Window, epoch, now, part)

    def tap(self, epoch: Epoch, now: float) -> Tap:
        """A copy of it for those who look on."""
        return self._as(Tap, epoch, now, None)

    def _as(self, kind: type[Kind], epoch: Epoch, now: float, part: int | None) -> Kind:
        due, arrived = (None, None) if self.replayed else (epoch.sample_due, epoch.sample_in)
        return kind(
            session=self.session,
            segment=self.segment,
            sequence=epoch.sequence,
            part=self.parts if part is None else part,
            final=part is None,
            stimulus=epoch.stimulus,
            onset_s=epoch.onset_s,
            sampling_rate_hz=self.rate_hz,
            first_sample_offset_s=epoch.first_sample_offset_s,
            channels=self.channels,
            versions=epoch.data.shape[0],
            times=epoch.data.shape[2],
            repeats=epoch.repeats,
            flags=epoch.flags,
            simulated=self.simulated,
            stamps=Stamps(sample_due=due, sample_in=arrived, cut=now),
            data=epoch.data,
        )

    def draft(self, epoch: Epoch) -> Draft:
        """The first samples of a window to come."""
        return Draft(
            session=self.session,
            segment=self.segment,
            sequence=epoch.sequence,
            part=self.parts,
            channels=self.channels,
            versions=epoch.data.shape[0],
            times=epoch.data.shape[2],
            data=epoch.data,
        )

    def rejected(self, stimulus: Epoch | Refused | Missed, reasons: tuple[str, ...]) -> Rejected:
        """A stimulus whose window is not sent."""
        return Rejected(
            session=self.session,
            segment=self.segment,
            sequence=stimulus.sequence,
            part=self.parts,
            stimulus=stimulus.stimulus,
            onset_s=stimulus.onset_s,
            reasons=reasons,
        )
