"""Earlier sessions in a calibration: aligned without labels, scored honestly, chosen by worth, or refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from acquisition.plan import Plan
from config.calibration import CALIBRATION_EPOCHS, CalibrationRules, read_progress, write_progress
from config.errors import RecordingError, SettingsError
from config.session_ask import MOST_FORMER, Ask
from eegseek.cli_session import formers, session
from eegseek.session import commands, setup
from eegseek.session.words import progress_line
from inference.build import from_labels
from inference.gallery import Gallery
from training.calibration import align, blocks, gain, gain_cases, noise
from training.calibration.calibration import Calibration
from training.calibration.former import Former, fitted, read, read_all
from training.calibration.rivals import SHARES, Rivals
from training.calibration.scores import Area
from training.calibration.task import Task
from training.calibration.viewer import put_on, viewed

NAMES = ("face", "house")
TASK = Task({name: name for name in NAMES}, blocks=6)
Array = NDArray[np.float64]


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    from_labels(NAMES, tmp_path / "gallery")
    return Gallery.load(tmp_path / "gallery")


def simulated(effect_uv: float, seed: int, count: int = 4, trials: int = 24) -> tuple[blocks.Block, ...]:
    return tuple(islice(noise.simulated(noise.plan_of_preset(), NAMES, trials, effect_uv, seed), count))


def moved(before: tuple[blocks.Block, ...], matrix: Array) -> tuple[blocks.Block, ...]:
    """The same sessions through other electrodes."""
    return tuple(replace(block, windows=align.mapped(block.windows, matrix)) for block in before)


def positive(rng: np.random.Generator, n: int = 4) -> Array:
    root = np.eye(n) + 0.5 * rng.standard_normal((n, n))
    return np.asarray(root @ root.T)


def kept(folder: Path, plan: Plan, name: str = "monday") -> Path:
    for block in simulated(12.0, seed=5, count=2):
        blocks.save(folder / name / CALIBRATION_EPOCHS, block, plan, 128.0, name)
    return folder / name


def test_a_session_through_other_electrodes_is_made_the_same() -> None:
    """A symmetric positive mixing, such as other gains, is undone exactly; of any mixing the covariance is."""
    rng = np.random.default_rng(0)
    windows = np.concatenate([block.windows for block in simulated(6.0, seed=1)])
    own = align.covariance(windows)
    for matrix in (np.diag([0.5, 2.0, 1.3, 0.9]), positive(rng)):
        seen = align.mapped(windows, matrix)
        back = align.mapped(seen, align.monge(align.covariance(seen), own))
        assert back == pytest.approx(windows, abs=1e-3)
    seen = align.mapped(windows, rng.standard_normal((4, 4)))
    for name in ("monge", "euclidean"):
        back = align.mapped(seen, align.MAPS[name](align.covariance(seen), own))
        assert align.covariance(back) == pytest.approx(own, rel=1e-3, abs=1e-3)
    assert np.array_equal(align.none(own, 2 * own), np.eye(4))


def test_a_flat_or_copied_channel_is_no_trouble() -> None:
    windows = np.random.default_rng(0).standard_normal((8, 4, 50)).astype(np.float32)
    windows[:, 1] = 0
    windows[:, 3] = windows[:, 2]
    own = align.covariance(np.random.default_rng(1).standard_normal((8, 4, 50)).astype(np.float32))
    for name in align.MAPS:
        assert np.isfinite(align.MAPS[name](align.covariance(windows), own)).all()
        assert np.isfinite(align.MAPS[name](own, align.covariance(windows))).all()


def test_the_map_comes_with_the_trials_and_looks_at_no_other_channel() -> None:
    before = Former("monday", simulated(6.0, seed=1))
    gains = np.diag([1.0, 3.0, 0.5, 1.0])
    own = np.concatenate([block.windows for block in moved(before.blocks, gains)])
    first = before.blocks[0].windows
    none = fitted([before], own[:0], range(4), "monge", 1.0)[0]
    assert np.array_equal(none.windows, first)
    errors = []
    for n in (1, 10, len(own)):
        mapped = fitted([before], own[:n], range(4), "monge", 1.0)[0].windows
        errors.append(float(np.abs(mapped - gains @ first).mean()))
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.2 * errors[0]
    frontal = fitted([before], own, (1, 2), "monge", 1.0)[0].windows
    other = replace(before, blocks=moved(before.blocks, np.diag([9.0, 1.0, 1.0, 0.1])))
    assert frontal == pytest.approx(fitted([other], own, (1, 2), "monge", 1.0)[0].windows, rel=1e-5)


def test_a_share_is_taken_of_every_category() -> None:
    before = Former("monday", simulated(6.0, seed=1))
    some = fitted([before], before.blocks[0].windows, range(4), "none", 0.25)
    for whole, part in zip(before.blocks, some, strict=True):
        for name in NAMES:
            assert abs(part.labels.count(name) - whole.labels.count(name) / 4) < 1
        assert all(any(np.array_equal(one, other) for other in whole.windows) for one in part.windows)
    assert fitted([before], before.blocks[0].windows, range(4), "none", 0.0) == []


def calibrated(gallery: Gallery, given: tuple[blocks.Block, ...], former: tuple[Former, ...]) -> Calibration:
    made = Calibration(noise.plan_of_preset(), TASK, gallery, former=former)
    for block in given:
        made.take(block)
    return made


def test_no_block_is_scored_by_who_has_seen_it(gallery: Gallery) -> None:
    """A block's own labels turned round turn its score round, and change nothing before it."""
    former = (Former("monday", simulated(4.0, seed=5, count=2)),)
    new = simulated(4.0, seed=6, count=2)
    other = {"face": "house", "house": "face"}
    turned = (new[0], replace(new[1], labels=tuple(other[label] for label in new[1].labels)))
    one, two = (calibrated(gallery, given, former).progress for given in (new, turned))
    assert [score.block for score in one.whole.blocks] == [0, 1]  # the first is scored by earlier sessions
    assert one.whole.blocks[0] == two.whole.blocks[0]
    assert one.whole.blocks[1].auc == pytest.approx(1 - two.whole.blocks[1].auc)
    assert one.whole.path[: len(new[0])] == two.whole.path[: len(new[0])]
    assert one.former is not None and two.former is not None
    assert one.former.auc_with is not None and one.former.scored == two.former.scored == len(new[1])


