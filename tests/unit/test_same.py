"""Two answers to one window: equal to the last bit, or as equal as another machine can make them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from delivery_fakes import answer, window
from msgspec.structs import replace

from inference.same import cosine, unlike
from wire.packets import Answer, Hit, Result

RNG = np.random.default_rng(0)


def hits(*cosines: float, names: str = "abc") -> tuple[Hit, ...]:
    return tuple(
        Hit(id=name, label=name, modality="image", cosine=value, probability=0.3)
        for name, value in zip(names, cosines, strict=True)
    )


VECTORS = RNG.standard_normal((2, 64)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
STORED = replace(
    answer(window(3), "e"), data=VECTORS, dim=64, answers=(Answer(hits=hits(0.5, 0.4, 0.3), repeats=1),) * 2
)


def answered(*answers: tuple[Hit, ...], **fields: Any) -> Result:
    made = tuple(Answer(hits=one, repeats=1, **fields) for one in answers)
    return replace(STORED, answers=made)


def moved(by: float, version: int = 1) -> Result:
    data = VECTORS.copy()
    data[version, 5] += np.float32(by)
    return replace(STORED, data=data)


@pytest.mark.parametrize("exact", [True, False])
def test_the_same(exact: bool) -> None:
    again = replace(STORED, data=VECTORS.copy(), worker="another", commit=9)
    assert unlike(STORED, again, exact=exact) is None
    assert cosine(STORED, again) == pytest.approx(1.0, abs=1e-12)


def test_one_bit_is_found_where_it_is() -> None:
    data = VECTORS.copy()
    data.view(np.uint32)[1, 5] ^= 1
    other = replace(STORED, data=data)
    found = unlike(STORED, other, exact=True)
    assert found is not None
    assert found.what == "embedding, version 1"
    assert "place 5" in found.stored and "1 of 64 values differ" in found.found
    assert unlike(STORED, other, exact=False) is None


def test_a_sign_of_zero_is_a_difference_only_to_the_last_bit() -> None:
    data = VECTORS.copy()
    data[0, 0] = 0.0
    zero = replace(STORED, data=data)
    minus = data.copy()
    minus[0, 0] = -0.0
    assert unlike(zero, replace(STORED, data=minus), exact=True) is not None
    assert unlike(zero, replace(STORED, data=minus), exact=False) is None


def test_cosines_below_the_limit() -> None:
    near, far = moved(1e-3), moved(2e-2)
    assert unlike(STORED, near, exact=False) is None
    found = unlike(STORED, far, exact=False)
    assert found is not None and found.what == "embedding, version 1"
    assert cosine(STORED, far) < 0.99999


@pytest.mark.parametrize("exact", [True, False])
def test_another_item(exact: bool) -> None:
    other = answered(hits(0.5, 0.4, 0.3), hits(0.5, 0.4, 0.31, names="abd"))
    found = unlike(STORED, other, exact=exact)
    assert found is not None
    assert (found.what, found.stored, found.found) == ("top 3, version 1", "'c' at rank 3", "'d'")
    shorter = answered(hits(0.5, 0.4, 0.3), hits(0.5, 0.4, names="ab"))
    assert unlike(STORED, shorter, exact=exact) is not None


def test_ties_may_change_places_but_not_to_the_last_bit() -> None:
    stored = answered(hits(0.5, 0.4, 0.399995), hits(0.5, 0.4, 0.3))
    tied = answered(hits(0.5, 0.4, 0.399996, names="acb"), hits(0.5, 0.4, 0.3))
    assert unlike(stored, tied, exact=False) is None
    assert unlike(stored, tied, exact=True) is not None
    apart = answered(hits(0.5, 0.4, 0.3999, names="acb"), hits(0.5, 0.4, 0.3))
    assert unlike(stored, apart, exact=False) is not None


def test_a_tie_at_the_end_may_bring_another_item_in() -> None:
    stored = answered(hits(0.5, 0.300001, 0.3), hits(0.5, 0.4, 0.3))
    other = answered(hits(0.5, 0.300001, 0.3, names="abd"), hits(0.5, 0.4, 0.3))
    assert unlike(stored, other, exact=False) is None
    clear = answered(hits(0.5, 0.4, 0.3, names="adb"), hits(0.5, 0.4, 0.3))
    assert unlike(STORED, clear, exact=False) is not None


def test_scores_and_facts_to_the_last_bit() -> None:
    probability = answered(hits(0.5, 0.4, 0.3), tuple(replace(h, probability=0.31) for h in hits(0.5, 0.4, 0.3)))
    found = unlike(STORED, probability, exact=True)
    assert found is not None and found.what == "probability at rank 1, version 1"
    assert unlike(STORED, probability, exact=False) is None
    withheld = answered(hits(0.5, 0.4, 0.3), hits(0.5, 0.4, 0.3), withheld=True)
    found = unlike(STORED, withheld, exact=True)
    assert found is not None and found.what == "withheld, version 0"
    for name, value in (("stimulus", "x"), ("onset_s", 3.5), ("flags", ("unusual",)), ("end_s", 0.2)):
        found = unlike(STORED, replace(STORED, **{name: value}), exact=True)
        assert found is not None and found.what == name
