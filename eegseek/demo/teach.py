"""The simulated participant sees other pictures, and a decoder learns from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from acquisition.offline import Epochs, cut
from acquisition.plan import Plan
from acquisition.sources.participant import ParticipantReader
from config.bundles import EncoderSpec
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.load import load_settings
from config.settings import MarkerSettings, ParticipantSource
from eegseek.demo.materials import OTHERS, Materials
from eegseek.demo.phases import Told
from inference.gallery import Gallery
from training.train import TrainRequest, train

SNR_DB = -14.0
RSVP_HZ = 10.0
"""As in THINGS-EEG1."""
REPEATS = 4
CHUNK_S = 0.5
SEEDS = {"teach": 1, "live": 2, "no_signal": 3}
"""A session of each kind has its own background and order."""
PASSES, BATCH, LEARNING_RATE, WEIGHT_DECAY, PATIENCE = 10, 1024, 5e-4, 0.1, 3


def session(responses: Path, stimuli: int, repeats: int, seed: int, kind: str, **more: object) -> ParticipantSource:
    """Settings of a session of the demo's participant."""
    fixed: dict[str, object] = {
        "responses": str(responses),
        "stimuli": stimuli,
        "repeats": repeats,
        "rsvp_hz": RSVP_HZ,
        "snr_db": SNR_DB,
        "person": seed,
        "seed": seed * 10 + SEEDS[kind],
        "speed": 0.0,
        "chunk_s": CHUNK_S,
    }
    return ParticipantSource.model_validate({**fixed, **more})


def plan() -> Plan:
    """Chain and window of the preset ``demo``."""
    settings = load_settings(preset="demo")
    return Plan(
        settings.chain or ChainSettings(),
        settings.window or WindowSettings(),
        settings.rejection or RejectionSettings(),
        MarkerSettings(),
    )


def cut_session(source: ParticipantSource, wanted: Plan, done: Callable[[int, int], None]) -> Epochs:
    """Windows of a session, cut by the live pipeline at full speed."""
    length = source.lead_s + source.stimuli * source.repeats / source.rsvp_hz

    def progress(seconds: float) -> None:
        done(min(int(seconds), int(length)), int(length))

    return cut(ParticipantReader(source), wanted, progress)


def teach(materials: Materials, seed: int, told: Told) -> EncoderSpec:
    """Train the decoder; the bundle is in ``encoder``."""
    source = session(materials.responses("others"), OTHERS, REPEATS, seed, "teach")
    what = f"Participant sees {OTHERS} other pictures, {REPEATS} times"
    wanted = plan()
    epochs = cut_session(source, wanted, lambda done, total: told(what, done, total))
    return train(
        TrainRequest(
            epochs=(epochs,),
            gallery=Gallery.load(materials.others_bundle),
            encoder="eegproject",
            out=materials.folder / "encoder",
            plan=wanted,
            seed=seed,
            epochs_max=PASSES,
            batch=BATCH,
            learning_rate=LEARNING_RATE,
            weight_decay=WEIGHT_DECAY,
            average="both",
            validation="stimulus",
            patience=PATIENCE,
            device="cpu",
            simulated=True,
            notes=f"a simulated participant at {SNR_DB:g} dB; no picture of the gallery was shown",
        ),
        lambda step, done, total: told(f"Training: {step}", done, total),
    )
