"""A session computed again says what it said, to the last bit; and what was changed in its journal is named."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace as changed
from verify_data import Edit, rewrite, sealed
from verify_running import (
    CHANNELS,
    DIM,
    PARTICIPANT,
    RATE_HZ,
    REPEATS,
    STIMULI,
    eegseek,
    finished,
    hashes,
    results,
    sets,
    verify,
    write_encoder_bundle,
    write_gallery_bundle,
    write_settings,
)

from acquisition import journal
from acquisition.journal import Header, PacketRecord, Record
from acquisition.types import Chunk
from benchmarks.live_replay import replay_live
from config.bundles import Item
from inference.gallery_edit import edit
from inference.same import CLOSE, cosine
from wire.packets import Result


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Bundles and settings; sockets in a folder of short name."""
    folder = tmp_path_factory.mktemp("verify")
    write_encoder_bundle(folder / "encoder", 0)
    write_encoder_bundle(folder / "other-encoder", 1)
    write_gallery_bundle(folder / "gallery", 0)
    write_gallery_bundle(folder / "other-gallery", 1)
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        write_settings(folder, sockets)
        yield folder


@pytest.fixture(scope="module")
def session(place: Path) -> tuple[Path, list[str]]:
    """Two segments over LSL, the second continuing the averages of the first; and what the runs said."""
    name, said = f"verify-{os.getpid()}", []
    source = {"source.kind": "lsl", "source.name": name, "source.marker_name": f"{name}-markers"}
    for seed in (0, 1):
        player = sets({f"source.{key}": value for key, value in {**PARTICIPANT, "seed": seed}.items()})
        streaming = eegseek("stream", "participant", "--name", name, *player, cwd=place)
        try:
            code, _, errors = finished(eegseek("run", "-c", "c.json", *sets(source), "--headless", cwd=place))
        except BaseException:
            streaming.kill()
            streaming.communicate()
            raise
        if code:  # it would wait for listeners
            streaming.kill()
        played = finished(streaming)[0]
        assert (code, played) == (0, 0), errors
        said.append(errors)
    return place / "sessions" / "here", said


def copy_with(session: Path, folder: Path, change: Edit, segment: int = 1) -> Path:
    """A copy of the session with one journal written anew."""
    folder.mkdir()
    for number in (0, 1):
        file = journal.path(session, number)
        if number == segment:
            rewrite(file, folder, change)
        else:
            shutil.copy(file, folder)
    return folder


@pytest.mark.timeout(400)
def test_a_live_session_is_the_same_to_the_last_bit(session: tuple[Path, list[str]]) -> None:
    folder, said = session
    due = STIMULI * REPEATS
    for words in said:
        assert f"windows: {due} due = {due} sent + 0 rejected + 0 missed; {due} sent = {due} answered" in words
        assert "0 lost, 0 doubled" in words
    code, report, words = verify(folder)
    assert code == 0, words
    assert report["same"] and "the same: " in words
    for number, one in enumerate(report["segments"]):
        counts = one["counts"]
        assert (one["segment"], one["exact"], one["lowest_cosine"]) == (number, True, pytest.approx(1.0, abs=1e-12))
        assert counts["same"] == counts["answered"] == due
        assert counts["bit_equal"] == counts["answered"] + counts["parts_answered"]
        assert counts["parts_answered"] > 0
    # the running averages of the second segment are those of both
    repeats = [r.answers[1].repeats for r in results(journal.path(folder, 1)) if r.final]
    assert sorted(set(repeats)) == [REPEATS + 1, REPEATS + 2, 2 * REPEATS]


def other_embedding(entry: Record) -> list[Record]:
    packet = entry.packet if isinstance(entry, PacketRecord) else None
    if not isinstance(packet, Result) or (packet.sequence, packet.final) != (7, True):
        return [entry]
    data = packet.data.copy()
    data.view(np.uint32)[1, 3] ^= 1
    return [sealed(changed(packet, data=data))]


def other_item(entry: Record) -> list[Record]:
    packet = entry.packet if isinstance(entry, PacketRecord) else None
    if not isinstance(packet, Result) or (packet.sequence, packet.final) != (5, True):
        return [entry]
    answer = packet.answers[0]
    swapped = (answer.hits[1], answer.hits[0], *answer.hits[2:])
    return [sealed(changed(packet, answers=(changed(answer, hits=swapped), packet.answers[1])))]


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_embedding, "segment 1, window 7, part 1: embedding, version 1: stored"),
        (other_item, "segment 1, window 5, part 1: top 10, version 0: stored"),
    ],
)
def test_a_changed_answer_is_named(session: tuple[Path, list[str]], tmp_path: Path, change: Edit, words: str) -> None:
    code, report, said = verify(copy_with(session[0], tmp_path / "here", change), "--segment", "1")
    assert code == 1
    assert words in said and "NOT the same: 1 difference," in said
    assert report["segments"][0]["first"]["words"].startswith(words)


