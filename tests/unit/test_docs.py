"""The documentation is true: pages made from code are up to date, and commands and files they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eegseek.settings_page import page
from wire.streams import STREAMS

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "wire" / "PROTOCOL.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_settings_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == page(), "run: python -m eegseek.settings_page"


def test_the_protocol_names_every_stream() -> None:
    text = (ROOT / "wire" / "PROTOCOL.md").read_text("utf-8")
    for stream in STREAMS:
        assert f"`{stream.topic.decode()}`" in text


@pytest.mark.parametrize("path", PAGES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_commands_exist(path: Path) -> None:
    import typer.main

    from eegseek.cli import app

    group = typer.main.get_command(app)
    known = set(group.commands)  # type: ignore[attr-defined]
    for command in re.findall(r"(?:`|\$ )eegseek ([a-z]+)", path.read_text("utf-8")):
        assert command in known, f"{path.name} names 'eegseek {command}'"
