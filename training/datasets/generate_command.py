"""``eegseek dataset generate`` as a plain function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from config.errors import SettingsError
from training.datasets import alljoined, things1, things2
from training.datasets.generate import Things2Size, generate_things2
from training.datasets.generate_alljoined import AlljoinedSize, generate_alljoined
from training.datasets.generate_preprocessed import FORMS, generate_preprocessed
from training.datasets.generate_things1 import Things1Size, generate_things1
from training.trials.epochs import Progress, silent


def generate_dataset(
    name: str,
    out: Path,
    sizes: Mapping[str, Any],
    *,
    forms: Sequence[str] = (),
    events: Path | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> None:
    """Generate a dataset by name.

    Parameters
    ----------
    name
        ``things-eeg2``, ``things-eeg1`` or ``alljoined``.
    out
        A new folder.
    sizes
        Fields of `Things2Size`, `Things1Size` or `AlljoinedSize`; those that a dataset has not are left out.
    forms
        Of ``things-eeg2``: preprocessed forms to write too.
    events
        Of ``things-eeg1``: a genuine event list.
    seed
        Same seed, same files.
    progress
        Told what is done.

    Raises
    ------
    SettingsError
        A name is unknown, or an option is of another dataset.
    """
    chosen = [form for form in FORMS if form in forms]
    if strange := sorted(set(forms) - set(FORMS)):
        raise SettingsError(f"unknown preprocessed form '{strange[0]}'; known: {', '.join(FORMS)}")
    if chosen and name != things2.NAME:
        raise SettingsError(f"--preprocessed is for {things2.NAME}, not for {name}")
    if events is not None and name != things1.NAME:
        raise SettingsError(f"--events is for {things1.NAME}, not for {name}")
    if name == things2.NAME:
        generate_things2(out, Things2Size(**_known(Things2Size, sizes)), seed, progress)
        for form in chosen:
            generate_preprocessed(out, form, progress)
    elif name == things1.NAME:
        generate_things1(out, Things1Size(**{**_known(Things1Size, sizes), "events": events}), seed, progress)
    elif name == alljoined.NAME:
        generate_alljoined(out, AlljoinedSize(**_known(AlljoinedSize, sizes)), seed, progress)
    else:
        raise SettingsError(f"unknown dataset '{name}'; known: {things2.NAME}, {things1.NAME}, {alljoined.NAME}")


def _known(kind: type, sizes: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {key: value for key, value in sizes.items() if key in names}
