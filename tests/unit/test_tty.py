"""The terminal of a run: keys go to its display only from the foreground, and it is left as it was."""

from __future__ import annotations

import os
import pty
import subprocess
import termios

import pytest

from eegseek.tty import LEAVE, Tty


def test_without_a_terminal_there_is_nothing_to_give_or_restore(capsys: pytest.CaptureFixture[str]) -> None:
    with open(os.devnull) as file:  # noqa: PTH123
        tty = Tty(file)
        tty.open()
        assert tty.for_display == subprocess.DEVNULL
        assert not tty.drawn_on
        tty.restore(killed=True)
    assert capsys.readouterr().out == ""


def test_a_terminal_of_others_is_left_alone() -> None:
    ours, theirs = pty.openpty()
    try:
        with os.fdopen(os.dup(theirs)) as file:
            tty = Tty(file)
            tty.open()  # it is not the one that controls this process: we are not in its foreground
            assert tty.for_display == subprocess.DEVNULL
    finally:
        os.close(ours)
        os.close(theirs)


def test_in_the_foreground_it_is_put_back_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = pty.openpty()
    try:
        with os.fdopen(os.dup(theirs)) as file:
            monkeypatch.setattr(os, "tcgetpgrp", lambda number: os.getpgrp())
            tty = Tty(file)
            tty.open()
            assert tty.for_display is file
            before = termios.tcgetattr(theirs)
            raw = termios.tcgetattr(theirs)
            raw[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(theirs, termios.TCSANOW, raw)
            monkeypatch.setattr("sys.stdout.isatty", lambda: True)
            tty.restore(killed=True)
            assert termios.tcgetattr(theirs) == before
            assert capsys.readouterr().out == LEAVE
    finally:
        os.close(ours)
        os.close(theirs)
