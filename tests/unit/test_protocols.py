"""Each protocol finds what is there, stays at chance where labels are shuffled, and says under which conditions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from protocol_data import BASE, classed_gallery, decode, noise, shuffled, trials_of
from training_data import gallery

from config.errors import RecordingError, SettingsError
from inference.gallery import Gallery
from training.protocols import categories, classes, few_shot, open_set, texts
from training.protocols.answers import answers
from training.protocols.zero_shot import Options, counts, zero_shot
from training.trials.epochs import Trials

IDS = [f"p{k}" for k in range(60)]


@pytest.fixture
def many(tmp_path: Path) -> Gallery:
    return gallery(tmp_path / "many", IDS)


@pytest.fixture
def classed(tmp_path: Path) -> Gallery:
    return classed_gallery(tmp_path / "classed", 8, 5)


def test_a_perfect_encoder_scores_1_against_every_gallery(many: Gallery) -> None:
    data = trials_of(many, IDS[:20], 4, signal=50.0)
    rows, curves = zero_shot(decode, data, many, BASE, Options())
    assert {(row.gallery, row.n_way) for row in rows} == {("shown images", 20), ("all", 60)}
    assert {row.repeats for row in rows} == {1, 2, 4}
    for row in rows:
        assert all(row.metrics[name].value == 1 for name in ("top1", "top5", "mrr", "median_rank", "over_chance"))
        assert row.metrics["top1"].chance == 1 / row.n_way
        assert (row.selection, row.trained_by, row.transductive, row.causal) == ("fixed epoch", "infonce", False, True)
    assert [curve.x for curve in curves] == [(1.0, 2.0, 4.0)] * 2
    with pytest.raises(SettingsError, match="its centre is the picture itself"):
        zero_shot(decode, data, many, BASE, Options(centres=True))


def test_averages_find_more_and_shuffled_labels_nothing(many: Gallery) -> None:
    data = trials_of(many, IDS, 16, signal=0.12)
    rows, _ = zero_shot(decode, data, many, BASE, Options(repeats=(1, 16)))
    single, averaged = (row.metrics["top1"] for row in rows)
    assert averaged.value is not None and single.value is not None
    assert averaged.value > single.value > 2 / 60 and averaged.p is not None and averaged.p < 0.01
    rows, _ = zero_shot(decode, shuffled(data), many, BASE, Options(repeats=(1, 16)))
    for row in rows:
        top = row.metrics["top1"]
        assert top.value is not None and top.value < 5 / 60 and top.p is not None and top.p > 0.01
        assert top.low is not None and top.low <= 1 / 60


def test_fewer_ways_are_exact_expectations(many: Gallery) -> None:
    data = trials_of(many, IDS, 2, signal=0.2)
    rows, _ = zero_shot(decode, data, many, BASE, Options(n_way=(2, 10, 60), repeats=(1,)))
    values = [row.metrics["top1"].value for row in rows]
    assert [row.n_way for row in rows] == [2, 10, 60] and values == sorted(values, reverse=True)
    given = answers(decode, data, 1)
    cosines, rng = given.vectors @ many.vectors.T, np.random.default_rng(0)
    right = []
    for query, row in zip(cosines, given.rows, strict=True):
        for _ in range(60):
            rivals = rng.choice(np.setdiff1d(np.arange(60), row), 9, replace=False)
            right.append(query[row] > query[rivals].max())
    assert values[1] == pytest.approx(np.mean(right), abs=0.015)
    with pytest.raises(SettingsError, match="--n-way 200 needs as many items shown, the recordings show 60"):
        zero_shot(decode, data, many, BASE, Options(n_way=(200,)))


def test_an_encoder_that_says_the_same_of_all_scores_nothing(many: Gallery) -> None:
    data = trials_of(many, IDS, 2)
    rows, _ = zero_shot(lambda w: np.tile(many.vectors[:1], (len(w), 1)), data, many, BASE, Options(repeats=(1,)))
    assert rows[0].metrics["top1"].value == pytest.approx(1 / 60)


def test_subjects_stand_alone_and_together(many: Gallery) -> None:
    data = trials_of(many, IDS[:20], 2, subjects=6, signal=0.5)
    rows, _ = zero_shot(decode, data, many, BASE, Options(repeats=(2,), everything=False))
    assert len(rows) == 7 and rows[0].metrics["top1"].unit == "subjects"
    assert "6 subjects" in rows[0].metrics["top1"].test and rows[0].metrics["top1"].p == 1 / 64
    assert all(row.metrics["top1"].unit == "stimuli" for row in rows[1:])


def test_repeats_that_are_not_there_are_refused(many: Gallery) -> None:
    data = trials_of(many, IDS, 3)
    assert counts(data) == (1, 2, 3)
    with pytest.raises(SettingsError, match="averages of 80 repeats are asked for, but the recordings hold at most 3"):
        counts(data, (80,))


def test_two_categories_have_an_area_within_runs(tmp_path: Path) -> None:
    two = gallery(tmp_path, ["left", "right"])
    data = trials_of(two, ["left", "right"], 20, recordings=4, signal=0.1)
    rows, _ = zero_shot(decode, data, two, BASE, Options(repeats=(1,)))
    auc = rows[0].metrics["auc"]
    assert auc.value is not None and auc.value > 0.6 and auc.unit == "runs" and "top5" not in rows[0].metrics


def test_class_centres_leave_the_shown_pictures_out(classed: Gallery) -> None:
    shown = np.arange(0, 40, 5)
    centre = classes.centres(classed, shown)
    assert centre.others_only and len(centre.labels) == 8
    wanted = classed.vectors[1:5].mean(axis=0)
    assert np.allclose(centre.vectors[0], wanted / np.linalg.norm(wanted), atol=1e-6)
    assert not classes.centres(classed, np.arange(40)).others_only
    data = trials_of(classed, [classed.items[row].id for row in shown], 2, signal=50.0)
    rows, _ = zero_shot(decode, data, classed, BASE, Options(repeats=(2,), centres=True))
    row = next(row for row in rows if row.gallery == "class centres")
    assert row.n_way == 8 and (row.metrics["top1"].value or 0) > 0.7 and "other pictures" in row.what


def test_scores_within_a_class(classed: Gallery) -> None:
    data = trials_of(classed, [item.id for item in classed.items], 2, signal=20.0)
    rows, _ = zero_shot(decode, data, classed, BASE, Options(repeats=(2,)))
    for name in ("class_precision10", "class_jaccard10", "class_map"):
        metric = rows[0].metrics[name]
        assert metric.value is not None and metric.chance is not None and metric.value > 2 * metric.chance


def test_few_shots_are_of_other_pictures(classed: Gallery) -> None:
    data = trials_of(classed, [item.id for item in classed.items], 4, signal=1.0)
    rows, curve = few_shot.few_shot(answers(decode, data, 0), classed, BASE)
    assert curve.x == (1.0, 2.0) and all(row.n_way == 8 and "different pictures" in row.what for row in rows)
    assert all(y is not None and y > 3 / 8 for y in curve.y)
    with pytest.raises(RecordingError, match="0 shots of a class say nothing"):
        few_shot.few_shot(answers(decode, data, 0), classed, BASE, shots=(0, 1))
    rows, _ = few_shot.few_shot(answers(noise, data, 0), classed, BASE)
    assert all(abs((row.metrics["top1"].value or 0) - 1 / 8) < 0.08 for row in rows)


def test_few_shots_of_single_pictures_are_of_other_recordings(tmp_path: Path) -> None:
    two = gallery(tmp_path, ["left", "right"])
    data = trials_of(two, ["left", "right"], 20, recordings=3, signal=0.5)
    rows, _ = few_shot.few_shot(answers(decode, data, 1), two, BASE, shots=(5,))
    assert "different recordings" in rows[0].what and (rows[0].metrics["top1"].value or 0) > 0.8
    single = trials_of(two, ["left", "right"], 20)
    with pytest.raises(RecordingError, match="cannot be kept apart; give several recordings"):
        few_shot.few_shot(answers(decode, single, 1), two, BASE)


def test_texts_and_recordings_find_each_other(many: Gallery) -> None:
    from training_data import epochs

    from training.trials.epochs import Origin, gather

    def crops(signal: float):  # type: ignore[no-untyped-def]
        made = [epochs(many, [name] * 6, signal=signal, seed=k) for k, name in enumerate(IDS[:12])]
        return gather(made, [Origin(f"r{k}", subject=str(k)) for k in range(12)], many)

    rows = texts.texts(decode, crops(0.3), many, BASE)
    assert [row.gallery for row in rows] == ["texts"] * 3 and [row.n_way for row in rows] == [12] * 3
    whole, crop, back = (row.metrics["top1"].value or 0 for row in rows)
    assert whole > crop > 2 / 12 and back > 0.5
    assert rows[0].metrics["mrr"].unit == "runs"
    assert texts.texts(noise, crops(0.3), many, BASE)[0].metrics["top1"].value < 4 / 12  # type: ignore[operator]
    with pytest.raises(RecordingError, match="'run 0' carries 3 labels"):
        texts.texts(decode, trials_of(many, IDS[:3], 4, recordings=3), many, BASE)


def test_open_set_tells_what_is_in_the_gallery(many: Gallery) -> None:
    data = trials_of(many, IDS[:40], 4, signal=1.0)
    given = answers(decode, data, 0)
    row = open_set.pictures_taken_out(given, many, BASE, 0.07)
    area, alarms = row.metrics["auroc"], row.metrics["false_alarms_at_0.8"]
    assert area.value is not None and area.value > 0.8 and area.p is not None and area.p < 0.05 and row.n_way == 40
    assert alarms.value is not None and alarms.value < 0.5 and alarms.chance == 0.8
    lost = open_set.pictures_taken_out(answers(noise, data, 0), many, BASE, 0.07).metrics["auroc"]
    assert lost.value is not None and abs(lost.value - 0.5) < 0.12 and lost.p is not None and lost.p > 0.05
    blank = open_set.nothing_shown(given, noise(np.empty((30, 4, 32), np.float32)), many, BASE, 0.07, what="blank")
    assert (blank.metrics["auroc"].value or 0) > 0.8 and "'blank'" in blank.what


def test_categories_are_told_apart_without_the_picture_itself(classed: Gallery, tmp_path: Path) -> None:
    data = trials_of(classed, [item.id for item in classed.items], 2, signal=2.0)
    members = classes.categories(classed)
    assert set(members) == {"half=high", "half=low"}
    table = tmp_path / "categories.tsv"
    table.write_text("item\tanimal\ttool\n" + "".join(f"c{k}\t{int(k < 2)}\t{int(k == 3)}\n" for k in range(8)))
    members = classes.categories(classed, classes.read_categories(table))
    row = categories.category_auc(answers(decode, data, 0), classed, members, BASE)
    area = row.metrics["category_auc"]
    assert area.value is not None and area.value > 0.8 and area.p is not None and area.p < 0.05
    assert {"auc of animal", "auc of tool"} <= row.metrics.keys()
    lost = categories.category_auc(answers(noise, data, 0), classed, members, BASE).metrics["category_auc"]
    assert lost.value is not None and abs(lost.value - 0.5) < 0.15 and lost.p is not None and lost.p > 0.02


def test_tables_of_categories_in_two_columns(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("item,category\ncat,animal\ncat,pet\ncar,vehicle\n")
    assert classes.read_categories(file) == {"cat": {"animal", "pet"}, "car": {"vehicle"}}
    file.write_text("item,a,b\ncat,1,7\n")
    with pytest.raises(SettingsError, match="other values than 0 and 1 for item 'cat'"):
        classes.read_categories(file)


def test_corrections_undo_a_shift_and_what_uses_the_queries_is_marked(many: Gallery) -> None:
    from training.protocols import post_hoc

    shift = np.random.default_rng(1).standard_normal(many.vectors.shape[1])
    shift *= 2 / np.linalg.norm(shift)

    def shifted(windows):  # type: ignore[no-untyped-def]
        moved = decode(windows) + shift
        return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)

    data = trials_of(many, IDS, 4, signal=0.5)
    calibration = trials_of(many, IDS[:30], 4, signal=0.5, seed=60)
    rows = post_hoc.post_hoc(shifted, data, calibration, many, BASE, Options(repeats=(4,)), reference=calibration)
    top = {row.what.partition(", ")[2]: row.metrics["top1"].value or 0 for row in rows}
    assert top["whitened"] > top["as it is"] and set(top) >= {"CSLS", "whitened, CSLS", "affine map per user"}
    assert [row.what for row in rows if row.transductive] == [
        "the picture among those shown, CSLS on the scored queries"
    ]
    with pytest.raises(RecordingError, match="'run 0' is calibrated on and scored"):
        post_hoc.post_hoc(shifted, data, data, many, BASE, Options())


def test_each_subject_is_corrected_by_their_own_calibration(many: Gallery) -> None:
    """Two subjects whose embeddings are shifted in opposite ways: a correction of both together would undo neither."""
    from training.protocols import post_hoc

    shift = np.random.default_rng(1).standard_normal(many.vectors.shape[1])
    shift *= 4 / np.linalg.norm(shift)
    data = trials_of(many, IDS, 4, signal=0.5, subjects=2)
    calibration = trials_of(many, IDS[:30], 4, signal=0.5, subjects=2, seed=60)
    learned = trials_of(many, IDS[:30], 4, signal=0.5, seed=90)
    # the sign is told by the first sample, which decode hardly needs
    for trials in (data, calibration):
        trials.windows[:, 0, 0] = np.where(trials.subject == 0, 1e3, -1e3)

    def shifted(windows):  # type: ignore[no-untyped-def]
        plain = windows.copy()
        sign = np.sign(plain[:, :1, 0])
        far = np.abs(plain[:, 0, 0]) > 500
        plain[:, 0, 0] = 0
        moved = decode(plain) + shift * sign * far[:, None]
        return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)

    def top(of: Trials) -> dict[str, float]:
        rows = post_hoc.post_hoc(shifted, data, of, many, BASE, Options(repeats=(4,)), reference=learned)
        assert all(row.metrics["top1"].n == 2 * len(IDS) for row in rows)
        return {row.what.partition(", ")[2]: row.metrics["top1"].value or 0 for row in rows}

    right = top(calibration)
    swapped = replace(
        calibration, origins=tuple(replace(o, subject={"0": "1", "1": "0"}[o.subject]) for o in calibration.origins)
    )
    wrong = top(swapped)
    assert right["as it is"] == wrong["as it is"]
    for name in ("whitened", "affine map per user"):
        assert right[name] > max(1.5 * right["as it is"], 1.5 * wrong[name]), name
    stranger = replace(calibration, origins=tuple(replace(o, subject="9") for o in calibration.origins))
    with pytest.raises(RecordingError, match="no calibration recording is of '0'"):
        post_hoc.post_hoc(shifted, data, stranger, many, BASE, Options())


def test_rows_say_how_many_stimuli_have_the_repeats(many: Gallery) -> None:
    data = trials_of(many, IDS[:10], 2)
    fewer = data.take(np.flatnonzero((data.rows != data.rows[0]) | (np.arange(len(data)) == 0)))
    rows, _ = zero_shot(decode, fewer, many, BASE, Options())
    assert {row.repeats: row.notes for row in rows} == {1: (), 2: ("9 of 10 stimuli have 2 repeats or more",)}
