"""Scores a bundle by the protocols that are asked for, and gathers what a report shows."""

from __future__ import annotations

import tempfile
from pathlib import Path

from training.evaluation.evaluate_protocols import PROTOCOLS, check_given, check_protocol
from training.evaluation.evaluate_session import EvaluateRequest, Evaluation
from training.protocols.schema import Curve, Report, Row
from training.report.material import figures
from training.request import check_device
from training.trials.epochs import Progress, silent


def evaluate_report(request: EvaluateRequest, progress: Progress = silent) -> Report:
    """Rows, curves and figures of all protocols asked for.

    Parameters
    ----------
    request
        What to score, and how.
    progress
        Told what is being done.

    Raises
    ------
    BundleError
        Bundle, gallery and windows do not fit one another.
    RecordingError
        The data leak, or do not suffice for a protocol.
    SettingsError
        A protocol or device is unknown, or more is asked for than the data hold.
    """
    check_device(request.device)
    for name in request.protocols:
        check_protocol(name)
    with tempfile.TemporaryDirectory(prefix="eegseek-evaluate-") as work:
        return _report(Evaluation(request, Path(work), progress))


def _report(e: Evaluation) -> Report:
    check_given(e)
    rows: list[Row] = []
    curves: list[Curve] = []
    for name in dict.fromkeys(e.request.protocols):
        found = PROTOCOLS[name](e)
        rows += found[0]
        curves += found[1]
    plain = Report(
        title=f"{e.encoder.spec.architecture} on {', '.join(origin.name for origin in e.trials.origins[:3])}",
        about=e.about(),
        rows=tuple(rows),
        curves=tuple(curves),
        notes=tuple(dict.fromkeys(e.notes())),
    )
    return _drawn(plain, e) if e.request.with_figures else plain


def _drawn(plain: Report, e: Evaluation) -> Report:
    """With figures, and with rows on the representation."""
    from inference import novelty
    from training.report.complete import complete

    _ = e.checked  # nothing is drawn of what is refused
    seed, folder = e.request.options.seed, e.request.gallery
    drawn = figures(e.encoder.encode, e.trials, e.gallery, e.encoder.spec, seed=seed, progress=e.progress)
    with_figures = plain.model_copy(
        update={
            "curves": (*plain.curves, *drawn.curves),
            "confusion": drawn.confusion,
            "rdms": drawn.rdms,
            "embedding_map": drawn.embedding_map,
            "maps": drawn.maps,
            "reliability": drawn.reliability,
        }
    )
    known = novelty.load(e.request.bundle, e.encoder.spec)
    return complete(
        with_figures,
        e.encoder,
        e.trials,
        e.gallery,
        folder=folder,
        novelty=known,
        seed=seed,
        progress=e.progress,
    )
