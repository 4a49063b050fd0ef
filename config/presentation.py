"""What a presenter shows, and when: the plan, its schema and its file. No SDL, no LSL.

`display.presenter.make` makes plans of galleries and of categories, ``eegseek present`` shows them, and who calibrates
reads categories and blocks in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, ValidationError, model_validator

from config.bounded import TooLargeError, once, read_bounded
from config.chain import Frozen
from config.errors import PlanError
from config.whole import write_whole

END_LABEL = "eegseek:end"
"""The marker after the last one, also where the presentation was aborted. The same as that of our other outlets."""
CATCH = "catch"
"""Category of catch trials: their markers begin with ``catch/``, which ``markers.stimulus`` leaves out."""
MAX_BYTES = 64 << 20
MAX_LABEL = 200
FORBIDDEN = ("0", END_LABEL)
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Label = Annotated[str, Field(min_length=1, max_length=MAX_LABEL)]


class Drawing(Frozen):
    """A stimulus that the program draws itself."""

    shape: Literal["square", "disc", "ring", "checker", "grating"] = "square"
    colour: Colour = "#ffffff"
    second: Colour = "#000000"
    """The other colour of a checkerboard or grating."""
    cells: Annotated[int, Field(ge=1, le=64)] = 8
    """Fields along a side of a checkerboard; light and dark bars of a grating."""
    size: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the stimulus's square that it fills."""


class Stimulus(Frozen):
    """One thing to be shown: a picture, or something drawn."""

    id: Label
    """Sent as the marker: ``category/name``, or the id of the gallery's item where there are no categories."""
    category: str = ""
    """What a decoder of categories is to tell apart; empty: none."""
    picture: str = ""
    """File of the picture; a relative path begins at the plan's own folder. Empty: ``drawing``."""
    drawing: Drawing | None = None
    truth: str = ""
    """Id of the gallery item that the right answer is; empty: not known."""

    @model_validator(mode="after")
    def _one_thing(self) -> Stimulus:
        if bool(self.picture) == bool(self.drawing):
            raise ValueError(f"stimulus '{self.id:.80}' needs a picture or a drawing, one of the two")
        if self.id in FORBIDDEN or self.id != self.id.strip() or not self.id.isprintable():
            raise ValueError(f"'{self.id!r:.80}' is no marker: no spaces around it, not '0', not '{END_LABEL}'")
        return self


class Trial(Frozen):
    """One presentation of a stimulus."""

    stimulus: Label
    """Id of the stimulus."""
    on_s: PositiveFloat
    """How long it is shown, s."""
    blank_s: NonNegativeFloat = 0.0
    """Background after it, s. Trials follow each other without anything between."""
    flicker_hz: NonNegativeFloat = 0.0
    """It goes on and off so often while it is shown, Hz; 0: it stays."""
    respond: bool = False
    """The person is to press space: catch trials, targets of an oddball."""


class Pause(Frozen):
    """Words on the screen: instructions, or a break. Space goes on."""

    kind: Literal["pause"] = "pause"
    words: Annotated[str, Field(max_length=4000)]
    seconds: PositiveFloat | None = None
    """It goes on by itself after so long, s; None: only with the space bar."""
    stimuli: Annotated[tuple[Label, ...], Field(max_length=8)] = ()
    """Shown small above the words, such as what is to be looked for; no marker is sent."""


class Block(Frozen):
    """Trials in a row."""

    kind: Literal["block"] = "block"
    trials: Annotated[tuple[Trial, ...], Field(min_length=1)]
    lead_s: NonNegativeFloat = 1.0
    """Fixation before the first trial, s."""
    trail_s: NonNegativeFloat = 1.0
    """Background after the last one, so that its window is whole before words come, s."""


Part = Annotated[Pause | Block, Field(discriminator="kind")]


