"""From epochs to a bundle and its scores: what is found is found, what is noise is not, and bad input is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from training_data import CHANNELS, epochs, evaluated, gallery, plan, repeated, score

from acquisition.offline import Epochs
from config.errors import BundleError, RecordingError, SettingsError
from inference.bundle import load_encoder
from inference.gallery import Gallery
from training import tables
from training.fitting import fit
from training.protocols.zero_shot import Options
from training.request import TrainRequest
from training.train import train
from training.trials.epochs import Origin, plan_of

TWO = ("left", "right")
IDS = [f"p{k}" for k in range(60)]


def runs(shown: Gallery, count: int = 3, signal: float = 1.0, seed: int = 0) -> tuple[Epochs, ...]:
    order = [repeated(TWO, 25, seed=seed + k) for k in range(count)]
    return tuple(epochs(shown, labels, signal=signal, seed=seed + k) for k, labels in enumerate(order))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads on busy cores wait for each other longer than these small networks take."""
    monkeypatch.setattr(fit, "THREADS", 1)


@pytest.fixture
def two(tmp_path: Path) -> Gallery:
    return gallery(tmp_path / "two", TWO)


@pytest.fixture
def many(tmp_path: Path) -> Gallery:
    return gallery(tmp_path / "many", IDS)


def riemann(shown: Gallery, out: Path, **changes: object) -> TrainRequest:
    base = TrainRequest(epochs=runs(shown), gallery=shown, encoder="riemann", out=out, plan=plan())
    return replace(base, **changes)


def network(shown: Gallery, out: Path, **changes: object) -> TrainRequest:
    base = TrainRequest(
        epochs=(epochs(shown, repeated(IDS, 4), signal=1.0),),
        gallery=shown,
        encoder="eegproject",
        out=out,
        plan=plan(),
        parameters={"dropout": 0.1},
        epochs_max=20,
        learning_rate=3e-3,
        validation_share=0.2,
        device="cpu",
    )
    return replace(base, **changes)


def test_riemann_finds_two_categories_in_an_unseen_run(two: Gallery, tmp_path: Path) -> None:
    spec = train(riemann(two, tmp_path / "bundle"))
    unseen = runs(two, 3, seed=50)
    found = evaluated(tmp_path / "bundle", unseen, tmp_path / "two")
    auc = score(found, "auc")
    assert auc.value is not None and auc.low is not None and auc.high is not None and auc.unit == "runs"
    assert auc.value > 0.9 and auc.low <= auc.value <= auc.high
    assert spec.scores["single_trial"]["auc"]["value"] > 0.9
    alone = [row for row in found.rows if "in run" in row.what]
    assert [row.what for row in alone] == [f"one of two, in run run {k}" for k in range(3)]
    areas = [row.metrics["auc"].value or 0 for row in alone]
    assert auc.value == pytest.approx(np.mean(areas)) and score(found, "top1").chance == 0.5
    assert any("categories" in note for note in found.notes)
    assert spec.calibration[0].repeats == 1
    assert all(c.gallery_size == 2 and c.log_loss < np.log(2) for c in spec.calibration)


def test_the_penalty_is_chosen_by_inner_splits(two: Gallery, tmp_path: Path) -> None:
    spec = train(riemann(two, tmp_path / "bundle", epochs=runs(two, signal=0.3)))
    tried = {float(entry["choice"].removeprefix("alpha=")): entry["score"] for entry in spec.training["tried"]}
    assert spec.parameters["alpha"] == max(tried, key=lambda alpha: tried[alpha])
    assert len(tried) == 6 and spec.training["validation"] == {"kind": "recording", "folds": 3}
    fixed = train(riemann(two, tmp_path / "bundle", parameters={"alpha": 7.0}))
    assert fixed.parameters["alpha"] == 7.0


def test_no_temperature_is_fitted_to_answers_that_are_all_right(two: Gallery, tmp_path: Path) -> None:
    clear = train(riemann(two, tmp_path / "clear", epochs=runs(two, signal=2.0), parameters={"alpha": 10.0}))
    vague = train(riemann(two, tmp_path / "vague", epochs=runs(two, signal=0.2), parameters={"alpha": 10.0}))
    assert [c.repeats for c in clear.calibration] == [1]
    assert [c.repeats for c in vague.calibration][:4] == [1, 2, 3, 4]
    assert min(c.temperature for c in vague.calibration) > 0.02


