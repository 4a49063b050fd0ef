"""The linear encoders: fitted in closed form, they find what was put in, and come back from a bundle bit by bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import training_data as td
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import BundleError
from inference.adapter import Adapter, AdapterParameters
from inference.bundle import load_encoder
from inference.encoders import registry
from inference.encoders.base import unit_norm
from inference.encoders.linear import CCA, Encoding, Linear
from training.closed import linear_adapter, linear_cca, linear_encoding
from training.closed.closed_form import recipe
from training.closed.linear_parts import cosines, distinct, features, summarise
from training.metrics import retrieval
from training.train import TrainRequest, train
from training.trials import split
from training.trials.epochs import Origin, Trials

CHANNELS, TIMES, DIM, RANK = 6, 60, 24, 3
METHODS = {"cca": CCA, "encoding": Encoding}


def world(
    items: int = 300, repeats: int = 3, signal: float = 0.5, seed: int = 0, dim: int = DIM, local: bool = False
) -> tuple[Trials, np.ndarray]:
    """Smooth responses of rank 3 to embeddings, on noise that is correlated in space and time.

    ``local``: on two channels and for a quarter of the window only.
    """
    fixed, rng = np.random.default_rng(99), np.random.default_rng(seed)
    waves = np.sin(np.pi * np.outer(np.arange(1, RANK + 1), np.arange(TIMES) / TIMES))
    patterns = np.einsum("rc,rt->rct", fixed.standard_normal((RANK, CHANNELS)), waves)
    if local:
        patterns[:, 2:] = 0
        patterns[:, :, : TIMES // 4] = patterns[:, :, TIMES // 2 :] = 0
    readout = fixed.standard_normal((dim, RANK))
    vectors = unit_norm(fixed.standard_normal(dim) + rng.standard_normal((items, dim)))
    rows = np.concatenate([rng.permutation(items) for _ in range(repeats)])
    noise = rng.standard_normal((len(rows), CHANNELS, TIMES)).cumsum(axis=2) * 0.3
    mixing = np.eye(CHANNELS) + 0.5 * fixed.standard_normal((CHANNELS, CHANNELS))
    evoked = np.einsum("nr,rct->nct", vectors[rows] @ readout, patterns)
    windows = (mixing @ noise + signal * evoked + 5.0).astype(np.float32)
    zeros = np.zeros(len(rows), np.int64)
    return Trials(windows, rows, zeros, zeros, (Origin("made", "0" * 64),), tuple("abcdef")), vectors


def scored(model: Linear, trials: Trials, vectors: np.ndarray) -> float:
    """Mean reciprocal rank of single windows."""
    items = vectors if model.projection is None else unit_norm(vectors @ model.projection)
    return retrieval.headline(unit_norm(model.embed(trials.windows)) @ items.T, trials.rows)[1]


@pytest.mark.parametrize("compare", ["embedding", "subspace"])
@pytest.mark.parametrize("name", METHODS)
def test_they_find_pictures_never_seen(name: str, compare: str) -> None:
    known, vectors = world()
    parameters = {"rank": RANK, "waves": 20, "compare": compare}
    model = recipe(name).fit(known, vectors, parameters, 0)
    assert isinstance(model, METHODS[name])
    new, others = world(items=50, seed=1)
    found = scored(model, new, others)
    chance = retrieval.chance(50)["mrr"]
    assert found > 2 * chance
    assert model.shape == (CHANNELS, TIMES, DIM if compare == "embedding" else RANK)
    nothing, _ = world(items=50, seed=2, signal=0.0)
    assert scored(model, nothing, others) < 1.5 * chance


def test_no_signal_teaches_nothing() -> None:
    known, vectors = world(signal=0.0)
    new, others = world(items=50, seed=1)
    for name in METHODS:
        model = recipe(name).fit(known, vectors, {"waves": 20}, 0)
        assert isinstance(model, Linear)
        assert scored(model, new, others) < 1.7 * retrieval.chance(50)["mrr"]


def test_the_prior_helps_where_responses_are_alike_in_place_and_time() -> None:
    known, vectors = world(items=400, signal=0.35, local=True)
    new, others = world(items=60, seed=1, signal=1.0, local=True)
    with_prior, without = (
        scored(linear_encoding.fit(known, vectors, {"waves": 60, "rank": RANK, "prior": prior}, 0), new, others)
        for prior in (1.0, 0.0)
    )
    assert with_prior > without


@pytest.mark.parametrize("name", METHODS)
def test_trained_and_loaded_as_any_encoder(name: str, tmp_path: Path) -> None:
    ids = [str(k) for k in range(24)]
    shown = td.gallery(tmp_path / "g", ids)
    recordings = (td.epochs(shown, td.repeated(ids, 6)), td.epochs(shown, td.repeated(ids, 6, 1), seed=1))
    request = TrainRequest(recordings, shown, name, tmp_path / "e", td.plan(), parameters={"waves": 16, "rank": 4})
    spec = train(request)
    assert spec.architecture == name and spec.parameters["waves"] == 16 and spec.calibration
    encoder = load_encoder(tmp_path / "e")
    windows = td.epochs(shown, ids, seed=5).data[:, 0]
    best = (encoder.encode(windows) @ shown.vectors.T).argmax(axis=1)
    assert (best == np.arange(24)).mean() > 0.4


@pytest.mark.parametrize("name", METHODS)
def test_choices_come_from_inner_splits(name: str) -> None:
    trials, vectors = world(items=120)
    told: list[tuple[str, int, int]] = []
    chosen = recipe(name).choose(
        trials,
        vectors,
        {"rank": 2},
        split.folds(trials, "stimulus", 3, 0),
        0,
        lambda what, done, total: told.append((what, done, total)),
    )
    assert chosen.parameters["rank"] == 2 and chosen.criterion == "mrr"
    assert chosen.parameters["waves"] in (20, 45) and "waves=20" in chosen.tried
    assert not any(key.startswith("rank") for key in chosen.tried)
    assert told[-1][1] == told[-1][2]
    assert recipe(name).choose(trials, vectors, {}, [], 0, lambda *_: None).criterion == "none"


@pytest.mark.parametrize("name", METHODS)
def test_two_items_and_few_windows_are_enough_to_run(name: str) -> None:
    """Categories of a consumer headset: two vectors, many windows of each."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.arange(60) % 2)
    bump = np.exp(-0.5 * ((np.arange(TIMES) - 30) / 5) ** 2)
    windows = (
        rng.standard_normal((60, 4, TIMES)).cumsum(axis=2) * 0.1 + np.where(rows == 1, 1, -1)[:, None, None] * bump
    )
    zeros = np.zeros(60, np.int64)
    trials = Trials(windows.astype(np.float32), rows, zeros, zeros, (Origin("x"),), ("a", "b", "c", "d"))
    for vectors in (np.eye(2, 5), np.array([[1.0, 0, 0], [-1.0, 0, 0]])):
        chosen = recipe(name).choose(trials.take(np.arange(40)), vectors.astype(np.float32), {}, [], 0, lambda *_: None)
        model = recipe(name).fit(trials.take(np.arange(40)), vectors.astype(np.float32), chosen.parameters, 0)
        right = (model.embed(windows[40:].astype(np.float32)) @ vectors.T).argmax(axis=1) == rows[40:]
        assert right.mean() > 0.9


