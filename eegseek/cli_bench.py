"""``eegseek bench``: measure, beside a peer, prove on real recordings, and compare with what is possible."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer

from config.errors import SettingsError

app = typer.Typer(
    help="Measure latency beside a peer, prove the decoder on real recordings, and compare encoders with an ideal one.",
    no_args_is_help=True,
)
Json = Annotated[Path | None, typer.Option("--json", help="Write the numbers here.")]


@app.command()
def latency(
    seconds: Annotated[float, typer.Option(min=5, help="Measured time after warm-up, s.")] = 60.0,
    peer: Annotated[
        list[str], typer.Option(help="Measure this beside us, in the same call: mne-lsl, mne-lsl-tuned; repeatable.")
    ] = [],  # noqa: B006
    control: Annotated[bool, typer.Option(help="Measure the same processes and messages without work, too.")] = True,
    awake: Annotated[bool, typer.Option(help="run.awake of the settings.")] = True,
    realtime: Annotated[bool, typer.Option(help="run.realtime of the settings.")] = False,
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
        LatencyOptions(
            seconds=seconds,
            sizes=sizes,
            chunk=chunk,
            rsvp_hz=rsvp,
            peers=tuple(peer),
            control=control,
            awake=awake,
            realtime=realtime,
            json=json,
            seed=seed,
        )
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


@app.command()
def anytime(
    data: Annotated[Path, typer.Option(envvar="EEGSEEK_DATA", help="Folder that holds muse and things.")],
    json: Json = None,
    figure: Annotated[Path | None, typer.Option(help="Draw accuracy against time here (.svg, .png, .pdf).")] = None,
    only: Annotated[list[str], typer.Option(help="left-right, n170 or participant-v1; may be repeated.")] = [],  # noqa: B006
    pictures: Annotated[int, typer.Option(min=100, help="Training pictures of the participant.")] = 16_540,
    sessions: Annotated[int, typer.Option(min=1, help="Of the participant, everything drawn anew.")] = 1,
    network: Annotated[list[str], typer.Option(help="Beside encoding, as eegproject; may be repeated.")] = [],  # noqa: B006
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Measure accuracy against time: real headset recordings, and a simulated participant beside the ideal observer."""
    from benchmarks.anytime import run_anytime
    from benchmarks.anytime_options import AnytimeOptions

    _reached(
        run_anytime(
            AnytimeOptions(
                data,
                studies=tuple(only),
                pictures=pictures,
                sessions=sessions,
                networks=tuple(network),
                seed=seed,
                json=json,
                figure=figure,
            )
        )
    )


