"""Whether a journal says what its raw samples say: the same windows, each with one end, and the same sums.

Records are gone through in the order in which they were written, once; what is held is what was in flight then.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from acquisition.averages import Averages
from acquisition.delivery_account import ASIDE
from acquisition.journal_format import Header, PacketRecord, Record, Sent
from acquisition.plan import Plan
from acquisition.recut import Recut
from acquisition.types import Chunk
from acquisition.witness import digest
from wire.packets import Failure, Key, Packet, Rejected, Result, Status, Window

NONE = "nothing"


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was stored.

    Attributes
    ----------
    segment, sequence, part
        Of which window; sequence -1 where it is about the segment.
    what
        Of it.
    stored, found
        In words.
    """

    segment: int
    sequence: int
    part: int
    what: str
    stored: str
    found: str

    @property
    def words(self) -> str:
        """In one sentence."""
        which = f", window {self.sequence}, part {self.part}" if self.sequence >= 0 else ""
        return f"segment {self.segment}{which}: {self.what}: stored {self.stored}, found {self.found}"


class Differences:
    """The first difference, and how many there are of each kind."""

    def __init__(self) -> None:
        self.first: Difference | None = None
        self.by_kind: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """All of them."""
        return self.by_kind.total()

    def add(self, difference: Difference) -> None:
        """One more."""
        self.first = self.first or difference
        self.by_kind[difference.what] += 1


