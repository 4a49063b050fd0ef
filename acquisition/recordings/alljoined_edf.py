"""EDF files of Alljoined-1.6M (Emotiv FLEX2): annotations ``label,value,deleted,orig_index``, channels that are no EEG.

A stimulus becomes the marker ``train_00123`` or ``test_00012``: the part, and the number of the picture in five digits,
as its file's name ends. Oddballs and deleted events are no markers.
"""

from __future__ import annotations

import re

JUNK = (
    "TimestampS", "TimestampMs", "OrTimestamp", "Counter", "Interpolated", "RawCq", "Battery", "Marker", "HighBitFlex",
    "SaturationFlag", "CQ", "EQ", "MOT", "FwBufferSize", "FwClockTime",
)  # fmt: skip
"""Beginnings of the names of channels that are no EEG."""
_NOTE = re.compile(r"\s*(stim_train|stim_test|oddball)\s*,\s*(\d+)\s*(?:,\s*([^,]*?)\s*)?(?:,\s*([^,]*?)\s*)?")
_DELETED = ("1", "1.0", "true")


def is_note(text: str) -> bool:
    """Whether an annotation is of this form."""
    return _NOTE.fullmatch(text) is not None


def label(text: str) -> str | None:
    """Marker of an annotation of this form; None for an oddball or a deleted one."""
    found = _NOTE.fullmatch(text)
    if found is None or found[1] == "oddball" or (found[3] or "").lower() in _DELETED:
        return None
    return f"{found[1].removeprefix('stim_')}_{int(found[2]):05d}"


def electrodes(names: list[str]) -> list[str]:
    """Channels that are EEG."""
    return [name for name in names if not name.startswith(JUNK)]
