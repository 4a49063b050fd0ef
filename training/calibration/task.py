"""What a calibration is of: stimuli and their categories, the channels that see the eyes, and parts large enough."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from config.errors import BundleError, SettingsError
from config.presentation import CATCH
from config.presentation import Plan as Presentation
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery
from training.calibration.blocks import Block
from training.trials import split

EYES = (re.compile(r"^([HV]?EOG.*|[HV]EO[LRUD]?)$", re.I), re.compile(r"^(FP|AF)(Z|\d+)$", re.I))
"""Channels that see the eyes best: electrodes beside them, and on the forehead."""
FRONT = re.compile(r"^F(Z|\d+)$", re.I)
"""Where there are none of those."""


@dataclass(frozen=True)
class Task:
    """What is shown.

    Attributes
    ----------
    categories
        Category of each stimulus (marker label).
    truth
        Item of the gallery that is the right answer to each stimulus; empty: the stimulus itself.
    blocks
        Planned.
    """

    categories: Mapping[str, str]
    truth: Mapping[str, str] = field(default_factory=dict)
    blocks: int = 8

    @classmethod
    def of(cls, plan: Presentation) -> Task:
        """Of a presenter's plan; catch trials are left out.

        Raises
        ------
        SettingsError
            It shows fewer than two categories.
        """
        known = {s.id: s.category for s in plan.stimuli if s.category not in ("", CATCH)}
        if len(set(known.values())) < 2:
            raise SettingsError(
                f"plan '{plan.name}' shows {len(set(known.values()))} category; a calibration needs two or more to "
                "tell apart"
            )
        if plan.mode == "oddball":
            raise SettingsError(
                f"plan '{plan.name}' is an oddball, in whose order some categories cannot follow others; a calibration "
                "tests against chance by the order, which must be shuffled evenly: use single trials or rsvp"
            )
        return cls(known, {s: item for s, item in plan.truth.items() if s in known}, len(plan.blocks))


def eyes(channels: Sequence[str]) -> tuple[int, ...]:
    """Indices of the channels that serve as ocular control; empty where there are none, or no others."""
    found = [k for k, name in enumerate(channels) if any(one.match(name) for one in EYES)]
    found = found or [k for k, name in enumerate(channels) if FRONT.match(name)]
    return tuple(found) if len(found) < len(channels) else ()


def merged(blocks: Sequence[Block]) -> list[Block]:
    """The same trials in blocks that are large enough to be held out; small ones join the one before."""
    found: list[Block] = []
    for block in blocks:
        if found and min(len(found[-1]), len(block)) < split.FEWEST_TRIALS:
            last = found[-1]
            found[-1] = replace(
                last,
                windows=np.concatenate([last.windows, block.windows]),
                labels=(*last.labels, *block.labels),
                onsets_s=(*last.onsets_s, *block.onsets_s),
                simulated=last.simulated or block.simulated,
            )
        else:
            found.append(block)
    return found


def category_vectors(
    rows: Mapping[str, int], names: Sequence[str], categories: Mapping[str, str], gallery: Gallery
) -> Vectors:
    """Mean vector (categories, dim) of each category's items, unit norm.

    Raises
    ------
    BundleError
        A category has no item, or two have the same vector.
    """
    found = []
    for name in names:
        mine = sorted({row for stimulus, row in rows.items() if categories.get(stimulus) == name})
        if not mine:
            raise BundleError(f"no stimulus of category '{name}' has a right answer in the gallery")
        found.append(np.asarray(gallery.vectors[mine]).mean(axis=0))
    vectors = unit_norm(np.stack(found))
    if len(np.unique(np.round(vectors, 6), axis=0)) < len(names):
        raise BundleError("two categories have the same vector in the gallery; give each its own item or pictures")
    return vectors
