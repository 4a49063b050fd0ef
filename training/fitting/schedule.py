"""Learning rates over a fit."""

from __future__ import annotations

import math


def rate(schedule: str, step: int, steps: int, warmup: float) -> float:
    """Factor of the learning rate at a step.

    Parameters
    ----------
    schedule
        ``constant``, or ``cosine``: half a cosine from 1 to 0 after the warm-up.
    step, steps
        Of this step, from 0, and in all.
    warmup
        Steps over which the rate rises from 0 in a line.
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, steps - warmup)))
