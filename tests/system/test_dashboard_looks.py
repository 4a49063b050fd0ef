"""Every page of the dashboard as people see and reach it: two sizes, light and dark, by keyboard, in Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import DESK, PHONE, browser, fits, free_port, page, shoot, until
from display_fakes import answer, result
from head_fakes import Head
from page_checks import faint, out_of_reach

from config.guide import Choice, Guide, GuideAnswer, Light, take_answer, write_guide
from display.dashboard.pages import pages
from wire.clock import now

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
CHANNELS = ("Fp1", "Fp2", "C3", "Cz", "C4", "Pz", "O1", "O2")
GUIDE = Guide(
    session="test",
    step="fit",
    title="Fit the headset",
    words=(
        "Wet the skin behind the ears and on the forehead a little; push hair away; the band sits low on the forehead.",
        "Wait until every channel is green, then go on.",
    ),
    said=("the stream was found: 4 channels at 256 Hz", "TP9: no contact; press it against the skin, or wet it"),
    lights=(
        Light(channel="TP9", letter="R", words="no contact: press it against the skin, or wet it"),
        Light(channel="AF7", letter="Y", words="noisy: 61 µV; sit still, and wait a moment"),
        Light(channel="AF8", letter="G", words="good"),
        Light(channel="TP10", letter="?", words="not known yet"),
    ),
    question=3,
    choices=(
        Choice(name="go", key="g", words="go on with the contact as it is", default=True),
        Choice(name="again", key="a", words="look at the contact once more"),
        Choice(name="quit", key="q", words="end the session here; nothing is lost"),
    ),
    progress="block 2 of 10: 24 trials, stake 1.8 of the 20 that are wanted; nothing can be said yet",
    headset="muse",
    can_do="Muse 2 or S over Bluetooth: tells a few categories of pictures apart, and whether you attend, over many "
    "repeats; it has no electrode over visual cortex, so it does not tell single images apart.",
    simulated=True,
    outcomes={"find": "done"},
)


@dataclass(frozen=True)
class Seen:
    """Where a dashboard is, and the folder of its session."""

    address: str
    session: Path


@contextmanager
def dashboard(folder: Path) -> Iterator[str]:
    """A dashboard of the run in a folder; its address."""
    port = free_port()
    settings = [f"run.folder={folder}", f"dashboard.port={port}", f"session.folder={folder}/sessions"]
    with (folder / "dashboard.log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "display.dashboard", "--set", *settings, "session.name=test"],
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        said = folder / "dashboard.log"
        try:
            until(lambda: process.poll() is not None or "dashboard: http" in said.read_text())
            assert process.poll() is None, said.read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            code = process.wait(30)
    assert code == 0, said.read_text()


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """A dashboard that has something on every page."""
    with tempfile.TemporaryDirectory(prefix="seen-") as place:
        folder = Path(place)
        session = folder / "sessions" / "test"
        session.mkdir(parents=True)
        write_guide(session, GUIDE)
        (session / "segment-0000.esj").write_bytes(bytes(100))
        head = Head(folder, CHANNELS)
        head.flat.add("O1")
        head.noisy.add("Fp2")
        try:
            with dashboard(folder) as found:
                head.begin()
                until(lambda: b"tap" in head.wanted)
                head.stimuli += [f"{name}/{k}" for k in range(12) for name in ("face", "house")]
                for k in range(8):
                    head.commit(result(k, due_s=now() - 0.03, answers=(answer(k), answer(k + 1, repeats=2))))
                yield Seen(found, session)
        finally:
            head.close()


READY = {
    "/": ".live .found",
    "/signal": ".signal canvas",
    "/evoked": ".card:has(.evoked canvas):has-text('can be read')",  # the journal is none, and that is told
    "/timing": "tr.total",
    "/session": ".recording",
    "/guide": "[aria-current=step]",
}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_page_fits_can_be_read_and_is_reached_by_keys(seen: Seen, tmp_path: Path, size: tuple[int, int]) -> None:
    wrong: list[str] = []
    kind = "phone" if size == PHONE else "desk"
    with browser() as chromium, page(chromium, size=size) as shown:
        for one in pages():
            shown.goto(seen.address + one.PATH)
            shown.wait_for_selector(READY[one.PATH])
            until(lambda: "SIMULATED" in shown.locator("header").inner_text())
            wrong += [] if fits(shown) else [f"{one.TITLE}: wider than the window"]
            wrong += [f"{one.TITLE}: {words}" for words in out_of_reach(shown)]
            for theme in ("light", "dark"):
                until(lambda: shown.evaluate("document.getAnimations().every((one) => one.playState !== 'running')"))
                shown.evaluate("window.scrollTo(0, 0)")
                shoot(shown, f"looks-{one.TITLE.lower()}-{kind}-{theme}", tmp_path, whole=True)
                wrong += [f"{one.TITLE}, {theme}: {words}" for words in faint(shown)]
                before = is_dark(shown)
                shown.get_by_role("button", name="Light / dark").click()
                until(lambda before=before: is_dark(shown) != before)
    assert not wrong, "\n".join(wrong)


def is_dark(shown: Page) -> bool:
    return bool(shown.evaluate("document.body.classList.contains('body--dark')"))


def test_the_guide_on_a_phone_keeps_the_focus_while_it_moves_and_takes_an_answer(seen: Seen, tmp_path: Path) -> None:
    with browser() as chromium, page(chromium, size=PHONE) as shown:
        shown.goto(f"{seen.address}/guide")
        again = shown.get_by_role("button", name="Look at the contact once more")
        again.focus()
        better = Light(channel="TP9", letter="G", words="good, 12 µV")
        write_guide(seen.session, GUIDE.model_copy(update={"lights": (better, *GUIDE.lights[1:])}))
        shown.get_by_text("good, 12 µV").wait_for()
        assert again.evaluate("button => document.activeElement === button")
        assert again.evaluate("button => button.getBoundingClientRect().height") >= 44  # for a finger
        shown.keyboard.press("Enter")
        shown.get_by_text("Answered; one moment …").wait_for()
        until(lambda: take_answer(seen.session) == GuideAnswer(question=3, choice="again"))
        over = {"step": "report", "ended": True, "question": 0, "choices": ()}
        write_guide(seen.session, GUIDE.model_copy(update=over))
        shown.get_by_text("The session has ended.").wait_for()
        assert fits(shown)
        shoot(shown, "guide-phone", tmp_path, whole=True)
        write_guide(seen.session, GUIDE)
