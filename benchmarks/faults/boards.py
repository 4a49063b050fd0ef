"""Rows about BrainFlow boards that stop, repeat packets or count badly, read by the real acquisition process."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from acquisition.sources.board import Board
from acquisition.sources.brainflow import BoardReader
from acquisition.types import Chunk
from benchmarks.faults.boards_fake import CHANNELS, FAULT_AT, RATE_HZ
from benchmarks.faults.row import Measured, Row
from benchmarks.faults.streams_run import Run, closes, errors, whole
from config.errors import ProcessError
from config.settings import BrainFlowSource
from wire.packets import Status

FAKE = "benchmarks.faults.boards_fake"
LIMIT_S = 60.0


@dataclass(frozen=True)
class Want:
    """What must become of a fault: words on the screen, gaps in the journal, and samples missing there."""

    says: str
    gaps: tuple[int, int]
    missing: tuple[float, float]
    lost: bool = False


WANTS = {
    "stop": Want("connecting again", (1, 1), (200.0, 5000.0), lost=True),
    "break": Want("connecting again", (1, 1), (1.0, 5000.0), lost=True),
    "repeat": Want("repeated samples", (0, 0), (0.0, 0.0)),
    "repeat-for-ever": Want("repeated samples", (1, 1), (200.0, 5000.0), lost=True),
    "lose": Want("gap of 48 ms", (1, 1), (12.0, 12.0)),
    "skip": Want("gap of 48 ms", (1, 2), (0.0, 12.0)),
    "skip-far": Want("gap of 400 ms", (1, 2), (0.0, 100.0)),
    "stuck": Want("cannot be believed", (0, 1), (0.0, 1.0)),
}
"""A counter that leaves numbers out is taken at its word, then corrected by the stamps: two gaps may be told."""


def board_stops(place: Path, short: bool) -> Row:
    """A board falls silent, or its session breaks."""
    return _rows(place, "BrainFlow board that stops", ("stop", "break"), "reported, reconnected, gap written")


def board_repeats(place: Path, short: bool) -> Row:
    """A board sends packets twice, or one of them for ever."""
    wanted = "reported, repeated samples left out; where nothing else comes, reconnected and gap written"
    return _rows(place, "BrainFlow board that repeats packets", ("repeat", "repeat-for-ever"), wanted)


def board_skips(place: Path, short: bool) -> Row:
    """A board loses a packet, or its counter leaves numbers out, or does not count."""
    return _rows(place, "BrainFlow board that skips the package counter", ("lose", "skip", "skip-far", "stuck"),
                 "reported, gap written; windows right or rejected")  # fmt: skip


def _rows(place: Path, fault: str, kinds: tuple[str, ...], wanted: str) -> Row:
    measured: dict[str, Measured] = {}
    passed = True
    # they mostly wait: side by side
    with ThreadPoolExecutor(len(kinds)) as pool:
        ran = list(pool.map(lambda kind: _one(place / kind, kind), kinds))
    for kind, (found, fine) in zip(kinds, ran, strict=True):
        passed &= fine
        measured.update({f"{kind}: {name}": value for name, value in found.items()})
    measured["board"] = "fake, behind the interface of a BrainFlow session"
    return Row(fault, passed, measured, wanted)


def _one(place: Path, kind: str) -> tuple[dict[str, Measured], bool]:
    want = WANTS[kind]
    with Run(place, {"kind": "brainflow", "board": "CYTON_BOARD"}, CHANNELS, command=(FAKE, kind)) as run:
        heard = run.heard
        run.until(lambda: any(float(one.stimulus) > FAULT_AT + 5 * RATE_HZ for one in heard.windows), "later windows")
        status = run.stop()
    numbers, gaps, states = run.recorded()
    found = errors(run.heard.windows)
    later = sum(float(one.stimulus) > FAULT_AT for one in run.heard.windows)
    said = any(want.says in one.message for one in run.heard.statuses)
    missing = sum(gap.missing for gap in gaps)
    doubled = len(numbers) - len(set(numbers.tolist()))
    measured: dict[str, Measured] = {
        "reported": _said(run.heard.statuses, want.says),
        "gaps": len(gaps),
        "gap_ms": round(1e3 * sum(gap.missing_s for gap in gaps), 1),
        "windows_after": later,
        "rejected": status.counters["rejected"],
        "worst_alignment_samples": round(max(map(abs, found)), 4),
    }
    fine = closes(status) and whole(run.heard.windows) and max(map(abs, found)) <= 0.5 and said and later >= 10
    fine &= want.gaps[0] <= len(gaps) <= want.gaps[1] and want.missing[0] <= missing <= want.missing[1]
    fine &= doubled == 0 and want.lost == ("lost" in states)
    return measured, bool(fine)


def _said(statuses: list[Status], words: str) -> str:
    return next((one.message for one in reversed(statuses) if words and words in one.message), "")


def synthetic_board_stops(place: Path, short: bool) -> Row:
    """BrainFlow's own synthetic board is stopped behind our back, and read again."""
    settings = BrainFlowSource()
    board = Board(settings)
    reader = BoardReader(settings, board)
    chunks: list[Chunk] = []
    try:
        reader.open()
        _read(reader, chunks, lambda: sum(one.stamps.size for one in chunks) > 250)
        before = len(chunks)
        board._shim.stop_stream()
        _read(reader, chunks, lambda: any(one.state == "recovered" for one in chunks[before:]))
        _read(reader, chunks, lambda: sum(one.stamps.size for one in chunks[before:]) > 250)
    finally:
        reader.close()
    states = list(dict.fromkeys(one.state for one in chunks))
    counts = [one.counter for one in chunks if one.counter is not None and one.counter.size]
    steps = max(int(later[0] - former[-1]) for former, later in pairwise(counts))
    stamps = [one.stamps for one in chunks if one.stamps.size]
    gap_s = max(float(later[0] - former[-1]) for former, later in pairwise(stamps))
    remarks = [one.remark for one in chunks if one.remark]
    fine = states == ["connected", "stalled", "lost", "recovered"] and bool(remarks) and abs(steps - 250 * gap_s) < 5
    measured: dict[str, Measured] = {
        "states": ", ".join(states), "reported": remarks[0] if remarks else "", "gap_ms": round(1e3 * gap_s, 1),
        "counted_as_missing": steps - 1,
    }  # fmt: skip
    return Row("BrainFlow's synthetic board stopped", bool(fine), measured, "reported, reconnected, the gap counted")


def _read(reader: BoardReader, chunks: list[Chunk], enough: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT_S
    while not enough():
        if time.monotonic() > until:
            raise ProcessError(f"the board was not read in {LIMIT_S:g} s: {[one.state for one in chunks][-5:]}")
        chunks.append(reader.read(0.05))
