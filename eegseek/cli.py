"""The command line. Thin: each command reads its options, calls one function, and turns our errors into a sentence."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from config.errors import EegseekError, PathError, told
from config.load import load_settings, preset_names
from config.private import keep_private
from config.settings import SessionSettings, Settings
from eegseek import (
    __version__,
    cli_bench,
    cli_classify,
    cli_compare,
    cli_crops,
    cli_dashboard,
    cli_dataset,
    cli_delay,
    cli_evaluate,
    cli_explain,
    cli_forget,
    cli_gallery,
    cli_keys,
    cli_present,
    cli_recover,
    cli_session,
    cli_training,
    cli_verify,
    dataset_files,
)
from wire import lifeline

app = typer.Typer(
    name="eegseek",
    help="Real-time search by brain signal: EEG in, retrieved pictures and words out.\n\n"
    "Start with [bold]eegseek demo[/bold] (a simulated participant), or [bold]eegseek doctor[/bold].",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cli_gallery.app, name="gallery")
app.add_typer(cli_bench.app, name="bench")
app.add_typer(cli_dataset.app, name="dataset")
app.add_typer(cli_keys.app, name="keys")
app.command("train")(cli_training.train)
app.command("evaluate")(cli_evaluate.evaluate)
app.command("classify")(cli_classify.classify)
app.command("compare")(cli_compare.compare)
app.command("present")(cli_present.present)
app.command("calibrate-delay")(cli_delay.calibrate_delay)
app.command("recover")(cli_recover.recover)
app.command("explain")(cli_explain.explain)
app.command("forget")(cli_forget.forget)
app.command("session", cls=cli_session.Session)(cli_session.session)
app.command("dashboard")(cli_dashboard.dashboard)
cli_dataset.app.command("crops")(cli_crops.crops)

Config = Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")]
Preset = Annotated[str | None, typer.Option("--preset", "-p", help=f"Start from one of: {', '.join(preset_names())}.")]
Set = Annotated[list[str], typer.Option("--set", help="Override a setting: section.key=value. May be repeated.")]
Headless = Annotated[bool, typer.Option("--headless", help="Draw nothing; write the report only.")]
Plain = Annotated[bool, typer.Option("--plain", help="Log lines in place of the live screen.")]
Lsl = Annotated[bool, typer.Option("--lsl", help="Send results to the LSL outlet eegseek-results too (JSON strings).")]
Dashboard = Annotated[bool, typer.Option("--dashboard", help="Also show it in the browser; the address is told.")]
Report = Annotated[Path | None, typer.Option("--report", "--json", help="Write the final numbers here, as JSON.")]
Encoder = Annotated[Path | None, typer.Option("--encoder", "-e", help="Folder of the encoder bundle.")]
Gallery = Annotated[Path | None, typer.Option("--gallery", "-g", help="Folder of the gallery bundle.")]
Truth = Annotated[Path | None, typer.Option("--truth", help="Session file: marker labels to gallery ids.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eegseek {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold options that stand before a command; what commands make of EEG is readable by this user alone."""
    # a download that was asked for tells the hub no more than it must
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if context.invoked_subcommand != "gallery":  # of pictures and words: people share these
        keep_private()


@app.command()
def demo(
    headless: Headless = False,
    seconds: Annotated[float, typer.Option(min=10, help="Length of the live part, s.")] = 120.0,
    json: Annotated[Path | None, typer.Option("--json", help="Write the final numbers here.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same numbers.")] = 0,
    folder: Annotated[Path | None, typer.Option(help="Keep pictures, bundles and the journal here.")] = None,
    dashboard: Dashboard = False,
) -> None:
    """Show the whole system with a simulated participant who looks at pictures drawn by the program.

    Draws pictures, trains a decoder on the simulated participant's answers to other pictures (under a minute), then
    streams them looking at 50 unseen ones over LSL, through acquisition, inference and display.
    """
    from eegseek.demo.run import run_demo

    run_demo(seconds=seconds, headless=headless, json_path=json, seed=seed, folder=folder, dashboard=dashboard)


