"""What an evaluation says: rows of scores, each with its conditions, curves, and what a page draws. JSON, never NaN."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import JsonValue, model_validator

from config.chain import Frozen

GalleryKind = Literal["shown images", "class centres", "all", "texts", "classes"]
"""What an answer is looked up in: the items shown, one mean per class, every item, texts, or prototypes of classes."""
Selection = Literal["fixed epoch", "validation-picked by inner splits", "nothing chosen", "not recorded"]
"""How the decoder's epoch or penalty was chosen. Picking it on the test recordings is not among them."""


class Metric(Frozen):
    """One score, with what guessing gives and how far to trust it."""

    value: float | None
    """None where it is not defined."""
    chance: float | None = None
    """Analytic, or the mean of permutations (see ``chance_by``)."""
    chance_by: Literal["analytic", "permutation", ""] = ""
    low: float | None = None
    high: float | None = None
    """Bounds of the 95 % interval; None where there are too few units."""
    n: int = 0
    """Answers, or pairs, that it rests on."""
    unit: str = ""
    """What the interval resamples: subjects, stimuli, runs or texts; never trials. Empty: no interval."""
    p: float | None = None
    test: str = ""
    """What ``p`` is of, such as ``sign-flip over 10 subjects``."""


class Row(Frozen):
    """Scores under one protocol, with every condition that they depend on."""

    protocol: str
    what: str = ""
    """In a sentence, for people: what had to be told apart."""
    subjects: tuple[str, ...] = ()
    encoder: str
    trained_by: str = ""
    """Objectives, or the closed form; who was trained on, where it matters."""
    repeats: int = 1
    """Trials averaged into an answer; 0: all that there are."""
    n_way: int
    gallery: GalleryKind
    selection: Selection
    transductive: bool = False
    """Something used the test queries as a set."""
    causal: bool = True
    """False: the epochs, or those of the training, were filtered without causality: no live figure."""
    blocked: bool = False
    """True: labels can be told from time alone (``--allow-blocked``), so the score may be drift."""
    seen: bool = False
    """True: the decoder learned from these stimuli (``--allow-seen``), so nothing about it is zero-shot."""
    simulated: bool = False
    metrics: dict[str, Metric] = {}
    error: str = ""
    """Why there are no scores; empty where there are."""
    notes: tuple[str, ...] = ()


class Curve(Frozen):
    """A score against a condition."""

    name: str
    """Such as ``top-1 of 200 against repeats``."""
    x_label: str
    """With its unit, such as ``window end (ms)``."""
    y_label: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    chance: tuple[float | None, ...] = ()
    log_x: bool = False
    note: str = ""

    @model_validator(mode="after")
    def _even(self) -> Curve:
        lengths = {len(part) for part in (self.x, self.y, self.low, self.high, self.chance) if len(part)}
        if len(lengths) > 1 or len(self.x) != len(self.y):
            raise ValueError("x, y, low, high and chance of a curve must be equally long (the last three may be empty)")
        return self


class Confusion(Frozen):
    """How often class i (row) was answered by class j (column), as a share of the row."""

    name: str
    labels: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]
    note: str = ""


class Rdms(Frozen):
    """Representational dissimilarities (1 - cosine) between the same stimuli or classes."""

    name: str
    labels: tuple[str, ...]
    model: tuple[tuple[float, ...], ...]
    """Of the gallery's embeddings."""
    brain: tuple[tuple[float, ...], ...]
    """Of the embeddings of the EEG."""
    agreement: Metric | None = None
    """Spearman's rho between the two."""
    note: str = ""


class EmbeddingMap(Frozen):
    """Embeddings in two dimensions, to look at."""

    method: str
    """``t-SNE`` or ``UMAP``, with its parameters."""
    points: tuple[tuple[float, float], ...]
    labels: tuple[str, ...]
    """Class of each point."""
    kinds: tuple[str, ...] = ()
    """``EEG`` or ``gallery`` of each point; empty: all EEG."""
    clusters: tuple[int, ...] = ()
    """Of k-means in the full space, where it was done."""
    agreement: dict[str, Metric] = {}
    """Of the clusters with the classes, such as ``adjusted_rand``."""
    note: str = ""


class Topography(Frozen):
    """A value for each channel, at each of some times."""

    name: str
    channels: tuple[str, ...]
    times_s: tuple[float, ...]
    """Seconds from the onset, the middle of each piece; one value where it holds for the whole window."""
    values: tuple[tuple[float, ...], ...]
    """(times, channels)."""
    unit: str
    note: str = ""


class Bin(Frozen):
    """Answers of like probability."""

    low: float
    high: float
    n: int
    probability: float
    """Mean of what was claimed."""
    right: float
    """Share that was right."""


class Reliability(Frozen):
    """What a probability was worth."""

    name: str
    bins: tuple[Bin, ...]
    metrics: dict[str, Metric] = {}
    """Such as ``ece`` and ``brier``."""
    note: str = ""


class Published(Frozen):
    """A figure of the literature, beside ours."""

    method: str
    protocol: str
    metric: str
    value: float
    chance: float | None = None
    source: str
    note: str = ""


class Report(Frozen):
    """Everything that an evaluation found."""

    format: Literal["eegseek-report"] = "eegseek-report"
    version: Literal[1] = 1
    title: str = ""
    about: dict[str, JsonValue] = {}
    """Encoder, gallery, recordings, counts, versions: what was evaluated on what."""
    rows: tuple[Row, ...] = ()
    curves: tuple[Curve, ...] = ()
    confusion: tuple[Confusion, ...] = ()
    rdms: tuple[Rdms, ...] = ()
    embedding_map: EmbeddingMap | None = None
    maps: tuple[Topography, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    notes: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()

    def json_able(self) -> dict[str, Any]:
        """As JSON holds it."""
        return self.model_dump(mode="json")
