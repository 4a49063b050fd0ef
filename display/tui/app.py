"""The live view of a terminal: what the display's thread folds, drawn five times a second where it has changed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches

from config.errors import EegseekError
from display.dashboard import recordings
from display.dashboard.recordings import Recording
from display.dashboard.scoring import scored
from display.dashboard.view import View
from display.panels import Scores
from display.tui import keys, themes
from display.tui.dialogs import Bad, Dialog, Help, Note, Stop
from display.tui.lines import Lines
from display.tui.live import live
from display.tui.session import Asked, session
from display.tui.signal import signal as signal_page
from display.tui.sweep import Sweep
from display.tui.timing import timing
from wire.clock import now
from wire.packets import Command, Preview

REDRAW_S = 0.2
SCORE_EVERY_S, SCORE_MOST_S = 2.0, 10.0
SCORE_SHARE = 0.005
"""Of the time at most for scores: the longer a session, the more they cost, and the less they change."""
MIN_WIDTH, MIN_HEIGHT = 40, 12
ASKED = 50
LIVE, SIGNAL, TIMING, SESSION = range(4)


class LiveView(App[None]):
    """Four pages, keys, and dialogs.

    Parameters
    ----------
    view
        What the display knows, and the way to ask the session for something.
    top_k
        Hits shown of each answer.
    opened
        Called once the screen is taken.
    more
        For textual's `App`.
    """

    CSS = """
    #page { height: 1fr; }
    #keys { height: 1; background: $panel; }
    Dialog { align: center middle; }
    .box { width: 72; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; border: round $primary;
           background: $surface; }
    .tall { height: 100%; }
    .keys { color: $text-muted; }
    Input { border: none; height: 1; padding: 0; background: $panel; margin: 0 0 1 0; }
    Input:focus { border: none; background: $panel; text-style: underline; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key.keys, key.action, key.words, show=False) for key in keys.ALL),
        Binding("ctrl+c,ctrl+q", "leave", "leave", show=False, priority=True),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, view: View, top_k: int, opened: Callable[[], None] | None = None, **more: Any):
        super().__init__(**more)
        self.view = view
        self.top_k = top_k
        self.opened = opened
        self.page = LIVE
        self.asked: deque[Asked] = deque(maxlen=ASKED)
        self.recorded: Sequence[Recording] = ()
        self._sweep = Sweep()
        self._forget = _nothing
        self._above = 0
        self._zoom = 0
        self._scores: Scores | None = None
        self._score_s = 0.0
        self._scored_of = -1
        self._tasks: set[asyncio.Task[None]] = set()

    def compose(self) -> ComposeResult:
        """The page, and the line of keys (textual asks)."""
        yield Lines(id="page")
        yield Lines(id="keys")

    def on_mount(self) -> None:
        """Begin to draw."""
        self.ansi_theme_dark, self.ansi_theme_light = themes.ON_DARK, themes.ON_LIGHT
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = themes.begin_with(os.environ.get("COLORFGBG", ""))
        self.view.loop = asyncio.get_running_loop()
        self.set_interval(REDRAW_S, self._tick)
        self.draw()
        if self.opened is not None:
            self.opened()

    def on_resize(self, event: events.Resize) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.draw)

    def _tick(self) -> None:
        if not self.is_headless and hasattr(signal, "SIGWINCH"):
            # a process of another session, as children of `eegseek run` are, is not told of a new size
            size = shutil.get_terminal_size()
            if (size.columns, size.lines) != (self.size.width, self.size.height):
                signal.raise_signal(signal.SIGWINCH)
        self.draw()

    def draw(self) -> None:
        """Show the page as things stand."""
        with contextlib.suppress(LookupError, NoMatches):  # while it opens or closes there is no screen, or no page
            page, line = self.screen_stack[0].query_one("#page", Lines), self.screen_stack[0].query_one("#keys", Lines)
            width, height = max(self.size.width, MIN_WIDTH), max(self.size.height - 1, MIN_HEIGHT - 1)
            page.show(self._page(width, height))
            line.show([keys.last_line(self.page, width)])

    def _page(self, width: int, height: int) -> list[Text]:
        view, at_s = self.view, now()
        shown = self._score(at_s)
        with view.lock:
            if self.page == SIGNAL:
                return signal_page(view.state, self._sweep, at_s, width, height, self._above, self._zoom)
            if self.page == SESSION:
                seen = (self.recorded, self._above)
                return session(view.state, view.settings, view.folder, self.asked, at_s, width, height, *seen)
            if self.page == TIMING:
                history = [took for _, took in view.history]
                return timing(view.state, shown, history, at_s, width, height, self._above)
            return live(view.state, shown, at_s, width, height, self.top_k)

    def _score(self, at_s: float) -> Scores:
        """Scores that are some seconds old, or of all results so far: they cost more than all that is drawn."""
        results = self.view.state.results
        seen = self.page in (LIVE, TIMING)
        if self._scores is None or (seen and at_s >= self._score_s and results != self._scored_of):
            began_s = time.thread_time()
            self._scores, self._scored_of = scored(self.view), results
            took_s = time.thread_time() - began_s
            self._score_s = at_s + min(max(took_s / SCORE_SHARE, SCORE_EVERY_S), SCORE_MOST_S)
        return self._scores

    def action_page(self, number: int) -> None:
        """Change to a page; samples are asked for while Signal is shown."""
        if number == self.page:
            return
        self.page, self._above = number, 0
        self._forget()
        self._forget = _nothing
        if number == SIGNAL:
            self._sweep = Sweep()
            self._forget = self.view.listen(Preview, self._samples)
        if number == SESSION:
            self._start(self._list())
        self.draw()

    async def _list(self) -> None:
        """Look what is recorded: in a thread, as it reads the disk."""
        self.recorded = await asyncio.to_thread(recordings.listed, self.view.settings)
        self.draw()

    def _samples(self, preview: Preview) -> None:
        with self.view.lock:
            self._sweep.add(preview)

    def action_move(self, lines: int) -> None:
        """See what is further down, or up."""
        most = len(self.view.state.turns.kept)
        if self.page in (SIGNAL, SESSION):
            most = len(self._sweep.channels) if self.page == SIGNAL else len(self.recorded)
        self._above = min(max(self._above + lines, 0), max(most - 1, 0))
        self.draw()

    def action_zoom(self, step: int) -> None:
        """Curves larger or smaller; 0 fits."""
        self._zoom = min(max(self._zoom + step, -9), 9) if step else 0
        self.draw()

    def action_colours(self) -> None:
        """Dark or light."""
        self.theme = themes.LIGHT if self.theme == themes.DARK else themes.DARK

    def action_order(self, command: Literal["start", "pause"]) -> None:
        """Ask the session to start or to pause."""
        self._order(Command(id=self.view.command_id(), command=command))

    def action_note(self) -> None:
        """Ask for words."""
        self._dialog(Note(self.view.command_id))

    def action_bad(self) -> None:
        """Ask which stretch is bad."""
        self._dialog(Bad(self.view.command_id))

    def action_stop(self) -> None:
        """Ask whether to stop."""
        self._dialog(Stop(self.view.command_id))

    def action_help(self) -> None:
        """Show all keys."""
        self._dialog(Help(self.view.command_id))

    def action_redraw(self) -> None:
        """Draw all of it, also what another program has written over."""
        self.refresh(layout=True)

    def action_leave(self) -> None:
        """Leave this view."""
        self.exit()

    def _dialog(self, dialog: Dialog) -> None:
        self.push_screen(dialog, lambda command: self._order(command) if command is not None else None)

    def _order(self, command: Command) -> None:
        what = " ".join(filter(None, (command.command, f"{command.seconds:g} s" * bool(command.seconds), command.text)))
        self.asked.append(Asked(now(), what))
        self._start(self._send(command, self.asked[-1]))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, command: Command, asked: Asked) -> None:
        try:
            reply = await self.view.send(command)
            said = replace(asked, reply=reply.message or ("done" if reply.ok else "refused"), ok=reply.ok)
        except EegseekError as error:
            said = replace(asked, reply=str(error), ok=False)
        if asked in self.asked:
            self.asked[self.asked.index(asked)] = said
        if self.page != SESSION:  # there it is in the list
            self.notify(f"{said.what}: {said.reply}", severity="information" if said.ok else "error", markup=False)
        self.draw()


def _nothing() -> None:
    """Nothing is listened to."""
