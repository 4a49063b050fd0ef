"""Blocks of windows with their labels, as they come in, and as training takes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.account import Account
from acquisition.offline import Epochs
from acquisition.plan import Plan
from acquisition.types import Refused, StreamInfo
from training.trials.epoch_files import NO_HASH, EpochsSpec, StoredEpochs, is_epochs, read_epochs, write_epochs
from wire.packets import Window

NAME = re.compile(r"block-(\d{3})")
SHOWN_AGAIN = "shown_again"
"""Reason of windows of a presentation that was interrupted, where their block was shown again: their order was known
then, and what chance means is known for one whole order only."""


@dataclass(frozen=True)
class Block:
    """Windows of one block, in order.

    Attributes
    ----------
    number
        Its place in the plan, from 0.
    windows
        (n, channels, times) float32, µV.
    labels
        Stimulus of each.
    onsets_s
        Onset of each, on acquisition's clock.
    rejected
        Stimuli without a window, by reason.
    simulated
        Some of it is from no living head.
    """

    number: int
    windows: NDArray[np.float32]
    labels: tuple[str, ...]
    onsets_s: tuple[float, ...] = ()
    rejected: dict[str, int] = field(default_factory=dict)
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def name(self) -> str:
        """As training tells of it."""
        return f"block-{self.number:03d}"

    def epochs(self, channels: tuple[str, ...], rate_hz: float) -> Epochs:
        """As training takes it."""
        n = len(self)
        refused = [Refused(k, "", 0.0, (reason,)) for reason, count in self.rejected.items() for k in range(count)]
        info = StreamInfo(self.name, "recording", rate_hz, channels, simulated=self.simulated)
        return Epochs(
            data=self.windows[:, None],
            labels=self.labels,
            onsets_s=np.array(self.onsets_s or range(n), np.float64),
            repeats=np.ones(n, np.int64),
            sequences=np.arange(n),
            refused=refused,
            missed=[],
            account=Account(),
            info=info,
            channels=channels,
        )


class Gathering:
    """The block that is being shown: windows are added as they come."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._windows: list[Window] = []
        self._rejected: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._windows) + sum(self._rejected.values())

    def add(self, window: Window) -> None:
        """One more window."""
        self._windows.append(window)

    def reject(self, reasons: Sequence[str]) -> None:
        """One more stimulus without a window."""
        for reason in reasons:
            name = reason.partition(":")[0]
            self._rejected[name] = self._rejected.get(name, 0) + 1

    def drop(self, before: tuple[int, int]) -> None:
        """Leave out windows from before a (segment, sequence): the block is shown again from its beginning."""
        kept = [window for window in self._windows if (window.segment, window.sequence) >= before]
        for _ in range(len(self._windows) - len(kept)):
            self.reject([SHOWN_AGAIN])
        self._windows = kept

    def block(self, shape: tuple[int, int]) -> Block:
        """All that came, in order of the onsets; ``shape`` is a window's (channels, times)."""
        windows = sorted(self._windows, key=lambda window: window.onset_s)
        data = np.stack([w.data[0] for w in windows]) if windows else np.empty((0, *shape), np.float32)
        return Block(
            number=self.number,
            windows=np.asarray(data, np.float32),
            labels=tuple(w.stimulus for w in windows),
            onsets_s=tuple(w.onset_s for w in windows),
            rejected=dict(self._rejected),
            simulated=any(w.simulated for w in windows),
        )


def save(folder: Path, block: Block, plan: Plan, rate_hz: float, session: str) -> None:
    """Keep a block as an epochs folder ``block-NNN`` in ``folder``; one without windows is not kept."""
    if not len(block):
        return
    spec = EpochsSpec(
        name=f"{session} {block.name}",
        source=f"calibration of session {session}",
        sha256=NO_HASH,
        channels=plan.chain.channels,
        labels=block.labels,
        onsets_s=block.onsets_s,
        chain=plan.chain,
        window=plan.whole.window,
        rejection=plan.rejection,
        causal=True,
        simulated=block.simulated,
        refused=block.rejected,
        source_rate_hz=rate_hz,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_epochs(folder / block.name, spec, [block.windows])


def load(folder: Path) -> list[Block]:
    """Blocks that were kept in ``folder``, in order; none where it is not there."""
    return [_block(stored, number) for number, stored in _stored(folder)]


def stored_blocks(folder: Path) -> list[tuple[Block, EpochsSpec]]:
    """Blocks that were kept in ``folder``, in order, with how they were cut; none where it is not there."""
    return [(_block(stored, number), stored.spec) for number, stored in _stored(folder)]


def _stored(folder: Path) -> list[tuple[int, StoredEpochs]]:
    if not folder.is_dir():
        return []
    named = [(NAME.fullmatch(path.name), path) for path in sorted(folder.iterdir())]
    return [(int(match[1]), read_epochs(path)) for match, path in named if match and is_epochs(path)]


def _block(stored: StoredEpochs, number: int) -> Block:
    spec = stored.spec
    windows = np.array(stored.windows, np.float32)
    return Block(number, windows, spec.labels, spec.onsets_s, dict(spec.refused), spec.simulated)