def test_an_earlier_session_is_worth_something_and_a_false_one_is_left(gallery: Gallery, tmp_path: Path) -> None:
    given = simulated(6.0, seed=7, count=6)
    gains = np.diag([0.6, 1.5, 0.8, 1.6])
    good = Former("monday", moved(given[:3], gains))
    other = {"face": "house", "house": "face"}
    false = Former("false", tuple(replace(b, labels=tuple(other[label] for label in b.labels)) for b in given[:3]))
    told = calibrated(gallery, given[3:], (good,)).progress
    assert told.former is not None and told.former.share == 1.0 and told.former_trials == len(good)
    assert told.former.auc_with is not None and told.former.auc_without is not None
    assert told.former.auc_with > told.former.auc_without
    assert "monday" in told.former.words and f"{told.former.auc_with:.2f}" in told.former.words
    assert f"{told.former.trials} earlier trials: AUC {told.former.auc_with:.2f}" in progress_line(told)
    write_progress(tmp_path / "calibration.json", told)
    assert read_progress(tmp_path / "calibration.json") == told
    made = calibrated(gallery, given[3:], (false,))
    assert (
        made.share == 0.0 and made.progress.former is not None and "none of them is used" in made.progress.former.words
    )
    spec = made.finish(tmp_path / "bundle")
    assert spec.training["trials"] == sum(map(len, given[3:])) and "false" not in str(spec.training)
    kept_to = Calibration(noise.plan_of_preset(), TASK, gallery, CalibrationRules(weigh=False), former=(false,))
    kept_to.take(given[3])
    assert kept_to.share == 1.0


