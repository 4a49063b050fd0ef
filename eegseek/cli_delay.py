"""``eegseek calibrate-delay``: from marker to light, with a photodiode."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from config.errors import OutputError, SettingsError
from config.settings import MarkerSettings, RecordingSource


def calibrate_delay(
    recording: Annotated[
        Path | None, typer.Argument(help="A recording with the photodiode's channel and markers.")
    ] = None,
    channel: Annotated[str, typer.Option("--channel", help="Channel of the photodiode.")] = "",
    lsl: Annotated[str, typer.Option("--lsl", help="Measure live: the LSL stream that has that channel.")] = "",
    stream: Annotated[str, typer.Option("--stream", help="Stream of the markers; live, 'Markers' is usual.")] = "",
    seconds: Annotated[float, typer.Option(min=5, help="Live: listen for so long at most, s.")] = 180.0,
    settings: Annotated[
        Path | None, typer.Option("--settings", "-s", help="Store markers.delay_s in this settings file (TOML).")
    ] = None,
    marker: Annotated[
        str, typer.Option("--marker", help="Regular expression of the markers that light belongs to.")
    ] = MarkerSettings().stimulus,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the numbers here.")] = None,
) -> None:
    """Measure the delay from marker to light with a photodiode, and store it in a settings file.

    Put the sensor over the patch in the corner, connect it to a free input of the amplifier, and show
    [bold]eegseek present --delay-test[/bold] while it records (or listen with --lsl).
    """
    from config.edit import store
    from display.presenter.delay import measure
    from eegseek.delay_sources import of_lsl, of_recording

    if (recording is None) == (not lsl):
        raise SettingsError("give a recording, or --lsl with the name of a live stream, one of the two")
    if not channel:
        raise SettingsError("name the channel of the photodiode with --channel")
    pattern = MarkerSettings(stimulus=_checked(marker)).stimulus
    if recording is not None:
        light = of_recording(RecordingSource(file=str(recording), channels=(channel,), marker_stream=stream))
    else:
        light = of_lsl(
            lsl, channel, stream or "Markers", seconds=seconds, progress=_progress if sys.stderr.isatty() else None
        )
    found = measure(light.trace, light.stamps, light.onsets(pattern), light.rate_hz)
    typer.echo(found.words)
    if json_ is not None:
        try:
            json_.write_text(json.dumps(found.table(), indent=1) + "\n", "utf-8")
        except OSError as error:
            raise OutputError(f"'{json_}' cannot be written: {error.strerror}; choose another place") from error
    if settings is None:
        typer.echo(f"nothing is stored; --settings FILE does, or set markers.delay_s = {found.median_s:.5f}")
        return
    store(settings, "markers", "delay_s", f"{found.median_s:.5f}")
    typer.echo(f"{settings}: markers.delay_s = {found.median_s:.5f}")


def _checked(pattern: str) -> str:
    import re

    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise SettingsError(f"--marker '{pattern:.80}' is no regular expression: {error}") from error
    return pattern


def _progress(seconds: float, markers: int) -> None:
    sys.stderr.write(f"\r{seconds:5.0f} s, {markers} markers ")
    sys.stderr.flush()
