"""A simulated participant who reacts to markers, as a headset over LSL: an EEG outlet, and no markers of its own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import numpy as np

from acquisition.lsl_outlets import Outlets
from acquisition.sources.reacting import ReactingReader
from config.settings import ParticipantSource
from wire import lsl_scope

READ_S = 0.1


def react(
    settings: ParticipantSource,
    *,
    name: str,
    source_id: str,
    lan: bool,
    wait: bool,
    stop: threading.Event,
    progress: Callable[[float, int], None] | None = None,
) -> None:
    """Send EEG as it is made, each chunk when its last sample is due, until stopped.

    Parameters
    ----------
    settings
        Of the participant.
    name, source_id
        Of the EEG stream.
    lan
        Let the local network see it (unencrypted); else this machine only.
    wait
        Begin once somebody listens.
    stop
        Ends it.
    progress
        Called with seconds sent and markers reacted to.

    Raises
    ------
    SourceError
        The participant cannot be made as asked for.
    """
    lsl_scope.restrict(lan=lan)  # before the first thing that listens
    source = ReactingReader(settings)
    info = source.open()
    samples = markers = 0
    try:
        with Outlets(info, name=name, source_id=source_id, marker_name=None, lan=lan) as outlets:
            outlets.wait_for_consumers(None if wait else 0.0, stop)
            while not stop.is_set():
                chunk = source.read(READ_S)
                if chunk.stamps.size:
                    outlets.eeg.push_chunk(np.ascontiguousarray(chunk.samples.T), chunk.stamps)
                samples += chunk.stamps.size
                markers += len(chunk.events)
                if chunk.remark:
                    sys.stderr.write(f"participant '{name}': {chunk.remark}\n")
                if progress is not None:
                    progress(samples / info.rate_hz, markers)
    finally:
        source.close()
    sys.stderr.write(f"streamed {samples} samples as '{name}', and reacted to {markers} markers\n")
