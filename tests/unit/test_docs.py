"""The documentation is true: pages made from code are up to date, and commands, options and files they name exist."""

from __future__ import annotations

import functools
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
from docs_pages import PAGES, ROOT, calls, fences, lines, said

from config.load import load_settings, validate
from eegseek.cli import app
from eegseek.settings_page import page
from wire.streams import STREAMS

EACH = pytest.mark.parametrize("path", PAGES, ids=lambda p: f"{p.parent.name}-{p.name}")
INCOMPLETE = ("Missing", "requires an argument")
"""What may be wrong with a command that the text of a page only mentions."""


def test_settings_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == page(), "run: python -m eegseek.settings_page"


def test_the_protocol_names_every_stream() -> None:
    text = (ROOT / "wire" / "PROTOCOL.md").read_text("utf-8")
    for stream in STREAMS:
        assert f"`{stream.topic.decode()}`" in text


def test_the_terminal_page_names_every_key() -> None:
    from display.tui.keys import ALL

    text = (ROOT / "docs" / "terminal.md").read_text("utf-8")
    for key in ALL:
        assert f"`{key.shown}`" in text, f"docs/terminal.md does not name {key.shown}: {key.help}"


@EACH
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@EACH
def test_no_page_is_left_unfinished(path: Path) -> None:
    left = re.findall(r"@@\w*|\b(?:TODO|FIXME|TBD)\b", path.read_text("utf-8"))
    assert not left, f"{path.name} holds {left[0]}"


@EACH
def test_commands_in_fences_are_ones_that_run(path: Path) -> None:
    for fence in fences(path.read_text("utf-8")):
        for line in lines(fence):
            for call in calls(line):
                _check_call(call, f"{path.name}: {line.strip()}")


@EACH
def test_commands_in_the_text_exist_with_their_options(path: Path) -> None:
    for words in said(path.read_text("utf-8")):
        wrong = _wrong(words[1:])
        assert not wrong or any(part in wrong for part in INCOMPLETE), f"{path.name}: {' '.join(words)}: {wrong}"


@EACH
def test_settings_files_in_fences_are_valid(path: Path) -> None:
    for fence in fences(path.read_text("utf-8")):
        if fence.language == "toml":
            validate(tomllib.loads(fence.text))


def test_wrong_commands_are_noticed() -> None:
    """The checks above would find what they are for."""
    assert "No such option" in _wrong(["run", "--presett", "muse"])
    assert "no command" in _wrong(["runn"]) and "no command" in _wrong(["gallery", "make"])
    assert "Missing" in _wrong(["train", "-g", "two"])
    assert "unknown preset" in _wrong(["run", "-p", "musee"]) and "source.nam" in _wrong(
        ["run", "--set", "source.nam=a"]
    )
    assert "Invalid value" in _wrong(["demo", "--seconds", "many"])
    assert not _wrong(["run", "-p", "muse", "--set", "source.board=MUSE_S_BOARD"])


def _check_call(call: list[str], where: str) -> None:
    if not call:
        return
    name = call[0].rsplit("/", 1)[-1]
    if name == "eegseek":
        assert not (wrong := _wrong(call[1:])), f"{where}: {wrong}"
    elif call[0].startswith(("./scripts/", "scripts/")):
        assert (ROOT / call[0]).is_file(), where
    elif name == "python" and call[1:2] == ["-m"]:
        assert importlib.util.find_spec(call[2]), where


@functools.cache
def _root() -> Any:
    return typer.main.get_command(app)


def _wrong(words: list[str]) -> str:
    """What the command line has against a command; empty: nothing."""
    command = _root()
    words = [word for word in words if word not in ("--help", "-h", "--version")]
    path = []
    while hasattr(command, "commands"):
        if not words:
            return ""
        path.append(words.pop(0))
        if path[-1].isupper():  # NAME: one of them
            return ""
        if path[-1] not in command.commands:
            return f"there is no command '{' '.join(path)}'"
        command = command.commands[path[-1]]
    try:
        given = command.make_context(" ".join(path), words).params
        _check_settings(path[0], given)
    except Exception as error:
        told = getattr(error, "format_message", None)
        return (told() if told else str(error)) or repr(error)
    return ""


def _check_settings(command: str, given: dict[str, Any]) -> None:
    overrides = list(given.get("set_") or ())
    if command in ("stream", "replay"):
        kind = "participant" if given.get("file") == "participant" else "recording"
        overrides = [f"source.kind={kind}", *["source.file=x"] * (kind == "recording"), *overrides]
    preset = None if given.get("preset") == "NAME" else given.get("preset")
    load_settings(None, preset, [one for one in overrides if not one.startswith("section.")])
