"""The control of the latency benchmark: the same processes, sockets, threads and message sizes, and no work.

What it takes is the machine's and the transports' own: LSL, a hand-over between two threads, three ZeroMQ messages of
the sizes that eegseek sends. Nothing is filtered, cut, embedded, searched, validated, journalled or drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

import zmq

from acquisition.sources.labels import END_LABEL
from wire import sockets
from wire.clock import now
from wire.endpoints import endpoints

HEADER_BYTES, RESULT_HEADER_BYTES = 750, 2200
"""Of a window's and of a result's header, as eegseek sends them."""
WAIT_S, PULL_S = 60.0, 0.05
MOST, FLUSH_MS = 1024, 1000
WAKE = "inproc://control"
END = b"end"


def acquisition(run: str, eeg: str, markers: str, last_row: int, payload: int) -> int:
    """One thread pulls LSL and sees which windows are complete, the other owns the sockets."""
    import pylsl

    from wire import lsl_scope

    lsl_scope.listen()
    ends = endpoints(run)
    with (
        zmq.Context() as context,
        sockets.make(context, zmq.ROUTER) as work,
        sockets.make(context, zmq.PUB) as results,
        context.socket(zmq.PAIR) as wake,
    ):
        sockets.bind(work, ends.work)
        sockets.bind(results, ends.results)
        wake.bind(WAKE)
        identity = work.recv_multipart()[0]
        found = [pylsl.resolve_byprop("name", name, timeout=WAIT_S) for name in (eeg, markers)]
        if not all(found):
            sys.stderr.write(f"control: the streams did not come up within {WAIT_S:g} s\n")
            return 1
        inlets = [pylsl.StreamInlet(infos[0], recover=False) for infos in found]
        reader = threading.Thread(target=_read, args=(context, *inlets, last_row), daemon=True)
        reader.start()
        _broke(work, results, wake, identity, b"\0" * payload)
        for socket in (work, results):
            socket.setsockopt(zmq.LINGER, FLUSH_MS)
    return 0


def _read(context: zmq.Context[Any], eeg: Any, markers: Any, last_row: int) -> None:
    rate = eeg.info().nominal_srate()
    markers.open_stream(timeout=WAIT_S)
    pending: deque[float] = deque()
    over = False
    with context.socket(zmq.PAIR) as wake:
        wake.connect(WAKE)
        while pending or not over:
            _, stamps = eeg.pull_chunk(PULL_S, MOST, min_samples=1, as_numpy=True)
            labels, onsets = markers.pull_chunk(0.0)
            over |= [END_LABEL] in labels
            pending.extend(onset for (label,), onset in zip(labels, onsets, strict=True) if label != END_LABEL)
            # the sample that completes a window is nearest to the onset plus its length
            while len(stamps) and pending and stamps[-1] >= pending[0] + (last_row - 0.5) / rate:
                wake.send(str(pending.popleft() + last_row / rate).encode())
        wake.send(END)


def _broke(work: Any, results: Any, wake: Any, identity: bytes, payload: bytes) -> None:
    poller = zmq.Poller()
    for socket in (work, wake):
        poller.register(socket, zmq.POLLIN)
    flying, over = 0, False
    while flying or not over:
        ready = dict(poller.poll())
        if wake in ready:
            due = wake.recv()
            over = over or due == END
            if due != END:
                flying += 1
                work.send_multipart([identity, due, b" " * HEADER_BYTES, payload])
        if work in ready:
            flying -= 1
            results.send_multipart(work.recv_multipart()[1:])
    work.send_multipart([identity, END])
    results.send_multipart([END])


def inference(run: str, payload: int) -> int:
    """Answer each window with a result of the usual size."""
    header, vectors = b" " * RESULT_HEADER_BYTES, b"\0" * payload
    with zmq.Context() as context, sockets.make(context, zmq.DEALER) as socket:
        socket.connect(endpoints(run).work)
        socket.send_multipart([b"ready"])
        while (due := socket.recv_multipart()[0]) != END:
            socket.send_multipart([due, header, vectors])
    return 0


def display(run: str, out: Path) -> int:
    """Write when each result came."""
    with zmq.Context() as context, sockets.make(context, zmq.SUB) as socket, out.open("w") as rows:
        socket.subscribe(b"")
        socket.connect(endpoints(run).results)
        while (due := socket.recv_multipart()[0]) != END:
            rows.write(json.dumps({"sample_due": float(due), "shown": now()}) + "\n")
            rows.flush()
    return 0


def main(arguments: list[str] | None = None) -> int:
    """``python -m benchmarks.control ROLE``."""
    parser = argparse.ArgumentParser(prog="benchmarks.control")
    parser.add_argument("role", choices=("acquisition", "inference", "display"))
    parser.add_argument("--run", required=True, help="run folder")
    parser.add_argument("--eeg", help="name of the EEG stream")
    parser.add_argument("--markers", help="name of the marker stream")
    parser.add_argument("--last-row", type=int, help="last sample of a window, counted from the onset's")
    parser.add_argument("--payload", type=int, default=0, help="bytes of a window, or of a result's vectors")
    parser.add_argument("--out", type=Path, help="JSON lines")
    given = parser.parse_args(arguments)
    if given.role == "acquisition":
        return acquisition(given.run, given.eeg, given.markers, given.last_row, given.payload)
    if given.role == "inference":
        return inference(given.run, given.payload)
    return display(given.run, given.out)


if __name__ == "__main__":
    sys.exit(main())
