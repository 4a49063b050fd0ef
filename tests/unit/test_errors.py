"""The tree of errors: a code each, texts for people, a page made from it, and nothing else is raised."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import config.errors as module
from config.errors import ChildFailed, EegseekError, StreamNotFound, UnknownSetting, told, tree
from eegseek import cli
from eegseek.cli_explain import find
from eegseek.errors_page import page, what

ROOT = Path(__file__).parents[2]
FOLDERS = ("acquisition", "benchmarks", "config", "display", "eegseek", "inference", "training", "wire")
PROGRAMMING = {
    "ValueError", "TypeError", "RuntimeError", "IndexError", "KeyError", "NotImplementedError", "AttributeError",
}  # fmt: skip
"""A mistake in code that calls ours, or what pydantic and libraries ask validators to raise."""
CAUGHT = {
    "RefusedError": "config/pickle_reader.py, translated by config/safe_pickle.py",
    "DamagedError": "config/pickle_reader.py, translated by config/safe_pickle.py",
    "_Damaged": "training/datasets/mat_numbers.py, translated there",
    "TooLargeError": "config/bounded.py, translated by the readers that limit what they read",
    "_TimeUp": "benchmarks/fuzz/guard.py, a limit of time, counted there",
    "AssertionError": "benchmarks/fuzz, which reports what must not be",
    "EOFError": "end of a file, translated by the reader around it",
    "OSError": "as the system raises it, translated by the caller or by the command line",
    "KeyboardInterrupt": "Ctrl-C in training, passed on once the checkpoint is written",
    "Ending": "display/presenter/show.py, how a presentation ends before its end, caught there",
    "Exit": "typer's way to end with an exit code",
}
"""Raised and caught again inside the project."""


def test_codes_are_unique_and_within_the_hundred_of_their_branch() -> None:
    kinds = tree()
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"E\d{3}", code) for code in codes)
    for branch in EegseekError.__subclasses__():
        assert branch.code.endswith("00"), branch
        assert {kind.code[1] for kind in tree(branch)} == {branch.code[1]}, branch
    assert "code" in StreamNotFound.__dict__


@pytest.mark.parametrize("kind", tree(), ids=lambda kind: kind.code)
def test_each_has_its_own_texts(kind: type[EegseekError]) -> None:
    assert {"code", "why", "do"} <= set(kind.__dict__), f"{kind.__name__} inherits its texts"
    for text in (what(kind), kind.why, kind.do):
        assert len(text) > 15
        assert text.endswith(".")
    assert kind.__module__ == "config.errors", "one file holds them all"


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = dict(re.findall(r"(\w+) +(E\d{3})", (module.__doc__ or "").partition("A message says")[0]))
    assert drawn == {kind.__name__: kind.code for kind in tree()}


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "errors.md").read_text("utf-8") == page(), "run: python -m eegseek.errors_page"


def raised() -> list[tuple[str, str]]:
    """(file:line, name) of whatever is raised by its class."""
    found = []
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call | ast.Name | ast.Attribute):
                    named = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                    name = named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", "")
                    if name.lstrip("_")[:1].isupper():  # a variable or a method gives one that was made elsewhere
                        found.append((f"{file.relative_to(ROOT)}:{node.lineno}", name))
    return found


def test_whatever_is_raised_is_of_the_tree_or_a_mistake_in_a_program() -> None:
    known = {kind.__name__ for kind in tree()} - {"EegseekError"} | PROGRAMMING | set(CAUGHT)
    found = raised()
    assert len(found) > 500
    assert [(where, name) for where, name in found if name not in known] == []


def test_a_sentence_is_told_with_its_code_once() -> None:
    assert told(StreamNotFound("no stream")) == "no stream [E301]"
    assert told(ChildFailed("acquisition: no stream [E301]")) == "acquisition: no stream [E301]"
    assert told(ChildFailed("it crashed")) == "it crashed [E601]"


@pytest.mark.parametrize("asked", ["E301", "e301", "[E301]", "StreamNotFound"])
def test_explain_prints_the_entry(asked: str) -> None:
    said = CliRunner().invoke(cli.app, ["explain", asked])
    assert said.exit_code == 0
    assert StreamNotFound.why in said.stdout and StreamNotFound.do in said.stdout
    assert "EegseekError E000 > SourceError E300 > StreamNotFound E301" in said.stdout


def test_explain_lists_all_and_refuses_what_is_not_there() -> None:
    said = CliRunner().invoke(cli.app, ["explain"])
    assert [line[:4] for line in said.stdout.splitlines()] == [kind.code for kind in tree()]
    with pytest.raises(UnknownSetting, match="no error 'E999'; known: E000, E100"):
        find("E999")


def test_the_command_line_prints_the_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["eegseek", "explain", "E999"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    assert capsys.readouterr().err.endswith(" [E101]\n")
