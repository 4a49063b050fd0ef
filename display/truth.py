"""What was really looked at, where a session file says so, and what chance would reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from config.bundles import fingerprint, read_gallery_spec, read_items, read_session_file
from config.errors import BundleError
from config.settings import Settings


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
        Size of the gallery; None where the settings name none.
    gallery
        Fingerprint of that gallery; empty where the settings name none.
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


def read_truth(settings: Settings) -> Truth:
    """Truth and gallery that the settings name.

    Raises
    ------
    BundleError
        The session file or the gallery cannot be read, or they have nothing to do with each other.
    """
    gallery = Path(settings.inference.gallery) if settings.inference.gallery else None
    spec = read_gallery_spec(gallery) if gallery else None
    n_items, print_ = (spec.n_items, fingerprint(spec)) if spec else (None, "")
    if not settings.session.truth:
        return Truth(n_items=n_items, gallery=print_)
    truth = read_session_file(Path(settings.session.truth)).truth
    if not truth:
        return Truth(n_items=n_items, gallery=print_, unknown="truth unknown: the session file maps no marker")
    if gallery is None or spec is None:
        return Truth(truth, unknown="")
    labels = {item.id: item.label for item in read_items(gallery, spec)}
    known = {marker: item for marker, item in truth.items() if item in labels}
    if not known:
        raise BundleError(
            f"session file '{settings.session.truth}' names items such as '{next(iter(truth.values()))}', and gallery "
            f"'{gallery}' has none of them; give the session file that belongs to this gallery (session.truth)"
        )
    absent = len(truth) - len(known)
    notes = (f"{absent} of {len(truth)} true items are not in the gallery and count in no accuracy",) if absent else ()
    return Truth(known, labels, n_items, print_, "", notes)
