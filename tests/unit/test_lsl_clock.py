"""Clock offsets: asked without waiting, and measured on connections that are renewed before liblsl's leak adds up."""

from __future__ import annotations

import pytest
from pylsl.util import TimeoutError as LslTimeout

from acquisition.sources import lsl_clock
from acquisition.sources.lsl_clock import RENEW_S, ClockOffset

made: list[Connection] = []


class Connection:
    """Stands for ``pylsl.StreamInlet``: answers once it is told what."""

    def __init__(self, info: object, max_buflen: int, recover: bool) -> None:
        assert not recover
        self.offset_s: float | None = None
        made.append(self)

    def time_correction(self, timeout_s: float) -> float:
        """As liblsl has it."""
        if self.offset_s is None:
            raise LslTimeout
        return self.offset_s


@pytest.fixture(autouse=True)
def _connections(monkeypatch: pytest.MonkeyPatch) -> None:
    made.clear()
    monkeypatch.setattr(lsl_clock.pylsl, "StreamInlet", Connection)


def test_it_is_unknown_until_measured_unless_one_is_given() -> None:
    """A stream that was found again on this machine keeps its former offset meanwhile."""
    assert ClockOffset(object()).ask(0.0) is None
    assert ClockOffset(object(), 0.25).ask(0.0) == 0.25


def test_it_follows_what_liblsl_measures() -> None:
    """On one connection, as long as that is young."""
    clock = ClockOffset(object())
    clock.ask(0.0)
    for now, offset_s in ((1.0, 0.5), (2.0, 0.75), (RENEW_S - 1.0, 0.625)):
        made[0].offset_s = offset_s
        assert clock.ask(now) == clock.offset_s == offset_s
    assert len(made) == 1


def test_an_old_connection_serves_until_a_new_one_has_measured() -> None:
    """No moment without an offset that is kept up to date."""
    clock = ClockOffset(object())
    clock.ask(0.0)
    made[0].offset_s = 0.5
    assert clock.ask(RENEW_S) == 0.5
    old, new = made
    old.offset_s = 0.75
    assert clock.ask(RENEW_S + 1.0) == 0.75
    new.offset_s = 0.875
    assert clock.ask(RENEW_S + 2.0) == 0.875
    old.offset_s = 0.0
    assert clock.ask(RENEW_S + 3.0) == 0.875
    assert len(made) == 2
    clock.ask(2 * RENEW_S + 2.0)
    assert len(made) == 3


def test_a_sender_that_does_not_answer_leaves_the_last_offset() -> None:
    """And is not asked on ever more connections."""
    clock = ClockOffset(object())
    clock.ask(0.0)
    made[0].offset_s = 0.5
    clock.ask(1.0)
    made[0].offset_s = None
    assert [clock.ask(float(now)) for now in range(2, 5000, 100)] == [0.5] * 50
    assert len(made) == 2


def test_waiting_says_what_did_not_come() -> None:
    """The caller makes a sentence of it."""
    with pytest.raises(LslTimeout):
        ClockOffset(object()).wait(0.0, 5.0)
