"""Free search: what is shown, what is kept of it, how it is folded, and a participant who looks for something."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from acquisition.participant.attention import attention, looks_for
from acquisition.participant.stimuli import read_all
from config.bundles import Item
from config.errors import BundleError, SettingsError
from config.presentation import Block, Pause, Plan, Stimulus, Trial, read_plan, write_plan
from config.search import (
    GOAL_JSON,
    MARKER,
    OTHER,
    SEARCH_JSON,
    WANTED,
    Goal,
    SearchState,
    found,
    goal,
    read_search,
    write_search,
)
from config.session_ask import SESSION_JSON, Ask
from display.dashboard.search import gallery_of
from eegseek.cli_session import completed
from eegseek.session import seek_plans, sought
from eegseek.session.own_gallery import SIDE, draw, figures, vectors, write_own
from eegseek.session.place import Workplace
from eegseek.session.seek_plans import GROUPS, Shape, Things, calibration, groups, rest_of, round_of, sizes
from eegseek.session.seeker import Seeker, log_odds
from inference.gallery import Gallery, write_gallery
from training.calibration import search_words
from training.calibration.task import Task
from wire.packets import Answer, Hit, Rejected, Result

SHAPE = Shape(blocks=8, trials=40, attended=False, seed=3)
SHA = "0" * 64


def things() -> Things:
    ids = tuple(one.id for one in figures())
    return Things(ids, tuple(one.label for one in figures()), tuple(f"/{name}.png" for name in ids), vectors())


def result(name: str, sequence: int, wanted: float) -> Result:
    hits = tuple(
        Hit(id=label, label=label, modality="text", cosine=0.5, probability=p)
        for label, p in sorted(((WANTED, wanted), (OTHER, 1 - wanted)), key=lambda pair: -pair[1])
    )
    return Result(
        session="s", segment=0, sequence=sequence, stimulus=MARKER + name, onset_s=0.0, versions=1, dim=2,
        answers=(Answer(hits=hits, repeats=1),), encoder="e", gallery="g", data=np.zeros((1, 2), np.float32),
    )  # fmt: skip


def rejected(name: str, sequence: int) -> Rejected:
    return Rejected(session="s", segment=0, sequence=sequence, stimulus=MARKER + name, onset_s=0.0, reasons=("gap",))


# --- what is shown


@pytest.mark.parametrize(
    ("trials", "items", "size"), [(40, 120, (5, 2)), (24, 120, (3, 2)), (4, 120, (1, 1)), (40, 9, (2, 5))]
)
def test_groups_are_as_large_as_trials_and_gallery_allow(trials: int, items: int, size: tuple[int, int]) -> None:
    assert sizes(trials, items) == size


def test_groups_are_apart_and_their_members_near() -> None:
    made = groups(vectors(), 5, 1)
    rows = [row for group in made for row in group]
    assert len(made) == GROUPS and len(set(rows)) == len(rows) == 20
    cosines = vectors() @ vectors().T
    within = np.mean([cosines[group[0], group[1:]].mean() for group in made])
    across = np.mean([cosines[a[0], b[0]] for a in made for b in made if a is not b])
    assert within > across + 0.3


def test_each_group_is_wanted_once_in_four_blocks_so_that_pictures_say_nothing() -> None:
    plan = calibration(things(), SHAPE)
    blocks = [Counter(trial.stimulus for trial in block.trials) for block in plan.blocks]
    for block in blocks:
        counts = Counter(plan.by_id[name].category for name in block.elements())
        assert counts == {WANTED: 10, OTHER: 30} and set(block.values()) == {2}
    for first in range(0, len(blocks), GROUPS):
        seen: Counter[tuple[str, str]] = Counter()
        for block in blocks[first : first + GROUPS]:
            seen.update((name.partition("/")[2], plan.by_id[name].category) for name in block)
        names = {name for name, _ in seen}
        assert all(seen[name, WANTED] == 1 and seen[name, OTHER] == 3 for name in names) and len(names) == 20


def test_the_calibration_names_and_shows_what_to_look_for_and_is_taken_by_the_test_of_orders() -> None:
    plan = calibration(things(), SHAPE)
    pairs = list(zip(plan.parts[::2], plan.parts[1::2], strict=True))
    for pause, block in pairs:
        assert isinstance(pause, Pause) and isinstance(block, Block) and len(pause.stimuli) == 5
        wanted = {trial.stimulus for trial in block.trials if trial.stimulus.startswith(f"{WANTED}/")}
        assert wanted == set(pause.stimuli)
        assert things().labels[things().ids.index(pause.stimuli[0].partition("/")[2])] in pause.words
    task = Task.of(plan)
    assert set(task.categories.values()) == {WANTED, OTHER} == set(task.truth.values()) and task.blocks == 8
    assert plan == calibration(things(), SHAPE)


def test_orders_are_drawn_evenly() -> None:
    """Each place of a block is as often a wanted picture's as any other."""
    shape = Shape(blocks=400, trials=8, attended=False)
    first = np.array(
        [[t.stimulus.startswith(WANTED) for t in block.trials] for block in calibration(things(), shape).blocks]
    )
    assert np.allclose(first.mean(axis=0), 0.25, atol=0.09)


