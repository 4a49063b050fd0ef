"""The command line: help teaches, and galleries are built and searched through it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from config.errors import BundleError, SettingsError
from eegseek import cli
from eegseek.cli import app
from training.progress import bar

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


def test_what_no_command_foresaw_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device", "big.npy")

    monkeypatch.setattr(cli, "app", full)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    said = capsys.readouterr().err
    assert stopped.value.code == 1
    assert said == "eegseek: 'big.npy': No space left on device; check the path, the disk and its permissions [E700]\n"


def test_generating_over_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="cannot be made: File exists; choose another"):
        CliRunner().invoke(app, ["dataset", "generate", str(tmp_path / "file")], catch_exceptions=False)


def test_pictures_are_looked_for_before_anything_is_cut(tmp_path: Path) -> None:
    command = ["dataset", "epochs", str(tmp_path), "--out", str(tmp_path / "e"), "--images", str(tmp_path / "none")]
    with pytest.raises(BundleError, match="is no folder; expected one with pictures"):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_a_log_gets_no_line_of_a_progress_bar() -> None:
    for terminal in (False, True):
        console = Console(file=StringIO(), force_terminal=terminal)
        with bar(console) as told:
            told("cutting", 1, 2)
        assert isinstance(console.file, StringIO) and bool(console.file.getvalue()) == terminal


def test_a_wrong_bundle_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["replay", "recording.csv", "-e", "nowhere", "-g", "nowhere-else", "--headless"]
    found = CliRunner().invoke(app, given)
    assert isinstance(found.exception, BundleError) and "'nowhere/encoder.json'" in str(found.exception)
    assert list(tmp_path.iterdir()) == []