class Check:
    """Compare a journal, record by record, with what its samples give.

    Parameters
    ----------
    header, plan, averages
        Of the segment; averages as it began with.
    chunks
        In the journal.
    closed
        Whether it was closed in order: then nothing may be left open.
    differences
        Where to tell.

    Attributes
    ----------
    counts
        Of windows, and of parts with ``parts_`` before: ``sent`` as the pipeline gave them, ``same`` (hash), answered,
        expired, dropped, failed, rejected, missed, ``unanswered`` (the journal ends before their end does).
    """

    def __init__(
        self, header: Header, plan: Plan, averages: Averages, chunks: int, closed: bool, differences: Differences
    ) -> None:
        self.header = header
        self.closed = closed
        self.differences = differences
        self.counts: Counter[str] = Counter()
        self._recut = Recut(header, plan, averages, chunks)
        self._waiting: dict[Key, Window] = {}
        self._seen: set[Key] = set()
        self._done: set[Key] = set()
        self._refusals: dict[int, Rejected] = {}
        self._reasons: dict[int, str] = {}
        self._commits = 0
        self._status: Status | None = None

    def take(self, record: Record) -> tuple[Result, Window] | None:
        """Take a record in; for an answer, the answer and its window, as it is cut now."""
        match record:
            case Chunk():
                self._settle()
                self._recut.feed(record)
            case Sent():
                self._sent(self._key(record.sequence, record.part), record)
            case PacketRecord():
                return self._packet(record.packet)
        return None

    def finish(self) -> None:
        """The journal has ended: what is still open, and the sums."""
        self._settle(last=True)
        self._settle(last=True)
        for key, window in self._waiting.items():
            self._left_open(key, window)
        if self.closed:
            self._check_sums()

    def _packet(self, packet: Packet) -> tuple[Result, Window] | None:
        match packet:
            case Rejected():
                if (packet.sequence, packet.part) not in self._recut.open:
                    self._settle()
                self._refusals[packet.sequence] = packet
            case Failure(worker=""):
                self._failure(packet)
            case Result():
                window = self._result(packet)
                return None if window is None else (packet, window)
            case Status(last=True):
                self._status = packet
        return None

    def _settle(self, last: bool = False) -> None:
        """Take in what is open, beside what was written of it."""
        batch = self._recut.take([s for s, packet in self._refusals.items() if packet.reasons in ASIDE])
        for window in batch.windows:
            self.counts[_name(window, "sent")] += 1
            self._waiting[window.key] = window
        for sequence in batch.paused:
            del self._refusals[sequence]
            self.counts["paused"] += 1
        for found in batch.rejected:
            missed = found.reasons[0].startswith("missed: ")
            self.counts["missed" if missed else "rejected"] += 1
            self._reasons[found.sequence] = "; ".join(found.reasons)
            stored = self._refusals.pop(found.sequence, None)
            # where the journal was cut off its last words may be missing
            if stored != found and (stored is not None or self.closed or not last):
                self._tell(found.key, "rejection", _why(stored), _why(found))
        for stored in self._refusals.values():
            cut = stored.key in self._waiting
            self._tell(stored.key, "rejection", _why(stored), "a good window" if cut else NONE)
            self._waiting.pop(stored.key, None)
        self._refusals.clear()

    def _reach(self, key: Key) -> Window | None:
        """A window that a record speaks of: what is open is settled as far as that takes."""
        for _ in range(2):
            if key not in self._waiting:
                self._settle()
        return self._waiting.get(key)

    def _sent(self, key: Key, record: Sent) -> None:
        if key in self._seen or key in self._done:
            self._tell(key, "window", "sent for the first time twice", "one window")
            return
        window = self._reach(key)
        if window is None:
            self._tell(key, "window", f"samples of hash {record.sha256[:16]}", self._no_window(key))
            return
        self._seen.add(key)
        found = digest(window)
        if found == record.sha256:
            self.counts[_name(window, "same")] += 1
        else:
            self._tell(key, "samples", f"hash {record.sha256[:16]}", f"hash {found[:16]}")

    def _failure(self, failure: Failure) -> None:
        window = self._end(failure.key, failure.reason)
        if window is not None:
            self.counts[_name(window, failure.reason.partition(":")[0])] += 1

    def _result(self, result: Result) -> Window | None:
        self._commits += 1
        if result.commit != self._commits:
            self._tell(result.key, "commit number", str(result.commit), str(self._commits))
            self._commits = result.commit
        seen = result.key in self._seen
        window = self._end(result.key, "an answer")
        if window is None:
            return None
        self.counts[_name(window, "answered")] += 1
        if not seen:
            self._tell(result.key, "hash", NONE, f"hash {digest(window)[:16]}")
        return window

    def _end(self, key: Key, what: str) -> Window | None:
        """The window that ends here; None, and a difference, where there is none or it has ended before."""
        if key in self._done:
            self._tell(key, "end", f"{what}, after another end", "one end")
            return None
        if self._reach(key) is None:
            self._tell(key, "window", what, self._no_window(key))
            return None
        self._seen.discard(key)
        self._done.add(key)
        return self._waiting.pop(key)

    def _left_open(self, key: Key, window: Window) -> None:
        if not self.closed:
            self.counts[_name(window, "unanswered")] += 1
        elif key in self._seen:
            self._tell(key, "end", NONE, "a window that was sent")
        elif window.final:
            self._tell(key, "window", NONE, f"hash {digest(window)[:16]}")
        else:  # nothing is written of a part that came while the run was paused: the sums tell
            self.counts["parts_sent"] -= 1
            self.counts["parts_paused"] += 1

    def _check_sums(self) -> None:
        """The last status beside what was counted here."""
        if self._status is None:
            self._tell(None, "account", NONE, "a journal that was closed")
            return
        account, counts, stored = self._recut.pipeline.account, self.counts, self._status.counters
        found = {name: account.counters()[name] for name in ("due", "missed", "duplicates", "notes")}
        found |= {"rejected": account.rejected + counts["paused"], "sent": counts["sent"]}
        found |= {name: counts[name] for name in ("answered", "expired", "dropped", "failed")}
        if account.parts.due:
            parts = account.parts
            found |= {"parts_due": parts.due, "parts_skipped": parts.skipped, "parts_missed": parts.missed}
            found |= {"parts_rejected": parts.rejected + counts["parts_paused"]}
            found |= {f"parts_{n}": counts[f"parts_{n}"] for n in ("sent", "answered", "expired", "dropped", "failed")}
        for name, count in found.items():
            if stored.get(name, 0) != count:
                self._tell(None, f"account, {name.replace('_', ' ')}", str(stored.get(name, 0)), str(count))

    def _no_window(self, key: Key) -> str:
        why = self._reasons.get(key.sequence)
        return f"a rejected stimulus ({why})" if why else "no window"

    def _key(self, sequence: int, part: int) -> Key:
        return Key(self.header.session, self.header.segment, sequence, part)

    def _tell(self, key: Key | None, what: str, stored: str, found: str) -> None:
        sequence, part = (-1, -1) if key is None else (key.sequence, key.part)
        self.differences.add(Difference(self.header.segment, sequence, part, what, stored, found))


def _name(window: Window, what: str) -> str:
    return what if window.final else f"parts_{what}"


def _why(packet: Rejected | None) -> str:
    return NONE if packet is None else f"'{'; '.join(packet.reasons)}' ({packet.stimulus} at {packet.onset_s:.6f} s)"
