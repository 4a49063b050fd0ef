"""The page Session: what runs, what can be asked of it, and what it replied. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from config.settings import Settings
from display import panels
from display.dashboard.process import ADDRESS_FILE
from display.dashboard.recordings import Recording
from display.state import State
from display.tui.keys import ORDERS
from display.tui.timing import ago


@dataclass(frozen=True)
class Asked:
    """Something that was asked of the session here.

    Attributes
    ----------
    at_s
        When, acquisition's clock.
    what
        In words.
    reply
        What the session said; empty while it has not.
    ok
        Whether it does so.
    """

    at_s: float
    what: str
    reply: str = ""
    ok: bool = True


def session(
    state: State,
    settings: Settings,
    folder: Path,
    asked: Sequence[Asked],
    at_s: float,
    width: int,
    height: int,
    recorded: Sequence[Recording] = (),
    above: int = 0,
) -> list[Text]:
    """The page: exactly ``height`` lines of ``width`` cells; recordings stand where there is room, the latest first.

    Parameters
    ----------
    state, settings, folder
        Of the session, as far as known.
    asked
        Of it, here.
    at_s
        Now, acquisition's clock.
    width, height
        Cells.
    recorded
        Sessions in the same folder.
    above
        How many of the latest of these are left out, to see older ones.
    """
    lines = [*panels.head(state, at_s, width), panels.heading("session", width)]
    for name, words in facts(state, settings, folder):
        lines.append(Text(f"{name:>10}  ", "dim").append(words, "not dim"))
    lines.append(panels.heading("what can be asked of it", width))
    lines += [Text(f"{key.shown:>10}  ", "bold").append(key.help, "not bold") for key in ORDERS]
    left = max(height - len(lines), 0)
    lines += replies(asked, at_s, width, min(left, max(left // 2, 4)) if recorded else left)
    lines += recordings(recorded, width, max(height - len(lines), 0), above)
    blank = [Text()] * max(height - len(lines), 0)
    return [panels.fit(line, width) for line in [*lines, *blank]][:height]


def facts(state: State, settings: Settings, folder: Path) -> list[tuple[str, str]]:
    """Name and words of what runs."""
    status, result = state.status, state.latest or state.early
    inference = settings.inference
    fingerprints = (
        ("", "") if result is None else (f", fingerprint {result.encoder}", f", fingerprint {result.gallery}")
    )
    known = status is None or status.session == settings.session.name
    found = [
        ("folder", str(folder) if known else "not told here"),
        ("encoder", (inference.encoder or "not told here") + fingerprints[0]),
        ("gallery", (inference.gallery or "not told here") + fingerprints[1]),
        ("truth", state.truth.unknown or f"of {len(state.truth.of)} stimuli, {state.truth.n_items} items"),
        ("journal", "on" if settings.session.journal else "OFF: nothing is recorded"),
    ]
    with suppress(OSError):
        found.append(("dashboard", (folder / ADDRESS_FILE).read_text("utf-8", "replace").strip()[:500]))
    if status is None:
        return found
    segment = ("segment", f"{status.segment}, the number of starts of acquisition")
    return [("name", status.session), ("source", status.source), segment, *found]


def replies(asked: Sequence[Asked], at_s: float, width: int, rows: int) -> list[Text]:
    """What was asked here, the newest first, in ``rows`` lines."""
    if rows < 2 or not asked:
        return []
    lines = [panels.heading("asked here", width)]
    for one in list(asked)[::-1][: rows - 1]:
        line = Text(f"{ago(at_s - one.at_s):>12}  ", "dim").append(f"{one.what}: ", "not dim")
        line.append(one.reply or "…", "not dim" if one.ok else "not dim bold red")
        lines.append(line)
    return lines


def recordings(found: Sequence[Recording], width: int, rows: int, above: int) -> list[Text]:
    """Recorded sessions, each with the command that plays it again, whole: it can be copied."""
    if rows < 3 or not found:
        return []
    above = min(above, len(found) - 1)
    title = f"recordings, {len(found)}" + (f", {above} later ones above" if above else "")
    lines = [panels.heading(title, width)]
    for one in found[above:]:
        block = [Text(f" {one.name}", "bold").append(f"  {one.words}", "not bold dim")]
        block += [Text(f"  {part}") for part in folded(one.command, width - 2)]
        if len(lines) + len(block) > rows:
            break
        lines += block
    if len(lines) == 1:  # not even one fits
        lines.append(Text(" the window is too low for the command of the next one", "dim"))
    return lines


def folded(command: str, width: int) -> list[str]:
    """A command in lines of ``width`` cells at most, which a shell joins again; a longer word stands by itself."""
    lines, line = [], ""
    for word in map(shlex.quote, shlex.split(command)):
        if line and len(line) + 1 + len(word) + 2 > width:
            lines.append(line + " \\")
            line = "    " + word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
