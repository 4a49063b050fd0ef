"""The evidence of one set of channels, block by block: pure folding of scores into `config.calibration.Evidence`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from config.calibration import BlockScore, Evidence, Repeats
from training.calibration.betting import Bets
from training.calibration.decoder import Decoder
from training.calibration.scores import Area, Counts, area, balanced, counted, pooled

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
    right
        Right answers and trials, by category.
    by_repeats
        ... and by number of trials averaged.
    """

    channels: tuple[str, ...]
    alpha: float
    bets: Bets = field(default_factory=Bets)
    areas: tuple[Area, ...] = ()
    blocks: tuple[BlockScore, ...] = ()
    right: Counts = field(default_factory=dict)
    rejects: bool = False
    by_repeats: dict[int, Counts] = field(default_factory=dict)

    def after(self, number: int, decoder: Decoder, windows: NDArray[np.float32], labels: Labels) -> Track:
        """With one more block, which the decoder has not seen; unchanged where it shows one category only.

        Parameters
        ----------
        number
            Of the block.
        windows, labels
            (n, channels, times) of these channels, in order, and the category (n,) of each.
        """
        made = self.scored(number, decoder.scores(windows), labels)
        if made is self:
            return self
        return replace(made, by_repeats=_counted(self.by_repeats, decoder, windows, labels))

    def scored(self, number: int, scores: NDArray[np.float64], labels: Labels) -> Track:
        """With the scores (n, categories) of one more block, but for averages over repeats."""
        found = area(scores, labels)
        if found is None:
            return self
        bets = self.bets.after(scores, labels)
        answers = scores.argmax(axis=1)
        share, _, _ = balanced(counted(answers, labels))
        score = BlockScore(block=number, trials=len(labels), auc=found.value, accuracy=share, log10_e=bets.log10_e)
        return replace(
            self,
            bets=bets,
            areas=(*self.areas, found),
            blocks=(*self.blocks, score),
            right=counted(answers, labels, self.right),
            rejects=self.rejects or bets.log10_e >= -np.log10(self.alpha),
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
        share, low, high = balanced(self.right)
        update = {"auc": span[0], "auc_low": span[1], "auc_high": span[2]}
        return told.model_copy(update={**update, "accuracy": share, "accuracy_low": low, "accuracy_high": high})

    @property
    def repeats(self) -> tuple[Repeats, ...]:
        """Accuracy against the number of trials averaged."""
        told = []
        for count, right in sorted(self.by_repeats.items()):
            share, low, high = balanced(right)
            averages = sum(n for _, n in right.values())
            told.append(Repeats(repeats=count, accuracy=share, low=low, high=high, averages=averages))
        return tuple(told)


def _counted(
    known: dict[int, Counts], decoder: Decoder, windows: NDArray[np.float32], labels: Labels
) -> dict[int, Counts]:
    """Right answers by repeats, with this block's: trials that follow each other are averaged, each once."""
    found = dict(known)
    for count in AVERAGED:
        means, truth = [], []
        for category in np.unique(labels):
            mine = windows[labels == category]
            for first in range(0, len(mine) - count + 1, count):
                means.append(mine[first : first + count].mean(axis=0))
                truth.append(category)
        if len(set(truth)) < len(np.unique(labels)):
            break  # the rarer category has not as many: what is right of the other alone says nothing
        answers = decoder.scores(np.stack(means)).argmax(axis=1)
        found[count] = counted(answers, np.array(truth, np.int64), found.get(count))
    return found
