"""A full disk, folders that may not be written, a port that is taken: one clear sentence, and nobody else disturbed."""

from __future__ import annotations

import random
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acquisition import journal
from benchmarks.faults import account, rig
from benchmarks.faults.row import Row
from benchmarks.faults.session import Session, environment, last_line, run_eegseek
from benchmarks.faults.workers import LONG_S, WARM, counted
from config.errors import ProcessError
from wire.clock import now

LEFT_BYTES = 50_000
"""What the journal may still grow by when the disk fills: less than two seconds."""
LIMIT_S = 60.0


def port_in_use(place: Path, short: bool) -> Row:
    """A second run on ports that a first one has, and one on a port that another program has."""
    inference = rig.bundles(place)
    keys = {"keys": str(place / "keys")}
    table = rig.settings(inference, rig.direct(LONG_S), run=keys)
    with Session(place / "first", table, run_folder=free_ports()) as session:
        session.flowing(WARM)
        code, errors = _second(place / "second", table, session.run_folder)
        session.flowing(WARM)
        ended = session.stop()
    with taken_port() as run_folder:
        other_code, other_errors = _second(place / "third", table, run_folder)
    return Row(
        fault="a port in use: by another run, by another program",
        passed=ended.clean and all(map(_sentence, (code, other_code), (errors, other_errors), ("in use",) * 2)),
        measured={"by_a_run": _last(errors), "by_a_program": _last(other_errors), **counted(ended)},
        wanted="one clear sentence and exit status 1; the run that was there first goes on untouched",
    )


def read_only_folders(place: Path, short: bool) -> Row:
    """A run folder and a session folder that may not be written."""
    inference = rig.bundles(place)
    locked = place / "locked"
    locked.mkdir()
    table = rig.settings(inference, rig.direct(LONG_S))
    locked.chmod(0o500)
    try:
        run_code, run_errors = _plain_user(place / "run.json", table, str(locked), place / "sessions")
        code, errors = _plain_user(place / "session.json", table, "", locked / "sessions")
    finally:
        locked.chmod(0o700)
    return Row(
        fault="a read-only run folder, a read-only session folder",
        passed=_sentence(run_code, run_errors, str(locked)) and _sentence(code, errors, str(locked)),
        measured={"run_folder": _last(run_errors), "session_folder": _last(errors)},
        wanted="one clear sentence that names the folder, exit status 1, no process left",
    )


def full_disk(place: Path, short: bool) -> Row:
    """The disk takes no more of the journal in the middle of a session (a limit on the size of files stands for it)."""
    with Session(place, rig.settings(rig.bundles(place), rig.direct(LONG_S))) as session:
        session.flowing(30)
        size = session.journal().stat().st_size + LEFT_BYTES
        resource.prlimit(session.pid_of("acquisition"), resource.RLIMIT_FSIZE, (size, size))
        at_s = now()
        session.until(lambda: "cannot be written" in _words(session), 30.0, "word of the full disk")
        told_s = now() - at_s
        ended = session.ended()
    kept = account.read(session.journal())
    records = list(journal.read(session.journal()))
    return Row(
        fault="a full disk in the middle of a session (by a limit on the size of files)",
        passed=kept.whole and ended.sums and _sentence(ended.code, ended.errors, "free space"),
        measured={
            "told_within_s": round(told_s, 3), "records_kept": len(records), "answered": kept.answered,
            "lost": ended.counters["lost"], "sentence": _last(ended.errors),
        },
        wanted="told at once, in one clear sentence; what was written stays whole; every window has its end",
    )  # fmt: skip


def _second(place: Path, table: rig.Table, run_folder: str) -> tuple[int, str]:
    """Run a second session at an address; exit status and standard error."""
    made = Session(place, table, run_folder=run_folder, name="second")
    made.write()
    return run_eegseek(["run", "--config", str(made.config), "--headless"], LIMIT_S)


def _plain_user(config: Path, table: rig.Table, run_folder: str, sessions: Path) -> tuple[int, str]:
    """Run a session to its refusal as somebody whom permissions bind, even where we are root."""
    made = Session(config.parent / config.stem, table, run_folder=run_folder)
    made.write({"session": {"folder": str(sessions)}})
    command = [sys.executable, "-m", "benchmarks.faults.plain_user", "run", "--config", str(made.config), "--headless"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environment(), timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ProcessError(f"a run in a read-only folder did not end within {LIMIT_S:g} s") from error
    return done.returncode, done.stderr.decode(errors="replace")


def free_ports() -> str:
    """Three consecutive loopback ports that were free a moment ago, as a run folder.

    Raises
    ------
    ProcessError
        None were found.
    """
    for _ in range(50):
        first = random.randrange(20_000, 60_000)
        probes = [socket.socket() for _ in range(3)]
        try:
            for k, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + k))
            return f"tcp://127.0.0.1:{first}"
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise ProcessError("no three consecutive free ports were found on this machine")


@contextmanager
def taken_port() -> Iterator[str]:
    """A run folder of three ports, the second of which another program listens on."""
    for _ in range(50):
        address = free_ports()
        first = int(address.rpartition(":")[2])
        with socket.socket() as other:
            try:
                other.bind(("127.0.0.1", first + 1))
            except OSError:
                continue
            other.listen()
            yield address
            return
    raise ProcessError("no free port was found on this machine")


def _words(session: Session) -> str:
    status = session.status
    return f"{status.message if status else ''} {last_line(session.log)}"


def _sentence(code: int, errors: str, words: str) -> bool:
    """Whether a run was refused in one sentence that holds some words."""
    return code == 1 and "Traceback" not in errors and words in _last(errors) and _last(errors).startswith("eegseek: ")


def _last(errors: str) -> str:
    lines = errors.strip().splitlines()
    return lines[-1] if lines else ""
