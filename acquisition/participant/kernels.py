"""When, after a picture's onset, a simulated source is active: smooth waves between 100 and 600 ms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FIRST_S, LAST_S = 0.1, 0.6
"""Every kernel is zero before and after."""
HALF_WIDTHS_S = (0.06, 0.16)
CARRIER_HZ = (2.0, 9.0)


def evoked_kernels(n: int, generator: np.random.Generator) -> Array:
    """Parameters of ``n`` kernels: (n, 4) centre and half-width in s, carrier in Hz, phase in rad.

    Early responses are short and late ones long, as in visual evoked potentials.
    """
    early = np.linspace(0.0, 1.0, n) if n > 1 else np.zeros(1)
    early = generator.permutation(early)
    half = HALF_WIDTHS_S[0] + early * (HALF_WIDTHS_S[1] - HALF_WIDTHS_S[0])
    half = half * generator.uniform(0.85, 1.0, n)
    centre = FIRST_S + half + early * (LAST_S - FIRST_S - 2 * half)
    carrier = CARRIER_HZ[1] - early * (CARRIER_HZ[1] - CARRIER_HZ[0])
    return np.column_stack([centre, half, carrier, generator.uniform(0.0, 2 * np.pi, n)])


def sample(kernels: Array, times_s: Array) -> Array:
    """Kernels at given times after the onset.

    Parameters
    ----------
    kernels
        (n, 4) from `evoked_kernels`.
    times_s
        (times,).

    Returns
    -------
    (n, times): a Hann window around the centre times a cosine, 1 at most.
    """
    centre, half, carrier, phase = (column[:, None] for column in kernels.T)
    x = times_s[None, :] - centre
    window = np.where(np.abs(x) < half, 0.5 + 0.5 * np.cos(np.pi * x / half), 0.0)
    return np.asarray(window * np.cos(2 * np.pi * carrier * x + phase))
