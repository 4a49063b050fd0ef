"""Parts of a report that need no drawing: what drives a score, sentences, tables, published figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.encoders.base import unit_norm
from training.metrics import bootstrap
from training.protocols.schema import Metric, Row
from training.report import controls, drivers, tables, words
from training.report.probabilities import Given, probability_row
from training.report.published import published

CHANNELS, TIMES, DIM, ITEMS = 5, 40, 8, 30
Windows = NDArray[np.float32]


def encode(windows: Windows) -> NDArray[np.float32]:
    """Reads the item from channel 2 between 100 and 200 ms (samples 10 to 19 at 100 Hz), and from nowhere else."""
    return unit_norm(windows[:, 2, 10:18] + 1e-3)


def world(seed: int = 0) -> tuple[Windows, NDArray[np.int64], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    vectors = unit_norm(rng.standard_normal((ITEMS, DIM)))
    truth = np.repeat(np.arange(ITEMS), 3)
    windows = rng.standard_normal((len(truth), CHANNELS, TIMES)).astype(np.float32)
    windows[:, 2, 10:18] = 5 * vectors[truth] + 0.5 * windows[:, 2, 10:18]
    return windows, truth, vectors


def test_occlusion_finds_the_channel_and_the_time_and_nothing_else() -> None:
    windows, truth, vectors = world()
    found = drivers.drivers(encode, windows, truth, vectors, rate_hz=100.0)
    assert found.rank > 0.9 and found.n == len(truth)
    assert found.channels.rank.argmax() == 2 and found.channels.low[2] > 0.3
    assert found.channels.rank[[0, 1, 3, 4]] == pytest.approx(0) and found.channels.cosine[0] == pytest.approx(0)
    assert (found.channels.low <= found.channels.rank).all() and (found.channels.rank <= found.channels.high).all()
    # eight bins of 50 ms: the third and fourth hold the samples that are read
    assert found.times_s == pytest.approx([0.025, 0.075, 0.125, 0.175, 0.225, 0.275, 0.325, 0.375])
    assert set(np.flatnonzero(np.abs(found.times.rank) > 1e-9)) == {2, 3}
    # four pieces of 100 ms: the second alone, on channel 2 alone
    assert found.pieces.shape == (4, CHANNELS)
    assert np.unravel_index(found.pieces.argmax(), found.pieces.shape) == (1, 2)
    assert np.count_nonzero(np.abs(found.pieces) > 1e-9) == 1


def test_occlusion_leaves_the_windows_alone_and_repeats_itself() -> None:
    windows, truth, vectors = world()
    before = windows.copy()
    one, two = (drivers.drivers(encode, windows, truth, vectors, rate_hz=100.0, seed=3) for _ in range(2))
    assert (windows == before).all()
    assert one.channels.low.tolist() == two.channels.low.tolist()
    whole, pieces = drivers.topographies(one, [f"C{k}" for k in range(CHANNELS)])
    assert whole.values[0] == tuple(one.channels.rank) and len(pieces.times_s) == 4
    assert drivers.time_course(one).x == pytest.approx(1000 * one.times_s)


def test_jackknife_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for k in range(200):
        values = rng.standard_normal(60)
        found = bootstrap.jackknife(lambda i, v=values: float(v[i].mean()), 60, seed=k)
        assert found is not None
        inside += found[0] <= 0 <= found[1]
    assert 178 <= inside <= 199
    assert bootstrap.jackknife(lambda index: 1.0, 5) is None
    assert bootstrap.jackknife(lambda index: float("nan"), 50) is None


def metric(value: float | None, **other: object) -> Metric:
    return Metric.model_validate({"value": value, "chance": 0.005, **other})


def row(**other: object) -> Row:
    fields = {
        "protocol": "zero-shot within subject",
        "encoder": "nice",
        "n_way": 200,
        "gallery": "shown images",
        "selection": "fixed epoch",
        "repeats": 80,
        "metrics": {"top1": metric(0.123, low=0.1, high=0.15, unit="subjects", n=900, p=0.001, test="sign flips")},
    }
    return Row.model_validate({**fields, **other})


def test_the_summary_says_what_guessing_gives() -> None:
    text = words.summary([row(repeats=1, metrics={"top1": metric(0.01)}), row()])
    assert text.startswith("From 80 trials of EEG, the decoder (nice) names the right one of 200 first in 12.3 %")
    assert "95 % interval 10.0 % to 15.0 %, over subjects" in text
    assert "guessing gives 0.5 %" in text and "more than guessing (p = 0.001; sign flips)" in text


def test_the_summary_does_not_boast() -> None:
    unsure = row(metrics={"top1": metric(0.006, low=0.001, high=0.02, unit="stimuli", p=0.3, test="x")})
    assert "not surely more than guessing" in words.summary([unsure])
    assert "reaches down to guessing" in words.summary([row(metrics={"top1": metric(0.01, low=0.001, high=0.1)})])
    assert "may be luck" in words.summary([row(metrics={"top1": metric(0.5)})])
    doubtful = words.summary([row(causal=False, simulated=True, transductive=True, seen=True, blocked=True)])
    assert doubtful.endswith("Mind: transductive, not causal, blocked design, trained on these stimuli, simulated.")
    assert words.summary([row(error="no such recording", metrics={})]) == (
        "Nothing could be scored; the rows below say why."
    )


def test_two_items_are_summed_up_by_their_area() -> None:
    text = words.summary([row(n_way=2, metrics={"auc": metric(0.71, chance=0.5), "mrr": metric(0.8)})])
    assert "reaches AUC 0.71, 2 to tell apart" in text and "guessing gives 0.5" in text


def test_a_table_for_each_protocol_with_every_condition() -> None:
    other = row(protocol="open set", gallery="all", n_way=16_740, metrics={"auc": metric(0.6, chance=0.5)})
    failed = row(error="no repeats", metrics={})
    first, second = tables.groups([row(), other, failed])
    assert [len(first.lines), len(second.lines)] == [2, 1]
    assert first.lines[0].conditions == ("nice", "80 repeats", "200", "shown images", "fixed epoch", "no")
    (cell,) = first.lines[0].cells
    assert (cell.value, cell.interval, cell.chance) == ("12.3 %", "10.0 % to 15.0 %", "0.5 %")
    assert first.lines[1].error == "no repeats"
    assert second.metrics == ("AUC",)


def test_published_figures_are_those_of_the_papers() -> None:
    found = {(one.method, one.protocol[-15:], one.metric): one.value for one in published()}
    assert len(found) == 28
    assert found["NICE 2024", " within subject", "top1"] == 0.161
    assert found["SAMGA 2026", "across subjects", "top5"] == 0.648
    assert all(one.chance in (0.005, 0.025) and one.source and "gallery" in one.note for one in published())


def test_ours_stand_beside_the_published_of_the_same_kind() -> None:
    across = row(protocol="zero-shot, leave one subject out")
    shown = tables.beside([row(), row(repeats=1), across, row(n_way=50)], published())
    assert shown is not None
    assert [values for _, values, _ in shown.ours] == [("12.3 %", "", "", ""), ("", "", "12.3 %", "")]
    assert shown.columns[2] == "across subjects: top-1"
    assert shown.theirs[0][:2] == ("NICE 2024", ("16.1 %", "43.6 %", "6.2 %", "21.4 %"))
    assert tables.beside([row(n_way=50)], published()) is None


def test_representation_of_an_encoder_that_works_and_of_one_that_does_not() -> None:
    rng = np.random.default_rng(2)
    vectors = unit_norm(rng.standard_normal((40, DIM)))
    rows, subject = np.tile(np.arange(40), 3), np.repeat(np.arange(3), 40)
    good = controls.Means(unit_norm(vectors[rows] + 0.2 * rng.standard_normal((120, DIM))), rows, subject)
    made = controls.representation(row(), good, vectors)
    assert made is not None and made.protocol == "representation" and made.n_way == 40
    scores = made.metrics
    for name in ("rsa", "cka", "kernel_analysis_area"):
        one = scores[name]
        assert one.value is not None and one.low is not None and one.high is not None and one.p is not None
        assert one.low < one.value < one.high and one.p < 0.01, name
    low, high = scores["rsa_noise_ceiling_low"].value, scores["rsa_noise_ceiling_high"].value
    assert low is not None and high is not None and 0 < low < high <= 1
    bad = controls.Means(unit_norm(rng.standard_normal((120, DIM))), rows, subject)
    none = controls.representation(row(), bad, vectors)
    assert none is not None
    assert all((none.metrics[name].p or 0) > 0.01 for name in ("rsa", "cka"))
    assert controls.representation(row(), controls.Means(good.vectors[:5], rows[:5], subject[:5]), vectors) is None


def test_probabilities_that_are_true_by_construction() -> None:
    rng = np.random.default_rng(3)
    vectors = unit_norm(rng.standard_normal((20, DIM)))
    cosines = rng.normal(0, 0.15, (3000, 20)).astype(np.float32)
    truth = (cosines / 0.1 + rng.gumbel(size=cosines.shape)).argmax(axis=1)
    classes = [f"c{k % 4}" for k in range(20)]
    made = probability_row(row(), Given(cosines, truth, 1, 0.1), vectors, classes).metrics
    for one in made.values():
        assert one.value is not None and one.low is not None and one.high is not None and one.chance is not None
        assert one.low <= one.value <= one.high and one.unit == "stimuli"

    def of(name: str) -> tuple[float, float]:
        return made[name].value or 0.0, made[name].chance or 0.0

    assert of("ece")[0] < 3 * of("ece")[1]
    assert 0 < of("brier")[0] < of("brier")[1] == pytest.approx(0.95)
    assert 0.3 < of("bits_an_answer")[0] < np.log2(20)
    assert of("coverage_area")[0] > of("coverage_area")[1] + 0.05
    assert of("class_kappa")[0] > 0.1 and of("class_top5_any")[0] > of("class_top5_any")[1]
    # cosines here know nothing of how the vectors lie
    assert made["neighbour_jaccard10"].chance == pytest.approx(of("neighbour_jaccard10")[0], abs=0.05)


def test_bits_about_the_class_lie_in_their_interval_and_are_left_out_of_few_answers() -> None:
    rng = np.random.default_rng(6)
    vectors, names = unit_norm(rng.standard_normal((20, DIM))), [f"c{k}" for k in range(20)]

    def bits(each: int, right: float) -> Metric | None:
        truth = np.repeat(np.arange(20), each)
        said = np.where(rng.random(len(truth)) < right, truth, rng.integers(20, size=len(truth)))
        given = Given(np.eye(20, dtype=np.float32)[said], truth, 1, 0.1)
        return probability_row(row(), given, vectors, names).metrics.get("class_bits")

    assert bits(4, 0.7) is None
    for each, right in ((10, 0.7), (10, 0.0), (200, 0.7), (200, 1.0)):
        found = bits(each, right)
        assert found is not None and found.value is not None and found.chance is not None
        assert found.low is not None and found.high is not None
        assert found.low <= found.value <= found.high and found.chance_by == "permutation"
        if right == 0:  # what the correction leaves of the bias stands in the chance
            assert found.chance > 0.1 and found.low < found.chance < found.high
    sure = bits(200, 1.0)
    assert sure is not None and sure.value == pytest.approx(np.log2(20), abs=0.01)
    # of 20 classes, right with p = 0.7 + 0.3 / 20 and else any other alike
    right, spread = 0.715, 0.285
    known = np.log2(20) + right * np.log2(right) + spread * np.log2(spread / 19)
    some = bits(2000, 0.7)
    assert some is not None and some.value == pytest.approx(known, abs=0.05) and abs(some.chance or 0) < 0.01


def test_the_same_answer_many_times_is_counted_once() -> None:
    from training.report.complete import apart

    members = np.array([[0, 1], [1, 0], [2, 3], [3, 4], [4, 5], [5, 0]])
    assert apart(members).tolist() == [0, 2, 4]
    assert apart(np.arange(7)[:, None]).tolist() == list(range(7))
    rng = np.random.default_rng(8)
    vectors, names = unit_norm(rng.standard_normal((20, DIM))), [f"c{k}" for k in range(20)]
    said = np.eye(20, dtype=np.float32)[rng.integers(20, size=20)]  # guesses
    truth = np.tile(np.arange(20), 30)
    often = Given(np.tile(said, (30, 1)), truth, 10, 0.1)
    fooled = probability_row(row(), often, vectors, names).metrics["class_bits"]
    assert fooled.value is not None and fooled.value > 2  # what would be claimed of copies
    once = replace(often, apart=np.arange(20))
    assert "class_bits" not in probability_row(row(), once, vectors, names).metrics


def test_guesses_tell_nothing() -> None:
    rng = np.random.default_rng(4)
    vectors = unit_norm(rng.standard_normal((12, DIM)))
    cosines = rng.normal(0, 0.1, (2000, 12)).astype(np.float32)
    made = probability_row(row(), Given(cosines, rng.integers(12, size=2000), 1, 100.0), vectors, ["a", "b"] * 6)
    for name in ("brier", "bits_an_answer", "class_kappa", "class_bits", "class_top5_any", "neighbour_jaccard10"):
        one = made.metrics[name]
        assert one.value == pytest.approx(one.chance, abs=0.05), name
