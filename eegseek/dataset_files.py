"""The recording of a dataset that a command is to play, and what its pictures are known to be."""

from __future__ import annotations

from pathlib import Path

from config.bundles import read_gallery_spec, read_session_file
from config.errors import SettingsError
from config.items_table import read_items_table
from training.progress import bar

KNOWN = ("things-eeg2", "things-eeg1", "alljoined")


def recording_of(
    file: str,
    root: Path | None,
    subject: str,
    session: str,
    part: str,
    metadata: Path | None = None,
    copies: Path | None = None,
) -> str:
    """The recording that a command is to play: the file itself, or a dataset's, converted on first use.

    Raises
    ------
    SettingsError
        A dataset is named without its folder, or a file with one.
    RecordingError
        The dataset has not exactly one such recording, or it cannot be converted.
    """
    named = file in KNOWN
    if root is None:
        if named and not Path(file).exists():
            raise SettingsError(f"'{file}' is a dataset; say where it is with --root, and which recording of it")
        return file
    if not named:
        raise SettingsError(f"--root goes with a dataset ({', '.join(KNOWN)}), not with '{file}'")
    from training.datasets.catalogue import playable

    with bar() as told:
        wanted = {"subject": subject, "session": session, "part": part}
        return str(playable(file, root, **wanted, metadata=metadata, copies=copies, progress=told))


def truth_beside(recording: str, gallery: Path | None) -> Path | None:
    """The session file in a converted copy, where the gallery holds any of the pictures that it names."""
    path = Path(recording) / "truth.json"
    if gallery is None or not path.is_file():
        return None
    ids = set(read_items_table(gallery, read_gallery_spec(gallery)).column("id"))
    return None if ids.isdisjoint(read_session_file(path).truth.values()) else path
