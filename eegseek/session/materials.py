"""What a session shows: categories of pictures, their gallery and truth, and the plans of both presentations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from config.bundles import Item, SessionFile
from config.errors import SettingsError
from config.presentation import Block, Drawing, Look, Part, Pause, Plan, Stimulus, Trial
from display.presenter.make import Design, make_plan, with_truth
from display.presenter.stimuli import of_folder

GALLERY, TRUTH, PICTURES = "gallery", "truth.json", "pictures"
PLAN, USE_PLAN = "plan.json", "plan-use.json"
SPACE = "categories"
MOST_CATEGORIES = 8
FEWEST = 10
"""Trials of a label in recordings, below which it is no category."""
WELCOME = (
    "Keep your eyes on the mark in the middle.\n\nPictures come and go beside it or behind it: just see them. "
    "Blink in the breaks.\n\nSpace begins. Esc ends it, and nothing is lost."
)
AGAIN = (
    "The same kinds of pictures again. Now what is found in your EEG appears on the other screen.\n\n"
    "Space begins. Esc ends it."
)
UNATTENDED_S = 2.5
"""Until acquisition, too, listens to the presenter."""


@dataclass(frozen=True)
class Showing:
    """How pictures are shown.

    Attributes
    ----------
    blocks, trials
        Blocks of the calibration, and presentations in each.
    on_s, blank_s
        How long a picture stands, and the background after it, s; the background lasts up to a quarter longer.
    use_trials
        Presentations once the decoder is there.
    break_s
        Unattended: length of the breaks, s. Attended, the space bar ends them.
    """

    blocks: int = 12
    trials: int = 40
    on_s: float = 0.3
    blank_s: float = 0.5
    use_trials: int = 40
    break_s: float = 1.0


def draw_own(folder: Path) -> Path:
    """Draw the session's own pictures, gratings left and right, a subfolder each; the folder."""
    from PIL import Image

    from eegseek.session.pictures import SIDES, draw, gratings

    for side in SIDES:
        place = folder / side
        place.mkdir(parents=True, exist_ok=True)
        for grating in gratings(side):
            Image.fromarray(draw(grating)).save(place / f"{grating.name}.png")
    return folder


def pictures_of(folder: Path, chosen: Sequence[str]) -> tuple[Stimulus, ...]:
    """Pictures of the chosen categories (all where none is named): the right answer to each is its category.

    Raises
    ------
    PlanError
        There are none.
    SettingsError
        There are fewer than two categories, or too many.
    """
    found = of_folder(folder, chosen)
    categories = tuple(dict.fromkeys(one.category for one in found))
    _check(categories, f"'{folder}'", "a subfolder of pictures for each")
    return tuple(one.model_copy(update={"truth": one.category}) for one in found)


def of_labels(labels: Mapping[str, int], chosen: Sequence[str]) -> tuple[Stimulus, ...]:
    """What recordings show: each marker label is a category, seen from the file and never drawn.

    Parameters
    ----------
    labels
        How often each stands in the recordings.
    chosen
        Labels to tell apart; empty: all that stand there often enough.
    """
    if missing := [name for name in chosen if name not in labels]:
        raise SettingsError(f"the recordings have no marker '{missing[0]}'; they have: {', '.join(labels) or 'none'}")
    wanted = tuple(chosen) or tuple(name for name, count in labels.items() if count >= FEWEST and name != "0")
    _check(wanted, "the recordings", "markers of two labels; name them with --categories")
    return tuple(Stimulus(id=name, category=name, drawing=Drawing(), truth=name) for name in sorted(wanted))


def write_gallery_of(folder: Path, stimuli: Sequence[Stimulus]) -> Path:
    """The gallery that is searched: an item for each category, as orthogonal unit vectors; its folder."""
    from inference.gallery import write_gallery

    first = {one.category: one for one in reversed(stimuli)}
    names = tuple(dict.fromkeys(one.category for one in stimuli))
    items = [
        Item(
            id=name,
            label=name,
            picture=f"pictures/{k}{Path(first[name].picture).suffix}" if first[name].picture else "",
        )
        for k, name in enumerate(names)
    ]
    sources = {item.picture: Path(first[item.id].picture) for item in items if item.picture}
    made = folder / GALLERY
    vectors = np.eye(len(items), dtype=np.float32)
    model = "one direction a category"
    write_gallery(made, items, vectors, space=f"{SPACE}:{len(items)}", model=model, pictures=sources)
    return made


