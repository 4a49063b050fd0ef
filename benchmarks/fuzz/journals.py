"""Journals: a small valid one, and damage inside its records with the checksum made right again."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import numpy as np

from acquisition import journal_format as fmt
from acquisition.journal import JournalSource, JournalWriter, PacketRecord, read
from acquisition.journal_format import Bad, Header, Sent
from acquisition.types import Chunk, Event, Gap, StreamInfo
from benchmarks.fuzz.frames import PACKETS
from benchmarks.fuzz.mutate import PLAIN
from benchmarks.fuzz.shaped import json_value
from benchmarks.fuzz.target import Read
from config.errors import EegseekError
from wire.states import Change

INFO = StreamInfo("muse", "lsl", 256.0, ("TP9", "AF7"), simulated=True, notes=("a note",), line_hz=50.0)


def journal(folder: Path) -> list[bytes]:
    """One journal with a record of every type."""
    file = folder / "a.esj"
    file.unlink(missing_ok=True)
    writer = JournalWriter(file)
    writer.open(Header("s", 0, INFO, "[source]\n", {"numpy": "2"}, "2026-01-01T00:00:00.000+00:00", 1.0))
    rng = np.random.default_rng(0)
    for number in range(3):
        stamps = 100.0 + number + np.arange(4) / 256
        counter = np.arange(4, dtype=np.int64) if number else None
        events = (Event(100.5, "é", None), Event(100.6, "2", 1.25)) if number == 1 else ()
        samples = rng.standard_normal((2, 4)).astype(np.float32)
        writer.chunk(Chunk(samples, stamps, 200.0, stamps - 0.1, counter, events, 0.1, final=number == 2))
    writer.packet(PACKETS[1])
    writer.gap(Gap(10, 3.0, 101.5))
    writer.note("a note")
    writer.bad(Bad(101.0, 0.5, "a cough"))
    writer.sent(Sent(0, 1, 0, "0" * 64))
    writer.turn(Change(1.0, "source", "muse", "lost", "gone"))
    writer.close("done")
    return [file.read_bytes()]


def resealed(rng: Random, data: bytes) -> bytes:
    """A record's body or type changed, or its place, with a checksum that is right."""
    records = _split(data)
    if not records:
        return data
    at = rng.randrange(len(records))
    kind, body = records[at]
    how = rng.random()
    if how < 0.1:
        records[at] = (rng.choice((*range(10), 255)), body)
    elif how < 0.2:
        records.insert(rng.randrange(len(records)), records.pop(at))
    elif how < 0.5 and body[:1] == b"{":
        records[at] = (kind, json_value(rng, body))
    else:
        records[at] = (kind, rng.choice(PLAIN)(rng, body))
    return data[: fmt.FILE_HEAD.size] + b"".join(fmt.seal(kind, [body]) for kind, body in records)


def open_journal(folder: Path) -> Read:
    """Read record by record with every packet decoded, and play it again as a source."""
    file = folder / "a.esj"

    def take(data: bytes) -> None:
        file.write_bytes(data)
        first: EegseekError | None = None
        try:
            _records(file)
        except EegseekError as error:
            first = error
        _play(file)
        if first is not None:
            raise first

    return take


def _records(file: Path) -> None:
    refused: EegseekError | None = None
    for record in read(file):
        if isinstance(record, PacketRecord):
            try:
                _ = record.packet
            except EegseekError as error:
                refused = error
    if refused is not None:
        raise refused


def _play(file: Path) -> None:
    source = JournalSource(file)
    try:
        source.open()
        while not source.read(0.0).final:
            pass
    finally:
        source.close()


def _split(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], fmt.FILE_HEAD.size
    while at + fmt.PREFIX.size <= len(data):
        try:
            length, _, kind = fmt.PREFIX.unpack_from(data, at)
        except struct.error:
            break
        body = data[at + fmt.PREFIX.size : at + fmt.PREFIX.size + length]
        found.append((kind, body))
        at += fmt.PREFIX.size + length
    return found
