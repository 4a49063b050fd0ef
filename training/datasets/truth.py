"""A session file for datasets whose marker labels are not the ids of a gallery of their pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from config.bundles import SessionFile
from config.errors import RecordingError
from inference.inputs import find_pictures

_NUMBERED = re.compile(r"(train|test)_(\d{5})")


def truth_of(labels: Iterable[str], images: Path) -> dict[str, str]:
    """Gallery id of each label: the stem of a picture's file, as `inference.build.from_pictures` has it.

    A label that is a stem stands for it. One of Alljoined-1.6M, ``train_00123``, stands for the picture whose file
    ends in that number, in a folder (or with a name) that says ``train``.

    Parameters
    ----------
    labels
        Of a recording.
    images
        Folder of the pictures.

    Raises
    ------
    RecordingError
        A label stands for no picture, or for several.
    """
    paths = [path.relative_to(images) for path in find_pictures(images)]
    stems = {path.stem for path in paths}
    found = {}
    for label in dict.fromkeys(labels):
        candidates = {label} if label in stems else {path.stem for path in paths if _means(label, path)}
        if len(candidates) != 1:
            what = "no picture" if not candidates else f"{len(candidates)} pictures"
            raise RecordingError(f"marker '{label}' stands for {what} of '{images}'; name the folder of its pictures")
        found[label] = candidates.pop()
    return found


def write_truth(path: Path, truth: dict[str, str], notes: str = "") -> None:
    """Write a session file.

    Raises
    ------
    RecordingError
        It cannot be written.
    """
    text = json.dumps(SessionFile(truth=truth, notes=notes).model_dump(mode="json"), ensure_ascii=False, indent=1)
    try:
        path.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise RecordingError(f"'{path}' cannot be written: {error.strerror}; choose another folder") from error


def _means(label: str, path: Path) -> bool:
    numbered = _NUMBERED.fullmatch(label)
    if numbered is None or not path.stem.endswith(numbered[2]):
        return False
    return any(numbered[1] in part.lower() for part in path.parts)
