"""Plans from stimuli: RSVP, single trials, oddball and steady flicker, in a balanced and seeded order. Pure.

The order of categories within a block is drawn evenly from all that hold as many trials of each: nothing about it can
be told from the trials before, so that a decoder which only follows slow drifts is right by chance. Pictures of a
category come in shuffled rounds, each once before any comes again, and none twice in a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from config.chain import Frozen, Probability
from config.errors import PlanError
from config.presentation import CATCH, Block, Drawing, Look, Part, Pause, Plan, Stimulus, Trial
from display.presenter.stimuli import CATCH_STIMULUS

Mode = Literal["rsvp", "single", "oddball", "flicker"]
WORDS = {
    "rsvp": "Pictures will follow each other quickly.\n\nLook at the dot in the middle; blink as little as you can.",
    "single": "Pictures will appear one at a time.\n\nLook at the dot in the middle; blink when the screen is empty.",
    "oddball": "One kind of picture is rare: '{target}'.\n\nLook at the dot in the middle; press space at each one.",
    "flicker": "Pictures will flicker.\n\nLook at the dot in the middle. Stop with Esc if it is unpleasant.",
}
CATCH_WORDS = "\n\nPress space whenever an orange ring appears."
START_WORDS = "\n\nPress space to begin. Esc ends it at any time."
BREAK_WORDS = "A break: block {done} of {blocks} is done.\n\nPress space to go on."


class Design(Frozen):
    """How stimuli are to be shown."""

    mode: Mode = "single"
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "presentation"
    seed: NonNegativeInt = 0
    blocks: PositiveInt = 4
    trials: PositiveInt = 40
    """Of a block, catch trials not counted; with categories rounded up, so that each has as many."""
    rate_hz: PositiveFloat = 5.0
    """RSVP: stimuli a second."""
    duty: Annotated[float, Field(gt=0, le=1)] = 0.5
    """RSVP: share of the time between two onsets that a stimulus is shown; the rest is blank."""
    on_s: PositiveFloat = 0.5
    """Single trials, oddball, flicker: how long one is shown, s."""
    blank_s: tuple[NonNegativeFloat, NonNegativeFloat] = (0.7, 1.1)
    """... and the blank after it: drawn evenly between the two, s."""
    flicker_hz: tuple[PositiveFloat, ...] = (10.0,)
    """Flicker: of every category in order, or one for all, Hz."""
    target: str = ""
    """Oddball: the rare category."""
    target_share: Annotated[float, Field(gt=0, le=0.5)] = 0.2
    """Oddball: how many of the trials show it."""
    catch_share: Probability = 0.0
    """Catch trials, as a share of the trials: an orange ring, at which space is to be pressed."""
    break_s: PositiveFloat | None = None
    """Breaks between blocks end by themselves after so long, s; None: with space."""
    instructions: str | None = None
    """Shown at the beginning; None: words for the mode; empty: none."""
    simulated: bool = False
    few_pictures: bool = False
    """Go on with a category of one picture, whose answers are about that picture and not about the category."""
    look: Look = Look()

    @model_validator(mode="after")
    def _in_order(self) -> Design:
        if self.blank_s[0] > self.blank_s[1]:
            raise ValueError(f"the blank is to be from {self.blank_s[0]:g} to {self.blank_s[1]:g} s, which is no range")
        if self.mode == "oddball" and not self.target:
            raise ValueError("an oddball needs to know which category is the rare one (target)")
        return self


def make_plan(stimuli: Sequence[Stimulus], design: Design) -> Plan:
    """A plan.

    Raises
    ------
    PlanError
        The stimuli cannot be shown so: a category has one picture, a target that is not there, too few categories.
    """
    members = _members(stimuli)
    check_pictures(members, design)
    decks = {
        category: _Deck(ids, np.random.default_rng([design.seed, 1, k]))
        for k, (category, ids) in enumerate(members.items())
    }
    generator = np.random.default_rng([design.seed, 0])
    parts: list[Part] = []
    for number in range(design.blocks):
        if number:
            parts.append(Pause(words=BREAK_WORDS.format(done=number, blocks=design.blocks), seconds=design.break_s))
        parts.append(Block(trials=tuple(_block(members, decks, design, generator))))
    caught = [CATCH_STIMULUS] if any(_catches(part) for part in parts) else []
    if words := _instructions(design, bool(caught)):
        parts.insert(0, Pause(words=words))
    return Plan(
        name=design.name,
        mode=design.mode,
        seed=design.seed,
        simulated=design.simulated,
        look=design.look,
        stimuli=(*stimuli, *caught),
        parts=tuple(parts),
    )


def delay_test(trials: int = 100, seed: int = 0) -> Plan:
    """A plan for `eegseek calibrate-delay`: a white square again and again, at irregular times, with the patch."""
    light = Stimulus(id="delay/light", category="delay", drawing=Drawing(colour="#ffffff"))
    design = Design(
        mode="single", name="delay-test", seed=seed, blocks=1, trials=trials, on_s=0.2, blank_s=(0.5, 0.9),
        instructions="Put the photodiode over the square in the upper left corner.\n\nPress space to begin.",
        look=Look(background="#000000", fixation=False, patch="top-left"),
    )  # fmt: skip
    return make_plan([light], design)


def with_truth(plan: Plan, gallery_ids: Mapping[str, str]) -> Plan:
    """The plan where the right answer to any picture of a category is that category's item of a gallery.

    Parameters
    ----------
    plan
        Whose stimuli have categories.
    gallery_ids
        Category to the id of the item.
    """
    changed = (s.model_copy(update={"truth": gallery_ids.get(s.category, s.truth)}) for s in plan.stimuli)
    return plan.model_copy(update={"stimuli": tuple(changed)})


def check_pictures(members: Mapping[str, Sequence[str]], design: Design) -> list[str]:
    """Whether categories can be told apart by more than one picture; what is worth a warning, in words.

    Raises
    ------
    PlanError
        A category of several has one picture, and ``few_pictures`` does not allow it.
    """
    single = [category for category, ids in members.items() if category and len(ids) == 1]
    if len(members) < 2 or not single:
        return []
    what = f"category '{single[0]}' has one picture, so that a decoder learns that picture and not the category" + (
        f" ({len(single)} categories are so)" if len(single) > 1 else ""
    )
    if design.mode in ("single", "rsvp") and not design.few_pictures:
        raise PlanError(f"{what}; give it more, or allow it with --few-pictures")
    return [what]


def warnings(plan: Plan) -> list[str]:
    """What a person should know of a plan before it is shown."""
    members = _members([s for s in plan.stimuli if s.category != CATCH])
    said = check_pictures(members, Design(few_pictures=True))
    fast = [trial.flicker_hz for _, trial in plan.trials() if 3 <= trial.flicker_hz <= 30]
    if fast:
        said.append("flicker of 3 to 30 Hz can bring on seizures in people with photosensitive epilepsy: ask first")
    return said


class _Deck:
    """Ids of one category: each once a round, rounds shuffled anew, never the same twice in a row."""

    def __init__(self, ids: Sequence[str], generator: np.random.Generator) -> None:
        self._ids = list(ids)
        self._generator = generator
        self._left: list[str] = []

    def draw(self, last: str) -> str:
        """The next id, another than ``last`` where there is another."""
        if not self._left:
            self._left = [self._ids[k] for k in self._generator.permutation(len(self._ids))]
            if self._left[-1] == last and len(self._left) > 1:
                self._left.insert(0, self._left.pop())
        return self._left.pop()


def _members(stimuli: Sequence[Stimulus]) -> dict[str, list[str]]:
    """Ids of each category, in order."""
    found: dict[str, list[str]] = {}
    for stimulus in stimuli:
        found.setdefault(stimulus.category, []).append(stimulus.id)
    return found


def _block(
    members: Mapping[str, Sequence[str]],
    decks: Mapping[str, _Deck],
    design: Design,
    generator: np.random.Generator,
) -> list[Trial]:
    order = _oddball(members, design, generator) if design.mode == "oddball" else _even(members, design, generator)
    last = dict.fromkeys(members, "")
    trials = []
    for category in order:
        last[category] = decks[category].draw(last[category])
        trials.append(_trial(last[category], category, list(members), design, generator))
    return _with_catches(trials, design, generator)


def _even(members: Mapping[str, Sequence[str]], design: Design, generator: np.random.Generator) -> list[str]:
    """Each category equally often, every such order equally likely."""
    each = -(-design.trials // len(members))
    every = [category for category in members for _ in range(each)]
    return [every[k] for k in generator.permutation(len(every))]


def _oddball(members: Mapping[str, Sequence[str]], design: Design, generator: np.random.Generator) -> list[str]:
    """Targets among the others: never first, never two in a row."""
    others = [category for category in members if category != design.target]
    if design.target not in members or not others:
        raise PlanError(
            f"an oddball needs its target '{design.target}' and another category; there are: {', '.join(members)}"
        )
    rare = max(1, round(design.target_share * design.trials))
    common = [others[k % len(others)] for k in range(design.trials - rare)]
    if len(common) < rare:
        raise PlanError(f"{design.trials} trials are too few for an oddball; give 2 or more")
    common = [common[k] for k in generator.permutation(len(common))]
    after = set(generator.choice(len(common), size=rare, replace=False).tolist())
    return [c for k, name in enumerate(common) for c in ([name, design.target] if k in after else [name])]


def _trial(
    stimulus: str, category: str, categories: Sequence[str], design: Design, generator: np.random.Generator
) -> Trial:
    if design.mode == "rsvp":
        on = design.duty / design.rate_hz
        # to the microsecond: 1 / rate - on is not quite 0 where nothing is blank
        return Trial(stimulus=stimulus, on_s=on, blank_s=max(0.0, round(1 / design.rate_hz - on, 6)))
    blank = float(np.round(generator.uniform(*design.blank_s), 4))
    flicker = 0.0
    if design.mode == "flicker":
        flicker = design.flicker_hz[categories.index(category) % len(design.flicker_hz)]
    target = design.mode == "oddball" and category == design.target
    return Trial(stimulus=stimulus, on_s=design.on_s, blank_s=blank, flicker_hz=flicker, respond=target)


def _with_catches(trials: list[Trial], design: Design, generator: np.random.Generator) -> list[Trial]:
    """The trials with catch trials between them, as long as the others, never first."""
    count = round(design.catch_share * len(trials))
    places = sorted((generator.integers(1, len(trials) + 1, size=count)).tolist(), reverse=True)
    for place in places:
        like = trials[place - 1]
        trials.insert(
            place, like.model_copy(update={"stimulus": CATCH_STIMULUS.id, "respond": True, "flicker_hz": 0.0})
        )
    return trials


def _catches(part: Part) -> bool:
    return isinstance(part, Block) and any(trial.stimulus == CATCH_STIMULUS.id for trial in part.trials)


def _instructions(design: Design, catches: bool) -> str:
    if design.instructions is not None:
        return design.instructions
    words = WORDS[design.mode].format(target=design.target)
    return words + (CATCH_WORDS if catches else "") + START_WORDS
