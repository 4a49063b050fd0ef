"""The account of a session as the supervisor tells it: of its own segments, and wrong where the sums do not close."""

from __future__ import annotations

from pathlib import Path

from verify_data import record, rewrite, sealed

from acquisition import journal
from acquisition.journal import PacketRecord, Record
from config.settings import SessionSettings, Settings
from eegseek.ending import Account
from wire.packets import Result, Status

COUNTERS = {"due": 5, "sent": 3, "rejected": 1, "missed": 1, "pending": 0, "answered": 2, "expired": 0, "dropped": 1,
            "failed": 0, "in_flight": 0}  # fmt: skip


def settings(journal: bool = True) -> Settings:
    return Settings(session=SessionSettings(journal=journal))


def status(**counters: int) -> Status:
    return Status(role="acquisition", name="acquisition", pid=1, session="s", segment=0, state="stopped", time_s=0.0,
                  counters={**COUNTERS, **counters}, rejected_by={"flat": 1}, last=True)  # fmt: skip


def test_only_segments_of_this_run_are_told(tmp_path: Path) -> None:
    record(tmp_path)
    account = Account(settings(), tmp_path)
    assert account.told() == ([], "")
    record(tmp_path, segment=1, failing=[0, 1])
    lines, wrong = account.told()
    assert wrong == ""
    assert lines == [
        "windows: 7 due = 6 sent + 1 rejected (non_finite 1) + 0 missed; "
        "6 sent = 4 answered + 0 expired + 0 dropped + 2 failed; 0 lost, 0 doubled"
    ]


def test_sums_that_do_not_close_are_wrong(tmp_path: Path) -> None:
    def lose(entry: Record) -> list[Record]:
        packet = entry.packet if isinstance(entry, PacketRecord) else None
        return [] if isinstance(packet, Result) and packet.sequence == 4 else [entry]

    (tmp_path / "whole").mkdir()
    (tmp_path / "lost").mkdir()
    account = Account(settings(), tmp_path / "lost")
    rewrite(record(tmp_path / "whole"), tmp_path / "lost", lose)
    lines, wrong = account.told()
    assert "1 lost" in lines[0]
    assert "does not close" in wrong and "answered 6, written 5" in wrong and "lost 1" in wrong


def test_a_last_status_that_does_not_add_up_is_wrong(tmp_path: Path) -> None:
    def false(entry: Record) -> list[Record]:
        packet = entry.packet if isinstance(entry, PacketRecord) else None
        return [sealed(status())] if isinstance(packet, Status) else [entry]

    (tmp_path / "whole").mkdir()
    (tmp_path / "false").mkdir()
    account = Account(settings(), tmp_path / "false")
    rewrite(record(tmp_path / "whole"), tmp_path / "false", false)
    assert "due 5, written 7" in account.told()[1]


def test_without_a_journal_the_last_status_tells(tmp_path: Path) -> None:
    account = Account(settings(journal=False), tmp_path)
    assert account.told() == ([], "")
    account.hear(status(answered=1, in_flight=1))
    account.hear(status())
    lines, wrong = account.told()
    assert wrong == ""
    assert lines[0].startswith("windows: 5 due = 3 sent + 1 rejected (flat 1) + 1 missed; 3 sent = 2 answered")
    account.hear(status(due=6))
    assert "due 6" in account.told()[1]


def test_a_journal_that_goes_on_in_another_file_is_counted_whole(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "rotated").mkdir()
    whole = record(tmp_path / "whole")
    account = Account(settings(), tmp_path / "rotated")
    rewrite(whole, tmp_path / "rotated", lambda entry: [entry], rotate_bytes=10_000)
    assert len(list((tmp_path / "rotated").glob("*.esj"))) > 2
    lines, wrong = account.told()
    assert wrong == "" and "6 answered" in lines[0]
    assert len(list(journal.read(whole))) == len(list(journal.read(tmp_path / "rotated" / whole.name)))
