"""How good an electrode's impedance is, in plain words. Pure; the same for acquisition and all that shows it.

Limits: at most 10 kΩ is asked of clinical recordings, and less than 0.1 kΩ means two electrodes that touch each other
through gel (American Clinical Neurophysiology Society, Guideline 1, J Clin Neurophysiol 2016;33:303-307). Amplifiers
of high input impedance record well through 40 kΩ (Ferree et al., Clin Neurophysiol 2001;112:536-544). Dry electrodes
have hundreds of kΩ; beyond 1 MΩ nothing is touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Literal

Grade = Literal["short", "good", "fair", "poor", "open"]
SHORT_KOHM, GOOD_KOHM, FAIR_KOHM, OPEN_KOHM = 0.1, 10.0, 40.0, 1000.0
WORDS: dict[Grade, str] = {
    "short": "too low: bridged by gel, or a short circuit",
    "good": "good",
    "fair": "fair",
    "poor": "poor",
    "open": "no contact",
}
LIMITS = f"good up to {GOOD_KOHM:g} kΩ, fair up to {FAIR_KOHM:g} kΩ, no contact from {OPEN_KOHM / 1000:g} MΩ"


def grade(kohm: float) -> Grade:
    """What an impedance means.

    Parameters
    ----------
    kohm
        Its magnitude, kΩ.
    """
    if kohm < SHORT_KOHM:
        return "short"
    if kohm <= GOOD_KOHM:
        return "good"
    if kohm <= FAIR_KOHM:
        return "fair"
    return "poor" if kohm < OPEN_KOHM else "open"


def measured(ohm: float) -> bool:
    """Whether a number that a device sent is a measurement: zero, negative and non-finite ones are not."""
    return isfinite(ohm) and ohm > 0


def amount(kohm: float) -> str:
    """With its unit, such as ``4.7 kΩ``, ``68 kΩ`` or ``2.1 MΩ``."""
    if kohm >= OPEN_KOHM:
        return f"{kohm / 1000:.1f} MΩ"
    return f"{kohm:.0f} kΩ" if kohm >= 10 else f"{kohm:.1f} kΩ"


def told(kohm: float) -> str:
    """Amount and meaning, such as ``4.7 kΩ good``."""
    return f"{amount(kohm)} {WORDS[grade(kohm)]}"


def listed(electrodes: Iterable[tuple[str, float]]) -> str:
    """Several in one line, such as ``reference 4.7 kΩ good, ground 9.1 kΩ good``."""
    return ", ".join(f"{name} {told(kohm)}" for name, kohm in electrodes)
