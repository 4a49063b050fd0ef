"""Two hours at 10 pictures a second, 64 channels: in real time over LSL, and as many windows at full speed."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.bundles import Sizes
from benchmarks.faults import rig
from benchmarks.faults.growth import Sampler
from benchmarks.faults.row import Measured, Row
from benchmarks.faults.session import Ended, Session
from benchmarks.faults.workers import WARM, counted
from benchmarks.processes import Processes

SIZES = Sizes(channels=64, rate_hz=250.0, encoder="nice", dim=512, gallery=16_540)
TWO_HOURS_S, TEN_MINUTES_S, MINUTE_S = 7200.0, 600.0, 60.0
WARM_S = 20.0
"""Of the minute."""
GROWTH = 0.01
"""Memory may grow by less than this share over the measured time: the target."""
DRIFT_MS = 1.0
"""No drift: the median latency of the last quarter is within this of the first quarter's, or within a fifth of it."""
HISTORY_SHORT = 200
"""Short form: answers kept for displays that join late; the default (10,000) is full only after 17 minutes."""


def endurance_real_time(place: Path, short: bool) -> Row:
    """A session over LSL in real time."""
    seconds = MINUTE_S if short else TWO_HOURS_S
    lsl = rig.Lsl(place, seconds, SIZES)
    table = rig.settings(rig.bundles(place, SIZES), lsl.source, dispatch=_history(short), session=rig.truth(place))
    with Processes(place / "logs") as processes, Session(place, table) as session:
        lsl.start(processes)
        session.flowing(round(_warm_s(short) * rig.RSVP_HZ), _warm_s(short) + 120.0)
        mark = len(session.watch.shown)
        sampler = Sampler(_pids(session), 1.0)
        with sampler:
            session.wait(seconds - _warm_s(short) - 5.0)
        shown = session.watch.shown[mark:]
        ended = session.ended(120.0)
    latencies = [1e3 * (one.at_s - one.due_s) for one in shown]
    quarter = max(1, len(latencies) // 4)
    first, last = median(latencies[:quarter]), median(latencies[-quarter:])
    drifts = abs(last - first) > max(DRIFT_MS, first / 5)
    return _row(
        f"{_length(seconds)} at 10 Hz, 64 channels, in real time over LSL",
        sampler, ended, not drifts, {"first_quarter_ms": round(first, 2), "last_quarter_ms": round(last, 2)},
    )  # fmt: skip


def endurance_accelerated(place: Path, short: bool) -> Row:
    """As many windows as fast as they go."""
    seconds = TEN_MINUTES_S if short else TWO_HOURS_S
    dispatch = {"policy": "block", **_history(short)}
    source = rig.direct(seconds, SIZES, speed=0.0)
    table = rig.settings(rig.bundles(place, SIZES), source, dispatch=dispatch, session=rig.truth(place))
    windows = round(seconds * rig.RSVP_HZ)
    with Session(place, table) as session:
        session.flowing(windows // 5, 1800.0)
        sampler = Sampler(_pids(session), 0.25)
        with sampler:
            session.until(lambda: len(session.watch.shown) > 0.97 * windows, seconds, "the last answers")
        began_s, finished_s = session.watch.shown[0].at_s, session.watch.shown[-1].at_s
        rate = (len(session.watch.shown) - 1) / (finished_s - began_s)
        ended = session.ended(120.0)
    return _row(
        f"{_length(seconds)} of 10 Hz, 64 channels, as fast as it goes",
        sampler, ended, True, {"windows_a_second": round(rate, 1)},
    )  # fmt: skip


def _row(fault: str, sampler: Sampler, ended: Ended, even: bool, more: dict[str, Measured]) -> Row:
    shares = {name: sampler.memory(name).share for name in sampler.pids}
    files = {name: sampler.files(name) for name in sampler.pids}
    worst = max(shares, key=lambda name: shares[name])
    measured: dict[str, Measured] = {f"growth_percent_{name}": round(100 * share, 3) for name, share in shares.items()}
    return Row(
        fault=fault,
        passed=ended.clean and shares[worst] < GROWTH and even and all(last <= first for first, last in files.values()),
        measured={
            **measured, **{f"files_{name}": f"{first} to {last}" for name, (first, last) in files.items()}, **more,
            **counted(ended),
        },
        wanted=f"memory of every process grows by less than {GROWTH:.0%}, no drift in latency, no more open files",
        series={f"{name}_mib": sampler.series(name) for name in sampler.pids},
    )  # fmt: skip


def _pids(session: Session) -> dict[str, int]:
    session.until(lambda: session.ready("spare"), 60.0, "the spare, ready")
    session.flowing(WARM)
    return {"supervisor": session.pid, **session.children()}


def _history(short: bool) -> dict[str, int]:
    return {"history": HISTORY_SHORT} if short else {}


def _warm_s(short: bool) -> float:
    return WARM_S if short else 1200.0


def _length(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"
