"""What a search shows: a calibration of what is wanted against the rest, and rounds of pictures. Pure.

In the calibration four groups of pictures stand in every block, alike in size and in how near their members are to each
other. One of them is named, and is to be looked for. Four blocks show the same groups, and each is looked for once: so
whoever learns how pictures look is wrong in the next block, and what is left to be learned is attention.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from config.errors import SettingsError
from config.presentation import MAX_LABEL, Block, Look, Part, Pause, Plan, Stimulus, Trial
from config.search import MARKER, OTHER, WANTED
from inference.encoders.base import Vectors

GROUPS = 4
"""Of a block; one is wanted."""
MOST_MEMBERS = 5
FEWEST_ITEMS = 2 * GROUPS
MODE = "attention"
MARKERS = f"({WANTED}|{OTHER}|{MARKER.rstrip('/')})/.+"
"""Regular expression of a search's markers."""
BEGIN = (
    "Before each block it is said what to look for.\n\nKeep your eyes on the mark in the middle, and count silently "
    "how often it comes. Let everything else pass. Blink in the breaks."
)
NAMED = "Look for these: {label}\n\nCount silently how often they come."
SPACE = "\n\nSpace begins. Esc ends it, and nothing is lost."
CHOOSE = (
    "Think of one thing that you want to find among these pictures, and keep to it.\n\nKeep your eyes on the mark, and "
    "count silently whenever something like it comes."
)
AGAIN = "Round {number}. Keep looking for the same thing, and count silently whenever something like it comes."


@dataclass(frozen=True)
class Shape:
    """How pictures are shown.

    Attributes
    ----------
    blocks, trials
        Blocks of the calibration, and presentations in each, about.
    on_s, blank_s
        How long a picture stands, and the background after it, s; the background lasts up to a quarter longer.
    seed
        Of groups and orders.
    attended
        The space bar begins blocks; else they begin by themselves.
    break_s, first_s
        Unattended: length of breaks, and of the first one, s.
    simulated
        No living head looks.
    """

    blocks: int = 12
    trials: int = 40
    on_s: float = 0.3
    blank_s: float = 0.5
    seed: int = 0
    attended: bool = True
    break_s: float = 1.0
    first_s: float = 2.5
    simulated: bool = False


@dataclass(frozen=True)
class Things:
    """Pictures that are searched.

    Attributes
    ----------
    ids, labels, pictures
        Of each item: name, words for people, file.
    vectors
        (items, dim), unit norm.
    """

    ids: tuple[str, ...]
    labels: tuple[str, ...]
    pictures: tuple[str, ...]
    vectors: Vectors

    def __post_init__(self) -> None:
        if len(self.ids) < FEWEST_ITEMS:
            raise SettingsError(
                f"a search needs a gallery with {FEWEST_ITEMS} pictures or more, this one has {len(self.ids)}"
            )
        longest = max(len(prefix) for prefix in (MARKER, f"{WANTED}/", f"{OTHER}/"))
        for name in self.ids:
            if len(name) + longest > MAX_LABEL or name != name.strip() or not name.isprintable():
                raise SettingsError(
                    f"item '{name[:40]!r}' of the gallery cannot be sent as a marker: a search takes printable ids of "
                    f"at most {MAX_LABEL - longest} characters"
                )

    def __len__(self) -> int:
        return len(self.ids)


