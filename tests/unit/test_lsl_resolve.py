"""Choosing one stream among those that are there, and the sentences when it cannot be done."""

from __future__ import annotations

import pylsl
import pytest

from acquisition.sources.lsl_resolve import Query, find
from config.errors import AmbiguousStream, SourceError, StreamNotFound

KEYS = ("source.name", "source.type", "source.source_id")


class Info:
    """As much of a ``pylsl.StreamInfo`` as is asked of one."""

    def __init__(self, name: str, kind: str = "EEG", source_id: str = "", rate: float = 250.0) -> None:
        self._said = (name, kind, source_id, rate)

    def name(self) -> str:
        return self._said[0]

    def type(self) -> str:
        return self._said[1]

    def source_id(self) -> str:
        return self._said[2]

    def uid(self) -> str:
        return repr(self._said)

    def hostname(self) -> str:
        return "lab"

    def channel_count(self) -> int:
        return 4

    def nominal_srate(self) -> float:
        return self._said[3]

    def channel_format(self) -> int:
        return int(pylsl.cf_float32)


THERE = [
    Info("Muse", source_id="m1"),
    Info("Muse", source_id="m2"),
    Info('it\'s "odd"]'),
    Info("PsychoPy", "Markers", rate=0),
]


def look(_: float) -> list[Info]:
    return [*THERE, THERE[0]]  # one stream seen on two interfaces


def eeg(name: str = "", kind: str = "EEG", source_id: str = "") -> Query:
    return Query("EEG stream", name, kind, source_id, KEYS)


def test_name_type_and_id_must_all_match_exactly() -> None:
    markers = Query("marker stream", "", "Markers", "", KEYS)
    found = find([eeg("Muse", source_id="m2"), markers], 0.0, look)
    assert [info.source_id() for info in found] == ["m2", ""]
    assert find([eeg('it\'s "odd"]')], 0.0, look)[0] is THERE[2]


def test_one_stream_seen_twice_is_one() -> None:
    assert find([eeg(source_id="m1")], 0.0, look) == [THERE[0]]


def test_none_lists_what_is_there() -> None:
    with pytest.raises(
        StreamNotFound, match=r"EEG stream with name 'X', type 'EEG'.*'Muse'.*250 Hz, source_id 'm1'.*lab"
    ):
        find([eeg("X")], 0.0, look)
    with pytest.raises(StreamNotFound, match=r"there are no streams"):
        find([eeg("X")], 0.0, lambda _: [])


def test_absent_markers_list_marker_streams_only() -> None:
    query = Query("marker stream", "Y", "Markers", "", ("source.marker_name", "b", "c"))
    with pytest.raises(StreamNotFound, match=r"marker streams that are there: 'PsychoPy'") as error:
        find([query], 0.0, look)
    assert "Muse" not in str(error.value)


def test_two_are_named_with_the_setting_that_chooses() -> None:
    with pytest.raises(AmbiguousStream, match=r"2 streams match.*m1.*m2.*choose one with source.source_id"):
        find([eeg("Muse")], 0.0, look)
    with pytest.raises(AmbiguousStream, match=r"close all but one"):
        find([eeg()], 0.0, lambda _: [Info("A"), Info("A", rate=500.0)])


def choices(query: Query, *there: Info) -> tuple[tuple[str, dict[str, str]], ...]:
    with pytest.raises(SourceError) as error:
        find([query], 0.0, lambda _: list(there))
    return error.value.choices


def test_each_comes_with_the_settings_that_take_it() -> None:
    (words, first), (_, second) = choices(eeg("Muse"), *THERE)
    assert words == "'Muse' (type EEG, 4 ch float32, 250 Hz, source_id 'm1', on lab)"
    assert first == {"source.source_id": "m1"} and second == {"source.source_id": "m2"}
    assert [sets for _, sets in choices(eeg(), Info("A"), Info("B"))] == [{"source.name": "A"}, {"source.name": "B"}]
    assert choices(eeg(), Info("A"), Info("A", rate=500.0)) == ()
    # with the name of a preset, those of another name need both, and what is no EEG is not meant
    other = choices(eeg("X"), *THERE)
    assert other[0][1] == {"source.name": "Muse", "source.source_id": "m1"} and len(other) == 3


def test_an_empty_query_is_refused() -> None:
    with pytest.raises(SourceError, match=r"set one of source.name, source.type, source.source_id"):
        find([eeg(kind="")], 0.0, look)


def test_where_one_setting_names_the_stream_it_is_told_once_and_takes_no_id() -> None:
    query = Query("marker stream", "P", "", "", ("source.marker_lsl", "", ""))
    with pytest.raises(StreamNotFound, match=r"start it, or change source\.marker_lsl; there are no"):
        find([query], 0.0, lambda _: [])
    other, twice = Info("Q", "Markers", "m", rate=0), [Info("P", "Markers", one, rate=0) for one in ("m1", "m2")]
    assert [sets for _, sets in choices(query, other)] == [{"source.marker_lsl": "Q"}]
    # nothing could be set that tells these apart
    assert choices(query, *twice) == ()
    with pytest.raises(AmbiguousStream, match=r"2 streams match.*close all but one"):
        find([query], 0.0, lambda _: twice)
    with pytest.raises(SourceError, match=r"set one of source\.marker_lsl$"):
        find([Query("marker stream", "", "", "", ("source.marker_lsl", "", ""))], 0.0, look)
