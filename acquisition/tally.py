"""What became of every stimulus of a segment, counted from its journal after the run: what is written is what was."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from acquisition import journal_format as fmt
from acquisition.delivery_account import fault
from acquisition.journal_files import following
from acquisition.journal_format import Header, PacketRecord, Record, Sent
from config.errors import JournalError
from wire.packets import Failure, Packet, Rejected, Result, Status

ENDS = ("answered", "expired", "dropped", "failed")
_KINDS = (fmt.HEADER, fmt.PACKET, fmt.SENT)


@dataclass(frozen=True)
class Tally:
    """Sums of one or more segments.

    Attributes
    ----------
    counts
        Of whole windows ``due``, ``sent``, ``rejected``, ``missed``, the ends, ``lost`` (sent, without an end) and
        ``doubled`` (answered twice); of parts with ``parts_`` before, ``parts_skipped`` among them.
    rejected_by
        Reason to count.
    wrong
        The sum that does not close, in words; empty where all do.
    cut_off
        Segments that were not closed: what is lost there is what the kill took.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rejected_by: Counter[str] = field(default_factory=Counter)
    wrong: str = ""
    cut_off: tuple[int, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.counts + other.counts,
            self.rejected_by + other.rejected_by,
            self.wrong or other.wrong,
            self.cut_off + other.cut_off,
        )

    @property
    def words(self) -> str:
        """The sums in a line; a second one of parts, where there were any."""
        c, reasons = self.counts, ", ".join(f"{name} {n}" for name, n in sorted(self.rejected_by.items()))
        lines = [
            f"windows: {c['due']} due = {c['sent']} sent + {c['rejected']} rejected{f' ({reasons})' * bool(reasons)} + "
            f"{c['missed']} missed; {c['sent']} sent = {_ends(c, '')}; {c['lost']} lost, {c['doubled']} doubled"
        ]
        if c["parts_due"]:
            first = " + ".join(f"{c[f'parts_{name}']} {name}" for name in ("sent", "skipped", "rejected", "missed"))
            lines.append(f"parts: {c['parts_due']} due = {first}; {c['parts_sent']} sent = {_ends(c, 'parts_')}; "
                         f"{c['parts_lost']} lost, {c['parts_doubled']} doubled")  # fmt: skip
        lines += [f"segment {number} was cut off: what had no answer by then counts as lost" for number in self.cut_off]
        return "\n".join(lines)


def _ends(counts: Counter[str], prefix: str) -> str:
    return " + ".join(f"{counts[prefix + name]} {name}" for name in ENDS)


def of_status(status: Status) -> Tally:
    """Sums as a status tells them, for a run without a journal."""
    names = ("due", "sent", "rejected", "missed", *ENDS)
    wanted = {*names, *(f"parts_{name}" for name in (*names, "skipped"))}
    counts = Counter({name: count for name, count in status.counters.items() if name in wanted})
    counts["lost"], counts["parts_lost"] = (status.counters.get(f"{p}in_flight", 0) for p in ("", "parts_"))
    return Tally(counts, Counter(status.rejected_by), fault(status.counters) if status.last else "")


def of_journal(file: Path) -> Tally:
    """Sums of a segment.

    Raises
    ------
    JournalError
        The journal cannot be read.
    """
    counted = _Counted()
    header: Header | None = None
    for record in _records(file):
        match record:
            case Header():
                header = record
            case Sent():
                counted.sent.add((record.sequence, record.part))
            case PacketRecord():
                counted.take(record.packet)
    if header is None:
        return Tally()
    return counted.tally(header.segment)


class _Counted:
    """Keys (sequence, part) by what is written of them."""

    def __init__(self) -> None:
        self.sent: set[tuple[int, int]] = set()
        self.ends: dict[tuple[int, int], str] = {}
        self.doubled: Counter[tuple[int, int]] = Counter()
        self.counts: Counter[str] = Counter()
        self.rejected_by: Counter[str] = Counter()
        self.status: Status | None = None
        self.last_part = 0

    def take(self, packet: Packet) -> None:
        match packet:
            case Result():
                self._end(packet.sequence, packet.part, "answered")
            case Failure(worker=""):
                self._end(packet.sequence, packet.part, packet.reason.partition(":")[0])
            case Rejected():
                self.last_part = max(self.last_part, packet.part)
                missed = packet.reasons[0].startswith("missed: ") if packet.reasons else False
                self.counts["missed" if missed else "rejected"] += 1
                for word in [] if missed else dict.fromkeys(reason.partition(":")[0] for reason in packet.reasons):
                    self.rejected_by[word] += 1
            case Status(last=True):
                self.status = packet

    def _end(self, sequence: int, part: int, end: str) -> None:
        key = (sequence, part)
        if key in self.ends:
            self.doubled[key] += 1
        else:
            self.ends[key] = end

    def tally(self, segment: int) -> Tally:
        last = max([self.last_part, *(part for _, part in (*self.sent, *self.ends))])
        counts = Counter(self.counts)
        for key in self.sent | self.ends.keys():
            counts["sent" if key[1] == last else "parts_sent"] += 1
        for key, end in self.ends.items():
            counts[end if key[1] == last else f"parts_{end}"] += 1
        for key, more in self.doubled.items():
            counts["doubled" if key[1] == last else "parts_doubled"] += more
        for prefix in ("", "parts_"):
            counts[f"{prefix}lost"] = counts[f"{prefix}sent"] - sum(counts[prefix + end] for end in ENDS)
        counts["due"] = counts["sent"] + counts["rejected"] + counts["missed"]
        counts["parts_due"] = counts["parts_sent"]
        if self.status is None:
            return Tally(counts, self.rejected_by, "", (segment,))
        stored = of_status(self.status)
        names = ("due", "sent", "rejected", "missed", *ENDS, "parts_sent", *(f"parts_{end}" for end in ENDS))
        unlike = [f"{n.replace('_', ' ')} {stored.counts[n]}, written {counts[n]}" for n in names
                  if stored.counts[n] != counts[n]]  # fmt: skip
        for name in ("lost", "doubled", "parts_lost", "parts_doubled"):
            stored.counts[name] = counts[name]
            unlike += [f"{name.replace('_', ' ')} {counts[name]}"] * bool(counts[name])
        wrong = stored.wrong or (f"the last status says {'; '.join(unlike)}" if unlike else "")
        return Tally(stored.counts, stored.rejected_by, wrong and f"segment {segment}: {wrong}")


def _records(file: Path) -> Iterator[Record]:
    """Records of a journal, and of the files that it goes on in, but for the samples, as far as it is whole."""
    while file.exists():
        yield from _records_of(file)
        file = following(file)


def _records_of(file: Path) -> Iterator[Record]:
    """Records of one file; samples are passed over unread."""
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(fmt.FILE_HEAD.size)
            while size - stream.tell() >= fmt.PREFIX.size:
                length, crc, kind = fmt.PREFIX.unpack(stream.read(fmt.PREFIX.size))
                if length > size - stream.tell():
                    return
                if kind not in _KINDS:
                    stream.seek(length, os.SEEK_CUR)
                    continue
                body = stream.read(length)
                if len(body) < length or fmt.checksum(kind, body) != crc:
                    return
                yield fmt.unpack(kind, body)
    except OSError as error:
        raise JournalError(f"journal '{file}' cannot be read: {error.strerror or error}") from error
