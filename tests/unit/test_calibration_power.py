"""What a calibration finds: scores of a known AUC, and more than two categories from windows to the bundle."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from config.calibration import CalibrationRules
from inference.build import from_labels
from inference.bundle import load_encoder
from inference.gallery import Gallery
from training.calibration import noise, power
from training.calibration.calibration import Calibration
from training.calibration.decoder import Decoder
from training.calibration.evidence import Track
from training.calibration.scores import area
from training.calibration.task import Task


@pytest.mark.parametrize("categories", [2, 3, 4])
def test_scores_have_the_auc_that_is_asked_for(categories: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, categories, 20_000)
    for wanted in (0.5, 0.65, 0.9):
        far = power.separation(wanted, categories)
        found = area(rng.standard_normal((20_000, categories)) + far * np.eye(categories)[labels], labels)
        assert found is not None and found.value == pytest.approx(wanted, abs=0.01)


def test_what_is_there_is_found_and_what_is_not_is_not() -> None:
    def found(auc: float, categories: int = 2, first: int = 1) -> power.Power:
        return power.power(auc, 30, categories, 8, 40, CalibrationRules(), seed=3, first=first)

    none, much, more, sooner = found(0.5), found(0.8), found(0.8, 4), found(0.9, first=0)
    assert none.share <= 0.05 and none.verdicts["nothing_decodable"] >= 28
    assert much.share == more.share == sooner.share == 1.0
    assert len(much.line) == len(much.ended) == 30 and min(much.line) >= 80 > min(sooner.line)
    assert all(line <= end for line, end in zip(much.line, much.ended, strict=True))
    assert power.row(much).startswith("| 0.80 | 100.0% (88.6% to 100.0%) | 0.0% | 0.0% | ")
    assert power.row(power.Power(0.5, {"nothing_decodable": 2}, (), ())).endswith("| – | – |")


def test_bad_numbers_are_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for given in (["--auc", "0.4"], ["--sessions", "0"], ["--categories", "1"], ["--trials", "1"], ["--alpha", "0.5"]):
        assert power.main(given) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert power.main(["--sessions", "2", "--auc", "0.9", "--blocks", "2"]) == 0
    assert capsys.readouterr().out.count("\n") == 3


def test_scores_alone_come_to_the_same_as_windows() -> None:
    rng = np.random.default_rng(0)
    windows, labels = rng.standard_normal((20, 2, 1)).astype(np.float32), np.tile([0, 1], 10)
    decoder = Decoder(lambda given: given[:, :, 0], np.eye(2, dtype=np.float32))
    whole = Track(("Oz",), 0.05).after(0, decoder, windows, labels)
    alone = Track(("Oz",), 0.05).scored(0, decoder.scores(windows), labels)
    assert whole.evidence == alone.evidence and whole.repeats and not alone.repeats


@pytest.mark.parametrize("categories", [3, 4])
def test_several_categories_come_to_a_bundle(tmp_path: Path, categories: int) -> None:
    names = tuple(f"category {k}" for k in range(categories))
    from_labels(names, tmp_path / "gallery")
    gallery, plan = Gallery.load(tmp_path / "gallery"), noise.plan_of_preset()
    made = Calibration(plan, Task({name: name for name in names}, blocks=5), gallery)
    *given, last = islice(noise.simulated(plan, names, 40, 16.0, seed=14), 6)
    for block in given:
        made.take(block)
    told = made.progress
    assert told.verdict == "decodable" and told.whole.auc is not None and told.whole.auc > 0.75
    assert told.chance == 1 / categories and told.whole.accuracy_low is not None
    assert told.whole.accuracy_low > told.chance and "pairs of different categories" in told.words
    assert told.map is not None and told.map.unit == "sqrt(F)" and len(told.map.trials) == categories
    spec = made.finish(tmp_path / "bundle")
    assert spec.scores["single_trial"]["top1"]["chance"] == pytest.approx(1 / categories)
    vectors = load_encoder(tmp_path / "bundle", "cpu").encode(last.windows)
    right = gallery.cosines(vectors).argmax(axis=1) == [names.index(label) for label in last.labels]
    assert right.mean() > 1.5 / categories
