"""Nothing calls home: importing all of eegseek, with its libraries, neither connects nor looks up a name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WATCH = """
import importlib, pkgutil, sys, threading
CALLS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request")
seen = []
sys.addaudithook(lambda event, args: seen.append((event, repr(args))) if event in CALLS else None)
import socket
{provoke}
for name in {packages!r}:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
for thread in threading.enumerate():
    if thread is not threading.current_thread() and not thread.daemon:
        thread.join(10)
print(len(sys.modules), [one for one in seen if "AF_UNIX" not in one[1]])
"""


def told(packages: tuple[str, ...], provoke: str = "") -> tuple[int, str]:
    """How many modules were loaded, and what they tried."""
    ran = subprocess.run(
        [sys.executable, "-c", WATCH.format(packages=packages, provoke=provoke)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stderr
    count, _, seen = ran.stdout.strip().splitlines()[-1].partition(" ")
    return int(count), seen


@pytest.mark.parametrize(
    "packages", [("config", "wire", "acquisition", "display"), ("inference", "training", "eegseek")]
)
def test_importing_everything_reaches_out_to_nobody(packages: tuple[str, ...]) -> None:
    count, seen = told(packages)
    assert count > 300
    assert seen == "[]"


def test_the_watch_sees_what_it_is_to_see() -> None:
    _, seen = told(("config",), "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))")
    assert "socket.connect" in seen
