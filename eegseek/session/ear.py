"""What the session has heard of its run: state, contact, answers. Packets in, facts and lines out; no socket."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from config.guide import Light
from eegseek.session.lights import Steady, all_good, lights
from eegseek.session.samples import Samples
from wire.packets import Packet, Preview, Quality, Rejected, Reply, Result, Status

SILENT = ("lost", "stalled")


class Ear:
    """Folds packets.

    Parameters
    ----------
    truth
        Category of each marker.
    """

    def __init__(self, truth: Mapping[str, str] | None = None) -> None:
        self.truth = dict(truth or {})
        self.samples = Samples()
        self.status: Status | None = None
        self.lights: tuple[Light, ...] = ()
        self.steady = Steady()
        self.replies: dict[str, Reply] = {}
        self.answered = self.right = self.judged = self.withheld = 0
        self.rejected: Counter[str] = Counter()
        self.lines: deque[str] = deque()
        """Answers, for people, not yet told."""

    def hear(self, packet: Packet, at_s: float) -> None:
        """One packet."""
        match packet:
            case Status() if packet.role == "acquisition":
                self.status = packet
            case Quality():
                self.lights = lights(packet)
                self.steady = self.steady.seen(all_good(self.lights), at_s)
            case Preview():
                self.samples.add(packet)
            case Rejected():
                self.rejected.update(packet.reasons)
            case Reply():
                self.replies[packet.id] = packet
            case Result() if packet.final:
                self._answer(packet)

    def forget_run(self) -> None:
        """A new run begins."""
        self.status, self.lights, self.steady, self.samples = None, (), Steady(), Samples()

    @property
    def flows(self) -> bool:
        """Whether samples arrive."""
        return self.status is not None and self.status.state in ("connected", "recovered", "degraded", "paused")

    @property
    def silent(self) -> str:
        """Why the headset is lost, in words; empty where it is not."""
        status = self.status
        if status is None or status.last:
            return ""
        source = next((peer for peer in status.peers if peer.role == "source"), None)
        if source is not None:
            return source.message or "no samples" if source.state == "lost" else ""
        return status.message or "no samples" if status.state == "lost" else ""

    @property
    def workers(self) -> int:
        """Workers that answer."""
        peers = self.status.peers if self.status is not None else ()
        return sum(peer.role == "inference" and peer.state in ("connected", "recovered") for peer in peers)

    @property
    def score(self) -> str:
        """Answers so far, in one line."""
        if not self.answered:
            return "no answer yet"
        if not self.judged:
            return f"{self.answered} answers"
        share = self.right / self.judged
        return f"{self.answered} answers, {self.right} of {self.judged} right ({share:.0%})"

    def _answer(self, result: Result) -> None:
        answer = result.answers[0]
        if not answer.hits:
            return
        best = answer.hits[0]
        self.answered += 1
        shown = self.truth.get(result.stimulus, "")
        if shown:
            self.judged += 1
            self.right += best.id == shown
        self.withheld += answer.withheld
        found = "withheld (not sure enough)" if answer.withheld else f"{best.label} ({best.probability:.0%})"
        mark = "" if not shown else "  right" if best.id == shown else f"  wrong, shown was {shown}"
        simulated = "SIMULATED  " if result.simulated else ""
        self.lines.append(f"{simulated}found: {found}{mark}")
