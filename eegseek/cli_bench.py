"""``eegseek bench``: measure, beside a peer, and prove on real recordings."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Measure latency beside a peer, and prove the decoder on real recordings.", no_args_is_help=True)
Json = Annotated[Path | None, typer.Option("--json", help="Write the numbers here.")]


@app.command()
def latency(
    seconds: Annotated[float, typer.Option(min=5, help="Measured time after warm-up, s.")] = 60.0,
    peer: Annotated[str, typer.Option(help="Measure this beside us, in the same call: mne-lsl.")] = "",
    json: Json = None,
    encoder: Annotated[str, typer.Option(help="Name in the encoder registry.")] = "nice",
    gallery: Annotated[int, typer.Option(min=2, help="Items in the gallery.")] = 16_540,
    rate: Annotated[float, typer.Option(min=250, help="Sampling rate, Hz.")] = 1000.0,
    chunk: Annotated[int, typer.Option(min=1, help="Samples pushed at once.")] = 4,
    rsvp: Annotated[float, typer.Option(min=0.2, help="Pictures a second.")] = 5.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Measure the time from the last needed sample leaving the outlet to the result at a subscriber.

    63 channels through real LSL, three processes, random weights and a random gallery; by stage, with processor use.
    """
    from benchmarks.latency import LatencyOptions, Sizes, run_latency

    sizes = Sizes(encoder=encoder, gallery=gallery, rate_hz=rate)
    run_latency(
        LatencyOptions(seconds=seconds, sizes=sizes, chunk=chunk, rsvp_hz=rsvp, peer=peer, json=json, seed=seed)
    )


@app.command()
def muse(
    data: Annotated[Path, typer.Option(envvar="EEGSEEK_DATA", help="Folder that holds muse/left-right and muse/n170.")],
    json: Json = None,
    jobs: Annotated[int, typer.Option(min=1, help="Recordings replayed at once, each at real time.")] = 3,
    offline: Annotated[bool, typer.Option(help="Offline scores only: a minute in place of ten.")] = False,
    only: Annotated[list[str], typer.Option(help="left-right or n170; may be repeated.")] = [],  # noqa: B006
    work: Annotated[Path | None, typer.Option(help="Keep bundles, sessions and logs here.")] = None,
) -> None:
    """Leave one real Muse recording out, train on the others, replay it live through LSL, and score the answers."""
    from benchmarks.muse import prove

    found = prove(data, jobs=jobs, live=not offline, names=only, work=work)
    if json is not None:
        json.write_text(json_format.dumps(found, indent=1) + "\n", "utf-8")
    if not found["reached"]:
        raise typer.Exit(1)
