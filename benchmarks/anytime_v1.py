"""Participant v1: how soon an encoder knows what it will know, beside the ideal observer of the same windows.

The ideal observer knows the model of brain and noise (see `training.bound`); its accuracy at each end is what no
decoder can pass in the mean. The encoders are trained on a session of their own and scored on another, at every end,
by the same averages of trials; ``encoding`` in stages searches one gallery, that of its subspace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.participant import v1
from benchmarks.anytime_options import AnytimeOptions
from benchmarks.bound import CENTRES, INNER_FOLDS, INNER_USED, TEST
from benchmarks.bound_network import train_network
from inference.encoders.base import Vectors, Windows, unit_norm
from training.bound import model, observer, rivals, simulate
from training.bound.timeline import Timeline
from training.closed import linear_encoding
from training.closed.staged_fit import StagedRecipe
from training.metrics import bootstrap, retrieval
from training.trials import repeats, split
from training.trials.epochs import Progress, Trials, silent

ENDS_S = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.85, 1.0)
"""Ends of the window; the last is the whole."""
SHARE = 0.95
"""Of its own accuracy for whole windows, whose time is measured."""
IDEAL = "ideal"
KNOWN = 1e-4
"""Information about a latent before anything is known of it: its variance is 1."""
ROUNDS = 20
"""Random averages of each test picture."""
DRAWS = 500
Scorer = Callable[[Windows], NDArray[np.floating[Any]]]
"""Scores (n, items) of windows (n, channels, times) that end at an end."""


def measure(options: AnytimeOptions, progress: Progress = silent) -> dict[str, Any]:
    """Accuracy at each end of the ideal observer and of encoders.

    Returns
    -------
    dict
        ``ends_s``; ``ideal`` (top-1 at each end, expected over sessions) and ``ideal_reaches_s``, when it first has
        ``SHARE`` of its own last value, between ends by interpolation; ``decoders`` by name, each with ``top1``,
        ``interval``, ``reaches_s`` and ``reaches_interval_s`` (test pictures resampled), and ``reaches_best_s``, the
        same of its highest value, which for a small training session is not the last; all of the same sessions.
    """
    study = _Study(options, progress)
    ideal = study.expected()
    right: dict[str, list[NDArray[np.bool_]]] = {}
    shown: list[NDArray[np.int64]] = []
    for seed in range(options.seed, options.seed + options.sessions):
        pictures, found = study.session(seed)
        shown.append(pictures)
        for name, one in found.items():
            right.setdefault(name, []).append(one)
    pictures = np.concatenate(shown)
    return {
        "ends_s": list(ENDS_S),
        "averaged": options.averaged,
        "items": len(study.gallery),
        "ideal": ideal,
        "ideal_reaches_s": reaches(ENDS_S, ideal),
        "decoders": {name: _described(np.concatenate(one, axis=1), pictures) for name, one in right.items()},
        "answers": len(pictures),
    }


class _Study:
    """One person, and everything that seeds do not change."""

    def __init__(self, options: AnytimeOptions, progress: Progress) -> None:
        self.options, self.progress = options, progress
        self.population = v1.population_of(v1.read_features(options.data / CENTRES))
        self.gallery: Vectors = unit_norm(v1.read_features(options.data / TEST))
        self.readout = v1.Readout(self.population)
        self.explained = self.readout.latents(self.gallery)
        self.timeline = Timeline(model.window_model())

    def observers(self, latents: NDArray[np.float64]) -> list[observer.Statistics]:
        """The ideal observer's reading of a stream of these latents, at each end."""
        covariance, mean, found = observer.shown_covariance(latents), latents.mean(axis=0), []
        for done, times in enumerate(_times()):
            self.progress("the ideal observer at each end", done, len(ENDS_S))
            one = self.timeline.until(times).statistics(v1.LEVEL_UV, covariance, mean, KNOWN)
            found.append(self.timeline.by_channel(one))
        self.progress("the ideal observer at each end", len(ENDS_S), len(ENDS_S))
        return found

    def expected(self) -> list[float]:
        """Top-1 of the ideal observer in the mean over sessions, at each end."""
        self.ideal, n = self.observers(self.explained), self.options.averaged
        return [observer.expected(one.error, self.explained, n, seed=1)[0] for one in self.ideal]

    def session(self, seed: int) -> tuple[NDArray[np.int64], dict[str, NDArray[np.bool_]]]:
        """Test pictures (n,) and, by decoder, whether each end's answer is right (ends, n)."""
        o, said = self.options, self.progress
        drawn = self.population.draw(o.pictures, np.random.default_rng([seed, 5]))
        train = self._trials(self.readout.pictures(drawn, 2 * seed), o.repeats, 2 * seed, "training session")
        scorers: dict[str, Sequence[Scorer]] = {"encoding": self._encoding(train, drawn, seed)}
        for name in o.networks:
            embed, _ = train_network(name, train, drawn, seed, said, ENDS_S[:-1])
            scorers[name] = [_by_cosine(embed, self.gallery)] * len(ENDS_S)
        del train
        tested = self.readout.pictures(self.gallery, 2 * seed + 1)
        test = self._trials(tested, o.test_repeats, 2 * seed + 1, "test session")
        scorers[IDEAL] = [_ideal(one, self.explained, o.averaged) for one in self.ideal]
        rng = np.random.default_rng([seed, 6])
        subsets = repeats.draw(repeats.groups(test), o.averaged, ROUNDS if o.averaged > 1 else 1, rng)
        windows, truth = subsets.windows(test), test.rows[subsets.members[:, 0]]
        found = {
            name: np.stack(
                [
                    retrieval.ranks(score(np.ascontiguousarray(windows[:, :, :times])), truth) <= 1
                    for score, times in zip(parts, _times(), strict=True)
                ]
            )
            for name, parts in scorers.items()
        }
        return truth, found

    def _encoding(self, train: Trials, drawn: Vectors, seed: int) -> list[Scorer]:
        """``encoding`` in stages: rank and waves chosen on whole windows, waves then as fast at every end."""
        inner = split.folds(train, "stimulus", INNER_FOLDS, seed)[:INNER_USED]
        given = {"compare": "subspace"}
        chosen = linear_encoding.choose(train, drawn, given, inner, seed, self.progress).parameters
        whole = v1.WINDOW.n_times
        stages = [
            {"times": t, "parameters": {**chosen, "waves": max(round(chosen["waves"] * t / whole), 2)}}
            for t in _times()
        ]
        self.progress("fitting encoding at each end", 0, 1)
        staged = StagedRecipe("encoding", _times())
        fitted = staged.fit(train, drawn, {"inner": "encoding", "stages": stages}, seed)
        self.progress("fitting encoding at each end", 1, 1)
        if fitted.projection is None:
            raise ValueError("an encoder that compares in its subspace has a projection")
        return [_by_cosine(fitted.embed, unit_norm(self.gallery @ fitted.projection))] * len(ENDS_S)

    def _trials(self, pictures: v1.Pictures, count: int, seed: int, what: str) -> Trials:
        return simulate.trials(pictures, count, seed=seed, progress=self.progress, what=what)


