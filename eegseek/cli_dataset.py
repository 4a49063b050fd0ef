"""``eegseek dataset``: look at a dataset, convert it, cut it into epochs, or generate a small one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from config.load import preset_names
from training.progress import bar

if TYPE_CHECKING:
    from training.datasets.info import Line

app = typer.Typer(
    help="Read THINGS-EEG1, THINGS-EEG2 and Alljoined-1.6M as they are published, or generate small ones like them.",
    no_args_is_help=True,
)
COLUMNS = ("size", "ch.", "Hz", "length", "stimuli", "live", "copy")
Known = Literal["things-eeg2", "things-eeg1", "alljoined"]
Root = Annotated[Path, typer.Argument(help="Folder of the dataset, with its sub-… folders.")]
Name = Annotated[str, typer.Option("--dataset", help="things-eeg2, things-eeg1 or alljoined; else what is there.")]
Subject = Annotated[list[str], typer.Option("--subject", help="Only this subject, such as 8. May be repeated.")]
Session = Annotated[list[str], typer.Option("--session", help="Only this session. May be repeated.")]
Part = Annotated[list[str], typer.Option("--part", help="Only this part: training or test. May be repeated.")]
Metadata = Annotated[
    Path | None, typer.Option(help="THINGS-EEG2's image_metadata.npy, where it is not in or beside the folder.")
]
Copies = Annotated[Path | None, typer.Option(help="Where converted copies are kept; else ROOT/converted.")]
OneRoot = Annotated[Path | None, typer.Option("--root", help="Folder of a dataset that is named in place of a file.")]
OneSubject = Annotated[str, typer.Option("--subject", help="With --root: the subject, such as 8.")]
OneSession = Annotated[str, typer.Option("--session", help="With --root: the session, such as 1.")]
OnePart = Annotated[str, typer.Option("--part", help="With --root: training, test, or a block.")]


@app.command("info")
def show_info(
    path: Annotated[Path, typer.Argument(help="A dataset's folder, one of its files, or what was made of it.")],
    metadata: Metadata = None,
    copies: Copies = None,
) -> None:
    """Say what is there: subjects, sessions, channels, rate, stimuli, repeats, what is missing, and the disk it takes.

    For example: [bold]eegseek dataset info /data/THINGS-EEG2[/bold]
    """
    from training.datasets.info import info

    with bar() as told:
        found = info(path, metadata=metadata, copies=copies, progress=told)
    console = Console()
    for form in dict.fromkeys(line.dataset for line in found.lines):
        console.print(_table(form, [line for line in found.lines if line.dataset == form]))
    for text in dict.fromkeys(f"{line.name}: {line.problem}" for line in found.lines if line.problem):
        console.print(f"[red]{text}[/red]", highlight=False)
    for text in dict.fromkeys(note for line in found.lines for note in line.notes):
        console.print(f"[dim]{text}[/dim]", highlight=False)
    for text in found.missing:
        console.print(f"[yellow]missing:[/yellow] {text}", highlight=False)
    wanted = sum(int(line.copy) for line in found.lines if line.copy.isdigit())
    if wanted:
        console.print(f"converted copies of all that has none would take {_size(wanted)} (eegseek dataset convert)")


@app.command()
def convert(
    root: Root,
    dataset: Name = "",
    subject: Subject = [],  # noqa: B006
    session: Session = [],  # noqa: B006
    part: Part = [],  # noqa: B006
    metadata: Metadata = None,
    copies: Copies = None,
) -> None:
    """Make copies that any part of can be read at once; each recording once, in slices, in little memory.

    For example: [bold]eegseek dataset convert /data/THINGS-EEG2 --subject 8 --part test[/bold]
    """
    from training.datasets.catalogue import convert_piece, find
    from training.datasets.pieces import select

    _, pieces = find(root, dataset)
    with bar() as told:
        chosen = select(pieces, subject, session, part)
        made = [convert_piece(piece, root, metadata=metadata, copies=copies, progress=told) for piece in chosen]
    for path in made:
        typer.echo(str(path))


@app.command()
def epochs(
    root: Root,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder that the epochs folders are made in.")],
    dataset: Name = "",
    subject: Subject = [],  # noqa: B006
    session: Session = [],  # noqa: B006
    part: Part = [],  # noqa: B006
    channels: Annotated[
        list[str], typer.Option("--channels", help="A name, or a pattern such as '^O|^P'. May be repeated.")
    ] = [],  # noqa: B006
    average: Annotated[bool, typer.Option("--average", help="Mean over repeats in place of single trials.")] = False,
    preprocessed: Annotated[
        bool, typer.Option("--preprocessed", help="Take the published preprocessed files; nothing live may use them.")
    ] = False,
    images: Annotated[
        Path | None, typer.Option(help="Pictures of the gallery: also write truth.json from markers to their ids.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")] = None,
    preset: Annotated[
        str, typer.Option("--preset", "-p", help=f"Chain, window and rejection of one of: {', '.join(preset_names())}.")
    ] = "things-eeg2",
    set_: Annotated[list[str], typer.Option("--set", help="Override a setting: section.key=value.")] = [],  # noqa: B006
    metadata: Metadata = None,
    copies: Copies = None,
) -> None:
    """Cut recordings into epochs by the very chain that runs live, or take the published preprocessed ones.

    One folder for each subject and part; `eegseek train` and `eegseek evaluate` take these folders as recordings.
    For example: [bold]eegseek dataset epochs /data/THINGS-EEG2 --subject 8 --out epochs[/bold]
    """
    from inference.inputs import find_pictures
    from training.datasets.epochs_command import dataset_epochs
    from training.datasets.truth import truth_of, write_truth

    if images is not None:
        find_pictures(images)  # before the hours of cutting
    with bar() as told:
        made = dataset_epochs(
            root,
            out,
            name=dataset,
            subjects=subject,
            sessions=session,
            parts=part,
            channels=channels,
            average=average,
            preprocessed=preprocessed,
            config=None if config is None else str(config),
            preset=preset,
            overrides=set_,
            metadata=metadata,
            copies=copies,
            progress=told,
        )
    for folder, spec in made:
        refused = sum(spec.refused.values())
        lost = f", {refused} refused, {spec.missed} missed" if refused or spec.missed else ""
        shape = f"{len(spec.channels)} channels x {spec.window.n_times}"
        typer.echo(f"{folder}: {len(spec.labels)} windows of {shape}{lost}")
    for note in dict.fromkeys(note for _, spec in made for note in spec.notes if not spec.causal):
        typer.echo(f"note: {note}")
    if images is not None:
        labels = [label for _, spec in made for label in spec.labels]
        write_truth(out / "truth.json", truth_of(labels, images))
        typer.echo(f"{out / 'truth.json'}: marker labels to ids of the pictures")


@app.command()
def generate(
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    dataset: Annotated[Known, typer.Option("--dataset", help="Which form.")] = "things-eeg2",
    concepts: Annotated[int, typer.Option(min=2, help="Training concepts (1654 in THINGS-EEG2).")] = 40,
    images: Annotated[int, typer.Option(min=1, help="Pictures of each (10).")] = 4,
    test_concepts: Annotated[int, typer.Option(min=1, help="Test concepts, of one picture each (200).")] = 20,
    subjects: Annotated[int, typer.Option(min=1, help="Subjects (10).")] = 1,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions (4), each of half the training pictures.")] = 2,
    repeats: Annotated[int, typer.Option(min=1, help="Of a training picture in a session (2).")] = 2,
    test_repeats: Annotated[int, typer.Option(min=1, help="Of a test picture in a session (20).")] = 10,
    snr_db: Annotated[float, typer.Option(help="Power of the evoked response over the background's, dB.")] = -8.0,
    preprocessed: Annotated[
        list[str], typer.Option(help="Also THINGS-EEG2's preprocessed forms: authors, 250hz, ubp.")
    ] = [],  # noqa: B006
    events: Annotated[Path | None, typer.Option(help="THINGS-EEG1: a genuine events.tsv to follow.")] = None,
    most_events: Annotated[int, typer.Option(min=2, help="Rows of it.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same files.")] = 0,
) -> None:
    """Generate a small dataset in exactly the form of a genuine one: drawn pictures, and a simulated participant.

    For example: [bold]eegseek dataset generate things-small --concepts 60 --preprocessed authors[/bold]
    """
    from training.datasets.generate_command import generate_dataset

    with bar() as told:
        generate_dataset(
            dataset,
            out,
            {
                "concepts": concepts,
                "images": images,
                "test_concepts": test_concepts,
                "subjects": subjects,
                "sessions": sessions,
                "repeats": repeats,
                "test_repeats": test_repeats,
                "snr_db": snr_db,
                "most_events": most_events,
            },
            forms=preprocessed,
            events=events,
            seed=seed,
            progress=told,
        )
    typer.echo(f"{out}: a simulated dataset in the form of {dataset}; look at it with eegseek dataset info {out}")


def _table(form: str, lines: Sequence[Line]) -> Table:
    """Recordings of one form, whole at 80 columns."""
    table = Table(
        Column("recording", no_wrap=True),
        *(Column(name, no_wrap=True, justify="right") for name in COLUMNS),
        title=f"{form} (stimuli x times each)",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
    )
    for line in lines:
        table.add_row(line.name, *_cells(line))
    return table


def _cells(line: Line) -> Sequence[str]:
    if line.problem:
        return _size(line.bytes), *["-"] * 6
    length = f"{line.seconds:.2f} s" if line.seconds < 10 else f"{line.seconds / 60:.1f} min"
    copy = _size(int(line.copy)) if line.copy.isdigit() else line.copy
    return (
        _size(line.bytes),
        str(line.channels),
        f"{line.rate_hz:g}",
        length,
        f"{line.conditions} x {line.repeats}",
        "yes" if line.causal else "no",
        copy or "-",
    )


def _size(n: int) -> str:
    return f"{n / 1e9:.2f} GB" if n >= 1e9 else f"{n / 1e6:.1f} MB"