def write_truth(folder: Path, stimuli: Sequence[Stimulus]) -> Path:
    """Session file: marker to category."""
    path = folder / TRUTH
    truth = {one.id: one.truth for one in stimuli}
    path.write_text(SessionFile(truth=truth, notes="category of each marker").model_dump_json(indent=1), "utf-8")
    return path


def markers_of(stimuli: Sequence[Stimulus]) -> str:
    """Regular expression of the markers that are stimuli."""
    if any("/" not in one.id for one in stimuli):
        return "|".join(re.escape(one.id) for one in stimuli)
    names = dict.fromkeys(one.category for one in stimuli)
    return f"({'|'.join(map(re.escape, names))})/.+"


def plan_of(
    stimuli: Sequence[Stimulus],
    showing: Showing,
    seed: int,
    *,
    using: bool = False,
    attended: bool = True,
    simulated: bool = False,
) -> Plan:
    """A plan: categories intermixed at random within every block, each as often as the others, never blocked.

    Parameters
    ----------
    stimuli
        Pictures of all categories.
    showing
        How often and how long.
    seed
        Of the order.
    using
        What is shown when the decoder is there, in an order of its own.
    attended
        Somebody presses space to begin; else it begins by itself.
    simulated
        No living head looks.

    Raises
    ------
    PlanError
        A category has one picture only, or nothing can be shown so.
    """
    design = Design(
        mode="single",
        name="use" if using else "calibration",
        seed=2 * seed + using,
        blocks=1 if using else showing.blocks,
        trials=showing.use_trials if using else showing.trials,
        on_s=showing.on_s,
        blank_s=(showing.blank_s, 1.25 * showing.blank_s),
        break_s=None if attended else showing.break_s,
        instructions=AGAIN if using else WELCOME,
        simulated=simulated,
        look=Look(height=1.0),
    )
    made = with_truth(make_plan(stimuli, design), {one.category: one.category for one in stimuli})
    return made if attended else made.model_copy(update={"parts": tuple(map(_by_itself, made.parts))})


def rest_of(plan: Plan, done: int) -> Plan | None:
    """The plan from block ``done`` on, for a presentation that was interrupted; None where nothing is left."""
    left = plan.blocks[done:]
    if not left:
        return None
    first = next((part for part in plan.parts if isinstance(part, Pause)), None)
    parts: list[Part] = [first] if first is not None and first.seconds is None else []
    for k, block in enumerate(left):
        parts += [Pause(words="A break. It goes on by itself.", seconds=3.0)] if k else []
        parts.append(block)
    return plan.model_copy(update={"parts": tuple(parts)})


def replayed(stimuli: Sequence[Stimulus], events: Sequence[Sequence[str]], trials: int) -> Plan:
    """What recordings showed, as a plan: their own order, in blocks of about ``trials``, none over two recordings.

    Parameters
    ----------
    stimuli
        Of the categories that are told apart.
    events
        Labels of each recording, in order.
    trials
        Of a block.
    """
    known = {one.id for one in stimuli}
    parts: list[Part] = []
    for labels in events:
        shown = [label for label in labels if label in known]
        count = max(1, round(len(shown) / trials))
        for part in np.array_split(np.arange(len(shown)), count) if shown else ():
            parts.append(Block(trials=tuple(Trial(stimulus=shown[k], on_s=0.1) for k in part)))
    return Plan(name="recording", mode="single", stimuli=tuple(stimuli), parts=tuple(parts))


def _by_itself(part: Part) -> Part:
    if isinstance(part, Pause) and part.seconds is None:
        return part.model_copy(update={"seconds": UNATTENDED_S})
    return part


def _check(categories: Sequence[str], where: str, expected: str) -> None:
    if not 2 <= len(categories) <= MOST_CATEGORIES:
        raise SettingsError(
            f"{where} would give {len(categories)} categories, expected 2 to {MOST_CATEGORIES}: {expected}"
        )
