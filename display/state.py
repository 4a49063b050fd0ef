"""What a display knows: packets folded in, one at a time. No socket, no clock."""

from __future__ import annotations

from msgspec.structs import replace

from display.accuracy import Accuracy
from display.anytime import Anytime
from display.latency import Latencies
from display.seen import Seen
from display.segment import Segment
from display.truth import Truth
from display.turns import Turns
from wire.packets import Packet, Quality, Rejected, Result, Status
from wire.packets import State as StateName


class State:
    """Everything shown and reported.

    Parameters
    ----------
    truth
        What was really looked at.
    joined_s
        When this display started, acquisition's clock: older results are history, and in no latency.
    """

    def __init__(self, truth: Truth, joined_s: float = 0.0):
        self.truth = truth
        self.joined_s = joined_s
        self.segments: dict[tuple[str, int], Segment] = {}
        self.current: tuple[str, int] | None = None
        self.status: Status | None = None
        self.turns = Turns()
        self.quality: Quality | None = None
        self.latest: Result | None = None
        self.early: Result | None = None
        self.rejected: Rejected | None = None
        self.latencies = Latencies()
        self.part_latencies = Latencies()
        self.accuracy = Accuracy()
        self.anytime = Anytime()
        self.results = 0
        self.fetched = 0
        self.repeated = 0
        self.doubled = 0
        self.malformed = 0
        self.unmapped = 0
        self.foreign = 0
        self.history = 0
        self.simulated = False
        self._seen = Seen()

    def fold(self, packet: Packet, at_s: float, *, fetched: bool = False) -> Result | None:
        """Take a packet in.

        Parameters
        ----------
        packet
            As received.
        at_s
            When, acquisition's clock: becomes the stamp ``shown`` of a result.
        fetched
            It came in answer to `since`, and not from the publisher.

        Returns
        -------
        Result or None
            The result to show, stamped, where it had not been shown before.
        """
        if isinstance(packet, Result):
            return self._result(packet, at_s, fetched)
        if isinstance(packet, Status) and packet.role == "acquisition":
            self._status(packet, at_s)
        elif isinstance(packet, Quality):
            self.quality = packet
        elif isinstance(packet, Rejected):
            self.rejected = packet
        return None

    def segment(self, key: tuple[str, int]) -> Segment:
        """Segment of (session, number), made where it is new."""
        return self.segments.setdefault(key, Segment())

    def _status(self, status: Status, at_s: float) -> None:
        self.status = status
        self.turns.hear(status, at_s)
        self.current = (status.session, status.segment)
        self.segment(self.current).status = status
        self.simulated = self.simulated or status.simulated

    def _result(self, result: Result, at_s: float, fetched: bool) -> Result | None:
        if result.commit == 0:  # nobody but the dispatcher may publish, and it numbers what it commits
            self.malformed += 1
            return None
        if (before := self._seen.get(result.key)) is not None:
            self._again(result, fetched, *before)
            return None
        self._seen.put(result.key, result.commit, not fetched)
        shown = replace(result, stamps=replace(result.stamps, shown=at_s))
        segment = self.segment((result.session, result.segment))
        segment.shown += 1
        segment.shown_parts += not result.final
        segment.commits.add(result.commit)
        self.results += 1
        self.fetched += fetched
        self.simulated = self.simulated or result.simulated
        self._time(shown)
        self._judge(shown)
        self._keep(shown)
        return shown

    def _keep(self, shown: Result) -> None:
        """The latest whole window, and the latest part: of the newest stimulus the one that ends last."""
        if shown.final:
            if self.latest is None or shown.onset_s >= self.latest.onset_s:
                self.latest = shown
        elif self.early is None or (shown.onset_s, shown.part) >= (self.early.onset_s, self.early.part):
            self.early = shown

    def _again(self, result: Result, fetched: bool, commit: int, published: bool) -> None:
        """A result that is here already: harmless once by each path, otherwise given out twice."""
        twice = published and not fetched
        if commit != result.commit or twice:
            self.doubled += 1
        else:
            self.repeated += 1
        self._seen.put(result.key, commit, published or not fetched)

    def _time(self, result: Result) -> None:
        committed = result.stamps.committed
        if committed is not None and committed < self.joined_s:
            self.history += 1
            return
        (self.latencies if result.final else self.part_latencies).add(result.stamps)

    def _judge(self, result: Result) -> None:
        true_id = self._true_id(result)
        self.anytime.add(result, true_id)
        if result.final and true_id is not None:
            self.accuracy.add(result.stimulus, result.answers, true_id)

    def _true_id(self, result: Result) -> str | None:
        """What was shown, where answers can be judged by it; whole windows where they cannot are counted."""
        if self.truth.unknown:
            return None
        if not self.truth.judges(result.gallery):
            self.foreign += result.final
            return None
        true_id = self.truth.item(result.stimulus, result.gallery)
        self.unmapped += result.final and true_id is None
        return true_id

    def true_label(self, stimulus: str) -> str | None:
        """Readable label of what was really shown, where it is known."""
        item = self.truth.of.get(stimulus)
        return None if item is None else self.truth.labels.get(item, item)

    @property
    def ended(self) -> bool:
        """Whether acquisition has said its last word."""
        return self.status is not None and self.status.last

    @property
    def counters(self) -> dict[str, int]:
        """Counters of all segments together, with ``lost`` (exact after the drain) and ``doubled``.

        Where windows have parts also ``parts_lost``; ``doubled`` counts both.
        """
        total: dict[str, int] = {}
        for segment in self.segments.values():
            for name, value in segment.status.counters.items() if segment.status else ():
                total[name] = total.get(name, 0) + value
        parts = {"parts_lost": self._lost(parts=True)} if "parts_due" in total else {}
        return {**total, **parts, "lost": self.lost, "doubled": self.doubled}

    @property
    def lost(self) -> int:
        """While a segment runs: answered and published, but not here. Once it is over: sent, and never here."""
        return self._lost(parts=False)

    def _lost(self, *, parts: bool) -> int:
        lost = 0
        for key, segment in self.segments.items():
            running = key == self.current and not self.ended
            over = segment.lost_parts if parts else segment.lost
            lost += segment.behind(parts) if running else over
        return lost

    @property
    def rejected_by(self) -> dict[str, int]:
        """Rejected stimuli by reason, all segments together."""
        total: dict[str, int] = {}
        for segment in self.segments.values():
            for reason, value in segment.status.rejected_by.items() if segment.status else ():
                total[reason] = total.get(reason, 0) + value
        return total

    def processes(self, at_s: float) -> list[tuple[str, str]]:
        """Name and state in words of every process that has been heard."""
        silent = self.turns.silence(at_s)
        words = f"{silent}: {self.turns.silence_words(at_s)}"
        if self.status is None:
            return [("acquisition", words)]
        if silent is None:
            words = self.status.state + (f": {self.status.message}" if self.status.message else "")
        rows = [("acquisition", words)]
        for peer in self.status.peers:
            age = f", not heard for {peer.age_s:.1f} s" if peer.age_s > 1.0 else ""
            rows.append((peer.name, peer.state + age + (f": {peer.message}" if peer.message else "")))
        return rows

    def own(self, at_s: float) -> tuple[StateName, str]:
        """State and reason of this display itself."""
        return self.turns.own(at_s, sum(segment.commits.given_up for segment in self.segments.values()))

    def served(self, key: tuple[str, int], asked_at: int, next_sequence: int) -> None:
        """A `since` has been answered: what has not arrived up to there is not to be had.

        Parameters
        ----------
        key
            Segment that was asked for.
        asked_at
            Its ``answered`` when it was asked.
        next_sequence
            From the reply: everything held below it was sent.
        """
        segment = self.segment(key)
        segment.joined = True
        segment.asked_at = max(segment.asked_at, asked_at)
        segment.commits.served(next_sequence)