def test_the_share_is_chosen_by_the_last_blocks() -> None:
    def after(*rows: tuple[float, float, float | None]) -> Rivals:
        made = Rivals()
        for row in rows:
            areas = (None if one is None else Area(one, 0.01, 40) for one in row)
            made = made.after(dict(zip(SHARES, areas, strict=True)))
        return made

    assert Rivals().best == 1.0 and Rivals().beside() is None
    assert after((0.8, 0.7, None)).best == 1.0 and after((0.8, 0.7, None)).beside() is None
    assert after((0.5, 0.52, None), (0.5, 0.5, 0.6), (0.5, 0.5, 0.7)).best == 0.0
    assert after((0.6, 0.75, None), (0.6, 0.75, 0.6)).best == 0.25
    assert after((0.7, 0.71, None), (0.7, 0.71, 0.7)).best == 1.0  # not better enough
    long_ago = after((0.9, 0.9, 0.5), (0.5, 0.5, 0.9), (0.5, 0.5, 0.9), (0.5, 0.5, 0.9))
    assert long_ago.best == 0.0 and long_ago.beside() == pytest.approx((0.6, 0.8, 160))


def test_noise_after_a_session_with_something_in_it_ends_in_nothing() -> None:
    """Few sessions, seeded; 200 with either kind of earlier session are in docs/calibration.md."""
    said: list[str] = []
    given = noise.parser().parse_args(["--sessions", "3", "--blocks", "4", "--trials", "24", "--former", "9"])
    assert [one.verdict for one in noise.run(given, said.append)] == ["nothing_decodable"] * 3


def test_what_cannot_be_learned_from_is_refused_in_a_sentence(tmp_path: Path) -> None:
    plan = noise.plan_of_preset()
    monday, other = kept(tmp_path, plan), kept(tmp_path, plan, "tuesday")
    assert [one.name for one in read_all([monday, other / CALIBRATION_EPOCHS], plan, TASK)] == ["monday", "tuesday"]

    def differs(**changed: object) -> Plan:
        return replace(plan, chain=plan.chain.model_copy(update=changed))

    longer = replace(plan, window=plan.window.model_copy(update={"rate_hz": 64.0}))
    for words, given, task in (
        ("lowpass_hz", differs(lowpass_hz=15.0), TASK),
        ("rate_hz", longer, TASK),
        ("no channel 'Oz'", differs(channels=(*plan.chain.channels, "Oz")), TASK),
        ("mixes channels", differs(channels=plan.chain.channels[:3], reference="average"), TASK),
        ("nothing that is shown", plan, Task({"cat": "cat", "dog": "dog"})),
        ("no 'dog'", plan, Task({**TASK.categories, "dog": "dog"})),
    ):
        with pytest.raises(RecordingError, match=words) as error:
            read(monday if "mixes" not in words else _average(tmp_path, plan), given, task)
        assert "\n" not in str(error.value)
    with pytest.raises(SettingsError, match=r"chain\.channels"):
        read(monday, differs(channels=()), TASK)
    with pytest.raises(RecordingError, match="named twice"):
        read_all([monday, monday / CALIBRATION_EPOCHS], plan, TASK)
    with pytest.raises(RecordingError, match="this session itself"):
        read_all([monday], plan, TASK, monday)
    with pytest.raises(RecordingError, match="no windows"):
        read(tmp_path / "nowhere", plan, TASK)


def _average(folder: Path, plan: Plan) -> Path:
    return kept(folder, replace(plan, chain=plan.chain.model_copy(update={"reference": "average"})), "average")


