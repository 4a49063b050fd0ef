"""A publisher of previews and taps with real sockets, in real time, for tests of the dashboard's pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from display_fakes import FakeAcquisition, status
from msgspec.structs import replace

from wire.clock import now
from wire.packets import Mark, PeerState, Preview, Quality, Status, Tap

TICK_S = 0.1
SLOW = 0.25
"""Statuses come so often from acquisition, too."""
ERP = {"face": (0.17, -8.0), "house": (0.25, 6.0)}
"""Category to when its response peaks, s, and how high, µV, at the back of the head."""


class Head(FakeAcquisition):
    """A simulated head that publishes by itself, in a thread.

    Attributes
    ----------
    wanted
        Topics on demand that somebody subscribes to.
    spike
        (channel, µV): goes into the next preview, one sample long, and is None again.
    noise_uv
        Size of everything else.
    """

    def __init__(self, folder: Path, channels: Sequence[str], rate_hz: float = 250.0, *, noise_uv: float = 10.0):
        super().__init__(folder)
        self.channels = tuple(channels)
        self.rate_hz = rate_hz
        self.noise_uv = noise_uv
        self.flat: set[str] = set()
        self.noisy: set[str] = set()
        self.wanted: set[bytes] = set()
        self.spike: tuple[str, float] | None = None
        self.marked: list[Mark] = []
        self.tapped = 0
        self.stimuli: list[str] = []
        self._random = np.random.default_rng(0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live)
        self._began_s = now()
        self._sent = 0
        self._slow_s = 0.0
        self.greeting = self._status()

    def begin(self) -> Head:
        """Publish from now on."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop, then let go of the sockets."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        super().close()

    def until(self, condition: Callable[[], bool], limit_s: float = 30.0) -> None:
        """Wait until something holds, or fail; the thread pumps."""
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, "what the test waits for did not happen in time"
            time.sleep(0.02)

    def pump(self) -> None:
        """Subscriptions, and what displays ask."""
        while self._publisher.poll(0):
            message = self._publisher.recv()
            topic = bytes(message[1:])
            if message[:1] == b"\x01":
                self.wanted.add(topic)
                self.publish(self.greeting)
            else:
                self.wanted.discard(topic)
        super().pump()

    def _live(self) -> None:
        while not self._stop.wait(TICK_S):
            self.pump()
            if b"preview" in self.wanted:
                self._preview()
            else:  # nobody looks
                self._sent = int((now() - self._began_s) * self.rate_hz)
            if b"tap" in self.wanted:
                while self.stimuli:
                    self._tap(self.stimuli.pop(0))
            if now() - self._slow_s > SLOW:
                self._slow_s = now()
                self.publish(self._status())
                self.publish(self._quality())

    def _status(self) -> Status:
        peers: tuple[PeerState, ...] = ()
        gauges = {"rate_hz": self.rate_hz}
        return replace(status(simulated=True), time_s=now(), gauges=gauges, peers=peers, source="test")

    def _preview(self) -> None:
        n = int((now() - self._began_s) * self.rate_hz) - self._sent
        if n <= 0:
            return
        t = self._began_s + (self._sent + np.arange(n)) / self.rate_hz
        data = self._random.normal(0, self.noise_uv, (len(self.channels), n)).astype(np.float32)
        data += np.float32(self.noise_uv) * np.sin(2 * np.pi * 10 * t).astype(np.float32)
        for k, name in enumerate(self.channels):
            data[k] *= 0.0 if name in self.flat else 6.0 if name in self.noisy else 1.0
        if self.spike is not None:
            data[self.channels.index(self.spike[0]), n // 2] = self.spike[1]
            self.spike = None
        marks, self.marked = tuple(self.marked), []
        self.publish(
            Preview(
                session="test", segment=1, sequence=self._sent, first_s=float(t[0]), rate_hz=self.rate_hz,
                channels=self.channels, times=n, marks=marks, simulated=True, data=data,
            )
        )  # fmt: skip
        self._sent += n

    def _tap(self, stimulus: str) -> None:
        times = round(0.8 * self.rate_hz)
        peak_s, uv = ERP.get(stimulus.partition("/")[0], (0.3, 1.0))
        wave = uv * np.exp(-0.5 * ((np.arange(times) / self.rate_hz - peak_s) / 0.04) ** 2)
        back = np.array([1.0 if name[0] in "PO" else 0.2 for name in self.channels])
        data = self._random.normal(0, 4.0, (1, len(self.channels), times)) + back[None, :, None] * wave
        self.publish(
            Tap(
                session="test", segment=1, sequence=self.tapped, stimulus=stimulus, onset_s=now() - 1,
                sampling_rate_hz=self.rate_hz, first_sample_offset_s=0.0, channels=self.channels, versions=1,
                times=times, repeats=1, simulated=True, data=data.astype(np.float32),
            )
        )  # fmt: skip
        self.tapped += 1

    def _quality(self) -> Quality:
        def state(name: str) -> str:
            return "flat" if name in self.flat else "noisy" if name in self.noisy else "good"

        return Quality(
            time_s=now(),
            channels=self.channels,
            rms_uv=tuple(0.0 if name in self.flat else self.noise_uv * 1.2 for name in self.channels),
            line_ratio=tuple(0.55 if name in self.noisy else 0.04 for name in self.channels),
            states=tuple(state(name) for name in self.channels),
        )
