"""A run leaves settings, figures, curves and a checkpoint; interrupted and resumed it gives the same numbers."""

from __future__ import annotations

import csv
import json
import math
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from training_data import epochs, evaluated, gallery, plan, repeated, score

from config.errors import SettingsError
from inference.gallery import Gallery
from training.fitting import checkpoint, fit, interrupt
from training.fitting.run_folder import RunFolder
from training.fitting.schedule import rate
from training.objectives.augment import Augmentation
from training.objectives.registry import Term
from training.request import TrainRequest
from training.train import train
from training.trials.examples import Examples

IDS = [f"p{k}" for k in range(40)]


class Stopped:
    """A flag that is set at the n-th look."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    @property
    def set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def request(folder: Path, **changes: object) -> TrainRequest:
    shown = gallery(folder / "gallery", IDS)
    base = TrainRequest(
        epochs=(epochs(shown, repeated(IDS, 4)),),
        gallery=shown,
        encoder="eegproject",
        out=folder / "bundle",
        plan=plan(),
        epochs_max=6,
        batch=8,
        learning_rate=3e-3,
        validation_share=0.25,
        patience=4,
        device="cpu",
        average="subsets",
        schedule="cosine",
        warmup=1.5,
        clip=1.0,
        augmentations=(Augmentation(name="noise", strength=0.1),),
        objectives=(Term(name="infonce"), Term(name="siamese", weight=0.5)),
        adapter={"dropout": 0.5},
        run=folder / "run",
    )
    return replace(base, **changes)


def interrupted_after(steps: int, monkeypatch: pytest.MonkeyPatch, given: TrainRequest) -> None:
    from contextlib import nullcontext

    with monkeypatch.context() as patch:
        patch.setattr(interrupt, "deferred", lambda: nullcontext(Stopped(steps)))
        with pytest.raises(KeyboardInterrupt):
            train(given)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "run" / "metrics.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_what_a_run_leaves(tmp_path: Path) -> None:
    spec = train(request(tmp_path))
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"settings.json", "metrics.csv", "curves.png", "checkpoint.safetensors"}
    told = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert told["format"] == "eegseek-run" and told["decides"]["encoder"] == "eegproject"
    assert told["decides"]["objectives"][1] == {"name": "siamese", "weight": 0.5, "options": {}}
    found = rows(tmp_path)
    assert [float(row["epoch"]) for row in found] == list(range(1, len(found) + 1))
    assert {"training_loss", "infonce_loss", "siamese_loss", "validation_loss", "validation_mrr"} <= found[0].keys()
    assert [round(float(row["training_loss"]), 5) for row in found] == [a for a, _ in spec.training["losses"]]
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads(json.dumps(spec.training)) == spec.training


@pytest.mark.parametrize("steps", [1, 7, 12])
def test_resumed_is_as_if_never_interrupted(steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "whole").mkdir(), (tmp_path / "parts").mkdir()
    whole = train(request(tmp_path / "whole"))
    interrupted_after(steps, monkeypatch, request(tmp_path / "parts"))
    assert not (tmp_path / "parts" / "bundle").exists()
    parts = train(request(tmp_path / "parts", resume=True))
    assert parts == whole
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_a_finished_run_can_be_resumed_where_what_came_after_failed(tmp_path: Path) -> None:
    first = train(request(tmp_path))
    assert train(request(tmp_path, resume=True)) == first


def test_a_run_is_resumed_with_the_same_settings_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = request(tmp_path)
    with pytest.raises(SettingsError, match="holds no checkpoint to resume from"):
        train(replace(given, resume=True))
    interrupted_after(3, monkeypatch, given)
    again = replace(given, resume=True)
    with pytest.raises(SettingsError, match=r"had learning_rate 0.003, now 0.01; resume with the same"):
        train(replace(again, learning_rate=0.01))
    other = (epochs(Gallery.load(tmp_path / "gallery"), repeated(IDS, 4), seed=9),)
    with pytest.raises(SettingsError, match="had recordings"):
        train(replace(again, epochs=other))
    train(replace(again, threads=1))  # where it is computed is no matter
    with pytest.raises(SettingsError, match="name it with --run"):
        train(replace(again, run=None))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    given = request(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("all of it")
    with pytest.raises(SettingsError, match="holds something else than a training run"):
        train(given)
    (tmp_path / "run" / "settings.json").write_text("{}")
    with pytest.raises(SettingsError, match="holds something else than a training run"):
        train(given)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"thesis.txt", "settings.json"}


def test_a_former_run_is_replaced(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.start({}, {"seed": 1}, resume=False)
    run.add({"epoch": 1.0, "training_loss": 2.5})
    (run.folder / "notes.txt").write_text("mine")
    run.start({}, {"seed": 2}, resume=False)
    assert {path.name for path in run.folder.iterdir()} == {"settings.json", "notes.txt"}


def test_a_truncated_checkpoint(tmp_path: Path) -> None:
    given = request(tmp_path, epochs_max=1)
    train(given)
    file = tmp_path / "run" / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SettingsError, match="is no whole checkpoint"):
        train(replace(given, resume=True))


def test_checkpoints_give_back_what_they_were_given(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)
    net(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    position = checkpoint.Position(3, 2, [1.5], 0.25, 1, [{"epoch": 1.0, "validation_loss": math.nan}])
    groups = {"learner": net.state_dict(), "optimizer": checkpoint.optimizer_tensors(optimizer)}
    checkpoint.save(tmp_path / "c", position, groups)
    again, found = checkpoint.load(tmp_path / "c")
    assert (again.epoch, again.step, again.total, again.best, again.kept) == (3, 2, [1.5], 0.25, 1)
    other = nn.Linear(3, 2)
    other.load_state_dict(found["learner"])
    restored = torch.optim.AdamW(other.parameters(), lr=0.1)
    checkpoint.load_optimizer(restored, found["optimizer"])
    for one, another in ((net, optimizer), (other, restored)):
        another.zero_grad()
        one(torch.ones(1, 3)).sum().backward()
        another.step()
    assert torch.equal(net.weight, other.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_the_first_interrupt_waits_and_the_second_does_not() -> None:
    former = signal.getsignal(signal.SIGINT)
    with interrupt.deferred() as flag:
        signal.raise_signal(signal.SIGINT)
        assert flag.set
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is former


def test_figures_are_written_as_they_come(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.start({}, {}, resume=False)
    run.add({"epoch": 1.0, "training_loss": 2.5})
    assert (run.folder / "metrics.csv").read_text().splitlines() == ["epoch,training_loss", "1.0,2.5"]
    run.add({"epoch": 2.0, "training_loss": 2.0})
    run.write_metrics([{"epoch": 1.0, "training_loss": 2.5}])
    assert len((run.folder / "metrics.csv").read_text().splitlines()) == 2
    run.draw([])
    assert not (run.folder / "curves.png").exists()


def test_rates() -> None:
    assert [rate("constant", step, 10, 0) for step in (0, 9)] == [1, 1]
    rising = [rate("cosine", step, 100, 10) for step in range(100)]
    assert np.all(np.diff(rising[:11]) > 0) and np.all(np.diff(rising[10:]) < 0)
    assert rising[10] == 1 and rising[55] == pytest.approx(0.5) and 0 < rising[-1] < 0.01


def test_clipping_and_schedule_reach_the_optimiser() -> None:
    """With a rate of almost nothing, or gradients cut to almost nothing, weights hardly move from where they are."""
    rng = np.random.default_rng(0)
    vectors = np.eye(6, dtype=np.float32)
    given = Examples(rng.standard_normal((60, 2, 5)).astype(np.float32), rng.integers(6, size=60))
    base = fit.FitSettings(3, 20, 0.1, 0.0, None, 0, "cpu")

    def moved(**changes: object) -> float:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(10, 6))
        before = net[1].weight.detach().clone()
        fit.fit(net, given, None, vectors, replace(base, **changes))
        return (net[1].weight - before).abs().max().item()

    assert moved(warmup=1e6) < 1e-3 < moved()
    assert moved(clip=1e-12) < 0.5 * moved()
    assert moved(schedule="cosine") < moved()


def test_devices_that_are_not_there() -> None:
    given = Examples(np.zeros((4, 2, 5), np.float32), np.arange(4))
    settings = fit.FitSettings(1, 4, 0.1, 0.0, None, 0, "cpu", precision="8")
    with pytest.raises(SettingsError, match="unknown precision '8'; known: auto, 32, bf16, 16"):
        fit.fit(nn.Sequential(nn.Flatten(), nn.Linear(10, 4)), given, None, np.eye(4, dtype=np.float32), settings)


def test_scores_of_a_run_with_everything_are_above_chance(tmp_path: Path) -> None:
    spec = train(request(tmp_path, epochs_max=20, patience=None))
    mrr = spec.scores["single_trial"]["mrr"]
    assert mrr["value"] > 1.5 * mrr["chance"]
    from inference.adapter import adapt_gallery

    adapt_gallery(tmp_path / "gallery", tmp_path / "bundle", tmp_path / "adapted")
    seen = epochs(Gallery.load(tmp_path / "gallery"), repeated(IDS, 4), seed=3)
    found = evaluated(tmp_path / "bundle", [seen], tmp_path / "adapted", allow_seen=True)
    assert (score(found, "top1").value or 0) > 3 / 40 and all(row.seen for row in found.rows)