def sizes(trials: int, items: int) -> tuple[int, int]:
    """Pictures of a group, and how often each is shown, so that a block has about ``trials`` of them all."""
    most = max(1, min(MOST_MEMBERS, items // GROUPS))
    tried = [(m, max(1, round(trials / (GROUPS * m)))) for m in range(most, 0, -1)]
    return min(tried, key=lambda one: abs(GROUPS * one[0] * one[1] - trials))


def groups(vectors: Vectors, members: int, seed: int) -> list[list[int]]:
    """``GROUPS`` groups of rows: each a picture and its nearest, far from the other groups; no row stands twice.

    Parameters
    ----------
    vectors
        (items, dim), unit norm.
    members
        Of each group, the anchor first.
    seed
        Of the first anchor.
    """
    first = int(np.random.default_rng(seed).integers(len(vectors)))
    anchors, nearest = [first], np.asarray(vectors @ vectors[first], np.float64)
    while len(anchors) < GROUPS:
        masked = nearest.copy()
        masked[anchors] = np.inf
        anchors.append(int(masked.argmin()))
        nearest = np.maximum(nearest, vectors @ vectors[anchors[-1]])
    taken = set(anchors)
    found = []
    for anchor in anchors:
        order = np.argsort(-(vectors @ vectors[anchor]), kind="stable").tolist()
        mine = [row for row in order if row not in taken][: members - 1]
        taken.update(mine)
        found.append([anchor, *mine])
    return found


def calibration(things: Things, shape: Shape) -> Plan:
    """The plan of the calibration: categories ``wanted`` and ``other``, one to three, evenly mixed in every block.

    The seed gives the same plan again.
    """
    members, repeats = sizes(shape.trials, len(things))
    parts: list[Part] = []
    used: dict[str, Stimulus] = {}
    rng = np.random.default_rng([shape.seed, 1])
    sets: list[list[int]] = []
    turns: list[int] = []
    for number in range(shape.blocks):
        if not turns:
            sets = groups(things.vectors, members, int(rng.integers(1 << 32)))
            turns = rng.permutation(GROUPS).tolist()
        mine = turns.pop()
        wanted = [_stimulus(things, row, WANTED) for row in sets[mine]]
        others = [_stimulus(things, row, OTHER) for k, group in enumerate(sets) if k != mine for row in group]
        used.update((one.id, one) for one in (*wanted, *others))
        parts.append(_named(things.labels[sets[mine][0]], wanted, shape, first=not number))
        parts.append(Block(trials=_mixed(wanted, others, repeats, shape, rng)))
    return _plan("calibration", tuple(used.values()), parts, shape)


def round_of(things: Things, rows: Sequence[int], number: int, shape: Shape) -> Plan:
    """The plan of a round, pictures in the given order.

    Parameters
    ----------
    rows
        Of the pictures, each once.
    number
        Of the round, from 1.
    """
    rng = np.random.default_rng([shape.seed, 2, number])
    shown = [_stimulus(things, row, MARKER.rstrip("/")) for row in rows]
    words = CHOOSE if number == 1 else AGAIN.format(number=number)
    pause = Pause(words=words + SPACE * shape.attended, seconds=None if shape.attended else shape.first_s)
    trials = tuple(_trial(one.id, shape, rng) for one in shown)
    return _plan("search", tuple(one.model_copy(update={"truth": ""}) for one in shown), [pause, Block(trials=trials)],
                 shape)  # fmt: skip


def rest_of(plan: Plan, done: int) -> Plan | None:
    """The plan from block ``done`` on, what is named before each with it; None where nothing is left."""
    if done >= len(plan.blocks):
        return None
    pairs = [(plan.parts[k - 1], part) for k, part in enumerate(plan.parts) if isinstance(part, Block)]
    return plan.model_copy(update={"parts": tuple(part for pair in pairs[done:] for part in pair)})


def truth_of(plan: Plan) -> Mapping[str, str]:
    """Category of each marker of the calibration."""
    return {one.id: one.category for one in plan.stimuli}


def _mixed(
    wanted: Sequence[Stimulus], others: Sequence[Stimulus], repeats: int, shape: Shape, rng: np.random.Generator
) -> tuple[Trial, ...]:
    """Every order of the two categories is equally likely; within one, pictures come in shuffled rounds."""
    decks = {name: _deck(members, repeats, rng) for name, members in ((WANTED, wanted), (OTHER, others))}
    every = np.array([name for name, deck in decks.items() for _ in deck])
    return tuple(_trial(decks[name].pop(), shape, rng) for name in every[rng.permutation(len(every))].tolist())


def _deck(members: Sequence[Stimulus], repeats: int, rng: np.random.Generator) -> list[str]:
    """Ids, each once a round; none twice in a row where there is another."""
    found: list[str] = []
    for _ in range(repeats):
        order = [members[k].id for k in rng.permutation(len(members))]
        if found and order[0] == found[-1] and len(order) > 1:
            order.append(order.pop(0))
        found += order
    return found


def _trial(name: str, shape: Shape, rng: np.random.Generator) -> Trial:
    blank = float(np.round(rng.uniform(shape.blank_s, 1.25 * shape.blank_s), 4))
    return Trial(stimulus=name, on_s=shape.on_s, blank_s=blank)


def _named(label: str, wanted: Sequence[Stimulus], shape: Shape, *, first: bool) -> Pause:
    words = (BEGIN + "\n\n") * first + NAMED.format(label=label) + SPACE * shape.attended
    seconds = None if shape.attended else shape.first_s if first else shape.break_s
    return Pause(words=words[:4000], seconds=seconds, stimuli=tuple(one.id for one in wanted))


def _stimulus(things: Things, row: int, category: str) -> Stimulus:
    name = f"{category}/{things.ids[row]}"
    return Stimulus(id=name, category=category, picture=things.pictures[row], truth=category)


def _plan(name: str, stimuli: tuple[Stimulus, ...], parts: Sequence[Part], shape: Shape) -> Plan:
    return Plan(
        name=name,
        mode=MODE,
        seed=shape.seed,
        simulated=shape.simulated,
        look=Look(),
        stimuli=stimuli,
        parts=tuple(parts),
    )
