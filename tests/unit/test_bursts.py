"""When the burst with a sample comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquisition.bursts import Bursts


def test_a_lone_chunk_says_how_large_a_burst_is() -> None:
    bursts = Bursts(250.0)
    assert bursts.size == 1
    bursts.add(12, 10.0, 10.03)
    assert bursts.size == 12
    assert bursts.arrival(10.0 + 1 / 250) == pytest.approx(10.03 + 12 / 250)
    assert bursts.arrival(10.0 + 12 / 250) == pytest.approx(10.03 + 12 / 250)
    assert bursts.arrival(10.0 + 13 / 250) == pytest.approx(10.03 + 24 / 250)
    assert bursts.arrival(10.0) == pytest.approx(10.03)


def test_a_torn_burst_makes_it_count_on_the_sample_itself() -> None:
    bursts = Bursts(1000.0)
    for count in (20, 24, 3):
        bursts.add(count, 5.0, 5.001)
    assert bursts.size == 1
    assert bursts.arrival(5.010) == pytest.approx(5.011)


@given(st.integers(1, 20), st.lists(st.integers(1, 8), min_size=1, max_size=20), st.integers(1, 300))
def test_whole_bursts_are_foretold(size: int, bunches: list[int], ahead: int) -> None:
    rate_hz, end, bursts = 500.0, 0, Bursts(500.0)

    def arrived(sample: int) -> float:
        return (sample // size + 1) * size / rate_hz + 0.002

    for bunch in bunches:
        end += bunch * size
        bursts.add(bunch * size, (end - 1) / rate_hz, arrived(end - 1))
    told = bursts.arrival((end - 1 + ahead) / rate_hz)
    # several bursts taken at once can look like one
    assert told >= arrived(end - 1 + ahead) - 1e-9
    if bursts.size == size:
        assert told == pytest.approx(arrived(end - 1 + ahead))
