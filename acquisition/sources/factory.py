"""Source of settings: one table, imports only what is used."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from acquisition.journal import SUFFIX, JournalSource
from acquisition.sources.paced_journal import PacedJournal
from acquisition.types import Source
from config.settings import AnySource

SOURCES = {
    "lsl": ("acquisition.sources.lsl", "LslReader"),
    "brainflow": ("acquisition.sources.brainflow", "BoardReader"),
    "recording": ("acquisition.sources.recording", "RecordingReader"),
    "participant": ("acquisition.sources.participant", "ParticipantReader"),
}
REACTING = ("acquisition.sources.reacting", "ReactingReader")


def make_source(settings: AnySource) -> Source:
    """The source that settings describe, not yet open; for a journal, its chunks as they were recorded."""
    if settings.kind == "recording" and settings.file.endswith(SUFFIX):
        journal = JournalSource(Path(settings.file))
        return PacedJournal(journal, settings.speed) if settings.speed else journal
    reacts = settings.kind == "participant" and bool(settings.react_to)
    module, name = REACTING if reacts else SOURCES[settings.kind]
    source: Source = getattr(import_module(module), name)(settings)
    return source