def test_channels_in_another_order_and_pictures_of_the_same_categories_count(tmp_path: Path) -> None:
    plan = noise.plan_of_preset()
    monday = kept(tmp_path, plan)
    fewer = replace(plan, chain=plan.chain.model_copy(update={"channels": ("TP10", "AF7")}))
    here, there = read(monday, fewer, TASK).blocks[0], read(monday, plan, TASK).blocks[0]
    assert np.array_equal(here.windows, there.windows[:, [3, 1]])
    old = tuple(f"{label}/old" for label in there.labels)
    blocks.save(tmp_path / "old" / CALIBRATION_EPOCHS, replace(there, labels=old), plan, 128.0, "old")
    known = {f"{name}/{k}": name for name in NAMES for k in range(2)}
    by_category = read(tmp_path / "old", plan, Task(known, known))
    assert set(by_category.blocks[0].labels) == {"face/0", "house/0"} and len(by_category) == len(there)
    # where each picture is an answer of its own, another picture of its category teaches nothing
    with pytest.raises(RecordingError, match="nothing that is shown"):
        read(tmp_path / "old", plan, Task(known, {one: one for one in known}))


def test_a_session_names_its_earlier_ones(tmp_path: Path) -> None:
    monday = kept(tmp_path, noise.plan_of_preset())
    assert formers(["monday", str(monday)], tmp_path) == (str(monday),) * 2
    with pytest.raises(SettingsError, match=f"{MOST_FORMER} at most"):
        formers(["a"] * (MOST_FORMER + 1), tmp_path)
    ask = Ask(name="me", former=(str(monday),))
    setup.check_former(ask)
    argv = commands.calibration(Path("s.json"), Path("plan.json"), alpha=0.05, files=0, former=ask.former)
    assert argv[-2:] == ["--former", str(monday)]
    with pytest.raises(SettingsError, match="--encoder exclude"):
        setup.check_former(ask.model_copy(update={"encoder": "bundle"}))
    with pytest.raises(SettingsError, match="is not there"):
        setup.check_former(Ask(name="me", former=(str(tmp_path / "never"),)))
    with pytest.raises(SettingsError, match="made no calibration"):
        setup.check_former(Ask(name="me", former=(str(tmp_path),)))
    with pytest.raises(SettingsError, match="--former is for a new session"):
        session(resume="me", former=["monday"], unattended=True)
    with pytest.raises(ValueError, match="at most"):
        Ask(name="me", former=("x",) * (MOST_FORMER + 1))


def test_a_simulated_person_is_the_same_through_another_headset() -> None:
    """What is evoked stays; where the electrodes are does not."""
    rng, plan = np.random.default_rng(0), noise.plan_of_preset()
    loose = replace(plan, rejection=plan.rejection.model_copy(update={"peak_to_peak_uv": gain_cases.LOOSE_UV}))
    places = [put_on(0.0, 0.0, rng), put_on(0.6, 0.3, rng)]
    assert np.array_equal(places[0].matrix[:, :4], np.eye(4))
    one, two, again = (
        viewed(loose, NAMES, trials=[20, 20], person=3, seed=4, worn=worn, snr_db=0.0) for worn in (*places, places[0])
    )
    assert [len(block) for block in one] == [20, 20] and one[0].labels.count("face") == 10
    assert one[0].simulated and one[0].labels == two[0].labels
    assert np.array_equal(one[1].windows, again[1].windows) and not np.allclose(one[1].windows, two[1].windows)


def test_the_gain_is_measured_on_the_rest(gallery: Gallery) -> None:
    given = simulated(9.0, seed=5, count=6, trials=40)
    new = gain_cases.joined(given[3:])
    case = gain_cases.Case("one", new, (Former("monday", given[:3]),))
    plan = noise.plan_of_preset()
    found = [gain.measured(case, way, plan, TASK, gallery) for way in ("this session alone", "aligned")]
    alone, with_ = found
    assert np.isnan(alone.auc[0]) and with_.auc[0] > 0.6 and with_.auc[10] > alone.auc[10]
    assert with_.line is not None and alone.line is not None and with_.line <= alone.line
    rows = gain.table(found)
    assert len(rows) == 4 and "– |" in rows[2] and f"{with_.auc[80]:.3f}" in rows[3]
