"""The process in which files are read: limited in memory and time, so that what ends it ends nothing else.

``python -m benchmarks.fuzz.child NAME FOLDER SEED START STOP SECONDS`` reads the damaged files ``START`` to ``STOP`` of
a target and prints a line of JSON for each finding, and one at the end; with NAME and FOLDER alone it makes the valid
files. Where it is stands in the file ``at`` of its folder, for whoever finds it dead.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import mmap
import os
import random
import resource
import struct
import sys
import time
import warnings
import zlib
from pathlib import Path
from typing import Any, TextIO

from benchmarks.fuzz.guard import Found, Guard, limit_memory, shrunk
from benchmarks.fuzz.mutate import damaged
from benchmarks.fuzz.target import Read, Target
from benchmarks.fuzz.targets import TARGETS
from config.errors import EegseekError

SEEDS, AT = "seeds", "at"
MOST_SHRUNK = 40
"""Findings of one child that are made smaller."""


def case(target: Target, seeds: list[bytes], seed: int, index: int) -> bytes:
    """A damaged file: the same for the same seed, target, valid files and number."""
    rng = random.Random((seed << 72) | (zlib.crc32(target.name.encode()) << 40) | index)
    return damaged(rng, seeds, target.tokens, target.shaped)


def make_seeds(target: Target, folder: Path) -> int:
    """Make the valid files of a target; as some are refused (such as those of another kind), say how many are not."""
    (folder / SEEDS).mkdir(parents=True, exist_ok=True)
    (folder / "made").mkdir(exist_ok=True)
    seeds = target.seeds(folder / "made")
    for number, data in enumerate(seeds):
        (folder / SEEDS / f"{number:03d}").write_bytes(data)
    taken, why = _warm(target.open(_scratch(folder)), seeds)
    if not taken and not target.foreign:
        raise ValueError(f"it takes none of its {len(seeds)} valid files: {why}")
    return taken


def _warm(read: Read, seeds: list[bytes]) -> tuple[int, str]:
    """Read the valid files, so that what is loaded once is loaded; how many were taken, and why not the last."""
    taken, why = 0, ""
    for data in seeds:
        try:
            read(data)
            taken += 1
        except EegseekError as error:
            why = str(error)
    return taken, why


def read_seeds(folder: Path) -> list[bytes]:
    """What `make_seeds` made."""
    return [path.read_bytes() for path in sorted((folder / SEEDS).iterdir())]


def fuzz(target: Target, folder: Path, seed: int, start: int, stop: int, seconds: float, out: TextIO) -> None:
    """Read damaged files, for so long at most, and say what was found."""
    until = time.monotonic() + seconds
    seeds, scratch = read_seeds(folder), _scratch(folder)
    read = target.open(scratch)
    _warm(read, seeds)
    before = _peak_mb()
    guard = Guard(read, not target.library, scratch)
    guard.install()
    limit_memory(target.memory_mb)
    known: dict[tuple[str, str], int] = {}
    with (folder / AT).open("r+b") as file, mmap.mmap(file.fileno(), 8) as at:
        for index in range(start, stop):
            if time.monotonic() > until:
                stop = index
                break
            at[:] = struct.pack("<q", index)
            data = case(target, seeds, seed, index)
            found = guard(data)
            if found is None:
                continue
            key = (found.kind, found.where)
            known[key] = known.get(key, 0) + 1
            if known[key] == 1:
                small = _smaller(guard, data, found) if len(known) <= MOST_SHRUNK else data
                _say(out, {**vars(found), "index": index, "hex": small.hex(), "bytes": len(small)})
        at[:] = struct.pack("<q", stop)
    counts = [{"kind": kind, "where": where, "count": count} for (kind, where), count in known.items()]
    _say(out, {"done": stop - start, "refused": guard.refused, "counts": counts, "grown_mb": _peak_mb() - before})


def _smaller(guard: Guard, data: bytes, found: Found) -> bytes:
    refused = guard.refused

    def again(shorter: bytes) -> bool:
        other = guard(shorter)
        return other is not None and (other.kind, other.where) == (found.kind, found.where)

    small = data if found.kind == "hang" else shrunk(data, again)
    guard.refused = refused
    return small


def _scratch(folder: Path) -> Path:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return scratch


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _say(out: TextIO, what: dict[str, Any]) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


def main(words: list[str]) -> None:
    """Run as the module says."""
    # libraries print as they like; what we say goes past them
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    faulthandler.enable()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    target, folder = TARGETS[words[0]], Path(words[1])
    if len(words) == 2:
        _say(out, {"valid": make_seeds(target, folder)})
    else:
        seed, start, stop = map(int, words[2:5])
        fuzz(target, folder, seed, start, stop, float(words[5]), out)


if __name__ == "__main__":
    main(sys.argv[1:])
