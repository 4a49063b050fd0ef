"""What a session's page says in words: pure functions of what was gathered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.calibration.scores import wilson
from training.calibration.session_material import Material

VISUAL = re.compile(r"^(O|PO|I)(\d+|Z)$", re.I)
EARS = re.compile(r"^(TP|T|P)\d+$", re.I)
REASONS = {
    "calibration": "went to training, was not to be answered",
    "peak_to_peak": "too large: a blink, a movement, or poor contact",
    "flat": "a channel was flat: no contact, or switched off",
    "railed": "a channel stood at the amplifier's limit",
    "gap": "samples were lost on the way",
    "settling": "the filters had not settled yet",
    "paused": "the session was paused",
    "invalid": "samples that are no numbers",
    "swapped": "channels changed places",
    "shown_again": "its block was interrupted, and shown again from its beginning",
    "bad": "marked as bad by a person",
}
Row = tuple[str, ...]


def headset(made: Material) -> list[str]:
    """What this headset can do and what it cannot, by where its electrodes lie."""
    found = [made.can_do] if made.can_do else []
    channels = made.progress.whole.channels if made.progress else made.info.channels if made.info else ()
    if not channels:
        return [*found, "The channels are not known."]
    visual = [name for name in channels if VISUAL.match(name)]
    if not visual:
        found.append(
            f"None of its {len(channels)} electrodes ({_some(channels)}) lies over visual cortex. It can tell a few "
            "categories apart, and whether a picture was attended, over repeats; it cannot tell single images apart."
        )
    elif len(visual) < 8:
        found.append(
            f"{len(visual)} of its {len(channels)} electrodes lie over visual cortex ({_some(visual)}): categories, "
            "and with many repeats a few single images."
        )
    else:
        found.append(
            f"{len(visual)} of its {len(channels)} electrodes lie over visual cortex: single images among many can be "
            "ranked, better with repeats."
        )
    if {"TP9", "AF7", "AF8", "TP10"} == set(channels):
        found.append(
            "A Muse measures against an electrode on the forehead, so that eye movements reach all of its channels: "
            "the ocular control shows the most of them, not all."
        )
    return found


def rejected(made: Material) -> list[Row]:
    """Reason, how often, and what it usually means; the most frequent first."""
    found = [(reason, n) for reason, n in made.rejected.most_common() if reason != "calibration"]
    if not found and made.progress is not None:
        found = sorted(made.progress.rejected.items(), key=lambda pair: -pair[1])
    return [(reason, str(n), REASONS.get(reason, "")) for reason, n in found]


def accuracy(made: Material) -> list[Row]:
    """Answers while the decoder was in use: kind, repeats, share right with its interval, chance."""
    rows: list[Row] = []
    chance = f"{1 / made.items:.0%}" if made.items else ""
    # single trials first, then averages by repeats
    for (kind, repeats), (right, n) in sorted(made.right.items(), key=lambda p: (p[0][0] != "single trials", p[0][1])):
        low, high = wilson(right, n)
        rows.append((kind, str(repeats), f"{right} of {n} ({right / n:.0%})", f"{low:.0%} to {high:.0%}", chance))
    return rows


def timing(made: Material) -> list[Row]:
    """Stage, median, 95th and 99th percentile, longest, ms."""
    rows = [(name, *_percentiles(values)) for name, values in made.stages_ms.items() if name != "total"]
    if "total" in made.stages_ms:
        rows.append(("last sample to kept answer", *_percentiles(made.stages_ms["total"])))
    if made.shown_ms.n:
        shown = made.shown_ms
        numbers = tuple(_number(value) for value in (shown.p50, shown.p95, shown.p99, shown.max))
        rows.append(("last sample to the screen", *numbers))
    return rows


def facts(made: Material) -> list[tuple[str, str]]:
    """Of the session."""
    found = [("session", made.session)]
    if made.created:
        found.append(("begun", made.created))
    if made.info is not None:
        found += [
            ("source", f"{made.info.name} ({made.info.kind}), {made.info.rate_hz:g} Hz"),
            ("channels", ", ".join(made.info.channels)),
        ]
    if made.duration_s:
        lost = f"; {made.gaps} gaps, about {made.lost_samples:.0f} samples lost" if made.gaps else "; no gap"
        found.append(("recorded", f"{made.duration_s / 60:.1f} min{lost}"))
    if made.progress is not None:
        kept = ", ".join(f"{name} {n}" for name, n in made.progress.trials.items())
        found.append(("calibration", f"{made.progress.blocks_done} of {made.progress.blocks_planned} blocks; {kept}"))
        if made.progress.cross_validated_auc is not None:
            found.append(("cross-validated AUC", f"{made.progress.cross_validated_auc:.2f} (each block by all others)"))
        if made.progress.former_trials:
            used = made.progress.former
            words = used.words if used is not None else f"{made.progress.former_trials} trials of an earlier session"
            found.append(("learned from before", words))
        if made.progress.bundle:
            found.append(("decoder kept in", made.progress.bundle))
    if made.results:
        found.append(("answered", f"{made.results} stimuli, {made.withheld} of the answers withheld"))
    return found


def channels(made: Material) -> list[Row]:
    """Channel, median peak-to-peak, share of line noise, share of alpha."""
    signal = made.signal
    if signal is None or not signal.pieces:
        return []
    middle = np.median(signal.spans_uv, axis=0)
    line = np.maximum(signal.share(49, 51), signal.share(59, 60))
    alpha = signal.share(8, 12)
    return [
        (name, f"{middle[k]:.0f} µV", f"{line[k]:.0%}", f"{alpha[k]:.0%}") for k, name in enumerate(signal.channels)
    ]


def _percentiles(values: Sequence[float]) -> Row:
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return tuple(_number(value) for value in (p50, p95, p99, max(values)))


def _number(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, int | float) else "–"


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
