"""Earlier sessions of the same person: which of their windows can be learned from, and how they are made to fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.plan import Plan
from config.calibration import CALIBRATION_EPOCHS
from config.chain import ChainSettings, Frozen
from config.errors import RecordingError, SettingsError
from training.calibration import align
from training.calibration.blocks import Block, stored_blocks
from training.calibration.task import Task


@dataclass(frozen=True)
class Former:
    """An earlier session.

    Attributes
    ----------
    name
        As people know it.
    blocks
        Its windows, with channels and stimuli of the present session.
    """

    name: str
    blocks: tuple[Block, ...]

    def __len__(self) -> int:
        return sum(map(len, self.blocks))


def read_all(folders: Sequence[Path], plan: Plan, task: Task, own: Path | None = None) -> tuple[Former, ...]:
    """Earlier sessions, each once.

    Parameters
    ----------
    folders
        Of sessions, or their ``calibration-epochs``.
    plan, task
        Of the present session.
    own
        Its folder.

    Raises
    ------
    RecordingError
        One cannot be learned from, stands twice, or is the present session.
    """
    inner = [epochs_of(folder).resolve() for folder in folders]
    for folder, place in zip(folders, inner, strict=True):
        if own is not None and place == epochs_of(own).resolve():
            raise RecordingError(f"'{folder}' is this session itself; name earlier ones to learn from")
        if inner.count(place) > 1:
            raise RecordingError(f"'{folder}' is named twice as an earlier session; name it once")
    return tuple(read(folder, plan, task) for folder in folders)


def read(folder: Path, plan: Plan, task: Task) -> Former:
    """What can be learned from an earlier session, together with the present one.

    Its chain, window and channels must be the same; channels may stand in another order, and there may be more, where
    no filter mixes them. Windows of stimuli that are not shown now count by their category, where a category is what is
    answered; others are left out.

    Parameters
    ----------
    folder
        Of the session, or its ``calibration-epochs``.
    plan, task
        Of the present session.

    Raises
    ------
    SettingsError
        The present chain names no channels.
    RecordingError
        There are no windows, they do not fit, or one of the present categories is not among them.
    """
    if not plan.chain.channels:
        raise SettingsError("chain.channels must name the channels of the headset, such as ['TP9', 'AF7']")
    place = epochs_of(folder)
    name = place.absolute().parent.name if place.name == CALIBRATION_EPOCHS else place.name
    found = stored_blocks(place)
    if not found:
        raise RecordingError(f"'{folder}' holds no windows of a calibration ({CALIBRATION_EPOCHS}/block-000 and on)")
    kept = []
    for block, spec in found:
        if spec.unit != "uV" or not spec.causal:
            raise RecordingError(f"the windows in '{folder}' are not as a live session cuts them, in µV")
        if other := _difference(spec.window, plan.whole.window):
            raise RecordingError(f"the windows in '{folder}' were cut with another window than this session's: {other}")
        rows = _rows(folder, spec.channels, spec.chain, plan.chain)
        kept.append(_known(replace(block, windows=block.windows[:, rows]), task))
    blocks = tuple(block for block in kept if len(block))
    shown = {task.categories[label] for block in blocks for label in block.labels}
    if not shown:
        raise RecordingError(f"the windows in '{folder}' show nothing that is shown in this session")
    if missing := [name for name in dict.fromkeys(task.categories.values()) if name not in shown]:
        raise RecordingError(
            f"the windows in '{folder}' show no '{missing[0]}', which this session shows; name a session with all of "
            "its categories"
        )
    return Former(name, blocks)


def epochs_of(folder: Path) -> Path:
    """Where the windows of a session's folder lie."""
    inner = folder / CALIBRATION_EPOCHS
    return inner if inner.is_dir() else folder


def fitted(
    former: Sequence[Former], own: NDArray[np.float32], channels: Sequence[int], how: str, share: float
) -> list[Block]:
    """Windows of earlier sessions as a decoder learns from them.

    Parameters
    ----------
    former
        Earlier sessions.
    own
        (n, channels, times), µV: windows of the present session that may be looked at; n may be 0.
    channels
        Indices of the channels that the decoder has: others are not looked at.
    how
        Name in `training.calibration.align.MAPS`.
    share
        Of the windows of each category, evenly spread; 0: none.
    """
    rows = list(channels)
    found = []
    target = align.covariance(own[:, rows]) if len(own) else None
    for session in former if share else ():
        kept = [_thinned(replace(block, windows=block.windows[:, rows]), share) for block in session.blocks]
        if target is not None:
            # the map is of all windows, also of those that are left out
            source = align.covariance(np.concatenate([block.windows[:, rows] for block in session.blocks]))
            matrix = align.MAPS[how](source, align.blended(source, target, len(own)))
            kept = [replace(block, windows=align.mapped(block.windows, matrix)) for block in kept]
        found += [block for block in kept if len(block)]
    return found


def _thinned(block: Block, share: float) -> Block:
    """Every so many-th window of each label."""
    if share >= 1:
        return block
    keep, seen = np.zeros(len(block), bool), dict.fromkeys(block.labels, 0)
    for k, label in enumerate(block.labels):
        keep[k] = int((seen[label] + 1) * share) > int(seen[label] * share)
        seen[label] += 1
    return _taken(block, keep, block.labels)


def _known(block: Block, task: Task) -> Block:
    """Windows whose stimulus, or whose category, is known now."""
    names = [_now(label, task.categories, task.truth) for label in block.labels]
    return _taken(block, np.array([bool(name) for name in names], bool), tuple(name or "" for name in names))


def _now(label: str, categories: Mapping[str, str], truth: Mapping[str, str]) -> str | None:
    """A stimulus of now that is answered alike; None where there is none."""
    if label in categories:
        return label
    category, slash, _ = label.partition("/")
    alike = [stimulus for stimulus, name in categories.items() if name == category] if slash else []
    answers = {truth.get(stimulus, stimulus) for stimulus in alike}
    return alike[0] if len(answers) == 1 else None


def _taken(block: Block, keep: NDArray[np.bool_], labels: Sequence[str]) -> Block:
    onsets = tuple(np.array(block.onsets_s)[keep].tolist()) if block.onsets_s else ()
    kept = tuple(label for label, one in zip(labels, keep, strict=True) if one)
    return replace(block, windows=block.windows[keep], labels=kept, onsets_s=onsets)


def _rows(folder: Path, channels: tuple[str, ...], chain: ChainSettings, own: ChainSettings) -> list[int]:
    """Where this session's channels stand in the windows."""
    other = _difference(chain.model_copy(update={"channels": own.channels}), own)
    if other:
        raise RecordingError(f"the windows in '{folder}' were cut with another chain than this session's: {other}")
    if missing := [name for name in own.channels if name not in channels]:
        raise RecordingError(
            f"the windows in '{folder}' have no channel '{missing[0]}', which this session has (they have "
            f"{', '.join(channels)})"
        )
    if channels != own.channels and (own.reference == "average" or own.asr is not None):
        raise RecordingError(
            f"the windows in '{folder}' have other channels ({', '.join(channels)}) than this session "
            f"({', '.join(own.channels)}), and its chain mixes channels, so that they cannot be compared"
        )
    return [channels.index(name) for name in own.channels]


def _difference(theirs: Frozen, own: Frozen) -> str:
    """The first setting that differs, with both values; empty where none does."""
    for name in type(own).model_fields:
        one, other = getattr(theirs, name), getattr(own, name)
        if one != other:
            return f"{name} {one} there, {other} here"
    return ""