@app.command("gallery")
def gallery_(
    sizes: Annotated[str, typer.Option(help="Numbers of vectors, by commas.")] = "200,16540,100000,1000000",
    kind: Annotated[list[str], typer.Option(help="Of index; may be repeated. None: all.")] = [],  # noqa: B006
    dim: Annotated[int, typer.Option(min=8)] = 512,
    data: Annotated[
        Path | None, typer.Option(envvar="EEGSEEK_DATA", help="Compare the vectors with real ones.")
    ] = None,
    work: Annotated[Path | None, typer.Option(help="Folder with room: 2 GiB for a million, 19 for ten.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json: Json = None,
) -> None:
    """Measure recall, time, memory and build of every kind of index, at several sizes."""
    from benchmarks.gallery import run_gallery
    from benchmarks.gallery_options import GalleryOptions

    try:
        numbers = tuple(int(size) for size in sizes.split(","))
    except ValueError as error:
        raise SettingsError(f"--sizes '{sizes}' are not numbers by commas, such as 200,16540") from error
    _reached(
        run_gallery(
            GalleryOptions(sizes=numbers, kinds=tuple(kind), dim=dim, data=data, work=work, seed=seed, json=json)
        )
    )


@app.command()
def edits(json: Json = None) -> None:
    """Measure what items added and removed while serving cost: to write, to follow, to search, to fold in."""
    from benchmarks.edits import EditsOptions, run_edits

    _reached(run_edits(EditsOptions(json=json)))


@app.command("replay-speed")
def replay_speed(
    seconds: Annotated[float, typer.Option(min=15, help="Length of the recording that is made.")] = 600.0,
    encoder: Annotated[list[str], typer.Option(help="Architecture; may be repeated.")] = ["eegproject", "nice"],  # noqa: B006
    workers: Annotated[list[int], typer.Option(min=1, help="Counts of workers; may be repeated.")] = [1, 2],  # noqa: B006
    gallery: Annotated[int, typer.Option(min=2, help="Items in the gallery.")] = 16_540,
    batch: Annotated[int, typer.Option(min=1, help="Windows that a worker takes at once.")] = 32,
    check: Annotated[float, typer.Option(min=0, help="Seconds played at real time, too; 0: none.")] = 16.0,
    json: Json = None,
) -> None:
    """Replay a recording shaped like THINGS-EEG2 as fast as it goes: times real time, windows and answers compared."""
    from benchmarks.throughput import ReplayOptions, run_replay_speed

    _reached(
        run_replay_speed(
            ReplayOptions(
                seconds=seconds, encoders=tuple(encoder), workers=tuple(workers), gallery=gallery, batch=batch,
                check_s=check, json=json,
            )
        )
    )  # fmt: skip


@app.command("high-rate")
def high_rate(
    seconds: Annotated[float, typer.Option(min=5, help="Measured time, s; 1800 for the half hour.")] = 60.0,
    channels: Annotated[int, typer.Option(min=1, help="Of the stream.")] = 128,
    rate: Annotated[float, typer.Option(min=250, help="Sampling rate, Hz.")] = 2000.0,
    rsvp: Annotated[float, typer.Option(min=0.2, help="Pictures a second.")] = 10.0,
    encoder: Annotated[str, typer.Option(help="Name in the encoder registry.")] = "nice",
    json: Json = None,
) -> None:
    """Live at the top of what people use, windows overlapping tenfold: every window counted, acquisition's cores."""
    from benchmarks.high_rate import HighRateOptions, run_high_rate

    options = HighRateOptions(
        seconds=seconds, channels=channels, rate_hz=rate, rsvp_hz=rsvp, encoder=encoder, json=json
    )
    _reached(run_high_rate(options))


@app.command()
def workers(
    seconds: Annotated[float, typer.Option(min=1, help="Measured time of each, s.")] = 10.0,
    gallery: Annotated[int, typer.Option(min=2, help="Items in the gallery.")] = 16_540,
    batch: Annotated[int, typer.Option(min=1, help="Windows that a worker takes at once.")] = 32,
    json: Json = None,
) -> None:
    """Rows a second through one and two real workers over ZeroMQ, and by the decoder alone."""
    from benchmarks.workers import WorkersOptions, run_workers

    _reached(run_workers(WorkersOptions(seconds=seconds, gallery=gallery, batch=batch, json=json)))


@app.command()
def start(
    tries: Annotated[int, typer.Option(min=1, help="Starts with a warm file cache.")] = 5,
    cold: Annotated[int, typer.Option(min=0, help="Starts after the libraries were put out of the file cache.")] = 1,
    json: Json = None,
) -> None:
    """Time `eegseek run` from the command to the first answer, less what the signal itself takes."""
    from benchmarks.start import StartOptions, run_start

    _reached(run_start(StartOptions(tries=tries, cold=cold, json=json)))


@app.command()
def scale(
    quick: Annotated[bool, typer.Option("--quick", help="Two values of each size in place of five.")] = False,
    figure: Annotated[Path | None, typer.Option(help="Draw it into this file.")] = None,
    json: Json = None,
) -> None:
    """What each stage costs as channels, rates, pictures and galleries grow, and rigs that share workers, simulated."""
    from benchmarks.scale import ScaleOptions, run_scale

    run_scale(ScaleOptions(quick=quick, figure=figure, json=json))


@app.command()
def dashboard(
    seconds: Annotated[float, typer.Option(min=2, help="Of each of the five phases.")] = 20.0,
    channels: Annotated[int, typer.Option(min=4, help="Of the stream.")] = 63,
    rate: Annotated[float, typer.Option(min=250, help="Sampling rate, Hz.")] = 250.0,
    rsvp: Annotated[float, typer.Option(min=0.2, help="Pictures a second.")] = 5.0,
    encoder: Annotated[str, typer.Option(help="Name in the encoder registry.")] = "eegproject",
    gallery: Annotated[int, typer.Option(min=2, help="Items in the gallery.")] = 16_540,
    quick: Annotated[bool, typer.Option("--quick", help="4 s a phase: to see that all runs.")] = False,
    json: Json = None,
) -> None:
    """What the dashboard costs a live run, and how soon viewers (a real Chromium) see what happens."""
    from benchmarks.bundles import Sizes
    from benchmarks.dashboard import DashboardOptions, run_dashboard

    sizes = Sizes(channels=channels, rate_hz=rate, encoder=encoder, gallery=gallery)
    length = min(seconds, 4.0) if quick else seconds
    _reached(run_dashboard(DashboardOptions(seconds=length, sizes=sizes, rsvp_hz=rsvp, json=json)))


@app.command()
def fuzz(
    short: Annotated[bool, typer.Option("--short", help="A small part: to see that all runs.")] = False,
    only: Annotated[list[str], typer.Option(help="Name of a reader; may be repeated.")] = [],  # noqa: B006
    count: Annotated[int | None, typer.Option(min=1, help="Damaged files for each reader.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="At most so long for each reader.")] = None,
    atheris: Annotated[float, typer.Option(min=0, help="Seconds of fuzzing along branches, for each reader.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of all damage.")] = 0,
    json: Json = None,
) -> None:
    """Damage valid files and messages at random, a million and more: nothing but our own errors may come out."""
    from benchmarks.fuzz.run import FuzzOptions, run_fuzz

    _reached(
        run_fuzz(
            FuzzOptions(
                short=short, only=tuple(only), seed=seed, count=count, seconds=seconds, guided_s=atheris, json=json
            )
        )
    )


@app.command()
def faults(
    only: Annotated[list[str], typer.Option(help="Name of a row, such as killed-worker; may be repeated.")] = [],  # noqa: B006
    long: Annotated[bool, typer.Option("--long", help="The long form: hours in place of ten minutes.")] = False,
    json: Json = None,
) -> None:
    """Break things for real (processes, streams, disk, clocks) and see that nothing is lost; status 1 if a row fails.

    What is promised, and what the long form is: docs/reliability.md.
    """
    from benchmarks.faults.run import FaultsOptions, run_faults

    _reached(run_faults(FaultsOptions(only=tuple(only), short=not long, json=json)))


@app.command("all")
def all_(
    only: Annotated[list[str], typer.Option(help="Name of a benchmark; may be repeated.")] = [],  # noqa: B006
    quick: Annotated[
        bool, typer.Option("--quick", help="Small and short: to see that all run, not for figures.")
    ] = False,
    data: Annotated[Path | None, typer.Option(envvar="EEGSEEK_DATA", help="Folder of genuine recordings.")] = None,
    json: Json = None,
) -> None:
    """Run every benchmark, one after the other, into one file and one table of targets; status 1 if one is missed."""
    from benchmarks.all import AllOptions, run_all

    _reached(run_all(AllOptions(only=tuple(only), quick=quick, data=data, json=json)))


def _reached(found: dict[str, Any]) -> None:
    """Exit status 1 where a target was missed or a benchmark failed."""
    if not found.get("reached", all(one["reached"] for one in found["targets"])):
        raise typer.Exit(1)
