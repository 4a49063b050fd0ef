"""The proof's verdict: the target reached by live answers, and live equal to offline; both or it is not reached."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import muse
from benchmarks.muse_folds import DATA_SETS, Run, plan, plans
from config.errors import SettingsError

LEFT_RIGHT = DATA_SETS[0]


def run(live: float | None = 0.9, same: bool | None = True, furthest: float | None = 1e-7, offline: float = 0.9) -> Run:
    return Run("data_x.csv", offline, live, 100, 5, {"settling": 5}, {}, same, furthest, {})


@pytest.mark.parametrize(
    ("runs", "reached"),
    [
        ([run(), run(0.81)], True),
        ([run(), run(0.79)], False),
        ([run(), run(same=False)], False),
        ([run(), run(furthest=2e-4)], False),
        ([run(None, None, None)], True),
        ([run(None, None, None, offline=0.8)], False),
    ],
)
def test_verdict(runs: list[Run], reached: bool) -> None:
    found = muse.summary(LEFT_RIGHT, runs)
    assert found["reached"] is reached
    console = Console(width=100, record=True, quiet=False)
    with console.capture() as shown:
        console.print(muse.table("left-right", found))
    assert ("not reached" in shown.get()) is not reached


def test_unknown_data_set_and_a_folder_in_use(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown data set 'p300'; known: left-right, n170"):
        muse.prove(tmp_path, names=["p300"])
    (tmp_path / "old").touch()
    with pytest.raises(SettingsError, match="is not empty"):
        muse.prove(tmp_path, work=tmp_path)


def test_the_preset_is_the_published_recipe() -> None:
    wanted = plan()
    chain, window = wanted.chain, wanted.window
    assert (chain.highpass_hz, chain.lowpass_hz, chain.highpass_order, chain.lowpass_order) == (1.0, 20.0, 3, 3)
    assert (window.start_s, window.end_s, wanted.rejection.peak_to_peak_uv) == (-0.1, 0.6, 75.0)
    assert chain.channels == ("TP9", "AF7", "AF8", "TP10")


def test_an_ensemble_is_asked_for_more() -> None:
    runs = [run(0.86), run(0.862)]
    assert muse.summary(LEFT_RIGHT, runs)["reached"] and not muse.summary(LEFT_RIGHT, runs, "ensemble")["reached"]
    with pytest.raises(SettingsError, match="no figure is asked of encoder 'nice'; choose riemann or ensemble"):
        muse.prove(Path(), encoder="nice")


def test_nested_candidates_differ_from_the_preset_in_low_pass_and_end_only() -> None:
    base, tried = plan(), plans(nested=True)
    assert plans(nested=False) == [base] and base in tried
    assert {(p.chain.lowpass_hz, p.window.end_s) for p in tried} == {(hz, s) for hz in (15, 20, 30) for s in (0.6, 0.8)}
    assert {p.chain.model_copy(update={"lowpass_hz": 20.0}) for p in tried} == {base.chain}