def test_noise_gives_chance(two: Gallery, tmp_path: Path) -> None:
    train(riemann(two, tmp_path / "bundle", epochs=runs(two, signal=0.0)))
    found = evaluated(tmp_path / "bundle", runs(two, 4, signal=0.0, seed=80), tmp_path / "two")
    assert 0.35 < (score(found, "auc").value or 0) < 0.65


def test_a_bundle_says_where_it_comes_from(two: Gallery, tmp_path: Path) -> None:
    origins = tuple(Origin(name) for name in "abc")
    spec = train(riemann(two, tmp_path / "bundle", origins=origins, seed=5, notes="first try"))
    training = spec.training
    assert [r["name"] for r in training["recordings"]] == ["a", "b", "c"]
    assert all(len(r["sha256"]) == 64 and r["trials"] == 50 for r in training["recordings"])
    assert (training["seed"], training["notes"], training["trials"]) == (5, "first try", 150)
    assert training["gallery"]["fingerprint"] == two.fingerprint
    assert {"numpy", "python", "torch"} <= training["versions"].keys()
    assert (spec.space, spec.dim, spec.channels) == (two.spec.space, two.spec.dim, CHANNELS)
    assert spec.chain == plan().chain and plan_of(spec).window == plan().window


def test_training_recordings_are_not_scored(two: Gallery, tmp_path: Path) -> None:
    made = runs(two)
    train(riemann(two, tmp_path / "bundle", epochs=made))
    with pytest.raises(RecordingError, match="renamed"):
        evaluated(tmp_path / "bundle", [made[1]], tmp_path / "two", [Origin("renamed")])


def test_network_retrieves_unseen_items(many: Gallery, tmp_path: Path) -> None:
    spec = train(network(many, tmp_path / "bundle"))
    unseen = gallery(tmp_path / "unseen", [f"q{k}" for k in range(40)], seed=1)
    made = epochs(unseen, repeated([f"q{k}" for k in range(40)], 6), seed=9)
    found = evaluated(tmp_path / "bundle", [made], tmp_path / "unseen")
    by_repeats = {row.repeats: row.metrics["top1"].value or 0 for row in found.rows}
    assert list(by_repeats) == [1, 2, 4, 6]
    assert by_repeats[6] > by_repeats[1] > 4 / 40
    assert score(found, "top1").unit == "stimuli" and (score(found, "top1").low or 0) > 1 / 40
    assert spec.scores["items"] == 12 and spec.calibration[0].gallery_size == 12
    assert spec.training["kept_epoch"] <= len(spec.training["losses"]) <= 20
    assert json.loads(json.dumps(found.json_able())) == found.json_able()


def test_normalisation_is_fitted_to_training_windows_only(many: Gallery, tmp_path: Path) -> None:
    made = epochs(many, repeated(IDS, 4))
    request = network(many, tmp_path / "bundle", epochs=(made,), epochs_max=1)
    spec = train(request)
    assert spec.normalisation is not None
    from training.trials import split
    from training.trials.epochs import gather

    data = gather([made], [], many)
    part = split.hold_out(data, "stimulus", 0.2, 0)
    assert np.allclose(spec.normalisation.mean_uv, data.windows[part.train].mean(axis=(0, 2)), rtol=1e-4, atol=1e-4)
    assert not np.allclose(spec.normalisation.mean_uv, data.windows.mean(axis=(0, 2)), rtol=1e-4, atol=1e-4)


def test_whitening_is_fitted_to_training_windows_and_kept_in_the_bundle(many: Gallery, tmp_path: Path) -> None:
    from training.trials import split
    from training.trials.epochs import gather
    from training.trials.whitening import fit_whitening

    made = (epochs(many, repeated(IDS, 4)),)
    spec = train(network(many, tmp_path / "bundle", epochs=made, whiten=True))
    assert spec.normalisation is not None and spec.normalisation.whitening is not None
    data = gather(made, [], many)
    known = data.take(split.hold_out(data, "stimulus", 0.2, 0).train)
    assert np.allclose(spec.normalisation.whitening, fit_whitening(known, spec.normalisation))
    assert spec.training["whiten"] and spec.scores["single_trial"]["mrr"]["value"] > 0.4
    assert not np.allclose(load_encoder(tmp_path / "bundle").encode(data.windows[:1]), 0)


