"""What a display has shown: four bytes a result, and nothing forgotten."""

from __future__ import annotations

import sys

from display.seen import BLOCK, Seen
from wire.packets import Key


def test_every_result_is_remembered_by_all_of_its_key() -> None:
    seen = Seen()
    assert seen.get(Key("s", 0, 0, 0)) is None
    seen.put(Key("s", 0, 0, 0), 1, True)
    seen.put(Key("s", 0, BLOCK, 0), 2, False)
    assert seen.get(Key("s", 0, 0, 0)) == (1, True)
    assert seen.get(Key("s", 0, BLOCK, 0)) == (2, False)
    for other in (Key("t", 0, 0, 0), Key("s", 1, 0, 0), Key("s", 0, 1, 0), Key("s", 0, 0, 1)):
        assert seen.get(other) is None
    seen.put(Key("s", 0, BLOCK, 0), 2, True)
    assert seen.get(Key("s", 0, BLOCK, 0)) == (2, True)


def test_large_numbers_and_two_hours_at_ten_a_second() -> None:
    seen = Seen()
    last = 2**63 - 1
    for sequence, commit in ((last, last), (last, 1), (0, last), (7, 2**30 + 7), (2**30, 1), (2**30 - 1, 1)):
        for published in (True, False):
            seen.put(Key("s", last, sequence, 0), commit, published)
            assert seen.get(Key("s", last, sequence, 0)) == (commit, published)
    for sequence in range(72_000):
        seen.put(Key("s", 0, sequence, 0), sequence + 1, True)
    assert all(seen.get(Key("s", 0, sequence, 0)) == (sequence + 1, True) for sequence in range(0, 72_000, 997))
    size = sys.getsizeof(seen._blocks) + sum(map(sys.getsizeof, seen._blocks.values()))
    assert size < 400_000
