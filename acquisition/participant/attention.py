"""What pictures evoke in a simulated participant who looks for something: graded by how near each is to it. Pure.

A response lies between that to what is wanted and that to anything else, in proportion to attention, and has a little
of the picture's own in it, which says nothing of attention. That attention is graded so is an assumption of the
simulation, no finding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from acquisition.participant import stimuli
from acquisition.participant.reaction import CATEGORY_SHARE, unit

Array = NDArray[np.float64]


def attention(vectors: NDArray[np.float32], goal: int) -> Array:
    """How much each picture is attended to (items,), from 0 to 1.

    Parameters
    ----------
    vectors
        (items, dim) of the pictures, unit norm.
    goal
        Row of what is looked for, whose own attention is 1. It is 0 for pictures that are no nearer to it than the
        mean over all, and grows with the cosine between.
    """
    cosines = np.asarray(vectors @ vectors[goal], np.float64)
    usual = float(cosines.mean())
    return np.clip((cosines - usual) / max(1e-9, float(cosines[goal]) - usual), 0.0, 1.0)


def responses(
    items: Sequence[str], attended: Array, person: int, latents: int = stimuli.RANDOM_LATENTS
) -> NDArray[np.float32]:
    """What pictures evoke: (items, latents) weights of unit norm.

    Parameters
    ----------
    items
        Names of the pictures.
    attended
        (items,) from 0 to 1.
    person
        Which simulated person.
    """
    wanted, other = (unit(f"category {name}", person, latents) for name in ("wanted", "other"))
    own = np.array([unit(f"picture {item}", person, latents) for item in items])
    about = attended[:, None] * wanted + (1 - attended[:, None]) * other
    whole = math.sqrt(CATEGORY_SHARE) * about + math.sqrt(1 - CATEGORY_SHARE) * own
    return np.asarray(whole / np.linalg.norm(whole, axis=1, keepdims=True), np.float32)


def looks_for(
    items: Sequence[str], vectors: NDArray[np.float32], goal: int, person: int, prefixes: tuple[str, str, str]
) -> tuple[list[str], NDArray[np.float32]]:
    """Labels, and what each evokes (labels, latents), in somebody who does as told and then looks for a goal.

    Parameters
    ----------
    items, vectors
        Names and vectors (items, dim) of the pictures.
    goal
        Row of what is looked for.
    person
        Which simulated person.
    prefixes
        Of labels of pictures that are named as wanted, of those shown beside them, and of those in the search.
    """
    ones = np.ones(len(items))
    grades = (ones, 0 * ones, attention(vectors, goal))
    labels = [prefix + item for prefix in prefixes for item in items]
    return labels, np.concatenate([responses(items, grade, person) for grade in grades])
