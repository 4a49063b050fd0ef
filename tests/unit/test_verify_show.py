"""What a verification says to people and to programs, and what it takes for a session."""

from __future__ import annotations

import json
from collections import Counter
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from verify_data import record

from acquisition.verify import Difference
from config.errors import BundleError, EegseekError, JournalError, SettingsError
from eegseek.verify import Checked, Verifier, segments
from eegseek.verify_show import as_json, show, verdict


def quiet(done: int, total: int) -> None:
    """Say nothing."""


def checked(segment: int, **counts: int) -> Checked:
    return Checked(segment, Counter(counts), lowest_cosine=1.0)


def drawn(*found: Checked) -> str:
    console = Console(file=StringIO(), width=80)
    show(found, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_all_the_same() -> None:
    found = [checked(k, sent=12, same=12, answered=12, parts_sent=3, parts_same=3, bit_equal=15) for k in range(5)]
    words = drawn(*found)
    assert all(f"segment {k}" in words for k in range(5))
    assert "12 + 3 parts" in words and "rejected" not in words and "…" not in words
    assert "the same: 75 windows have the same samples, 75 answers are bit-equal" in words
    report = as_json(found)
    assert report["same"] and json.loads(json.dumps(report)) == report


def test_the_first_difference_is_told_and_all_are_counted() -> None:
    first, second = checked(0, sent=3), checked(1, sent=3)
    second.differences.add(Difference(1, 2, 0, "samples", "hash [a]", "hash b"))
    second.differences.add(Difference(1, 3, 0, "samples", "hash c", "hash d"))
    words = verdict([first, second])
    assert words == "NOT the same: 2 differences, the first: segment 1, window 2, part 0: samples: stored hash [a], " \
                    "found hash b"  # fmt: skip
    assert words in drawn(first, second)  # brackets are not taken for colours
    report = as_json([first, second])
    assert not report["same"] and report["segments"][1]["differences"] == {"samples": 2}
    assert report["segments"][1]["first"]["sequence"] == 2


def test_what_is_cut_off_and_what_is_not_to_the_last_bit_is_said() -> None:
    one = checked(0, sent=3, unanswered=1, close=2)
    one.exact, one.why, one.cut_off = False, "torch was 1 and is 2", "cut off: it was never closed"
    words = drawn(one)
    assert "cut off: it was never closed; it was verified up to there" in words
    assert "not to the last bit: torch was 1 and is 2" in words
    assert "open when it was cut off" in words and "2 answers are the same within the tolerance" in words


def test_what_a_session_is(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="holds no journal"):
        segments(tmp_path, None)
    files = [record(tmp_path, segment=k) for k in range(2)]
    assert segments(tmp_path, None) == files
    assert segments(tmp_path, 1) == files[1:]
    assert segments(files[0], None) == files[:1]
    with pytest.raises(JournalError, match="segment 7"):
        segments(tmp_path, 7)
    with pytest.raises(SettingsError, match="--segment"):
        segments(files[0], 0)


@pytest.mark.parametrize("size", [0, 10, 60])
def test_a_journal_that_holds_nothing_is_said_to(tmp_path: Path, size: int) -> None:
    file = record(tmp_path)
    file.write_bytes(file.read_bytes()[:size])
    found = Verifier(None, None, quiet).verify(file)
    assert "holds nothing" in found.cut_off and not found.differences.count
    assert (found.segment, Verifier(None, None, quiet).verify(file.rename(tmp_path / "x.esj")).segment) == (0, -1)


def test_what_is_no_journal_or_names_no_bundle_is_refused(tmp_path: Path) -> None:
    file = record(tmp_path)
    with pytest.raises(SettingsError, match="is not there; give it with --encoder"):
        Verifier(None, None, quiet).verify(file)
    with pytest.raises(BundleError):
        Verifier(tmp_path, tmp_path, quiet).verify(file)
    with pytest.raises(JournalError, match="cannot be read"):
        Verifier(None, None, quiet).verify(tmp_path / "nothing.esj")
    file.write_bytes(b"not a journal of eegseek at all")
    with pytest.raises(EegseekError, match="no journal"):
        Verifier(None, None, quiet).verify(file)
