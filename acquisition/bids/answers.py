"""What became of each stimulus, as rows of a table: answers, rejections, failures."""

from __future__ import annotations

from collections.abc import Iterator

from wire.packets import Failure, Packet, Rejected, Result

COLUMNS = (
    "onset", "outcome", "stimulus", "sequence", "part", "final", "version", "repeats", "rank1_id", "rank1_label",
    "modality", "cosine", "probability", "withheld", "decided", "commit", "end_s", "onset_s", "committed_s", "worker",
    "encoder", "gallery", "reason",
)  # fmt: skip
DESCRIPTIONS = {
    "onset": "Onset of the stimulus, seconds on the recording's time axis",
    "outcome": "answered, rejected (no window was sent) or failed (no answer came)",
    "version": "single: of this trial; average: of all accepted repeats so far",
    "repeats": "Trials behind the answer",
    "rank1_id": "The best item of the gallery; likewise rank1_label, modality, cosine, probability",
    "withheld": "The answer was not shown, because its probability was too low",
    "decided": "A provisional answer (final false) that the stop rule committed to",
    "onset_s": "Onset on acquisition's clock, seconds",
    "committed_s": "When the answer was committed, acquisition's clock, seconds",
}
_VERSIONS = ("single", "average")


def rows(packet: Packet) -> Iterator[dict[str, object]]:
    """Rows of a packet, without their onset: one a version of a result."""
    match packet:
        case Result():
            for k, answer in enumerate(packet.answers):
                best = answer.hits[0] if answer.hits else None
                yield {
                    "outcome": "answered",
                    "stimulus": packet.stimulus,
                    "sequence": packet.sequence,
                    "part": packet.part,
                    "final": packet.final,
                    "version": _VERSIONS[k] if k < len(_VERSIONS) else k,
                    "repeats": answer.repeats,
                    "rank1_id": best and best.id,
                    "rank1_label": best and best.label,
                    "modality": best and best.modality,
                    "cosine": best and best.cosine,
                    "probability": best and best.probability,
                    "withheld": answer.withheld,
                    "decided": answer.decided,
                    "commit": packet.commit,
                    "end_s": packet.end_s,
                    "onset_s": packet.onset_s,
                    "committed_s": packet.stamps.committed,
                    "worker": packet.worker,
                    "encoder": packet.encoder,
                    "gallery": packet.gallery,
                }
        case Rejected():
            yield {
                "outcome": "rejected",
                "stimulus": packet.stimulus,
                "sequence": packet.sequence,
                "part": packet.part,
                "onset_s": packet.onset_s,
                "reason": "; ".join(packet.reasons),
            }
        case Failure():
            yield {
                "outcome": "failed",
                "sequence": packet.sequence,
                "part": packet.part,
                "worker": packet.worker,
                "reason": packet.reason,
            }


def line(cells: dict[str, object], columns: tuple[str, ...]) -> str:
    """A line of a TSV file: ``n/a`` where there is nothing, numbers to their last digit."""
    return "\t".join(_cell(cells.get(name)) for name in columns) + "\n"


def _cell(value: object) -> str:
    if value is None or value != value:
        return "n/a"
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(str(value).split()) or "n/a"
