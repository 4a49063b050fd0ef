"""Scores against the end of the window and against the number of channels: a decoder is trained for every point."""

from __future__ import annotations

from collections.abc import Sequence

from config.errors import SettingsError
from training.protocols import zero_shot
from training.protocols.conditions import Conditions
from training.protocols.data import Data, Trained, TrainFn, from_the_back
from training.protocols.schema import Curve, Row
from training.protocols.zero_shot import Options
from training.trials.ends import check_causal
from training.trials.epochs import Progress, silent

ENDS, CHANNELS = "window end", "channels"
STEP_S = 0.1
EARLIEST_S = 0.1


def window_ends(
    train: TrainFn,
    learned: Data,
    scored: Data,
    base: Conditions,
    options: Options,
    *,
    ends_s: Sequence[float] = (),
    progress: Progress = silent,
) -> tuple[list[Row], list[Curve]]:
    """Top-1 against the end of the window, from 100 ms in steps of 100 ms unless told otherwise.

    Every decoder is trained on windows that end where those it is scored on do; nothing is padded.

    Raises
    ------
    RecordingError
        Filters without causality have carried later samples into earlier ones.
    """
    check_causal((*learned.origins, *scored.origins), "scores against the end of the window")
    window = learned.plan.window
    last = min(window.end_s, scored.plan.window.end_s)
    steps = [
        k * STEP_S for k in range(1, round(last / STEP_S) + 1) if k * STEP_S >= max(window.start_s, 0) + EARLIEST_S
    ]
    ends = list(ends_s) or [round(end, 6) for end in steps if end <= last + 1e-9] or [last]
    rows = []
    for done, end in enumerate(ends):
        progress("window ends", done, len(ends))
        trained = train(learned.until(end), f"until-{round(end * 1000)}ms")
        what = f"window until {round(end * 1000)} ms"
        rows.append(_row(trained, scored.until(end), base, options, ENDS, what))
    progress("window ends", len(ends), len(ends))
    name = f"top-1 of {rows[0].n_way} against the end of the window"
    return rows, [zero_shot.curve_of(name, "window end (ms)", rows, [1000 * end for end in ends])]


def channel_counts(
    train: TrainFn,
    learned: Data,
    scored: Data,
    base: Conditions,
    options: Options,
    *,
    numbers: Sequence[int] = (),
    progress: Progress = silent,
) -> tuple[list[Row], list[Curve]]:
    """Top-1 against the number of channels, added from the back of the head to the front: no score made that order.

    Raises
    ------
    SettingsError
        There are not so many channels.
    """
    order = from_the_back(learned.epochs[0].channels)
    for number in numbers:
        if not 1 <= number <= len(order):
            raise SettingsError(f"--channels {number} is not possible; the windows hold 1 to {len(order)} channels")
    wanted = sorted(set(numbers)) or _doubling(len(order))
    rows = []
    for done, number in enumerate(wanted):
        progress("channels", done, len(wanted))
        # in the order of the recording, as a bundle has them
        names = [name for name in learned.epochs[0].channels if name in order[:number]]
        trained = train(learned.channels(names), f"{number}-channels")
        what = f"{number} channel{'s' * (number > 1)} from the back: {', '.join(names[:8])}{' …' if number > 8 else ''}"
        rows.append(_row(trained, scored.channels(names), base, options, CHANNELS, what))
    progress("channels", len(wanted), len(wanted))
    name = f"top-1 of {rows[0].n_way} against channels"
    return rows, [zero_shot.curve_of(name, "channels", rows, wanted)]


def _doubling(most: int) -> list[int]:
    return sorted({1 << k for k in range(most.bit_length()) if 1 << k <= most} | {most})


def _row(
    trained: Trained,
    scored: Data,
    base: Conditions,
    options: Options,
    protocol: str,
    what: str,
) -> Row:
    """One row: at the most repeats asked for, or that there are, among the pictures shown."""
    trials = scored.trials(trained.gallery)
    count = max(zero_shot.counts(trials, options.repeats))
    single = Options(
        n_way=options.n_way[:1],
        repeats=(count,),
        everything=False,
        unit=options.unit,
        rounds=options.rounds,
        seed=options.seed,
    )
    rows, _ = zero_shot.zero_shot(trained.encode, trials, trained.gallery, base, single, protocol=protocol)
    return rows[0].model_copy(update={"what": what})
