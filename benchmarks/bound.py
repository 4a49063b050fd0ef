"""How far decoders are from what is possible: encoders beside an ideal observer, on simulated participant v1.

The participant is simulated and the generating model known, so the ideal observer can be computed: nothing that sees
the same windows can do better in the mean. Beside it stand an oracle that knows noise and patterns but learns from the
training data how pictures drive them, canonical correlation of the true rank, and encoders as they are trained for
real. Each encoder is scored twice: against the gallery as it is, and against the gallery in the encoder's subspace.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from acquisition.participant import v1
from benchmarks.bound_network import train_network
from benchmarks.bound_options import BoundOptions
from benchmarks.bound_table import show
from benchmarks.machine import machine
from inference.encoders.base import Vectors, Windows, unit_norm
from training.bound import model, observer, rivals, scores, simulate
from training.closed.closed_form import recipe
from training.trials import split
from training.trials.epochs import Progress, Trials

CENTRES, TEST = "things/center_clip.npy", "things/clip_feature_maps_test.npy"
SIDES = ("embedding", "subspace")
INNER_FOLDS, INNER_USED = 6, 2
"""A sixth of the training pictures is held out to choose by, twice."""
ORACLE, CCA = "oracle", "cca of known rank"


@dataclass
class _Study:
    """One person, and everything that seeds do not change."""

    options: BoundOptions
    progress: Progress
    sessions: dict[str, list[list[scores.Answers]]] = field(default_factory=dict)
    chosen: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        o = self.options
        self.population = v1.population_of(v1.read_features(o.data / CENTRES))
        self.gallery: Vectors = unit_norm(v1.read_features(o.data / TEST))
        self.readout = v1.Readout(self.population, o.person)
        self.explained = self.readout.latents(self.gallery)
        self.progress("whitening the model", 0, 1)
        self.observer = observer.Observer(model.window_model(o.person))
        self.progress("whitening the model", 1, 1)
        self.level_uv = observer.solve_level(self.observer, self.explained, target=o.target)
        information = self.observer.information(self.level_uv, observer.shown_covariance(self.explained))
        self.error = np.asarray(np.linalg.inv(information))

    def expected(self, norms: bool) -> dict[str, dict[str, float]]:
        """What the ideal observer reaches in the mean over sessions; draws other than the level was solved on."""
        found = {}
        for n in (n for n in observer.REPEATS if n <= self.options.test_repeats):
            top = observer.expected(self.error, self.explained, n, seed=self.options.seed + 1, norms=norms)
            found[str(n)] = {"top1": top[0], "top5": top[1]}
        return found

    def run(self, seed: int) -> None:
        """Everything once."""
        o = self.options
        drawn = self.population.draw(o.pictures, np.random.default_rng([seed, 5]))
        shown = self.readout.pictures(drawn, 2 * seed)
        tested = self.readout.pictures(self.gallery, 2 * seed + 1)
        test = self._trials(tested, o.test_repeats, 2 * seed + 1, f"test session {seed}")
        ideal = self._statistics(tested)
        self._score("ideal", test, rivals.ideal(ideal, self.explained))
        train = self._trials(shown, o.repeats, 2 * seed, f"training session {seed}")
        learned = rivals.learn(train, drawn, self._statistics(shown))
        self._score(ORACLE, test, rivals.oracle(learned, ideal, self.gallery))
        inner = split.folds(train, "stimulus", INNER_FOLDS, seed)[:INNER_USED]
        self._encoder(CCA, "cca", train, drawn, test, inner, seed, {"rank": v1.RANK})
        for name in o.encoders:
            self._encoder(name, name, train, drawn, test, inner, seed, {})
        for name in o.networks:
            embed, record = train_network(name, train, drawn, seed, self.progress)
            self.chosen.append({"encoder": name, "seed": seed, "parameters": record, "tried": {}})
            self._score(name, test, _by_cosine(embed, self.gallery))

    def _trials(self, pictures: v1.Pictures, repeats: int, seed: int, what: str) -> Trials:
        o = self.options
        return simulate.trials(
            pictures,
            repeats,
            seed=seed,
            person=o.person,
            level_uv=self.level_uv,
            blinks_per_minute=o.blinks_per_minute,
            line_uv=o.line_uv,
            progress=self.progress,
            what=what,
        )

    def _statistics(self, pictures: v1.Pictures) -> observer.Statistics:
        """With neighbours as this session has them: the observer knows the pictures, but not what nothing explains."""
        explained = pictures.explained
        return self.observer.statistics(self.level_uv, observer.shown_covariance(explained), explained.mean(axis=0))

    def _encoder(
        self,
        what: str,
        name: str,
        train: Trials,
        drawn: Vectors,
        test: Trials,
        inner: list[split.Split],
        seed: int,
        given: dict[str, Any],
    ) -> None:
        """Choose by inner splits of the training data, fit to all of it, score on the test session."""
        method = recipe(name)
        chosen = method.choose(train, drawn, {**given, "compare": "subspace"}, inner, seed, self.progress)
        self.chosen.append({"encoder": what, "seed": seed, "parameters": chosen.parameters, "tried": chosen.tried})
        for side in SIDES:
            fitted: Any = method.fit(train, drawn, {**chosen.parameters, "compare": side}, seed)
            items = self.gallery if fitted.projection is None else unit_norm(self.gallery @ fitted.projection)
            self._score(f"{what}, {side}", test, _by_cosine(fitted.embed, items))

    def _score(self, what: str, test: Trials, scorer: rivals.Scorer) -> None:
        found = scores.answer(test, scorer, progress=self.progress, what=f"scoring {what}")
        self.sessions.setdefault(what, []).append(found)


def _by_cosine(embed: Callable[[Windows], Vectors], items: NDArray[np.float32]) -> rivals.Scorer:
    def score(windows: Windows, repeats: int) -> NDArray[np.float64]:
        return np.asarray(unit_norm(embed(windows)) @ items.T, np.float64)

    return score


def run_bound(options: BoundOptions, console: Console | None = None) -> dict[str, Any]:
    """Measure, print a table, and write the JSON.

    Parameters
    ----------
    options
        What to measure.
    console
        Where to draw.

    Returns
    -------
    dict
        ``ideal`` and ``ideal_by_cosine`` (expected, by repeats; the second searches the gallery as it is), ``rows`` (by
        decoder and repeats: top-1 and top-5 with intervals over pictures, share of the ideal's top-1 in the same
        sessions), ``level_uv``, ``kind`` (bound or reference), ``chosen``, ``machine``, ``options``.

    Raises
    ------
    SourceError
        The features are not there.
    SettingsError
        The sizes make no study.
    """
    options.check()
    console = console or Console(stderr=True)
    found: dict[str, Any] = {"machine": machine(), "options": _described(options)}
    with _bars(console) as progress:
        study = _Study(options, progress)
        for seed in range(options.seed, options.seed + options.seeds):
            study.run(seed)
    found |= {
        "kind": "bound" if options.bound else "reference",
        "level_uv": study.level_uv,
        "ideal": study.expected(norms=True),
        "ideal_by_cosine": study.expected(norms=False),
        "rows": _rows(study),
        "chosen": study.chosen,
    }
    show(found, Console())
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return found


def _rows(study: _Study) -> dict[str, dict[str, dict[str, Any]]]:
    merged = {what: scores.together(sessions) for what, sessions in study.sessions.items()}
    best = {one.repeats: one.top(1) for one in merged["ideal"]}
    return {
        what: {
            str(one.repeats): {
                "top1": one.top(1),
                "top1_interval": one.interval(1),
                "top5": one.top(5),
                "top5_interval": one.interval(5),
                "of_ideal": one.top(1) / best[one.repeats] if best[one.repeats] else None,
                "answers": len(one.ranks),
            }
            for one in parts
        }
        for what, parts in merged.items()
    }


def _described(options: BoundOptions) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()}


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}")
    with Bars(*columns, TimeElapsedColumn(), console=console) as bars:
        tasks: dict[str, Any] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield told
