"""Recompute a recorded session and compare it with what was stored: windows first, then answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from acquisition import journal
from acquisition.averages import Averages
from acquisition.configure import bundle_of, plan_of
from acquisition.journal_files import part_of
from acquisition.journal_format import FILE_HEAD, Header
from acquisition.process import LIVE_KINDS
from acquisition.rebuild import rebuild
from acquisition.survey import Survey, survey
from acquisition.types import Chunk
from acquisition.verify import Check, Difference, Differences
from acquisition.versions import changed, versions
from config.bundles import fingerprint
from config.errors import BundleError, JournalError, SettingsError
from config.settings import InferenceSettings, Settings
from inference.following import with_gallery
from inference.former import former, refuse_others
from inference.loading import load_decoder
from inference.same import cosine, unlike
from inference.worker import Decoder, Taken
from wire.packets import Failure, Result, Window

Told = Callable[[int, int], None]
"""Told the chunks gone through, of how many."""


@dataclass
class Checked:
    """What became of a segment.

    Attributes
    ----------
    segment
        Its number.
    counts
        Of `acquisition.verify.Check`, with ``bit_equal`` and ``close`` answers (parts among them).
    exact
        Whether answers were to be bit-equal; else ``why`` says why not.
    lowest_cosine
        Of stored and recomputed embeddings; None where nothing was answered.
    cut_off
        How the journal ends where it was not closed.
    differences
        The first, and how many.
    """

    segment: int
    counts: Counter[str] = field(default_factory=Counter)
    exact: bool = True
    why: str = ""
    lowest_cosine: float | None = None
    cut_off: str = ""
    differences: Differences = field(default_factory=Differences)


def segments(session: Path, segment: int | None) -> list[Path]:
    """Journals of a session folder, or the one that is asked for; a journal stands for itself.

    Raises
    ------
    JournalError
        There is none.
    SettingsError
        A journal is given, and a segment besides.
    """
    if session.suffix == journal.SUFFIX:
        if segment is not None:
            raise SettingsError(f"'{session}' is one segment already; leave --segment out")
        return [part_of(session)[0]]
    files = [journal.path(session, k) for k in range(journal.next_segment(session))]
    there = [file for k, file in enumerate(files) if file.exists() and segment in (None, k)]
    if not there:
        which = "journal" if segment is None else f"segment {segment}"
        raise JournalError(f"'{session}' holds no {which} of a session; give the folder that holds segment-0000.esj")
    return there


def empty(file: Path) -> bool:
    """Whether a journal was cut off before it held anything."""
    short = file.exists() and file.stat().st_size < FILE_HEAD.size
    return short or not isinstance(next(journal.read(file), None), Header)


class Verifier:
    """Verify segments one after the other; bundles are loaded once.

    Parameters
    ----------
    encoder, gallery
        Folders of the bundles in place of those that the journal names.
    told
        Of the progress.
    """

    def __init__(self, encoder: Path | None, gallery: Path | None, told: Told) -> None:
        self.encoder = encoder
        self.gallery = gallery
        self.told = told
        self._loaded: dict[InferenceSettings, Decoder] = {}

    def verify(self, file: Path) -> Checked:
        """Verify a segment.

        Raises
        ------
        JournalError
            The journal cannot be read.
        BundleError
            A bundle is missing, or not the one that the answers were given with.
        """
        if empty(file):
            return Checked(_number(file), cut_off="cut off in its header: it holds nothing")
        found = survey(file)
        settings = self._settings(found)
        spec = bundle_of(settings)
        ours = fingerprint(spec) if spec is not None else "missing"
        if others := [name for name in found.encoders if name != ours]:
            raise BundleError(
                f"the answers in '{file}' are by encoder {others[0]}, but '{settings.inference.encoder}' is {ours}; "
                "name the one that was used with --encoder"
            )
        refuse_others(Path(settings.inference.gallery), found.galleries)
        plan = plan_of(settings, spec)
        decoders = {name: self._decoder(settings.inference, name) for name in found.galleries}
        checked = Checked(found.header.segment, cut_off=found.cut_off)
        checked.why = _why_not_exact(found, decoders.values())
        checked.exact = not checked.why
        averages = Averages(plan.max_stimuli)
        if settings.source.kind in LIVE_KINDS:
            header = found.header
            averages = rebuild(file.parent, header.segment, header.session, plan, lambda: False).averages
        closed = bool(found.end) and found.torn is None
        check = Check(found.header, plan, averages, found.chunks, closed, checked.differences)
        self._go_through(found, check, decoders, checked)
        checked.counts += check.counts
        return checked

    def _settings(self, found: Survey) -> Settings:
        given = {"encoder": self.encoder, "gallery": self.gallery}
        update = {name: str(folder) for name, folder in given.items() if folder is not None}
        settings = found.settings
        # a session that calibrated in vain has no encoder, and needs none
        needed = ("encoder", "gallery") if found.results else () if settings.session.calibrate else ("encoder",)
        for name in needed:
            folder = update.get(name) or getattr(settings.inference, name)
            if not folder or not Path(folder).is_dir():
                raise SettingsError(
                    f"the {name} bundle '{folder}' of '{found.file}' is not there; give it with --{name}"
                )
        return settings.model_copy(update={"inference": settings.inference.model_copy(update=update)})

    def _decoder(self, settings: InferenceSettings, gallery: str) -> Decoder:
        """Warm, in exact mode, with the gallery that goes by this name."""
        wanted = settings.model_copy(update={"mode": "exact"})
        if wanted not in self._loaded:
            self._loaded[wanted] = load_decoder(wanted, "verify")
        latest = self._loaded[wanted]
        if latest.gallery.fingerprint == gallery:
            return latest
        return with_gallery(latest, former(Path(wanted.gallery), gallery, wanted.index))

    def _go_through(self, found: Survey, check: Check, decoders: Mapping[str, Decoder], checked: Checked) -> None:
        done = 0
        for record in journal.read(found.file):
            if isinstance(record, Chunk):
                done += 1
                self.told(done, found.chunks)
            pair = check.take(record)
            if pair is not None:
                _compare(*pair, decoders[pair[0].gallery], checked)
        check.finish()


def _why_not_exact(found: Survey, decoders: Iterable[Decoder]) -> str:
    """Why last bits may be others than they were; empty where they may not."""
    if others := changed(found.header.versions, versions()):
        return "; ".join(others)
    on = {decoder.encoder.device for decoder in decoders} - {"cpu"}
    return f"the encoder runs on {', '.join(on)}" if on else ""


def _compare(stored: Result, window: Window, decoder: Decoder, checked: Checked) -> None:
    """A stored answer beside that of now."""
    found = decoder.answer([Taken(window, 0.0)])[0]
    differences, where = checked.differences, (stored.segment, stored.sequence, stored.part)
    if isinstance(found, Failure):
        differences.add(Difference(*where, "answer", "one", f"none: {found.reason}"))
        return
    # answers in throughput mode were given in batches, which changes their last bits
    exact = checked.exact and stored.mode == "exact"
    difference = unlike(stored, found, exact=exact)
    if difference is not None:
        differences.add(Difference(*where, difference.what, difference.stored, difference.found))
    else:
        checked.counts["bit_equal" if exact else "close"] += 1
    if stored.data.shape == found.data.shape:
        lowest = 1.0 if checked.lowest_cosine is None else checked.lowest_cosine
        checked.lowest_cosine = min(lowest, cosine(stored, found))


def _number(file: Path) -> int:
    """Segment that a file's name tells; -1 where it tells none."""
    number = file.stem.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else -1