class Look(Frozen):
    """How it looks."""

    background: Colour = "#808080"
    height: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Side of the square that stimuli are fitted into, as a share of the screen's shorter side."""
    fixation: bool = True
    """A small bull's eye in the middle, on pictures too."""
    patch: Literal["top-left", "top-right", "bottom-left", "bottom-right", "none"] = "none"
    """Corner of the patch for a photodiode: black, and white for the first half of each trial."""
    patch_height: Annotated[float, Field(gt=0, le=0.5)] = 0.08
    """Its side, as a share of the screen's shorter side."""


class Plan(Frozen):
    """Everything that one presentation shows, in order."""

    format: Literal["eegseek-presentation"] = "eegseek-presentation"
    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "presentation"
    mode: str = ""
    """What it is, for people: ``rsvp``, ``single``, ``oddball``, ``flicker``."""
    seed: NonNegativeInt = 0
    """That order and choice were drawn with."""
    simulated: bool = False
    """Said of the marker stream: no living head looks at this."""
    look: Look = Look()
    stimuli: Annotated[tuple[Stimulus, ...], Field(min_length=1)]
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _hangs_together(self) -> Plan:
        ids = [stimulus.id for stimulus in self.stimuli]
        if len(set(ids)) < len(ids):
            twice = next(one for k, one in enumerate(ids) if one in ids[:k])
            raise ValueError(f"stimulus '{twice:.80}' stands twice")
        known = set(ids)
        named = (one for part in self.parts if isinstance(part, Pause) for one in part.stimuli)
        missing = next((one for one in (*(t.stimulus for _, t in self.trials()), *named) if one not in known), None)
        if missing is not None:
            raise ValueError(f"a trial or pause shows '{missing:.80}', which is none of the stimuli")
        if not self.blocks:
            raise ValueError("there is no block, so that nothing would be shown")
        return self

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks alone; their place here is the number of the block, from 0."""
        return tuple(part for part in self.parts if isinstance(part, Block))

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories that are to be told apart, in order of the stimuli; catch trials are none."""
        found = dict.fromkeys(stimulus.category for stimulus in self.stimuli)
        return tuple(category for category in found if category not in ("", CATCH))

    @property
    def by_id(self) -> dict[str, Stimulus]:
        """Stimuli by their id."""
        return {stimulus.id: stimulus for stimulus in self.stimuli}

    def trials(self) -> Iterator[tuple[int, Trial]]:
        """Every trial in order, with the number of its block from 0."""
        for number, block in enumerate(self.blocks):
            for trial in block.trials:
                yield number, trial

    @property
    def truth(self) -> dict[str, str]:
        """Marker to the gallery's id, where known: what a session file holds."""
        return {stimulus.id: stimulus.truth for stimulus in self.stimuli if stimulus.truth}


def read_plan(path: Path) -> Plan:
    """A plan, its pictures' paths made absolute.

    Raises
    ------
    PlanError
        The file cannot be read, or is no plan.
    """
    try:
        table = json.loads(read_bounded(path, MAX_BYTES), object_pairs_hook=once)
        plan = Plan.model_validate_json(json.dumps(table))
    except TooLargeError as error:
        raise PlanError(f"'{path}' is {error}, which no plan is") from error
    except OSError as error:
        raise PlanError(f"plan '{path}' cannot be read: {error.strerror or error}; check the path") from error
    except ValidationError as error:
        raise PlanError(f"'{path}' is no plan for the presenter: {first_fault(error)}") from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"'{path}' is no plan for the presenter: it is not JSON ({error})") from error
    folder = path.resolve().parent
    return plan.model_copy(update={"stimuli": tuple(_placed(stimulus, folder) for stimulus in plan.stimuli)})


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan; whoever looks at the file meanwhile sees the old one or the new one.

    Raises
    ------
    PlanError
        It cannot be written.
    """
    try:
        write_whole(path, plan.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise PlanError(f"plan '{path}' cannot be written: {error.strerror or error}; choose another place") from error


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong, in words."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    words = str(first["msg"]).removeprefix("Value error, ")
    return f"{where}: {words}" if where else words


def _placed(stimulus: Stimulus, folder: Path) -> Stimulus:
    if not stimulus.picture:
        return stimulus
    return stimulus.model_copy(update={"picture": str(folder / stimulus.picture)})
