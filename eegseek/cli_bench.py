"""``eegseek bench``: measure, beside a peer, prove on real recordings, and compare with what is possible."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Measure latency beside a peer, prove the decoder on real recordings, and compare encoders with an ideal one.",
    no_args_is_help=True,
)
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
    encoder: Annotated[str, typer.Option(help="riemann or ensemble.")] = "riemann",
    nested: Annotated[bool, typer.Option(help="Inner splits choose low-pass and window end too.")] = False,
    work: Annotated[Path | None, typer.Option(help="Keep bundles, sessions and logs here.")] = None,
) -> None:
    """Leave one real Muse recording out, train on the others, replay it live through LSL, and score the answers."""
    from benchmarks.muse import prove

    found = prove(data, jobs=jobs, live=not offline, names=only, encoder=encoder, nested=nested, work=work)
    if json is not None:
        json.write_text(json_format.dumps(found, indent=1) + "\n", "utf-8")
    if not found["reached"]:
        raise typer.Exit(1)


@app.command()
def bound(
    data: Annotated[
        Path,
        typer.Option(envvar="EEGSEEK_DATA", help="Folder that holds things/center_clip.npy and the test features."),
    ],
    json: Json = None,
    pictures: Annotated[int, typer.Option(min=100, help="Training pictures.")] = 16_540,
    repeats: Annotated[int, typer.Option(min=1, help="Of each training picture.")] = 4,
    test_repeats: Annotated[int, typer.Option(min=1, help="Of each of the test pictures.")] = 80,
    seeds: Annotated[int, typer.Option(min=1, help="Sessions, everything drawn anew.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the first.")] = 0,
    person: Annotated[int, typer.Option(min=0, help="Which simulated person.")] = 0,
    target: Annotated[float, typer.Option(help="Top-1 of the ideal observer at one repeat.")] = 0.03,
    encoder: Annotated[list[str], typer.Option(help="Fitted in closed form; may be repeated.")] = ["encoding", "cca"],  # noqa: B006
    network: Annotated[list[str], typer.Option(help="Trained by gradient, as eegproject; may be repeated.")] = [],  # noqa: B006
    blinks: Annotated[float, typer.Option(min=0, help="A minute; makes the bound a reference.")] = 0.0,
    line: Annotated[float, typer.Option(min=0, help="Line noise, µV; makes the bound a reference.")] = 0.0,
) -> None:
    """Score encoders beside the ideal observer of a simulated participant: how much of what is possible they reach."""
    from benchmarks.bound import run_bound
    from benchmarks.bound_options import BoundOptions

    run_bound(
        BoundOptions(
            data=data,
            pictures=pictures,
            repeats=repeats,
            test_repeats=test_repeats,
            seeds=seeds,
            seed=seed,
            person=person,
            target=target,
            encoders=tuple(encoder),
            networks=tuple(network),
            blinks_per_minute=blinks,
            line_uv=line,
            json=json,
        )
    )


@app.command()
def replay(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings, or converted copies of a dataset's.")],
    encoder: Annotated[Path, typer.Option("--encoder", "-e", help="Folder of the encoder bundle.")],
    gallery: Annotated[Path, typer.Option("--gallery", "-g", help="Folder of the gallery bundle.")],
    truth: Annotated[
        Path | None, typer.Option(help="Session file: marker labels to gallery ids; else label = id.")
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="As fast as it goes, in place of real time over LSL.")
    ] = False,
    json: Json = None,
) -> None:
    """Replay recordings live and compare every embedding, and the scores, with the evaluation of the same file.

    For example: [bold]eegseek bench replay THINGS-EEG2/converted/things-eeg2/sub-08_ses-01_test -e me -g test[/bold]
    """
    from benchmarks.replay_check import check

    if not check(recordings, encoder, gallery, truth=truth, direct=direct, json_path=json):
        raise typer.Exit(1)


@app.command()
def train(
    encoder: Annotated[str, typer.Option("--encoder", "-e", help="Name of a network.")] = "eegproject",
    epochs: Annotated[int, typer.Option(min=1, help="Passes.")] = 50,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    json: Json = None,
) -> None:
    """Time a training of the size of THINGS-EEG2: 16,540 averaged trials of 17 x 250, random data; time and memory."""
    from benchmarks.train_speed import Sizes, train_speed
    from training.progress import bar

    with bar() as told:
        train_speed(
            Sizes(epochs=epochs), encoder=encoder, threads=threads, device=device, json_path=json, progress=told
        )
