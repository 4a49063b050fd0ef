"""Parts of the fault rows that need no process: the table, lines through measurements, a journal's account."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acquisition import journal
from acquisition.types import Chunk, Event, Gap, StreamInfo
from benchmarks.faults import account, table
from benchmarks.faults.growth import Sampler, fit
from benchmarks.faults.run import measured
from config.errors import SettingsError
from wire.packets import Rejected


def test_rows_are_chosen_by_name_in_the_order_of_the_table() -> None:
    assert table.chosen(()) == table.ROWS
    assert table.chosen(("hung-worker", "killed-worker")) == ("workers:killed_worker", "workers:hung_worker")
    with pytest.raises(SettingsError, match=r"there is no fault 'killed_worker'.*killed-worker"):
        table.chosen(("killed_worker",))


def test_names_are_unique() -> None:
    names = [table.name_of(entry) for entry in table.ROWS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("entry", [e for e in table.ROWS if e.partition(":")[0] in ("workers", "processes", "disk")])
def test_an_entry_names_a_function_that_says_what_it_does(entry: str) -> None:
    assert (table.load(entry).__doc__ or "").endswith(".")


def test_a_row_that_cannot_be_measured_has_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(place: Path, short: bool) -> None:
        raise SettingsError("no such thing")

    monkeypatch.setattr(table, "load", lambda entry: fails)
    found = measured("workers:killed_worker", short=True)
    assert not found["passed"]
    assert found["measured"] == {"not_measured": "no such thing"}


def test_growth_is_a_share_of_the_mean_over_the_whole_time() -> None:
    times = [float(k) for k in range(101)]
    found = fit(times, [1000.0 + k for k in range(101)])
    assert found.share == pytest.approx(100 / 1050)
    assert found.span_s == 100.0
    assert fit(times, [5.0] * 101).share == pytest.approx(0.0)
    assert fit([0.0, 1.0], [1.0, 9.0]).share == 0.0


def test_the_account_of_a_journal_that_was_cut_off(tmp_path: Path) -> None:
    writer = journal.JournalWriter(tmp_path / "segment-0000.esj")
    writer.open(journal.make_header("s", 0, StreamInfo("x", "lsl", 100.0, ("Cz",))))
    for k in range(10):
        stamps = 50.0 + k + np.arange(100) / 100
        writer.chunk(Chunk(np.zeros((1, 100), np.float32), stamps, 0.0, events=(Event(50.0 + k, "a"),)))
    writer.gap(Gap(0, 7.0, 50.0))
    for k in range(7):
        writer.packet(
            Rejected(session="s", segment=0, sequence=k, stimulus="a", onset_s=50.0 + k, reasons=("artefact",))
        )
    found = account.read(tmp_path / "segment-0000.esj")
    assert (found.samples, found.answered, found.refused, found.open) == (1000, 0, 7, 3)
    assert (found.begin_s, found.end_s) == (50.0, pytest.approx(59.99))
    assert found.gaps == (Gap(0, 7.0, 50.0),)
    assert found.whole and not found.closed
    # three stimuli have no end: those of the last three seconds may, one of before should have one
    assert found.open_since(3.0) == 0
    assert found.open_since(2.0) == 1
    writer.close()
    assert account.read(tmp_path / "segment-0000.esj").closed


def test_a_series_is_thinned_and_keeps_its_order() -> None:
    sampler = Sampler({"a": 1, "b": 2}, 1.0)
    sampler._rows["a"] = [(float(k), k << 20, 3) for k in range(200)]
    assert sampler.series("a", 50) == [float(k) for k in range(0, 200, 4)]
    assert sampler.series("b") == []
