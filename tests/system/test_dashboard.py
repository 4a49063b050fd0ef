"""The dashboard in a real Chromium: a real run, a publisher driven by the test, and requests that must be refused."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import psutil
import pytest
import run_data
from browser import PHONE, browser, fits, free_port, page, shoot, until
from display_fakes import FakeAcquisition, answer, result, status

from config.bundles import Item
from display.dashboard.pages import pages
from inference.gallery import write_gallery

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
NAMES = ("barn", "boat", "cat", "teapot")


def gallery(folder: Path, names: tuple[str, ...] = NAMES) -> None:
    """A gallery whose items have pictures: plain colours."""
    from PIL import Image

    items = [Item(id=str(k), label=name, picture=f"pictures/{k}.png") for k, name in enumerate(names, 1)]
    write_gallery(folder, items, np.eye(len(names), dtype=np.float32), space="four", model="test")
    (folder / "pictures").mkdir()
    for k, colour in enumerate(("#b03030", "#3060b0", "#309050", "#a0a030")[: len(names)], 1):
        Image.new("RGB", (240, 240), colour).save(folder / f"pictures/{k}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of a simulated participant; the gallery has pictures."""
    folder = tmp_path_factory.mktemp("made")
    run_data.bundles(folder)
    gallery(folder / "pictured")
    return folder


def key(shown: Page) -> str:
    """Which result the Live page shows."""
    return shown.locator(".live").get_attribute("data-key") or ""


def ask(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """A request, its path as it is; ``Host`` is the address unless given."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answered = connection.getresponse()
    found = answered.status, {name.lower(): value for name, value in answered.getheaders()}, answered.read()
    connection.close()
    return found


def listens(port: int) -> bool:
    try:
        ask(port, "/favicon.ico")
    except OSError:
        return False
    return True


def test_a_real_run_is_seen_controlled_and_survives_kills(made: Path, tmp_path: Path) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets, browser() as chrome:
        table = run_data.settings(made, tmp_path / "sessions", Path(sockets) / "run")
        table["inference"]["gallery"] = str(made / "pictured")
        table["source"] = {"kind": "participant", **run_data.SOURCE, "repeats": 5000}
        (tmp_path / "c.json").write_text(json.dumps({**table, "dashboard": {"port": port}}))
        process = run_data.eegseek("run", "-c", "c.json", "--headless", "--dashboard", cwd=tmp_path)
        try:
            until(lambda: listens(port))
            base = f"http://127.0.0.1:{port}"
            with page(chrome) as shown:
                shown.goto(base)
                shown.wait_for_selector(".live .found")
                assert shown.locator(".simulated").inner_text().startswith("SIMULATED")
                first = key(shown)
                until(lambda: key(shown) != first)
                until(lambda: shown.evaluate("document.querySelector('img[data-first]')?.naturalWidth") == 240)
                until(lambda: shown.evaluate("window.eegseek.lags.filter((lag) => lag.pictured).length") >= 3)
                lags = shown.evaluate("window.eegseek.lags.map((lag) => lag.painted - lag.committed)")
                assert all(lag > 0 for lag in lags)
                shown.wait_for_selector(".accuracy .score")
                assert "chance 25 %" in shown.locator(".accuracy").inner_text()
                assert fits(shown)
                shoot(shown, "dashboard-live", tmp_path)
                _every_page(shown, base)
                _killed_worker(shown, base, process)
                shoot(shown, "dashboard-timing", tmp_path)
                _commands(shown, base, tmp_path)
                shoot(shown, "dashboard-session", tmp_path)
                shown.goto(f"{base}/evoked")
                until(lambda: trials(shown) > 0)
                counted = trials(shown)
                shown.goto(base)
                shown.wait_for_selector(".live .found")
                _killed_dashboard(shown, process)
                until(lambda: listens(port))  # a last answer of the killed one may have been painted after its end
                _averages_of_before(shown, base, counted)
                with page(chrome, size=PHONE, dark=True) as phone:  # several viewers
                    phone.goto(base)
                    phone.wait_for_selector(".live .found")
                    before = key(phone)
                    until(lambda: key(phone) != before)
                    assert fits(phone)
                    shoot(phone, "dashboard-live-phone-dark", tmp_path, whole=True)
                shown.goto(f"{base}/session")
                shown.get_by_role("button", name="Stop …").click()
                shown.get_by_role("button", name="Stop it").click()
                shown.wait_for_selector(".why:has-text('the session has ended')")
                code, errors = run_data.end(process)
                assert code == 0, errors
                # the last state stays to be seen where the server has gone with the session
                assert not shown.locator("#popup").is_visible()
        finally:
            if process.poll() is None:
                process.terminate()
                run_data.end(process)


def _every_page(shown: Page, base: str) -> None:
    for one in pages():
        shown.goto(base + one.PATH)
        shown.wait_for_selector("main.content > *")
        assert shown.title() == f"{one.TITLE} · eegseek"
        assert shown.locator(".menu a.here").inner_text() == one.TITLE
        assert fits(shown), one.TITLE


def _killed_worker(shown: Page, base: str, process: subprocess.Popen[str]) -> None:
    shown.goto(f"{base}/timing")
    shown.wait_for_selector("tr.total")
    victim = run_data.child(process, "--name", "worker-1")
    assert victim is not None
    victim.kill()
    changes = shown.locator(".changes")
    changes.locator("li", has_text="worker-1").filter(has_text="lost").first.wait_for()
    changes.locator("li", has_text="worker-1").filter(has_text="recovered").first.wait_for()
    assert "lost 0, doubled 0" in shown.locator(".timing").inner_text()


def _commands(shown: Page, base: str, folder: Path) -> None:
    shown.goto(f"{base}/session")
    state, said = shown.locator(".state"), shown.locator(".said")
    shown.get_by_role("button", name="Pause").click()
    until(lambda: "paused" in state.inner_text())
    shown.get_by_role("button", name="Start").click()
    until(lambda: "connected" in state.inner_text())
    shown.get_by_role("textbox", name="Note").fill("a lorry went by")
    shown.get_by_role("button", name="Write it down").click()
    until(lambda: "noted" in said.inner_text())
    shown.get_by_role("textbox", name="Why").fill("sneezed")
    shown.get_by_role("button", name="Mark it bad").click()
    until(lambda: "bad" in said.inner_text())
    journal = b"".join(path.read_bytes() for path in (folder / "sessions" / "here").glob("segment-*.esj"))
    assert b"a lorry went by" in journal
    assert b"sneezed" in journal
    shown.wait_for_selector(".recording")
    assert "eegseek replay" in shown.locator(".recording").first.inner_text()


def _killed_dashboard(shown: Page, process: subprocess.Popen[str]) -> None:
    """The supervisor starts it again, and the browser finds it."""
    victim = run_data.child(process, "display.dashboard")
    assert victim is not None
    victim.kill()
    before = key(shown)

    def back() -> bool:
        try:
            now = run_data.child(process, "display.dashboard")
        except psutil.Error:  # it was just looked at as it ended
            return False
        loaded = shown.locator(".live").count()
        return now is not None and now.pid != victim.pid and bool(loaded) and key(shown) not in ("", before)

    until(back)


def trials(shown: Page) -> int:
    """How many trials the averages on Evoked are of."""
    return int(shown.get_by_text(re.compile(r"^\d+ trials? ")).inner_text().split()[0])


def _averages_of_before(shown: Page, base: str, counted: int) -> None:
    """A dashboard that joins late has the averages since the session began."""
    shown.goto(f"{base}/evoked")
    shown.get_by_text("since the session began").wait_for()
    assert trials(shown) >= counted
    assert " 0 of them of before" not in shown.get_by_text("since the session began").inner_text()


class Alone:
    """A dashboard by itself, beside a publisher that the test drives."""

    def __init__(self, folder: Path, sockets: Path, *settings: str) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        overrides = [f"run.folder={sockets}", f"session.folder={folder / 'sessions'}", f"dashboard.port={self.port}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "display.dashboard", "--set", *overrides, *settings],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def stop(self) -> tuple[int, str, str]:
        """Ask it to end; exit code, output, errors."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eeg") as folder:
        yield Path(folder)


