"""What the signal page says in words, bars and tables: band powers, line noise, quality of channels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.bundles import read_encoder_spec
from config.chain import ChainSettings
from config.errors import EegseekError
from config.settings import Settings
from display.bands import BANDS, middle
from display.dashboard.head import look
from wire import impedance
from wire.packets import Quality

SCALES_UV = (5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000)
LANE_RMS = 5.0
"""Times its RMS that a channel is given in height, where the page chooses."""
LINE_MUCH = 0.3
"""Share of line noise from which it is worth a word."""


def chain_of(settings: Settings) -> ChainSettings | None:
    """Filters that the signal went through; None where they are not known here."""
    if settings.chain is not None:
        return settings.chain
    if not settings.inference.encoder:
        return None
    try:
        return read_encoder_spec(Path(settings.inference.encoder)).chain
    except EegseekError:
        return None


def filtered_words(chain: ChainSettings | None) -> str:
    """What was done to the signal that is shown."""
    if chain is None:
        return "the filtered signal, as the decoder gets it"
    low, high = chain.highpass_hz, chain.lowpass_hz
    edges = [f"from {low:g} Hz" if low else "", f"up to {high:g} Hz" if high else ""]
    notch = f"without {' and '.join(f'{hz:g}' for hz in chain.notch_hz)} Hz" if chain.notch_hz else ""
    words = " ".join(part for part in (*edges, notch) if part)
    return f"the filtered signal ({words or 'unfiltered'}), as the decoder gets it"


def auto_uv(quality: Quality | None) -> int:
    """Height of a channel that shows most of the signal, µV; of `SCALES_UV`."""
    if quality is None:
        return 100
    told = zip(quality.rms_uv, quality.states, strict=True)
    good = [rms for rms, state in told if state == "good"] or [rms for rms in quality.rms_uv if rms > 0] or [16.0]
    wanted = LANE_RMS * float(np.median(good))
    return next((scale for scale in SCALES_UV if scale >= wanted), SCALES_UV[-1])


def bands_html(powers: NDArray[np.float64] | None, channel: int | None) -> str:
    """Band powers as bars, of one channel or the median of all.

    Parameters
    ----------
    powers
        (bands, channels) µV²; None before there are any.
    channel
        Row of the signal; None for the median.
    """
    if powers is None:
        return '<p class="muted">needs 2 s of signal without a gap</p>'
    shown = middle(powers) if channel is None else powers[:, channel]
    total = float(np.nansum(shown))
    rows = []
    for band, power in zip(BANDS, shown.tolist(), strict=True):
        known = isfinite(power)
        share = power / total if known and total else 0.0
        figure = f"{amount(power)} µV² · {share:.0%}" if known else "too slow a source"
        rows.append(
            f'<div class="eeg-band" data-band="{band.name}"><span>{band.name} '
            f"<small>{band.low_hz:g}–{band.high_hz:g} Hz</small></span>"
            f'<span class="track"><span style="width:{100 * share:.1f}%"></span></span>'
            f'<span class="figure">{figure}</span></div>'
        )
    return "".join(rows)


def amount(value: float) -> str:
    """A number with two or three digits that count."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def line_words(quality: Quality | None) -> str:
    """Line noise in a sentence or two."""
    if quality is None or not quality.channels:
        return "not known yet"
    ratios = np.array(quality.line_ratio)
    worst = int(ratios.argmax())
    words = f"median {np.median(ratios):.0%}; most at {quality.channels[worst]}: {ratios[worst]:.0%}."
    much = [name for name, ratio in zip(quality.channels, quality.line_ratio, strict=True) if ratio >= LINE_MUCH]
    if len(much) > len(ratios) / 2:
        return words + " Most channels hum: see to reference and ground, and move chargers and screens away."
    if much:
        return words + f" See to the contact of {', '.join(much[:6])}{' …' if len(much) > 6 else ''}."
    return words


def notes(quality: Quality | None) -> dict[str, str]:
    """RMS and line noise of each channel, in words."""
    if quality is None:
        return {}
    rows, known = zip(quality.channels, quality.rms_uv, quality.line_ratio, strict=True), quality.electrodes_kohm
    return {
        name: f"{amount(rms)} µV RMS, line noise {ratio:.0%}"
        + (f", impedance {impedance.told(known[name])}" if name in known else "")
        for name, rms, ratio in rows
    }


def impedance_html(quality: Quality | None, *, simulated: bool) -> str:
    """Impedance of each electrode with what it means; empty where the source measures none.

    Parameters
    ----------
    simulated
        The data are of no head, so that these are of no electrodes.
    """
    known = {} if quality is None else quality.electrodes_kohm
    if not known:
        return ""
    lines = "".join(
        f"<li><b>{escape(name)}</b> {impedance.amount(kohm)} <span>{_GRADE_SIGNS[impedance.grade(kohm)]} "
        f"{impedance.WORDS[impedance.grade(kohm)]}</span></li>"
        for name, kohm in known.items()
    )
    warning = '<p class="muted">SIMULATED: these are of no electrodes.</p>' if simulated else ""
    return f'{warning}<ul class="impedance">{lines}</ul><p class="muted">{impedance.LIMITS}</p>'


_GRADE_SIGNS: dict[impedance.Grade, str] = {"good": "●", "fair": "◐", "poor": "○", "open": "✕", "short": "!"}
"""Told by shape, not by colour."""


def table_html(quality: Quality | None) -> str:
    """Every channel in numbers."""
    if quality is None:
        return '<p class="muted">not known yet</p>'
    known = quality.electrodes_kohm if any(kohm is not None for kohm in quality.impedance_kohm) else {}
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(look(state).words)}</td><td>{amount(rms)}</td><td>{ratio:.0%}</td>"
        + (f"<td>{impedance.amount(known[name]) if name in known else '–'}</td>" if known else "")
        + "</tr>"
        for name, state, rms, ratio in _rows(quality)
    )
    return (
        '<table class="plain"><thead><tr><th>channel</th><th>state</th><th>RMS, µV</th><th>line noise</th>'
        f"{'<th>impedance</th>' if known else ''}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _rows(quality: Quality) -> Sequence[tuple[str, str, float, float]]:
    return list(zip(quality.channels, quality.states, quality.rms_uv, quality.line_ratio, strict=True))
