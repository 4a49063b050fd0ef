"""Participant v1, frozen: what decoders are measured on. Pure; change nothing here, make a v2 instead.

Linear, of rank 16. A picture's embedding (drawn from the statistics of genuine CLIP features) is read out by 16
latents; each drives one fixed pattern over channels and time (see `acquisition.participant.person`). To that comes a
response that the embedding does not explain, ``TAU`` squared times as strong and with the same covariance, fixed for
each picture. The background is Gaussian and stationary: pink noise, alpha and drift; no line, no blinks, which would
make it something else than Gaussian. Pictures follow at 5 Hz, their order redrawn in every block.

The stream is an ordinary simulated participant (`source`), the same patterns whatever pictures are shown; decoders see
it through ``CHAIN`` and ``WINDOW``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.participant import noise, stimuli, topographies
from acquisition.participant.person import Person, make_person
from config.chain import ChainSettings, WindowSettings
from config.errors import SourceError
from config.settings import ParticipantSource
from config.stored_array import NPY_ERRORS, check_npy_header

Array = NDArray[np.float64]
RANK = 16
TAU = 0.5
"""Standard deviation of the unexplained response over that of the explained one."""
RSVP_HZ, RATE_HZ = 5.0, 250.0
MONTAGE = "standard_1020"
ALPHA_UV, DRIFT_UV = 4.0, 10.0
LEVEL_UV = 318.9
"""What a latent of 1 drives its pattern with. Solved by `training.bound.observer`: with person 0, ``CHAIN`` and
``WINDOW`` the ideal observer finds 3.0 % of the 200 genuine test pictures from one window."""
CHAIN = ChainSettings(
    channels=topographies.POSTERIOR, notch_hz=(50.0,), highpass_hz=0.1, highpass_order=1, lowpass_hz=100.0
)
WINDOW = WindowSettings(start_s=0.0, end_s=1.0, rate_hz=RATE_HZ, baseline_s=(-0.2, 0.0))
"""As in the preset ``things-eeg2``."""
REFERENCE_DRAWS = 20_000
"""Pictures over which the latents are uncorrelated and of variance 1."""


@dataclass(frozen=True)
class Population:
    """Normal distribution of embeddings, before they are brought to unit norm.

    Attributes
    ----------
    mean
        (dim,).
    root
        (dim, dim), the symmetric root of the covariance.
    """

    mean: Array
    root: Array

    def draw(self, n: int, generator: np.random.Generator) -> NDArray[np.float32]:
        """Unit vectors (n, dim) float32."""
        drawn = self.mean + generator.standard_normal((n, len(self.mean))) @ self.root
        return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


@dataclass(frozen=True)
class Pictures:
    """Pictures as the participant has them.

    Attributes
    ----------
    embeddings
        (n, dim) float32 unit vectors: what a gallery holds.
    explained
        (n, RANK) latents that the embedding gives.
    unexplained
        (n, RANK) latents that it does not.
    """

    embeddings: NDArray[np.float32]
    explained: Array
    unexplained: Array

    def write(self, path: Path) -> None:
        """Write what they evoke as a responses file (see `acquisition.participant.stimuli`), labels 1, 2, ..."""
        both = (self.explained + self.unexplained).astype(np.float32)
        labels = [str(k + 1) for k in range(len(both))]
        stimuli.write_responses(path, labels, both, np.zeros((len(both), 0), np.float32))


class Readout:
    """How this person's latents read embeddings: one random direction each, over the population.

    Parameters
    ----------
    population
        Whose latents are uncorrelated, of mean 0 and variance 1.
    person
        Which person.
    """

    def __init__(self, population: Population, person: int = 0) -> None:
        generator = np.random.default_rng([person, 3])
        directions = generator.standard_normal((len(population.mean), RANK))
        reference = population.draw(REFERENCE_DRAWS, generator).astype(np.float64)
        self.mean: Array = reference.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((reference - self.mean) @ directions, rowvar=False))
        self.weights: Array = directions @ (vectors / np.sqrt(values)) @ vectors.T

    def latents(self, embeddings: NDArray[np.float32]) -> Array:
        """Latents (n, RANK) of embeddings (n, dim)."""
        return np.asarray((embeddings.astype(np.float64) - self.mean) @ self.weights)

    def pictures(self, embeddings: NDArray[np.float32], seed: int) -> Pictures:
        """Pictures of these embeddings; ``seed`` draws what nothing explains."""
        hidden = TAU * np.random.default_rng([seed, 4]).standard_normal((len(embeddings), RANK))
        return Pictures(embeddings, self.latents(embeddings), hidden)


def population_of(centres: Array) -> Population:
    """Population with the mean of class centres (n, dim), and their covariance as far as its shape goes.

    There are fewer centres than dimensions, so the covariance is shrunk [1]_. A centre is the mean of several pictures,
    so centres vary less than pictures do: it is scaled until the mean squared norm is 1, as unit vectors have it.

    References
    ----------
    .. [1] Ledoit & Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices.
    """
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(centres)
    mean = centres.mean(axis=0)
    covariance *= max(1.0 - float(mean @ mean), 0.0) / np.trace(covariance)
    values, vectors = np.linalg.eigh(covariance)
    return Population(mean, (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def read_features(path: Path) -> Array:
    """Features of a ``.npy`` file, (n, dim) or (n, 1, dim).

    Raises
    ------
    SourceError
        It is missing, or holds something else.
    """
    try:
        # mapped: the header's promise is held against the file before memory is taken
        check_npy_header(path)
        features = np.load(path, mmap_mode="r", allow_pickle=False)
    except NPY_ERRORS as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise SourceError(f"'{path}' cannot be read ({why}); expected features (n, dim) in .npy") from error
    if not isinstance(features, np.ndarray):
        features.close()
        raise SourceError(f"'{path}' holds several arrays; expected features (n, dim) in .npy")
    if features.ndim == 3 and features.shape[1] == 1:
        features = features[:, 0]
    if features.ndim != 2 or features.dtype.kind != "f" or len(features) < 2 or not np.isfinite(features).all():
        raise SourceError(f"'{path}' holds {features.shape} {features.dtype}; expected finite features (n, dim)")
    return np.asarray(features, np.float64)


def person(number: int = 0) -> Person:
    """The patterns: (maps * (mixing @ latents)) @ waves at `RATE_HZ`."""
    where = topographies.positions(MONTAGE, topographies.POSTERIOR)
    return make_person(where, RATE_HZ, RANK, stimuli.TIE_BREAK, number)


def background() -> tuple[noise.Stationary, ...]:
    """The noise, for its covariance."""
    where, unused = topographies.positions(MONTAGE, topographies.POSTERIOR), np.random.default_rng(0)
    return (
        noise.Pink(where, RATE_HZ, unused),
        noise.Alpha(where, RATE_HZ, unused, ALPHA_UV),
        noise.Drift(len(where), RATE_HZ, unused, DRIFT_UV),
    )


def source(
    responses: Path, pictures: int, repeats: int, *, seed: int, person: int = 0, level_uv: float = LEVEL_UV
) -> ParticipantSource:
    """Settings that stream this participant, as fast as it goes.

    Parameters
    ----------
    responses
        File that `Pictures.write` made.
    pictures, repeats
        How many are shown, and how often each.
    seed
        Of the noise and the order.
    person, level_uv
        Which person, and how loud.
    """
    return ParticipantSource(
        montage=MONTAGE,
        rate_hz=RATE_HZ,
        responses=str(responses),
        stimuli=pictures,
        repeats=repeats,
        rsvp_hz=RSVP_HZ,
        level_uv=level_uv,
        line_uv=0.0,
        blinks_per_minute=0.0,
        alpha_uv=ALPHA_UV,
        drift_uv=DRIFT_UV,
        person=person,
        seed=seed,
        speed=0.0,
        chunk_s=1.0,
    )
