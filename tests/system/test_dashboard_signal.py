"""The signal and evoked pages in a real Chromium, against a publisher of previews and taps with real sockets."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import PHONE, browser, fits, page, shoot, until
from delivery_running import free_ports
from head_fakes import Head

from wire.clock import now
from wire.packets import Mark

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
CHANNELS = ("Fp1", "Fp2", "C3", "Cz", "C4", "Pz", "O1", "O2")
TALLEST = """
([colour, name]) => {
  const s = document.querySelector('.signal')?.signal;
  if (!s || !s.colour || !s.layout || s.newest === null) return -1;
  const lane = s.high / s.layout.channels.length;
  const probe = document.createElement('canvas').getContext('2d');
  probe.fillStyle = s.colour[colour]; probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  const [y, high] = name ? [s.top + s.layout.channels.indexOf(name) * lane - lane, 3 * lane] : [s.top, s.high];
  const d = s.canvas.getContext('2d').getImageData(s.left, y, s.wide, high);
  let most = 0;
  for (let x = 0; x < d.width; x++) {
    let tall = 0;
    for (let k = 0; k < d.height; k++) {
      const at = 4 * (k * d.width + x);
      if (d.data[at + 3] > 128 && Math.abs(d.data[at] - r) + Math.abs(d.data[at + 1] - g)
          + Math.abs(d.data[at + 2] - b) < 90) tall++;
    }
    most = Math.max(most, tall / lane);
  }
  return most;
}
"""
"""Greatest height of anything of a colour in a column of pixels, in lanes, about a channel or anywhere."""
KEPT = """() => {
  const s = document.querySelector('.signal')?.signal;
  return s?.numbers ? s.numbers.filter((n) => n >= 0).length : 0;
}"""


@contextmanager
def dashboard(folder: Path) -> Iterator[str]:
    """A dashboard of the run in a folder; its address."""
    port = free_ports().rpartition(":")[2]
    settings = [f"run.folder={folder}", f"dashboard.port={port}", f"session.folder={folder}/sessions"]
    with (folder / "dashboard.log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "display.dashboard", "--set", *settings, "session.name=test"],
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            until(lambda: process.poll() is not None or "dashboard: http" in _read(folder))
            assert process.poll() is None, _read(folder)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            code = process.wait(30)
    assert code == 0, _read(folder)


def _read(folder: Path) -> str:
    return (folder / "dashboard.log").read_text()


@pytest.fixture(scope="module")
def seen() -> Iterator[tuple[Head, str]]:
    """A head whose channel O1 is flat, and a dashboard's address."""
    with tempfile.TemporaryDirectory(prefix="seen-") as place:
        folder = Path(place)
        head = Head(folder, CHANNELS, noise_uv=0.0)
        head.flat.add("O1")
        try:
            with dashboard(folder) as address:
                yield head.begin(), address
        finally:
            head.close()


def opened(made: Page, address: str) -> None:
    made.goto(address, wait_until="domcontentloaded")


def tallest(made: Page, colour: str, name: str = "") -> float:
    return float(made.evaluate(TALLEST, [colour, name]))


@pytest.mark.timeout(400)
def test_a_spike_a_marker_and_a_flat_channel_are_seen(seen: tuple[Head, str], tmp_path: Path) -> None:
    head, address = seen
    with browser() as chromium, page(chromium) as made:
        opened(made, f"{address}/signal")
        until(lambda: tallest(made, "even", "Cz") > 0)
        assert tallest(made, "even", "Cz") < 0.2  # level, but there
        assert tallest(made, "stimulus") < 1
        head.spike = ("Cz", 300.0)
        head.marked.append(Mark(time_s=now(), label="face/17", stimulus=True))
        until(lambda: tallest(made, "even", "Cz") > 0.8)
        until(lambda: tallest(made, "stimulus") > len(CHANNELS) / 2)  # from top to bottom but for what lies over it
        flat = made.locator('.head [data-channel="O1"]')
        until(lambda: flat.get_attribute("data-state") == "flat")
        assert flat.locator(".badge").text_content() == "F"
        assert made.locator('.head [data-channel="O2"]').get_attribute("data-state") == "good"
        made.get_by_text("7 of 8 channels are good; O1 flat.").wait_for()
        made.locator('[data-band="alpha"]').wait_for()
        before = made.evaluate("document.querySelector('.signal').signal.count.frames")
        until(lambda: made.evaluate("document.querySelector('.signal').signal.count.frames") >= before + 10)
        head.noisy.add("C3")
        until(lambda: made.locator('.head [data-channel="C3"]').get_attribute("data-state") == "noisy")
        assert b"preview" in head.wanted
        head.noisy.clear()
        shoot(made, "signal", tmp_path)
        with page(chromium, size=PHONE, dark=True) as late:  # it sees at once what was before it came
            kept = made.evaluate(KEPT)
            opened(late, f"{address}/signal")
            until(lambda: late.evaluate(KEPT) >= min(kept, 900))
            until(lambda: fits(late))
            shoot(late, "signal-phone", tmp_path, whole=True)


@pytest.mark.timeout(400)
def test_trials_are_counted_by_category_from_when_the_dashboard_joined(seen: tuple[Head, str], tmp_path: Path) -> None:
    head, address = seen
    until(lambda: b"tap" in head.wanted)
    head.stimuli += ["face/1", "house/1", "face/2"]  # nobody has the page open
    until(lambda: head.tapped == 3)
    with browser() as chromium, page(chromium) as made:
        opened(made, f"{address}/evoked")
        made.get_by_text("3 trials since").wait_for()
        made.get_by_text("when this dashboard joined").wait_for()
        made.get_by_text("face: 2, house: 1", exact=True).wait_for()
        head.stimuli += [f"{name}/{k}" for k in range(20) for name in ("face", "house")]
        made.get_by_text("43 trials since").wait_for()
        canvas = made.locator(".evoked canvas")
        until(lambda: "face: 22 trials, house: 21 trials" in (canvas.get_attribute("aria-label") or ""))
        mean = made.evaluate(
            """() => { const d = document.querySelector('.evoked').evoked.data; const k = d.channels.indexOf('O2');
            return k < 0 ? null : Array.from(d.categories[0].meanOf.slice(k * d.times, (k + 1) * d.times)) }"""
        )
        peak = 0 if mean is None else min(range(len(mean)), key=lambda t: mean[t])
        assert abs(peak / 250 - 0.17) < 0.03  # the response that the publisher gave to faces
        maps = made.evaluate("document.querySelector('.evoked').evoked.data.maps.titles")
        assert maps == ["100 ms", "170 ms", "250 ms", "350 ms", "500 ms"]
        times = made.get_by_label("maps at, ms after the onset")
        times.fill("170, what")
        made.get_by_text("are not times in ms by commas").wait_for()
        times.fill("170, 250")
        until(lambda: len(made.evaluate("document.querySelector('.evoked').evoked.data.maps.titles")) == 2)
        shoot(made, "evoked", tmp_path, whole=True)
        with page(chromium, size=PHONE, dark=True) as other:
            opened(other, f"{address}/evoked")
            other.get_by_text("43 trials since").wait_for()
            until(lambda: fits(other))
            shoot(other, "evoked-phone", tmp_path, whole=True)
        made.get_by_role("button", name="Count from now").click()
        made.get_by_text("0 trials since").wait_for()
        head.stimuli.append("face/9")
        made.get_by_text("1 trial since").wait_for()
    until(lambda: b"preview" not in head.wanted)  # nobody has looked at the signal since the test before
