"""Answers before the window ends: trained, calibrated, committed and scored; and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_data import CHANNELS, epochs, evaluated, gallery, plan, repeated

from acquisition.offline import Epochs
from config.bundles import EncoderSpec, read_encoder_spec
from config.errors import RecordingError, SettingsError
from inference.bundle import load_encoder
from inference.gallery import Gallery
from training.fitting.truncate import truncated, until
from training.protocols.data import Data
from training.protocols.retrain import request_like
from training.protocols.schema import Report, Row
from training.protocols.zero_shot import Options
from training.request import TrainRequest
from training.train import train
from training.trials.ends import with_parts
from training.trials.epochs import Origin

PARTS = (0.08, 0.16)
IDS = [f"p{k}" for k in range(60)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("anytime")


@pytest.fixture(scope="module")
def many(place: Path) -> Gallery:
    return gallery(place / "many", IDS)


@pytest.fixture(scope="module")
def staged(many: Gallery, place: Path) -> EncoderSpec:
    """Of the bundle in ``staged``."""
    return train(request(many, place / "staged"))


@pytest.fixture(scope="module")
def unseen(many: Gallery) -> Epochs:
    return epochs(many, repeated(IDS, 4), signal=0.5, seed=7)


def scored(bundle: Path, unseen: Epochs, origins: Sequence[Origin] = ()) -> Report:
    choices = {"protocols": ("anytime",), "allow_seen": True, "options": Options(repeats=(1, 4))}
    return evaluated(bundle, (unseen,), bundle.parent / "many", origins, **choices)


def request(shown: Gallery, out: Path, **changes: object) -> TrainRequest:
    made = (epochs(shown, repeated(IDS, 4), signal=0.5, seed=1), epochs(shown, repeated(IDS, 4), signal=0.5, seed=2))
    given = {"parameters": {"waves": 20, "rank": 8}, "device": "cpu"}
    base = TrainRequest(made, shown, "cca", out, with_parts(plan(), PARTS), **given)
    return replace(base, **changes)


def rows_of(found: Report, what: str) -> list[Row]:
    return [row for row in found.rows if row.what.startswith(what)]


def check_ends(spec: EncoderSpec, found: Report, chance: float) -> None:
    """Every end has calibrations of its own, and is scored above chance."""
    assert {c.window_end_s for c in spec.calibration} == {None, *PARTS}
    assert all(c.commit_above is None for c in spec.calibration if c.window_end_s is None)
    singles = [row for row in rows_of(found, "window until") if row.repeats == 1]
    assert [row.what for row in singles] == [f"window until {ms} ms" for ms in (80, 160, 320)]
    top = [row.metrics["top1"] for row in singles]
    assert top[0].value is not None and top[-1].value is not None
    assert top[-1].value > top[0].value > 2 * chance and all(one.low is not None for one in top)


def test_closed_forms_in_stages(many: Gallery, staged: EncoderSpec, unseen: Epochs, place: Path) -> None:
    whole = train(request(many, place / "whole", plan=plan()))
    assert staged.architecture == "staged" and staged.window.parts_s == PARTS and whole.architecture == "cca"
    windows = np.random.default_rng(0).standard_normal((6, 4, 32)).astype(np.float32)
    early, late = load_encoder(place / "staged"), load_encoder(place / "whole")
    assert np.array_equal(early.encode(windows), late.encode(windows))
    assert [c for c in staged.calibration if c.window_end_s is None] == list(whole.calibration)
    assert set(staged.scores["parts"]) == {"0.08", "0.16"}
    found = scored(place / "staged", unseen)
    check_ends(staged, found, 1 / 60)
    assert [(c.x, c.x_label) for c in found.curves] == 2 * [((80.0, 160.0, 320.0), "window end (ms)")]
    with pytest.raises(SettingsError, match="train it with --parts"):
        scored(place / "whole", unseen)


def test_one_gallery_for_all_ends_in_a_subspace(many: Gallery, unseen: Epochs, place: Path) -> None:
    options = {"compare": "subspace", "rank": 6, "waves": 20}
    spec = train(request(many, place / "subspace", encoder="encoding", parameters=options))
    assert spec.adapter is not None and spec.dim == 6
    check_ends(spec, scored(place / "subspace", unseen), 1 / 60)


def test_a_network_learns_from_random_ends(many: Gallery, unseen: Epochs, place: Path) -> None:
    choices = {"encoder": "eegproject", "parameters": {"dropout": 0.1}, "learning_rate": 3e-3, "validation_share": 0.2}
    spec = train(request(many, place / "network", epochs_max=8, average="averaged", batch=16, **choices))
    assert spec.architecture == "eegproject" and spec.training["part_times"] == [8, 16]
    check_ends(spec, scored(place / "network", unseen), 1 / 60)


def test_the_stop_rule_answers_everything_and_says_when(staged: EncoderSpec, unseen: Epochs, place: Path) -> None:
    sure = tuple(
        c.model_copy(update={"commit_above": {0.08: 0.9, 0.16: 0.3}[c.window_end_s]}) if c.window_end_s else c
        for c in staged.calibration
    )
    shutil.copytree(place / "staged", place / "sure")
    (place / "sure" / "encoder.json").write_text(staged.model_copy(update={"calibration": sure}).model_dump_json())
    assert read_encoder_spec(place / "sure").calibration == sure
    found = rows_of(scored(place / "sure", unseen), "stop rule")
    assert [row.repeats for row in found] == [1, 4]
    for row in found:
        value = {name: metric.value for name, metric in row.metrics.items()}
        shares = value["committed_at_80_ms"], value["committed_at_160_ms"]
        assert None not in shares and value["committed_early"] == pytest.approx(sum(s or 0 for s in shares))
        when = 0.08 * (shares[0] or 0) + 0.16 * (shares[1] or 0) + 0.32 * (1 - (value["committed_early"] or 0))
        assert value["mean_time_to_answer_s"] == pytest.approx(when)
    last = found[-1].metrics
    assert 0 < (last["committed_early"].value or 0) <= 1 and last["top1_of_committed"].value is not None


def test_what_carries_the_future_is_refused(many: Gallery, staged: EncoderSpec, unseen: Epochs, place: Path) -> None:
    bad = tuple(Origin(name, causal=False) for name in ("a", "b"))
    with pytest.raises(RecordingError, match="'a' was filtered without causality"):
        train(request(many, place / "never", origins=bad))
    with pytest.raises(RecordingError, match="answers before the window ends"):
        scored(place / "staged", unseen, bad[:1])


def test_ends_and_encoders_that_are_none(many: Gallery, place: Path) -> None:
    for ends in ((0.2, 0.1), (0.32,), (0.4,), (-0.1,)):
        with pytest.raises(SettingsError, match=r"are not possible in a window of 0 to 0.32 s"):
            with_parts(plan(), ends)
    with pytest.raises(SettingsError, match="made of other encoders"):
        train(request(many, place / "never", encoder="staged"))


def test_retraining_takes_the_inner_encoder(many: Gallery, staged: EncoderSpec, place: Path) -> None:
    again = request_like(staged, Data((), (), plan()), many, place / "again", place / "many", "cpu")
    assert again.encoder == "cca" and again.parameters["rank"] == 8 and "shrink_items" not in again.parameters


def test_truncation_draws_every_end_and_keeps_what_is_before() -> None:
    torch.manual_seed(0)
    windows = torch.randn(300, len(CHANNELS), 32).abs() + 1
    cut = truncated(windows, (8, 16))
    known = (cut != 0).sum(dim=2)[:, 0]
    assert set(known.tolist()) == {8, 16, 32} and (torch.bincount(known)[[8, 16, 32]] > 60).all()
    assert all(torch.equal(cut[k, :, :n], windows[k, :, :n]) for k, n in enumerate(known.tolist()))
    assert torch.equal(until(windows, 8)[:, :, :8], windows[:, :, :8]) and not until(windows, 8)[:, :, 8:].any()
    state = torch.get_rng_state()
    assert truncated(windows, ()) is windows and torch.equal(torch.get_rng_state(), state)
