"""What a study of the bound is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.errors import SettingsError
from training.bound import observer

ENCODERS = ("cca", "encoding")


@dataclass(frozen=True)
class BoundOptions:
    """What is measured.

    Attributes
    ----------
    data
        Folder that holds ``things/center_clip.npy`` and ``things/clip_feature_maps_test.npy``.
    pictures, repeats
        Of the training session.
    test_repeats
        Of each test picture.
    seeds
        How many times everything is drawn anew: training pictures, unexplained responses, noise and order.
    seed
        Of the first.
    person
        Which person.
    target
        Top-1 of the ideal observer at one repeat, that the level is solved for.
    encoders
        Fitted in closed form, by name.
    networks
        Trained by gradient, by name (see `benchmarks.bound_network.train_network`).
    blinks_per_minute, line_uv
        More than the model has: the ideal observer does not know of them and is then a reference, not a bound.
    json
        Write the numbers here.
    """

    data: Path
    pictures: int = 16_540
    repeats: int = 4
    test_repeats: int = 80
    seeds: int = 1
    seed: int = 0
    person: int = 0
    target: float = observer.TARGET
    encoders: tuple[str, ...] = ENCODERS
    networks: tuple[str, ...] = ()
    blinks_per_minute: float = 0.0
    line_uv: float = 0.0
    json: Path | None = None

    @property
    def bound(self) -> bool:
        """Whether the ideal observer knows all that there is."""
        return not (self.blinks_per_minute or self.line_uv)

    def check(self) -> None:
        """Refuse sizes that make no study.

        Raises
        ------
        SettingsError
            Names them.
        """
        if min(self.pictures, self.repeats, self.test_repeats, self.seeds) < 1 or self.pictures < 100:
            raise SettingsError("a study needs 100 training pictures or more, and one repeat and seed or more")
        if not 0 < self.target < 1:
            raise SettingsError(f"target {self.target:g} must be a share between 0 and 1, such as 0.03")