@pytest.mark.parametrize("name", METHODS)
def test_restored_from_arrays_it_is_bit_equal(name: str) -> None:
    trials, vectors = world(items=60)
    model = recipe(name).fit(trials, vectors, {"waves": 15}, 0)
    again = registry.closed_form(name).from_arrays(model.parameters.model_dump(), model.arrays())
    assert np.array_equal(again.embed(trials.windows), model.embed(trials.windows))
    assert model.embed(trials.windows[:0]).shape == (0, DIM)
    assert model.embed(trials.windows).dtype == np.float32


def test_one_window_or_many_and_averages_agree() -> None:
    trials, vectors = world(items=60)
    model = linear_encoding.fit(trials, vectors, {}, 0)
    whole = model.embed(trials.windows)
    assert np.allclose(np.concatenate([model.embed(w[None]) for w in trials.windows[:9]]), whole[:9], atol=1e-4)
    assert np.allclose(model.embed(trials.windows.mean(axis=0, keepdims=True)), whole.mean(axis=0), atol=1e-3)


def test_a_constant_shift_of_all_embeddings_is_looked_away_from() -> None:
    vectors = unit_norm(np.random.default_rng(0).standard_normal((50, 8)) + 3)
    counts = np.arange(1, 51)
    left = distinct(vectors, counts)
    assert np.allclose(counts @ left, 0, atol=1e-4)
    assert np.linalg.matrix_rank(left, tol=1e-5) == 7


