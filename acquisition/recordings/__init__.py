"""Readers of recordings: what MNE reads, muse-lsl CSV, BrainFlow CSV, OpenBCI text, XDF, and datasets once converted.

`read_recording` finds the format by content and extension and gives a `Recording`; `check_usable` refuses one that
cannot be played into the pipeline.
"""

from acquisition.recordings.recognise import read_recording
from acquisition.recordings.recording import Break, Marker, Recording
from acquisition.recordings.usable import check_usable

__all__ = ["Break", "Marker", "Recording", "check_usable", "read_recording"]