def test_withheld_provisional_lost_recovered_and_ended(place: Path, tmp_path: Path) -> None:
    acquisition = FakeAcquisition(place)
    acquisition.commit(result(0))  # before anybody looks
    acquisition.greeting = status(due=1, sent=1, answered=1)
    alone = Alone(tmp_path, place)
    try:
        acquisition.until(lambda: bool(acquisition.beats))
        with browser() as chrome, page(chrome) as shown:
            shown.goto(alone.base)

            def sees(words: str, where: str = ".live") -> None:
                acquisition.until(lambda: words in shown.locator(where).inner_text())

            shown.wait_for_selector(".live")
            sees("item 0")
            assert not shown.locator(".simulated").is_visible()
            shown.keyboard.press("Tab")  # by keyboard alone
            assert shown.evaluate("document.activeElement.getAttribute('href')") == "#content"
            shown.keyboard.press("h")
            sees("Go on")
            shown.keyboard.press("h")
            sees("Hold")
            acquisition.publish(status(due=1, sent=1, answered=1))
            acquisition.commit(result(1, due_s=200.0, answers=(answer(55), answer(77, repeats=3, withheld=True))))
            sees("Withheld")
            sees("item 55")  # the single trial is not
            shoot(shown, "dashboard-withheld", tmp_path)
            early = answer(9, repeats=4)
            acquisition.commit(
                result(2, due_s=300.0, answers=(early, early), final=False, part=0, end_s=0.3, commit=3, versions=2)
            )
            sees("provisional, after 0.3 s")
            shoot(shown, "dashboard-provisional", tmp_path)
            acquisition.commit(result(2, due_s=300.0, part=1, commit=4, answers=(answer(111), answer(122, repeats=4))))
            sees("item 122")
            assert "provisional" not in shown.locator(".found").inner_text()
            # a word from a gallery is text and never markup
            evil = "<img src=x onerror=document.title='bad'>"
            hits = msgspec.structs.replace(answer(3).hits[0], label=evil)
            acquisition.commit(
                result(3, due_s=400.0, commit=5, answers=(msgspec.structs.replace(answer(3), hits=(hits,)),))
            )
            sees(evil)
            assert shown.title() == "Live · eegseek"
            acquisition.close()
            until(lambda: "lost" in shown.locator(".state").inner_text())
            assert "acquisition is lost" in shown.locator(".why").inner_text()
            shoot(shown, "dashboard-lost", tmp_path)
            acquisition = FakeAcquisition(place, segment=2)
            acquisition.until(lambda: "lost" not in shown.locator(".state").inner_text())
            shown.goto(f"{alone.base}/timing")
            acquisition.until(lambda: "lost" in shown.locator(".changes").inner_text())
            last = status(2, last=True)
            acquisition.greeting = last
            acquisition.publish(last)
            sees("the session has ended", ".why")
            shown.goto(alone.base)  # the end stays to be seen
            shown.wait_for_selector(".live")
            assert "the session has ended" in shown.locator(".why").inner_text()
        code, out, err = alone.stop()
        assert (code, err) == (0, "")
        assert out == f"dashboard: {alone.base}/\n"
    finally:
        acquisition.close()
        alone.stop()


