"""A grid: each cell is trained and scored once, goes on where it stopped, and says so where it fails."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from training_data import epochs, gallery, plan, repeated

from config.bundles import EncoderSpec
from config.errors import EegseekError, RecordingError, SettingsError
from inference.gallery import Gallery
from training.comparison import compare as module
from training.comparison import compare_tables, compare_transfer
from training.comparison.compare import Outcome, compare
from training.comparison.compare_command import compare_command
from training.comparison.compare_grid import Grid, Pair, by_subject, cells, known_objectives
from training.comparison.compare_participant import Sizes
from training.protocols.data import Data
from training.protocols.zero_shot import Options
from training.request import TrainRequest
from training.trials.epochs import Origin, Progress

IDS = [f"p{k}" for k in range(48)]
OLD, NEW = IDS[:36], IDS[36:]
FAST = {"epochs_max": 6, "learning_rate": 3e-3, "validation": "none", "average": "averaged"}


def data(shown: Gallery, ids: list[str], seed: int, subjects: int = 1) -> Data:
    made = tuple(epochs(shown, repeated(ids, 3, seed=seed + k), seed=seed + k) for k in range(subjects))
    return Data(made, tuple(Origin(f"r{seed + k}", f"{seed + k:064x}", f"s{k}") for k in range(subjects)), plan())


@pytest.fixture
def shown(tmp_path: Path) -> Gallery:
    return gallery(tmp_path / "gallery", IDS)


def grid(
    shown: Gallery, tmp_path: Path, encoders: tuple[str, ...], objectives: tuple[str, ...], subjects: int = 1
) -> Grid:
    pairs = by_subject(data(shown, OLD, 10, subjects), data(shown, NEW, 50, subjects))
    options = Options(repeats=(1, 3), everything=False)
    return Grid(encoders, objectives, pairs, tmp_path / "gallery", training=FAST, options=options, device="cpu")


def test_the_grid_is_a_product_or_a_star(shown: Gallery, tmp_path: Path) -> None:
    asked = grid(shown, tmp_path, ("eegproject", "nice", "riemann"), ("infonce", "mse", "infonce=1+mmd=0.5"))
    every = [(cell.encoder, cell.objective) for cell in cells(asked)]
    assert len(every) == 7 and every[-1] == ("riemann", "closed form")
    star = cells(Grid(asked.encoders, asked.objectives, asked.pairs, asked.gallery, star=True))
    assert [(c.encoder, c.objective) for c in star[-2:]] == [("nice", "infonce"), ("riemann", "closed form")]
    assert len(star) == 5
    every_objective = known_objectives(["all"])
    assert {"infonce", "siglip", "infonce+rsa", "infonce+mmd"} <= set(every_objective)
    generative = cells(Grid(("eegproject", "vae"), every_objective, asked.pairs, asked.gallery, star=True))
    assert [c.encoder for c in generative if c.objective == "infonce+vae"] == ["vae"]
    with pytest.raises(SettingsError, match="unknown objective 'infonse'"):
        cells(grid(shown, tmp_path, ("nice",), ("infonse",)))
    with pytest.raises(EegseekError, match="unknown encoder 'nicer'"):
        cells(grid(shown, tmp_path, ("nicer",), ("infonce",)))


def test_cells_are_run_once_and_failures_are_rows(
    shown: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = grid(shown, tmp_path, ("eegproject", "nice"), ("infonce", "mse"), subjects=2)
    told: list[str] = []
    first = compare(asked, tmp_path / "cells", lambda what, done, total: told.append(what))
    assert [(o.encoder, o.data) for o in first][:2] == [("eegproject", "s0"), ("eegproject", "s1")]
    assert all(not o.error and o.rows and o.kept_epoch == 6 for o in first[:4])
    # windows of 32 samples are too short for it
    assert all("nice" in o.error and not o.rows for o in first[4:]) and len(first) == 8
    lines = compare_tables.lines(first)
    mean = next(line for line in lines if line.data == "mean of 2")
    assert mean.averaged is not None and mean.averaged.value is not None and mean.averaged.value > 0.3
    assert mean.selection == "fixed epoch" and "sign flips of 2 subjects" in mean.averaged.test
    assert [bool(line.error) for line in lines[-4:]] == [True] * 4
    text = compare_tables.markdown(lines)
    assert text.count("failed: ") == 4 and len(text.splitlines()) == 2 + len(lines)

    trained: list[str] = []
    real = module.train
    monkeypatch.setattr(module, "train", lambda request, told: trained.append(request.encoder) or real(request, told))
    again = compare(asked, tmp_path / "cells")
    assert again[:4] == first[:4] and trained == ["nice"] * 4
    other = Grid(asked.encoders[:1], asked.objectives[:1], asked.pairs[:1], asked.gallery, training={**FAST, "seed": 3})
    trained.clear()
    compare(other, tmp_path / "cells")
    assert trained == ["eegproject"]


def test_what_is_learned_from_is_not_scored(shown: Gallery, tmp_path: Path) -> None:
    pair = Pair("x", data(shown, OLD, 10), data(shown, [*NEW, OLD[0]], 50))
    with pytest.raises(RecordingError, match="1 of the stimuli that are scored are learned from too"):
        compare(Grid(("eegproject",), ("infonce",), (pair,), tmp_path / "gallery"), tmp_path / "cells")
    with pytest.raises(SettingsError, match="nothing to learn from of subject 's1'"):
        by_subject(data(shown, OLD, 10), data(shown, NEW, 50, subjects=2))


def test_a_simulated_participant_makes_its_own_data(tmp_path: Path) -> None:
    screen = Console(file=io.StringIO(), width=200)
    sizes = Sizes(
        learned=60, scored=12, learned_repeats=2, scored_repeats=4, dim=16, rank=4, snr_db=0.0, unexplained=0.2
    )
    found = compare_command(
        tmp_path / "out",
        encoders=["eegproject"],
        objectives=["infonce"],
        participant=sizes,
        training=FAST | {"epochs_max": 20, "batch": 32},
        options=Options(everything=False),
        device="cpu",
        console=screen,
    )
    (row,) = [row for row in found[0].rows if row.repeats == 4]
    assert row.simulated and row.n_way == 12 and (row.metrics["top1"].value or 0) > 2 / 12
    lines = list(csv.DictReader((tmp_path / "out" / "table.csv").open()))
    assert lines[0]["encoder"] == "eegproject" and float(lines[0]["top1_most_value"]) == row.metrics["top1"].value
    assert len(json.loads((tmp_path / "out" / "table.json").read_text())["cells"]) == 1
    assert (tmp_path / "out" / "table.md").read_text().startswith("| encoder | objective |")
    with pytest.raises(SettingsError, match="makes its own data"):
        compare_command(tmp_path, encoders=[], objectives=[], participant=sizes, gallery=tmp_path, console=screen)


def test_a_blocked_training_set_is_refused(shown: Gallery, tmp_path: Path) -> None:
    blocks = [name for name in OLD for _ in range(6)]
    learned = Data((epochs(shown, blocks),), (Origin("a", "a" * 64),), plan())
    pair = Pair("x", learned, data(shown, NEW, 50))
    with pytest.raises(RecordingError, match="blocked design"):
        compare(Grid(("eegproject",), ("infonce",), (pair,), tmp_path / "gallery"), tmp_path / "cells")


def test_transfer_is_trained_once_and_scored_for_each_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[list[str]] = []
    real = module.train

    def train(request: TrainRequest, told: Progress) -> EncoderSpec:
        trained.append([origin.subject for origin in request.origins])
        return real(request, told)

    monkeypatch.setattr(module, "train", train)
    sizes = Sizes(
        learned=40, scored=12, learned_repeats=2, scored_repeats=2, dim=16, rank=4, snr_db=0.0, unexplained=0.2
    )
    screen = Console(file=io.StringIO(), width=250)

    def run(people: int) -> list[Outcome]:
        return compare_command(
            tmp_path,
            encoders=["eegproject"],
            objectives=["infonce"],
            participant=replace(sizes, people=people),
            training=FAST | {"batch": 32},
            options=Options(everything=False, repeats=(2,)),
            transfer=True,
            device="cpu",
            console=screen,
        )

    found = run(2)
    assert [(o.data, o.pooled, o.error) for o in found] == [("0", 0, ""), ("1", 0, ""), ("0", 2, ""), ("1", 2, "")]
    assert trained == [["0"], ["1"], ["0", "1"]]
    (effect,) = compare_transfer.effects(compare_tables.lines(found))
    assert effect.subjects == 2 and effect.repeats == 2 and effect.gain.low is None
    table = json.loads((tmp_path / "table.json").read_text())
    (record,) = table["transfer"]
    own, pooled = ([row["over_chance_value"] for row in table["table"] if row["pooled"] == n][1:] for n in (0, 2))
    assert record["gain_value"] == pytest.approx(np.mean(pooled) - np.mean(own))
    (line,) = csv.DictReader((tmp_path / "table-transfer.csv").open())
    assert float(line["gain_value"]) == record["gain_value"] and line["gain_test"].startswith("sign flips of 2")
    assert "| errors removed |" in (tmp_path / "table.md").read_text()
    assert run(2) == found and len(trained) == 3
    for result in (tmp_path / "cells").glob("*trained-on-all*/result.json"):
        result.unlink()
    again = run(2)
    assert [o.rows for o in again] == [o.rows for o in found] and len(trained) == 3
    with pytest.raises(SettingsError, match="two subjects or more"):
        run(1)


def test_a_pooled_training_that_fails_is_a_line_for_each(
    shown: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def train(request: TrainRequest, told: Progress) -> EncoderSpec:
        tried.append(len(request.origins))
        raise RecordingError("too little")

    monkeypatch.setattr(module, "train", train)
    asked = replace(grid(shown, tmp_path, ("eegproject",), ("infonce",), subjects=2), transfer=True)
    found = compare(asked, tmp_path / "cells")
    assert [(o.pooled, o.error) for o in found] == [(n, "too little") for n in (0, 0, 2, 2)] and tried == [1, 1, 2]
    compare(asked, tmp_path / "cells")
    assert tried == [1, 1, 2] * 2
    assert compare_transfer.effects(compare_tables.lines(found)) == []


def test_pooled_training_data_hold_nothing_that_is_scored(shown: Gallery, tmp_path: Path) -> None:
    first, second = by_subject(data(shown, OLD, 10, 2), data(shown, NEW, 50, 2))
    more = data(shown, [*OLD[:20], NEW[0]], 70)
    mixed = replace(second, learned=replace(more, origins=(replace(more.origins[0], subject="s1"),)))
    ask = partial(Grid, ("eegproject",), ("infonce",), gallery=tmp_path / "gallery", transfer=True)
    apart = replace(mixed, scored=mixed.scored.items(lambda name: name != NEW[0]))
    with pytest.raises(RecordingError, match="1 of the stimuli that are scored are learned from too"):
        compare(ask(pairs=(first, apart)), tmp_path / "cells")
    with pytest.raises(SettingsError, match="subject 's0' stands in two"):
        compare(ask(pairs=(first, replace(first, name="again"))), tmp_path / "cells")
    assert not (tmp_path / "cells").exists()
