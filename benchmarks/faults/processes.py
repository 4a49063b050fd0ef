"""Acquisition, the display and the supervisor killed, and a display that never reads."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from statistics import median

import psutil

from benchmarks.faults import account, rig
from benchmarks.faults.growth import Growth, Sampler
from benchmarks.faults.row import Row
from benchmarks.faults.session import FIRST_S, Session
from benchmarks.faults.workers import LONG_S, WARM, counted
from benchmarks.processes import Processes
from wire.clock import now

WITHOUT_PARENT_S = 20.0
"""Children end so soon after their supervisor was killed: acquisition drains first."""
GROWTH = 0.01
"""Memory is flat where it grows by less than this share."""
BEFORE = 50
"""Answers behind a latency."""
KILLS = 3
REAL_S, FAST_S = 7.0, 15.0
"""Short form: how long a display that never reads is put up with."""


def killed_acquisition(place: Path, short: bool) -> Row:
    """SIGKILL acquisition over LSL: the same session goes on as a new segment, and the hole between is written down."""
    lsl = rig.Lsl(place, LONG_S)
    table = rig.settings(rig.bundles(place), lsl.source)
    with Processes(place / "logs") as processes, Session(place, table) as session:
        lsl.start(processes)
        session.flowing(30)
        at_s = session.kill("acquisition")
        back_s = session.after(at_s, 60.0).at_s - at_s
        session.flowing(30)
        ended = session.stop()
    first, second = (account.read(session.journal(k)) for k in (0, 1))
    hole_s = second.begin_s - first.end_s
    written_s = second.gaps[0].missing / rig.SIZES.rate_hz if second.gaps else 0.0
    exact = abs(written_s - hole_s) <= 1.5 / rig.SIZES.rate_hz
    settled = first.open_since(rig.WINDOW_S + 0.5) == 0
    last = session.state.segments[(session.name, 1)]
    return Row(
        fault="SIGKILL acquisition, over LSL",
        passed=ended.code == 0 and ended.counters["doubled"] == 0 and last.lost == 0 and exact and settled
        and first.whole and second.closed,
        measured={
            "answers_again_s": round(back_s, 3), "hole_ms": round(1e3 * hole_s, 1),
            "written_ms": round(1e3 * written_s, 1), "segments": len(session.state.segments),
            "answered_before": first.answered, "cut_off": first.open, "answered_after": second.answered,
            "doubled": ended.counters["doubled"],
        },
        wanted="started again, connected again, the same session as a new segment; the time without samples is written "
        "at its start; both journals whole, every window of both accounted for",
    )  # fmt: skip


def killed_display(place: Path, short: bool) -> Row:
    """SIGKILL the display again and again: nobody else notices, and the new one knows everything."""
    table = rig.settings(rig.bundles(place), rig.direct(LONG_S))
    with Session(place, table) as session:
        session.flowing(BEFORE)
        before = _median_ms(session, 0)
        mark = len(session.watch.shown)
        for _ in range(KILLS):
            session.renew("display")
            session.until(lambda: _listed(session, session.children().get("display", 0)), 30.0, "the display, heard")
            session.flowing(20)
        after = _median_ms(session, mark)
        ended = session.stop()
    known = ended.report.get("windows", {})
    same = known.get("answered") == ended.counters.get("answered") and known.get("lost") == 0
    return Row(
        fault=f"SIGKILL the display, {KILLS} times",
        passed=ended.clean and same and not_worse(before, after),
        measured={
            "latency_before_ms": before, "latency_after_ms": after, "last_display_lost": known.get("lost", -1),
            **counted(ended),
        },
        wanted="no effect on the rest; the display that is started again shows and reports all answers",
    )  # fmt: skip


def display_that_never_reads(place: Path, short: bool) -> Row:
    """SIGSTOP a display that has subscribed, at real time and as fast as it goes: acquisition stays as it was."""
    inference = rig.bundles(place)
    before, after, clean = _never_reads(place / "real", inference, REAL_S if short else 120.0)
    memory, clean_fast, stalled = _flooded(place / "fast", inference, FAST_S if short else 300.0)
    return Row(
        fault="a display that never reads (SIGSTOP), at real time and as fast as it goes",
        passed=clean and clean_fast and not_worse(before, after) and memory.share < GROWTH and stalled,
        measured={
            "latency_before_ms": before, "latency_after_ms": after, "growth_percent": round(100 * memory.share, 3),
            "acquisition_mib": round(memory.mean / 2**20, 1), "over_s": round(memory.span_s, 1),
        },
        wanted=f"no effect on the rest; acquisition's memory grows by less than {GROWTH:.0%} once its queues are full",
    )  # fmt: skip


def _never_reads(place: Path, inference: dict[str, str], seconds: float) -> tuple[float, float, bool]:
    """Median latency before and after a display stops reading, ms, and whether the session ended clean."""
    with Processes(place / "logs") as processes, Session(place, rig.settings(inference, rig.direct(LONG_S))) as session:
        session.flowing(round(seconds * rig.RSVP_HZ), FIRST_S + 2 * seconds)
        before, mark = _median_ms(session, 0), len(session.watch.shown)
        stop_reading(session, processes)
        session.flowing(round(seconds * rig.RSVP_HZ), FIRST_S + 2 * seconds)
        after = _median_ms(session, mark)
        ended = session.stop()
        processes.running["sleeper"].kill()  # it would not hear a request
    return before, after, ended.clean


def _flooded(place: Path, inference: dict[str, str], seconds: float) -> tuple[Growth, bool, bool]:
    """Acquisition's memory while results come as fast as they can, after its queue to the display is full."""
    dispatch = {"policy": "block", "history": 100}  # results kept for displays that join late are memory, too
    table = rig.settings(inference, rig.direct(20 * LONG_S, speed=0.0), dispatch=dispatch)
    with Processes(place / "logs") as processes, Session(place, table) as session:
        session.flowing(WARM)
        sleeper = stop_reading(session, processes)
        # ten times what both ends' queues hold
        session.flowing(rig.QUEUES, limit_s=240.0)
        sampler = Sampler({"acquisition": session.pid_of("acquisition")}, 0.2)
        with sampler:
            session.wait(seconds)
        stalled = psutil.Process(sleeper).status() == psutil.STATUS_STOPPED
        ended = session.stop()
        processes.running["sleeper"].kill()
    return sampler.memory("acquisition"), ended.clean, stalled


