"""Plans: balanced, seeded, intermixed; what cannot be shown is refused in a sentence."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from typer.testing import CliRunner

from acquisition.sources.labels import END_LABEL as OUTLETS_END
from config.bundles import read_session_file
from config.errors import EegseekError, PlanError
from config.presentation import END_LABEL, Block, Drawing, Pause, Plan, Stimulus, Trial, read_plan, write_plan
from config.settings import MarkerSettings
from display.presenter import pictures
from display.presenter.make import Design, delay_test, make_plan, warnings, with_truth
from display.presenter.stimuli import CATCH_STIMULUS, PLAIN, of_folder, of_gallery, plain
from eegseek.cli import app
from inference.build import from_pictures

TWO = plain(["red", "checker"])


def categories(block: Block, plan: Plan) -> list[str]:
    return [plan.by_id[trial.stimulus].category for trial in block.trials]


def test_each_block_holds_as_many_of_each_category_and_pictures_come_in_rounds() -> None:
    plan = make_plan(TWO, Design(blocks=6, trials=20))
    assert len(plan.blocks) == 6
    for block in plan.blocks:
        assert Counter(categories(block, plan)) == {"red": 10, "checker": 10}
        for category in ("red", "checker"):
            shown = [t.stimulus for t in block.trials if t.stimulus.startswith(category)]
            assert set(Counter(shown).values()) == {2}  # ten trials, five pictures
            assert all(a != b for a, b in pairwise(shown))
    assert isinstance(plan.parts[0], Pause)
    assert plan.categories == ("red", "checker")


def test_same_seed_same_order_and_another_seed_another() -> None:
    assert make_plan(TWO, Design(seed=3)) == make_plan(TWO, Design(seed=3))
    assert make_plan(TWO, Design(seed=3)) != make_plan(TWO, Design(seed=4))


def test_no_order_of_categories_is_likelier_than_another() -> None:
    # what came before tells nothing: else a decoder that follows drifts would beat chance without any brain
    orders = Counter()
    for seed in range(600):
        plan = make_plan(TWO, Design(seed=seed, blocks=1, trials=4))
        orders[tuple(categories(plan.blocks[0], plan))] += 1
    assert len(orders) == 6
    assert sum((n - 100) ** 2 / 100 for n in orders.values()) < 20.5  # chi², 5 degrees of freedom, p = 0.001


def test_catch_trials_stand_among_the_others_and_are_no_stimuli_for_a_decoder() -> None:
    plan = make_plan(TWO, Design(mode="rsvp", blocks=3, trials=20, catch_share=0.1))
    for block in plan.blocks:
        caught = [k for k, t in enumerate(block.trials) if t.stimulus == CATCH_STIMULUS.id]
        assert len(caught) == 2
        assert 0 not in caught
        assert all(block.trials[k].respond for k in caught)
        assert len({t.on_s for t in block.trials}) == 1
    assert "catch" not in plan.categories
    import re

    wanted = re.compile(MarkerSettings().stimulus)
    assert not wanted.fullmatch(CATCH_STIMULUS.id)
    assert all(wanted.fullmatch(stimulus.id) for stimulus in TWO)


def test_targets_of_an_oddball_are_rare_never_first_and_never_two_in_a_row() -> None:
    plan = make_plan(TWO, Design(mode="oddball", target="red", target_share=0.2, trials=30, blocks=5))
    for block in plan.blocks:
        shown = categories(block, plan)
        assert shown.count("red") == 6
        assert shown[0] == "checker"
        assert all((a, b) != ("red", "red") for a, b in pairwise(shown))
        assert [t.respond for t in block.trials] == [c == "red" for c in shown]
    with pytest.raises(PlanError, match="'green'"):
        make_plan(TWO, Design(mode="oddball", target="green"))
    with pytest.raises(ValidationError, match="target"):
        Design(mode="oddball")


def test_flicker_gives_each_category_its_frequency_and_warns() -> None:
    plan = make_plan(TWO, Design(mode="flicker", flicker_hz=(10.0, 12.0), on_s=4.0, trials=4, blocks=1))
    for trial in plan.blocks[0].trials:
        assert trial.flicker_hz == (10.0 if trial.stimulus.startswith("red") else 12.0)
    assert any("epilepsy" in words for words in warnings(plan))


def test_a_category_with_one_picture_is_refused_or_warned_of() -> None:
    few = (*TWO[:5], TWO[5])
    with pytest.raises(PlanError, match="'checker' has one picture"):
        make_plan(few, Design())
    plan = make_plan(few, Design(few_pictures=True))
    assert any("'checker' has one picture" in words for words in warnings(plan))
    assert make_plan(few, Design(mode="flicker"))  # there it is about the frequency


def test_the_delay_test_has_irregular_intervals_and_a_patch() -> None:
    plan = delay_test()
    trials = plan.blocks[0].trials
    assert len(trials) == 100
    assert plan.look.patch == "top-left"
    assert np.std([t.blank_s for t in trials]) > 0.05


def test_rsvp_without_blank_has_none(tmp_path: Path) -> None:
    plan = make_plan(TWO, Design(mode="rsvp", rate_hz=7.3, duty=1.0, blocks=1))
    assert {t.blank_s for t in plan.blocks[0].trials} == {0.0}
    write_plan(tmp_path / "plan.json", plan)
    assert read_plan(tmp_path / "plan.json") == plan


def test_a_plan_is_checked_as_a_whole(tmp_path: Path) -> None:
    stimulus, trial = TWO[0], Trial(stimulus=TWO[0].id, on_s=0.1)
    for stimuli, parts, words in (
        ((stimulus, stimulus), (Block(trials=(trial,)),), "stands twice"),
        ((TWO[1],), (Block(trials=(trial,)),), "none of the stimuli"),
        ((stimulus,), (Pause(words="hello"),), "no block"),
    ):
        with pytest.raises(ValidationError, match=words):
            Plan(stimuli=stimuli, parts=parts)
    for name in ("0", END_LABEL, " a", "a\nb"):
        with pytest.raises(ValidationError, match="no marker"):
            Stimulus(id=name, drawing=Drawing())
    with pytest.raises(ValidationError, match="one of the two"):
        Stimulus(id="a")
    assert END_LABEL == OUTLETS_END
    bad = tmp_path / "bad.json"
    for text, words in (("{", "not JSON"), ('{"stimuli": 1}', "stimuli"), ('{"a": 1, "a": 2}', "twice")):
        bad.write_text(text)
        with pytest.raises(PlanError, match=words):
            read_plan(bad)
    with pytest.raises(PlanError, match="cannot be read"):
        read_plan(tmp_path / "none.json")


def test_relative_pictures_lie_beside_the_plan(tmp_path: Path) -> None:
    plan = Plan(stimuli=(Stimulus(id="x", picture="p/x.png"),), parts=(Block(trials=(Trial(stimulus="x", on_s=1),)),))
    write_plan(tmp_path / "plan.json", plan)
    assert read_plan(tmp_path / "plan.json").stimuli[0].picture == str(tmp_path / "p" / "x.png")


def test_truth_can_be_a_categorys_item() -> None:
    plan = with_truth(make_plan(TWO, Design(blocks=1)), {"red": "r", "checker": "c"})
    assert plan.truth["red/1"] == "r"
    assert plan.truth["checker/5"] == "c"


def test_folders_are_categories(tmp_path: Path) -> None:
    for name in ("cat/b.png", "cat/a.png", "dog/a.jpg", "dog/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no picture")
        else:
            Image.new("RGB", (30, 20), "red").save(path)
    assert [s.id for s in of_folder(tmp_path)] == ["cat/a.png", "cat/b.png", "dog/a.jpg"]
    assert [s.id for s in of_folder(tmp_path, ["cat"], most=1)] == ["cat/a.png"]
    assert [s.category for s in of_folder(tmp_path / "cat")] == ["", ""]
    with pytest.raises(PlanError, match="no subfolder 'bird'; it has: cat, dog"):
        of_folder(tmp_path, ["bird"])
    with pytest.raises(PlanError, match="is no folder"):
        of_folder(tmp_path / "none")
    with pytest.raises(PlanError, match="cannot draw 'mauve'"):
        plain(["mauve"])


def test_missing_and_broken_pictures_are_told_in_one_sentence(tmp_path: Path) -> None:
    good, broken, missing = tmp_path / "good.png", tmp_path / "broken.png", tmp_path / "missing.png"
    Image.effect_noise((64, 64), 50).save(good)
    broken.write_bytes(good.read_bytes()[:200])
    text = tmp_path / "text.png"
    text.write_text("no picture")
    stimuli = [Stimulus(id=path.stem, picture=str(path)) for path in (good, broken, text)]
    taken: dict[int, tuple[int, ...]] = {}
    with pytest.raises(PlanError) as caught:
        pictures.load(stimuli, 100, "#808080", lambda row, pixels: taken.update({row: pixels.shape}))
    assert "broken.png" in str(caught.value)
    assert "so are 1 more, such as" in str(caught.value)
    assert taken[0] == (100, 100, 3)
    with pytest.raises(PlanError, match=r"missing\.png' is not there"):
        pictures.check_missing([*stimuli, Stimulus(id="m", picture=str(missing))])
    with pytest.raises(PlanError, match="GiB"):
        pictures.check_room(100_000, 600)


def test_pictures_are_fitted_and_what_is_transparent_shows_the_background(tmp_path: Path) -> None:
    wide = tmp_path / "wide.png"
    Image.new("RGBA", (40, 10), (0, 0, 0, 0)).save(wide)
    found = pictures.read(str(wide), 80, "#102030")
    assert found.shape == (20, 80, 3)
    assert (found == [0x10, 0x20, 0x30]).all()


def test_every_drawing_differs_from_the_background_and_from_the_others() -> None:
    drawn = {s.id: pictures.draw(s.drawing, 60, "#808080") for s in plain(PLAIN) if s.drawing}
    assert all(pixels.shape == (60, 60, 3) for pixels in drawn.values())
    assert len({pixels.tobytes() for pixels in drawn.values()}) == len(drawn)
    checker = pictures.draw(Drawing(shape="checker", cells=2), 60, "#808080")
    assert checker[0, 0].tolist() == [255, 255, 255]
    assert checker[0, 59].tolist() == [0, 0, 0]
    assert checker[59, 59].tolist() == [255, 255, 255]


def test_an_old_plan_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_plan(path, make_plan(TWO, Design(blocks=1)))
    path.write_text(json.dumps({**json.loads(path.read_text()), "speed": 2}))
    with pytest.raises(PlanError, match="speed"):
        read_plan(path)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    for name, colour in (
        ("cat/1", "red"),
        ("cat/2", "blue"),
        ("dog/1", "green"),
        ("dog/2", "white"),
        ("cup/1", "black"),
    ):
        path = folder / "pictures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), colour).save(path)
    from_pictures(folder / "pictures", folder / "bundle")
    return folder / "bundle"


def test_any_gallerys_pictures_can_be_shown_and_the_truth_is_their_id(gallery: Path, tmp_path: Path) -> None:
    two = of_gallery(gallery, ["dog", "cat"])
    assert [s.category for s in two] == ["dog", "dog", "cat", "cat"]
    assert all(s.id.startswith(f"{s.category}/") and Path(s.picture).is_file() for s in two)
    assert len({s.truth for s in two}) == 4
    assert len(of_gallery(gallery, ["dog", "cat"], most=1)) == 2
    every = of_gallery(gallery)
    assert len(every) == 5
    assert all(s.id == s.truth and not s.category for s in every)
    with pytest.raises(PlanError, match="no picture with label 'bird'; it has, for example, 'cat'"):
        of_gallery(gallery, ["bird"])
    with pytest.raises(PlanError, match="no picture with colour 'red'"):
        of_gallery(gallery, ["red"], by="colour")


def test_the_command_writes_plan_and_truth_without_a_screen(gallery: Path, tmp_path: Path) -> None:
    plan, truth = tmp_path / "plan.json", tmp_path / "truth.json"
    given = ["present", "-g", str(gallery), "--category", "cat", "--category", "dog", "--plan-only", str(plan)]
    done = CliRunner().invoke(app, [*given, "--truth", str(truth), "--trials", "7", "--mode", "rsvp"])
    assert done.exit_code == 0, done.output
    assert "32 trials in 4 blocks" in done.output  # 7 made 8: each category has as many
    made = read_plan(plan)
    assert read_session_file(truth).truth == made.truth
    for wrong, words in (
        (["present"], "say what to show"),
        (["present", "--plain", "red", "--delay-test"], "say what to show"),
        (["present", "--plain", "red,blue", "--blank", "1-x"], "range of seconds"),
        (["present", "--plain", "red,blue", "--blank", "2-1"], "no range"),
        (["present", "--plain", "red,blue", "--mode", "flicker", "--flicker", "a"], "list of frequencies"),
        (["present", "--plain", "red,blue", "--truth", str(truth)], "no truth"),
        (["present", "--plain", "red", "--size", "12"], "no size"),
        (["calibrate-delay", "a.fif"], "--channel"),
        (["calibrate-delay"], "one of the two"),
    ):
        failed = CliRunner().invoke(app, wrong)
        assert isinstance(failed.exception, EegseekError), wrong
        assert words in str(failed.exception)
