"""What the rows stream and decode: a simulated participant and random weights, of the sizes of a real session."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from benchmarks.bundles import REJECTION, WINDOW, Sizes, channel_names, montage, write_bundles
from benchmarks.processes import Processes
from config.bundles import SessionFile
from config.settings import ParticipantSource

SIZES = Sizes(channels=17, rate_hz=250.0, encoder="nice", dim=512, gallery=16_540)
"""As THINGS-EEG2 is decoded: 17 channels at 250 Hz."""
LEAD_S = 3.0
RSVP_HZ = 10.0
STIMULI = 50
Table = dict[str, dict[str, Any]]
WINDOW_S = WINDOW.end_s
QUEUES = 2500
"""Answers that more than fill both ends' queues to a display."""


def bundles(place: Path, sizes: Sizes = SIZES) -> dict[str, str]:
    """Encoder and gallery with random contents: the section ``inference``."""
    place.mkdir(parents=True, exist_ok=True)
    encoder, gallery = write_bundles(place, sizes)
    return {"encoder": str(encoder), "gallery": str(gallery), "device": "cpu"}


def direct(seconds: float, sizes: Sizes = SIZES, *, speed: float = 1.0, rsvp_hz: float = RSVP_HZ) -> dict[str, Any]:
    """A participant that acquisition plays itself, pictures for so long: the section ``source``."""
    return {
        "kind": "participant", "montage": montage(sizes.channels), "channels": list(channel_names(sizes.channels)),
        "rate_hz": sizes.rate_hz, "stimuli": STIMULI, "repeats": max(1, round(seconds * rsvp_hz / STIMULI)),
        "rsvp_hz": rsvp_hz, "lead_s": LEAD_S, "speed": speed,
    }  # fmt: skip


def settings(decoder: dict[str, str], stream: dict[str, Any], /, **sections: dict[str, Any]) -> Table:
    """Settings of a session; further sections are added to what is here."""
    made: Table = {
        "source": stream, "inference": dict(decoder), "rejection": REJECTION.model_dump(), "run": {"restarts": 100},
        "session": {"bids": False},
    }  # fmt: skip
    for name, values in sections.items():
        made[name] = {**made.get(name, {}), **values}
    return made


def truth(place: Path) -> dict[str, Any]:
    """Which items the pictures are, so that accuracy is counted, too: for the section ``session``."""
    place.mkdir(parents=True, exist_ok=True)
    file = place / "truth.json"
    shown = SessionFile(truth={str(k + 1): f"item-{k}" for k in range(STIMULI)})
    file.write_text(shown.model_dump_json(), "utf-8")
    return {"truth": str(file)}


class Lsl:
    """A participant played over LSL by a process of its own.

    Parameters
    ----------
    place
        For its files.
    seconds
        Pictures for so long.
    """

    def __init__(self, place: Path, seconds: float, sizes: Sizes = SIZES, rsvp_hz: float = RSVP_HZ) -> None:
        self.name = f"faults-{uuid.uuid4().hex[:10]}"
        place.mkdir(parents=True, exist_ok=True)
        self._file = place / f"{self.name}.json"
        played = {**direct(seconds, sizes, rsvp_hz=rsvp_hz), "lead_s": 2 * LEAD_S}
        source = ParticipantSource.model_validate({**played, "channels": tuple(played["channels"])})
        self._file.write_text(source.model_dump_json(), "utf-8")

    def start(self, processes: Processes) -> None:
        """Begin; it waits until somebody listens."""
        names = ["--name", self.name, "--source-id", self.name, "--marker-name", f"{self.name}-markers"]
        processes.start("outlet", "acquisition.outlet", "--source", str(self._file), *names)

    @property
    def source(self) -> dict[str, Any]:
        """The section ``source`` of who listens."""
        return {"kind": "lsl", "name": self.name, "marker_name": f"{self.name}-markers", "wait_s": 30.0}
