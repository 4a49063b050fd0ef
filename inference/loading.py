"""Makes a warm decoder from the bundles that the settings name, at start and in the middle of a run."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path

from config.bundles import read_encoder_spec
from config.errors import BundleError, SettingsError
from config.settings import InferenceSettings
from inference import index, novelty
from inference.bundle import load_encoder
from inference.encoders import registry
from inference.gallery import check_fit
from inference.gallery_edit import serving
from inference.worker import Decoder, Rules
from wire.clock import now


def load_decoder(settings: InferenceSettings, worker: str) -> Decoder:
    """Decoder of the settings' bundles, warm.

    Raises
    ------
    SettingsError
        No encoder or gallery is named.
    BundleError
        A bundle cannot be used, or the two do not fit one another.
    """
    for name, value in (("encoder", settings.encoder), ("gallery", settings.gallery)):
        if not value:
            raise SettingsError(
                f"setting 'inference.{name}' is empty; give a bundle with --set inference.{name}=FOLDER"
            )
    rules = Rules(worker, settings.mode, settings.top_k, settings.batch, settings.withhold_below)
    gallery = serving(settings.gallery, settings.index)
    # before torch is imported, which takes seconds
    check_fit(read_encoder_spec(Path(settings.encoder)), gallery.spec)
    encoder = load_encoder(settings.encoder, settings.device)
    if registry.is_network(encoder.spec.architecture):
        from inference.encoders import network

        network.limit_threads()
    index.limit_threads()
    decoder = Decoder(encoder, gallery, rules, now, novelty.load(settings.encoder, encoder.spec))
    decoder.warm_up()
    return decoder


def replacement(settings: InferenceSettings, old: Decoder) -> Decoder:
    """Decoder that can take the place of an old one in the middle of a run.

    Raises
    ------
    BundleError
        The bundles cannot be used, or the new encoder takes other windows than acquisition cuts.
    """
    new = load_decoder(settings, old.rules.worker)
    before, after = old.encoder.spec, new.encoder.spec
    for field in ("channels", "window", "chain"):
        if getattr(before, field) != getattr(after, field):
            raise BundleError(
                f"encoder '{settings.encoder}' needs another {field} than the running one, and acquisition cuts for "
                "the running one; stop, and start again with the new encoder"
            )
    return new


def versions() -> dict[str, str]:
    """What an answer's last bits depend on: libraries in use, threads."""
    used = {"numpy": "numpy", "faiss": "faiss-cpu", "torch": "torch", "braindecode": "braindecode"}
    found = {module: version(name) for module, name in used.items() if module in sys.modules}
    return {"python": platform.python_version(), **found, "threads": "1"}