def test_what_is_left_of_a_calibration_keeps_what_is_named() -> None:
    plan = calibration(things(), SHAPE)
    left = rest_of(plan, 6)
    assert left is not None and left.parts == plan.parts[12:] and rest_of(plan, 8) is None


def test_a_round_shows_its_pictures_once_and_nothing_is_known_of_them(tmp_path: Path) -> None:
    plan = round_of(things(), [4, 2, 9, 0, 7, 1, 3, 5], 2, Shape())
    assert [t.stimulus for t in plan.blocks[0].trials][:2] == [MARKER + things().ids[4], MARKER + things().ids[2]]
    assert not plan.truth and isinstance(plan.parts[0], Pause) and "Space begins" in plan.parts[0].words
    write_plan(tmp_path / "p.json", plan)
    assert read_plan(tmp_path / "p.json").blocks == plan.blocks


def test_a_pause_cannot_show_what_the_plan_does_not_hold() -> None:
    stimulus = Stimulus(id="a", picture="/a.png")
    block = Block(trials=(Trial(stimulus="a", on_s=1.0),))
    with pytest.raises(ValueError, match="'b'"):
        Plan(stimuli=(stimulus,), parts=(Pause(words="", stimuli=("b",)), block))


def test_galleries_that_cannot_be_searched_are_refused() -> None:
    few = vectors()[:7]
    with pytest.raises(SettingsError, match="8 pictures or more, this one has 7"):
        Things(tuple("abcdefg"), tuple("abcdefg"), tuple("abcdefg"), few)
    odd = (*"abcdefg", "h\n")
    with pytest.raises(SettingsError, match="cannot be sent as a marker"):
        Things(odd, odd, odd, vectors()[:8])


# --- the gallery of its own


def test_the_own_gallery_is_drawn_once_and_like_things_are_near(tmp_path: Path) -> None:
    folder = write_own(tmp_path / "own")
    gallery = Gallery.load(folder)
    assert len(gallery) == 120 and len(set(gallery.row_of)) == 120
    near = [item.label for item, _ in gallery.neighbours("large-red-disc-lying", 2)]
    assert set(near) == {"small red disc, lying stripes", "large red disc, upright stripes"}
    before = (folder / "gallery.json").stat().st_mtime_ns
    assert write_own(folder) == folder and (folder / "gallery.json").stat().st_mtime_ns == before


def test_drawings_differ() -> None:
    drawn = {draw(one).tobytes() for one in figures()}
    assert len(drawn) == 120 and draw(figures()[0]).size == (SIDE, SIDE)


# --- rounds


def test_a_round_is_complete_when_all_was_answered_or_rejected_and_is_kept(tmp_path: Path) -> None:
    seeker = Seeker(things(), SHA, SHAPE, 20)
    names = [trial.stimulus.removeprefix(MARKER) for trial in seeker.plan().blocks[0].trials]
    for sequence, name in enumerate(names):
        assert not seeker.complete
        near = "red" in name
        seeker.hear(rejected(name, sequence) if sequence == 3 else result(name, sequence, 0.9 if near else 0.2))
    assert seeker.complete and seeker.words == "round 1: 19 of 20 pictures answered"
    assert seeker.fold(tmp_path, simulated=True) == ""
    state = read_search(tmp_path / SEARCH_JSON)
    assert state == seeker.state and state.simulated and len(state.rounds) == 1
    assert (state.rounds[0].shown, state.rounds[0].rejected, len(state.rounds[0].seen)) == (20, 1, 19)
    assert all("red" in one.label for one in state.rounds[0].best[:5])
    assert seeker.line().startswith("After round 1, of 120 pictures: 1. ")


def test_answers_from_before_and_to_other_things_do_not_count(tmp_path: Path) -> None:
    seeker = Seeker(things(), SHA, SHAPE, 8)
    names = [trial.stimulus.removeprefix(MARKER) for trial in seeker.plan().blocks[0].trials]
    seeker.hear(result(names[0], 0, 0.9))
    again = [trial.stimulus.removeprefix(MARKER) for trial in seeker.plan().blocks[0].trials]
    assert again == names and "0 of 8" in seeker.words  # the headset was lost: the round is shown anew
    seeker.hear(result(names[0], 0, 0.9))
    seeker.hear(result("nothing-of-the-gallery", 1, 0.9))
    assert "0 of 8" in seeker.words
    seeker.hear(result(names[0], 2, 0.9))
    assert "does not count" in seeker.fold(tmp_path, simulated=False)
    assert seeker.done == 0 and found(tmp_path) is None


