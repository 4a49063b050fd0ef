"""What a calibration decides by, and what it tells after every block (``calibration.json`` in the session's folder)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from config.bundles import parse, read_json
from config.chain import Frozen, Probability
from config.whole import write_whole

CALIBRATION_JSON = "calibration.json"
"""In the session's folder, replaced whole after every block."""
CALIBRATION_EPOCHS = "calibration-epochs"
"""In the session's folder: the windows that the bundle learned from, an epochs folder a block, for next time."""

Verdict = Literal["going_on", "decodable", "nothing_decodable", "out_of_trials"]
Area = Annotated[float, Field(ge=0.0, le=1.0)]


class CalibrationRules(Frozen):
    """When a calibration says what. The method is told in docs/calibration.md."""

    decoder: Literal["riemann", "ensemble"] = "riemann"
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Largest share of sessions without anything to decode that end as ``decodable``, however often it is looked."""
    fewest_blocks: Annotated[int, Field(ge=1)] = 2
    """Scored blocks before anything is decided."""
    fewest_trials: PositiveInt = 40
    """Scored trials before anything is decided, and without which the end of the plan is ``out_of_trials``."""
    narrow: PositiveFloat = 0.06
    """Enough: the 95 % interval of the AUC reaches no further than this to either side."""
    flat: PositiveFloat = 0.02
    """... or the last two blocks are better than the two before by no more than this, in AUC."""
    worthwhile_auc: Annotated[float, Field(gt=0.5, lt=1)] = 0.65
    """Futile: at least half of the planned blocks are in, the evidence is none, and the interval lies below this. Where
    earlier sessions are learned from, enough: the interval lies above it."""
    promising: PositiveFloat = 4.0
    """At the end of the plan, an e-value of this and more (but below 1 / alpha) is no "nothing"."""
    to_the_end: bool = False
    """Nothing is decided before the last planned block, such as where recordings are there anyway."""
    align: Literal["monge", "euclidean", "none"] = "monge"
    """How windows of earlier sessions are made to look like this one's, without labels; ``none``: as they are."""
    weigh: bool = True
    """How much of earlier sessions is learned from is chosen by what it was worth on the blocks so far; else all."""
    as_good: PositiveFloat = 0.02
    """The frontal channels alone count as as good as all where they are worse by no more than this, in AUC."""


class BlockScore(Frozen):
    """One block, scored by a decoder that was trained on earlier blocks only."""

    block: NonNegativeInt
    trials: PositiveInt
    """Scored."""
    auc: Area
    """Area under the ROC curve within the block: between two categories, or the mean of each against the others."""
    accuracy: Probability
    """Share of trials whose category was the most likely, mean over the categories: 1 / categories by chance."""
    log10_e: float
    """Evidence against chance after this block."""


class Evidence(Frozen):
    """The test of one set of channels, block by block."""

    channels: tuple[str, ...]
    blocks: tuple[BlockScore, ...] = ()
    trials: NonNegativeInt = 0
    """Scored so far."""
    auc: Area | None = None
    """Mean over the scored blocks, each weighted by its trials; None before there is one."""
    auc_low: Area | None = None
    auc_high: Area | None = None
    """95 % interval."""
    accuracy: Probability | None = None
    accuracy_low: Probability | None = None
    accuracy_high: Probability | None = None
    """95 % interval (Wilson)."""
    log10_e: float = 0.0
    path: tuple[float, ...] = ()
    """log10 of the e-value after each scored trial; decisions are taken at the ends of blocks."""
    rejects: bool = False
    """It passed 1 / alpha at the end of a block: better than chance."""


class Map(Frozen):
    """Which channels and times tell the categories apart, from all trials so far."""

    channels: tuple[str, ...]
    times_s: tuple[float, ...]
    """Middle of each time window, seconds after the onset."""
    width_s: PositiveFloat
    values: tuple[tuple[float, ...], ...]
    """channels x times: |t| between two categories, sqrt(F) between more."""
    unit: Literal["|t|", "sqrt(F)"]
    chance: float
    """Without any difference, the largest value of the whole map stays below this in 95 of 100 maps."""
    trials: dict[str, NonNegativeInt]
    """Behind it, by category."""


class Repeats(Frozen):
    """Accuracy when so many trials of a category are averaged before the decoder looks."""

    repeats: PositiveInt
    accuracy: Probability
    low: Probability
    high: Probability
    averages: PositiveInt
    """Decoded; no trial is in two of them."""


class FormerUse(Frozen):
    """What earlier sessions of the same person bring."""

    sessions: tuple[str, ...]
    trials: NonNegativeInt
    """Windows of theirs that fit this session."""
    share: Probability = 1.0
    """Of these, what the next decoder and the bundle learn from."""
    scored: NonNegativeInt = 0
    """Trials of this session that decoders with and without earlier windows both scored."""
    auc_with: Area | None = None
    """On these, by decoders of all earlier windows and the blocks before; None before there are any."""
    auc_without: Area | None = None
    """On these, by decoders of the blocks before alone."""
    words: str = ""


class Progress(Frozen):
    """All that a calibration tells; written after every block."""

    format: Literal["eegseek-calibration"] = "eegseek-calibration"
    version: Literal[1] = 1
    verdict: Verdict = "going_on"
    words: str = ""
    """The verdict and why, in a sentence or two."""
    warnings: tuple[str, ...] = ()
    """Such as that the frontal channels alone do as well."""
    rules: CalibrationRules = CalibrationRules()
    categories: tuple[str, ...]
    blocks_planned: PositiveInt
    blocks_done: NonNegativeInt = 0
    trials: dict[str, NonNegativeInt] = {}
    """Kept, by category."""
    rejected: dict[str, NonNegativeInt] = {}
    """Stimuli without a window, by reason."""
    chance: Probability
    """Accuracy of guessing."""
    threshold_log10_e: float
    """log10(1 / alpha): where the line stands that evidence has to pass."""
    whole: Evidence
    ocular: Evidence | None = None
    """The frontal channels alone; None where the headset has none, or no others."""
    ocular_words: str = ""
    """What the ocular control says, or why there is none."""
    map: Map | None = None
    repeats: tuple[Repeats, ...] = ()
    cross_validated_auc: Area | None = None
    """Each block scored by a decoder of all others; once it has ended."""
    former_trials: NonNegativeInt = 0
    """Of earlier sessions of the same person, that decoders learned from as well."""
    former: FormerUse | None = None
    """What they are and what they bring; None where none was named."""
    simulated: bool = False
    bundle: str = ""
    """Folder of the encoder bundle, once written."""


def read_progress(path: Path) -> Progress:
    """A ``calibration.json``.

    Raises
    ------
    BundleError
        It is missing or foreign.
    """
    return parse(Progress, read_json(path, "state of a calibration"), path, "state of a calibration")


def write_progress(path: Path, progress: Progress) -> None:
    """Write it in one step: whoever reads meets the old one or the new one, whole.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    write_whole(path, progress.model_dump_json(indent=1) + "\n")
