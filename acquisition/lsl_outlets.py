"""Two LSL outlets, EEG and markers, as a headset and a stimulus program would have them."""

from __future__ import annotations

import threading
from typing import Any

from acquisition.types import StreamInfo
from config.errors import ProcessError
from wire import lsl_scope
from wire.clock import now

SETTLE_S = 0.5
"""The first samples after a consumer connected can be lost: it is not quite there yet."""
LINGER_S = 3.0
"""Longest wait at the end for consumers to leave."""
_POLL_S = 0.1


class Outlets:
    """An EEG and a marker stream, announced while open; a context manager.

    The description of both carries a child ``eegseek`` with ``simulated``, ``finite`` and ``line_hz``, from which
    `acquisition.sources.lsl` learns what it could not know.

    Parameters
    ----------
    info
        What is played.
    name, source_id
        Of the EEG stream; the marker stream's id is the same with ``-markers``.
    marker_name
        Of the marker stream; None: there is none, and the EEG has no end of its own.
    lan
        Let the local network see both (unencrypted).
    """

    def __init__(self, info: StreamInfo, *, name: str, source_id: str, marker_name: str | None, lan: bool) -> None:
        self._info = info
        self._name = name
        self._source_id = source_id
        self._marker_name = marker_name
        self._lan = lan
        self.eeg: Any = None
        self.markers: Any = None

    def __enter__(self) -> Outlets:
        """Announce both."""
        lsl_scope.restrict(lan=self._lan)
        import pylsl

        info = self._info
        eeg = pylsl.StreamInfo(self._name, "EEG", len(info.channels), info.rate_hz, pylsl.cf_float32, self._source_id)
        channels = eeg.desc().append_child("channels")
        for label in info.channels:
            channel = channels.append_child("channel")
            for key, value in (("label", label), ("unit", "microvolts"), ("type", "EEG")):
                channel.append_child_value(key, value)
        self._say(eeg.desc().append_child("eegseek"))
        self.eeg = pylsl.StreamOutlet(eeg)
        if self._marker_name is not None:
            markers = pylsl.StreamInfo(
                self._marker_name, "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, f"{self._source_id}-markers"
            )
            self._say(markers.desc().append_child("eegseek"))
            self.markers = pylsl.StreamOutlet(markers)
        for outlet in self._outlets:
            if not self._lan:
                lsl_scope.seal(outlet)
        return self

    @property
    def _outlets(self) -> list[Any]:
        return [outlet for outlet in (self.eeg, self.markers) if outlet is not None]

    def __exit__(self, *_: object) -> None:
        """Take both away: liblsl closes an outlet when its object goes."""
        self.eeg = self.markers = None

    def wait_for_consumers(self, wait_s: float | None, stop: threading.Event) -> None:
        """Wait until both have a consumer: at most ``wait_s``, without end where None, not at all where 0.

        Raises
        ------
        ProcessError
            Nobody came in time.
        """
        if wait_s == 0:
            return
        until = None if wait_s is None else now() + wait_s
        for what, outlet in zip(("EEG", "marker"), self._outlets, strict=False):
            while not outlet.wait_for_consumers(_POLL_S):
                if stop.is_set():
                    return
                if until is not None and now() >= until:
                    raise ProcessError(f"nobody listened to the {what} stream within {wait_s:g} s; start a reader")
        stop.wait(SETTLE_S)

    def linger(self, stop: threading.Event) -> None:
        """Stay until the consumers have taken what is left and gone."""
        until = now() + LINGER_S
        while any(outlet.have_consumers() for outlet in self._outlets) and now() < until and not stop.is_set():
            stop.wait(_POLL_S)

    def _say(self, child: Any) -> None:
        child.append_child_value("simulated", str(self._info.simulated).lower())
        child.append_child_value("finite", str(self._marker_name is not None).lower())
        if self._info.line_hz is not None:
            child.append_child_value("line_hz", f"{self._info.line_hz:g}")