def test_the_same_request_gives_the_same_bundle(many: Gallery, tmp_path: Path) -> None:
    first, again = (train(network(many, tmp_path / name, epochs_max=3)) for name in ("a", "b"))
    assert first == again
    vectors = [load_encoder(tmp_path / name, "cpu").encode(epochs(many, IDS).data[:, 0]) for name in ("a", "b")]
    assert np.array_equal(*vectors)


@pytest.mark.parametrize("average", ["single", "averaged", "both"])
def test_every_way_of_averaging_learns(many: Gallery, tmp_path: Path, average: str) -> None:
    spec = train(network(many, tmp_path / "bundle", average=average, epochs_max=10))
    assert spec.scores["single_trial"]["mrr"]["value"] > 1.5 * spec.scores["single_trial"]["mrr"]["chance"]


def test_without_validation_nothing_is_claimed(many: Gallery, tmp_path: Path) -> None:
    spec = train(network(many, tmp_path / "bundle", validation="none", epochs_max=2))
    assert spec.scores == {} and spec.calibration == () and len(spec.training["losses"]) == 2


def test_many_items_for_riemann_are_grouped(many: Gallery, tmp_path: Path) -> None:
    made = (epochs(many, repeated(IDS, 4), signal=2.0),)
    spec = train(riemann(many, tmp_path / "bundle", epochs=made))
    assert spec.training["chosen_by"] == "mrr"
    assert spec.scores["items"] == len(IDS) // 6  # each fold tells only those held out apart


def test_one_class_only(two: Gallery, tmp_path: Path) -> None:
    made = tuple(epochs(two, ["left"] * 30, seed=k) for k in range(2))
    with pytest.raises(RecordingError, match="all 60 windows show one item of the gallery"):
        train(riemann(two, tmp_path / "bundle", epochs=made))


def test_too_few_trials(two: Gallery, tmp_path: Path) -> None:
    made = tuple(epochs(two, ["left", "right"] * 4, seed=k) for k in range(2))
    with pytest.raises(RecordingError, match="16 windows are too few to train on, at least 20"):
        train(riemann(two, tmp_path / "bundle", epochs=made))
    assert not (tmp_path / "bundle").exists()


def test_wrong_numbers_and_names(two: Gallery, many: Gallery, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"validation share 1\.5"):
        train(network(many, tmp_path / "bundle", validation_share=1.5))
    with pytest.raises(SettingsError, match="unknown device 'gpu'; known: auto, cpu, cuda"):
        train(network(many, tmp_path / "bundle", device="gpu"))
    with pytest.raises(BundleError, match=r"unknown encoder 'rieman'.*did you mean 'riemann'"):
        train(riemann(two, tmp_path / "bundle", encoder="rieman"))
    with pytest.raises(BundleError, match="parameter 'alfa' of 'riemann'"):
        train(riemann(two, tmp_path / "bundle", parameters={"alfa": 1}))


def test_evaluating_against_another_space_or_other_channels(two: Gallery, tmp_path: Path) -> None:
    train(riemann(two, tmp_path / "bundle"))
    gallery(tmp_path / "other", TWO, space="other:8")
    with pytest.raises(BundleError, match=r"'test:8'.*'other:8'"):
        evaluated(tmp_path / "bundle", runs(two, 1, seed=50), tmp_path / "other")
    wrong = epochs(two, repeated(TWO, 5), channels=("A1", "A2", "A3", "A4"))
    with pytest.raises(BundleError, match="hold channels A1, A2, A3, A4, the encoder takes O1, Oz, O2, Pz"):
        evaluated(tmp_path / "bundle", [wrong], tmp_path / "two")
    few = evaluated(tmp_path / "bundle", runs(two, 1, seed=50), tmp_path / "two")
    assert any("no interval: it would need at least 5 subjects" in note for note in few.notes)
    with pytest.raises(SettingsError, match="intervals over subjects need 3 or more"):
        options = Options(unit="subjects")
        evaluated(tmp_path / "bundle", runs(two, 1, seed=50), tmp_path / "two", options=options)


def test_a_training_is_drawn_with_its_calibration(two: Gallery, tmp_path: Path) -> None:
    console = Console(width=140, record=True, file=(tmp_path / "out.txt").open("w"))
    spec = train(riemann(two, tmp_path / "bundle"))
    console.print(tables.trained(spec, "abcd", "bundle"))
    text = console.export_text()
    assert f"{spec.scores['single_trial']['auc']['value']:.3f}" in text and "Calibration, held out" in text
    assert "abcd written to bundle" in text and "items" in text
