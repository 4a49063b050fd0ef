"""Calibration: what is bet, what is decided, and whole sessions of simulated EEG with and without something in it."""

from __future__ import annotations

import itertools
import math
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from config.calibration import (
    CalibrationRules,
    Evidence,
    Progress,
    read_progress,
    write_progress,
)
from config.errors import BundleError, SettingsError
from config.presentation import Block as Shown
from config.presentation import Drawing, Plan, Stimulus, Trial
from inference.build import from_labels
from inference.bundle import load_encoder
from inference.gallery import Gallery
from training.calibration import blocks, noise
from training.calibration.betting import SLOPES, Bets, log_factors, standardised
from training.calibration.calibration import Calibration
from training.calibration.carriers import carriers
from training.calibration.former import read
from training.calibration.order import Order
from training.calibration.scores import area, pooled, wilson
from training.calibration.task import Task, eyes, merged
from training.calibration.verdict import decide, ocular_words
from training.metrics.retrieval import auc

NAMES = ("face", "house")
EARS = ("TP9", "AF7", "AF8", "TP10")


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    from_labels(NAMES, tmp_path / "gallery")
    return Gallery.load(tmp_path / "gallery")


def made(gallery: Gallery, planned: int = 6) -> Calibration:
    return Calibration(noise.plan_of_preset(), Task({n: n for n in NAMES}, blocks=planned), gallery)


def sessions(effect_uv: float, seed: int, trials: int = 32) -> list[blocks.Block]:
    return list(islice(noise.simulated(noise.plan_of_preset(), NAMES, trials, effect_uv, seed), 6))


@pytest.mark.parametrize("counts", [(3, 3), (5, 2), (2, 2, 2), (6, 0)])
def test_the_stake_is_fair_whatever_the_scores(counts: tuple[int, ...]) -> None:
    """Over all orders of a block's labels the mean factor is one, exactly: the assumption of the whole test."""
    labels = [k for k, n in enumerate(counts) for _ in range(n)]
    scores = np.random.default_rng(1).standard_normal((len(labels), len(counts))) * 3
    orders = sorted(set(itertools.permutations(labels)))
    grown = [np.exp(log_factors(scores, np.array(order)).sum(axis=0)) for order in orders]
    assert np.mean(grown, axis=0) == pytest.approx(np.ones(len(SLOPES)))


def test_right_scores_win_and_none_change_nothing() -> None:
    labels = np.tile([0, 1], 10)
    right = np.eye(2)[labels]
    assert Bets().after(right, labels).log10_e > 2 > 0 > Bets().after(right[::-1], labels).log10_e
    flat = Bets().after(np.ones((20, 2)), labels)
    assert flat.path == pytest.approx([0.0] * 20)
    assert Bets().log10_e == 0.0


def test_scores_are_scaled_without_labels() -> None:
    scores = np.random.default_rng(0).standard_normal((50, 3)) * [1, 5, 9] + [4, 0, 100]
    z = standardised(scores)
    assert z.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
    assert z == pytest.approx(standardised(7 * scores + 3))
    differences = z[:, [0, 0, 1]] - z[:, [1, 2, 2]]
    assert np.mean(differences**2) == pytest.approx(1.0)


def test_areas_and_intervals() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    scores = rng.standard_normal((60, 2)) + 0.8 * np.eye(2)[labels]
    one = area(scores, labels)
    assert one is not None and one.value == pytest.approx(auc(scores[:, 1] - scores[:, 0], labels == 1))
    assert area(scores, np.zeros(60, int)) is None
    span = pooled([one, one])
    assert span is not None and span[1] < span[0] < span[2]
    alone = pooled([one])
    assert alone is not None and span[2] - span[1] == pytest.approx((alone[2] - alone[1]) / math.sqrt(2))
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    # the interval of a perfect block is not empty
    perfect = area(np.eye(2)[labels], labels)
    assert perfect is not None and perfect.variance > 0


def evidence(auc_: float, low: float, high: float, e: float, n: int = 4, trials: int = 120) -> Evidence:
    from config.calibration import BlockScore

    score = tuple(BlockScore(block=k, trials=30, auc=auc_, accuracy=0.5, log10_e=e) for k in range(n))
    return Evidence(
        channels=("Oz",), blocks=score, trials=trials, auc=auc_, auc_low=low, auc_high=high, log10_e=e, rejects=e > 1.31
    )


@pytest.mark.parametrize(
    ("told", "done", "verdict"),
    [
        (Evidence(channels=("Oz",)), 1, "going_on"),
        (evidence(0.8, 0.76, 0.84, 5), 5, "decodable"),  # narrow
        (evidence(0.8, 0.6, 0.95, 5), 5, "decodable"),  # flat
        (evidence(0.8, 0.6, 0.95, 5, n=3), 4, "going_on"),  # neither yet
        (evidence(0.8, 0.6, 0.95, 5, n=3), 8, "decodable"),  # the plan's end
        (evidence(0.5, 0.4, 0.6, -1), 4, "nothing_decodable"),
        (evidence(0.5, 0.4, 0.6, -1), 3, "going_on"),  # less than half of the plan
        (evidence(0.55, 0.4, 0.7, -1), 5, "going_on"),  # something worthwhile is not excluded
        (evidence(0.55, 0.4, 0.7, 0.2), 8, "nothing_decodable"),
        (evidence(0.6, 0.5, 0.7, 0.8), 8, "out_of_trials"),
        (evidence(0.5, 0.1, 0.9, -1, trials=10), 8, "out_of_trials"),
    ],
)
def test_verdicts(told: Evidence, done: int, verdict: str) -> None:
    found, words = decide(CalibrationRules(), told, done, 8)
    assert found == verdict and words.endswith((".", "!"))


