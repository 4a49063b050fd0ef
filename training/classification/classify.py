"""Zero-shot classes: a window belongs to the class whose prompts its embedding is nearest to, as in EEG-CLIP [1]_.

A class is a name with one prompt or more; its vector is the mean of their unit vectors in the encoder's space. No
window is needed to set up the classes, so any words can be asked for.

References
----------
.. [1] Camaret Ndir et al. (2025), EEG-CLIP: learning EEG representations from natural language descriptions,
   Frontiers in Robotics and AI 12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import SettingsError
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery
from training.confidence import scoring
from training.metrics import bootstrap, retrieval

UNKNOWN = -1
"""Class of a window whose truth is not known."""


@dataclass(frozen=True)
class Classes:
    """What can be answered.

    Attributes
    ----------
    names
        Of the classes.
    vectors
        (classes, dim) float32, unit norm.
    prompts
        What each class was made from, for people.
    notes
        What should be said of them.
    aliases
        Other names that stand for a class: ids of the gallery's items.
    """

    names: tuple[str, ...]
    vectors: Vectors
    prompts: dict[str, list[str]]
    notes: tuple[str, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Embedded:
    """Windows to be classified, as the encoder sees them.

    Attributes
    ----------
    vectors
        (n, dim) float32, unit norm.
    labels
        Marker of each window.
    recording, subject
        (n,) int64, running numbers.
    origins
        Names of the recordings.
    onsets_s
        (n,) onset in the recording, seconds.
    """

    vectors: Vectors
    labels: tuple[str, ...]
    recording: NDArray[np.int64]
    subject: NDArray[np.int64]
    origins: tuple[str, ...]
    onsets_s: NDArray[np.float64]


@dataclass(frozen=True)
class Classified:
    """Answers.

    Attributes
    ----------
    classes
        What could be answered.
    cosines
        (n, classes).
    answers
        (n,) int64, the nearest class.
    truth
        (n,) int64, ``UNKNOWN`` where it is not known.
    units
        As `training.confidence.scoring` takes them.
    """

    classes: Classes
    cosines: NDArray[np.float32]
    answers: NDArray[np.int64]
    truth: NDArray[np.int64]
    units: scoring.Units = field(default_factory=dict)


def read_classes(given: Sequence[str]) -> dict[str, list[str]]:
    """Prompts of each class, from texts such as ``left=a photo of a left arrow``; a name again adds a prompt.

    Raises
    ------
    SettingsError
        A text has no prompt, or there are fewer than two classes.
    """
    prompts: dict[str, list[str]] = {}
    for text in given:
        name, equals, prompt = (part.strip() for part in text.partition("="))
        if not name or (equals and not prompt):
            raise SettingsError(
                f"class '{text}' is not of the form name=prompt, such as 'left=a photo of a left arrow'"
            )
        prompts.setdefault(name, []).append(prompt or name)
    if len(prompts) < 2:
        raise SettingsError(f"{len(prompts)} class is given, expected two or more; repeat --class name=prompt")
    return prompts


def of_gallery(gallery: Gallery) -> Classes:
    """Classes of a gallery: one for each label, at the mean of its items.

    Raises
    ------
    SettingsError
        It has fewer than two labels.
    """
    labels = [item.label for item in gallery.items]
    names = tuple(dict.fromkeys(labels))
    if len(names) < 2:
        raise SettingsError(f"the gallery has one label, '{names[0]}'; classes need two or more")
    which = np.array([names.index(label) for label in labels])
    vectors = np.stack([gallery.vectors[which == k].mean(axis=0) for k in range(len(names))])
    items = {name: [item.id for item in gallery.items if item.label == name] for name in names}
    return Classes(names, unit_norm(vectors), items, aliases={item.id: item.label for item in gallery.items})


def classify(windows: Embedded, classes: Classes, truth: Mapping[str, str] | None = None) -> Classified:
    """The nearest class of each window.

    Parameters
    ----------
    windows
        Embedded.
    classes
        In the same space.
    truth
        Marker label to name of a class, or id of an item of its gallery; empty or None: a label that is one of these
        stands for it.

    Raises
    ------
    SettingsError
        The truth names what is no class.
    """
    own = {**classes.aliases, **{name: name for name in classes.names}}
    known = {label: own.get(name, name) for label, name in truth.items()} if truth else own
    odd = [name for name in known.values() if name not in classes.names]
    if odd:
        raise SettingsError(
            f"the session file names '{odd[0]}', which is no class; these are {', '.join(classes.names)}"
        )
    rows = {label: classes.names.index(name) for label, name in known.items()}
    cosines = np.asarray(windows.vectors @ classes.vectors.T, np.float32)
    labels = np.unique(np.array(windows.labels, dtype=str), return_inverse=True)[1] if windows.labels else np.empty(0)
    return Classified(
        classes=classes,
        cosines=cosines,
        answers=cosines.argmax(axis=1).astype(np.int64),
        truth=np.array([rows.get(label, UNKNOWN) for label in windows.labels], np.int64),
        units={"subjects": windows.subject, "stimuli": np.asarray(labels, np.int64), "runs": windows.recording},
    )


def report(found: Classified, *, unit: scoring.Unit = "auto", seed: int = 0) -> dict[str, Any]:
    """Answers counted, and scored where the truth is known.

    Parameters
    ----------
    found
        Answers.
    unit
        What the 95 % intervals resample: subjects, stimuli or runs; never windows.
    seed
        Of the resampling.

    Returns
    -------
    A dict that JSON can hold: ``answers`` by class and, where some truth is known, ``balanced_accuracy`` with chance
    and interval, ``recall`` of each class, ``confusion`` (rows truth, columns answers) and, for two classes, ``auc``.
    """
    names = found.classes.names
    counted = np.bincount(found.answers, minlength=len(names))
    known = np.flatnonzero(found.truth != UNKNOWN)
    out: dict[str, Any] = {
        "classes": found.classes.prompts,
        "windows": len(found.answers),
        "truth_known": len(known),
        "answers": {name: int(count) for name, count in zip(names, counted, strict=True)},
        "notes": list(found.classes.notes),
    }
    return {**out, **_scores(found, known, unit, seed)} if len(known) else out


def confusion(truth: NDArray[np.int64], answers: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How often each class (row) was answered as each (column)."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (truth, answers), 1)
    return table


def balanced_accuracy(truth: NDArray[np.int64], answers: NDArray[np.int64]) -> float:
    """Mean over the classes that occur of how often they were answered rightly."""
    return float(np.mean([np.mean(answers[truth == k] == k) for k in np.unique(truth)]))


def _scores(found: Classified, known: NDArray[np.int64], unit: scoring.Unit, seed: int) -> dict[str, Any]:
    truth, answers, cosines = found.truth[known], found.answers[known], found.cosines[known]
    names = found.classes.names
    units = {kind: values[known] for kind, values in found.units.items()}
    chosen = scoring.choose_unit(units, unit)
    present = np.unique(truth)

    def accuracy(index: NDArray[np.int64]) -> float:
        whole = len(np.unique(truth[index])) == len(present)
        return balanced_accuracy(truth[index], answers[index]) if whole else float("nan")

    bounds = bootstrap.interval(accuracy, units[chosen], seed=seed) if chosen else None
    low, high = bounds or (None, None)
    table = confusion(truth, answers, len(names))
    value = balanced_accuracy(truth, answers)
    out: dict[str, Any] = {
        "balanced_accuracy": {"value": value, "chance": 1 / len(names), "low": low, "high": high},
        "interval": {"level": 0.95, "resamples": chosen if bounds else None},
        "recall": {names[k]: float(table[k, k] / table[k].sum()) for k in present},
        "confusion": table.tolist(),
    }
    if len(names) == 2 and len(present) == 2:
        out["auc"] = {"value": retrieval.auc(retrieval.contrast(cosines), truth == 1), "chance": 0.5}
    return out
