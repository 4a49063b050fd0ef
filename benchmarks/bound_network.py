"""A network beside the bound: trained as ``eegseek train`` does it, on the same windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from acquisition.participant import v1
from acquisition.plan import Plan
from config.bundles import Item
from config.chain import RejectionSettings
from config.settings import MarkerSettings
from inference.encoders.base import Vectors, Windows
from inference.gallery import Gallery, write_gallery
from training.trials.ends import with_parts
from training.trials.epochs import Progress, Trials

BATCH, PATIENCE = 1024, 10


def train_network(
    name: str,
    trials: Trials,
    embeddings: Vectors,
    seed: int,
    progress: Progress,
    parts_s: Sequence[float] = (),
) -> tuple[Callable[[Windows], Vectors], dict[str, object]]:
    """Train a network on averages over repeats, the pass kept by held-out pictures.

    Parameters
    ----------
    name
        In the encoder registry; ``NAME+whitened`` for channels whitened by the noise first.
    trials
        Training windows; ``rows`` are those of ``embeddings``.
    embeddings
        (pictures, dim).
    seed
        Of weights, batches and what is held out.
    progress
        Told what is done.
    parts_s
        Ends of the window at which it learns to answer too.

    Returns
    -------
    What embeds windows (n, channels, times), those of the earlier ends too, and a record for people.
    """
    from inference.encoders import network
    from training.fitting.train_network import fit_network
    from training.request import TrainRequest
    from training.trials.examples import Scaling

    architecture, _, whitened = name.partition("+")
    with TemporaryDirectory(prefix="eegseek-bound-") as folder:
        items = [Item(id=str(k + 1), label=str(k + 1)) for k in range(len(embeddings))]
        write_gallery(Path(folder) / "gallery", items, embeddings, space="clip", model="drawn")
        request = TrainRequest(
            epochs=(),
            gallery=Gallery.load(Path(folder) / "gallery"),
            encoder=architecture,
            out=Path(folder) / "encoder",
            plan=with_parts(Plan(v1.CHAIN, v1.WINDOW, RejectionSettings(), MarkerSettings()), parts_s),
            average="averaged",
            batch=min(BATCH, len(embeddings) // 4),
            patience=PATIENCE,
            seed=seed,
            whiten=bool(whitened),
        )
        found = fit_network(request, trials, "stimulus", progress)
    encoder, scaling = network.Network(found.net, found.device), Scaling(found.normalisation)

    def embed(windows: Windows) -> Vectors:
        scaled = np.array(windows, np.float32)
        scaling.apply(scaled)
        missing = v1.WINDOW.n_times - windows.shape[2]
        return encoder.embed(np.pad(scaled, ((0, 0), (0, 0), (0, missing))))

    return embed, found.record
