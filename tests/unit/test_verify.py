"""A journal beside its own raw samples: the same where nothing was changed, and each kind of change named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace as changed
from verify_data import PARTS, PLAN, Edit, record, rewrite, sealed

from acquisition import journal
from acquisition.averages import Averages
from acquisition.journal import End, PacketRecord, Record, Sent
from acquisition.plan import Plan
from acquisition.survey import survey
from acquisition.tally import of_journal
from acquisition.types import Chunk
from acquisition.verify import Check, Differences
from acquisition.versions import changed as others
from acquisition.versions import versions
from wire.packets import Rejected, Result, Status

PAUSE = range(49, 60)
"""Chunks of 0.1 s: the windows of 5.0 and 5.5 s are decided there."""


def check(file: Path, plan: Plan = PLAN, averages: Averages | None = None) -> tuple[Check, Differences]:
    found, differences = survey(file), Differences()
    closed = bool(found.end) and found.torn is None
    one = Check(found.header, plan, averages or Averages(plan.max_stimuli), found.chunks, closed, differences)
    for entry in journal.read(file):
        one.take(entry)
    one.finish()
    return one, differences


@pytest.mark.parametrize("plan", [PLAN, PARTS], ids=["whole", "parts"])
@pytest.mark.parametrize("paused", [(), PAUSE], ids=["running", "paused"])
def test_nothing_changed(tmp_path: Path, plan: Plan, paused: Iterable[int]) -> None:
    one, differences = check(record(tmp_path, plan=plan, paused=paused, failing=[1]), plan)
    assert differences.first is None
    good = 4 if paused else 6
    assert one.counts["sent"] == one.counts["same"] == good
    assert (one.counts["answered"], one.counts["failed"]) == (good - 1, 1)
    assert (one.counts["rejected"], one.counts["paused"]) == (1, 6 - good)
    if plan is PARTS:
        assert one.counts["parts_same"] == one.counts["parts_sent"] == 2 * good
        assert one.counts["parts_paused"] == (4 if paused else 0)


def test_a_second_segment_continues_the_averages(tmp_path: Path) -> None:
    first = check(record(tmp_path))[0]
    again = Averages(PLAN.max_stimuli)
    again_too = Averages(PLAN.max_stimuli)
    for averages in (again, again_too):
        for stimulus in "ab":
            averages.add(stimulus, np.full((3, 50), 7.0, np.float32))
    second = record(tmp_path, segment=1, averages=again)
    assert check(second, averages=again_too)[1].first is None
    assert check(second)[1].by_kind == {"samples": first.counts["sent"]}


def same(entry: Record) -> Iterable[Record]:
    return [entry]


def other_hash(entry: Record) -> Iterable[Record]:
    return [replace(entry, sha256="0" * 64) if isinstance(entry, Sent) and entry.sequence == 2 else entry]


def other_sample(entry: Record) -> Iterable[Record]:
    if not isinstance(entry, Chunk) or not entry.stamps[0] < 105.05 < entry.stamps[-1]:
        return [entry]
    samples = entry.samples.copy()
    samples[1, 12] += np.float32(0.001)
    return [replace(entry, samples=samples)]


def without(kind: type, sequence: int) -> Edit:
    def change(entry: Record) -> Iterable[Record]:
        packet = entry.packet if isinstance(entry, PacketRecord) else entry
        return [] if isinstance(packet, kind) and packet.sequence == sequence else [entry]  # type: ignore[attr-defined]

    return change


def doubled(entry: Record) -> Iterable[Record]:
    twice = isinstance(entry, PacketRecord) and isinstance(entry.packet, Result) and entry.packet.sequence == 2
    return [entry, entry] if twice else [entry]


def hole(entry: Record) -> Iterable[Record]:
    packet = entry.packet if isinstance(entry, PacketRecord) else None
    if not isinstance(packet, Result):
        return [entry]
    return [sealed(changed(packet, commit=packet.commit + (packet.commit > 2)))]


def other_reason(entry: Record) -> Iterable[Record]:
    packet = entry.packet if isinstance(entry, PacketRecord) else None
    return [sealed(changed(packet, reasons=("flat: O1",)))] if isinstance(packet, Rejected) else [entry]


def other_count(entry: Record) -> Iterable[Record]:
    packet = entry.packet if isinstance(entry, PacketRecord) else None
    if not isinstance(packet, Status):
        return [entry]
    return [sealed(changed(packet, counters={**packet.counters, "due": 8, "missed": 1}))]


def invented(entry: Record) -> Iterable[Record]:
    return [entry, Sent(0, 6, 0, "1" * 64)] if isinstance(entry, Sent) and entry.sequence == 5 else [entry]


CHANGES: tuple[tuple[Edit, str, int], ...] = (
    (other_hash, "samples", 2),
    (other_sample, "samples", 2),
    (without(Sent, 3), "hash", 3),
    (without(Result, 3), "commit number", 4),
    (doubled, "commit number", 2),
    (hole, "commit number", 2),
    (without(Rejected, 6), "rejection", 6),
    (other_reason, "rejection", 6),
    (other_count, "account, due", -1),
    (invented, "window", 6),
)


@pytest.mark.parametrize(("change", "what", "sequence"), CHANGES, ids=[c[1] + str(k) for k, c in enumerate(CHANGES)])
def test_each_change_is_found_and_named(tmp_path: Path, change: Edit, what: str, sequence: int) -> None:
    original = record(tmp_path)
    (tmp_path / "copy").mkdir()
    assert check(rewrite(original, tmp_path / "copy", same))[1].first is None
    (tmp_path / "other").mkdir()
    differences = check(rewrite(original, tmp_path / "other", change))[1]
    first = differences.first
    assert first is not None
    assert (first.what, first.sequence, first.segment) == (what, sequence, 0)
    assert first.stored != first.found
    assert first.stored in first.words and first.found in first.words


def test_a_window_without_an_end_is_found(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    differences = check(rewrite(record(tmp_path), tmp_path / "copy", without(Result, 5)))[1]
    assert "end" in differences.by_kind


def test_a_journal_that_was_cut_off_is_verified_up_to_there(tmp_path: Path) -> None:
    whole = record(tmp_path, plan=PARTS, paused=PAUSE)
    bytes_, found = whole.read_bytes(), []
    for k in range(20):
        cut = tmp_path / f"cut-{k}" / whole.name
        cut.parent.mkdir()
        cut.write_bytes(bytes_[: len(bytes_) - 1 - k * len(bytes_) // 40])
        one, differences = check(cut, PARTS)
        assert differences.first is None, (k, differences.first)
        assert survey(cut).cut_off
        found.append(one.counts["same"])
    assert found == sorted(found, reverse=True) and found[0] > found[-1]


def test_a_changed_byte_is_where_it_ends(tmp_path: Path) -> None:
    file = record(tmp_path)
    bytes_ = bytearray(file.read_bytes())
    bytes_[len(bytes_) * 3 // 4] ^= 1
    file.write_bytes(bytes_)
    assert "torn at byte" in survey(file).cut_off
    assert check(file)[1].first is None


def test_the_tally_says_what_became_of_every_stimulus(tmp_path: Path) -> None:
    tally = of_journal(record(tmp_path, plan=PARTS, paused=PAUSE, failing=[1])) + of_journal(
        record(tmp_path, segment=1)
    )
    assert tally.wrong == ""
    assert tally.words.splitlines()[0] == (
        "windows: 14 due = 10 sent + 4 rejected (non_finite 2, paused 2) + 0 missed; "
        "10 sent = 9 answered + 0 expired + 0 dropped + 1 failed; 0 lost, 0 doubled"
    )
    assert tally.words.splitlines()[1].startswith("parts: 14 due = 8 sent + 0 skipped + 6 rejected")


def test_the_tally_sees_what_is_lost_and_doubled(tmp_path: Path) -> None:
    original = record(tmp_path)
    for name, change, words in (
        ("lost", without(Result, 3), "lost 1"),
        ("doubled", doubled, "doubled 1"),
        ("account", other_count, "due 8, written 7"),
    ):
        (tmp_path / name).mkdir()
        assert words in of_journal(rewrite(original, tmp_path / name, change)).wrong


def test_the_tally_of_a_journal_that_was_cut_off(tmp_path: Path) -> None:
    (tmp_path / "cut").mkdir()
    bare = rewrite(record(tmp_path), tmp_path / "cut", lambda e: [] if _closing(e) else without(Result, 5)(e))
    tally = of_journal(bare)
    assert (tally.counts["lost"], tally.wrong, tally.cut_off) == (1, "", (0,))
    assert "segment 0 was cut off" in tally.words


def _closing(entry: Record) -> bool:
    return isinstance(entry, End) or (isinstance(entry, PacketRecord) and isinstance(entry.packet, Status))


def test_versions_tell_what_last_bits_depend_on() -> None:
    here = versions()
    assert {"python", "numpy", "torch", "faiss-cpu", "numba", "msgspec", "processor", "threads"} <= here.keys()
    assert others(here, here) == []
    assert others({**here, "torch": "1.0"}, here) == [f"torch was 1.0 and is {here['torch']}"]
    assert others({k: v for k, v in here.items() if k != "processor"}, here)
