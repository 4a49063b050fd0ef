"""``python -m acquisition.retap FOLDER``: the taps of a session so far, cut once more from its journals, to a pipe.

For a display that joins late. Journals are only read; who runs it gives it the lowest priority.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from acquisition import journal_files
from acquisition.configure import bundle_of, plan_of
from acquisition.journal_format import Header
from acquisition.journal_read import JournalSource
from acquisition.packing import Packer
from acquisition.pipeline import Pipeline
from acquisition.types import Epoch, StreamInfo
from config.errors import EegseekError, JournalError
from config.settings import Settings
from wire import lifeline, logs, pipe
from wire.packets import Tap


def main(arguments: list[str] | None = None) -> int:
    """Write all taps to the standard output, as `wire.pipe` does; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m acquisition.retap", description="Taps of a session so far.")
    parser.add_argument("folder", type=Path, help="the session's folder")
    folder = parser.parse_args(arguments).folder
    logs.begin("retap")
    lifeline.watch()
    try:
        return 0 if write(folder, sys.stdout.buffer) else 1
    except BrokenPipeError:  # nobody wants them any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def write(folder: Path, out: IO[bytes]) -> int:
    """Write the taps of all segments; how many of these could be read. What is wrong with the others is told."""
    read = 0
    for segment in journal_files.segments(folder):
        try:
            for tap in taps(journal_files.path(folder, segment)):
                pipe.put(out, tap)
            out.flush()
            read += 1
        except EegseekError as error:
            logs.refused("retap", error)
    return read


def taps(file: Path) -> Iterator[Tap]:
    """Taps of a segment, as they went out or would have: single trials, without averages over repeats.

    Parameters
    ----------
    file
        First file of its journal. One that is being written is read as far as it goes.

    Yields
    ------
    Tap
        In the order of the samples that complete them.

    Raises
    ------
    EegseekError
        The journal, or a bundle that it names, cannot be read.
    """
    source = JournalSource(file)
    info = source.open()
    try:
        if source.header is not None:
            yield from _cut(source, source.header, info)
    finally:
        source.close()


def _cut(source: JournalSource, header: Header, info: StreamInfo) -> Iterator[Tap]:
    try:
        settings = Settings.model_validate_json(header.settings)
    except ValidationError as error:
        raise JournalError(f"journal '{source.file}' holds no settings that this version reads") from error
    plan = plan_of(settings, bundle_of(settings)).whole
    pipeline = Pipeline(info, plan)
    rate_hz = plan.window.rate_hz
    pack = Packer(header.session, header.segment, pipeline.channels, rate_hz, info.simulated, replayed=True)
    final = False
    while not final:
        chunk = source.read(0.0)
        final = chunk.final
        for output in pipeline.feed(chunk):
            if isinstance(output, Epoch):
                yield pack.tap(replace(output, data=output.data[:1]), 0.0)


if __name__ == "__main__":
    sys.exit(main())
