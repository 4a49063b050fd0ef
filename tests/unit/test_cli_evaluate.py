"""The commands that score: help teaches, lists of numbers are read, and mistakes are one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from config.errors import EegseekError, SettingsError
from eegseek import cli_compare, cli_crops, cli_evaluate
from training.evaluation.evaluate_protocols import PROTOCOLS

app = typer.Typer()
app.command("evaluate")(cli_evaluate.evaluate)
app.command("compare")(cli_compare.compare)
app.command("crops")(cli_crops.crops)


@pytest.mark.parametrize("command", ["evaluate", "compare", "crops"])
def test_help_teaches(command: str) -> None:
    found = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert found.exit_code == 0 and len(found.output) > 1000


def test_every_protocol_is_named_in_the_help() -> None:
    found = CliRunner().invoke(app, ["evaluate", "--help"], env={"COLUMNS": "400", "TERM": "dumb"})
    assert all(name in found.output for name in PROTOCOLS)


def test_lists_of_numbers() -> None:
    assert cli_evaluate.numbers("4,1,2,1", "--repeats") == (1, 2, 4) and cli_evaluate.numbers("", "--repeats") == ()
    for text, says in (("one", "is no list of whole numbers"), ("0,3", "must hold numbers above 0")):
        with pytest.raises(SettingsError, match=says):
            cli_evaluate.numbers(text, "--repeats")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evaluate", "b", "r", "-g", "g", "--protocol", "zeroshot"], "did you mean 'zero-shot'"),
        (["evaluate", "nowhere", "r", "-g", "g"], "cannot be read"),
        (["compare", "out"], "give --train, --test and --gallery, or --participant"),
        (["crops", "nowhere.csv", "out"], "the table of recordings 'nowhere.csv' cannot be read"),
    ],
)
def test_mistakes(arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(app, arguments)
    assert isinstance(found.exception, EegseekError) and says in str(found.exception)
