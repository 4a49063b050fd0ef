"""What a journal holds, seen before it is gone through: its settings, whose answers, and whether it was closed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from acquisition import journal
from acquisition.journal_format import End, Header, PacketRecord, Torn
from acquisition.types import Chunk
from config.errors import JournalError
from config.settings import Settings
from wire.packets import Result
from wire.streams import TOPIC_OF


@dataclass(frozen=True)
class Survey:
    """A journal at a glance.

    Attributes
    ----------
    file, header
        Which, and what its header says.
    chunks
        Records of samples that can be read.
    end
        Why it was closed; empty where it was cut off.
    torn
        Where reading has to stop; None where the last record is whole.
    results
        Answers in it.
    encoders, galleries
        Fingerprints of the bundles that gave them, sorted.
    """

    file: Path
    header: Header
    chunks: int
    end: str
    torn: Torn | None
    results: int
    encoders: tuple[str, ...]
    galleries: tuple[str, ...]

    @property
    def settings(self) -> Settings:
        """Settings of the run.

        Raises
        ------
        JournalError
            The header holds none that this version reads.
        """
        try:
            return Settings.model_validate_json(self.header.settings)
        except ValidationError as error:
            raise JournalError(
                f"journal '{self.file}' holds no settings that this version reads; use the eegseek that wrote it "
                f"({self.header.versions.get('eegseek', 'unknown')})"
            ) from error

    @property
    def cut_off(self) -> str:
        """How the journal ends where it was not closed, in words; else empty."""
        if self.torn is not None:
            return f"torn at byte {self.torn.offset} ({self.torn.reason}, {self.torn.lost_bytes} bytes are lost)"
        return "" if self.end else "cut off: it was never closed"


def survey(file: Path) -> Survey:
    """Look through a journal.

    Raises
    ------
    JournalError
        It is no journal, or was cut off in its header.
    """
    records = journal.read(file)
    header = next(records, None)
    if not isinstance(header, Header):
        raise JournalError(f"journal '{file}' was cut off in its header and holds nothing")
    chunks = results = 0
    end, torn = "", None
    encoders, galleries = set[str](), set[str]()
    for record in records:
        match record:
            case Chunk():
                chunks += 1
            case PacketRecord() if record.frames[0] == TOPIC_OF[Result]:
                packet = record.packet
                if isinstance(packet, Result):
                    results += 1
                    encoders.add(packet.encoder)
                    galleries.add(packet.gallery)
            case End():
                end = record.reason or "closed"
            case Torn():
                torn = record
    return Survey(file, header, chunks, end, torn, results, tuple(sorted(encoders)), tuple(sorted(galleries)))
