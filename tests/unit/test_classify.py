"""Zero-shot classes: the nearest prompt answers, scores stand beside chance, and the unknown is only answered."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from training_data import CHANNELS, epochs, plan, repeated
from training_data import gallery as random_gallery

from config.bundles import Item, read_encoder_spec
from config.errors import BundleError, EegseekError, RecordingError, SettingsError
from inference.encoders.base import unit_norm
from inference.gallery import Gallery, write_gallery
from training.classification import classify
from training.classification.classify import Classes, Embedded, read_classes
from training.classification.classify_command import classes_of, classify_command
from training.classification.classify_draw import draw
from training.classification.classify_windows import Stored
from training.request import TrainRequest
from training.train import train
from training.trials.epoch_files import EpochsSpec, write_epochs

NAMES = ("animal", "tool", "food")


def classes() -> Classes:
    return Classes(NAMES, np.eye(3, 4, dtype=np.float32), {name: [name] for name in NAMES})


def windows(vectors: np.ndarray, labels: list[str], recording: list[int] | None = None) -> Embedded:
    n = len(labels)
    runs = np.array(recording or [0] * n, np.int64)
    names = tuple(f"run {k}" for k in range(runs.max() + 1))
    return Embedded(unit_norm(vectors), tuple(labels), runs, np.zeros(n, np.int64), names, np.arange(n) * 0.5)


def test_classes_are_read_with_several_prompts() -> None:
    given_texts = ["left=a photo of a left arrow", "right = an arrow = to the right", "left=left", "up"]
    assert read_classes(given_texts) == {
        "left": ["a photo of a left arrow", "left"],
        "right": ["an arrow = to the right"],
        "up": ["up"],
    }
    for wrong, message in ((["a=b"], "1 class is given"), (["=b", "c=d"], "'=b' is not"), (["a="], "'a=' is not")):
        with pytest.raises(SettingsError, match=message):
            read_classes(wrong)


def test_answers_and_scores() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 30)
    shown = np.eye(3, 4)[truth] + 0.2 * rng.standard_normal((60, 4))
    shown[:6] = np.eye(3, 4)[2]  # six animals look like food
    found = classify.classify(windows(shown, [NAMES[k] for k in truth], list(np.arange(60) % 5)), classes())
    told = classify.report(found)
    assert told["confusion"] == [[24, 0, 6], [0, 30, 0], [0, 0, 0]]
    assert told["recall"] == {"animal": 0.8, "tool": 1.0}
    score = told["balanced_accuracy"]
    assert score["value"] == pytest.approx(0.9) and score["chance"] == pytest.approx(1 / 3)
    assert score["low"] < 0.9 < score["high"] and told["interval"]["resamples"] == "runs"
    assert told["answers"] == {"animal": 24, "tool": 30, "food": 6}
    json.dumps(told)


def test_a_confusion_of_many_classes_is_drawn_as_recalls() -> None:
    names = tuple(f"class {k}" for k in range(9))
    vectors = np.eye(9, dtype=np.float32)
    many = Classes(names, vectors, {name: [name] for name in names})
    shown = [*names, "class 0", "class 0", "class 0"]
    told = classify.report(classify.classify(windows(np.vstack([vectors, vectors[[4, 4, 0]]]), shown), many))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(draw(told))
    row = next(line for line in console.export_text().splitlines() if line.startswith("│ class 0"))
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["class 0", "4", "0.500", "class 4 (2)"]


def test_answers_without_truth_are_not_scored() -> None:
    told = classify.report(classify.classify(windows(np.eye(3, 4), ["7", "8", "9"]), classes()))
    assert told["answers"] == {"animal": 1, "tool": 1, "food": 1}
    assert told["truth_known"] == 0 and "balanced_accuracy" not in told
    mapped = classify.classify(windows(np.eye(3, 4), ["7", "8", "9"]), classes(), {"7": "animal", "8": "food"})
    assert classify.report(mapped)["confusion"] == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    with pytest.raises(SettingsError, match="names 'car', which is no class"):
        classify.classify(windows(np.eye(3, 4), ["7", "8", "9"]), classes(), {"7": "car"})


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_balanced_accuracy_is_the_mean_recall(pairs: list[tuple[int, int]]) -> None:
    truth, answers = np.array(pairs, np.int64).T
    table = classify.confusion(truth, answers, 4)
    assert table.sum() == len(pairs)
    shown = table.sum(axis=1) > 0
    recall = table.diagonal()[shown] / table.sum(axis=1)[shown]
    assert classify.balanced_accuracy(truth, answers) == pytest.approx(recall.mean())


def test_a_gallery_gives_a_class_for_each_label(tmp_path: Path) -> None:
    items = [Item(id="1", label="tool"), Item(id="2", label="food"), Item(id="3", label="tool")]
    write_gallery(tmp_path / "g", items, np.eye(3, 5, dtype=np.float32), space="s", model="m")
    found = classify.of_gallery(Gallery.load(tmp_path / "g"))
    assert found.names == ("tool", "food") and found.prompts["tool"] == ["1", "3"]
    assert np.allclose(found.vectors[0], np.array([1, 0, 1, 0, 0]) / np.sqrt(2))
    # truth may name items, as that of other commands does
    shown = windows(np.eye(2, 5), ["2", "food"])
    assert classify.classify(shown, found).truth.tolist() == [1, 1]
    assert classify.classify(shown, found, {"2": "3"}).truth.tolist() == [0, classify.UNKNOWN]


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Path, Path]:
    """An encoder of two categories, and their gallery."""
    shown = random_gallery(tmp_path / "two", ("left", "right"))
    runs = tuple(epochs(shown, repeated(("left", "right"), 20, seed=k), seed=k) for k in range(3))
    train(TrainRequest(runs, shown, "riemann", tmp_path / "bundle", plan(), parameters={"alpha": 10.0}))
    return tmp_path / "bundle", tmp_path / "two"


def stored(folder: Path, seed: int, labels: dict[str, str]) -> Path:
    """An epochs folder of an unseen run, its markers renamed."""
    shown = random_gallery(folder.parent / "again", ("left", "right"))
    order = repeated(("left", "right"), 15, seed=seed)
    cut, by = epochs(shown, order, seed=seed), plan()
    spec = EpochsSpec(
        name=folder.name,
        source="test",
        sha256="0" * 64,
        channels=CHANNELS,
        labels=tuple(labels.get(label, label) for label in order),
        onsets_s=tuple(cut.onsets_s),
        chain=by.chain,
        window=by.window,
        rejection=by.rejection,
        causal=True,
        source_rate_hz=100.0,
    )
    write_epochs(folder, spec, [cut.data[:, 0]])
    return folder


def test_the_command_scores_epochs_and_writes_answers(trained: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, gallery = trained
    runs = [stored(tmp_path / f"run{k}", 10 + k, {}) for k in range(3)]
    screen = Console(file=io.StringIO(), width=110)
    told = classify_command(
        bundle, runs, gallery=gallery, console=screen, answers_path=tmp_path / "a.csv", json_path=tmp_path / "r.json"
    )
    assert told["truth_known"] == told["windows"] == 90
    assert told["balanced_accuracy"]["value"] > 0.8 and told["auc"]["value"] > 0.8
    assert told["balanced_accuracy"]["low"] > 0.5 and told["interval"]["resamples"] == "runs"
    drawn = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "answered left" in drawn and "chance 0.500" in drawn
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 90 and rows[0]["recording"] == "run0" and rows[0]["answer"] in ("left", "right")
    assert json.loads((tmp_path / "r.json").read_text()) == told


def test_the_command_answers_where_nothing_is_known(trained: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, gallery = trained
    run = stored(tmp_path / "run", 20, {"left": "?", "right": "?"})
    screen = Console(file=io.StringIO(), width=110)
    told = classify_command(bundle, [run], gallery=gallery, console=screen)
    assert told["truth_known"] == 0 and sum(told["answers"].values()) == 30
    assert "30 of unknown truth" in screen.file.getvalue()  # type: ignore[attr-defined]


def test_stored_embeddings_are_classified(trained: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, folder = trained
    gallery = Gallery.load(folder)
    np.save(tmp_path / "v.npy", np.repeat(gallery.vectors, 3, axis=0))
    (tmp_path / "l.txt").write_text("\n".join(["left"] * 3 + ["right"] * 3))
    given_files = Stored(tmp_path / "v.npy", tmp_path / "l.txt")
    told = classify_command(bundle, given_files, gallery=folder, console=Console(file=io.StringIO()))
    assert told["confusion"] == [[3, 0], [0, 3]]
    (tmp_path / "l.txt").write_text("left\n")
    with pytest.raises(BundleError, match="1 labels for 6 embeddings"):
        classify_command(bundle, given_files, gallery=folder)
    for wrong, why in ((np.full((2, 4), np.nan), "row 0 is zero or not finite"), (np.zeros((0, 4)), "it holds none")):
        np.save(tmp_path / "v.npy", np.resize(wrong, (len(wrong), gallery.spec.dim)).astype(np.float32))
        with pytest.raises(BundleError, match=why):
            classify_command(bundle, Stored(tmp_path / "v.npy"), gallery=folder)
    np.save(tmp_path / "v.npy", np.ones((2, 3)))
    with pytest.raises(BundleError, match="vectors of 3, the encoder gives 8"):
        classify_command(bundle, given_files, gallery=folder)


def test_mistakes_are_one_sentence(trained: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, gallery = trained
    spec = read_encoder_spec(bundle)
    prompts = {"left": ["a left arrow"], "right": ["a right arrow"]}
    with pytest.raises(BundleError, match="space 'test:8' is not one of open_clip, so no text model belongs to it"):
        classes_of(bundle, spec, prompts, None)
    with pytest.raises(SettingsError, match="give the classes once"):
        classes_of(bundle, spec, prompts, gallery)
    with pytest.raises(RecordingError, match="no recording is given"):
        classify_command(bundle, [], gallery=gallery)
    with pytest.raises(EegseekError):
        classify_command(bundle, [tmp_path / "nothing.csv"], gallery=gallery)
