"""The decoder without sockets: ``python -m benchmarks.workers_alone ENCODER GALLERY SECONDS BATCH...``."""

from __future__ import annotations

import sys
import time

import numpy as np

from config.settings import InferenceSettings
from inference.loading import load_decoder
from inference.worker import Decoder


def decoder(encoder: str, gallery: str) -> Decoder:
    """Of two bundles, warm, in ``throughput`` mode."""
    settings = InferenceSettings(encoder=encoder, gallery=gallery, device="cpu", mode="throughput", batch=1)
    return load_decoder(settings, "alone")


def main(arguments: list[str]) -> int:
    """Print a line for each batch: windows at once, rows a second (two rows a window)."""
    encoder, gallery, seconds, *batches = arguments
    alone = decoder(encoder, gallery)
    for batch in map(int, batches):
        took: list[float] = []
        until = time.perf_counter() + float(seconds) / len(batches)
        alone.warm(batch)
        while time.perf_counter() < until or len(took) < 3:
            took.append(alone.warm(batch))
        print(batch, 2 * batch / float(np.median(took)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
