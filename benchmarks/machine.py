"""What a figure was measured on: without it no figure means anything."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import psutil

LIBRARIES = ("numpy", "scipy", "torch", "faiss-cpu", "pyzmq", "pylsl", "mne-lsl", "pydantic", "msgspec", "numba")


def machine() -> dict[str, Any]:
    """CPU, memory, kernel, versions, and how busy the machine already was.

    Returns
    -------
    dict
        ``memory_gib`` and ``load_1min`` are numbers; ``cores`` counts those that this process may use; ``libraries``
        maps names to versions, None where one is not installed.
    """
    return {
        "cpu": cpu_model(),
        "cores": len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "load_1min": round(os.getloadavg()[0], 2),
    }


def cpu_model() -> str:
    """Model of the processor, as the system names it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def machine_line(found: dict[str, Any]) -> str:
    """The machine in one line."""
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB, {found['kernel']}, "
        f"Python {found['python']}, torch {found['libraries']['torch']}, load before {found['load_1min']}"
    )


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