def _times() -> tuple[int, ...]:
    """Samples of a window at each end."""
    window = v1.WINDOW
    return tuple(window.model_copy(update={"end_s": end_s}).n_times for end_s in ENDS_S)


def _ideal(statistics: observer.Statistics, explained: NDArray[np.float64], averaged: int) -> Scorer:
    score = rivals.ideal(statistics, explained)
    return lambda windows: score(windows, averaged)


def _by_cosine(embed: Callable[[Windows], Vectors], items: Vectors) -> Scorer:
    return lambda windows: unit_norm(embed(windows)) @ items.T


def reaches(ends_s: Sequence[float], accuracy: Sequence[float] | NDArray[np.float64]) -> float:
    """When an accuracy first is ``SHARE`` of its own last value, seconds, between ends by interpolation."""
    return passes(ends_s, accuracy, SHARE * accuracy[-1])


def passes(ends_s: Sequence[float], accuracy: Sequence[float] | NDArray[np.float64], wanted: float) -> float:
    """When an accuracy first is what is wanted, seconds, between ends by interpolation."""
    k = next(k for k, value in enumerate(accuracy) if value >= wanted)
    if k == 0:
        return float(ends_s[0])
    below, above = accuracy[k - 1], accuracy[k]
    return float(ends_s[k - 1] + (ends_s[k] - ends_s[k - 1]) * (wanted - below) / (above - below))


def _described(right: NDArray[np.bool_], pictures: NDArray[np.int64]) -> dict[str, Any]:
    """Of whether each answer (ends, n) is right: accuracy and time, with intervals over pictures."""
    _, place = np.unique(pictures, return_inverse=True)
    count = np.bincount(place)
    sums = np.stack([np.bincount(place, row) for row in right])
    units = np.arange(len(count))

    def curve(index: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(sums[:, index].sum(axis=1) / count[index].sum())

    def bounds(statistic: Callable[[NDArray[np.int64]], float]) -> list[float] | None:
        found = bootstrap.interval(statistic, units, draws=DRAWS)
        return list(found) if found else None

    whole = curve(units)
    return {
        "top1": whole.tolist(),
        "interval": [bounds(lambda i, k=k: float(curve(i)[k])) for k in range(len(right))],  # type: ignore[misc]
        "reaches_s": reaches(ENDS_S, whole),
        "reaches_best_s": passes(ENDS_S, whole, SHARE * float(whole.max())),
        "reaches_interval_s": bounds(lambda i: reaches(ENDS_S, curve(i))),
    }
