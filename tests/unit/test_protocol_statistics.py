"""Intervals resample whole units, fewer ways are exact expectations, and conditions are read from the bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol_data import BASE, decode, trials_of
from pydantic import ValidationError
from rich.console import Console
from training_data import gallery

from config.errors import RecordingError, SettingsError
from training.evaluation.row_tables import evaluation
from training.protocols import data, statistics
from training.protocols.answers import answers, retrieve
from training.protocols.conditions import selection, trained_by
from training.protocols.schema import Curve, Metric, Report, Row
from training.protocols.sweeps import window_ends
from training.protocols.zero_shot import Options, zero_shot
from training.trials.epochs import Origin

PICKED = "validation-picked by inner splits"


def units(stimuli: np.ndarray) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    nothing = np.zeros_like(stimuli)
    return {"subjects": nothing, "stimuli": stimuli, "runs": nothing}


def test_intervals_widen_with_fewer_units_not_with_fewer_trials() -> None:
    of_stimulus = np.random.default_rng(0).random(20) < 0.5
    once = units(np.arange(20))
    often = units(np.repeat(np.arange(20), 50))
    few = statistics.mean_metric(of_stimulus, once, "stimuli", 0.5)
    many = statistics.mean_metric(np.repeat(of_stimulus, 50), often, "stimuli", 0.5)
    assert (few.low, few.high) == (many.low, many.high) and many.n == 1000
    trialwise = statistics.mean_metric(np.repeat(of_stimulus, 50), units(np.arange(1000)), "stimuli", 0.5)
    assert few.high is not None and few.low is not None and trialwise.high is not None and trialwise.low is not None
    assert few.high - few.low > 4 * (trialwise.high - trialwise.low)


def test_the_fast_interval_is_that_of_whole_units() -> None:
    from training.metrics import bootstrap

    rng = np.random.default_rng(1)
    place = rng.integers(12, size=200)
    values = rng.random(200) + place
    slow = bootstrap.interval(lambda index: float(values[index].mean()), place)
    assert statistics.interval(values, place) == pytest.approx(slow)


@given(size=st.integers(2, 60), way=st.integers(2, 60))
def test_guessing_gives_chance_for_any_number_of_ways(size: int, way: int) -> None:
    from training.metrics import retrieval

    way = min(way, size)
    tables = statistics.of_rank(size, way)
    guess = retrieval.chance(way)
    whole = slice(None, None, 2)  # a true rank is whole, and any is as likely
    for name in ("top1", "top5", "mrr"):
        assert tables[name][whole].mean() == pytest.approx(guess[name])
    assert tables["median_rank"][whole].mean() == pytest.approx(guess["median_rank"])
    assert all(len(table) == 2 * size - 1 for table in tables.values())


def test_others_push_ranks_down_and_ties_count_half() -> None:
    shown = np.eye(3, dtype=np.float32)
    queries = np.array([[1, 0.5, 0.0], [0, 0, 0]], np.float32)
    one = np.array([[0.7, 0.0, 0.0]], np.float32)
    found = retrieve(queries, np.array([0, 1]), shown, units(np.arange(2)))
    assert found.ranks.tolist() == [[1, 2, 3], [2, 2, 2]] and found.true_ranks.tolist() == [1, 2]
    more = retrieve(queries, np.array([0, 1]), shown, units(np.arange(2)), one)
    assert more.ranks.tolist() == [[1, 3, 4], [2.5, 2.5, 2.5]] and more.size == 4


def test_averages_of_all_repeats_are_taken_once(tmp_path: Path) -> None:
    shown = gallery(tmp_path, [f"p{k}" for k in range(12)])
    trials = trials_of(shown, [f"p{k}" for k in range(12)], 4)
    whole, all_of_them = answers(decode, trials, 4), answers(decode, trials, 0)
    assert len(whole) == len(all_of_them) == 12
    order = np.argsort(all_of_them.rows)
    assert np.allclose(whole.vectors[np.argsort(whole.rows)], all_of_them.vectors[order], atol=1e-5)
    assert len(answers(decode, trials, 2, most=7)) == 7


@pytest.mark.parametrize(
    ("record", "says", "by"),
    [
        ({}, "not recorded", "not recorded"),
        ({"kept_epoch": 3, "patience": 8, "validation": {"kind": "stimulus"}}, PICKED, "infonce"),
        ({"kept_epoch": 3, "patience": None, "validation": {"kind": "stimulus"}}, "fixed epoch", "infonce"),
        ({"kept_epoch": 3, "patience": 8, "validation": {"kind": None}}, "fixed epoch", "infonce"),
        ({"chosen_by": "auc", "validation": {"kind": "recording"}}, PICKED, "closed form"),
        ({"chosen_by": "none", "validation": {"kind": "recording"}}, "nothing chosen", "closed form"),
        (
            {"kept_epoch": 1, "objectives": [{"name": "infonce", "weight": 1}, {"name": "mmd", "weight": 0.5}]},
            "fixed epoch",
            "1 infonce + 0.5 mmd",
        ),
    ],
)  # fmt: skip
def test_how_a_decoder_was_chosen_is_read_from_its_record(record: dict[str, object], says: str, by: str) -> None:
    assert (selection(record), trained_by(record)) == (says, by)


def test_channels_go_from_the_back_to_the_front() -> None:
    names = ["Fp1", "Cz", "O2", "Oz", "P7", "POz", "TP9", "AF7", "X1", "O1"]
    assert data.from_the_back(names) == ["Oz", "O1", "O2", "POz", "P7", "TP9", "Cz", "AF7", "Fp1", "X1"]


def test_parts_of_data(tmp_path: Path) -> None:
    from training_data import epochs, plan, repeated

    shown = gallery(tmp_path, [f"p{k}" for k in range(12)])
    made = tuple(epochs(shown, repeated([f"p{k}" for k in range(12)], 2, seed=k), seed=k) for k in range(2))
    whole = data.Data(made, (Origin("a", subject="1"), Origin("b", subject="2")), plan())
    shorter = whole.until(0.16)
    assert shorter.plan.window.n_times == shorter.epochs[0].data.shape[-1] == 16
    assert np.array_equal(shorter.epochs[0].data, made[0].data[..., :16])
    back = whole.channels(["Oz", "Pz"])
    assert back.plan.chain.channels == ("Oz", "Pz") and back.trials(shown).channels == ("Oz", "Pz")
    assert set(whole.items(lambda item: item == "p3").epochs[0].labels) == {"p3"}
    assert whole.of_subject("2").subjects == ("2",) and whole.of_subject("2", others=True).subjects == ("1",)
    with pytest.raises(SettingsError, match="cannot end at 2 s"):
        whole.until(2.0)
    whitened = data.Data(made, (Origin("a", subject="1", causal=False), Origin("b")), plan())
    with pytest.raises(RecordingError, match="'a' was filtered without causality"):
        window_ends(lambda *_: None, whitened, whole, BASE, Options())  # type: ignore[arg-type, return-value]


def test_a_report_holds_no_nan_and_can_be_written_and_read(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        Metric(value=float("nan"))
    with pytest.raises(ValidationError, match="equally long"):
        Curve(name="c", x_label="x", y_label="y", x=(1.0, 2.0), y=(0.1,))
    shown = gallery(tmp_path / "g", [f"p{k}" for k in range(12)])
    rows, curves = zero_shot(decode, trials_of(shown, [f"p{k}" for k in range(12)], 2), shown, BASE, Options())
    found = Report(title="t", rows=tuple(rows), curves=tuple(curves), notes=("a note",))
    assert Report.model_validate_json(found.model_dump_json()) == found
    console = Console(width=200, record=True, file=(tmp_path / "out").open("w"))
    console.print(evaluation(found))
    text = console.export_text()
    for said in ("the picture among those shown", "fixed epoch", "nothing transductive", "a note"):
        assert said in text


@pytest.mark.parametrize("width", [50, 80, 100, 120])
def test_nothing_is_cut_at_any_width(width: int, tmp_path: Path) -> None:
    def score(value: float, chance: float) -> Metric:
        return Metric(value=value, chance=chance, low=value / 2, high=min(2 * value, 1.0), unit="stimuli", p=0.01234)

    def row(what: str, n_way: int, repeats: int, chance: float, **more: object) -> Row:
        metrics = {"top1": score(0.4, chance), "top5": score(0.6, 5 * chance), "mrr": score(0.5, 2 * chance)}
        metrics |= {"median_rank": score(0.9, 10.0), "brier": score(0.7, 0.9)}
        base = BASE.row("zero-shot", what, n_way=n_way, gallery="all", repeats=repeats, metrics=metrics)
        return base.model_copy(update={"subjects": ("02", "03"), **more})

    rows = [row("the picture among those shown", 200, count, 0.005) for count in (4, 1, 80)]
    rows += [row("the picture among the whole gallery", 16740, 80, 1 / 16740, transductive=True)]
    rows += [row("of one", 200, 80, 0.005, subjects=(name,)) for name in ("02", "03")]
    rows += [row("", 200, 1, 0.005, metrics={}, error="it could not be trained")]
    found = Report(title="t", rows=(*rows, row("alone", 7, 1, 0.1, protocol="other", metrics={"cka": score(0.3, 0)})))
    console = Console(width=width, record=True, file=(tmp_path / "out").open("w"))
    console.print(evaluation(found))
    text = console.export_text()
    lines = text.splitlines()
    assert max(map(len, lines)) <= width and "…" not in text
    tops = [line.split() for line in lines if "0.400 [0.200, 0.800]" in line]
    assert [next(cell for cell in cells if cell in ("1", "4", "80")) for cells in tops] == ["1", "4", *["80"] * 4]
    together = " ".join(text.split())
    assert "6.0e-05" in together and "TRANSDUCTIVE" in together and "failed: it could not be trained" in together
    assert "0.300 [0.150, 0.600] chance 0.000" in together and "CKA" in together and "--report" in together
    lists = [line for line in lines if "0.700 [0.350, 1.000]" in line]
    assert len(lists) == 2 and "Brier" in lists[0]  # at the most repeats, of all subjects together
    assert ("MRR" in text) == (width > 50) and ("reciprocal" in text) == (width == 50)
