"""Bundles and sources of a known size, with random weights: speed does not depend on what was learned."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from config.bundles import Item
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import SettingsError
from config.settings import ParticipantSource

# the 63 channels of THINGS-EEG2 (reference Fz)
THINGS_CHANNELS = (
    "Fp1", "Fp2", "AF7", "AF3", "AFz", "AF4", "AF8", "F7", "F5", "F3", "F1", "F2", "F4", "F6",
    "F8", "FT9", "FT7", "FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6", "FT8", "FT10", "T7", "C5",
    "C3", "C1", "Cz", "C2", "C4", "C6", "T8", "TP9", "TP7", "CP5", "CP3", "CP1", "CPz", "CP2",
    "CP4", "CP6", "TP8", "TP10", "P7", "P5", "P3", "P1", "Pz", "P2", "P4", "P6", "P8", "PO7",
    "PO3", "POz", "PO4", "PO8", "O1", "Oz", "O2",
)  # fmt: skip
REPEATS = 4
"""Of each picture, so that running averages are what they are in use and not the single trial again."""
MONTAGES = ((len(THINGS_CHANNELS), "standard_1020"), (128, "biosemi128"), (256, "biosemi256"))
CHAIN = {"notch_hz": (50.0,), "highpass_hz": 1.0, "lowpass_hz": 40.0}
WINDOW = WindowSettings(start_s=0.0, end_s=1.0, rate_hz=250.0, baseline_s=(-0.1, 0.0))
# every window is to be decoded: limits that are tested, and that nothing reaches
REJECTION = RejectionSettings(peak_to_peak_uv=1e5, flat_uv=1e-6)


@dataclass(frozen=True)
class Sizes:
    """Of what is measured.

    Attributes
    ----------
    channels, rate_hz
        Of the stream.
    encoder, dim
        Architecture in the registry, and length of its embedding.
    gallery
        Items.
    """

    channels: int = 63
    rate_hz: float = 1000.0
    encoder: str = "nice"
    dim: int = 1024
    gallery: int = 16540


def montage(n: int) -> str:
    """Smallest montage that has ``n`` places.

    Raises
    ------
    SettingsError
        No montage has as many.
    """
    found = next((name for size, name in MONTAGES if n <= size), None)
    if found is None:
        raise SettingsError(f"{n} channels are asked for, the largest montage has {MONTAGES[-1][0]}; ask for fewer")
    return found


def channel_names(n: int) -> tuple[str, ...]:
    """Names of ``n`` channels: the first of THINGS-EEG2, or of a denser montage where that has too few."""
    name = montage(n)
    if n <= len(THINGS_CHANNELS):
        return THINGS_CHANNELS[:n]
    from mne.channels import make_standard_montage

    return tuple(make_standard_montage(name).ch_names[:n])


def write_bundles(folder: Path, sizes: Sizes, seed: int = 0) -> tuple[Path, Path]:
    """An encoder bundle and a gallery bundle with random contents.

    Returns
    -------
    Their folders.
    """
    import torch

    from inference.bundle import write_encoder
    from inference.encoders import registry
    from inference.gallery import write_gallery

    names = channel_names(sizes.channels)
    torch.manual_seed(seed)
    net = registry.build(
        sizes.encoder, channels=names, times=WINDOW.n_times, rate_hz=WINDOW.rate_hz, dim=sizes.dim, parameters={}
    )
    fields = {
        "architecture": sizes.encoder,
        "channels": names,
        "window": WINDOW,
        "chain": ChainSettings(channels=names, **CHAIN),
        "rejection": REJECTION,
        "space": "bench",
        "dim": sizes.dim,
        "training": {"note": "random weights, for measuring speed"},
    }
    arrays = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    write_encoder(folder / "encoder", fields, arrays)
    vectors = np.random.default_rng(seed).standard_normal((sizes.gallery, sizes.dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    items = [Item(id=f"item-{k}", label=f"item {k}") for k in range(sizes.gallery)]
    write_gallery(folder / "gallery", items, vectors, space="bench", model="random unit vectors")
    return folder / "encoder", folder / "gallery"


def participant(sizes: Sizes, rsvp_hz: float, pictures_s: float, seed: int = 0) -> ParticipantSource:
    """A simulated participant that sees each picture `REPEATS` times, for ``pictures_s`` seconds or a little longer."""
    return ParticipantSource(
        montage=montage(sizes.channels),
        channels=channel_names(sizes.channels),
        rate_hz=sizes.rate_hz,
        stimuli=max(1, ceil(rsvp_hz * pictures_s / REPEATS)),
        repeats=REPEATS,
        rsvp_hz=rsvp_hz,
        seed=seed,
    )
