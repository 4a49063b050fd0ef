"""Training on all subjects together: their data as one, and one training that serves the cells of each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from config.bundles import EncoderSpec
from config.chain import Frozen
from config.errors import EegseekError, SettingsError
from inference.bundle import load_encoder
from training.comparison.compare_grid import Pair
from training.protocols.data import Data

LEARNED_JSON = "learned.json"


class Learned(Frozen):
    """``learned.json`` beside a bundle that is used for several subjects."""

    format: Literal["eegseek-compare-learned"] = "eegseek-compare-learned"
    version: Literal[1] = 1
    asked: str
    """Hash of everything that decides the bundle."""
    kept_epoch: int | None = None


def together(pairs: Sequence[Pair]) -> Data:
    """What all subjects learn from, as one; ``Origin.subject`` keeps their repeats apart.

    Raises
    ------
    SettingsError
        There are fewer than two subjects, a subject stands in two pairs, or the data were cut or named differently.
    """
    if len(pairs) < 2:
        raise SettingsError("transfer needs two subjects or more: give the epochs of more, or --participant --people 2")
    sides = [pair.learned for pair in pairs]
    names = [name for side in sides for name in side.subjects]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"subject '{twice}' stands in two sets of training data; give each subject once")
    first = sides[0]
    if any(side.plan != first.plan or dict(side.truth) != dict(first.truth) for side in sides):
        raise SettingsError("training data that were cut or labelled in different ways cannot be pooled; cut all alike")
    epochs, origins = (tuple(one for side in sides for one in getattr(side, of)) for of in ("epochs", "origins"))
    return replace(first, epochs=epochs, origins=origins)


@dataclass
class Once:
    """Trains on all subjects once for the cells of all of them; what failed is tried anew in the next run only."""

    failed: dict[str, Exception] = field(default_factory=dict)

    def learn(self, place: Path, asked: str, learn: Callable[[Path], EncoderSpec]) -> tuple[Path, int | None]:
        """Folder of the bundle, trained if it has not been, and the epoch that was kept.

        Raises
        ------
        Exception
            The training failed, now or for another subject.
        """
        bundle, note = place / "bundle", place / LEARNED_JSON
        if asked in self.failed:
            raise self.failed[asked]
        try:
            found = Learned.model_validate_json(note.read_bytes())
            if found.asked == asked:
                load_encoder(bundle, "cpu")
                return bundle, found.kept_epoch
        except (OSError, ValidationError, EegseekError):
            pass  # there is none yet, or not a whole one
        try:
            note.unlink(missing_ok=True)
            spec = learn(bundle)
        except Exception as failure:
            self.failed[asked] = failure
            raise
        kept = spec.training.get("kept_epoch")
        note.write_text(Learned(asked=asked, kept_epoch=kept).model_dump_json(indent=1) + "\n", "utf-8")
        return bundle, kept
