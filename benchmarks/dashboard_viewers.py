"""Real browsers for the dashboard's benchmark: headless Chromium, one context a viewer, measured in the page itself."""

from __future__ import annotations

import shutil
from types import TracebackType
from typing import TYPE_CHECKING, Any

import psutil

from config.errors import ProcessError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

LIMIT_MS = 60_000
SIZE = (1280, 720)
NAMES = ("chromium", "chromium-browser", "google-chrome")
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime || 0"
THERE = {
    "/": "() => document.body.innerText.includes('ms') && document.querySelector('[aria-label=\"What was shown\"]')"
    " ? performance.now() : 0",
    "/signal": "() => document.querySelector('.signal')?.signal?.count.frames > 0 ? performance.now() : 0",
    "/evoked": "() => document.querySelector('.evoked')?.evoked?.data ? performance.now() : 0",
}
"""When what the page is for is on the screen, ms since it was asked for; 0: not yet."""
COUNT = "() => ({...document.querySelector('.signal').signal.count, now: performance.now()})"
LAGS = "() => window.eegseek ? window.eegseek.lags.map((one) => one.painted - one.committed) : []"


class Viewers:
    """Viewers of a dashboard; a context manager that closes them all.

    Parameters
    ----------
    address
        Of the dashboard, without a slash at the end.
    """

    def __init__(self, address: str):
        self.address = address
        self.pages: dict[str, Page] = {}
        self._play: Playwright | None = None
        self._browser: Browser | None = None
        self._driver: list[psutil.Process] = []

    def __enter__(self) -> Viewers:
        """Start the browser.

        Raises
        ------
        ProcessError
            Playwright or Chromium is missing.
        """
        try:
            from playwright.sync_api import sync_playwright
        except ImportError as error:
            raise ProcessError("playwright is not installed; pip install playwright") from error
        path = next(filter(None, map(shutil.which, NAMES)), None)
        if path is None:
            raise ProcessError("Chromium is not installed (Debian: apt-get install chromium); it is what is measured")
        before = set(psutil.Process().children())
        self._play = sync_playwright().start()
        self._driver = [child for child in psutil.Process().children() if child not in before]
        try:
            self._browser = self._play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except BaseException:
            self._play.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the browser."""
        if self._browser is not None:
            self._browser.close()
        if self._play is not None:
            self._play.stop()

    @property
    def version(self) -> str:
        """Of the browser."""
        return "" if self._browser is None else f"Chromium {self._browser.version}"

    def open(self, name: str, path: str) -> dict[str, float]:
        """One more viewer, with nothing in its cache.

        Returns
        -------
        dict
            ``first_paint_s``, and ``content_s``: when what the page is for is on the screen; both since it was asked
            for.

        Raises
        ------
        ProcessError
            The page does not show what it is for.
        """
        from playwright.sync_api import Error

        if self._browser is None:
            raise ProcessError("the browser is not open")
        context = self._browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
        page = context.new_page()
        page.set_default_timeout(LIMIT_MS)
        try:
            page.goto(self.address + path)
            there = page.wait_for_function(THERE[path]).json_value()
            painted = page.wait_for_function(PAINTED).json_value()
        except Error as error:
            raise ProcessError(f"the dashboard's page {path} did not open: {error.message.splitlines()[0]}") from error
        self.pages[name] = page
        return {"first_paint_s": round(painted / 1e3, 3), "content_s": round(there / 1e3, 3)}

    def ask(self, name: str, script: str) -> Any:
        """What a script says in a viewer's page."""
        return self.pages[name].evaluate(script)

    def close(self) -> None:
        """All viewers leave; the browser stays."""
        for page in self.pages.values():
            page.context.close()
        self.pages.clear()

    def cpu_s(self) -> float:
        """Processor seconds of the browser so far; of its processes that have ended nothing is known."""
        total = 0.0
        for driver in self._driver:
            for process in (driver, *driver.children(recursive=True)):
                try:
                    times = process.cpu_times()
                except psutil.Error:
                    continue
                total += float(times.user + times.system)
        return total
