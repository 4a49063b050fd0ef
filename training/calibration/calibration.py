"""A calibration: windows in, block by block; what is known, and in the end a bundle, out."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.plan import Plan
from config.bundles import EncoderSpec
from config.calibration import CalibrationRules, Map, Progress
from config.errors import BundleError, RecordingError, SettingsError
from inference.gallery import Gallery
from training.calibration.blocks import Block, Gathering
from training.calibration.carriers import carriers
from training.calibration.decoder import Decoder, fit
from training.calibration.evidence import Track
from training.calibration.former import Former, fitted
from training.calibration.former_words import note_of, use_of
from training.calibration.rivals import SHARES, Rivals
from training.calibration.scores import Area, area, pooled
from training.calibration.task import Task, category_vectors, eyes, merged
from training.calibration.verdict import decide, ocular_words
from training.request import TrainRequest
from training.train import train
from training.trials.epochs import Origin, gather
from wire.packets import Window

_log = logging.getLogger(__name__)


class Calibration:
    """Train while data arrive, and test each block against chance before learning from it.

    Parameters
    ----------
    plan
        Chain, window and rejection that windows are cut by; the chain names its channels.
    task
        What is shown.
    gallery
        Holds the right answers.
    rules
        When what is said.
    seed
        Of inner splits and shuffles.
    former
        Earlier sessions of the same person: decoders learn from them, too.

    Raises
    ------
    SettingsError
        The chain names no channels.
    BundleError
        The gallery does not hold what is shown, or gives all categories one vector.
    """

    def __init__(
        self,
        plan: Plan,
        task: Task,
        gallery: Gallery,
        rules: CalibrationRules | None = None,
        seed: int = 0,
        former: Sequence[Former] = (),
    ) -> None:
        if not plan.chain.channels:
            raise SettingsError("chain.channels must name the channels of the headset, such as ['TP9', 'AF7']")
        self.plan, self.task, self.gallery, self.seed = plan, task, gallery, seed
        self.rules = rules or CalibrationRules()
        self.channels = plan.chain.channels
        self._all = range(len(self.channels))
        self.names = tuple(dict.fromkeys(task.categories.values()))
        self.former = tuple(former)
        self.blocks: tuple[Block, ...] = ()
        self.closed = 0
        self.gathering = Gathering(0)
        self._truth = dict(task.truth) or {stimulus: stimulus for stimulus in task.categories}
        self._vectors = category_vectors(self._rows(), self.names, task.categories, gallery)
        self._whole = Track(self.channels, self.rules.alpha)
        self._rivals = Rivals()
        self._eyes = eyes(self.channels)
        self._ocular = Track(tuple(self.channels[k] for k in self._eyes), self.rules.alpha)
        self.progress = self._told()

    def add(self, window: Window, block: int) -> None:
        """One more window; the first of a later block closes the one before.

        Raises
        ------
        BundleError
            It has other channels or another length than the plan says, or its stimulus is not known.
        """
        wanted = (len(self.channels), self.plan.whole.window.n_times)
        if tuple(window.channels) != self.channels or window.data.shape[1:] != wanted:
            raise BundleError(
                f"a window of {', '.join(window.channels)} with {window.times} samples came, the calibration is of "
                f"{', '.join(self.channels)} with {wanted[1]}; start both with the same settings"
            )
        if window.stimulus not in self.task.categories:
            raise BundleError(f"a window of stimulus '{window.stimulus}' came, which the plan does not hold")
        self._until(block)
        self.gathering.add(window)

    def reject(self, reasons: Sequence[str], block: int) -> None:
        """One more stimulus without a window."""
        self._until(block)
        self.gathering.reject(reasons)

    def close_block(self) -> Block:
        """The block is complete: score it, then learn from it. Gives it as it was kept."""
        block = self.gathering.block((len(self.channels), self.plan.whole.window.n_times))
        self.take(block)
        return block

    def take(self, block: Block) -> None:
        """Score and learn from a whole block, such as one that was kept before a restart."""
        self.closed = block.number + 1
        self.gathering = Gathering(self.closed)
        if len(block):
            labels, share = self._labels(block), self.share
            rivals = {one: self._decoder(self._own, self._all, one) for one in (SHARES if self.former else (share,))}
            self._whole = self._scored(self._whole, rivals[share], block, labels, self._all)
            if self._eyes:
                seeing = self._decoder(self._own, self._eyes, share)
                self._ocular = self._scored(self._ocular, seeing, block, labels, self._eyes)
            if self.former:
                self._rivals = self._rivals.after({
                    one: area(decoder.scores(block.windows), labels) if decoder else None
                    for one, decoder in rivals.items()
                })  # fmt: skip
        self.blocks = (*self.blocks, block)
        self.progress = self._told()

    def interrupt(self) -> None:
        """It ends before it was decided: say so, and what is known."""
        if self.progress.verdict == "going_on":
            done, planned = self.closed, self.task.blocks
            known = self._whole.rejects
            why = "" if known else ", before it was decided"
            words = f"Stopped after {done} of {planned} blocks{why}. {self.progress.words}"
            verdict = "decodable" if known else "out_of_trials"
            self.progress = self.progress.model_copy(update={"verdict": verdict, "words": words})

    def finish(self, folder: Path) -> EncoderSpec:
        """Train on everything by `training.train.train`, and write the bundle in one step.

        Raises
        ------
        RecordingError
            There is too little to train on.
        BundleError
            The bundle cannot be written.
        """
        kept = merged(self._learned(self._own, self._all, self.share))
        request = TrainRequest(
            epochs=tuple(block.epochs(self.channels, self.plan.window.rate_hz) for block in kept),
            origins=tuple(Origin(f"{block.name}, part {k + 1}") for k, block in enumerate(kept)),
            gallery=self.gallery,
            encoder=self.rules.decoder,
            out=folder,
            plan=self.plan.whole,
            truth=dict(self._truth),
            seed=self.seed,
            validation="recording" if len(kept) > 1 else "none",
            notes=note_of(self.former, self.share, self.rules.align),
        )
        spec = train(request)
        self.progress = self.progress.model_copy(
            update={"bundle": str(folder), "cross_validated_auc": self.cross_validated()}
        )
        return spec

    def cross_validated(self) -> float | None:
        """AUC with each block scored by a decoder of all others (and of former ones); None with fewer than two."""
        found: list[Area] = []
        for block in (own := self._own):
            decoder = self._decoder([b for b in own if b is not block], self._all, self.share)
            if decoder and (one := area(decoder.scores(block.windows), self._labels(block))):
                found.append(one)
        span = pooled(found)
        return span[0] if span else None

    def _until(self, block: int) -> None:
        if block > self.gathering.number:
            if len(self.gathering):
                self.close_block()
            self.gathering = Gathering(block)

    @property
    def share(self) -> float:
        """Of earlier sessions, what the next decoder learns from."""
        return self._rivals.best if self.rules.weigh else 1.0

    @property
    def _own(self) -> list[Block]:
        return [block for block in self.blocks if len(block)]

    def _learned(self, own: Sequence[Block], channels: Sequence[int], share: float) -> list[Block]:
        """Some of this session's blocks, and before them a share of earlier sessions, made to look like them."""
        mine = [replace(block, windows=np.ascontiguousarray(block.windows[:, list(channels)])) for block in own]
        if not self.former:
            return mine
        shape = (0, len(self.channels), self.plan.whole.window.n_times)
        seen = np.concatenate([np.empty(shape, np.float32), *(block.windows for block in own)])
        return [*fitted(self.former, seen, channels, self.rules.align, share), *mine]

    def _rows(self) -> dict[str, int]:
        rows = self.gallery.row_of
        missing = next((item for item in self._truth.values() if item not in rows), None)
        if missing is not None:
            raise BundleError(f"the gallery holds no item '{missing}', which the plan shows; build it of the plan's")
        return {stimulus: rows[item] for stimulus, item in self._truth.items()}

    def _labels(self, block: Block) -> NDArray[np.int64]:
        return np.array([self.names.index(self.task.categories[label]) for label in block.labels], np.int64)

    def _scored(
        self, track: Track, decoder: Decoder | None, block: Block, labels: NDArray[np.int64], channels: Sequence[int]
    ) -> Track:
        if decoder is None:
            return track
        return track.after(block.number, decoder, np.ascontiguousarray(block.windows[:, list(channels)]), labels)

    def decoder(self) -> Decoder | None:
        """As it stands, of all that came so far; None where that is too little."""
        return self._decoder(self._own, self._all, self.share)

    def _decoder(self, own: Sequence[Block], channels: Sequence[int], share: float) -> Decoder | None:
        """Of some blocks of this session, and a share of earlier ones."""
        learned = self._learned(own, channels, share)
        if not learned:
            return None
        names = tuple(self.channels[k] for k in channels)
        epochs = [block.epochs(names, self.plan.window.rate_hz) for block in learned]
        origins = [Origin(f"{block.name}, part {k + 1}") for k, block in enumerate(learned)]
        try:
            trials = gather(epochs, origins, self.gallery, self._truth)
            return fit(trials, self.gallery.vectors, self._vectors, self.rules.decoder, self.seed)
        except (BundleError, RecordingError, np.linalg.LinAlgError, ValueError) as error:
            # too few windows, or channels that are copies of one another: no score, and the calibration goes on
            _log.warning("no decoder could be fitted to %d trials: %s", sum(map(len, learned)), error)
            return None

    def _told(self) -> Progress:
        whole, rules = self._whole.evidence, self.rules
        carried = bool(self.former) and self.share > 0
        verdict, words = decide(rules, whole, self.closed, self.task.blocks, former=carried)
        ocular = self._ocular.evidence if self._eyes else None
        eyes_say, warns = ocular_words(rules, whole, ocular)
        if not self._eyes:
            eyes_say = "No ocular control: none of the channels is frontal, or all are."
        kept = self._own
        labels = np.concatenate([self._labels(b) for b in kept]) if kept else np.empty(0, np.int64)
        counts = Counter(self.names[k] for k in labels)
        rejected: Counter[str] = Counter()
        for block in self.blocks:
            rejected.update(block.rejected)
        return Progress(
            verdict=verdict,
            words=words,
            warnings=(eyes_say,) if warns else (),
            rules=rules,
            categories=self.names,
            blocks_planned=self.task.blocks,
            blocks_done=self.closed,
            trials={name: counts[name] for name in self.names},
            rejected=dict(rejected),
            chance=1 / len(self.names),
            threshold_log10_e=-math.log10(rules.alpha),
            whole=whole,
            ocular=ocular,
            ocular_words=eyes_say,
            map=self._map(kept, labels),
            repeats=self._whole.repeats,
            former_trials=sum(map(len, self.former)),
            former=use_of(self.former, self._rivals, self.share) if self.former else None,
            simulated=any(b.simulated for b in (*(b for one in self.former for b in one.blocks), *self.blocks)),
        )

    def _map(self, kept: Sequence[Block], labels: NDArray[np.int64]) -> Map | None:
        if not kept:
            return None
        return carriers(
            np.concatenate([block.windows for block in kept]),
            labels,
            np.concatenate([np.full(len(block), block.number) for block in kept]),
            channels=self.channels,
            categories=self.names,
            start_s=self.plan.window.start_s,
            rate_hz=self.plan.window.rate_hz,
            seed=self.seed,
        )