@app.command()
def run(
    config: Config = None,
    preset: Preset = None,
    set_: Set = [],  # noqa: B006
    encoder: Encoder = None,
    gallery: Gallery = None,
    truth: Truth = None,
    headless: Headless = False,
    plain: Plain = False,
    lsl: Lsl = False,
    report: Report = None,
    dashboard: Dashboard = False,
) -> None:
    """Run a live session: acquisition, inference and display, watched and restarted, until Ctrl-C.

    For example: [bold]eegseek run --preset muse-lsl --encoder bundles/me --gallery galleries/two[/bold]
    """
    from eegseek.supervise import supervise

    extra = _given(encoder=encoder, gallery=gallery, truth=truth, report=report, plain=plain, lsl=lsl)
    settings = _checked(_dated(load_settings(_text(config), preset, [*set_, *extra])))
    supervise(settings, headless=headless, extra=cli_dashboard.beside(settings) if dashboard else ())


@app.command()
def replay(
    recording: Annotated[
        str,
        typer.Argument(
            help="A recording, the journal (.esj) of a former session, or a dataset such as things-eeg2; with --verify "
            "a session's folder."
        ),
    ],
    encoder: Encoder = None,
    gallery: Gallery = None,
    speed: Annotated[
        float | None, typer.Option(min=0, help="Times real time; 0 as fast as it goes. Recordings: 1, journals: 0.")
    ] = None,
    config: Config = None,
    set_: Set = [],  # noqa: B006
    truth: Truth = None,
    headless: Headless = False,
    plain: Plain = False,
    lsl: Lsl = False,
    report: Report = None,
    root: cli_dataset.OneRoot = None,
    subject: cli_dataset.OneSubject = "",
    session: cli_dataset.OneSession = "",
    part: cli_dataset.OnePart = "",
    metadata: cli_dataset.Metadata = None,
    copies: cli_dataset.Copies = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Recompute a recorded session and compare it with what was stored.")
    ] = False,
    segment: Annotated[int | None, typer.Option(min=0, help="With --verify: this segment only.")] = None,
    dashboard: Dashboard = False,
) -> None:
    """Play a recording straight into the pipeline, as if it were live; nothing is dropped, whatever the speed.

    A dataset's recording is converted on first use; where the gallery is of its pictures, the truth is known:
    [bold]eegseek replay things-eeg2 --root THINGS-EEG2 --subject 8 --session 1 --part test -e me -g pictures[/bold]

    [bold]eegseek replay sessions/mine --verify[/bold] plays nothing: it computes the session again and says whether
    windows and answers are the same, to the last bit where machine and versions are.
    """
    cli_verify.refuse_without(verify, segment)
    if verify:
        cli_verify.verify(recording, segment=segment, encoder=encoder, gallery=gallery, report=report)
        return
    from eegseek.supervise import supervise

    file = dataset_files.recording_of(recording, root, subject, session, part, metadata, copies)
    truth = truth or dataset_files.truth_beside(file, gallery)
    extra = _given(encoder=encoder, gallery=gallery, truth=truth, report=report, plain=plain, lsl=lsl)
    pace = float(not file.endswith(".esj")) if speed is None else speed
    source = ["source.kind=recording", f"source.file={_toml(file)}", f"source.speed={pace:g}"]
    settings = load_settings(_text(config), None, [*source, "dispatch.policy=block", *set_, *extra])
    settings = _checked(_dated(settings))
    lifeline.watch()  # where a dashboard began it, it ends with the dashboard
    supervise(settings, headless=headless, extra=cli_dashboard.beside(settings) if dashboard else ())


