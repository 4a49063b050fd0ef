"""The live view: its pages, its keys and its dialogs, driven as people drive it, without a terminal."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from display_fakes import TRUTH, answer, filled, result, status
from msgspec.structs import replace
from rich.color import Color
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import Input

from config.settings import Settings
from display.dashboard.recordings import Recording
from display.dashboard.view import View
from display.panels import STYLE_OF, beside
from display.report import report
from display.state import State
from display.terminal import Terminal
from display.tui import keys, themes
from display.tui.app import LiveView
from display.tui.dialogs import Bad, Help, Note, Stop
from display.tui.lines import Lines
from display.tui.session import Asked, folded, recordings, session
from display.tui.timing import ago, changes
from wire.clock import now
from wire.packets import Command, Mark, Preview, Reply

Drive = Callable[[Pilot[None], LiveView, View], Awaitable[None]]


def driven(drive: Drive, state: State | None = None, size: tuple[int, int] = (80, 24)) -> None:
    async def run() -> None:
        view = View(Settings(), Path("sessions/session"), filled() if state is None else state)
        app = LiveView(view, 5)
        async with app.run_test(size=size) as pilot:
            await drive(pilot, app, view)

    asyncio.run(run())


def page(app: LiveView) -> str:
    return app.screen_stack[0].query_one("#page", Lines).text


def last_line(app: LiveView) -> str:
    return app.screen_stack[0].query_one("#keys", Lines).text


def preview(k: int = 0, channels: tuple[str, ...] = ("PO7", "Oz", "PO8"), **more: object) -> Preview:
    """A tenth of a second, 250 Hz, from 100 s on."""
    fields = {"data": np.full((len(channels), 25), 5.0, np.float32), "marks": (), **more}
    return Preview(
        session="s", segment=1, sequence=25 * k, first_s=100 + k / 10, rate_hz=250.0, channels=channels, times=25,
        **fields,
    )  # fmt: skip


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_pages_change_by_their_number_and_fill_the_screen(size: tuple[int, int]) -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        for key, words in (("1", "stimulus 's5'"), ("3", "changes of state"), ("4", "lsl 'fake'"), ("2", "signal")):
            await pilot.press(key)
            assert words in page(app)
            lines = page(app).splitlines()
            assert (len(lines), {len(line) for line in lines}) == (size[1] - 1, {size[0]})
            assert "? help" in last_line(app) and "q leave" in last_line(app)

    driven(drive, size=size)


def test_all_keys_are_bound_to_something_that_is_there_and_told() -> None:
    view = View(Settings(), Path("x"), State(TRUTH))
    app = LiveView(view, 5)
    for key in keys.ALL:
        name = key.action.partition("(")[0]
        assert callable(getattr(app, f"action_{name}")), name
        assert key.help
    pressed = [one for key in keys.ALL for one in key.keys.split(",")]
    assert len(pressed) == len(set(pressed))
    told = "\n".join(line.plain for line in keys.help_lines(70))
    assert all(key.shown in told for key in keys.ALL)


def test_a_redraw_while_the_view_closes_draws_nothing() -> None:
    """Widgets go before the timer does."""

    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        await app.screen_stack[0].query(Lines).remove()
        app._tick()
        await pilot.press("2", "?")

    driven(drive)


def test_new_results_are_drawn_and_old_lines_are_not_drawn_again() -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        shown = app.query_one("#page", Lines)
        await pilot.pause()
        before = dict(shown._strips)
        made = result(40, stimulus="s7", answers=(answer(7), answer(7, repeats=3)), due_s=now())
        view.state.fold(made, now())
        app.draw()
        await pilot.pause()
        assert "stimulus 's7' · truth: item 7" in page(app)
        kept = [y for y, strip in before.items() if shown._strips.get(y) is strip]
        assert len(kept) > 10

    state = filled()
    state.fold(replace(status(), time_s=now()), now())
    driven(drive, state)


def test_a_smaller_and_a_larger_terminal() -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        for size in ((60, 20), (140, 50), (40, 12)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            app.draw()
            lines = page(app).splitlines()
            assert (len(lines), len(lines[0])) == (size[1] - 1, size[0])
            assert "lost 0  doubled 0" in page(app)

    driven(drive)


def test_samples_are_asked_for_while_the_signal_is_shown_and_no_longer() -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        assert view.wanted == frozenset()
        await pilot.press("2")
        assert Preview in view.wanted
        assert "waiting for samples" in page(app)
        for k in range(20):
            marks = (Mark(time_s=100.95, label="cat", stimulus=True),) if k == 10 else ()
            view.heard(preview(k, marks=marks))
        app.draw()
        text = page(app)
        assert "G PO7" in text and "F PO8" in text and "8.0 µV" in text and "0.0 µV" in text
        assert "▼" in text and "cat" in text
        assert any("⠀" < character <= "⣿" for character in text), "no curve"
        await pilot.press("1")
        assert view.wanted == frozenset()

    driven(drive)


def test_many_channels_scroll_and_the_scale_follows_the_keys() -> None:
    names = tuple(f"C{k:02}" for k in range(63))

    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        await pilot.press("2")
        view.heard(preview(channels=names))
        app.draw()
        assert "C00" in page(app) and "C62" not in page(app)
        assert "of 63" in page(app)
        assert "each ±5 µV, 250 Hz" in page(app)
        await pilot.press(*["pagedown"] * 9)
        assert "C62" in page(app) and "C00" not in page(app)
        await pilot.press("minus")
        assert "±10 µV" in page(app)
        await pilot.press("plus", "plus")
        assert "±2 µV" in page(app)
        await pilot.press("0")
        assert "±5 µV" in page(app)

    driven(drive)


async def replied(pilot: Pilot[None], view: View, **reply: object) -> Command:
    """The next command that the app sends, replied to."""
    for _ in range(100):
        for command, order in view.orders():
            order.set_result(Reply(id=command.id, **{"ok": True, **reply}))
            await pilot.pause()
            return command
        await pilot.pause(0.01)
    raise AssertionError("nothing was sent")


def test_pause_and_start_are_sent_and_the_reply_is_shown() -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        await pilot.press("4", "p")
        assert (await replied(pilot, view)).command == "pause"
        await pilot.press("s")
        assert (await replied(pilot, view, ok=False, message="the bundle is not there")).command == "start"
        await pilot.pause()
        app.draw()
        assert "pause: done" in page(app)
        assert "start: the bundle is not there" in page(app)

    driven(drive, size=(100, 30))


def test_a_note_is_written_in_a_box_where_letters_are_letters() -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        await pilot.press("n")
        assert isinstance(app.screen, Note)
        await pilot.press(*"xpq1")
        await pilot.press("enter")
        sent = await replied(pilot, view)
        assert (sent.command, sent.text) == ("note", "xpq1")
        assert app.page == 0 and len(app.screen_stack) == 1
        await pilot.press("n", *"no", "escape")
        await pilot.pause()
        assert list(view.orders()) == []

    driven(drive)


def test_a_bad_stretch_has_seconds_that_are_checked() -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        await pilot.press("b")
        assert isinstance(app.screen, Bad)
        seconds = app.screen.query_one("#seconds", Input)
        for wrong in ("", "0", "5000"):
            seconds.value = wrong
            await pilot.press("enter")
            await pilot.pause()
            assert isinstance(app.screen, Bad), wrong
        assert list(view.orders()) == []
        seconds.value = "2.5"
        await pilot.press("tab", *"cough", "enter")
        sent = await replied(pilot, view)
        assert (sent.command, sent.seconds, sent.text) == ("bad", 2.5, "cough")

    driven(drive)


def test_a_stop_is_asked_for_twice() -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        for back in ("n", "escape"):
            await pilot.press("x")
            assert isinstance(app.screen, Stop)
            await pilot.press(back)
            assert len(app.screen_stack) == 1
        assert list(view.orders()) == []
        await pilot.press("x", "y")
        assert (await replied(pilot, view)).command == "stop"

    driven(drive)


def test_nobody_answers_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("display.dashboard.view.ANSWER_S", 0.01)

    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        await pilot.press("4", "p")
        for _ in range(100):
            await pilot.pause(0.01)
            app.draw()
            if "is it still running?" in page(app):
                return
        raise AssertionError(page(app))

    driven(drive, size=(120, 30))


def test_the_help_opens_over_any_page_and_q_leaves() -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        await pilot.press("question_mark")
        assert isinstance(app.screen, Help)
        await pilot.press("escape")
        assert len(app.screen_stack) == 1
        await pilot.press("q")
        await pilot.pause()
        assert app._exit

    driven(drive)


def test_dark_and_light() -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        shown = app.query_one("#page", Lines)
        dark = shown.render_line(0)
        await pilot.press("d")
        await pilot.pause()
        assert app.theme == themes.LIGHT
        light = shown.render_line(0)
        assert (dark.text, list(dark)) != (light.text, list(light))
        await pilot.press("d")
        assert app.theme == themes.DARK

    driven(drive)
    assert themes.begin_with("0;15") == themes.LIGHT
    assert {themes.begin_with(words) for words in ("15;0", "", "nonsense", "0;default")} == {themes.DARK}


@pytest.mark.parametrize("theme", [themes.ON_DARK, themes.ON_LIGHT])
def test_every_colour_of_words_can_be_read(theme: TerminalTheme) -> None:
    names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]
    for style in {*STYLE_OF.values(), "cyan"} - {"dim"}:
        colour = theme.ansi_colors[names.index(style)]
        assert themes.contrast(colour, theme.background_color) >= 4.5, style
    assert themes.contrast(theme.foreground_color, theme.background_color) >= 7
    assert themes.contrast(theme.ansi_colors[0], theme.ansi_colors[3]) >= 4.5, "the banner"


def test_the_style_of_a_left_column_ends_there_and_a_line_of_one_style_keeps_it() -> None:
    line = beside([Text("left", "bold red")], [Text("right")], 20, 1)[0]
    assert "bold" not in str(line.get_style_at_offset(Console(), 15))
    assert line.get_style_at_offset(Console(), 1).bold

    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        strip = app.query_one("#page", Lines).render_line(2)
        assert "SIMULATED PARTICIPANT" in strip.text
        style = next(iter(strip)).style
        assert style is not None and style.bgcolor == Color.from_triplet(themes.ON_DARK.ansi_colors[3])

    driven(drive, filled(simulated=True))


def test_the_page_session_says_where_things_are(tmp_path: Path) -> None:
    (tmp_path / "dashboard.url").write_text("http://127.0.0.1:8600/\n")
    asked = [Asked(100.0, "pause", "paused"), Asked(110.0, "note x", "no", ok=False), Asked(114.0, "start")]
    lines = [line.plain for line in session(filled(), Settings(), tmp_path, asked, 115.0, 100, 40)]
    text = "\n".join(lines)
    assert (len(lines), {len(line) for line in lines}) == (40, {100})
    assert "dashboard  http://127.0.0.1:8600/" in text
    assert "fingerprint enc" in text and "fingerprint gal" in text
    assert text.index("start: …") < text.index("note x: no") < text.index("pause: paused")
    assert "not told here" in text, "the session heard is another than the one in the settings"
    here = Settings(session={"name": "test"})
    assert str(tmp_path) in "\n".join(line.plain for line in session(filled(), here, tmp_path, (), 115.0, 300, 40))


def test_the_page_session_lists_recordings_with_what_plays_them_again(tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "segment-0000.esj").write_bytes(bytes(100))

    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        view.settings = Settings(session={"folder": str(tmp_path)})
        await pilot.press("4")
        async with asyncio.timeout(30):
            while "recordings, 2" not in page(app):
                await asyncio.sleep(0.01)
        assert page(app).count("eegseek replay") == 2
        await pilot.press("down")
        assert "1 later ones above" in page(app) and page(app).count("eegseek replay") == 1

    driven(drive, size=(120, 40))


def test_a_long_command_is_folded_so_that_a_shell_joins_it_again() -> None:
    command = "eegseek replay '/data/my sessions/monday/segment-0000.esj' --encoder bundles/me --gallery galleries/two"
    for width in (30, 50, 80, 200):
        lines = folded(command, width)
        assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(command)
        assert all(len(line) <= max(width, 56) for line in lines)
    few = [Recording(str(k), "today", Path(f"{k}.esj")) for k in range(3)]
    lines = [line.plain for line in recordings(few, 80, 4, 0)]
    assert len(lines) <= 4 and "eegseek replay 0.esj" in lines[2]
    assert recordings(few, 80, 2, 0) == [] and recordings([], 80, 20, 0) == []


def test_changes_of_state_newest_first() -> None:
    state = filled()
    lines = [line.plain for line in changes(state, 115.5, 80, 4, 0)]
    assert "changes of state, 2" in lines[0]
    assert [line.split("  ")[-1] for line in lines[1:]] == [
        "worker-1: connected",
        "acquisition: connected: streams found",
    ]
    assert [ago(s) for s in (-1, 12.4, 180, 7200)] == ["0 s ago", "12 s ago", "3 min ago", "2.0 h ago"]


def test_the_summary_is_left_behind() -> None:
    lines: list[str] = []
    state = filled()
    terminal = Terminal(Settings(), state, lines.append)
    terminal.close(state, report(state, 115.0))
    assert any(line.startswith("windows: due 14") for line in lines)


def test_markup_in_words_of_others_is_text() -> None:
    async def drive(pilot: Pilot[None], app: LiveView, view: View) -> None:
        await pilot.press("4", "n", *"[red", "enter")
        await replied(pilot, view, message="[bold]done[/]")
        app.draw()
        assert "note [red: [bold]done[/]" in page(app)
        view.state.fold(result(40, stimulus="[red]x[/]", due_s=200.0), 200.0)
        await pilot.press("1")
        assert "[red]x[/]" in page(app)

    driven(drive, size=(100, 30))
