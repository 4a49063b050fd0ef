"""How often a calibration is wrong: whole sessions of EEG that says nothing of the categories (or a known little).

``python -m training.calibration.noise --sessions 200`` simulates a four-channel headset: noise of the spectrum of EEG,
alpha that waxes and wanes, blinks, drift, amplitudes that change from block to block. With ``--recordings`` the windows
are those of real recordings instead, some in a row a block, their labels shuffled within the block: real EEG, of which
labels are known to say nothing. Each session is judged after every block, by the rules of `config.calibration`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.plan import Plan
from config.calibration import CalibrationRules, Progress
from config.errors import EegseekError, RecordingError, SettingsError
from config.load import load_settings
from config.settings import RecordingSource
from inference.build import from_labels
from inference.gallery import Gallery
from training.calibration.blocks import Block
from training.calibration.calibration import Calibration
from training.calibration.former import Former
from training.calibration.scores import wilson
from training.calibration.task import Task
from training.trials.epochs import cut_recordings

PRESET = "muse-lsl"
EVERY_S = 1.0
"""From onset to onset."""
FORMER_BLOCKS, EARLIER = 6, 1_000_000
"""Blocks of an earlier session, and what its seed is further by."""


@dataclass(frozen=True)
class Ended:
    """How one session ended, and after how many blocks."""

    verdict: str
    blocks: int
    progress: Progress


def plan_of_preset(preset: str = PRESET) -> Plan:
    """Chain, window and rejection of a preset.

    Raises
    ------
    SettingsError
        The preset lacks one of them.
    """
    settings = load_settings(preset=preset)
    if settings.chain is None or settings.window is None or settings.rejection is None:
        raise SettingsError(f"preset '{preset}' lacks a chain, a window or a rejection")
    return Plan(settings.chain, settings.window, settings.rejection, settings.markers)


def simulated(plan: Plan, names: tuple[str, ...], trials: int, effect_uv: float, seed: int) -> Iterator[Block]:
    """Blocks without end: ``trials`` of each, as many of every category, in an order drawn anew for each block.

    Parameters
    ----------
    plan
        Channels, window and rejection.
    names
        Stimuli, one a category.
    trials
        A block.
    effect_uv
        Amplitude by which the evoked responses of the categories differ, µV; 0: nothing to decode.
    seed
        Of the session.
    """
    rng = np.random.default_rng(seed)
    window, rate, n_channels = plan.window, plan.window.rate_hz, len(plan.chain.channels)
    lead = round((1.0 - window.start_s) * rate)
    times = window.start_s + np.arange(window.n_times) / rate
    shapes = rng.standard_normal((len(names), n_channels)) * effect_uv
    wave = np.exp(-0.5 * ((times - 0.2) / 0.05) ** 2)
    mixing = np.eye(n_channels) + 0.7 * rng.random((n_channels, n_channels))
    number = 0
    while True:
        order = rng.permutation(np.resize(np.arange(len(names)), trials))
        signal = _background(mixing, round((trials * EVERY_S + 4) * rate), rate, rng)
        starts = lead + np.round((np.arange(trials) * EVERY_S + rng.uniform(0, 0.1, trials)) * rate).astype(int)
        windows = np.stack([signal[:, s : s + window.n_times] for s in starts])
        windows += shapes[order][:, :, None] * wave
        if window.baseline_s is not None:
            inside = (times >= window.baseline_s[0]) & (times < window.baseline_s[1])
            windows -= windows[:, :, inside].mean(axis=2, keepdims=True)
        limit = plan.rejection.peak_to_peak_uv or np.inf
        keep = np.ptp(windows, axis=2).max(axis=1) <= limit
        labels = tuple(names[k] for k in order[keep])
        onsets = tuple((starts[keep] / rate).tolist())
        lost = {"peak_to_peak": int(np.sum(~keep))} if not keep.all() else {}
        yield Block(number, windows[keep].astype(np.float32), labels, onsets, lost, simulated=True)
        number += 1


def shuffled(recordings: list[Block], trials: int, seed: int) -> Iterator[Block]:
    """So many real windows in a row of each block, from a place drawn anew, their labels shuffled within."""
    rng = np.random.default_rng(seed)
    for block in recordings:
        first = int(rng.integers(0, max(1, len(block) - trials + 1)))
        part = slice(first, first + trials)
        labels = np.array(block.labels[part], object)
        mixed = tuple(labels[rng.permutation(len(labels))])
        yield Block(block.number, block.windows[part], mixed, block.onsets_s[part], block.rejected)


def session(
    blocks: Iterator[Block],
    task: Task,
    plan: Plan,
    gallery: Gallery,
    rules: CalibrationRules,
    *,
    whole: bool = False,
    former: Sequence[Former] = (),
) -> Ended:
    """Play a session until it is decided, or all planned blocks of it; the verdict is the first in both cases."""
    calibration = Calibration(plan, task, gallery, rules, former=former)
    verdict, decided = "going_on", 0
    for block in blocks:
        calibration.take(block)
        progress = calibration.progress
        if verdict == "going_on" and progress.verdict != "going_on":
            verdict, decided = progress.verdict, progress.blocks_done
        if progress.blocks_done >= task.blocks or (verdict != "going_on" and not whole):
            break
    return Ended(verdict, decided, calibration.progress)


def cut_blocks(folder: Path, plan: Plan, parts: int = 1) -> list[Block]:
    """Windows of each recording (.csv) of a folder, cut by the live pipeline; each recording gives ``parts`` blocks."""
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise RecordingError(f"'{folder}' holds no recordings (.csv)")
    found: list[Block] = []
    for epochs in cut_recordings([RecordingSource(file=str(file)) for file in files], plan)[0]:
        for part in np.array_split(np.arange(len(epochs.labels)), parts):
            labels = tuple(epochs.labels[k] for k in part)
            onsets = tuple(epochs.onsets_s[part].tolist())
            found.append(Block(len(found), epochs.data[part, 0], labels, onsets))
    return found


def _background(mixing: NDArray[np.float64], n: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """EEG (channels, n) of no particular thought, band-passed 1 to 20 Hz, µV."""
    from scipy import signal

    channels, t = len(mixing), np.arange(n) / rate
    pink = np.cumsum(rng.standard_normal((channels, n)), axis=1) - t * rng.normal(0, 5, (channels, 1))
    waxing = 1 + np.sin(2 * np.pi * (t / rng.uniform(8, 20) + rng.random()))
    alpha = rng.uniform(1, 6) * waxing * np.sin(2 * np.pi * rng.uniform(8.5, 11.5) * t + rng.random())
    level = rng.uniform(0.6, 1.6)
    x = mixing @ (3 * level * pink) + rng.uniform(0.3, 1.0, (channels, 1)) * alpha
    for at in rng.uniform(0, t[-1], rng.poisson(t[-1] / 8)):
        strength = np.array([0.2, 1.0, 1.0, 0.2]) if channels == 4 else rng.random(channels)
        x += 60 * strength[:, None] * np.exp(-0.5 * ((t - at) / 0.08) ** 2)
    sos = signal.butter(3, (1.0, 20.0), "bandpass", fs=rate, output="sos")
    return np.asarray(signal.sosfilt(sos, x, axis=1))


def parser() -> argparse.ArgumentParser:
    """Options."""
    made = argparse.ArgumentParser(prog="python -m training.calibration.noise", description=__doc__.splitlines()[0])
    made.add_argument("--sessions", type=int, default=200)
    made.add_argument("--blocks", type=int, default=8, help="planned blocks of a simulated session")
    made.add_argument("--trials", type=int, default=32, help="trials of a block")
    made.add_argument("--categories", type=int, default=2)
    made.add_argument("--effect", type=float, default=0.0, help="difference of the evoked responses, µV; 0: none")
    made.add_argument(
        "--former", type=float, metavar="UV", help="learn from an earlier simulated session, too, with this effect, µV"
    )
    made.add_argument("--recordings", type=Path, help="folder of .csv recordings: their windows, labels shuffled")
    made.add_argument("--parts", type=int, default=2, help="blocks that each recording gives")
    made.add_argument("--whole", action="store_true", help="show all planned blocks, also after the verdict")
    made.add_argument("--decoder", choices=["riemann", "ensemble"], default="riemann")
    made.add_argument("--seed", type=int, default=0)
    return made


def run(given: argparse.Namespace, said: Callable[[str], object]) -> list[Ended]:
    """All sessions, told one by one where they end otherwise than in nothing, and their sum."""
    plan, rules = plan_of_preset(), CalibrationRules(decoder=given.decoder)
    real = cut_blocks(given.recordings, plan, given.parts) if given.recordings else []
    names = tuple(sorted({label for block in real for label in block.labels})) or tuple(
        f"category {k + 1}" for k in range(given.categories)
    )
    planned = len(real) or given.blocks
    task = Task({name: name for name in names}, blocks=planned)
    ended = []
    with tempfile.TemporaryDirectory() as folder:
        from_labels(names, Path(folder) / "gallery")
        gallery = Gallery.load(Path(folder) / "gallery")
        for k in range(given.sessions):
            seed = given.seed + k
            blocks = (
                shuffled(real, given.trials, seed) if real else simulated(plan, names, given.trials, given.effect, seed)
            )
            before: tuple[Former, ...] = ()
            if given.former is not None:
                earlier = simulated(plan, names, given.trials, given.former, seed + EARLIER)
                before = (Former("before", tuple(islice(earlier, FORMER_BLOCKS))),)
            ended.append(session(blocks, task, plan, gallery, rules, whole=given.whole, former=before))
            if ended[-1].verdict != "nothing_decodable":
                one = ended[-1]
                said(f"session {seed}: {one.verdict} after {one.blocks} of {planned} blocks. {one.progress.words}")
    alarms = sum(one.verdict == "decodable" for one in ended)
    ever = sum(one.progress.whole.rejects for one in ended)
    low, high = wilson(ever, len(ended))
    blocks_needed = [one.blocks for one in ended]
    said(
        f"{len(ended)} sessions, {rules.decoder}, effect {given.effect:g} µV: "
        f"{', '.join(f'{name} {n}' for name, n in Counter(one.verdict for one in ended).most_common())}; "
        f"the line was passed in {ever} ({ever / len(ended):.1%}, 95 % interval {low:.1%} to {high:.1%}), "
        f"{alarms} ended as decodable; blocks until decided: median {np.median(blocks_needed):g} of {planned}"
    )
    return ended


def main(arguments: list[str] | None = None) -> int:
    """Run; 1 where noise passed the line more often than the rules allow."""
    given = parser().parse_args(arguments)
    if given.sessions < 1 or given.blocks < 1 or given.trials < 2 or given.categories < 2 or given.parts < 1:
        sys.stderr.write("sessions, blocks and parts must be 1 or more, trials and categories 2 or more\n")
        return 2
    try:
        ended = run(given, _say)
    except EegseekError as error:
        sys.stderr.write(f"noise: {error} [{error.code}]\n")
        return 1
    share = sum(one.progress.whole.rejects for one in ended) / len(ended)
    return int(not given.effect and share > CalibrationRules().alpha)


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
