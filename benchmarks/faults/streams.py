"""Rows about an EEG stream that goes away: a real outlet process is killed or held, the real acquisition reads it."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acquisition.types import Gap
from benchmarks.faults.row import Measured, Row
from benchmarks.faults.streams_run import RATE_HZ, WINDOW_S, Numbers, Run, closes, errors, whole
from benchmarks.faults.streams_sender import CHANNELS
from wire.clock import now

SENDER = "benchmarks.faults.streams_sender"
STALLED_S, LOST_S = 0.5, 1.0
ZERO_BEFORE_S = 1.0
WANTED = (
    "stalled within 0.5 s, lost within 1 s, recovered with the gap in ms on the screen and in the journal; windows "
    "over it rejected, those after it within half a sample of their onset"
)


class Senders:
    """An amplifier and a stimulus program, each a process, on one time line.

    Parameters
    ----------
    run
        Whose processes they join.
    markers
        Form of the marker stream.
    keep
        The amplifier keeps what it could not send.
    """

    def __init__(self, run: Run, name: str, markers: str = "plain", *, keep: bool = False, more: tuple[str, ...] = ()):
        self._run, self._name, self._keep = run, name, keep
        self._zero = now() - ZERO_BEFORE_S
        self._count = 0
        self.amplifier()
        self._start("markers", f"{name}-markers", "--markers", markers, *more)

    def amplifier(self) -> None:
        """Start it, or start it again."""
        self._count += 1
        self._start(f"eeg{self._count}", self._name, *(("--keep",) if self._keep else ()))

    @property
    def pid(self) -> int:
        """Of the amplifier."""
        return self._run.processes.running[f"eeg{self._count}"].pid

    def kill(self) -> None:
        """End the amplifier without a word."""
        process = self._run.processes.running.pop(f"eeg{self._count}")
        process.kill()
        process.wait()

    def _start(self, key: str, name: str, *more: str) -> None:
        self._run.processes.start(key, SENDER, "--name", name, "--rate", f"{RATE_HZ:g}", "--zero", f"{self._zero!r}",
                                  *more)  # fmt: skip


def lsl(name: str) -> dict[str, object]:
    """Section ``source`` of the settings."""
    return {"kind": "lsl", "name": name, "marker_name": f"{name}-markers", "wait_s": 40.0}


@dataclass
class Outage:
    """What is done to the amplifier: ``strike`` breaks it, ``mend`` ends that."""

    strike: Callable[[Senders], object]
    mend: Callable[[Senders], object]
    seconds: float
    keep: bool = False


def outlet_restarted(place: Path, short: bool) -> Row:
    """The outlet is killed and started again at once."""
    return _row(place, "outlet killed and restarted", Outage(Senders.kill, Senders.amplifier, 0.0))


def outlet_gone(place: Path, short: bool) -> Row:
    """The outlet is killed, and back after half a minute."""
    seconds = 3.0 if short else 30.0
    return _row(place, f"outlet gone for {seconds:g} s", Outage(Senders.kill, Senders.amplifier, seconds))


def network_stall(place: Path, short: bool) -> Row:
    """The outlet is held without closing its connection, and what it should have sent is lost."""
    seconds = 3.0 if short else 30.0
    return _row(place, f"stall of {seconds:g} s without a close, data lost", Outage(_hold, _release, seconds))


def network_stall_kept(place: Path, short: bool) -> Row:
    """The outlet is held without closing its connection, and sends everything afterwards."""
    seconds = 3.0 if short else 30.0
    outage = Outage(_hold, _release, seconds, keep=True)
    return _row(place, f"stall of {seconds:g} s without a close, data late", outage)


def _hold(senders: Senders) -> None:
    os.kill(senders.pid, signal.SIGSTOP)


def _release(senders: Senders) -> None:
    os.kill(senders.pid, signal.SIGCONT)


def _row(place: Path, fault: str, outage: Outage) -> Row:
    name = f"faults-{uuid.uuid4().hex[:10]}"
    with Run(place, lsl(name), CHANNELS) as run:
        senders = Senders(run, name, keep=outage.keep)
        run.windows(8)
        struck_s = now()
        outage.strike(senders)
        try:
            run.until(lambda: run.heard.source_at("lost", struck_s) is not None, "the loss", 10.0)
            run.during(max(0.0, outage.seconds - (now() - struck_s)))
        finally:
            outage.mend(senders)
        mended_s, before = now(), len(run.heard.windows)
        run.until(lambda: run.heard.source_at("recovered", struck_s) is not None, "the recovery")
        run.until(lambda: sum(one.onset_s > mended_s for one in run.heard.windows) >= 10, "windows after the mend")
        status = run.stop()
    numbers, gaps, states = run.recorded()
    missing = [(gap, round(float(numbers[gap.index] - numbers[gap.index - 1])) - 1) for gap in gaps]
    stalled, lost, back = (run.heard.source_at(state, struck_s) for state in ("stalled", "lost", "recovered"))
    seen = min(one for one in (stalled, lost, float("inf")) if one is not None) - struck_s
    gone = (lost or float("inf")) - struck_s
    found = errors(run.heard.windows)
    measured: dict[str, Measured] = {
        "first_word_after_s": round(seen, 3),
        "lost_after_s": round(gone, 3),
        "silent_for_s": round((back or struck_s) - struck_s, 3),
        "on_screen_ms": str(run.heard.said_ms("recovered", struck_s)),
        "windows_before": before,
        "windows_after": len(run.heard.windows) - before,
        "worst_alignment_samples": round(max(map(abs, found)), 4),
        "states": ", ".join(states),
    }
    fine = seen <= STALLED_S and gone <= LOST_S and whole(run.heard.windows) and max(map(abs, found)) <= 0.5
    fine &= closes(status) and "recovered" in states and "lost" in states
    if outage.keep:
        measured["windows_of_the_silence"] = sum(struck_s < one.onset_s < mended_s for one in run.heard.windows)
        fine &= _none_lost(run, measured)
    else:
        fine &= _gap_told(run, missing, numbers, measured)
    return Row(fault, bool(fine), measured, WANTED)


def _none_lost(run: Run, measured: dict[str, Measured]) -> bool:
    """Nothing is missing: no gap, and every stimulus is answered, once settled."""
    _, gaps, _ = run.recorded()
    settled = [one for one in run.heard.rejected if all(why.startswith("settling") for why in one.reasons)]
    other = len(run.heard.rejected) - len(settled) - _at_the_ends(run)
    measured.update(gaps=len(gaps), rejected_otherwise=other)
    return not gaps and not other


def _at_the_ends(run: Run) -> int:
    """Stimuli from before the first sample, and those under way at the end."""
    words = ("missed: ended", "missed: before_stream")
    return sum(any(why.startswith(words) for why in one.reasons) for one in run.heard.rejected)


def _gap_told(run: Run, missing: list[tuple[Gap, int]], numbers: Numbers, measured: dict[str, Measured]) -> bool:
    """One gap, its length right on the screen and in the journal, and every window over it rejected for it."""
    if len(missing) != 1:
        measured["gaps"] = len(missing)
        return False
    ((gap, true),) = missing
    true_ms = 1e3 * true / RATE_HZ
    first = float(numbers[gap.index - 1])
    # an onset nearer to the first sample after the gap than to its last has its window behind the gap
    begin, end = first - WINDOW_S * RATE_HZ + 1, first + true + 0.4
    over = [one for one in run.heard.rejected if begin < float(one.stimulus) < end]
    told = sum(any("gap" in why for why in one.reasons) for one in over)
    measured.update(
        gap_ms=round(true_ms, 1),
        gap_recorded_ms=round(1e3 * gap.missing_s, 1),
        windows_over_the_gap=len(over),
        rejected_as_gap=told,
    )
    tolerance_ms = 2e3 / RATE_HZ
    said = run.heard.said_ms("recovered", 0.0) + run.heard.said_ms("connected", 0.0)
    on_screen = any(abs(ms - true_ms) <= tolerance_ms for ms in said)
    return on_screen and abs(1e3 * gap.missing_s - true_ms) <= tolerance_ms and told == len(over) > 0
