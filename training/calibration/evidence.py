"""The evidence of one set of channels, block by block: pure folding of scores into `config.calibration.Evidence`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from config.calibration import BlockScore, Evidence, Repeats
from training.calibration.betting import Bets
from training.calibration.decoder import Decoder
from training.calibration.scores import Area, area, pooled, wilson

Labels = NDArray[np.int64]
AVERAGED = (1, 2, 4, 8, 16)
"""Repeats of which accuracies are told."""


@dataclass(frozen=True)
class Track:
    """What is known after some blocks.

    Attributes
    ----------
    channels
        Names.
    alpha
        1 / alpha is the line that the e-value has to pass.
    by_repeats
        Right answers and answers, by number of trials averaged.
    """

    channels: tuple[str, ...]
    alpha: float
    bets: Bets = field(default_factory=Bets)
    areas: tuple[Area, ...] = ()
    blocks: tuple[BlockScore, ...] = ()
    right: int = 0
    rejects: bool = False
    by_repeats: dict[int, tuple[int, int]] = field(default_factory=dict)

    def after(self, number: int, decoder: Decoder, windows: NDArray[np.float32], labels: Labels) -> Track:
        """With one more block, which the decoder has not seen; unchanged where it shows one category only.

        Parameters
        ----------
        number
            Of the block.
        windows, labels
            (n, channels, times) of these channels, in order, and the category (n,) of each.
        """
        scores = decoder.scores(windows)
        found = area(scores, labels)
        if found is None:
            return self
        bets = self.bets.after(scores, labels)
        hits = int(np.sum(scores.argmax(axis=1) == labels))
        score = BlockScore(
            block=number, trials=len(labels), auc=found.value, accuracy=hits / len(labels), log10_e=bets.log10_e
        )
        return replace(
            self,
            bets=bets,
            areas=(*self.areas, found),
            blocks=(*self.blocks, score),
            right=self.right + hits,
            rejects=self.rejects or bets.log10_e >= -np.log10(self.alpha),
            by_repeats=_counted(self.by_repeats, decoder, windows, labels),
        )

    @property
    def evidence(self) -> Evidence:
        """As it is told."""
        n, span = sum(a.trials for a in self.areas), pooled(self.areas)
        told = Evidence(
            channels=self.channels,
            blocks=self.blocks,
            trials=n,
            log10_e=self.bets.log10_e,
            path=tuple(round(value, 4) for value in self.bets.path),
            rejects=self.rejects,
        )
        if span is None:
            return told
        low, high = wilson(self.right, n)
        update = {"auc": span[0], "auc_low": span[1], "auc_high": span[2]}
        return told.model_copy(
            update={**update, "accuracy": self.right / n, "accuracy_low": low, "accuracy_high": high}
        )

    @property
    def repeats(self) -> tuple[Repeats, ...]:
        """Accuracy against the number of trials averaged."""
        told = []
        for count, (right, n) in sorted(self.by_repeats.items()):
            low, high = wilson(right, n)
            told.append(Repeats(repeats=count, accuracy=right / n, low=low, high=high, averages=n))
        return tuple(told)


def _counted(
    known: dict[int, tuple[int, int]], decoder: Decoder, windows: NDArray[np.float32], labels: Labels
) -> dict[int, tuple[int, int]]:
    """Right answers by repeats, with this block's: trials that follow each other are averaged, each once."""
    found = dict(known)
    for count in AVERAGED:
        means, truth = [], []
        for category in np.unique(labels):
            mine = windows[labels == category]
            for first in range(0, len(mine) - count + 1, count):
                means.append(mine[first : first + count].mean(axis=0))
                truth.append(category)
        if not means:
            break
        right = int(np.sum(decoder.scores(np.stack(means)).argmax(axis=1) == np.array(truth)))
        before = found.get(count, (0, 0))
        found[count] = (before[0] + right, before[1] + len(means))
    return found