def test_with_earlier_sessions_it_is_enough_sooner() -> None:
    told = evidence(0.8, 0.7, 0.9, 5, n=2, trials=80)
    assert decide(CalibrationRules(), told, 2, 8)[0] == "going_on"
    found, words = decide(CalibrationRules(), told, 2, 8, former=True)
    assert found == "decodable" and "earlier sessions carry it" in words
    assert decide(CalibrationRules(), evidence(0.7, 0.6, 0.8, 5, n=2), 2, 8, former=True)[0] == "going_on"
    assert decide(CalibrationRules(), evidence(0.8, 0.7, 0.9, 0.5, n=2), 2, 8, former=True)[0] == "going_on"


def test_eyes_are_named_where_they_do_as_well() -> None:
    rules, whole = CalibrationRules(), evidence(0.8, 0.7, 0.9, 5)
    assert ocular_words(rules, whole, evidence(0.79, 0.7, 0.9, 5))[1]
    assert not ocular_words(rules, whole, evidence(0.6, 0.55, 0.7, 5))[1]
    assert "hardly explain" in ocular_words(rules, whole, evidence(0.5, 0.4, 0.6, -1))[0]
    assert [EARS[k] for k in eyes(EARS)] == ["AF7", "AF8"]
    assert eyes(("Oz", "O1")) == () == eyes(("Fp1", "Fp2"))
    assert eyes(("Fz", "C3", "Pz")) == (0,) and eyes(("F3", "Fp1", "HEOG", "FC1")) == (1, 2)


