"""The same job as a single script of mne-lsl: StreamLSL, filters, EpochsStream, torch, FAISS.

As the documentations of the three show it: acquisition in mne-lsl's background threads, the network's own layers in
evaluation mode (`benchmarks.peers.plain`), ``IndexFlatIP``. With ``--tuned`` as quick as it goes with all that is here:

- acquisition by hand in one loop (``acquisition_delay=None``): the background threads take turns on the interpreter
  lock with the decoder, and were slower when tried;
- eegseek's own encoder, folded, and its own index.

Both have the smallest buffers that mne-lsl accepts without a warning, since it copies them whole for each chunk;
``processing_flags`` as its documentation asks for where events come on a second stream; markers as numbers, since it
reads no strings (`benchmarks.peers.codes` makes them, and is not charged to it); no ``reject``, which drops or mixes
epochs when several complete at once; the single trial only, where eegseek answers for the running average too; one
thread for torch and FAISS, everything warm before the stream begins; the answer is in this very process.

Filters are its own causal ones with our frequencies and orders; the epoch ends at the same sample and is decimated as
ours is. mne-lsl loads a liblsl of its own (1.17), so this is a process of its own, which names this machine among its
known peers: that liblsl does not find streams that keep to the machine otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.plain import plain
from config.errors import EegseekError, ProcessError, told
from inference.bundle import load_encoder
from inference.gallery import Gallery
from inference.loaded import LoadedEncoder
from wire.clock import now

TOP_K = 10
BUFFERED_EPOCHS = 10
BUFFERED_EVENTS = 50
PAUSE_S = 0.0005
WAIT_S = 60.0


class Reader:
    """Epochs from two LSL streams. The constructor only stores.

    Parameters
    ----------
    encoder
        Its window, chain and channels are read.
    eeg, codes
        Names of the EEG stream and of the stream of numeric markers.
    n_codes
        Codes are 1 to this.
    threads
        Let mne-lsl acquire in its background threads.
    """

    def __init__(self, encoder: LoadedEncoder, eeg: str, codes: str, n_codes: int, *, threads: bool):
        self.spec = encoder.spec
        self.names = eeg, codes
        self.n_codes = n_codes
        self.delay = 0.001 if threads else None
        self.streams: list[Any] = []
        self._before = self._step = 0

    def open(self) -> None:
        """Connect, filter, epoch."""
        from mne_lsl.stream import EpochsStream

        window, chain = self.spec.window, self.spec.chain
        before_s = -window.baseline_s[0] if window.baseline_s else 0.0
        # events first: the participant begins as soon as the EEG is listened to
        events = self._stream(self.names[1], BUFFERED_EVENTS, ["clocksync"])
        eeg = self._stream(self.names[0], (before_s + window.end_s) * 1.21, "all")
        rate = float(eeg.info["sfreq"])
        self._step, rest = divmod(round(rate), round(window.rate_hz))
        if rest:
            raise ProcessError(
                f"the peer picks every n-th sample, and {rate:g} Hz is no multiple of {window.rate_hz:g}"
            )
        for line_hz in chain.notch_hz:
            eeg.notch_filter(line_hz)
        eeg.filter(chain.highpass_hz, None, iir_params=_butterworth(chain.highpass_order))
        eeg.filter(None, chain.lowpass_hz, iir_params=_butterworth(chain.lowpass_order))
        self._before = round(before_s * rate)
        last = (window.n_times - 1) * self._step  # sample after the onset that the window ends with
        epochs = EpochsStream(
            eeg,
            bufsize=BUFFERED_EPOCHS,
            event_id={str(code): code for code in range(1, self.n_codes + 1)},
            event_channels="code",
            event_stream=events,
            tmin=-before_s,
            tmax=(last + 0.5) / rate,
            baseline=window.baseline_s,
        ).connect(acquisition_delay=self.delay)
        self.streams = [eeg, events, epochs]

    def _stream(self, name: str, bufsize: float, flags: str | list[str]) -> Any:
        from mne_lsl.stream import StreamLSL

        stream = StreamLSL(bufsize=bufsize, name=name)
        try:
            return stream.connect(acquisition_delay=self.delay, processing_flags=flags, timeout=WAIT_S)
        except RuntimeError as error:
            raise ProcessError(f"mne-lsl cannot connect to '{name}' within {WAIT_S:g} s: {error}") from error

    def read(self) -> tuple[Any, Any]:
        """New epochs (n, channels, times) as the encoder wants them, and their codes (n,)."""
        epochs = self.streams[-1]
        if self.delay is None:
            for stream in self.streams:
                stream.acquire()
        n = epochs.n_new_epochs
        if n == 0:
            return np.empty((0, 0, 0), np.float32), np.empty(0, np.int16)
        data = epochs.get_data(n_epochs=n)
        kept = data[:, :, self._before :: self._step][:, :, : self.spec.window.n_times]
        return kept.astype(np.float32), epochs.events[-n:]

    def close(self) -> None:
        """Disconnect."""
        for stream in reversed(self.streams):
            stream.disconnect()


def _butterworth(order: int) -> dict[str, Any]:
    return {"ftype": "butter", "order": order, "output": "sos"}


Decode = Callable[[NDArray[np.float32]], tuple[int, float]]
"""Best row and its cosine of a window (1, channels, times)."""


def tuned(encoder: LoadedEncoder, gallery: Gallery) -> Decode:
    """What eegseek itself uses, in one process."""

    def decode(window: NDArray[np.float32]) -> tuple[int, float]:
        cosines, rows = gallery.search(encoder.encode(window), TOP_K)
        return int(rows[0, 0]), float(cosines[0, 0])

    return decode


def run(reader: Reader, decode: Decode, gallery: Gallery, out: IO[str], stop: threading.Event) -> None:
    """Answer every epoch until told to stop; one JSON line each: its code, and when the answer was there."""
    while not stop.is_set():
        epochs, codes = reader.read()
        for epoch, code in zip(epochs, codes, strict=True):
            row, cosine = decode(epoch[None])
            best = gallery.items[row].id
            answered_s = now()
            line = {"code": int(code), "answered_s": answered_s, "best": best, "cosine": cosine}
            out.write(json.dumps(line) + "\n")
            out.flush()
        if not len(codes):
            time.sleep(PAUSE_S)


def configure(file: Path) -> None:
    """Tell the liblsl of this process about this machine, unless the user has configured it."""
    if "LSLAPICFG" not in os.environ:
        file.write_text("[lab]\nKnownPeers = {127.0.0.1}\n[log]\nlevel = -2\n")
        os.environ["LSLAPICFG"] = str(file)


def main(arguments: list[str] | None = None) -> int:
    """``python -m benchmarks.peers.mne_lsl``: until SIGTERM."""
    parser = argparse.ArgumentParser(prog="benchmarks.peers.mne_lsl")
    parser.add_argument("--encoder", required=True, help="encoder bundle")
    parser.add_argument("--gallery", required=True, help="gallery bundle")
    parser.add_argument("--eeg", required=True, help="name of the EEG stream")
    parser.add_argument("--codes", required=True, help="name of the stream of numeric markers")
    parser.add_argument("--n-codes", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines of answers")
    parser.add_argument("--tuned", action="store_true", help="one loop, and eegseek's own encoder and index")
    given = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    configure(given.out.with_name("lsl_api.cfg"))
    try:
        encoder, gallery = load_encoder(given.encoder, "cpu"), Gallery.load(given.gallery)
        decode = tuned(encoder, gallery) if given.tuned else plain(Path(given.encoder), encoder, gallery.vectors, TOP_K)
        for _ in range(20):
            decode(np.zeros((1, *encoder.shape), np.float32))
        reader = Reader(encoder, given.eeg, given.codes, given.n_codes, threads=not given.tuned)
        reader.open()
        with given.out.open("w") as out:
            run(reader, decode, gallery, out, stop)
        reader.close()
    except EegseekError as error:
        sys.stderr.write(f"mne-lsl peer: {told(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
