"""From journals to BIDS BrainVision: bit for bit, whatever the chunks, parts and tears."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from acquisition import journal
from acquisition.bids import brainvision, layout
from acquisition.bids.layout import ENDINGS, Layout
from acquisition.bids.progress import failed, sentences
from acquisition.bids.recover import Report, recover
from acquisition.bids.survey import pending, survey
from acquisition.journal import Bad
from acquisition.journal_files import part_path, segments
from acquisition.types import Chunk, Event, Gap, StreamInfo
from config.errors import JournalError
from config.settings import MarkerSettings, Settings
from wire.packets import Answer, Hit, Rejected, Result
from wire.states import Change

RATE = 250.0
INFO = StreamInfo("headset", "lsl", RATE, ("Fp1", "C,z", "Öz"), line_hz=50.0)
LOST_AT, LOST = 2500, 30


def stamps_of(count: int, *, gap: bool = False) -> NDArray[np.float64]:
    number = np.arange(count) + (LOST * (np.arange(count) >= LOST_AT) if gap else 0)
    return 1000.0 + number / RATE


def samples_of(count: int, seed: int = 0) -> NDArray[np.float32]:
    samples = np.random.default_rng(seed).standard_normal((3, count)).astype(np.float32)
    samples[0] = np.arange(count)
    samples[2, 5:6] = np.frombuffer(b"\x45\x23\xc1\x7f", dtype="<f4")[0]  # a NaN that carries something
    return samples


def write(
    folder: Path,
    count: int = 5000,
    *,
    segment: int = 0,
    chunk: int = 16,
    gap: bool = False,
    rotate: int = 1 << 30,
    events: tuple[Event, ...] = (),
    close: bool = True,
    info: StreamInfo = INFO,
    settings: str = "",
) -> journal.JournalWriter:
    """A journal of noise, with the sample number in channel 0."""
    writer = journal.JournalWriter(journal.path(folder, segment), rotate)
    writer.open(journal.make_header("p 01-a", segment, info, settings))
    samples, stamps, left = samples_of(count, segment), stamps_of(count, gap=gap), list(events)
    for at in range(0, count, chunk):
        part = slice(at, min(at + chunk, count))
        here = tuple(e for e in left if e.stamp <= stamps[part][-1])
        left = [e for e in left if e.stamp > stamps[part][-1]]
        array = np.ascontiguousarray(samples[:, part])
        counter = np.arange(count)[part] if info.has_counter else None
        writer.chunk(Chunk(array, stamps[part], stamps[part][-1], stamps[part] - 0.25, counter, here, offset_s=0.25))
    if close:
        writer.close()
    return writer


def made(folder: Path) -> Layout:
    return Layout(folder, "p 01-a")


def data(folder: Path, segment: int = 0, part: int = 1, channels: int = 4) -> NDArray[np.float32]:
    there = made(folder)
    return np.fromfile(there.eeg / f"{there.stem(segment, part)}_eeg.eeg", "<f4").reshape(-1, channels).T


def table(folder: Path, ending: str = "_events.tsv", segment: int = 0, part: int = 1) -> list[dict[str, str]]:
    there = made(folder)
    first, *lines = (there.eeg / f"{there.stem(segment, part)}{ending}").read_text().splitlines()
    names = first.split("\t")
    assert all(len(line.split("\t")) == len(names) for line in lines)
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]


def test_samples_and_stamps_bit_for_bit(tmp_path: Path) -> None:
    write(tmp_path)
    report = recover(tmp_path)
    assert [o.run for o in report.outcomes] == ["sub-p01a_ses-01_task-search_run-01"] and not failed(report)
    found, wanted = data(tmp_path), samples_of(5000)
    assert found[:3].tobytes() == wanted.tobytes()
    assert np.array_equal(found[3], np.arange(5000))
    there = made(tmp_path)
    stamps = np.load(there.eeg / f"{there.stem(0, 1)}_stamps.npy")
    assert stamps["stamp"].tobytes() == stamps_of(5000).tobytes()
    assert stamps["sent"].tobytes() == (stamps_of(5000) - 0.25).tobytes()
    assert np.array_equal(stamps["number"], np.arange(5000))
    assert np.abs(stamps["clock"] - stamps_of(5000)).max() < 1e-6
    chunks = np.load(there.eeg / f"{there.stem(0, 1)}_chunks.npy")
    assert chunks["samples"].sum() == 5000 and set(chunks["offset_s"]) == {0.25} and chunks["first"][1] == 16


@pytest.mark.parametrize("chunk", [1, 7, 250, 5000])
def test_how_it_was_chunked_changes_nothing(tmp_path: Path, chunk: int) -> None:
    events = tuple(Event(1001.0 + k * 0.7003, str(k)) for k in range(20))
    write(tmp_path / "a", chunk=16, gap=True, events=events)
    write(tmp_path / "b", chunk=chunk, gap=True, events=events)
    recover(tmp_path / "a")
    recover(tmp_path / "b")
    there = made(tmp_path / "a")
    for ending in ("_eeg.eeg", "_eeg.vhdr", "_eeg.vmrk", "_events.tsv", "_stamps.npy", "_channels.tsv"):
        name = f"{there.stem(0, 1)}{ending}"
        a, b = ((made(tmp_path / f).eeg / name).read_bytes() for f in "ab")
        if ending == "_eeg.vmrk":  # the first marker tells the time of day
            a, b = (text.split(b"Mk2", 1)[1] for text in (a, b))
        assert a == b, ending


def test_markers_stand_on_their_samples_and_between_them(tmp_path: Path) -> None:
    settings = Settings(markers=MarkerSettings(stimulus=r"\d+", delay_s=0.02)).model_dump_json()
    onset = 1000.0 + 700.25 / RATE
    events = (Event(onset, "17"), Event(onset + 0.001, "17"), Event(1004.0, "pause, é"), Event(990.0, "3"))
    write(tmp_path, events=events, settings=settings)
    recover(tmp_path)
    rows = {row["label"]: row for row in table(tmp_path) if row["kind"] in ("stimulus", "marker")}
    row = rows["17"]
    assert (row["sample"], row["number"], row["trial_type"], row["sequence"]) == ("705", "705", "Stimulus/17", "1")
    assert abs(float(row["onset"]) - (700.25 / RATE + 0.02)) < 1e-6
    assert float(row["stamp"]) == onset
    assert rows["pause, é"]["trial_type"] == "Comment/pause, é" and rows["pause, é"]["sequence"] == "n/a"
    assert rows["3"]["sample"] == "n/a" and abs(float(rows["3"]["onset"]) + 9.98) < 1e-6
    assert [row["kind"] for row in table(tmp_path)].count("duplicate") == 1
    there = made(tmp_path)
    lines = (there.eeg / f"{there.stem(0, 1)}_eeg.vmrk").read_text().splitlines()
    assert any(line.endswith("=Stimulus,17,706,1,0") for line in lines)
    assert any(r"=Comment,pause\1 é," in line for line in lines)
    onsets = [float(row["onset"]) for row in table(tmp_path)]
    assert onsets == sorted(onsets)


def test_a_gap_is_a_boundary_with_its_length(tmp_path: Path) -> None:
    write(tmp_path, gap=True)
    recover(tmp_path)
    (gap,) = [row for row in table(tmp_path) if row["kind"] == "gap"]
    assert gap["sample"] == str(LOST_AT) and gap["trial_type"] == "BAD_boundary"
    words, length, unit = gap["text"].split()
    assert (words, unit) == ("gap", "ms") and abs(float(length) - 1000 * LOST / RATE) < 0.5
    there = made(tmp_path)
    text = (there.eeg / f"{there.stem(0, 1)}_eeg.vmrk").read_text()
    assert f"=New Segment,{gap['text']},{LOST_AT + 1},1,0" in text
    assert f"=BAD_boundary,{gap['text']},{LOST_AT + 1},1,0" in text
    assert there.facts(0, 1)["RecordingType"] == "discontinuous"


def test_a_gap_that_only_the_live_run_told_of(tmp_path: Path) -> None:
    writer = write(tmp_path, close=False)
    writer.gap(Gap(0, 500.0, 1000.0, 2.0))
    writer.close()
    recover(tmp_path)
    (gap,) = [row for row in table(tmp_path) if row["kind"] == "gap"]
    assert (gap["sample"], gap["text"]) == ("0", "gap 2000.0 ms")


def test_answers_notes_and_turns(tmp_path: Path) -> None:
    writer = write(tmp_path, events=(Event(1002.0, "5"), Event(1003.0, "6")), close=False)
    hit = Hit(id="a", label="apple\tpie", modality="image", cosine=0.5, probability=0.25)
    fields = {"session": "p 01-a", "segment": 0}
    answers = (Answer(hits=(hit,), repeats=1), Answer(hits=(hit,), repeats=3, withheld=True))
    writer.packet(
        Result(**fields, sequence=0, stimulus="5", onset_s=1002.0, versions=2, dim=2, answers=answers, encoder="e",
               gallery="g", commit=1, data=np.zeros((2, 2), np.float32))
    )  # fmt: skip
    writer.packet(Rejected(**fields, sequence=1, stimulus="6", onset_s=1003.0, reasons=("flat", "gap")))
    writer.turn(Change(1019.0, "source", "headset", "lost", "it went away"))
    writer.note("coffee\nbreak")
    writer.close()
    recover(tmp_path)
    single, average, rejected = table(tmp_path, "_answers.tsv")
    assert (single["onset"], single["version"], single["repeats"]) == ("2.0", "single", "1")
    assert (average["version"], average["repeats"], average["withheld"]) == ("average", "3", "true")
    assert (single["rank1_label"], single["probability"]) == ("apple pie", "0.25")
    assert (rejected["outcome"], rejected["reason"], rejected["onset"]) == ("rejected", "flat; gap", "3.0")
    rows = {row["kind"]: row for row in table(tmp_path)}
    assert rows["note"]["text"] == "coffee break"
    assert rows["state"]["trial_type"] == "State/source/lost" and rows["state"]["text"] == "headset: it went away"


def test_what_a_person_marked_is_bad_from_its_first_sample_to_its_last(tmp_path: Path) -> None:
    write(tmp_path / "plain", close=False).close()
    writer = write(tmp_path, close=False)  # 1000 s to 1020 s; a chunk of 16 arrives with its last sample
    writer.bad(Bad(1020.0, 5.0, "a cough, then\ttalk"))
    writer.bad(Bad(1020.0, 100.0, ""))
    writer.close()
    recover(tmp_path)
    whole, cough = [row for row in table(tmp_path) if row["kind"] == "bad"]
    assert {whole["trial_type"], cough["trial_type"]} == {"BAD_marked"}
    first = int(cough["sample"])
    assert 3750 - 16 <= first <= 3750 + 13 + 16  # chunks are told apart to a twentieth of a second
    assert float(cough["onset"]) == pytest.approx(first / RATE)
    assert float(cough["onset"]) + float(cough["duration"]) == pytest.approx(5000 / RATE)
    assert (cough["text"], cough["stamp"]) == ("a cough, then talk", "1015.0")
    assert (whole["sample"], float(whole["duration"])) == ("0", pytest.approx(20.0))
    there = made(tmp_path)
    lines = (there.eeg / f"{there.stem(0, 1)}_eeg.vmrk").read_text().splitlines()
    assert any(line.endswith(f"=BAD_marked,a cough\\1 then talk,{first + 1},{5000 - first},0") for line in lines)


def test_a_bad_stretch_over_two_files_is_marked_in_both(tmp_path: Path) -> None:
    writer = write(tmp_path, rotate=90_000, close=False)
    writer.bad(Bad(1020.0, 12.0, "cable"))
    writer.close()
    recover(tmp_path)
    parts = segments(tmp_path)[0]
    assert len(parts) > 1
    rows = [row for part in parts for row in table(tmp_path, part=part) if row["kind"] == "bad"]
    assert len(rows) > 1
    assert sum(float(row["duration"]) for row in rows) == pytest.approx(12.0, abs=0.2)


def test_rotation_loses_nothing_and_everything_reads_across(tmp_path: Path) -> None:
    events = tuple(Event(1000.0 + k * 0.5, str(k)) for k in range(40))
    write(tmp_path / "one", gap=True, events=events)
    write(tmp_path / "many", gap=True, events=events, rotate=30_000)
    first = journal.path(tmp_path / "many", 0)
    parts = segments(tmp_path / "many")[0]
    assert len(parts) > 3 and journal.next_segment(tmp_path / "many") == 1
    assert all(part_path(first, part).stat().st_size <= 30_000 for part in parts)
    chunks = [r for r in journal.read(first) if isinstance(r, Chunk)]
    assert np.hstack([c.samples for c in chunks]).tobytes() == samples_of(5000).tobytes()
    assert sum(isinstance(r, journal.Header) for r in journal.read(first)) == 1
    source, count = journal.JournalSource(first), 0
    source.open()
    while not (chunk := source.read(0.0)).final:
        count += chunk.samples.shape[1]
    assert count + chunk.samples.shape[1] == 5000
    recover(tmp_path / "one")
    report = recover(tmp_path / "many")
    assert len(report.outcomes) == len(parts) and not report.errors
    assert report.outcomes[1].run == "sub-p01a_ses-01_task-search_acq-part02_run-01"
    whole = np.hstack([data(tmp_path / "many", 0, part) for part in parts])
    assert whole.tobytes() == data(tmp_path / "one").tobytes()
    rows = [row for part in parts for row in table(tmp_path / "many", part=part)]
    wanted = table(tmp_path / "one")
    same = ("trial_type", "number", "stamp", "sequence", "text")
    assert [[row[n] for n in same] for row in rows] == [[row[n] for n in same] for row in wanted]
    for part in parts:
        header_first = int(made(tmp_path / "many").facts(0, part)["EegseekFirstSample"])
        for row in table(tmp_path / "many", part=part):
            assert int(row["sample"]) == int(row["number"]) - header_first


def test_a_missing_part_is_a_gap(tmp_path: Path) -> None:
    write(tmp_path, rotate=30_000)
    part_path(journal.path(tmp_path, 0), 2).unlink()
    report = recover(tmp_path)
    first, third = made(tmp_path).facts(0, 1), made(tmp_path).facts(0, 3)
    lost = third["EegseekFirstSample"] - first["EegseekJournal"]["DataBytes"] // 16
    (gap,) = [row for row in table(tmp_path, part=3) if row["kind"] == "gap"]
    assert gap["text"].startswith(f"gap {1000 * lost / RATE:.1f} ms") and len(report.outcomes) >= 3
    numbers = data(tmp_path, 0, 3)[0]
    assert np.array_equal(numbers, third["EegseekFirstSample"] + np.arange(numbers.size))


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    write(tmp_path)
    assert len(pending(tmp_path)) == 1
    recover(tmp_path)
    assert not pending(tmp_path)
    there = made(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}
    report = recover(tmp_path)
    assert report.outcomes == () and report.kept == 1
    assert before == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}
    assert len(recover(tmp_path, force=True).outcomes) == 1
    for ending in ENDINGS:  # any file that is missing makes the run incomplete
        (there.eeg / f"{there.stem(0, 1)}{ending}").unlink()
        assert pending(tmp_path)
        assert len(recover(tmp_path).outcomes) == 1
    write(tmp_path, segment=1)
    report = recover(tmp_path)
    assert [o.run[-6:] for o in report.outcomes] == ["run-02"] and report.kept == 1


def test_everything_is_private(tmp_path: Path) -> None:
    write(tmp_path / "s")
    recover(tmp_path / "s")
    found = [*(tmp_path / "s").rglob("*")]
    assert len(found) > 15 and not (tmp_path / "s" / "bids" / ".partial").exists()
    for one in found:
        assert stat.S_IMODE(one.stat().st_mode) == (0o700 if one.is_dir() else 0o600), one


@pytest.mark.parametrize("cut", [1, 400, 3000])
def test_a_torn_tail(tmp_path: Path, cut: int) -> None:
    file = write(tmp_path, close=False).file
    whole = file.read_bytes()
    recovered = tmp_path / "torn"
    recovered.mkdir(mode=0o700)
    journal.path(recovered, 0).write_bytes(whole[:-cut])
    report = recover(recovered)
    found = data(recovered)
    assert found[:3].tobytes() == samples_of(5000)[:, : found.shape[1]].tobytes()
    assert 0 < 5000 - found.shape[1] <= 16 * (1 + cut // 300)
    assert report.outcomes[0].torn_bytes > 0 and not failed(report) and "are lost" in sentences(report)[0]
    assert made(recovered).facts(0, 1)["EegseekJournal"]["TornBytes"] == report.outcomes[0].torn_bytes


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    file = write(tmp_path).file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    report = recover(tmp_path)
    assert failed(report) and report.outcomes[0].damaged
    assert data(tmp_path)[:3].tobytes() == samples_of(5000)[:, : data(tmp_path).shape[1]].tobytes()


def test_nothing_to_recover(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="holds no journal"):
        recover(tmp_path)
    with pytest.raises(JournalError, match="holds no journal"):
        recover(tmp_path / "absent")
    journal.path(tmp_path, 0).write_bytes(b"nothing of the kind")
    with pytest.raises(JournalError, match="no journal in"):
        recover(tmp_path)
    assert pending(tmp_path) == frozenset()
    write(tmp_path, segment=1)
    report = recover(tmp_path)
    assert len(report.outcomes) == 1 and "is no journal" in report.errors[0] and failed(report)


def test_a_journal_without_samples_gives_no_run(tmp_path: Path) -> None:
    write(tmp_path, 0)
    report = recover(tmp_path)
    assert "gives no run" in sentences(report)[0] and not (tmp_path / "bids").exists()


def test_a_journal_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    writer = write(tmp_path, close=False)
    assert not pending(tmp_path)
    report = recover(tmp_path)
    assert report.live and not report.outcomes
    writer.close()
    assert len(pending(tmp_path)) == 1


def test_parts_before_the_one_that_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = tuple(Event(1000.0 + k * 0.5, str(k)) for k in range(40))
    writer = write(tmp_path, close=False, rotate=90_000, events=events)
    parts = segments(tmp_path)[0]
    assert survey(made(tmp_path))[0].wanted == frozenset(parts[:-2])  # what follows the last but one has not come
    monkeypatch.setattr("acquisition.bids.survey.SETTLED_S", 0.0)
    monkeypatch.setattr("acquisition.bids.segment.HOLD_S", 2.0)
    report = recover(tmp_path)
    assert report.live and [o.file for o in report.outcomes] == [part_path(writer.file, p) for p in parts[:-1]]
    before = [data(tmp_path, 0, part).tobytes() for part in parts[:-1]]
    writer.close()
    assert len(recover(tmp_path).outcomes) == 1
    assert before == [data(tmp_path, 0, part).tobytes() for part in parts[:-1]]
    labels = [row["label"] for part in parts for row in table(tmp_path, part=part) if row["label"] != "n/a"]
    assert labels == [str(k) for k in range(40)]


def test_only_one_at_a_time(tmp_path: Path) -> None:
    from acquisition.bids.files import alone

    write(tmp_path)
    with alone(tmp_path), pytest.raises(JournalError, match="another process"):
        recover(tmp_path)
    assert recover(tmp_path).outcomes


def test_a_full_disk_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setattr("acquisition.bids.recover.free_bytes", lambda _: 1000)
    with pytest.raises(JournalError, match="free space and use 'eegseek recover'"):
        recover(tmp_path)


def test_the_sample_number_beyond_what_float32_counts() -> None:
    first = brainvision.MODULO - 2
    block = np.frombuffer(brainvision.rows(np.zeros((1, 4), np.float32), first), "<f4").reshape(-1, 2)
    assert block[:, 1].tolist() == [first, first + 1, 0, 1]


@pytest.mark.parametrize("rate", [100.0, 128.0, 250.0, 256.0, 300.0, 500.0, 512.0, 1000.0, 1024.0, 2048.0, 997.0])
def test_the_rate_comes_back(rate: float) -> None:
    assert 1e6 / float(repr(brainvision.interval_us(rate))) == rate


def test_names() -> None:
    assert layout.label("session-20261121-120629") == "session20261121120629"
    assert layout.label("---") != layout.label("...") and layout.label("---").isalnum()
    assert brainvision.channel_names(["a", "a", "b\nc", "sample"]) == ["a", "a-2", "b c", "sample", "sample-2"]
    assert made(Path("s")).stem(11, 1).endswith("task-search_run-12")


def test_a_source_that_counts_and_one_with_rows(tmp_path: Path) -> None:
    counted = StreamInfo("board", "brainflow", RATE, ("a", "b", "c"), has_counter=True)
    write(tmp_path / "a", info=counted)
    recover(tmp_path / "a")
    there = made(tmp_path / "a")
    assert np.array_equal(np.load(there.eeg / f"{there.stem(0, 1)}_stamps.npy")["counter"], np.arange(5000))
    rows = StreamInfo("file", "recording", RATE, ("a", "b", "c"), exact_rows=True)
    write(tmp_path / "b", info=rows, events=(Event(1004.0, "x", 1000.5),))
    recover(tmp_path / "b")
    (row,) = [row for row in table(tmp_path / "b") if row["kind"] == "stimulus"]
    assert row["sample"] == "1001" and float(row["onset"]) == 1000.5 / RATE


def test_the_dataset(tmp_path: Path) -> None:
    write(tmp_path)
    recover(tmp_path)
    root = tmp_path / "bids"
    assert json.loads((root / "dataset_description.json").read_bytes())["DatasetType"] == "raw"
    assert (root / "participants.tsv").read_text().splitlines()[1] == "sub-p01a"
    lines = made(tmp_path).scans.read_text().splitlines()
    assert lines[1].startswith("eeg/sub-p01a_ses-01_task-search_run-01_eeg.vhdr\t2") and lines[1].endswith("Z")


def test_sentences() -> None:
    report = Report(Path("s"), kept=2, live=True, errors=("one thing",))
    assert sentences(report) == [
        "2 runs of 's' were there already", "a session is writing to 's': its last journal was left alone", "one thing"
    ]  # fmt: skip
    assert failed(report)
