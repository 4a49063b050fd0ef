"""What is asked before something is done: words of a note, a bad stretch, a stop. Escape leaves without doing it."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.validation import Number
from textual.widgets import Input, Label, Static

from display.tui.keys import help_lines
from wire.packets import Command

BAD_S = 5.0
HOUR_S = 3600.0
HELP = 66
"""Cells of the help's lines: the box, without its border, padding and scroll bar."""
Ask = Callable[[], str]
"""Gives a new id for a command."""


class Dialog(ModalScreen[Command | None]):
    """A box over the page; its result is the command to send, or None."""

    BINDINGS = [Binding("escape", "dismiss(None)", "back", show=False)]

    def __init__(self, new_id: Ask):
        super().__init__()
        self.new_id = new_id


class Note(Dialog):
    """Words for the recording."""

    def compose(self) -> ComposeResult:
        """A line to write on (textual asks)."""
        with Vertical(classes="box"):
            yield Label("Note into the recording, at this moment")
            yield Input(placeholder="what happened", max_length=1000, id="words")
            yield Label("Enter writes it, Escape goes back", classes="keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Send what was written."""
        if words := event.value.strip():
            self.dismiss(Command(id=self.new_id(), command="note", text=words))


class Bad(Dialog):
    """A stretch that ends now and is to be marked as bad."""

    def compose(self) -> ComposeResult:
        """How long, and why (textual asks)."""
        with Vertical(classes="box"):
            yield Label("Mark as bad: the last how many seconds?")
            yield Input(f"{BAD_S:g}", type="number", id="seconds", validators=[Number(0.1, HOUR_S)])
            yield Label("Why (may be empty)")
            yield Input(placeholder="moved, coughed, cable", max_length=1000, id="words")
            yield Label("Tab changes the line, Enter marks, Escape goes back", classes="keys", id="told")

    def on_input_submitted(self) -> None:
        """Send it, where the number is one."""
        seconds = self.query_one("#seconds", Input)
        checked = seconds.validate(seconds.value)
        if checked is None or not checked.is_valid or not seconds.value.strip():
            self.query_one("#told", Label).update(f"give seconds from 0.1 to {HOUR_S:g}")
            seconds.focus()
            return
        words = self.query_one("#words", Input).value.strip()
        self.dismiss(Command(id=self.new_id(), command="bad", seconds=float(seconds.value), text=words))


class Stop(Dialog):
    """The end of a session is asked for twice."""

    BINDINGS = [
        Binding("y", "stop", "stop", show=False),
        Binding("n", "dismiss(None)", "back", show=False),
    ]

    def compose(self) -> ComposeResult:
        """The question (textual asks)."""
        with Vertical(classes="box"):
            yield Label("Stop the session for everybody?")
            yield Label("What is outstanding is still answered; the recording is closed and kept.")
            yield Label(Text("y stops, n or Escape goes back"), classes="keys")

    def action_stop(self) -> None:
        """Do it."""
        self.dismiss(Command(id=self.new_id(), command="stop"))


class Help(Dialog):
    """All keys."""

    BINDINGS = [Binding("question_mark,f1,q,enter", "dismiss(None)", "back", show=False)]

    def compose(self) -> ComposeResult:
        """The list; it scrolls where the terminal is low (textual asks)."""
        with VerticalScroll(classes="box tall"):
            yield Label("↑ ↓ scroll, Escape goes back", classes="keys")
            yield Static(Text("\n").join(help_lines(HELP)))
