"""A free search, round by round (``search.json`` in the session's folder): what was shown, answered and ranked.

One writer: the guided session, whole or not at all, after every round. Readers: the dashboard, the report, and the
session itself when it goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from config.bundles import MAX_JSON_BYTES, SHA256, parse, read_json
from config.chain import Frozen
from config.whole import read_whole, write_whole

SEARCH_JSON, GOAL_JSON = "search.json", "participant-goal.json"
OWN = "own"
"""In place of a gallery's folder: the session draws its own."""
OWN_GALLERY = "search-gallery"
"""In the session's folder, where it draws its own."""
MARKER = "search/"
"""Markers of a search are this and the item's id."""
WANTED, OTHER = "wanted", "other"
"""Categories of its calibration: what was to be looked for, and what was shown beside it."""
MOST_ROUNDS, MOST_SHOWN, TOP = 100, 1000, 24
"""Rounds of a session, pictures of a round, and places of a ranking that are kept."""
GOAL_BYTES = 1 << 16
Name = Annotated[str, Field(min_length=1, max_length=4096)]
Label = Annotated[str, Field(max_length=4096)]


class Ranked(Frozen):
    """A place of the ranking."""

    id: Name
    label: Label
    score: Annotated[float, Field(ge=-1.001, le=1.001)]
    """Cosine of the picture's vector, about the gallery's mean, with the query."""


class Seen(Frozen):
    """A picture that was shown, and answered."""

    id: Name
    log_odds: Annotated[float, Field(ge=-1e3, le=1e3)]
    """Of having been attended to, natural logarithm, as the decoder says."""


class Round(Frozen):
    """One round."""

    shown: Annotated[NonNegativeInt, Field(le=MOST_SHOWN)]
    """Pictures presented."""
    rejected: Annotated[NonNegativeInt, Field(le=MOST_SHOWN)] = 0
    """... of those without a usable window."""
    seen: Annotated[tuple[Seen, ...], Field(max_length=MOST_SHOWN)]
    best: Annotated[tuple[Ranked, ...], Field(max_length=TOP)]
    """The gallery after it, best first."""


class SearchState(Frozen):
    """``search.json``."""

    format: Literal["eegseek-search"] = "eegseek-search"
    version: Literal[1] = 1
    vectors_sha256: SHA256
    """Of the gallery that is ranked."""
    items: PositiveInt
    """Pictures that are ranked."""
    rounds: Annotated[tuple[Round, ...], Field(max_length=MOST_ROUNDS)] = ()
    simulated: bool = False

    @model_validator(mode="after")
    def _in_it(self) -> SearchState:
        if any(len(one.best) > self.items for one in self.rounds):
            raise ValueError(f"a round ranks more pictures than the {self.items} that there are")
        return self


class Goal(Frozen):
    """``participant-goal.json``: what a simulated participant looks for, and the session is not told."""

    format: Literal["eegseek-goal"] = "eegseek-goal"
    version: Literal[1] = 1
    id: Name
    label: Label


def read_search(path: Path) -> SearchState:
    """A ``search.json``.

    Raises
    ------
    BundleError
        It is missing, damaged or foreign.
    """
    return parse(SearchState, read_json(path, "state of a search"), path, "state of a search")


def write_search(path: Path, state: SearchState) -> None:
    """Write it in one step: whoever reads meets the old one or the new one, whole.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    write_whole(path, state.model_dump_json(indent=1) + "\n")


def found(folder: Path) -> SearchState | None:
    """The search of a session's folder; None where none was made, or none that can be read."""
    return read_whole(SearchState, folder / SEARCH_JSON, MAX_JSON_BYTES)


def goal(folder: Path) -> Goal | None:
    """The simulated participant's goal; None where there is none."""
    return read_whole(Goal, folder / GOAL_JSON, GOAL_BYTES)
