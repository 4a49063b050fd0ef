"""Every leak is refused, in a sentence that says what to do, and what is sound is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from protocol_data import classed_gallery, trials_of
from training_data import CHANNELS, SPACE, epochs, gallery, plan, repeated

from config.bundles import EncoderSpec
from config.errors import RecordingError
from inference.gallery import Gallery
from training.protocols import leaks
from training.protocols.blocked import check_time
from training.trials.epochs import Origin, Trials, gather

IDS = [f"p{k}" for k in range(20)]


@pytest.fixture
def shown(tmp_path: Path) -> Gallery:
    return gallery(tmp_path / "gallery", IDS)


def spec(training: dict[str, object]) -> EncoderSpec:
    return EncoderSpec(
        architecture="eegproject",
        channels=CHANNELS,
        window=plan().window,
        chain=plan().chain,
        space=SPACE,
        dim=8,
        training=training,
        weights_sha256="0" * 64,
    )


def ordered(shown: Gallery, labels: list[str]) -> Trials:
    """One recording, in this order."""
    return gather([epochs(shown, labels)], [], shown)


def test_repeats_on_both_sides_are_refused_within_a_subject_only(shown: Gallery) -> None:
    one = trials_of(shown, IDS, 4)
    even, odd = np.arange(0, len(one), 2), np.arange(1, len(one), 2)
    with pytest.raises(RecordingError, match=r"repeats of \d+ stimuli stand on both sides.*hold out whole stimuli"):
        leaks.check_split(one, even, odd)
    inside = np.isin(one.rows, np.arange(10))
    leaks.check_split(one, np.flatnonzero(~inside), np.flatnonzero(inside))
    two = trials_of(shown, IDS, 2, subjects=2)
    leaks.check_split(two, np.flatnonzero(two.subject == 0), np.flatnonzero(two.subject == 1))
    with pytest.raises(RecordingError, match="trials stand on both sides"):
        leaks.check_split(one, np.arange(5), np.arange(4, 9))


def test_a_file_on_both_sides_is_refused(shown: Gallery) -> None:
    data = trials_of(shown, IDS, 2, recordings=2)
    with pytest.raises(RecordingError, match=r"'run 0' stands on both sides.*hold out whole recordings"):
        leaks.check_files(data, np.arange(20), np.arange(20, 60))
    leaks.check_files(data, np.flatnonzero(data.recording == 0), np.flatnonzero(data.recording == 1))


def test_learned_and_scored_recordings_must_differ(shown: Gallery) -> None:
    first, second = trials_of(shown, IDS[:10], 4), trials_of(shown, IDS[10:], 4, seed=7)
    leaks.check_sides(first, second, zero_shot=True)
    with pytest.raises(RecordingError, match="'run 0' would be learned from and scored"):
        leaks.check_sides(first, first, zero_shot=False)
    third = trials_of(shown, IDS[8:], 4, seed=9)
    with pytest.raises(RecordingError, match=r"2 of the stimuli.*nothing is zero-shot.*--allow-seen"):
        leaks.check_sides(first, third, zero_shot=True)
    leaks.check_sides(first, third, zero_shot=False)


def test_a_bundle_trained_on_these_recordings_is_refused_by_hash_whatever_their_names(shown: Gallery) -> None:
    data = trials_of(shown, IDS, 2)
    record = spec({"recordings": [{"name": "another name", "sha256": data.origins[0].sha256}]})
    with pytest.raises(RecordingError, match="was trained on 'run 0'"):
        leaks.check_bundle(record, data, shown, zero_shot=False, allow_seen=True)


def test_a_bundle_trained_on_these_stimuli_is_no_zero_shot(shown: Gallery) -> None:
    data = trials_of(shown, IDS[:10], 2)
    record = spec({"recordings": [], "items": ["p3", "p15"]})
    with pytest.raises(RecordingError, match=r"was trained on 'p3', which these recordings show.*--allow-seen"):
        leaks.check_bundle(record, data, shown, zero_shot=True)
    assert leaks.check_bundle(record, data, shown, zero_shot=True, allow_seen=True) == (True, ())
    assert leaks.check_bundle(spec({"items": ["p15"]}), data, shown, zero_shot=True) == (False, ())
    every = {"gallery": {"fingerprint": shown.fingerprint}, "items_shown": len(IDS)}
    with pytest.raises(RecordingError, match="was trained on 'p0', 'p1'"):
        leaks.check_bundle(spec(every), data, shown, zero_shot=True)
    seen, notes = leaks.check_bundle(spec({}), data, shown, zero_shot=True)
    assert not seen and "not checked" in notes[0]


def test_few_shot_classes_must_be_new(tmp_path: Path) -> None:
    classed = classed_gallery(tmp_path, 4, 3)
    data = trials_of(classed, ["c0-0", "c0-1", "c1-0", "c1-1"], 2)
    assert not leaks.check_classes(spec({"items": ["c2-0", "c3-1"]}), data, classed)
    assert leaks.check_classes(spec({"items": ["c2-0", "c1-2"]}), data, classed, allow_seen=True)
    with pytest.raises(RecordingError, match="was trained on pictures of 'c1': few-shot classes must be new"):
        leaks.check_classes(spec({"items": ["c2-0", "c1-2"]}), data, classed)


def test_blocked_designs_are_refused(shown: Gallery) -> None:
    blocks = [name for name in IDS[:4] for _ in range(20)]
    with pytest.raises(RecordingError, match=r"blocked design\); record in random order, or say --allow-blocked"):
        check_time(ordered(shown, blocks), shown)
    marked, notes = check_time(ordered(shown, blocks), shown, allow_blocked=True)
    assert marked and "may be drift" in notes[0]


def test_random_orders_are_not_blocked(shown: Gallery, tmp_path: Path) -> None:
    two = gallery(tmp_path / "two", ["left", "right"])
    assert check_time(ordered(shown, repeated(IDS, 6)), shown) == (False, ())
    for seed in range(5):
        assert check_time(ordered(two, repeated(["left", "right"], 40, seed=seed)), two) == (False, ())
    every_picture_once_a_block = [str(n) for k in range(6) for n in np.random.default_rng(k).permutation(IDS)]
    assert check_time(ordered(shown, every_picture_once_a_block), shown) == (False, ())


def test_classes_shown_in_blocks_are_refused_though_each_picture_is_shown_once(tmp_path: Path) -> None:
    classed = classed_gallery(tmp_path, 5, 10)
    with pytest.raises(RecordingError, match="have the class of their neighbour in time"):
        check_time(ordered(classed, [item.id for item in classed.items]), classed)


def test_one_class_a_recording_is_a_blocked_design(tmp_path: Path) -> None:
    two = gallery(tmp_path, ["left", "right"])
    made = [epochs(two, [name] * 30, seed=k) for k, name in enumerate(("left", "right", "left"))]
    with pytest.raises(RecordingError, match="blocked design"):
        check_time(gather(made, [Origin(str(k)) for k in range(3)], two), two)


def test_epochs_without_times_cannot_be_checked(shown: Gallery) -> None:
    data = trials_of(shown, IDS, 2)
    blocked, notes = check_time(replace(data, onsets_s=np.zeros(len(data))), shown)
    assert not blocked and "cannot be ruled out" in notes[0]
