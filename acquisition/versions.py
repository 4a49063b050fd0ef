"""What the last bits of an answer depend on, as a journal's header keeps it: libraries, processor, threads."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

DECIDING = (
    "python", "numpy", "scipy", "numba", "torch", "faiss-cpu", "braindecode", "scikit-learn", "pyriemann", "asrpy",
    "processor", "threads",
)  # fmt: skip
"""Where one of these is another, the last bits may be, too."""
_LIBRARIES = ("eegseek", "pylsl", "brainflow", "mne", "pyzmq", "msgspec", *DECIDING[1:-2])


def versions() -> dict[str, str]:
    """Of Python and the libraries that are installed, with the processor and the threads that libraries may use."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {**found, "processor": processor(), "threads": os.environ.get("OMP_NUM_THREADS", "all")}


def processor() -> str:
    """Model of the processor, as the system names it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is another than it was, in words; what was not written down counts as another."""
    return [
        f"{name} was {then.get(name) or 'not written down'} and is {now.get(name) or 'missing'}"
        for name in DECIDING
        if then.get(name) != now.get(name) or (name in DECIDING[-2:] and name not in then)
    ]
