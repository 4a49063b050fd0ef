"""Channels by name or by pattern, whatever the order of the file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from config.errors import SettingsError
from training.datasets.things2 import CHANNELS_63

_PATTERN = re.compile(r"[\^$.*+?|\[\]()\\]")


def pick(wanted: Sequence[str], there: Sequence[str]) -> tuple[str, ...]:
    """Channels of a recording.

    Parameters
    ----------
    wanted
        Names, in the order to keep, or regular expressions that a name begins with, such as ``^O|^P``. Empty: all.
    there
        Those of the recording.

    Returns
    -------
    Names. Those found by a pattern, or all, come in the order of THINGS-EEG2's 63 where they are of them, so that
    files of different order agree.

    Raises
    ------
    SettingsError
        A name is not there, or nothing fits a pattern.
    """
    if not wanted:
        return _ordered(there)
    found: list[str] = []
    for one in wanted:
        if one in there:
            more: Sequence[str] = (one,)
        elif _PATTERN.search(one):
            more = _ordered([name for name in there if _matches(one, name)])
        else:
            more = ()
        if not more:
            raise SettingsError(f"no channel is '{one}'; the channels are {', '.join(there)}")
        found += [name for name in more if name not in found]
    return tuple(found)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.match(pattern, name) is not None
    except re.error as error:
        raise SettingsError(f"channels '{pattern}' is no regular expression: {error}") from error


def _ordered(names: Sequence[str]) -> tuple[str, ...]:
    if not set(names) <= set(CHANNELS_63):
        return tuple(names)
    return tuple(sorted(names, key=CHANNELS_63.index))
