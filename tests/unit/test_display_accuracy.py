"""Accuracy, chance and intervals."""

from __future__ import annotations

import numpy as np
import pytest
from display_fakes import answer

from display.accuracy import AVERAGE, MOST_REPEATS, SINGLE, Accuracy, Counts, Trial, chance, score


def test_shares_of_first_and_first_five() -> None:
    ranks = [0, 0, 1, 4, 5, None, 9, 0, 3, None]
    found = score([Trial(f"s{k}", 1, rank) for k, rank in enumerate(ranks)])
    assert found is not None
    assert (found.top1, found.top5, found.n, found.stimuli) == (0.3, 0.6, 10, 10)


def test_the_interval_covers_the_share_and_narrows_with_stimuli() -> None:
    generator = np.random.default_rng(0)
    widths = []
    for n in (20, 500):
        trials = [Trial(f"s{k}", 1, 0 if generator.random() < 0.3 else None) for k in range(n)]
        found = score(trials)
        assert found is not None
        assert found.top1_interval is not None
        low, high = found.top1_interval
        assert low <= found.top1 <= high
        widths.append(high - low)
    # of a binomial share of 0.3: 2 × 1.96 × sqrt(0.3 × 0.7 / n)
    assert widths[1] == pytest.approx(2 * 1.96 * np.sqrt(0.21 / 500), rel=0.2)
    assert widths[0] > 3 * widths[1]


def test_stimuli_are_resampled_and_not_trials() -> None:
    # ten stimuli, each always right or always wrong: a hundred repeats add nothing to what ten stimuli say
    few = [Trial(f"s{k}", 1, 0 if k < 5 else None) for k in range(10)]
    many = [trial for trial in few for _ in range(100)]
    assert score(many) is not None
    assert score(many).top1_interval == score(few).top1_interval


def test_the_same_answers_give_the_same_interval() -> None:
    trials = [Trial(f"s{k}", 1, k % 3) for k in range(30)]
    assert score(trials) == score(trials)


def test_no_interval_of_too_few_stimuli_and_no_score_of_none() -> None:
    found = score([Trial(f"s{k % 2}", 1, 0) for k in range(100)])
    assert found is not None
    assert found.top1_interval is None
    assert score([]) is None


def test_chance() -> None:
    assert chance(200, 1) == 0.005
    assert chance(200, 5) == 0.025
    assert chance(2, 5) == 1.0
    assert chance(None, 1) is None


def test_by_version_and_repeats() -> None:
    counted = Accuracy()
    for repeats in (1, 2, 3):
        for k in range(6):
            # the average of three is always right, the others never
            averaged = answer(k if repeats == 3 else k + 50, repeats=repeats)
            counted.add(f"s{k}", (answer(k - 2), averaged), str(k))
    assert len(counted.counts[SINGLE]) == len(counted.counts[AVERAGE]) == 18
    curve = counted.by_repeats()
    assert {repeats: value.top1 for repeats, value in curve.items()} == {1: 0.0, 2: 0.0, 3: 1.0}
    assert curve[3].n == 6
    assert counted.latest().top1 == 1.0
    assert counted.latest().n == 6
    single = counted.single()
    assert (single.top1, single.top5, single.n) == (0.0, 1.0, 18)


def test_without_averages_the_single_trial_is_the_answer() -> None:
    counted = Accuracy()
    for k in range(6):
        counted.add(f"s{k}", (answer(k),), str(k))
    assert counted.latest().top1 == 1.0
    assert list(counted.by_repeats()) == [1]


def test_a_withheld_answer_is_counted_apart() -> None:
    counted = Accuracy()
    counted.add("s0", (answer(0), answer(0, repeats=2, withheld=True)), "0")
    assert counted.n == 1
    assert counted.withheld == {AVERAGE: 1}


def test_short_answers_lower_the_depth() -> None:
    counted = Accuracy()
    counted.add("s0", (answer(0, depth=2),), "0")
    assert counted.depth == 2


def test_counts_are_those_of_the_answers_themselves() -> None:
    """Whatever the order, the repeats, and more answers to a stimulus than a byte holds."""
    generator = np.random.default_rng(1)
    trials = [
        Trial(f"s{generator.integers(7)}", int(generator.integers(1, 4)), int(generator.integers(9)) or None)
        for _ in range(9000)
    ]
    counts = Counts()
    for one in trials:
        counts.add(one)
    right = [one.rank is not None and one.rank < 5 for one in trials]
    found = counts.score(0)
    assert found is not None
    assert (found.n, found.stimuli, found.top1) == (len(counts), 7, 0.0) == (9000, 7, 0.0)
    assert found.top5 == pytest.approx(np.mean(right))
    for repeats, value in counts.by_repeats(0).items():
        group = [so for one, so in zip(trials, right, strict=True) if one.repeats == repeats]
        assert (value.n, value.top5) == (len(group), pytest.approx(np.mean(group)))
    last = {one.stimulus: so for one, so in zip(trials, right, strict=True)}
    assert counts.latest(0).top5 == pytest.approx(np.mean(list(last.values())))


def test_hours_of_a_session_need_hardly_more_memory_than_minutes() -> None:
    """20 pictures, averaged over ever more trials: what is kept ends with the repeats that are told apart."""
    counts, held = Counts(), []
    for repeats in range(1, 4 * MOST_REPEATS):
        for k in range(20):
            counts.add(Trial(f"s{k}", repeats, 0))
        held.append(sum(level.nbytes for level in counts._levels.values()))
    assert held[-1] < 1.2 * held[MOST_REPEATS] < 20 * MOST_REPEATS * 4
    assert list(counts.by_repeats(0)) == list(range(1, MOST_REPEATS + 1))
    assert len(counts) == 20 * (4 * MOST_REPEATS - 1)


def test_a_copy_stays_as_it_was() -> None:
    """Scores are computed in another thread while answers arrive."""
    counted = Accuracy()
    counted.add("s0", (answer(0), answer(0, repeats=2)), "0")
    copy = counted.copy()
    counted.add("s1", (answer(9), answer(9, repeats=300, withheld=True)), "1")
    counted.add("s0", (answer(9), answer(9, repeats=3)), "0")
    assert (copy.n, copy.latest(0).top1, copy.withheld, copy.single(0).n) == (2, 1.0, {}, 1)
    assert (counted.n, counted.latest(0).top1, counted.single(0).n) == (5, 0.0, 3)
