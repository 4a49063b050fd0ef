"""A simulated participant over LSL who sees what another process shows: its markers come first, its brain follows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pylsl
import pytest

from acquisition.participant.reaction import Reaction
from acquisition.sources.lsl import LslReader
from acquisition.types import Chunk
from config.settings import LslSource, ParticipantSource
from wire import lsl_scope

lsl_scope.restrict()
pytestmark = pytest.mark.timeout(120)
ROOT = Path(__file__).parents[2]
RATE, SHOWN = 250.0, 24


def _markers(name: str) -> Any:
    info = pylsl.StreamInfo(name, "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, f"{name}-id")
    return pylsl.StreamOutlet(info)


def test_it_reacts_to_markers_of_another_process_and_plays_none_itself(tmp_path: Path) -> None:
    name, shown = (f"eegseek-{uuid.uuid4().hex[:12]}" for _ in range(2))
    # hardly any background: what is evoked can be seen in every trial
    settings = ParticipantSource(
        channels=("O1", "Oz", "TP9"), rate_hz=RATE, react_to=shown, snr_db=26.0, rsvp_hz=4.0, alpha_uv=0.0,
        line_uv=0.0, drift_uv=0.0, blinks_per_minute=0.0,
    )  # fmt: skip
    file = tmp_path / "participant.json"
    file.write_text(settings.model_dump_json())
    command = [sys.executable, "-m", "acquisition.outlet", "--source", str(file), "--name", name, "--source-id", name]
    participant = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    outlet = _markers(shown)  # who shows, and is asked only later by the reader, too
    reader = LslReader(LslSource(name=name, marker_name=shown, wait_s=30.0))
    chunks: list[Chunk] = []
    try:
        info = reader.open()
        assert (info.simulated, info.channels) == (True, ("O1", "Oz", "TP9"))
        assert not [s for s in pylsl.resolve_streams(1.0) if s.name() == f"{name}-markers"]
        until = time.monotonic() + 60.0
        sent, next_s = 0, 0.0
        while sent < SHOWN or time.monotonic() < next_s + 1.0:
            assert time.monotonic() < until
            chunks.append(reader.read(0.05))
            # both listen: the reader, and the participant once it has found the stream
            if sent < SHOWN and time.monotonic() >= next_s and outlet.have_consumers() and _heard(chunks, sent):
                outlet.push_sample([f"{'cat' if sent % 2 else 'dog'}/{sent % 3}"], pylsl.local_clock())
                sent, next_s = sent + 1, time.monotonic() + 0.25
    finally:
        reader.close()
        participant.terminate()
        _, said = participant.communicate(timeout=20)
    assert participant.returncode == 0, said
    assert f"marker stream '{shown}' is there" in said
    samples = np.concatenate([c.samples for c in chunks], axis=1)
    stamps = np.concatenate([c.stamps for c in chunks])
    events = [event for c in chunks for event in c.events]
    assert len(events) == SHOWN
    expected = _expected(settings, [(event.label, (event.stamp - stamps[0]) * RATE) for event in events], len(stamps))
    # the participant may have found the stream after the first markers were sent: those evoked nothing
    last = round((events[SHOWN // 2].stamp - stamps[0]) * RATE)
    got, wanted = samples[:, last:], expected[:, last:]
    for row in range(len(got)):
        assert np.corrcoef(got[row], wanted[row])[0, 1] > 0.9


def _heard(chunks: list[Chunk], sent: int) -> bool:
    """The reader has the markers so far: it is there."""
    return sum(len(c.events) for c in chunks) >= sent or sent == 0


def _expected(settings: ParticipantSource, markers: list[tuple[str, float]], count: int) -> np.ndarray:
    reaction = Reaction(settings)
    for label, row in markers:
        reaction.evoke(label, row)
    return reaction.block(count)