def test_a_search_goes_on_where_it_was_and_another_gallerys_is_left(tmp_path: Path) -> None:
    seeker = Seeker(things(), SHA, SHAPE, 20)
    for sequence, trial in enumerate(seeker.plan().blocks[0].trials):
        seeker.hear(result(trial.stimulus.removeprefix(MARKER), sequence, 0.9 if "star" in trial.stimulus else 0.1))
    seeker.fold(tmp_path, simulated=False)
    later = Seeker(things(), SHA, SHAPE, 20, found(tmp_path))
    assert later.done == 1 and later.best() == seeker.best() and later.plan() == seeker.plan()
    assert Seeker(things(), "1" * 64, SHAPE, 20, found(tmp_path)).done == 0


def test_log_odds_are_bounded_and_need_both_categories() -> None:
    assert log_odds(result("a", 0, 1.0)) == pytest.approx(np.log(1e6))
    assert log_odds(result("a", 0, 0.5)) == 0.0
    one = result("a", 0, 0.7)
    alone = Answer(hits=one.answers[0].hits[:1], repeats=1)
    assert log_odds(msgspec.structs.replace(one, answers=(alone,))) is None


# --- what is read again


@pytest.mark.parametrize(
    "data",
    [b"[" * 200_000, b"[]", b"\xff", b"{}", b'{"vectors_sha256": "x", "items": 1}', b'{"items": 1, "items": 2}',
     b'{"vectors_sha256": "' + b"0" * 64 + b'", "items": 0}'],
)  # fmt: skip
def test_a_damaged_search_is_one_sentence_or_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / SEARCH_JSON).write_bytes(data)
    (tmp_path / GOAL_JSON).write_bytes(data)
    with pytest.raises(BundleError, match=r"search\.json"):
        read_search(tmp_path / SEARCH_JSON)
    assert found(tmp_path) is None and goal(tmp_path) is None


def test_changed_bytes_of_a_search_never_end_in_anything_else(tmp_path: Path) -> None:
    seeker = Seeker(things(), SHA, SHAPE, 8)
    for sequence, trial in enumerate(seeker.plan().blocks[0].trials):
        seeker.hear(result(trial.stimulus.removeprefix(MARKER), sequence, 0.3))
    seeker.fold(tmp_path, simulated=False)
    whole = (tmp_path / SEARCH_JSON).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), 3):
            damaged[at] = int(rng.integers(256))
        (tmp_path / SEARCH_JSON).write_bytes(
            bytes(damaged[: int(rng.integers(len(whole)))] if rng.random() < 0.3 else damaged)
        )
        state = found(tmp_path)
        assert state is None or state.items >= 1
        Seeker(things(), SHA, SHAPE, 8, state)


def test_it_is_not_written_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        write_search(tmp_path / "nowhere" / SEARCH_JSON, SearchState(vectors_sha256=SHA, items=1))


# --- the participant


def test_attention_is_graded_by_likeness(tmp_path: Path) -> None:
    grades = attention(vectors(), 17)
    assert grades[17] == 1.0 and grades.min() == 0.0 and grades.argmax() == 17
    order = np.argsort(-(vectors() @ vectors()[17]), kind="stable")
    assert np.all(np.diff(grades[order]) <= 1e-6)
    path = sought.write_participant(tmp_path, things(), seed=5, person=2)
    read = read_all(str(path))
    assert len(read.labels) == 360 and read.labels[0].startswith("wanted/") and read.vectors.shape == (360, 32)
    hidden = goal(tmp_path)
    assert hidden is not None and hidden.id in things().ids
    assert sought.write_participant(tmp_path, things(), seed=5, person=2) and goal(tmp_path) == hidden


def test_what_is_evoked_lies_between_wanted_and_other() -> None:
    labels, evoked = looks_for(things().ids, vectors(), 17, 0, (f"{WANTED}/", f"{OTHER}/", MARKER))
    of = dict(zip(labels, evoked, strict=True))
    wanted, other = evoked[:120].mean(axis=0), evoked[120:240].mean(axis=0)

    def lean(label: str) -> float:
        return float(of[label] @ (wanted - other))

    name = things().ids[17]
    assert lean(f"{WANTED}/{name}") == pytest.approx(lean(MARKER + name))
    assert lean(MARKER + name) > 0 > lean(f"{OTHER}/{name}")


