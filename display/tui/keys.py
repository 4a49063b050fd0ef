"""The keys of the terminal, one table: what they do, what the last line shows, what the help says. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from display.panels import fit, heading


@dataclass(frozen=True)
class Key:
    """A key.

    Attributes
    ----------
    keys
        As textual calls them, separated by commas.
    shown
        As people read it.
    action
        Of the app.
    words
        In the last line.
    help
        In the help.
    """

    keys: str
    shown: str
    action: str
    words: str
    help: str


PAGES = ("Live", "Signal", "Timing", "Session")
TABS = tuple(
    Key(str(k + 1), str(k + 1), f"page({k})", name, words)
    for k, (name, words) in enumerate(
        zip(
            PAGES,
            (
                "Live: what was found, accuracy, time to answer",
                "Signal: every channel, its quality, the markers",
                "Timing: ms of every stage, and changes of state",
                "Session: what runs, what was asked of it, recordings",
            ),
            strict=True,
        )
    )
)
ORDERS = (
    Key("p", "p", "order('pause')", "pause", "pause: stimuli are rejected, the recording goes on"),
    Key("s", "s", "order('start')", "start", "start, or go on after a pause"),
    Key("n", "n", "note", "note", "write a note into the recording"),
    Key("b", "b", "bad", "bad", "mark the last seconds as bad, and say why"),
    Key("x", "x", "stop", "stop", "stop the session for everybody; asks first"),
)
SIGNAL = (
    Key("plus,equals_sign", "+", "zoom(-1)", "larger", "Signal: curves larger"),
    Key("minus", "-", "zoom(1)", "smaller", "Signal: curves smaller"),
    Key("0", "0", "zoom(0)", "fit", "Signal: a scale that fits"),
)
MOVES = (
    Key("down,j", "↓", "move(1)", "down", "further down, where there is more than fits"),
    Key("up,k", "↑", "move(-1)", "up", "further up"),
    Key("pagedown", "PgDn", "move(10)", "", "ten lines further down"),
    Key("pageup", "PgUp", "move(-10)", "", "ten lines further up"),
)
ALWAYS = (
    Key("d", "d", "colours", "", "dark or light"),
    Key("question_mark,f1", "?", "help", "help", "this help"),
    Key("ctrl+l", "Ctrl-L", "redraw", "", "draw everything again"),
    Key("q", "q", "leave", "leave", "leave this view; the session goes on"),
)
CTRL_C = "Ctrl-C"
ALL = (*TABS, *ORDERS, *SIGNAL, *MOVES, *ALWAYS)


def last_line(page: int, width: int) -> Text:
    """Pages and keys; where the line is narrow, those of the page alone."""
    line = Text(" ")
    for number, key in enumerate(TABS):
        line.append(f" {key.shown} {key.words} ", "reverse bold" if number == page else "")
    always = [key for key in ALWAYS if key.words]
    own = {1: [*SIGNAL, *MOVES[:2]], 2: list(MOVES[:2]), 3: [*ORDERS, *MOVES[:2]]}.get(page, list(ORDERS))
    for keys in ([*own, *always], always):
        words = Text("  ").join(Text().append(key.shown, "bold").append(f" {key.words}") for key in keys)
        if line.cell_len + 2 + words.cell_len <= width or keys is always:
            break
    return fit(line.append("  ").append_text(words), width)


def help_lines(width: int) -> list[Text]:
    """The help, a line a key."""
    lines = [heading("keys", width)]
    lines += [Text().append(f"{key.shown:>7}  ", "bold").append(key.help) for key in ALL]
    lines.append(Text().append(f"{CTRL_C:>7}  ", "bold").append("leave; the session ends where this terminal runs it"))
    return [fit(line, width) for line in lines]