def stop_reading(session: Session, processes: Processes) -> int:
    """Start one more display, wait until acquisition knows it, and stop it; its process id."""
    processes.start("sleeper", "display", "--config", str(session.config), "--headless", "--name", "sleeper")
    pid = processes.running["sleeper"].pid
    session.until(lambda: _listed(session, pid), 30.0, "a second display")
    os.kill(pid, signal.SIGSTOP)
    return pid


def killed_supervisor(place: Path, short: bool) -> Row:
    """SIGKILL the supervisor: its children end by themselves, acquisition first, the journal closed."""
    with Session(place, rig.settings(rig.bundles(place), rig.direct(LONG_S))) as session:
        session.flowing(30)
        session.until(lambda: session.ready("spare"), 60.0, "the spare, ready")
        children = [psutil.Process(pid) for pid in session.children().values()]
        os.kill(session.pid, signal.SIGKILL)
        at_s = now()
        while any(map(_alive, children)) and now() - at_s < WITHOUT_PARENT_S:
            time.sleep(0.05)
        took, left = now() - at_s, sum(map(_alive, children))
        said = session.state.ended
        counters = session.state.counters
    kept = account.read(session.journal())
    gone = ("lost", "doubled", "expired", "dropped", "failed", "in_flight", "pending")
    return Row(
        fault="SIGKILL the supervisor",
        passed=left == 0 and said and kept.closed and not any(counters.get(name, 0) for name in gone),
        measured={"ended_s": round(took, 3), "left_running": left, "lost": counters["lost"], "answered": kept.answered},
        wanted=f"within {WITHOUT_PARENT_S:g} s no child is left; the journal is closed, every window accounted for",
    )


def not_worse(before_ms: float, after_ms: float) -> bool:
    """Whether a latency is what it was, as far as two cores that others use let tell."""
    return after_ms <= 1.5 * before_ms + 5.0


def _median_ms(session: Session, first: int) -> float:
    return round(median(1e3 * (one.at_s - one.due_s) for one in session.watch.shown[first:]), 2)


def _listed(session: Session, pid: int) -> bool:
    status = session.status
    return status is not None and any(peer.pid == pid for peer in status.peers)


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
