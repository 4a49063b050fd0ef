"""What pooling adds: known gains, over subjects that have both scores; and the column of the table."""

from __future__ import annotations

import pytest

from training.comparison import compare_tables, compare_transfer
from training.comparison.compare_tables import Line
from training.protocols.schema import Metric

OWN = (0.2, 0.4, 0.5, 0.3, 0.6)
POOLED = (0.4, 0.5, 0.7, 0.5, 0.9)


def line(subject: int, top1: float | None, pooled: int, way: int = 10, error: str = "") -> Line:
    score = None if top1 is None else Metric(value=top1, chance=1 / way)
    over = None if top1 is None else Metric(value=(top1 - 1 / way) / (1 - 1 / way), chance=0.0)
    return Line(
        "nice", "infonce", f"s{subject}", way, (1, 4), score, score, over, pooled=pooled, error=error, seconds=1.0
    )


def both() -> list[Line]:
    own = [line(k, top1, 0) for k, top1 in enumerate(OWN)]
    return own + [line(k, top1, 5) for k, top1 in enumerate(POOLED)]


def test_gain_and_errors_removed() -> None:
    (found,) = compare_transfer.effects(both())
    assert found.subjects == 5 and found.repeats == 4 and found.left_out == 0
    assert (found.before, found.after) == pytest.approx((0.3 / 0.9, 0.5 / 0.9))
    assert found.gain.value == pytest.approx(0.2 / 0.9) and found.gain.p == 2**-5
    # 3.0 of 5 answers were wrong, 2.0 still are
    assert found.errors_removed.value == pytest.approx(1 / 3)
    assert found.gain.low is not None and 0.1 / 0.9 <= found.gain.low < found.gain.value
    assert found.gain.unit == "subjects"


def test_equal_scores_gain_nothing() -> None:
    same = [line(k, 1.0, pooled) for k in range(4) for pooled in (0, 4)]
    (found,) = compare_transfer.effects(same)
    assert found.gain.value == 0 and found.gain.p == 1 and found.errors_removed.value == 0


def test_gains_are_comparable_between_numbers_of_classes() -> None:
    few = [line(0, 0.5 + 0.5 * 0.2, 0, way=2), line(0, 0.5 + 0.5 * 0.6, 1, way=2)]
    many = [line(0, 0.01 + 0.99 * 0.2, 0, way=100), line(0, 0.01 + 0.99 * 0.6, 1, way=100)]
    first, second = (compare_transfer.effects(one)[0] for one in (few, many))
    assert first.gain.value == pytest.approx(0.4) == pytest.approx(second.gain.value)
    assert first.errors_removed.value == pytest.approx(second.errors_removed.value)


def test_subjects_without_both_scores_are_left_out() -> None:
    lines = [*both(), line(5, 0.2, 0), line(5, None, 5, error="too little")]
    (found,) = compare_transfer.effects(lines)
    assert found.subjects == 5 and found.left_out == 1
    assert "| 5 (1 failed) |" in compare_transfer.markdown([found])
    assert compare_transfer.effects(lines[:5]) == []
    (record,) = compare_transfer.records([found])
    assert record["left_out"] == 1 and record["gain_value"] == found.gain.value and record["gain_p"] == 2**-5


def test_the_table_shows_how_far_over_chance() -> None:
    text = compare_tables.markdown([line(0, 0.55, 0)])
    head, _, row = text.splitlines()
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert float(cells["over chance"]) == 0.5
    (record,) = compare_tables.records([line(0, 0.55, 5)])
    assert record["over_chance_value"] == pytest.approx(0.5) and record["pooled"] == 5
    assert "s0, from all 5" in compare_tables.markdown([line(0, 0.55, 5)])
