"""A worker that decodes nothing: writes down a hash of every window it is given, and answers at once.

With it, windows cut by the real processes are compared bit for bit with those cut offline, and the rate of everything
but the decoder is measured. Run as ``python -m benchmarks.throughput_probe --config FILE --hashes FILE``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import zmq
from msgspec.structs import replace
from numpy.typing import NDArray

from config.bundles import fingerprint, read_encoder_spec
from config.load import load_settings
from inference.link import Link
from wire.clock import now
from wire.endpoints import endpoints
from wire.packets import Answer, Hello, Ready, Result, Stop, Window
from wire.sockets import make

CREDIT = 16
DIM = 8


def digest(sequence: int, data: NDArray[Any]) -> str:
    """A line for one window: its number, and a hash of all its versions bit for bit."""
    return f"{sequence} {hashlib.sha256(np.ascontiguousarray(data, '<f4').tobytes()).hexdigest()}"


class Probe:
    """Answer windows until told to stop. The constructor only stores.

    Parameters
    ----------
    link
        To the dispatcher.
    encoder
        Fingerprint of the encoder that it stands for.
    """

    def __init__(self, link: Link, encoder: str) -> None:
        self.link = link
        self.encoder = encoder
        self.lines: list[str] = []
        self._stop = False

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Leave soon; also a signal handler."""
        self._stop = True

    def run(self) -> None:
        """Until a signal, or the dispatcher's word."""
        link = self.link
        link.announce(Ready(worker=link.name, pid=link.pid, encoder=self.encoder, gallery="none", credit=CREDIT))
        while not self._stop:
            link.socket.poll(50)
            for packet in link.receive(now()):
                match packet:
                    case Window():
                        self.lines.append(digest(packet.sequence, packet.data))
                        link.post(self._answer(packet))
                    case Hello():
                        link.greet()
                    case Stop():
                        self._stop = True
                    case _:
                        continue
            link.tend(now())

    def _answer(self, window: Window) -> Result:
        data = np.zeros((window.versions, DIM), np.float32)
        data[:, 0] = 1.0
        at = now()
        return Result(
            **window.key._asdict(),
            stimulus=window.stimulus,
            onset_s=window.onset_s,
            final=window.final,
            versions=window.versions,
            dim=DIM,
            data=data,
            answers=tuple(Answer(hits=(), repeats=window.repeats) for _ in range(window.versions)),
            encoder=self.encoder,
            gallery="none",
            mode="throughput",
            worker=self.link.name,
            stamps=replace(window.stamps, received=at, embedded=at, searched=at),
        )


def main(argv: list[str] | None = None) -> int:
    """Run until told to stop, then write the hashes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput_probe", description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--hashes", required=True, type=Path)
    given = parser.parse_args(argv)
    settings = load_settings(given.config)
    with zmq.Context() as context, make(context, zmq.DEALER) as socket:
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.connect(endpoints(settings.run.folder).work)
        link = Link(socket, "probe", os.getpid(), settings.dispatch.heartbeat_s, settings.dispatch.dead_s)
        probe = Probe(link, fingerprint(read_encoder_spec(Path(settings.inference.encoder))))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, probe.stop)
        probe.run()
    given.hashes.write_text("".join(f"{line}\n" for line in probe.lines), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
