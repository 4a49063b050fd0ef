"""What every refusal must be: one of our errors, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config.errors import EegseekError

LONGEST = 1500


@contextmanager
def refused(kind: type[EegseekError] = EegseekError, match: str | None = None) -> Iterator[None]:
    """Within it an error of ours comes up: a sentence of one line, without a wish for memory behind it."""
    with pytest.raises(kind, match=match) as caught:
        yield
    text = str(caught.value)
    assert text and "\n" not in text and len(text) < LONGEST, text
    behind: BaseException | None = caught.value
    while behind is not None:
        assert not isinstance(behind, MemoryError)
        behind = behind.__cause__ or behind.__context__
