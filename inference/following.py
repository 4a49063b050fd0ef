"""How a worker follows the edits of the gallery that it serves, while it answers.

A decoder with the next version is made in the loader's thread and takes the old one's place between two windows. The
encoder is shared and not touched there: it belongs to the thread that answers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from config.errors import BundleError
from config.gallery_log import GALLERY_EDITS, Log, read_log
from inference import index, score
from inference.gallery import Gallery
from inference.gallery_edit import serving
from inference.gallery_version import Version, version
from inference.worker import Decoder

LOOK_S = 1.0
"""Between two looks at the log: for edits that nobody told of, or told while the worker was not there yet."""


class Follower:
    """What a worker knows of the log of its gallery."""

    def __init__(self) -> None:
        self._look_s = float("-inf")
        self._seen: tuple[int, int, int] | None = None
        self._log: Log | None = None

    def changed(self, folder: str, now: float) -> bool:
        """Whether the log is another than at the last look, by its size and time; False between looks. Never waits."""
        if now < self._look_s:
            return False
        self._look_s = now + LOOK_S
        seen, self._seen = self._seen, _state(Path(folder))
        return self._seen != seen

    def follow(self, old: Decoder, folder: str, asked: str = "") -> Decoder:
        """Decoder with the latest version of the gallery; the old one where there is none newer.

        Parameters
        ----------
        old
            In use.
        folder
            Of the gallery that it serves.
        asked
            Folder of the gallery that an edit is told of; empty: nobody asked.

        Raises
        ------
        BundleError
            The edit is of another gallery, or the log cannot be used.
        """
        if asked and Path(asked).resolve() != Path(folder).resolve():
            raise BundleError(f"an edit of gallery '{asked}' came, but this run searches '{folder}'; edit that one")
        index.limit_threads()  # of this thread
        gallery = self._latest(old.gallery, Path(folder))
        return old if gallery is old.gallery else with_gallery(old, gallery)

    def _latest(self, gallery: Gallery, folder: Path) -> Gallery:
        # of what was read before only the names are kept: a version that is older than that is read from the bundle
        log = read_log(folder, after=self._log)
        edits = log.since(gallery.fingerprint)
        if self._log is not None and gallery.fingerprint != self._log.name:
            log = read_log(folder)
            edits = log.since(gallery.fingerprint)
        self._log = log.known
        if edits is None and gallery.fingerprint in log.head.was:
            return serving(folder, version(gallery).below.choice.asked)  # compacted, and ahead of what is known here
        if edits is None:
            raise BundleError(
                f"'{folder}' now holds another gallery than the one served; load it, or start again with it"
            )
        return version(gallery).edited(edits) if edits else gallery


def fold(old: Decoder) -> Decoder:
    """Decoder whose gallery is one again, with a new index, where enough was edited to be worth it."""
    gallery = old.gallery
    if not isinstance(gallery, Version) or not gallery.worth_folding:
        return old
    index.limit_threads()
    try:
        return with_gallery(old, gallery.folded())
    except MemoryError as error:
        raise BundleError(f"no memory to fold {gallery.changes} edits in; use `eegseek gallery compact`") from error


def with_gallery(old: Decoder, gallery: Gallery) -> Decoder:
    """The decoder with another version of its gallery, whose search is warm."""
    noise = np.random.default_rng(0).standard_normal((2, gallery.spec.dim), dtype=np.float32)
    gallery.search(noise, score.DEPTH)
    new = Decoder(old.encoder, gallery, old.rules, old.clock, old.novelty)
    new.limit = old.limit
    return new


def _state(folder: Path) -> tuple[int, int, int] | None:
    try:
        state = (folder / GALLERY_EDITS).stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
