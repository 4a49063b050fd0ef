"""``eegseek dataset epochs`` as a plain function: a dataset's recordings into epochs folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from acquisition.plan import Plan
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import RecordingError
from config.load import load_settings
from config.settings import MarkerSettings
from training.datasets import things2_preprocessed
from training.datasets.blocks import write_blocks
from training.datasets.catalogue import convert_piece, find
from training.datasets.pieces import Piece, Stimuli, select
from training.datasets.to_epochs import Cutting, cut_to_folder
from training.trials.epoch_files import EpochsSpec
from training.trials.epochs import Progress, silent


def dataset_epochs(
    root: Path,
    out: Path,
    *,
    name: str = "",
    subjects: Sequence[str] = (),
    sessions: Sequence[str] = (),
    parts: Sequence[str] = (),
    channels: Sequence[str] = (),
    average: bool = False,
    preprocessed: bool = False,
    config: str | None = None,
    preset: str | None = "things-eeg2",
    overrides: Sequence[str] = (),
    metadata: Path | None = None,
    copies: Path | None = None,
    progress: Progress = silent,
) -> list[tuple[Path, EpochsSpec]]:
    """Write an epochs folder for each subject and part, all its sessions in it.

    Parameters
    ----------
    root
        Folder of the dataset.
    out
        Folder that the epochs folders are made in, such as ``sub-08_training``.
    name
        The dataset; empty: the first that has files there.
    subjects, sessions, parts
        Which; empty: all. Where a recording holds both parts, each still gets a folder of its own.
    channels
        Names or patterns; empty: those of the settings, or all of preprocessed files.
    average
        Mean over repeats in place of single trials.
    preprocessed
        Take the published preprocessed files in place of cutting recordings.
    config, preset, overrides
        Chain, window and rejection. Every marker of a dataset is a stimulus, whatever ``[markers]`` says.
    metadata, copies
        See `catalogue.playable`.
    progress
        Told what is done.

    Returns
    -------
    Folders, and what is in them.

    Raises
    ------
    EegseekError
        One sentence about what is wrong.
    """
    if preprocessed:
        return _preprocessed(root, out, subjects, sessions, parts, channels, average, metadata, progress)
    own_set, pieces = find(root, name)
    inner = own_set.inner(pieces[0])
    chosen = select(pieces, subjects, sessions, [part for part in parts if part not in inner])
    kept = {part: only for part, only in inner.items() if part in parts} or inner
    settings = load_settings(config, preset, overrides)
    plan = Plan(
        settings.chain or ChainSettings(),
        settings.window or WindowSettings(),
        settings.rejection or RejectionSettings(),
        MarkerSettings(delay_s=settings.markers.delay_s),
    )

    def targets(outer: str) -> list[tuple[str, Stimuli | None]]:
        return list(kept.items()) if kept else [(outer, None)]

    written = []
    for (subject, outer), own in _grouped(chosen).items():
        paths = tuple(convert_piece(p, root, metadata=metadata, copies=copies, progress=progress) for p in own)
        for part, only in targets(outer):
            folder = out / "_".join(word for word in (f"sub-{subject}", part) if word)
            title = f"sub-{subject} {part}".strip()
            wanted = Cutting(paths, plan, folder, title, subject, tuple(channels), average, only)
            written.append((folder, cut_to_folder(wanted, progress)))
    return written


def _grouped(pieces: Sequence[Piece]) -> dict[tuple[str, str], list[Piece]]:
    """By subject and part, sessions in order; blocks of a session count as sessions."""
    groups: dict[tuple[str, str], list[Piece]] = {}
    for piece in sorted(pieces):
        part = piece.part if piece.part in ("training", "test") else ""
        groups.setdefault((piece.subject, part), []).append(piece)
    return groups


def _preprocessed(
    root: Path,
    out: Path,
    subjects: Sequence[str],
    sessions: Sequence[str],
    parts: Sequence[str],
    channels: Sequence[str],
    average: bool,
    metadata: Path | None,
    progress: Progress,
) -> list[tuple[Path, EpochsSpec]]:
    if sessions:
        raise RecordingError("preprocessed files hold all sessions together; leave --session out")
    pieces = things2_preprocessed.find(root)
    if not pieces:
        raise RecordingError(
            f"'{root}' holds no preprocessed file (sub-08/preprocessed_eeg_test.npy, or test.pt of the UBP layout)"
        )
    chosen = select(pieces, subjects, (), parts)
    twice = {(p.subject, p.part) for p in chosen if sum((q.subject, q.part) == (p.subject, p.part) for q in chosen) > 1}
    if twice:
        where = ", ".join(sorted({str(piece.path.parent.parent) for piece in chosen}))
        raise RecordingError(f"'{root}' holds several preprocessed forms ({where}); name one of these folders")
    written = []
    for piece in chosen:
        blocks = things2_preprocessed.open_blocks(piece, root, metadata)
        folder = out / piece.slug
        spec = write_blocks(blocks, folder, channels=channels, average=average, progress=progress)
        written.append((folder, spec))
    return written
