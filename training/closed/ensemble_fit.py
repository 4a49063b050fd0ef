"""Fits ``ensemble``: members in closed form, their options and weights by inner splits of the training data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, unit_norm
from inference.encoders.ensemble import Ensemble
from inference.encoders.ensemble_members import LaggedRiemann, Part, RiemannMember, ToeplitzMember, part
from training.closed import riemann_fit
from training.closed.closed_form import Chosen
from training.metrics import retrieval
from training.trials import targets
from training.trials.epochs import Progress, Trials, silent
from training.trials.split import Split

ALPHAS = (10.0, 30.0, 100.0)
"""Ridge penalties tried for each ``riemann`` member."""
DELAYS = ((1, 1), (2, 4), (2, 8), (3, 6))
"""(copies, samples between them) of the ``riemann`` members; at 128 Hz they reach over 0, 31, 62 and 94 ms."""
BINS = (2, 4)
"""Samples a bin of the discriminants."""
SKIPS = (0.0, 1 / 7)
"""Shares of the window that a discriminant may leave out at its beginning: 1/7 is the baseline of -0.1 to 0.6 s."""
SHRINKAGE = 0.05
"""Penalty on the weights, as a share of the members' own power: what they all say alike is divided among them."""

Array = NDArray[np.float64]
AnyMember = RiemannMember | ToeplitzMember


@dataclass(frozen=True)
class Tried:
    """A member with what it said of trials it was not fitted to.

    Attributes
    ----------
    member
        With the best of its options.
    score
        Mean over the inner splits.
    criterion
        As of `Chosen`.
    answers
        (held-out trials, dim), in the order of the splits.
    """

    member: AnyMember
    score: float
    criterion: str
    answers: Array


def defaults(n_channels: int, n_times: int, n_classes: int) -> dict[str, Any]:
    """Members before any choice; those that reach over more than a third of the window are left out."""
    members: list[AnyMember] = []
    for lags, step in DELAYS:
        if lags == 1 or 3 * step * (lags - 1) <= n_times:
            base = riemann_fit.defaults(n_channels * lags, n_classes)
            members.append(RiemannMember(lags=lags, step=step, alpha=ALPHAS[1], **base))
    members += [ToeplitzMember(bin=size) for size in BINS if size <= n_times]
    return {"members": [member.model_dump() for member in members]}


def fit(trials: Trials, vectors: Vectors, parameters: dict[str, Any], seed: int) -> Ensemble:
    """Encoder fitted to all of the given trials."""
    model = Ensemble(parameters)
    return model.fit(trials.windows, targets.of_rows(vectors, trials.rows), targets.classes(vectors, trials.rows, seed))


def choose(
    trials: Trials,
    vectors: Vectors,
    given: dict[str, Any],
    splits: Sequence[Split],
    seed: int,
    progress: Progress = silent,
) -> Chosen:
    """Members' options and weights for the trials.

    Each member keeps the option (ridge penalty, or share skipped) that scores best on the held-out sides. The weights
    are those, none negative, with which the members' held-out answers come nearest to the targets, by least squares
    with the penalty ``SHRINKAGE`` (stacking, Breiman 1996).

    Parameters
    ----------
    trials
        Training data.
    vectors
        (items, dim) of the gallery, unit norm.
    given
        ``members`` or ``weights`` that are not to be chosen; given members keep their options.
    splits
        Inner splits; with none of them nothing is chosen and the weights are equal.
    seed
        Of the clustering of many items into classes.
    progress
        Told after each member.
    """
    n_classes = len(np.unique(targets.classes(vectors, trials.rows, seed)))
    _, n_channels, n_times = trials.windows.shape
    base = {**defaults(n_channels, n_times, n_classes), **given}
    members = Ensemble(base).parameters.members
    if not splits:
        return Chosen(base, "none", {})
    tried = []
    for done, member in enumerate(members):
        progress("trying the members", done, len(members))
        options = [member] if "members" in given else _options(member, trials.windows.shape[2])
        tried.append(_try(options, trials, vectors, splits, seed))
    progress("trying the members", len(members), len(members))
    held = [trials.take(split.held) for split in splits]
    weights = given.get("weights")
    if weights is None:
        wanted = np.concatenate([targets.of_rows(vectors, part_.rows) for part_ in held])
        weights = [round(float(w), 6) for w in stack([one.answers for one in tried], wanted)]
    together = _score(sum(w * one.answers for w, one in zip(weights, tried, strict=True)), held, vectors)
    scores = {_name(one.member): one.score for one in tried} | {"ensemble": together[1]}
    parameters = {"members": [one.member.model_dump() for one in tried], "weights": list(weights)}
    return Chosen(parameters, tried[0].criterion, scores)


