"""Windows as far as they are known at an earlier end, and who may answer then: only what was filtered causally."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydantic import ValidationError

from acquisition.plan import Plan
from config.chain import WindowSettings
from config.errors import RecordingError, SettingsError
from training.trials.epochs import Origin, Trials


def until(trials: Trials, times: int) -> Trials:
    """The same trials, their windows cut after so many samples: what is there at an earlier end."""
    if times == trials.windows.shape[2]:
        return trials
    return replace(trials, windows=np.ascontiguousarray(trials.windows[:, :, :times]))


def with_parts(plan: Plan, parts_s: Sequence[float]) -> Plan:
    """A plan whose windows are answered at earlier ends too, seconds after the onset; any that it had are replaced.

    Raises
    ------
    SettingsError
        The ends do not rise, or do not lie within the window.
    """
    try:
        window = WindowSettings.model_validate({**plan.window.model_dump(), "parts_s": tuple(parts_s)})
    except ValidationError as error:
        said = error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Value error, ")
        given = ", ".join(f"{end:g}" for end in parts_s)
        raise SettingsError(
            f"window ends {given} s are not possible in a window of {plan.window.start_s:g} to {plan.window.end_s:g} s:"
            f" {said}"
        ) from error
    return replace(plan, window=window)


def check_causal(origins: Sequence[Origin], what: str) -> None:
    """Refuse recordings whose early samples know of late ones.

    Parameters
    ----------
    origins
        Of the recordings.
    what
        They are wanted for.

    Raises
    ------
    RecordingError
        One was filtered without causality.
    """
    for origin in origins:
        if not origin.causal:
            raise RecordingError(
                f"'{origin.name}' was filtered without causality, so what comes late stands in its early samples too; "
                f"cut epochs from the raw recording for {what}"
            )
