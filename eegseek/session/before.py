"""Earlier sessions, looked at before anybody sits through a calibration that could not learn from them."""

from __future__ import annotations

from pathlib import Path

from acquisition.plan import Plan
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.presentation import Plan as Presentation
from config.session_ask import Ask
from config.settings import Settings


def check(ask: Ask, settings: Settings, presentation: Presentation, folder: Path) -> None:
    """Refuse earlier sessions whose windows do not fit this one's.

    Parameters
    ----------
    ask
        Names them.
    settings
        Of the run, its chain with the channels of the headset that was found.
    presentation
        What the calibration shows.
    folder
        The session's.

    Raises
    ------
    EegseekError
        The first that does not fit, and why.
    """
    # reads whole epochs folders: loaded only where there are any
    from training.calibration.former import read_all
    from training.calibration.task import Task

    chain, window = settings.chain or ChainSettings(), settings.window or WindowSettings()
    plan = Plan(chain, window, settings.rejection or RejectionSettings(), settings.markers)
    read_all([Path(one) for one in ask.former], plan, Task.of(presentation), folder)
