"""A real Chromium for tests, by Playwright. Pages are watched for errors; pictures go where the test run wants them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESK, PHONE = (1280, 720), (390, 844)
LIMIT_MS = 60_000
"""For what a page does: the machine may be busy."""


def chromium() -> str:
    """Path of Chromium; without it the test is skipped, and fails where CI runs it."""
    found = shutil.which("chromium")
    if found is None:
        words = "Chromium is not installed (Debian: apt-get install chromium); the dashboard is tested in it"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window; closed at the end."""
    from playwright.sync_api import sync_playwright

    path = chromium()
    with sync_playwright() as play:
        made = play.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield made
        finally:
            made.close()


@contextmanager
def page(browser: Browser, *, size: tuple[int, int] = DESK, dark: bool = False) -> Iterator[Page]:
    """A page in a context of its own; errors of its scripts fail the test at the end."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
    )
    context.set_default_timeout(LIMIT_MS)
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield made
    finally:
        context.close()
    assert not errors, errors


def free_port() -> int:
    """A port where nothing listens."""
    from delivery_running import free_ports

    return int(free_ports().rpartition(":")[2])


def shoot(page: Page, name: str, folder: Path, *, whole: bool = False, part: str = "") -> Path:
    """A picture of the page: in the folder that EEGSEEK_PICTURES names, else in ``folder``.

    Parameters
    ----------
    whole
        All of the page, and not only what fits the window.
    part
        Selector of what is taken alone; empty: all that is seen.
    """
    place = Path(os.environ.get("EEGSEEK_PICTURES") or folder)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}.png"
    # given a path, Playwright would write in a thread that outlives the test
    path.write_bytes(page.locator(part).screenshot() if part else page.screenshot(full_page=whole))
    return path


def until(condition: Callable[[], object], limit_s: float = 60.0) -> None:
    """Wait until something holds, or fail."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen in time"
        time.sleep(0.05)


def fits(page: Page) -> bool:
    """Whether nothing of the page is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