def test_foreign_names_pages_and_whoever_lacks_the_token_are_refused(place: Path, tmp_path: Path) -> None:
    gallery(tmp_path / "gallery")
    (tmp_path / "secret.png").write_bytes((tmp_path / "gallery/pictures/1.png").read_bytes())
    token = "a-token-of-the-tests-own"
    alone = Alone(tmp_path, place, f"dashboard.token={token}", f"inference.gallery={tmp_path / 'gallery'}")
    port, host = alone.port, f"127.0.0.1:{alone.port}"
    try:
        until(lambda: listens(port))
        assert ask(port, "/")[0] == 401
        assert ask(port, "/?token=wrong")[0] == 401
        opened = ask(port, f"/timing?token={token}")
        assert (opened[0], opened[1]["location"]) == (303, "/timing")
        assert "HttpOnly" in opened[1]["set-cookie"]
        assert "SameSite=Strict" in opened[1]["set-cookie"]
        cookie = opened[1]["set-cookie"].partition(";")[0]
        assert ask(port, "/", Cookie=cookie)[0] == 200
        assert ask(port, "/", Cookie=cookie, Host=f"localhost:{port}")[0] == 200
        assert ask(port, "/", Cookie=cookie, Host="elsewhere.example")[0] == 403
        assert ask(port, "/", Cookie=cookie, Origin="http://elsewhere.example")[0] == 403
        assert ask(port, "/", Cookie=cookie, Origin="null")[0] == 403
        assert ask(port, "/", Cookie=cookie, Origin=f"http://{host}")[0] == 200
        socket = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec_WebSocket_Version": "13",
            "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        assert ask(port, socket, Cookie=cookie, Origin="http://elsewhere.example", **upgrade)[0] == 403
        assert ask(port, socket, Cookie=cookie, **upgrade)[0] == 403  # browsers always tell their origin
        assert ask(port, socket, Origin=f"http://{host}", **upgrade)[0] == 403  # no token
        code, headers, body = ask(port, "/picture?item=1", Cookie=cookie)
        assert (code, headers["content-type"]) == (200, "image/png")
        assert body == (tmp_path / "gallery/pictures/1.png").read_bytes()
        for path in (
            "/picture?item=../secret.png",
            "/picture?item=5",
            "/picture?item=pictures/1.png",
            "/../secret.png",
            "/picture/../../secret.png",
            "/_nicegui/../../../../../../../../etc/passwd",
            "/_nicegui/auto/static/..%2f..%2fsecret.png",
        ):
            code, headers, body = ask(port, path, Cookie=cookie)
            assert code in (400, 403, 404), path
            assert b"root:" not in body
            assert not headers.get("content-type", "").startswith("image/")
        assert "frame-ancestors 'none'" in ask(port, "/", Cookie=cookie)[1]["content-security-policy"]
        with browser() as chrome, page(chrome) as shown:
            shown.goto(f"{alone.base}/?token={token}")
            shown.wait_for_selector(".live")
            assert token not in shown.url
            until(lambda: "waiting" in shown.locator(".state").inner_text())
    finally:
        code, _, err = alone.stop()
    assert (code, err) == (0, "")


def test_a_taken_port_is_one_sentence(place: Path, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = subprocess.run(
            [sys.executable, "-m", "display.dashboard", "--set", f"run.folder={place}", f"dashboard.port={port}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert process.returncode == 1
    assert process.stderr.startswith(f"dashboard: the dashboard cannot listen at 127.0.0.1:{port}: ")
    assert process.stderr.count("\n") == 1
