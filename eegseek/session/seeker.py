"""A free search as it goes: which round is shown, what was answered to it, and what follows. No socket, no clock."""

from __future__ import annotations

import math
from pathlib import Path

from config.errors import SettingsError
from config.presentation import Plan
from config.search import (
    MARKER,
    MOST_ROUNDS,
    MOST_SHOWN,
    OTHER,
    SEARCH_JSON,
    TOP,
    WANTED,
    Ranked,
    Round,
    SearchState,
    Seen,
    write_search,
)
from eegseek.session.seek_plans import Shape, Things, round_of
from training.calibration.attend import Search, centred
from wire.packets import Packet, Rejected, Result

FEWEST = 4
"""Answers without which a round says nothing."""
LEAST = 1e-6
"""Probabilities below count as this."""
LINE = 3
"""Places that are told in a line."""


class Seeker:
    """Folds rounds into the query.

    Parameters
    ----------
    things
        Pictures that are searched.
    vectors_sha256
        Of the gallery.
    shape
        How pictures are shown.
    count
        Of a round; no more than there are.
    former
        A search to go on with: another gallery's is left.

    Attributes
    ----------
    state
        As it is kept.
    search
        Where the query stands.
    """

    def __init__(
        self, things: Things, vectors_sha256: str, shape: Shape, count: int, former: SearchState | None = None
    ) -> None:
        self.things, self.shape = things, shape
        self.vectors = centred(things.vectors)
        self.count = min(count, len(things), MOST_SHOWN)
        self.search = Search.begin(self.vectors.shape[1])
        self.state = SearchState(vectors_sha256=vectors_sha256, items=len(things))
        self._row = {name: row for row, name in enumerate(things.ids)}
        self._rows: tuple[int, ...] = ()
        self._heard: dict[tuple[int, int], tuple[str, float | None]] = {}
        self._before = (-1, -1)
        self._newest = (-1, -1)
        if former is not None and former.vectors_sha256 == vectors_sha256 and former.items == len(things):
            self.state = former
            for one in former.rounds:
                self._learn([seen for seen in one.seen if seen.id in self._row])

    @property
    def done(self) -> int:
        """Rounds that count."""
        return len(self.state.rounds)

    def plan(self) -> Plan:
        """What the next round shows, the same until it is folded; answers that came to it before are void.

        Raises
        ------
        SettingsError
            There were as many rounds as a session may have.
        """
        if self.done >= MOST_ROUNDS:
            raise SettingsError(f"a search has {MOST_ROUNDS} rounds at most; begin a new session")
        self._rows = self.search.next_round(self.vectors, self.count, self.shape.seed)
        self._heard.clear()
        self._before = self._newest
        return round_of(self.things, self._rows, self.done + 1, self.shape)

    def hear(self, packet: Packet) -> None:
        """One packet: answers and rejections of the round's pictures are kept, once each."""
        if not isinstance(packet, Result | Rejected) or not packet.stimulus.startswith(MARKER):
            return
        if isinstance(packet, Result) and not packet.final:
            return
        key = packet.segment, packet.sequence
        self._newest = max(self._newest, key)
        name = packet.stimulus.removeprefix(MARKER)
        if key <= self._before or name not in self._row:
            return
        if isinstance(packet, Result):
            self._heard[key] = name, log_odds(packet)
        else:
            self._heard.setdefault(key, (name, None))

    @property
    def complete(self) -> bool:
        """Whether every picture of the round was answered or rejected."""
        return len({name for name, _ in self._heard.values()}) >= len(self._rows)

    @property
    def words(self) -> str:
        """How the round stands, in a line."""
        answered = sum(value is not None for _, value in self._heard.values())
        return f"round {self.done + 1}: {answered} of {len(self._rows)} pictures answered"

    def fold(self, folder: Path, *, simulated: bool) -> str:
        """Close the round: update the query, and write the ranking into the session's folder.

        Returns
        -------
        Why the round does not count; empty where it does.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        answers: dict[str, list[float]] = {}
        for name, value in self._heard.values():
            if value is not None:
                answers.setdefault(name, []).append(value)
        shown, rejected = len(self._heard), sum(value is None for _, value in self._heard.values())
        self._heard.clear()
        if len(answers) < min(FEWEST, len(self._rows)):
            return (
                f"Only {len(answers)} of {len(self._rows)} pictures were answered, so that the round does not count: "
                "blinks, movements or contact (see what was rejected), or it was ended early."
            )
        seen = [Seen(id=name, log_odds=sum(values) / len(values)) for name, values in answers.items()]
        self._learn(seen)
        made = Round(shown=shown, rejected=rejected, seen=tuple(seen), best=self.best())
        self.state = self.state.model_copy(
            update={"rounds": (*self.state.rounds, made), "simulated": self.state.simulated or simulated}
        )
        write_search(folder / SEARCH_JSON, self.state)
        return ""

    def best(self) -> tuple[Ranked, ...]:
        """The first places of the ranking."""
        scores = self.search.scores(self.vectors)
        return tuple(
            Ranked(id=self.things.ids[row], label=self.things.labels[row], score=float(scores[row]))
            for row in self.search.ranking(self.vectors)[:TOP].tolist()
        )

    def line(self) -> str:
        """The best so far, for people."""
        best = self.state.rounds[-1].best[:LINE] if self.state.rounds else ()
        named = "; ".join(f"{place}. {one.label} ({one.score:+.2f})" for place, one in enumerate(best, 1))
        return f"After round {self.done}, of {len(self.things)} pictures: {named}" if named else ""

    def _learn(self, seen: list[Seen]) -> None:
        rows = [self._row[one.id] for one in seen]
        self.search = self.search.after(rows, [one.log_odds for one in seen], self.vectors)


def log_odds(result: Result) -> float | None:
    """Of ``wanted`` against ``other``, by the single trial's calibrated probabilities; None where they are not told."""
    hits = {hit.id: hit.probability for hit in result.answers[0].hits}
    if WANTED not in hits or OTHER not in hits:
        return None
    return math.log(max(LEAST, hits[WANTED])) - math.log(max(LEAST, hits[OTHER]))
