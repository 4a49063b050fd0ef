"""A check while it is made: what is said when, and what the samples showed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config.guide import Check
from eegseek.session.checks import BLINK_S, EYES_S, REST_S, alpha, blink
from eegseek.session.samples import Samples

SETTLE_S = 1.0
"""After it was asked for, before it is measured: people need a moment."""
Kind = Literal["blink", "eyes"]


@dataclass(frozen=True)
class Phase:
    """One part of a check.

    Attributes
    ----------
    words
        Said at its beginning.
    begin_s, end_s
        Seconds after the check began; the first is after `SETTLE_S`.
    """

    words: str
    begin_s: float
    end_s: float


PARTS: dict[Kind, tuple[Phase, Phase]] = {
    "blink": (
        Phase("Sit still, and do not blink.", SETTLE_S, SETTLE_S + REST_S),
        Phase("Now blink, firmly, a few times.", SETTLE_S + REST_S, SETTLE_S + REST_S + BLINK_S),
    ),
    "eyes": (
        Phase("Eyes open: look at one point.", SETTLE_S, SETTLE_S + EYES_S),
        Phase("Now close your eyes, until it rings.", 2 * SETTLE_S + EYES_S, 2 * SETTLE_S + 2 * EYES_S),
    ),
}


@dataclass(frozen=True)
class Measure:
    """A check that began.

    Attributes
    ----------
    kind
        Which.
    begin_s
        When, acquisition's clock.
    """

    kind: Kind
    begin_s: float

    def words(self, at_s: float) -> str:
        """What is to be done at this moment, with the seconds that are left."""
        first, second = PARTS[self.kind]
        now_s = at_s - self.begin_s
        part = first if now_s < first.end_s else second
        return f"{part.words} {max(0.0, part.end_s - now_s):.0f} s"

    def over(self, at_s: float) -> bool:
        """Whether all samples are in."""
        return at_s - self.begin_s >= PARTS[self.kind][1].end_s

    def seen(self, samples: Samples) -> Check:
        """What the samples showed."""
        first, second = (samples.between(self.begin_s + p.begin_s, self.begin_s + p.end_s) for p in PARTS[self.kind])
        judge = blink if self.kind == "blink" else alpha
        return judge(first, second, samples.rate_hz, samples.channels)
