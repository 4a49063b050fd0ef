"""Protocols that train: decoders are made again as a bundle was, and the command writes what it says."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from protocol_data import classed_gallery, marked_csv
from rich.console import Console
from training_data import epochs, gallery, plan, repeated

from config.bundles import EncoderSpec
from config.errors import EegseekError, RecordingError, SettingsError
from inference.adapter import adapt_gallery
from inference.gallery import Gallery
from training.evaluation.evaluate_command import Places, evaluate_command
from training.evaluation.evaluate_report import evaluate_report
from training.evaluation.evaluate_session import EvaluateRequest
from training.protocols.data import Data
from training.protocols.zero_shot import Options
from training.request import TrainRequest
from training.train import train
from training.trials.epoch_files import EpochsSpec, write_epochs
from training.trials.epochs import Origin

IDS = [f"p{k}" for k in range(60)]
OLD, NEW = IDS[:40], IDS[40:]


@pytest.fixture
def many(tmp_path: Path) -> Gallery:
    return gallery(tmp_path / "many", IDS)


def data(
    shown: Gallery, ids: list[str], *, subjects: int = 1, repeats: int = 3, seed: int = 0, signal: float = 1.0
) -> Data:
    made = tuple(
        epochs(shown, repeated(ids, repeats, seed=seed + k), seed=seed + k, signal=signal) for k in range(subjects)
    )
    origins = tuple(Origin(f"run {seed + k}", subject=f"s{k}") for k in range(subjects))
    return Data(made, origins, plan())


def bundle(shown: Gallery, learned: Data, out: Path, **changes: object) -> EncoderSpec:
    base = TrainRequest(
        epochs=learned.epochs,
        gallery=shown,
        encoder="eegproject",
        out=out,
        plan=plan(),
        origins=learned.origins,
        parameters={"dropout": 0.1},
        epochs_max=12,
        learning_rate=3e-3,
        validation="none",
        device="cpu",
    )
    return train(replace(base, **changes))


def request(tmp_path: Path, scored: Data, *protocols: str, **changes: object) -> EvaluateRequest:
    options = Options(repeats=(3,), everything=False)
    base = EvaluateRequest(tmp_path / "bundle", tmp_path / "many", scored, protocols=protocols, options=options)
    return replace(base, **{"device": "cpu", **changes})


def test_leave_one_subject_out(many: Gallery, tmp_path: Path) -> None:
    learned, scored = data(many, OLD, subjects=3), data(many, NEW, subjects=3, seed=50)
    bundle(many, learned, tmp_path / "bundle")
    found = evaluate_report(request(tmp_path, scored, "subjects", learned=learned))
    pooled, *each = found.rows
    assert pooled.protocol == "leave one subject out" and pooled.subjects == ("s0", "s1", "s2")
    assert [row.subjects for row in each] == [("s0",), ("s1",), ("s2",)]
    assert (pooled.metrics["top1"].value or 0) > 0.3 and pooled.selection == "fixed epoch" and not pooled.seen
    with pytest.raises(RecordingError, match=r"20 of the stimuli that are scored are learned from too.*--allow-seen"):
        evaluate_report(request(tmp_path, scored, "subjects"))
    marked = evaluate_report(request(tmp_path, scored, "subjects", allow_seen=True))
    assert all(row.seen for row in marked.rows)
    with pytest.raises(RecordingError, match="leaving one out needs 2 or more"):
        evaluate_report(request(tmp_path, data(many, NEW, seed=50), "subjects"))


def test_concept_hold_out_and_sweeps(tmp_path: Path) -> None:
    classed = classed_gallery(tmp_path / "many", 12, 4)
    old = [item.id for item in classed.items if int(item.label[1:]) < 8]
    new = [item.id for item in classed.items if int(item.label[1:]) >= 8]
    learned, scored = data(classed, old), data(classed, new, seed=50)
    bundle(classed, learned, tmp_path / "bundle")
    found = evaluate_report(request(tmp_path, scored, "concepts", learned=learned, folds=2))
    by_picture, by_class = found.rows
    assert (by_picture.n_way, by_class.n_way) == (16, 4) and by_class.gallery == "class centres"
    assert (by_picture.metrics["top1"].value or 0) > 2 / 16 and (by_class.metrics["top1"].value or 0) > 0.4
    swept = evaluate_report(
        request(tmp_path, scored, "window-end", "channels", learned=learned, ends_s=(0.04, 0.32), channels=(1, 4))
    )
    ends, channels = swept.curves
    assert (ends.x, ends.x_label) == ((40.0, 320.0), "window end (ms)") and channels.x == (1.0, 4.0)
    assert all((curve.y[1] or 0) > (curve.y[0] or 0) for curve in swept.curves)
    assert swept.rows[2].what == "1 channel from the back: Oz"
    with pytest.raises(SettingsError, match="name what to learn from with --train"):
        evaluate_report(request(tmp_path, scored, "channels"))


def test_training_again_marks_what_was_seen_and_takes_the_gallery_as_it_was(many: Gallery, tmp_path: Path) -> None:
    learned, scored = data(many, OLD, repeats=6), data(many, OLD[:20], seed=50)
    subspace = {"compare": "subspace", "rank": 4, "waves": 8}
    bundle(many, learned, tmp_path / "bundle", encoder="encoding", parameters=subspace)
    asked = request(tmp_path, scored, "channels", learned=learned, channels=(4,), allow_seen=True)
    found = evaluate_report(asked)
    assert all(row.seen for row in found.rows) and (found.rows[0].metrics["top1"].value or 0) > 0.3
    with pytest.raises(SettingsError, match="--channels 9 is not possible; the windows hold 1 to 4"):
        evaluate_report(replace(asked, channels=(2, 9)))
    adapt_gallery(tmp_path / "many", tmp_path / "bundle", tmp_path / "adapted")
    with pytest.raises(SettingsError, match=f"give the gallery of space '{many.spec.space}' that it was made from"):
        evaluate_report(replace(asked, gallery=tmp_path / "adapted"))


def test_concepts_of_one_picture_each_have_no_row_for_classes(many: Gallery, tmp_path: Path) -> None:
    learned, scored = data(many, OLD, repeats=6, subjects=2), data(many, NEW, seed=50)
    bundle(many, learned, tmp_path / "bundle", encoder="encoding", parameters={"rank": 4, "waves": 8})
    found = evaluate_report(request(tmp_path, scored, "concepts", learned=learned, folds=2))
    assert [row.gallery for row in found.rows] == ["shown images"] and found.rows[0].subjects == ("s0", "s1")


def test_a_closed_form_chooses_its_penalty_anew(tmp_path: Path) -> None:
    two = gallery(tmp_path / "many", ["left", "right"])
    learned = data(two, ["left", "right"], subjects=3, repeats=15)
    spec = bundle(two, learned, tmp_path / "bundle", encoder="riemann", parameters={}, validation="auto")
    scored = data(two, ["left", "right"], subjects=3, repeats=15, seed=50)
    found = evaluate_report(request(tmp_path, scored, "subjects", learned=learned, allow_seen=True, options=Options()))
    assert found.rows[0].selection == "validation-picked by inner splits" and spec.training["tried"]
    assert (found.rows[0].metrics["auc"].value or 0) > 0.8


def test_a_bundle_is_not_scored_on_its_own_recordings(many: Gallery, tmp_path: Path) -> None:
    learned = data(many, OLD)
    bundle(many, learned, tmp_path / "bundle")
    with pytest.raises(RecordingError, match="was trained on 'run 0'"):
        evaluate_report(request(tmp_path, learned, "zero-shot"))


def stored(folder: Path, made: Data) -> list[Path]:
    paths = []
    for number, (e, origin) in enumerate(zip(made.epochs, made.origins, strict=True)):
        spec = EpochsSpec(
            name=origin.name,
            subject=origin.subject,
            source="made up",
            sha256="0" * 64,
            channels=e.channels,
            labels=e.labels,
            onsets_s=tuple(e.onsets_s.tolist()),
            chain=made.plan.chain,
            window=made.plan.window,
            rejection=made.plan.rejection,
            causal=True,
            source_rate_hz=100.0,
        )
        write_epochs(folder / str(number), spec, [e.data[:, 0]])
        paths.append(folder / str(number))
    return paths


def test_the_command_scores_epochs_folders_and_writes_everything(many: Gallery, tmp_path: Path) -> None:
    bundle(many, data(many, OLD, repeats=4), tmp_path / "bundle")
    paths = stored(tmp_path / "epochs", data(many, NEW, repeats=4, seed=50))
    screen = Console(file=io.StringIO(), width=200)
    found = evaluate_command(
        tmp_path / "bundle",
        paths,
        tmp_path / "many",
        places=Places(tmp_path / "out" / "all.json", tmp_path / "out" / "rows.csv"),
        console=screen,
        protocols=("zero-shot", "open-set"),
        options=Options(n_way=(2, 20)),
        device="cpu",
    )
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "among those shown" in text and "fixed epoch" in text and "AUROC" in text
    assert json.loads((tmp_path / "out" / "all.json").read_text()) == found.json_able()
    lines = list(csv.DictReader((tmp_path / "out" / "rows.csv").open()))
    assert {"selection", "transductive", "gallery", "chance", "low", "high"} <= lines[0].keys()
    assert len(lines) == sum(len(row.metrics) for row in found.rows)
    assert {row.n_way for row in found.rows if row.protocol == "zero-shot"} == {2, 20, 60}
    assert not np.isnan([row.metrics["top1"].value for row in found.rows if "top1" in row.metrics]).any()


def test_epochs_that_were_cut_otherwise_are_refused(many: Gallery, tmp_path: Path) -> None:
    bundle(many, data(many, OLD), tmp_path / "bundle")
    other = data(many, NEW, seed=50).until(0.2)
    with pytest.raises(EegseekError, match=r"were cut otherwise than the encoder asks \(window 0 to 0.2 s"):
        evaluate_command(tmp_path / "bundle", stored(tmp_path / "epochs", other), tmp_path / "many")


def test_recordings_a_page_and_filters_in_two_ways(tmp_path: Path) -> None:
    from inference.build import from_labels
    from training.commands import train_command

    files = [marked_csv(tmp_path / f"run{k}.csv", k) for k in range(5)]
    from_labels({"1": "left", "2": "right"}, tmp_path / "gallery")
    cut = ["chain.notch_hz=[]", "chain.lowpass_hz=20.0", "window.end_s=0.5", "window.rate_hz=64.0"]
    screen = Console(file=io.StringIO(), width=200)
    given = {"overrides": cut, "parameters": ["alpha=10"], "console": screen}
    train_command(files[:2], tmp_path / "gallery", "riemann", tmp_path / "b", **given)  # type: ignore[arg-type]
    found = evaluate_command(
        tmp_path / "b",
        files[2:],
        tmp_path / "gallery",
        places=Places(page=tmp_path / "page"),
        console=screen,
        protocols=("zero-shot", "causality"),
        options=Options(repeats=(1, 2)),
    )
    assert found.rows[0].protocol == "held-out recordings" and (found.rows[0].metrics["auc"].value or 0) > 0.9
    (paired,) = [row for row in found.rows if row.protocol == "cost of causality"]
    assert {"auc, causal", "auc, zero phase", "zero phase - causal"} <= paired.metrics.keys()
    assert found.maps and found.reliability and found.confusion
    page = (tmp_path / "page" / "report.html").read_text()
    assert "held-out recordings" in page and "cost of causality" in page
    with pytest.raises(SettingsError, match="--protocol post-hoc fits corrections on recordings"):
        evaluate_command(tmp_path / "b", files[2:], tmp_path / "gallery", console=screen, protocols=("post-hoc",))
