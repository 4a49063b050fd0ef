"""The fuzzer finds what it is for: foreign exceptions, hangs, greed and calls; and the same from the same seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks.fuzz import frames, journals, shaped, targets
from benchmarks.fuzz.child import case
from benchmarks.fuzz.guard import shrunk
from benchmarks.fuzz.mutate import LONGEST, damaged
from benchmarks.fuzz.run import FuzzOptions, Tally, _chosen
from benchmarks.fuzz.target import OURS, THEIRS
from config.errors import SettingsError, WireError

SEEDS = [b"", b"timestamps,TP9\n1,2\n", bytes(range(256))]


def test_damage_is_the_same_from_the_same_seed() -> None:
    made = [damaged(Random(7), SEEDS, (b"TOKEN",), shaped.JSON) for _ in range(2)]
    assert made[0] == made[1]
    many = {damaged(Random(k), SEEDS, (b"TOKEN",), shaped.JSON) for k in range(300)}
    assert len(many) > 200 and all(len(one) <= LONGEST for one in many) and any(b"TOKEN" in one for one in many)
    target = targets.TARGETS["codec"]
    seeds = frames.messages(Path())
    assert case(target, seeds, 1, 5) == case(target, seeds, 1, 5) != case(target, seeds, 2, 5)


def test_every_packet_is_fuzzed_and_comes_back() -> None:
    assert not frames.missing()
    for message in frames.messages(Path()):
        assert frames.joined(frames.parted(message)) == message
        frames.take(message)


def test_json_stays_json() -> None:
    text = b'{"a": {"b": [1, 2.5, "x"]}, "c": null}'
    changed = [shaped.json_value(Random(k), text) for k in range(100)]
    for one in changed:
        if len(one) < 2000:  # others are nested more deeply than can be read
            json.loads(one)
    assert len(set(changed)) > 50 and shaped.json_value(Random(0), b"{") == b"{"


def test_a_resealed_record_is_whole(tmp_path: Path) -> None:
    (whole,) = journals.journal(tmp_path)
    read = journals.open_journal(tmp_path)
    read(whole)
    reached = 0
    for k in range(60):
        made = journals.resealed(Random(k), whole)
        try:
            read(made)
        except Exception as error:
            reached += "malformed" in str(error) or "unknown type" in str(error)
    assert reached > 10  # past the checksum


def test_counts_are_those_that_are_promised() -> None:
    for target in targets.TARGETS.values():
        assert target.count >= (THEIRS if target.library else OURS)
    assert targets.TARGETS["codec"].count >= 1_000_000


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(SettingsError, match="nothing to fuzz called 'codex'"):
        _chosen(FuzzOptions(only=("codex",)))


def test_a_finding_keeps_its_smallest_file() -> None:
    tally = Tally("a", "", 10)
    for size, count in ((5, 2), (3, 1), (9, 4)):
        tally.add({"kind": "hang", "where": "x.py:1", "bytes": size, "hex": "00" * size}, count)
    assert [(one["bytes"], one["count"]) for one in tally.row()["findings"]] == [(3, 7)]


def test_a_file_is_made_smaller() -> None:
    assert shrunk(b"a" * 500 + b"!" + b"b" * 300, lambda data: b"!" in data) == b"!"


WATCHED = """
import os, sys, json
from pathlib import Path
from benchmarks.fuzz import guard
from config.errors import WireError

def read(data):
    if data == b"ours": raise WireError("refused")
    if data == b"foreign": raise KeyError("x")
    if data == b"greed":
        try: bytearray(2 << 30)
        except MemoryError as error: raise WireError("too large") from error
    if data == b"hang":
        while True: pass
    if data == b"run": os.system("true")
    if data == b"eval": eval("1 + 1")
    if data == b"write": open(sys.argv[2], "w").close()

guard.LIMIT_S = 0.2
watch = guard.Guard(read, True, Path(sys.argv[1]))
watch.install()
guard.limit_memory(100)
out = {}
for word in ("fine", "ours", "foreign", "greed", "hang", "run", "eval", "write"):
    found = watch(word.encode())
    out[word] = found and found.kind
print(json.dumps(out))
"""


def test_what_must_not_happen_is_seen(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    said = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path / "scratch"), str(tmp_path / "else")],
        capture_output=True, timeout=60, check=True, cwd=Path(__file__).parents[2], env={**os.environ},
    )  # fmt: skip
    assert json.loads(said.stdout) == {
        "fine": None, "ours": None, "foreign": "exception", "greed": "memory", "hang": "hang", "run": "execution",
        "eval": "execution", "write": "execution",
    }  # fmt: skip


def test_nothing_but_our_error_comes_out_of_damaged_messages() -> None:
    target, seeds, refused = targets.TARGETS["codec"], frames.messages(Path()), 0
    for index in range(3000):
        try:
            frames.take(case(target, seeds, 99, index))
        except WireError:
            refused += 1
    assert 1000 < refused < 3000
