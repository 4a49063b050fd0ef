"""A recording played from the page Session while the session that it is of goes on, in a real Chromium."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import run_data
from browser import browser, fits, free_port, page, shoot, until

from display.dashboard.replay import PREFIX

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.timeout(400)


def players(of: int) -> list[psutil.Process]:
    """Processes of replays that a process began, the process that holds them first."""
    found = []
    for process in psutil.Process(of).children(recursive=True):
        try:
            if PREFIX in " ".join(process.cmdline()) or "replay" in process.cmdline():
                found.append(process)
        except psutil.Error:  # it has just ended
            continue
    return found


def test_a_recording_is_played_beside_the_session_and_ends_with_it(tmp_path: Path) -> None:
    run_data.bundles(tmp_path)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets, browser() as chrome:
        table = run_data.settings(Path(), Path("sessions"), Path(sockets) / "run")
        table["source"] = {"kind": "participant", **run_data.SOURCE, "repeats": 5000}
        (tmp_path / "c.json").write_text(json.dumps({**table, "dashboard": {"port": port}}))
        process = run_data.eegseek("run", "-c", "c.json", "--headless", "--dashboard", cwd=tmp_path)
        try:
            with page(chrome) as shown:
                until(lambda: _listens(port))
                shown.goto(f"http://127.0.0.1:{port}/")
                shown.wait_for_selector(".live .found")
                shown.goto(f"http://127.0.0.1:{port}/session")
                _played_and_stopped(shown, process.pid, tmp_path)
                _told_what_is_wrong(shown, tmp_path)
                shown.get_by_role("combobox", name="how fast").click()
                shown.get_by_role("option", name="20×").click()
                shown.get_by_role("button", name="Play here again").click()
                until(lambda: players(process.pid))
                alive = players(process.pid)
                assert run_data.child(process, "display.dashboard") is not None
                process.terminate()
                code, errors = run_data.end(process)
                assert code == 0, errors
                until(lambda: not any(one.is_running() for one in alive))
        finally:
            if process.poll() is None:
                process.terminate()
                run_data.end(process)


def _played_and_stopped(shown: Page, of: int, folder: Path) -> None:
    said = shown.locator(".replaying [role=status]")
    shown.get_by_role("button", name="Play here again").click()
    until(lambda: "is starting" in said.inner_text())
    assert not shown.get_by_role("button", name="Play here again").is_enabled()  # one at a time
    link = shown.get_by_role("link", name="Open its dashboard")
    link.wait_for()
    with shown.context.expect_page() as opened:
        link.click()
    other = opened.value
    other.wait_for_selector(".live .found")
    assert f"{PREFIX}here" in other.locator(".session").inner_text()
    key = other.locator(".live").get_attribute("data-key")
    until(lambda: other.locator(".live").get_attribute("data-key") != key)  # it goes on
    shoot(other, "dashboard-replay-its-own", folder)
    other.goto(other.url + "session")
    other.get_by_text("None yet.").wait_for()  # nothing is recorded of it, and nothing in it can be played
    other.close()
    until(lambda: "answered" in said.inner_text())
    assert fits(shown)
    shoot(shown, "dashboard-replay", folder, part="section[aria-label=Recordings]")
    alive = players(of)
    assert {one.nice() for one in alive} == {10}
    shown.get_by_role("button", name="Stop the replay").click()
    until(lambda: "was stopped" in said.inner_text())
    until(lambda: not any(one.is_running() for one in alive))
    assert "lost" not in shown.locator(".state").inner_text()  # the session itself


def _told_what_is_wrong(shown: Page, folder: Path) -> None:
    torn = folder / "sessions" / "torn"
    torn.mkdir()
    (torn / "segment-0000.esj").write_bytes(b"no journal at all, though long enough for a head")
    shown.get_by_role("button", name="Look again").click()
    shown.get_by_role("button", name="Play torn again").click()
    said = shown.locator(".replaying [role=status]")
    until(lambda: "failed" in said.inner_text())
    assert "Traceback" not in said.inner_text()
    assert os.linesep not in said.inner_text()


def _listens(port: int) -> bool:
    from urllib.request import urlopen

    try:
        with urlopen(f"http://127.0.0.1:{port}/favicon.ico", timeout=10):
            return True
    except OSError:
        return False