def stack(answers: Sequence[Array], wanted: NDArray[Any]) -> Array:
    """Weights, none negative, of answers so that their sum comes near to what is wanted.

    Parameters
    ----------
    answers
        Of each member, (n, dim), about the mean target.
    wanted
        (n, dim).
    """
    from scipy.optimize import nnls

    y = wanted - wanted.mean(axis=0)
    centred = [a - a.mean(axis=0) for a in answers]
    power = np.array([max(float(np.sum(a**2)), np.finfo(np.float64).tiny) for a in centred])
    unit = [a / np.sqrt(p) for a, p in zip(centred, power, strict=True)]
    gram = np.array([[float(np.sum(a * b)) for b in unit] for a in unit])
    # least squares from its normal equations, which are small whatever the number of trials
    factor = np.linalg.cholesky(gram + SHRINKAGE * np.eye(len(unit)))
    found, _ = nnls(factor.T, np.linalg.solve(factor, np.array([float(np.sum(a * y)) for a in unit])))
    return np.asarray(found / np.sqrt(power))


def _options(member: AnyMember, n_times: int) -> list[AnyMember]:
    if isinstance(member, RiemannMember):
        return [member.model_copy(update={"alpha": alpha}) for alpha in ALPHAS]
    skips = sorted({round(share * n_times) for share in SKIPS})
    return [member.model_copy(update={"skip": skip}) for skip in skips if n_times - skip >= member.bin]


def _try(options: Sequence[AnyMember], trials: Trials, vectors: Vectors, splits: Sequence[Split], seed: int) -> Tried:
    """The best option of a member: each is fitted to one side of the splits and asked about the other."""
    held = [trials.take(split.held) for split in splits]
    said: list[list[Array]] = [[] for _ in options]
    for split, asked in zip(splits, held, strict=True):
        known = trials.take(split.train)
        wanted = targets.of_rows(vectors, known.rows)
        models = _fitted(options, known, wanted, targets.classes(vectors, known.rows, seed))
        for answers, model in zip(said, models, strict=True):
            answers.append(np.asarray(model.embed(asked.windows) - wanted.mean(axis=0), np.float64))
    joined = [np.concatenate(answers) for answers in said]
    scores = [_score(answers, held, vectors) for answers in joined]
    best = max(range(len(options)), key=lambda k: scores[k][1])
    return Tried(options[best], scores[best][1], scores[best][0], joined[best])


def _fitted(options: Sequence[AnyMember], known: Trials, wanted: Vectors, classes: NDArray[Any]) -> Sequence[Part]:
    first = part(options[0]).fit(known.windows, wanted, classes)
    if isinstance(first, LaggedRiemann):
        # filters and reference do not depend on the penalty: fitted once
        return first.with_alphas(known.windows, wanted, [o.alpha for o in options if isinstance(o, RiemannMember)])
    return [first, *(part(option).fit(known.windows, wanted, classes) for option in options[1:])]


def _score(answers: Any, held: Sequence[Trials], vectors: Vectors) -> tuple[str, float]:
    """Criterion and mean score of answers (about the mean target), each split's among the items it shows."""
    found, begin = [], 0
    for part_ in held:
        shown, truth = np.unique(part_.rows, return_inverse=True)
        middle = unit_norm(vectors[shown]).mean(axis=0)
        own = answers[begin : begin + len(part_)] + middle
        found.append(retrieval.headline(unit_norm(own) @ vectors[shown].T, truth))
        begin += len(part_)
    return found[0][0], float(np.mean([value for _, value in found]))


def _name(member: AnyMember) -> str:
    if isinstance(member, RiemannMember):
        return f"riemann lags={member.lags} step={member.step} alpha={member.alpha:g}"
    return f"toeplitz bin={member.bin} skip={member.skip}"