def test_blocks_are_known_by_number_and_found_again() -> None:
    labels = list("abcddbacbadccdabdcbaacbd")
    order = Order(labels, [k // 8 for k in range(24)])
    assert [order.place(0, k, labels[k]) for k in (0, 6, 7, 8)] == [(0, False), (0, False), (0, True), (1, False)]
    assert order.share(1) == pytest.approx(1 / 8)
    # three markers are lost: the numbers go on, the labels do not fit any more
    places = [order.place(0, k, labels[k + 3]) for k in range(9, 21)]
    assert places[-1] == (2, True) and places[2][0] == 1
    # the second block is interrupted after five stimuli, and shown again from its beginning
    aborted = Order(labels, [k // 8 for k in range(24)])
    for k in range(13):
        aborted.place(0, k, labels[k])
    found = [(aborted.place(0, 13 + k, labels[8 + k]), aborted.again) for k in range(16)]
    assert [again for _, again in found if again] == [(0, 13)]
    assert [place for place, _ in found][-1] == (2, True)
    # acquisition begins again: numbers from 0
    again = Order(labels, [k // 8 for k in range(24)])
    for k in range(10):
        again.place(0, k, labels[k])
    assert [again.place(1, k, labels[10 + k])[0] for k in range(14)][-1] == 2


def test_the_map_finds_what_was_put_in() -> None:
    rng = np.random.default_rng(3)
    windows = rng.standard_normal((120, 3, 40)).astype(np.float32)
    labels, number = rng.integers(0, 2, 120), np.repeat(np.arange(4), 30)
    windows[labels == 1, 2, 20:25] += 1.0
    windows += 50 * number[:, None, None]  # blocks differ as much as they like
    given = {"channels": ("a", "b", "c"), "categories": NAMES, "start_s": -0.1, "rate_hz": 100.0, "seed": 0}
    found = carriers(windows, labels, number, **given)  # type: ignore[arg-type]
    assert found is not None and found.unit == "|t|"
    values = np.array(found.values)
    assert divmod(int(values.argmax()), values.shape[1]) == (2, 4) and found.times_s[4] == pytest.approx(0.125)
    assert values.max() > found.chance > np.sort(values.ravel())[-2]
    assert sum(found.trials.values()) == 120
    assert carriers(windows, np.zeros(120, int), number, **given) is None  # type: ignore[arg-type]


def test_a_session_with_something_in_it_ends_with_a_bundle(gallery: Gallery, tmp_path: Path) -> None:
    calibration = made(gallery)
    given = sessions(12.0, seed=5)
    for block in given:
        calibration.take(block)
        if calibration.progress.verdict != "going_on":
            break
    told = calibration.progress
    assert told.verdict == "decodable" and told.simulated
    assert told.whole.blocks[0].block == 1  # the first has no decoder that did not see it
    assert told.whole.auc is not None and told.whole.auc > 0.8
    assert len(told.whole.path) == told.whole.trials == sum(block.trials for block in told.whole.blocks)
    assert told.whole.path[-1] == pytest.approx(told.whole.log10_e, abs=1e-3) and told.whole.log10_e > 1.31
    assert told.ocular is not None and told.ocular.channels == ("AF7", "AF8")
    assert [one.repeats for one in told.repeats][:3] == [1, 2, 4]
    spec = calibration.finish(tmp_path / "bundle")
    told = calibration.progress
    assert told.cross_validated_auc is not None and told.cross_validated_auc > 0.8
    assert spec.simulated and spec.calibration and spec.scores
    fresh = sessions(12.0, seed=5)[-1]
    vectors = load_encoder(tmp_path / "bundle", "cpu").encode(fresh.windows)
    right = gallery.cosines(vectors).argmax(axis=1) == [NAMES.index(label) for label in fresh.labels]
    assert right.mean() > 0.7
    write_progress(tmp_path / "calibration.json", told)
    assert read_progress(tmp_path / "calibration.json") == told
    (tmp_path / "calibration.json").write_text('{"format": "other"}')
    with pytest.raises(BundleError, match=r"calibration\.json"):
        read_progress(tmp_path / "calibration.json")


def test_noise_ends_in_nothing() -> None:
    """Few sessions, seeded; 200 are in docs/calibration.md. By chance one in twenty at most may pass the line."""
    said: list[str] = []
    given = noise.parser().parse_args(["--sessions", "6", "--blocks", "6", "--trials", "24"])
    ended = noise.run(given, said.append)
    assert [one.verdict for one in ended] == ["nothing_decodable"] * 6
    assert "0 ended as decodable" in said[-1]


def test_former_windows_are_learned_from(gallery: Gallery, tmp_path: Path) -> None:
    plan, known = noise.plan_of_preset(), {n: n for n in NAMES}
    first, second = sessions(12.0, seed=5)[:2]
    blocks.save(tmp_path / "kept", first, plan, 128.0, "monday")
    again = blocks.load(tmp_path / "kept")[0]
    assert again.labels == first.labels and np.array_equal(again.windows, first.windows)
    former = read(tmp_path / "kept", plan, Task(known))
    calibration = Calibration(plan, Task(known), gallery, former=(former,))
    assert calibration.progress.former is not None and calibration.progress.former.sessions == ("kept",)
    calibration.take(second)
    assert calibration.progress.former_trials == len(first)
    assert calibration.progress.whole.blocks[0].trials == len(second)  # scored at once


def test_small_blocks_join_and_strange_ones_are_survived(gallery: Gallery) -> None:
    whole = sessions(0.0, seed=1)[0]
    small = [
        blocks.Block(k, whole.windows[k * 4 : k * 4 + 4], whole.labels[k * 4 : k * 4 + 4], whole.onsets_s[:4])
        for k in range(5)
    ]
    assert [len(block) for block in merged(small)] == [8, 8, 4] or sum(map(len, merged(small))) == 20
    assert all(len(block) >= 8 for block in merged(small)[:-1])
    calibration = made(gallery)
    calibration.take(blocks.Block(0, whole.windows[:0], (), (), {"peak_to_peak": 3}))
    faces = [k for k, label in enumerate(whole.labels) if label == "face"]
    calibration.take(blocks.Block(1, whole.windows[faces], tuple("face" for _ in faces)))
    calibration.take(blocks.Block(2, np.zeros((6, 4, 90), np.float32), (*NAMES,) * 3))
    calibration.take(whole)
    told = calibration.progress
    assert told.rejected["peak_to_peak"] >= 3 and told.verdict == "going_on"
    calibration.interrupt()
    assert calibration.progress.verdict == "out_of_trials" and "Stopped after" in calibration.progress.words


def shown(mode: str = "single", categories: tuple[str, ...] = NAMES) -> Plan:
    stimuli = tuple(Stimulus(id=f"{c}/1", category=c, drawing=Drawing(), truth=c) for c in categories)
    trials = tuple(Trial(stimulus=s.id, on_s=0.2, blank_s=0.8) for s in stimuli)
    return Plan(mode=mode, stimuli=stimuli, parts=(Shown(trials=trials), Shown(trials=trials)))


def test_plans(gallery: Gallery) -> None:
    task = Task.of(shown())
    assert task.blocks == 2 and task.truth == {"face/1": "face", "house/1": "house"}
    with pytest.raises(SettingsError, match="two or more"):
        Task.of(shown(categories=("face",)))
    with pytest.raises(SettingsError, match="oddball"):
        Task.of(shown("oddball"))
    with pytest.raises(BundleError, match="no item 'cat'"):
        Calibration(noise.plan_of_preset(), Task({"cat": "cat", "face": "face"}), gallery)


def test_rules_and_states_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="alpha"):
        CalibrationRules(alpha=0.9)
    with pytest.raises(ValueError, match="chance"):
        Progress(categories=NAMES, blocks_planned=1, chance=2, threshold_log10_e=1, whole=Evidence(channels=()))
