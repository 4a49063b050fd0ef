"""The command line: help teaches, and galleries are built and searched through it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from config.errors import SettingsError
from eegseek.cli import app

COMMANDS = (
    [],
    ["demo"],
    ["run"],
    ["replay"],
    ["stream"],
    ["train"],
    ["evaluate"],
    ["gallery"],
    ["gallery", "build"],
    *(["gallery", name] for name in ("search", "import", "info", "merge", "migrate", "adapt", "centre", "train-vae")),
    ["classify"],
    ["compare"],
    ["dataset"],
    *(["dataset", name] for name in ("info", "convert", "epochs", "generate", "crops")),
    ["bench"],
    *(["bench", name] for name in ("latency", "muse", "bound", "replay", "train")),
    ["doctor"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_does(command: list[str]) -> None:
    found = CliRunner().invoke(app, [*command, "--help"])
    assert found.exit_code == 0
    assert "Usage" in found.output and len(found.output) > 200


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.startswith("eegseek ")


def test_a_gallery_of_pictures_is_built_and_searched(tmp_path: Path) -> None:
    for kind, colour in (("warm", (220, 60, 20)), ("warm", (220, 20, 60)), ("cold", (20, 40, 220))):
        picture = Image.new("RGB", (96, 96), (240, 240, 240))
        picture.paste(colour, (24, 24, 72, 60))
        (tmp_path / "in" / kind).mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / "in" / kind / f"{colour[1]}.png")
    built = CliRunner().invoke(app, ["gallery", "build", str(tmp_path / "g"), "--images", str(tmp_path / "in")])
    assert built.exit_code == 0, built.output
    assert "3 items" in built.output
    found = CliRunner().invoke(app, ["gallery", "search", str(tmp_path / "g"), "60", "-k", "1"])
    assert found.exit_code == 0
    assert "warm" in found.output and "cold" not in found.output


def test_a_gallery_of_labels_is_built(tmp_path: Path) -> None:
    built = CliRunner().invoke(app, ["gallery", "build", str(tmp_path), "--label", "1=left", "--label", "2=right"])
    assert built.exit_code == 0, built.output
    assert "2 items" in built.output


def test_a_gallery_is_made_of_one_thing(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["gallery", "build", str(tmp_path), "--label", "a", "--images", "b"])
    assert isinstance(found.exception, SettingsError)
