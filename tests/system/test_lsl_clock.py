"""Clock offsets against a real outlet of this machine, whose clock is ours: about 0 on every connection."""

from __future__ import annotations

import time
import uuid

import pytest

from wire import lsl_scope
from wire.clock import now

lsl_scope.restrict()

import pylsl  # noqa: E402  (liblsl reads its configuration once, before anything else)

from acquisition.sources import lsl_clock  # noqa: E402
from acquisition.sources.lsl_clock import ClockOffset  # noqa: E402

pytestmark = pytest.mark.timeout(60)
SAME_CLOCK_S = 0.01


def test_a_renewed_connection_measures_the_same_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one is given back once the new one has measured."""
    monkeypatch.setattr(lsl_clock, "RENEW_S", 0.5)
    name = f"eegseek-{uuid.uuid4().hex[:12]}"
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo(name, "EEG", 1, 100.0, pylsl.cf_float32, name))
    (info,) = pylsl.resolve_byprop("name", name, timeout=10.0)
    clock = ClockOffset(info)
    assert abs(clock.wait(now(), 10.0)) < SAME_CLOCK_S
    first, until = clock._used, now() + 20.0
    while clock._used is first:
        assert now() < until, "never renewed"
        time.sleep(0.05)
        offset_s = clock.ask(now())
        assert offset_s is not None and abs(offset_s) < SAME_CLOCK_S
    assert clock._next is None
    clock.close()
    del outlet