@given(times=st.integers(2, 60), waves=st.integers(1, 80))
@settings(max_examples=30, deadline=None)
def test_cosines_are_orthonormal_and_slow_first(times: int, waves: int) -> None:
    basis = cosines(times, waves)
    assert basis.shape == (times, min(times, waves))
    assert np.allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-10)
    crossings = (np.diff(np.sign(basis + 1e-12), axis=0) != 0).sum(axis=0)
    assert (np.diff(crossings) >= 0).all()


def test_repeats_tell_noise_from_signal() -> None:
    trials, vectors = world(items=200, repeats=4, signal=1.0)
    silent, _ = world(items=200, repeats=4, signal=0.0)
    one, two = (summarise(features(t.windows, 12), t.rows, vectors).noise for t in (trials, silent))
    assert np.diag(one) == pytest.approx(np.diag(two), rel=0.05)
    single = trials.take(np.arange(200))
    assert np.isfinite(np.linalg.cholesky(summarise(features(single.windows, 60), single.rows, vectors).noise)).all()


@pytest.mark.parametrize(
    ("cls", "parameters", "message"),
    [
        (Encoding, {"ranks": 2}, "'ranks'.*known are rank"),
        (Encoding, {"repeats": 0}, "'repeats'"),
        (CCA, {"shrink_items": 2}, "'shrink_items' of 'cca'"),
        (CCA, {"compare": "here"}, "'compare'"),
    ],
)
def test_wrong_parameters_are_named(cls: type[Linear], parameters: dict[str, object], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        cls(parameters)


def test_unfitted_and_damaged_arrays_are_refused() -> None:
    with pytest.raises(BundleError, match="before it is fitted"):
        Encoding().arrays()
    trials, vectors = world(items=40)
    arrays = linear_cca.fit(trials, vectors, {"rank": 2}, 0).arrays()
    with pytest.raises(BundleError, match="lack bias"):
        CCA.from_arrays({}, {k: v for k, v in arrays.items() if k != "bias"})
    with pytest.raises(BundleError, match="filters"):
        CCA.from_arrays({}, {**arrays, "filters": arrays["filters"][..., :1]})
    with pytest.raises(BundleError, match="readout"):
        CCA.from_arrays({}, {**arrays, "readout": arrays["readout"] * np.nan})


def test_the_projection_is_an_adapter_of_the_gallery(tmp_path: Path) -> None:
    trials, _ = world(items=40, dim=td.DIM)
    shown = td.gallery(tmp_path / "g", [str(k) for k in range(40)])
    model = linear_encoding.fit(trials, shown.vectors, {"rank": 2, "compare": "subspace"}, 0)
    assert model.projection is not None
    items, adapted = linear_adapter.searched(model, shown)
    assert adapted is not None and linear_adapter.searched(object(), shown) == (shown.vectors, None)
    import torch

    adapter = Adapter(1, adapted.fields["dim"], AdapterParameters.model_validate(adapted.fields["parameters"]))
    adapter.load_state_dict({name: torch.from_numpy(array) for name, array in adapted.arrays.items()})
    assert np.allclose(adapter.items(shown.vectors[:, None]), items, atol=1e-5)
    assert items.shape == (40, model.shape[2])
