"""New sessions with what was before them: recordings, or a simulated participant whose headset is put on anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from acquisition.plan import Plan
from config.errors import RecordingError
from training.calibration.align import mapped
from training.calibration.blocks import Block
from training.calibration.former import Former
from training.calibration.noise import cut_blocks
from training.calibration.viewer import put_on, viewed

LOOSE_UV = 250.0
"""Largest peak-to-peak of a simulated participant's windows, as in the demo."""


@dataclass(frozen=True)
class Case:
    """A new session, and what was before it."""

    name: str
    new: Block
    former: tuple[Former, ...]


def of_recordings(folder: Path, plan: Plan, earlier: int, moved: Callable[[Block], Block]) -> list[Case]:
    """Each recording once as the new session; before it the others (or so many of the nearest), ``moved``."""
    blocks = cut_blocks(folder, plan)
    if len(blocks) < 2:
        raise RecordingError(f"'{folder}' holds {len(blocks)} recording; two or more are needed")
    found = []
    for k, block in enumerate(blocks):
        others = sorted((j for j in range(len(blocks)) if j != k), key=lambda j: (abs(j - k), j))
        former = tuple(Former(f"recording {j + 1}", (moved(blocks[j]),)) for j in others[: earlier or None])
        found.append(Case(f"recording {k + 1}", block, former))
    return found


def mover(shift: float, gain: float, seed: int, *, shuffled: bool = False) -> Callable[[Block], Block]:
    """Puts windows through electrodes that see ``shift`` of one another, with gains of their own; anew each time.

    With ``shuffled`` their labels change places, too: an earlier session that is worth nothing.
    """
    rng = np.random.default_rng([seed, 13])

    def moved(block: Block) -> Block:
        channels = block.windows.shape[1]
        matrix = np.eye(channels) + shift * rng.standard_normal((channels, channels))
        matrix = np.exp(gain * rng.standard_normal((channels, 1))) * matrix
        places = rng.permutation(len(block)) if shuffled else range(len(block))
        labels = tuple(block.labels[k] for k in places)
        return replace(block, windows=mapped(block.windows, matrix), labels=labels)

    return moved


def of_participants(
    plan: Plan, names: Sequence[str], seeds: Sequence[int], earlier: int, shift: float, gain: float, snr_db: float
) -> Iterator[Case]:
    """Simulated people, each with some earlier sessions and a new one; see `training.calibration.viewer`."""
    loose = replace(plan, rejection=plan.rejection.model_copy(update={"peak_to_peak_uv": LOOSE_UV}))
    for seed in seeds:
        rng = np.random.default_rng([seed, 11])
        sessions = []
        for k in range(earlier + 1):
            worn = put_on(shift, gain, rng)
            blocks = viewed(loose, names, trials=[40] * 6, person=seed, seed=1000 * seed + k, worn=worn, snr_db=snr_db)
            sessions.append(blocks)
        *before, new = sessions
        former = tuple(Former(f"session {k + 1}", tuple(blocks)) for k, blocks in enumerate(before))
        yield Case(f"participant {seed}", joined(new), former)


def part_of(block: Block, first: int, end: int, number: int) -> Block:
    """Some windows of a block, as a block of its own."""
    part = slice(first, end)
    onsets = block.onsets_s[part]
    return Block(number, block.windows[part], block.labels[part], onsets, simulated=block.simulated)


def joined(blocks: Sequence[Block]) -> Block:
    """One block of many."""
    return Block(
        0,
        np.concatenate([block.windows for block in blocks]),
        tuple(label for block in blocks for label in block.labels),
        tuple(onset for block in blocks for onset in block.onsets_s),
        simulated=any(block.simulated for block in blocks),
    )
