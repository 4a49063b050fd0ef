"""``eegseek bench start``: from the command to the first answer.

``eegseek run`` is started as a person would, with bundles and a simulated participant, and a display of ours listens.
Counted is what the program takes and not what the signal takes: the time until acquisition reads and a worker is ready
(a window of that moment is answered), and the time from the first window's last sample to its answer at the display.
The participant's EEG before the first picture, the filters' settling and the window itself lie between the two.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import zmq
from rich.console import Console
from rich.table import Table

from acquisition import journal
from benchmarks import targets
from benchmarks.bundles import REJECTION, Sizes, channel_names, montage, write_bundles
from benchmarks.machine import machine, machine_line
from benchmarks.reporting import printer, write_json
from config.errors import ProcessError
from wire.clock import now
from wire.endpoints import endpoints
from wire.packets import Result, Status
from wire.sockets import make, receive

TARGET_S = 6.0
LIMIT_S = 90.0
ROOT = Path(__file__).resolve().parents[1]
MODULES = ("eegseek.cli", "acquisition.process", "inference.process", "inference.loading", "display.process")
Say = Callable[[str], None]


@dataclass(frozen=True)
class StartOptions:
    """What is measured.

    Attributes
    ----------
    sizes
        Channels, rate, encoder, gallery.
    tries
        Starts with a warm file cache.
    cold
        Starts after the libraries' files were put out of the file cache, as far as other processes let go of them.
    lead_s
        The participant's EEG before the first picture.
    json
        Where the result is written, too.
    """

    sizes: Sizes = field(default_factory=Sizes)
    tries: int = 5
    cold: int = 1
    lead_s: float = 3.0
    seed: int = 0
    json: Path | None = None


def run_start(options: StartOptions, say: Say | None = None) -> dict[str, Any]:
    """Measure, print a table, and write the JSON.

    Returns
    -------
    dict
        ``warm`` and ``cold`` (lists of ``bound_s``, ``first_status_s``, ``reading_s``, ``ready_to_answer_s``,
        ``first_answer_s``, ``added_ms``, ``start_to_first_answer_s``), ``imports_s`` by module, ``targets``,
        ``machine``, ``options``.

    Raises
    ------
    ProcessError
        A run failed, or gave no answer in time.
    """
    console = Console(stderr=True)
    say = say or (lambda words: console.print(words, highlight=False))
    sizes = options.sizes
    described = {
        "channels": sizes.channels, "rate_hz": sizes.rate_hz, "encoder": sizes.encoder, "dim": sizes.dim,
        "gallery": sizes.gallery, "tries": options.tries, "cold": options.cold, "lead_s": options.lead_s,
    }  # fmt: skip
    found: dict[str, Any] = {"benchmark": "start", "machine": machine(), "options": described, "warm": [], "cold": []}
    with tempfile.TemporaryDirectory(prefix="eegseek-bench-") as place:
        folder = Path(place)
        say("writing bundles")
        bundles = write_bundles(folder, sizes, options.seed)
        for k in range(options.cold):
            say(f"cold start {k + 1}: {evict(folder)} files put out of the cache")
            found["cold"].append(_start(folder / f"cold-{k}", bundles, options))
        for k in range(options.tries):
            say(f"warm start {k + 1} of {options.tries}")
            found["warm"].append(_start(folder / f"warm-{k}", bundles, options))
    say("timing imports")
    found["imports_s"] = {name: imported_s(name) for name in MODULES}
    typical = median(row["start_to_first_answer_s"] for row in found["warm"])
    found["targets"] = [targets.at_most("eegseek run: start to first answer, warm cache", TARGET_S, typical, "s")]
    _show(found)
    write_json(found, options.json)
    return found


def _start(folder: Path, bundles: tuple[Path, Path], options: StartOptions) -> dict[str, float]:
    """One run, ended after its first answer."""
    (folder / "run").mkdir(mode=0o700, parents=True)
    sizes = options.sizes
    settings = {
        "session": {"name": "start", "folder": str(folder / "sessions")},
        "source": {
            "kind": "participant", "montage": montage(sizes.channels), "channels": channel_names(sizes.channels),
            "rate_hz": sizes.rate_hz, "stimuli": 50, "repeats": 4, "lead_s": options.lead_s, "seed": options.seed,
        },
        "rejection": REJECTION.model_dump(),
        "run": {"folder": str(folder / "run")},
    }  # fmt: skip
    config = folder / "settings.json"
    config.write_text(json.dumps(settings), "utf-8")
    command = [sys.executable, "-m", "eegseek", "run", "--config", str(config), "--headless",
               "--encoder", str(bundles[0]), "--gallery", str(bundles[1])]  # fmt: skip
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with zmq.Context() as context, make(context, zmq.SUB) as socket, (folder / "log").open("wb") as log:
        socket.subscribe(b"")
        socket.setsockopt(zmq.RECONNECT_IVL, 5)
        socket.connect(endpoints(str(folder / "run")).results)
        begun = now()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": path}
        )
        try:
            seen = _listen(socket, process, folder / "log")
        finally:
            _end(process)
    header = next(iter(journal.read(journal.path(folder / "sessions" / "start", 0))))
    if not isinstance(header, journal.Header):
        raise ProcessError("the run's journal does not begin with its header")
    return figures(begun, seen["status"], header.clock_s, seen["result"], seen["due"])


def figures(begun: float, status: float, reading: float, answer: float, due: float) -> dict[str, float]:
    """Seconds from the start of the command.

    Parameters
    ----------
    begun, status, reading, answer
        Moments: the command, acquisition's first word, its first read (not before a worker is ready), the first answer
        at a display.
    due
        Moment of the first answered window's last sample.
    """
    return {
        "first_status_s": status - begun,
        "ready_to_answer_s": reading - begun,
        "first_answer_s": answer - begun,
        "signal_s": due - reading,
        "added_ms": 1e3 * (answer - due),
        "start_to_first_answer_s": (reading - begun) + (answer - due),
    }


def _listen(socket: zmq.Socket[bytes], process: subprocess.Popen[bytes], log: Path) -> dict[str, float]:
    """Moments of the first status and of the first answer, and when that was due."""
    seen: dict[str, float] = {}
    until = now() + LIMIT_S
    while "result" not in seen:
        if process.poll() is not None or now() > until:
            lines = log.read_text(errors="replace").strip().splitlines() or ["it wrote nothing"]
            raise ProcessError(f"`eegseek run` gave no answer within {LIMIT_S:g} s: {lines[-1]}")
        if not socket.poll(100):
            continue
        at, message = now(), receive(socket)
        match message[1] if message else None:
            case Status():
                seen.setdefault("status", at)
            case Result() as result if result.stamps.sample_due is not None:
                seen.update(result=at, due=result.stamps.sample_due)
            case _:
                continue
    return {"status": seen["result"], **seen}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(40.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def evict(*folders: Path) -> int:
    """Ask the system to drop the file cache of the environment's libraries, of our code and of some folders.

    Returns
    -------
    Files asked for. Pages that another process has mapped stay; where the system knows no such request, 0.
    """
    advise = getattr(os, "posix_fadvise", None)
    if advise is None:
        return 0
    count = 0
    for top in (Path(sysconfig.get_paths()["purelib"]), ROOT, *folders):
        for base, _, names in os.walk(top):
            for name in names:
                count += _forget(Path(base) / name, advise)
    return count


def _forget(file: Path, advise: Callable[[int, int, int, int], None]) -> int:
    try:
        number = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        advise(number, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError:
        return 0
    finally:
        os.close(number)
    return 1


def imported_s(module: str, tries: int = 3) -> float:
    """Least time that a new interpreter takes to import a module, its own start included, seconds."""
    took = []
    for _ in range(tries):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {module}"], cwd=ROOT, check=True, timeout=LIMIT_S)
        took.append(time.perf_counter() - began)
    return min(took)


def _show(found: dict[str, Any]) -> None:
    options = found["options"]
    title = (
        f"eegseek run, {options['encoder']} {options['dim']}-d, gallery {options['gallery']}: seconds from the command"
    )
    drawn = Table(title=title, title_justify="left")
    columns = ("first_status_s", "ready_to_answer_s", "added_ms", "start_to_first_answer_s", "first_answer_s")
    for name in ("", *(column.replace("_", " ") for column in columns)):
        drawn.add_column(name, justify="right" if name else "left")
    for cache in ("cold", "warm"):
        for row in found[cache]:
            drawn.add_row(cache, *(f"{row[column]:.2f}" for column in columns))
    console = printer()
    console.print(drawn)
    imports = ", ".join(f"{name} {value:.2f}" for name, value in found["imports_s"].items())
    console.print(f"imports, s: {imports}", highlight=False, markup=False)
    console.print(targets.table(found["targets"]))
    console.print(machine_line(found["machine"]), highlight=False, markup=False)
