"""What was really looked at, where a session file says so, and what chance would reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from config.bundles import read_gallery_spec, read_session_file
from config.errors import BundleError
from config.gallery_log import read_log, size
from config.settings import Settings
from config.steady import steady
from display.gallery_versions import Versions


@dataclass(frozen=True)
class Truth:
    """Marker labels to gallery ids.

    Attributes
    ----------
    of
        Marker label to gallery id; only ids that the gallery has.
    labels
        Gallery id to its readable label.
    n_items
        Size of the gallery at the start; None where the settings name none.
    gallery
        Fingerprint of that gallery at the start; empty where the settings name none.
    unknown
        Why no accuracy is shown, in words; empty where the truth is known.
    notes
        Facts worth a line on screen.
    """

    of: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    n_items: int | None = None
    gallery: str = ""
    unknown: str = "truth unknown: no session file (session.truth)"
    notes: tuple[str, ...] = ()
    absent: dict[str, str] = field(default_factory=dict)
    """Marker label to ids that the gallery has not, or not yet."""
    versions: Versions | None = None
    """Of the gallery, which may be edited while answers are judged; None where the settings name none."""

    def judges(self, gallery: str) -> bool:
        """Whether answers by a gallery of this fingerprint can be judged: it is the settings' one, at any time."""
        if not self.gallery or gallery == self.gallery:
            return True
        return self.versions is not None and self.versions.knows(gallery)

    def item(self, stimulus: str, gallery: str) -> str | None:
        """Id of what was shown, where it is known and that version of the gallery holds it."""
        found = self.of.get(stimulus) or self.absent.get(stimulus)
        if found is None or self.versions is None or not self.versions.knows(gallery):
            return self.of.get(stimulus)
        return found if self.versions.holds(gallery, found) else None


def read_truth(settings: Settings) -> Truth:
    """Truth and gallery that the settings name.

    Raises
    ------
    BundleError
        The session file or the gallery cannot be read, or they have nothing to do with each other.
    """
    gallery = Path(settings.inference.gallery) if settings.inference.gallery else None
    return steady(gallery, lambda: _read(settings, gallery)) if gallery else _read(settings, None)


def _read(settings: Settings, gallery: Path | None) -> Truth:
    spec = read_gallery_spec(gallery) if gallery else None
    log = read_log(gallery, spec) if gallery else None
    n_items, print_ = (size(spec, log), log.name) if spec and log else (None, "")
    if not settings.session.truth:
        return Truth(n_items=n_items, gallery=print_)
    truth = read_session_file(Path(settings.session.truth)).truth
    if not truth:
        return Truth(n_items=n_items, gallery=print_, unknown="truth unknown: the session file maps no marker")
    if gallery is None or spec is None:
        return Truth(truth, unknown="")
    versions = Versions(gallery, spec)
    known = {marker: item for marker, item in truth.items() if versions.holds(versions.first, item)}
    if not known:
        raise BundleError(
            f"session file '{settings.session.truth}' names items such as '{next(iter(truth.values()))}', and gallery "
            f"'{gallery}' has none of them; give the session file that belongs to this gallery (session.truth)"
        )
    absent = {marker: item for marker, item in truth.items() if marker not in known}
    several = f"{len(absent)} of {len(truth)}"
    notes = (f"{several} true items are not in the gallery and count in no accuracy",) if absent else ()
    return Truth(known, versions.labels, n_items, print_, "", notes, absent, versions)