@app.command()
def stream(
    file: Annotated[
        str, typer.Argument(help="A recording, 'participant' (simulated), or a dataset such as things-eeg2.")
    ],
    name: Annotated[str, typer.Option(help="Name of the EEG stream; markers go out as NAME-markers.")] = "eegseek",
    source_id: Annotated[str, typer.Option(help="LSL source_id; empty: made from the name.")] = "",
    set_: Set = [],  # noqa: B006
    chunk: Annotated[int | None, typer.Option(min=1, help="Samples pushed at once.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until somebody listens before the first sample.")] = True,
    lan: Annotated[bool, typer.Option(help="Let the local network see the streams (unencrypted).")] = False,
    root: cli_dataset.OneRoot = None,
    subject: cli_dataset.OneSubject = "",
    session: cli_dataset.OneSession = "",
    part: cli_dataset.OnePart = "",
    metadata: cli_dataset.Metadata = None,
    copies: cli_dataset.Copies = None,
) -> None:
    """Play a recording, or a simulated participant, through real LSL outlets at real time, as a headset would.

    A dataset's recording is converted on first use, and its markers are the ids of its pictures:
    [bold]eegseek stream things-eeg2 --root /data/THINGS-EEG2 --subject 8 --session 1 --part test[/bold]
    """
    from acquisition.outlet import stream_settings

    file = dataset_files.recording_of(file, root, subject, session, part, metadata, copies)
    kind = (
        ["source.kind=participant"]
        if file == "participant"
        else ["source.kind=recording", f"source.file={_toml(file)}"]
    )
    settings = load_settings(overrides=[*kind, *set_])
    stream_settings(settings.source, name=name, source_id=source_id or name, chunk=chunk, wait=wait, lan=lan)


@app.command()
def doctor() -> None:
    """Check this machine (LSL, discovery, boards, GPU, clocks, disk) and name the mend for what is wrong."""
    from eegseek.doctor import diagnose, show

    if not show(diagnose()):
        raise typer.Exit(1)


def main() -> None:
    """Entry point: our own errors become one sentence with its code, and exit code 1."""
    try:
        app()
    except EegseekError as error:
        sys.stderr.write(f"eegseek: {told(error)}\n")
        sys.exit(1)
    except OSError as error:  # what no command foresaw: a full disk, a folder that may not be written
        where = f"'{error.filename}': " if error.filename else ""
        unforeseen = PathError(f"{where}{error.strerror or error}; check the path, the disk and its permissions")
        sys.stderr.write(f"eegseek: {told(unforeseen)}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("eegseek: stopped\n")
        sys.exit(130)


def _checked(settings: Settings) -> Settings:
    """Refuse bundles that are missing, changed, or do not fit each other, before any process starts."""
    encoder, gallery = settings.inference.encoder, settings.inference.gallery
    if encoder and gallery and not (settings.session.calibrate and not Path(encoder).exists()):
        from config.bundles import read_encoder_spec, read_gallery_spec
        from inference.gallery import check_fit

        check_fit(read_encoder_spec(Path(encoder)), read_gallery_spec(Path(gallery)))
    return settings


def _dated(settings: Settings) -> Settings:
    """A session without a name of its own gets the date and time, so that it does not go on with an older one."""
    if settings.session.name != SessionSettings().name:
        return settings
    name = f"session-{datetime.now():%Y%m%d-%H%M%S}"
    return settings.model_copy(update={"session": settings.session.model_copy(update={"name": name})})


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _toml(path: Path | str) -> str:
    return "'" + str(path) + "'" if "'" not in str(path) else str(path)


def _given(
    *, encoder: Path | None, gallery: Path | None, truth: Path | None, report: Path | None, plain: bool, lsl: bool
) -> list[str]:
    """Options that stand for settings, as overrides."""
    pairs = {
        "inference.encoder": encoder,
        "inference.gallery": gallery,
        "session.truth": truth,
        "display.report": report,
    }
    overrides = [f"{key}={_toml(value)}" for key, value in pairs.items() if value is not None]
    return [*overrides, *["display.plain=true"] * plain, *["display.lsl=true"] * lsl]
