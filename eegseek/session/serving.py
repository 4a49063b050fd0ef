"""From a bundle that is written to windows that are answered: what is waited for, and for how long. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

AGAIN_S = 0.5
Wait = Literal["bundle", "start", "worker", "done", "failed"]


@dataclass(frozen=True)
class Serving:
    """Progress towards answers.

    Attributes
    ----------
    limit_s
        When it has taken too long.
    wants_start
        The run calibrated: it is told to start once the bundle is there.
    asked, asked_s
        Id of the last request to start, and when it was made.
    accepted
        It was accepted.
    refused
        Why not, so far.
    """

    limit_s: float
    wants_start: bool
    asked: str = ""
    asked_s: float = float("-inf")
    accepted: bool = False
    refused: str = ""

    def now(self, *, bundle: bool, workers: int, flows: bool, at_s: float) -> Wait:
        """What is waited for."""
        started = self.accepted or not self.wants_start
        if started and workers and flows:
            return "done"
        if at_s >= self.limit_s:
            return "failed"
        if not started and bundle and at_s - self.asked_s >= AGAIN_S:
            return "start"
        return "bundle" if not bundle else "worker"

    def ask(self, name: str, at_s: float) -> Serving:
        """It was asked to start."""
        return replace(self, asked=name, asked_s=at_s)

    def told(self, ok: bool, words: str) -> Serving:
        """The run replied."""
        return replace(self, accepted=ok, refused="" if ok else words)

    @property
    def why(self) -> str:
        """Why it failed, in words."""
        if self.refused:
            return f"the run does not take the new decoder: {self.refused}"
        if self.wants_start and not self.accepted:
            return "the calibration wrote no decoder in time; see logs/calibration.err in the session's folder"
        return "no worker with the new decoder was ready in time; see logs/ in the session's folder"
