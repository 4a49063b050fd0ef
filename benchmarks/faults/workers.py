"""A worker that is killed, and one that hangs: its windows go to another, and nothing is lost or answered twice."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from statistics import median

from benchmarks.faults import rig
from benchmarks.faults.row import Row
from benchmarks.faults.session import Ended, Session
from wire.clock import now

WITH_SPARE_S, ALONE_S = 1.5, 4.0
"""Results flow on within this after a kill: the targets."""
AGE_S = 10.0
"""A window waits so long for a worker at most."""
KILLS, KILLS_ALONE, LONGER = 12, 8, 10
"""Times in the short form, with and without a spare, 20 together; and how many times as often in the long form."""
STOPPED_S = 5.0
WARM = 5
"""Answers before the first fault."""
FEW = 2
"""Windows that are under way at any time, without anything waiting."""
LONG_S = 3600.0
"""Pictures for so long at most: the sessions are ended before."""


def killed_worker(place: Path, short: bool) -> Row:
    """SIGKILL the worker under load again and again, a warm spare beside it."""
    return _killed(place, KILLS * (1 if short else LONGER), spare=True)


def killed_worker_alone(place: Path, short: bool) -> Row:
    """SIGKILL the only worker: it is started anew, and its windows wait."""
    return _killed(place, KILLS_ALONE * (1 if short else LONGER), spare=False)


def _killed(place: Path, times: int, *, spare: bool) -> Row:
    limit_s = WITH_SPARE_S if spare else ALONE_S
    names = ("worker-1", "spare") if spare else ("worker-1",)
    run, dispatch = {"restarts": times}, {"age_s": AGE_S}
    table = rig.settings(rig.bundles(place), rig.direct(LONG_S), inference={"spare": spare}, run=run, dispatch=dispatch)
    chance = random.Random(0)
    with Session(place, table) as session:
        session.flowing(WARM)
        took = []
        for k in range(times):
            session.until(lambda: all(map(session.ready, names)), 60.0, f"{' and '.join(names)}, ready")
            # what waited for the last one is answered first: kills in a row without an answer are an overload
            session.until(lambda: _waiting(session) <= FEW, 60.0, "the answers to what waited")
            # every other time at the moment its answer appears, else somewhere between two windows
            at_s = _strike(session, "worker-1", signal.SIGKILL, 0.0 if k % 2 == 0 else chance.uniform(0.0, 0.1))
            took.append(session.after(at_s, max(30.0, limit_s)).at_s - at_s)
        session.flowing(WARM)
        ended = session.stop()
    return Row(
        fault=f"SIGKILL the worker under load, {times} times, half of them just after its result, "
        + ("with a spare" if spare else "without a spare"),
        passed=ended.clean and max(took) <= limit_s,
        measured={
            "longest_s": round(max(took), 3),
            "median_s": round(median(took), 3),
            "redelivered": ended.counters.get("redelivered", 0),
            **counted(ended),
        },
        wanted=f"0 windows lost, doubled, expired, dropped or failed; results flow on within {limit_s:g} s",
    )


def hung_worker(place: Path, short: bool) -> Row:
    """SIGSTOP the worker for 5 s, a spare beside it, which answers its windows; when it wakes it answers none twice."""
    return _hung(place, spare=True)


def hung_worker_alone(place: Path, short: bool) -> Row:
    """SIGSTOP the only worker for 5 s: its windows wait for it, and are answered once."""
    return _hung(place, spare=False)


def _hung(place: Path, *, spare: bool) -> Row:
    # the supervisor would end it after run.hung_s: here it is to wake up again
    run = {"hung_s": 4 * STOPPED_S}
    table = rig.settings(rig.bundles(place), rig.direct(LONG_S), inference={"spare": spare}, run=run)
    names = ("worker-1", "spare") if spare else ("worker-1",)
    with Session(place, table) as session:
        session.flowing(WARM)
        session.until(lambda: all(map(session.ready, names)), 60.0, "the workers, ready")
        at_s = _strike(session, "worker-1", signal.SIGSTOP, 0.0)
        try:
            session.until(lambda: _state(session, "worker-1") == "lost", 5.0, "word that the worker is silent")
            found_s = now() - at_s
            time.sleep(max(0.0, at_s + STOPPED_S - now()))
            meanwhile = sum(one.received_s > at_s for one in list(session.watch.shown))
        finally:
            woken_s = session.kill("worker-1", signal.SIGCONT)
        session.until(lambda: _state(session, "worker-1") != "lost", 5.0, "word of the worker that woke")
        session.after(woken_s)
        session.flowing(3 * WARM)
        ended = session.stop()
    late = ended.counters.get("late_results", 0)
    flowed = meanwhile > 0 if spare else meanwhile == 0
    return Row(
        fault=f"SIGSTOP the worker for {STOPPED_S:g} s, {'with' if spare else 'without'} a spare",
        passed=ended.clean and flowed and (late > 0 or not spare) and "started again" not in ended.errors,
        measured={
            "found_s": round(found_s, 3), "answered_meanwhile": meanwhile, "late_results": late, **counted(ended)
        },
        wanted="found by its heartbeat; its windows go to another or wait; what it says on waking is counted as late "
        "and shown to nobody",
    )  # fmt: skip


def hangs_for_good(place: Path, short: bool) -> Row:
    """SIGSTOP the worker and leave it so: it is ended and started anew."""
    table = rig.settings(rig.bundles(place), rig.direct(LONG_S))
    with Session(place, table) as session:
        session.flowing(WARM)
        session.until(lambda: session.ready("worker-1") and session.ready("spare"), 60.0, "the workers, ready")
        first = session.pid_of("worker-1")
        at_s = _strike(session, "worker-1", signal.SIGSTOP, 0.0)
        took = session.after(at_s).at_s - at_s
        session.until(lambda: session.children().get("worker-1", first) != first, 30.0, "a new worker")
        replaced_s = now() - at_s
        session.until(lambda: session.ready("worker-1"), 60.0, "the new worker, ready")
        session.flowing(WARM)
        ended = session.stop()
    return Row(
        fault="SIGSTOP the worker for good, with a spare",
        passed=ended.clean and "hangs: not heard" in ended.errors,
        measured={"flows_on_s": round(took, 3), "replaced_s": round(replaced_s, 3), **counted(ended)},
        wanted="the spare takes over; the supervisor ends it and starts another; 0 lost or doubled",
    )


def counted(ended: Ended) -> dict[str, float | int | str]:
    """What became of the windows."""
    names = ("due", "answered", "lost", "doubled", "expired", "dropped", "failed")
    return {name: ended.counters.get(name, 0) for name in names}


def _waiting(session: Session) -> int:
    """Windows that have no answer yet."""
    return session.status.counters.get("in_flight", 0) if session.status else 0


def _strike(session: Session, name: str, number: int, delay_s: float) -> float:
    """Send a child a signal at the moment the next answer appears, or so long after it; when that was."""
    pid = session.pid_of(name)
    done: list[float] = []

    def strike() -> None:
        time.sleep(delay_s)
        os.kill(pid, number)
        done.append(now())

    session.watch.strike = strike
    session.until(lambda: bool(done), 30.0, "an answer")
    return done[0]


def _state(session: Session, name: str) -> str:
    status = session.status
    return next((peer.state for peer in status.peers if peer.name == name), "") if status else ""