# --- the session's place


def test_a_session_that_searches(tmp_path: Path) -> None:
    work = Workplace(
        Ask(name="me", participant=True, search="own", unattended=True, rounds=3, blocks=4), tmp_path / "me"
    )
    assert work.way.rounds == 3 and work.seeker is not None and work.settings.markers.stimulus == seek_plans.MARKERS
    assert set(work.truth.values()) == {WANTED, OTHER}
    assert {item.id for item in Gallery.load(tmp_path / "me" / "gallery").items} == {WANTED, OTHER}
    assert len(read_plan(work.write_plan(using=False)).blocks) == 4
    left = work.write_showing(using=False, done=3)
    assert left is not None and len(read_plan(left).blocks) == 1
    showing = work.write_showing(using=True, done=0)
    assert showing is not None and all(t.stimulus.startswith(MARKER) for t in read_plan(showing).blocks[0].trials)
    assert gallery_of(tmp_path / "me") == tmp_path / "me" / "search-gallery"
    assert "participant-responses" in work.write_participant().read_text()


def test_a_gallery_without_pictures_or_with_a_missing_one_is_said(tmp_path: Path) -> None:
    items = [Item(id=str(k), label=str(k)) for k in range(9)]
    write_gallery(tmp_path / "words", items, np.eye(9, dtype=np.float32), space="s", model="m")
    with pytest.raises(SettingsError, match="8 pictures or more, this one has 0"):
        Workplace(Ask(name="me", participant=True, search=str(tmp_path / "words")), tmp_path / "me")
    gone = [item.model_copy(update={"picture": f"pictures/{item.id}.png"}) for item in items]
    write_gallery(tmp_path / "gone", gone, np.eye(9, dtype=np.float32), space="s", model="m")
    with pytest.raises(SettingsError, match=r"0\.png.* is missing"):
        Workplace(Ask(name="you", participant=True, search=str(tmp_path / "gone")), tmp_path / "you")
    with pytest.raises(BundleError, match="nothing-there"):
        Workplace(Ask(name="we", participant=True, search=str(tmp_path / "nothing-there")), tmp_path / "we")


@pytest.mark.parametrize(
    "more", [{"pictures": "/p"}, {"categories": ("a",)}, {"presenter": False, "participant": False}]
)
def test_what_cannot_go_with_a_search_is_said(tmp_path: Path, more: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="--search"):
        Workplace(Ask.model_validate({"name": "me", "participant": True, "search": "own", **more}), tmp_path / "me")


def test_the_gallery_may_be_left_out_on_the_command_line() -> None:
    assert completed([]) == [] and completed(["--search"]) == ["--search", "own"]
    assert completed(["--search", "--unattended"]) == ["--search", "own", "--unattended"]
    assert completed(["--search", "pictures", "--size", "1x1"]) == ["--search", "pictures", "--size", "1x1"]


def test_the_dashboard_looks_for_a_gallery_only_where_a_session_searches(tmp_path: Path) -> None:
    assert gallery_of(tmp_path) is None
    (tmp_path / SESSION_JSON).write_text(Ask(name="me").model_dump_json())
    assert gallery_of(tmp_path) is None


# --- the report


def test_the_report_tells_rounds_and_how_a_simulated_goal_stands(tmp_path: Path) -> None:
    work = Workplace(Ask(name="me", participant=True, search="own", unattended=True), tmp_path / "me")
    assert work.seeker is not None
    seeker, looked_for = work.seeker, "large-green-star-lying"
    grades = dict(zip(things().ids, attention(vectors(), things().ids.index(looked_for)), strict=True))
    for number in range(2):
        for sequence, trial in enumerate(seeker.plan().blocks[0].trials):
            name = trial.stimulus.removeprefix(MARKER)
            seeker.hear(result(name, 100 * number + sequence, 0.1 + 0.8 * grades[name]))
        seeker.fold(work.folder, simulated=True)
    state = search_words.search_of(work.folder)
    assert state is not None and [row[0] for row in search_words.rows(state)] == ["1", "2"]
    hidden = Goal(id=looked_for, label="star")
    place, near = search_words.standing(work.folder, state, hidden) or (0, 0.0)
    assert place <= 3 and near > 0.85
    (work.folder / GOAL_JSON).write_text(hidden.model_dump_json())
    said = " ".join(search_words.lead(work.folder, state))
    assert f"place {place} of 120" in said and "SIMULATED" in said
    drawn = search_words.pictures(work.folder, state)
    assert len(drawn) == 1 and drawn[0].source.startswith("data:image/png") and "6. " in drawn[0].caption
    assert search_words.search_of(tmp_path) is None and search_words.lead(tmp_path, None) == ()