@pytest.mark.timeout(200)
def test_a_changed_sample_is_named(session: tuple[Path, list[str]], tmp_path: Path) -> None:
    onset = next(r.onset_s for r in results(journal.path(session[0], 0)) if r.sequence == 9)

    def other_sample(entry: Record) -> list[Record]:
        if not isinstance(entry, Chunk) or not entry.stamps.size:
            return [entry]
        at = int(np.searchsorted(entry.stamps, onset + 0.45))
        if not entry.stamps[0] < onset + 0.45 <= entry.stamps[-1]:
            return [entry]
        samples = entry.samples.copy()
        samples[2, at] += np.float32(0.5)
        return [replace(entry, samples=samples)]

    code, report, said = verify(copy_with(session[0], tmp_path / "here", other_sample, 0), "--segment", "0")
    assert code == 1, said
    first = report["segments"][0]["first"]
    assert (first["what"], first["segment"]) == ("samples", 0)
    # the part of window 10 that ends 0.5 s after onset 9 holds it, and is decided before window 9 is whole
    assert (first["sequence"], first["part"]) in ((10, 0), (9, 1))
    assert first["stored"] != first["found"]


@pytest.mark.timeout(200)
def test_a_torn_journal_is_verified_up_to_there(session: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder = copy_with(session[0], tmp_path / "here", lambda entry: [entry])
    file = journal.path(folder, 1)
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size * 3 // 4)
    code, report, said = verify(folder, "--segment", "1")
    assert code == 0, said
    assert "torn at byte" in said and "verified up to there" in said
    assert 0 < report["segments"][0]["counts"]["same"] < STIMULI * REPEATS


@pytest.mark.timeout(200)
def test_another_machine_is_compared_by_tolerance(session: tuple[Path, list[str]], tmp_path: Path) -> None:
    def elsewhere(entry: Record) -> list[Record]:
        if isinstance(entry, Header):
            return [replace(entry, versions={**entry.versions, "processor": "another"})]
        return list(other_embedding(entry))

    code, report, said = verify(copy_with(session[0], tmp_path / "here", elsewhere), "--segment", "1")
    assert code == 0, said
    one = report["segments"][0]
    assert not one["exact"] and "processor was another" in one["not_exact_because"]
    assert one["counts"]["close"] == one["counts"]["answered"] + one["counts"]["parts_answered"]


@pytest.mark.timeout(200)
def test_other_bundles_are_refused_and_an_edited_gallery_is_not(
    session: tuple[Path, list[str]], place: Path, tmp_path: Path
) -> None:
    folder = session[0]
    for option, words in (("encoder", "are by encoder"), ("gallery", "by which answers were given")):
        code, _, said = verify(folder, f"--{option}", str(place / f"other-{option}"))
        assert code == 1
        assert words in said and "Traceback" not in said
    code, _, said = verify(folder, "--encoder", str(tmp_path / "nowhere"))
    assert code == 1 and "nowhere" in said
    shutil.copytree(place / "gallery", tmp_path / "gallery")
    edit(tmp_path / "gallery", [Item(id="new", label="new")], np.ones((1, DIM), np.float32), remove=["7"])
    code, _, said = verify(folder, "--segment", "0", "--gallery", str(tmp_path / "gallery"))
    assert code == 0, said


def test_what_is_no_session_is_one_sentence(place: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (["replay", str(tmp_path), "--verify"], "holds no journal"),
        (["replay", "x.csv", "--segment", "1"], "--segment"),
    ):
        code, _, errors = finished(eegseek(*arguments, cwd=place))
        assert code == 1
        assert words in errors and "Traceback" not in errors


def write_recording(file: Path) -> Path:
    """Eight seconds of noise with twelve markers, on samples."""
    import mne

    data = np.random.default_rng(5).normal(0, 1e-5, (len(CHANNELS), round(8 * RATE_HZ)))
    raw = mne.io.RawArray(data, mne.create_info(list(CHANNELS), RATE_HZ, "eeg"), verbose="ERROR")
    onsets = [4.0 + 0.24 * k for k in range(12)]
    raw.set_annotations(mne.Annotations(onsets, 0.0, [str(1 + k % 4) for k in range(12)]))
    raw.save(file, verbose="ERROR")
    return file


@pytest.mark.timeout(400)
def test_a_replay_gives_the_same_at_every_speed(place: Path, tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "noise_raw.fif")
    files = []
    for speed in ("1", "10", "0"):
        given = ["-c", "c.json", "--speed", speed, "--headless", *sets({"session.name": f"speed-{speed}"})]
        code, _, errors = finished(eegseek("replay", str(recording), *given, cwd=place))
        assert code == 0, errors
        assert "windows: 12 due = 12 sent + 0 rejected + 0 missed; 12 sent = 12 answered" in errors
        files.append(journal.path(place / "sessions" / f"speed-{speed}", 0))
    first = answers(files[0])
    assert len(first) == 24 and len(hashes(files[0])) == 24
    for file in files[1:]:
        assert hashes(file) == hashes(files[0])
        assert answers(file) == first


def answers(file: Path) -> dict[tuple[int, int], tuple[Any, ...]]:
    """All that an answer says, but for when and by whom."""
    return {(r.sequence, r.part): (r.data.tobytes(), r.answers, r.flags, r.end_s, r.stimulus) for r in results(file)}


@pytest.mark.timeout(200)
def test_a_replay_over_lsl_gives_the_same_within_the_tolerance(place: Path, tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "noise_raw.fif")
    found = []
    for direct in (True, False):
        folder = tmp_path / str(direct)
        folder.mkdir()
        live = replay_live(recording, place / "encoder", place / "gallery", folder, direct=direct)
        found.append({result.sequence: result for result in live.results})
    straight, over_lsl = found
    assert straight.keys() == over_lsl.keys() == set(range(12))
    assert min(cosine(straight[k], over_lsl[k]) for k in straight) >= CLOSE
