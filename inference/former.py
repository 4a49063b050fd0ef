"""A gallery as it was when an answer was given, by its fingerprint: the bundle, and its edits up to there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from config.errors import BundleError
from config.gallery_log import read_log, read_spec
from config.steady import steady
from inference.gallery import Gallery
from inference.gallery_version import version


def former(folder: Path, fingerprint: str, index: str = "auto") -> Gallery:
    """The version of a gallery that goes by a fingerprint.

    Raises
    ------
    BundleError
        The bundle cannot be used, or no version of it goes by that name: it is another, or was compacted since.
    """
    refuse_others(folder, [fingerprint])
    gallery, log = steady(folder, lambda: (Gallery.of_bundle(folder, index), read_log(folder, read_spec(folder))))
    gallery.fingerprint = log.head.name
    edits = log.edits[: log.names.index(fingerprint)]
    return version(gallery).edited(edits) if edits else gallery


def refuse_others(folder: Path, fingerprints: Sequence[str]) -> None:
    """See that all these are versions of a gallery; quick, however large it is.

    Raises
    ------
    BundleError
        One is not.
    """
    log = read_log(folder) if fingerprints else None
    for name in fingerprints:
        if log is not None and name not in log.names:
            raise BundleError(
                f"gallery '{folder}' is {log.name}, and no version of it is {name}, by which answers were given; name "
                "that one with --gallery (one that was compacted since is no longer to be had)"
            )
