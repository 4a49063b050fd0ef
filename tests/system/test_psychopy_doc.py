"""The script of docs/psychopy.md: all but what needs PsychoPy runs, and our reader takes its markers."""

from __future__ import annotations

import socket
import threading
import time
import types
import uuid
from pathlib import Path

import pylsl
import pytest
from docs_pages import ROOT, fences

from acquisition.sources.lsl_markers import MarkerStream
from acquisition.sources.lsl_resolve import Query, find
from acquisition.sources.stamps import ForeignClocks
from acquisition.types import Event
from config.settings import MarkerSettings
from wire import lsl_scope

lsl_scope.restrict()
pytestmark = pytest.mark.timeout(120)
LIMIT_S = 60.0


@pytest.fixture
def script() -> types.ModuleType:
    (code,) = [f.text for f in fences((ROOT / "docs" / "psychopy.md").read_text("utf-8")) if f.language == "python"]
    module = types.ModuleType("shown_with_psychopy")
    exec(compile(code, "docs/psychopy.md", "exec"), module.__dict__)
    return module


def test_markers_of_the_script_arrive_in_order_on_their_stamps(script: types.ModuleType, tmp_path: Path) -> None:
    name = f"Markers-{uuid.uuid4().hex[:8]}"
    order = script.make_order({"cat": ["cat/1.jpg", "cat/2.jpg"], "dog": ["dog/1.jpg"]}, 10, seed=1)
    assert sorted(id.split("/")[0] for id in order) == ["cat"] * 5 + ["dog"] * 5
    assert order == script.make_order({"cat": ["cat/1.jpg", "cat/2.jpg"], "dog": ["dog/1.jpg"]}, 10, seed=1)
    outlet = script.open_outlet(name)
    flips: list[float] = []

    def show(stimulus: str) -> None:
        time.sleep(0.02)  # drawing, and waiting for the screen
        flips.append(pylsl.local_clock())

    def present() -> None:
        script.wait_for_listener(outlet, LIMIT_S)
        script.run(order, outlet, show, lambda: time.sleep(0.03))

    key = ("source.marker_name", "source.marker_type", "source.marker_source_id")
    (info,) = find([Query("marker stream", name, "Markers", "", key)], LIMIT_S)
    markers = MarkerStream(info, ForeignClocks(socket.gethostname(), time.time))
    thread = threading.Thread(target=present, daemon=True)
    events: list[Event] = []
    try:
        markers.open()
        thread.start()
        until = time.monotonic() + LIMIT_S
        while markers.end_raw is None:
            events += markers.read(time.monotonic())
            assert time.monotonic() < until, f"{len(events)} of {len(order)} markers came, and no end"
            time.sleep(0.02)
    finally:
        thread.join(LIMIT_S)
        markers.close()
    assert [event.label for event in events] == order
    for event, flip in zip(events, flips, strict=True):
        assert -0.001 < event.stamp - flip < 1.0  # after its flip, on the same clock
    import re

    assert all(re.fullmatch(MarkerSettings().stimulus, label) for label in order)
