"""Contact of each channel as a traffic light, and whether it has been good for long enough. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config.guide import Light
from wire.impedance import amount, grade
from wire.packets import Quality

HUM = 0.5
"""More than half of a channel's power at the line frequency: the electrode barely touches."""
STEADY_S = 3.0
"""Contact must be good for so long."""
Letter = Literal["G", "Y", "R", "?"]
_TOLD: dict[str, tuple[Letter, str]] = {
    "good": ("G", "good"),
    "noisy": ("Y", "moves too much: sit still, relax jaw and forehead, or press the electrode on"),
    "swapped": ("Y", "looks exchanged with another channel: check the plugs"),
    "flat": ("R", "no signal at all: it does not touch, or its wire is broken"),
    "railed": ("R", "at the limit of the amplifier: it does not touch, or the reference does not"),
    "invalid": ("R", "sends no numbers: check the device"),
}


def lights(quality: Quality | None) -> tuple[Light, ...]:
    """A light for each channel; none before anything is known.

    Parameters
    ----------
    quality
        The last second.
    """
    if quality is None:
        return ()
    found = []
    for name, state, hum in zip(quality.channels, quality.states, quality.line_ratio, strict=True):
        letter, words = _TOLD[state]
        if letter == "G" and hum > HUM:
            letter, words = (
                "Y",
                f"mains hum is {hum:.0%} of its power: wet or press the electrode, move away from cables",
            )
        if letter != "R" and name in quality.electrodes_kohm:
            letter, words = _with_impedance(letter, words, quality.electrodes_kohm[name])
        found.append(Light(channel=name, letter=letter, words=words))
    # an open reference spoils all channels; what is well there needs no light
    other = ((name, *_with_impedance("G", "good", kohm)) for name, kohm in quality.other_kohm.items())
    found += [Light(channel=name, letter=letter, words=words) for name, letter, words in other if letter == "R"]
    return tuple(found)


def _with_impedance(letter: Letter, words: str, kohm: float) -> tuple[Letter, str]:
    """A good signal does not make up for an electrode that cannot be touching."""
    match grade(kohm):
        case "open":
            return "R", f"impedance is {amount(kohm)}: it does not touch; press it on, wet it, push hair away"
        case "short":
            return "Y", f"impedance is {amount(kohm)}: gel may bridge it to its neighbour, or the input is shorted"
        case "poor" if letter == "G":
            return "Y", f"impedance is {amount(kohm)}: wet or press the electrode (a dry one stays so: go on)"
    return letter, f"{words} ({amount(kohm)})" if letter == "G" else words


def all_good(shown: tuple[Light, ...]) -> bool:
    """Whether every channel is good, and there are some."""
    return bool(shown) and all(light.letter == "G" for light in shown)


def row(shown: tuple[Light, ...]) -> str:
    """All in one line, such as ``TP9 G  AF7 Y``."""
    return "  ".join(f"{light.channel} {light.letter}" for light in shown)


def worst(shown: tuple[Light, ...]) -> str:
    """What to do about the worst channel, with its name; empty where all are good."""
    for letter in ("R", "Y"):
        bad = [light for light in shown if light.letter == letter]
        if bad:
            return f"{bad[0].channel}: {bad[0].words}" + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else "")
    return ""


@dataclass(frozen=True)
class Steady:
    """How long it has been good.

    Attributes
    ----------
    since_s
        From when on; None while it is not.
    """

    since_s: float | None = None

    def seen(self, good: bool, at_s: float) -> Steady:
        """With one more second."""
        if not good:
            return Steady()
        return self if self.since_s is not None else Steady(at_s)

    def enough(self, at_s: float) -> bool:
        """Whether it has been good for `STEADY_S`."""
        return self.since_s is not None and at_s - self.since_s >= STEADY_S
