"""Rigs that share workers, simulated: no socket, no signal; service times as measured. A discrete-event simulation.

Every rig shows pictures at its rate, its first at a random moment. A window waits for a free worker, first come first
served, and holds it for a service time drawn from those measured. What waits longer than ``AGE_S`` is expired,
as the dispatcher does it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

AGE_S = 10.0
"""`config.settings.DispatchSettings.age_s`."""


@dataclass(frozen=True)
class Simulated:
    """What a simulation found.

    Attributes
    ----------
    load
        Share of their time that workers would have to work; above 1 they cannot keep up.
    p50_ms, p99_ms
        From a window's arrival to its answer, waiting included.
    wait_p99_ms
        From its arrival until a worker takes it.
    expired
        Share of windows.
    """

    load: float
    p50_ms: float
    p99_ms: float
    wait_p99_ms: float
    expired: float


def simulate(
    rigs: int, workers: int, rsvp_hz: float, service_s: Sequence[float], *, seconds: float = 60.0, seed: int = 0
) -> Simulated:
    """Simulate rigs of one rate that share a pool of workers.

    Parameters
    ----------
    rigs, workers
        How many.
    rsvp_hz
        Pictures a second of each rig.
    service_s
        Measured times of one window at a worker, drawn from at random.
    seconds
        Simulated time.
    seed
        Of phases and draws.
    """
    rng = np.random.default_rng(seed)
    shown = np.arange(0.0, seconds, 1.0 / rsvp_hz)
    arrivals = np.sort((shown[None] + rng.uniform(0.0, 1.0 / rsvp_hz, (rigs, 1))).ravel())
    services = rng.choice(np.asarray(service_s, np.float64), len(arrivals))
    free = [0.0] * workers  # when each worker is free again
    answered, waited, expired = [], [], 0
    for arrival, service in zip(arrivals.tolist(), services.tolist(), strict=True):
        begin = max(arrival, free[0])
        if begin - arrival > AGE_S:
            expired += 1
            continue
        heapq.heapreplace(free, begin + service)
        answered.append(begin + service - arrival)
        waited.append(begin - arrival)
    p50, p99 = np.percentile(answered, [50, 99]) * 1e3
    load = rigs * rsvp_hz * float(np.mean(services)) / workers
    wait = float(np.percentile(waited, 99)) * 1e3
    return Simulated(load, float(p50), float(p99), wait, expired / len(arrivals))


def most_rigs(workers: int, rsvp_hz: float, service_s: Sequence[float], *, wait_ms: float, limit: int = 512) -> int:
    """Most rigs for which 99 of 100 windows wait no longer than ``wait_ms`` for a worker; 0 where there is none."""
    low, high = 0, 1
    while high <= limit and simulate(high, workers, rsvp_hz, service_s, seconds=30.0).wait_p99_ms <= wait_ms:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        good = simulate(middle, workers, rsvp_hz, service_s, seconds=30.0).wait_p99_ms <= wait_ms
        low, high = (middle, high) if good else (low, middle)
    return low
