"""What stands in pages of the documentation: fences, commands in them and in the text, and the mark of what tests run.

A fence that begins with ``sh run`` after its ticks is run by a test, ``file=NAME`` is written to that file first;
fences of a shell hold nothing but commands, those without a language may (``$ ``, or ours at the start of a line).
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "wire" / "PROTOCOL.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
SHELLS = ("sh", "bash", "console", "shell")
_FENCE = re.compile(r"^( *)```([\w-]*)(?: +(.*?))?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Fence:
    """A block of code: its language, what follows it in the opening line, and its text."""

    language: str
    mark: str
    text: str

    @property
    def runs(self) -> bool:
        return self.language in SHELLS and self.mark == "run"

    @property
    def file(self) -> str:
        return self.mark.removeprefix("file=") if self.mark.startswith("file=") else ""


def fences(text: str) -> list[Fence]:
    """Fences of a page, in order."""
    found = []
    for indent, language, mark, body in _FENCE.findall(text):
        found.append(Fence(language, mark, "\n".join(line.removeprefix(indent) for line in body.splitlines()) + "\n"))
    return found


def prose(text: str) -> str:
    """A page without its fences."""
    return _FENCE.sub("", text)


def lines(fence: Fence) -> list[str]:
    """Lines of commands of a fence, continued ones as one."""
    joined = fence.text.replace("\\\n", " ").splitlines()
    if fence.language == "console" or any(line.startswith("$ ") for line in joined):
        return [line.removeprefix("$ ") for line in joined if line.startswith("$ ")]
    if fence.language == "":  # what a program prints, too
        return [line for line in joined if line.startswith(("eegseek ", "./scripts/"))]
    return joined if fence.language in SHELLS else []


def calls(line: str) -> Iterator[list[str]]:
    """Words of each command of a line, as a shell splits them."""
    reader = shlex.shlex(line, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    call: list[str] = []
    for word in reader:
        if not set(word) - set("();<>|&"):
            yield call
            call = []
        elif call or not re.fullmatch(r"[A-Z_]+=.*", word):  # variables before a command
            call.append(word)
    yield call


def said(text: str) -> Iterator[list[str]]:
    """Commands of ours that the text of a page names in backticks, as far as they are given."""
    for code in re.findall(r"`(eegseek [^`\n]+)`", prose(text)):
        try:
            words = next(calls(code))
        except ValueError:  # an open quote
            words = code.split()
        # behind dots anything may have been left out
        yield list(itertools.takewhile(lambda word: word not in ("…", "..."), words))
