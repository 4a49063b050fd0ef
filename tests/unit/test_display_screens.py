"""What people read: the terminal at several sizes, plain lines, the report, messages for LSL."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from display_fakes import COUNTERS, TRUTH, answer, filled, result, status
from msgspec.structs import replace
from rich.console import Console, Group

from config.errors import ProcessError
from display.dashboard.scoring import hold, scores
from display.lsl import message
from display.plain import Plain
from display.report import report, write_report
from display.state import State
from display.trace import Trace, row
from display.truth import Truth
from display.tui.live import live
from wire.packets import PeerState


def drawn(state: State, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    console.print(Group(*live(state, scores(hold(state)), 115.1, width, height, 5)))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)
    return lines


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_everything_that_matters_is_on_screen(size: tuple[int, int]) -> None:
    text = "\n".join(drawn(filled(simulated=True), *size))
    for words in (
        "SIMULATED PARTICIPANT",
        "stimulus 's5'",
        "truth: item 5",
        "single trial",
        "average of 2",
        "✓ item 5",
        "40.0%",
        "chance 0.5% / 2.5%",
        "latest 100.0%",
        "single   0.0%",
        "total",
        "committed → shown",
        "due 14 = sent 12 + rejected 2 + missed 0 + pending 0",
        "sent 12 = answered 12 + expired 0 + dropped 0 + failed 0 + in flight 0",
        "lost 0  doubled 0",
        "rejected: peak_to_peak 2",
        "2 of 3 good",
        "PO8 flat",
        "acquisition: connected",
        "worker-1: connected",
    ):
        assert words in text, words


def test_a_living_head_gets_no_banner_and_a_big_screen_the_curve() -> None:
    text = "\n".join(drawn(filled(), 120, 40))
    assert "SIMULATED" not in text
    assert "average of    top-1    of" in text
    assert "p95" in text


def test_the_interval_is_drawn() -> None:
    state = filled()
    state.fold(result(40, stimulus="s7", answers=(answer(7), answer(9))), 120.0)
    low, high = scores(hold(state)).latest.top1_interval
    assert 0 < low < high
    assert f"{low * 100:.1f}–{high * 100:.1f}  n 7" in "\n".join(drawn(state, 80, 24))


def test_no_truth_no_accuracy() -> None:
    text = "\n".join(drawn(filled(Truth(n_items=200)), 80, 24))
    assert "truth unknown: no session file" in text
    assert "top-1" not in text


def test_before_anything_and_when_acquisition_goes() -> None:
    assert "waiting for acquisition" in drawn(State(TRUTH), 80, 24)[0]
    state = filled()
    console = Console(width=80, height=24, file=io.StringIO())
    console.print(Group(*live(state, scores(hold(state)), 130.0, 80, 24, 5)))
    assert "lost: not heard for 15.0 s" in console.file.getvalue()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_what_is_not_well_is_on_screen_with_its_reason(size: tuple[int, int]) -> None:
    state = filled(simulated=True)
    peers = [
        PeerState(role=role, name=name, pid=k, state=one, message=why, age_s=0.1)
        for k, (role, name, one, why) in enumerate(
            (
                ("source", "source", "connected", "reading 17 channels at 250 Hz"),
                ("inference", "worker-1", "connected", ""),
                ("inference", "worker-2", "lost", "silent for longer than 1 s"),
                ("inference", "spare", "connected", ""),
                ("display", "display", "connected", ""),
            )
        )
    ]
    reason = "windows expire unanswered (dispatch.age_s)"
    state.fold(replace(state.status, state="degraded", message=reason, peers=tuple(peers)), 115.0)
    lines = drawn(state, *size)
    assert f" degraded: {reason}" in lines[1]
    assert any("worker-2: lost: silent for longer" in line for line in lines)
    assert any("lost 0  doubled 0" in line for line in lines)


def test_a_small_screen_keeps_the_counters() -> None:
    assert "lost 0  doubled 0" in "\n".join(drawn(filled(), 40, 12))


def test_withheld_is_said_and_not_answered() -> None:
    state = State(TRUTH)
    state.fold(result(0, answers=(answer(3, withheld=True), answer(0))), 100.0)
    text = "\n".join(drawn(state, 80, 24))
    assert "withheld" in text
    assert "item 12" not in text


def test_markup_in_a_label_is_text() -> None:
    state = State(TRUTH)
    state.fold(result(0, stimulus="[red]x[/]"), 100.0)
    assert "[red]x[/]" in "\n".join(drawn(state, 80, 24))


def test_plain_lines() -> None:
    lines: list[str] = []
    plain = Plain(lines.append)
    plain.open()
    state = State(TRUTH)
    two = (answer(1), answer(0, repeats=2))
    plain.result(state, state.fold(result(0, answers=two), 100.036))
    assert lines == [
        "result 1.0 | stimulus 's0' | single trial: 'item 1' 40.0% | average of 2: 'item 0' 40.0%"
        " | truth: 'item 0' | 36.0 ms"
    ]
    state.fold(status(simulated=True), 100.0)
    plain.tick(state, 100.1)
    plain.tick(state, 100.2)
    assert lines[1:] == ["acquisition: connected: streams found", "worker-1: connected"]
    plain.tick(state, 110.3)
    plain.tick(state, 110.5)
    lost = [line for line in lines if line.startswith("acquisition: lost")]
    assert lost == ["acquisition: lost: not heard for 10.3 s"]
    plain.close(state, report(state, 111.0))
    assert any(line.startswith("SIMULATED") for line in lines)
    assert any(line.startswith("chance: top-1 0.5%") for line in lines)


def test_quiet_lines_hold_no_result() -> None:
    lines: list[str] = []
    plain = Plain(lines.append, quiet=True)
    plain.open()
    state = State(Truth())
    plain.result(state, state.fold(result(0), 100.0))
    assert lines == []
    plain.close(state, report(state, 100.0))
    assert any("truth unknown" in line for line in lines)


def test_the_report_holds_what_the_issue_names() -> None:
    state = filled(simulated=True)
    state.fold(status(last=True, simulated=True, in_flight=0, **COUNTERS), 116.0)
    numbers = json.loads(json.dumps(report(state, 116.0, snr_db=-16.0), allow_nan=False))
    windows = "due, sent, rejected, missed, pending, answered, expired, dropped, failed, in_flight, lost, doubled"
    assert ", ".join(numbers["windows"]) == windows
    assert numbers["windows"]["lost"] == numbers["windows"]["doubled"] == 0
    assert set(numbers["latency_ms"]) >= {"p50", "p95", "p99", "max"}
    assert numbers["latency_ms"]["p50"] == pytest.approx(30.0)
    assert numbers["stages_ms"]["sent_to_received"]["p50"] == pytest.approx(4.0)
    accuracy = numbers["accuracy"]
    assert (accuracy["top1"], accuracy["n"], accuracy["chance_top1"], accuracy["chance_top5"]) == (1.0, 6, 0.005, 0.025)
    assert accuracy["by_repeats"]["2"]["top1"] == 1.0
    assert set(accuracy["by_repeats"]["2"]) >= {"top1", "top5", "n", "interval"}
    assert accuracy["single"]["top1"] == 0.0
    assert accuracy["snr_db"] == -16.0
    assert (numbers["results"], numbers["simulated"], numbers["complete"]) == (12, True, True)
    assert numbers["rejected_by"] == {"peak_to_peak": 2}
    assert numbers["processes"][0]["name"] == "acquisition"


def test_the_report_says_why_there_is_no_accuracy() -> None:
    numbers = report(filled(Truth()), 116.0)
    assert numbers["accuracy"] is None
    assert "truth unknown" in numbers["accuracy_reason"]
    assert not numbers["complete"]
    empty = report(State(Truth()), 0.0)
    assert empty["latency_ms"]["p50"] is None
    json.dumps(empty, allow_nan=False)


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProcessError, match="cannot be written"):
        write_report(tmp_path / "file" / "report.json", {})
    write_report(tmp_path / "new" / "report.json", {"a": 1})
    assert json.loads((tmp_path / "new" / "report.json").read_text()) == {"a": 1}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["report.json"]


def test_trace_rows_hold_stamps_answers_and_truth(tmp_path: Path) -> None:
    state = State(TRUTH)
    shown = state.fold(result(0), 100.5)
    trace = Trace(tmp_path / "trace.jsonl")
    trace.open()
    trace.result(state, shown)
    trace.close(state, {})
    (line,) = (tmp_path / "trace.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert found == json.loads(json.dumps(row(state, shown)))
    assert found["stamps"]["shown"] == 100.5
    assert found["truth"] == "0"
    assert found["answers"][1]["hits"][0]["id"] == "0"


def test_lsl_messages_are_json_and_keep_withheld_answers_back() -> None:
    state = State(TRUTH)
    shown = state.fold(result(0, answers=(answer(0), answer(1, repeats=3, withheld=True))), 100.036)
    found = json.loads(message(state, shown))
    assert (found["stimulus"], found["truth"], found["simulated"]) == ("s0", "0", False)
    assert found["latency_ms"] == pytest.approx(36.0)
    single, average = found["answers"]
    assert (single["of"], single["hits"][0]["id"]) == ("single", "0")
    assert (average["of"], average["repeats"], average["withheld"], average["hits"]) == ("average", 3, True, [])
