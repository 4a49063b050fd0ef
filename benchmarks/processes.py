"""Child processes of a benchmark: started, watched, their processor time read, and none left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psutil

from config.errors import ProcessError
from wire.clock import now

ROOT = Path(__file__).resolve().parents[1]


class Processes:
    """Some Python modules run as processes; a context manager that leaves none behind.

    Parameters
    ----------
    logs
        Folder for what they write.
    """

    def __init__(self, logs: Path):
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Processes:
        """Make the folder of logs."""
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs."""
        for process in self.running.values():
            if process.poll() is None:
                process.terminate()
        deadline = now() + 5.0
        for process in self.running.values():
            try:
                process.wait(max(deadline - now(), 0.01))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, module: str, *arguments: str) -> None:
        """Start ``python -m module``, one thread for its arithmetic."""
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        with (self.logs / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
                start_new_session=True,
            )

    def check(self) -> None:
        """See that none has failed.

        Raises
        ------
        ProcessError
            One ended with another exit code than 0: the last thing that it wrote is told.
        """
        for name, process in self.running.items():
            if process.poll() not in (None, 0):
                raise ProcessError(f"the benchmark's {name} ended with {process.returncode}: {self.last_words(name)}")

    def last_words(self, name: str) -> str:
        """Last line that a process wrote."""
        lines = (self.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def ended(self, name: str) -> bool:
        """Whether a process has ended."""
        return self.running[name].poll() is not None

    def terminate(self, name: str) -> None:
        """Ask a process to end."""
        if not self.ended(name):
            self.running[name].terminate()

    def cpu_s(self, names: Sequence[str]) -> dict[str, float]:
        """Processor seconds, user and system, that each process has used so far."""
        used = {}
        for name in names:
            times = psutil.Process(self.running[name].pid).cpu_times()
            used[name] = float(times.user + times.system)
        return used
