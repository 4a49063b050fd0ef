"""Texts of the JSON and TSV files of a BIDS dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from acquisition.bids import answers
from acquisition.bids.brainvision import MODULO
from acquisition.bids.layout import TASK, Layout
from acquisition.types import StreamInfo

BIDS_VERSION = "1.10.0"
EVENT_COLUMNS = (
    "onset", "duration", "trial_type", "kind", "label", "sample", "number", "stamp", "sequence", "text",
)  # fmt: skip
_EVENTS = {
    "onset": "Seconds on the recording's time axis (sample / rate), to less than a sample: between the two samples "
    "around it by their stamps without jitter; settings.markers.delay_s is added",
    "duration": "n/a: how long a stimulus stood is not known here; one sample where data are missing; "
    "the length of a stretch that was marked as bad",
    "trial_type": "Stimulus/LABEL, Comment/LABEL (a marker that is no stimulus), Duplicate/LABEL (of a stimulus), "
    "BAD_boundary (samples are missing before this one), BAD_marked (a person said so), New Segment, "
    "State/ROLE/STATE, Note",
    "kind": "stimulus, marker, duplicate, gap, bad, segment, state or note",
    "label": "The marker as the source gave it",
    "sample": "Nearest sample in this file, from 0",
    "number": "The same, counted from the beginning of the segment: also in the channel 'sample', modulo "
    f"{MODULO}, and in _stamps.npy",
    "stamp": "Stamp of the marker (of a note or change its time, of a bad stretch its beginning) on acquisition's "
    "clock, seconds, clock offset applied",
    "sequence": "Running number of the stimulus in its segment: that of its answers in _answers.tsv",
    "text": "Length of a gap in ms, words of a note, why a stretch is bad, message of a change of state",
}
README = """Recording of a live session of eegseek, made from its journals.

Each segment (one run of the acquisition process) is a run; a part of one that grew past session.rotate_bytes is named
acq-partNN. Samples are as the source gave them: unfiltered, microvolts, float32. Beside each run lie, for numpy.load:
_stamps.npy (each sample: its running number, stamp as sent, stamp with the clock's offset, stamp without jitter, and
the device's counter where it has one) and _chunks.npy (each chunk: first sample, samples, when it arrived, the clock's
offset). What was answered to each stimulus is in _answers.tsv.

The name of the participant is a pseudonym. Notes that people typed are in _events.tsv: read them before sharing.
"""
IGNORED = "*_stamps.npy\n*_chunks.npy\n*_answers.tsv\n**/*_stamps.npy\n**/*_chunks.npy\n**/*_answers.tsv\n.partial/\n"


def text(value: object) -> str:
    """JSON, readable."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def dataset(layout: Layout, version: str) -> dict[str, str]:
    """Files of the dataset as a whole: name to text."""
    description = {
        "Name": f"eegseek session {layout.name}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "eegseek", "Version": version}],
    }
    return {
        "dataset_description.json": text(description),
        "participants.tsv": f"participant_id\n{layout.subject}\n",
        "participants.json": text({"participant_id": {"Description": "Made from the session's name, a pseudonym"}}),
        "README": README,
        ".bidsignore": IGNORED,
    }


def events() -> str:
    """``_events.json``, and what the columns of the answers mean."""
    described: dict[str, Any] = {name: {"Description": words} for name, words in _EVENTS.items()}
    described["onset"]["Units"] = described["duration"]["Units"] = described["stamp"]["Units"] = "s"
    described["EegseekAnswers"] = {
        "Description": "Columns of _answers.tsv: "
        + "; ".join(f"{name}: {answers.DESCRIPTIONS[name]}" for name in answers.COLUMNS if name in answers.DESCRIPTIONS)
    }
    return text(described)


def channels(names: Sequence[str], rate_hz: float) -> str:
    """``_channels.tsv``; the last name is the sample channel."""
    lines = ["name\ttype\tunits\tsampling_frequency\tdescription"]
    lines += [f"{name}\tEEG\tµV\t{rate_hz!r}\tas the source gave it, unfiltered" for name in names[:-1]]
    lines.append(f"{names[-1]}\tMISC\tn/a\t{rate_hz!r}\trunning number of the sample in its segment, modulo {MODULO}")
    return "\n".join(lines) + "\n"


def eeg(info: StreamInfo, samples: int, gaps: int, extra: dict[str, Any]) -> dict[str, Any]:
    """``_eeg.json``.

    Parameters
    ----------
    info
        The stream.
    samples, gaps
        In this file.
    extra
        Facts of our own.
    """
    return {
        "TaskName": TASK,
        "TaskDescription": "Stimuli were shown one after the other and searched for by the EEG that followed them",
        "EEGReference": "n/a",
        "SamplingFrequency": info.rate_hz,
        "PowerLineFrequency": info.line_hz or "n/a",
        "SoftwareFilters": "n/a",
        "EEGChannelCount": len(info.channels),
        "MISCChannelCount": 1,
        "RecordingDuration": samples / info.rate_hz,
        "RecordingType": "discontinuous" if gaps else "continuous",
        "EegseekSource": {"Name": info.name, "Kind": info.kind, "Simulated": info.simulated, "Notes": list(info.notes)},
        **extra,
    }
