"""The demo, from nothing to numbers: draw, teach, control, stream live over LSL, and report."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from acquisition import journal
from acquisition.journal_format import PacketRecord
from config.bundles import EncoderSpec
from config.errors import ProcessError
from config.load import load_settings
from config.settings import Settings
from eegseek.children import Child
from eegseek.cli_dashboard import beside
from eegseek.demo import controls
from eegseek.demo.materials import GALLERY, OTHERS, SHOWN, Materials, prepare, write_json
from eegseek.demo.phases import bars
from eegseek.demo.summary import table
from eegseek.demo.teach import REPEATS, RSVP_HZ, SNR_DB, session, teach
from eegseek.supervise import supervise
from inference.gallery import Gallery
from wire.packets import Result

CHUNK_S = 0.016
HONESTY = (
    "The participant is SIMULATED: no person and no headset are involved.",
    "It responds to other features of a picture than the gallery is built from, and to a part no feature explains.",
    f"Every search covers all {GALLERY} pictures of the gallery: chance is {1 / GALLERY:g}.",
)


def run_demo(
    *,
    seconds: float,
    headless: bool,
    json_path: Path | None = None,
    seed: int = 0,
    folder: Path | None = None,
    dashboard: bool = False,
) -> dict[str, Any]:
    """Run the whole demo and print its numbers.

    Parameters
    ----------
    seconds
        Length of the live part: as many whole rounds of the pictures as fit, at least one.
    headless
        Draw no live screen.
    json_path
        Write the numbers here too.
    seed
        Of everything: pictures, participant, training, session.
    folder
        Keep pictures, bundles and the journal here; None: nowhere.
    dashboard
        Also show the live part in the browser.

    Raises
    ------
    EegseekError
        A process failed, or the numbers cannot be written.
    """
    console = Console(stderr=True)
    repeats = max(1, int(seconds * RSVP_HZ // SHOWN))
    for line in HONESTY:
        console.print(line)
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eegseek-demo-")))
        place.mkdir(parents=True, exist_ok=True)
        sockets = stack.enter_context(tempfile.TemporaryDirectory(prefix="eegseek-"))
        with bars(console) as told:
            materials = prepare(place, seed, told)
            spec = teach(materials, seed, told)
            silence = controls.no_signal(materials, repeats, seed, told)
        for line in _about_pictures(materials):
            console.print(line)
        shown_s = repeats * SHOWN / RSVP_HZ
        console.print(f"Live: {SHOWN} pictures of the gallery, none seen before, {repeats} times each, {shown_s:.0f} s")
        live = _live(materials, repeats, seed, headless, Path(sockets) / "run", dashboard=dashboard)
        numbers = _numbers(live, materials, spec, silence, seed)
    if json_path is not None:
        write_json(json_path, numbers)
    console.print(table(numbers))
    return numbers


def _live(
    materials: Materials, repeats: int, seed: int, headless: bool, sockets: Path, *, dashboard: bool
) -> dict[str, Any]:
    """Stream the session over LSL through all processes; the display's report, with the last answers."""
    folder = materials.folder
    name = f"eegseek-demo-{os.getpid()}"
    source = session(materials.responses("shown"), SHOWN, repeats, seed, "live", speed=1.0, chunk_s=CHUNK_S)
    player = folder / "participant.json"
    player.write_text(source.model_dump_json(indent=1))
    outlet = ["--source", str(player), "--name", name, "--source-id", name, "--marker-name", f"{name}-markers"]
    settings = _settings(materials, name, sockets)
    supervise(
        settings,
        headless=headless,
        extra=[
            *(beside(settings) if dashboard else ()),
            Child("participant", "source", [sys.executable, "-m", "acquisition.outlet", *outlet]),
        ],
    )
    report: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    return {**report, "last": _last_answers(folder / "sessions" / settings.session.name)}


def _settings(materials: Materials, name: str, sockets: Path) -> Settings:
    folder = materials.folder
    table: dict[str, dict[str, str]] = {
        "session": {"name": name, "folder": str(folder / "sessions"), "truth": str(materials.truth)},
        "source": {"name": name, "marker_name": f"{name}-markers"},
        "inference": {"encoder": str(folder / "encoder"), "gallery": str(materials.gallery_bundle), "device": "cpu"},
        "display": {"report": str(folder / "report.json")},
        "run": {"folder": str(sockets)},
    }
    file = folder / "demo.json"
    write_json(file, table)
    return load_settings(str(file), "demo")


def _last_answers(session_folder: Path) -> dict[str, str]:
    """Best item of each stimulus's last averaged answer, from the journal."""
    best: dict[str, str] = {}
    for record in journal.read(journal.path(session_folder, 0)):
        if isinstance(record, PacketRecord) and isinstance(packet := record.packet, Result):
            best[packet.stimulus] = packet.answers[-1].hits[0].id
    if not best:
        raise ProcessError("the live part gave no answer at all; see the logs of the session with --folder DIR")
    return best


def _numbers(
    live: dict[str, Any], materials: Materials, spec: EncoderSpec, silence: dict[str, Any], seed: int
) -> dict[str, Any]:
    gallery = Gallery.load(materials.gallery_bundle)
    last = live.pop("last")
    answers = controls.of_results(list(last), list(last.values()), gallery)
    shuffled = controls.shuffled_gallery(answers, len(gallery), seed)
    accuracy = {**live["accuracy"], "snr_db": SNR_DB}
    return {
        "simulated": True,
        "seed": seed,
        "windows": live["windows"],
        "latency_ms": live["latency_ms"],
        "stages_ms": live["stages_ms"],
        "accuracy": accuracy,
        "controls": {"no_signal": silence, "shuffled_gallery": shuffled},
        "honest": _honest(accuracy, silence, shuffled),
        "rejected_by": live["rejected_by"],
        "training": {"pictures": OTHERS, "repeats": REPEATS, "scores": spec.scores},
        "notes": [*HONESTY, *_about_pictures(materials)],
    }


def _honest(accuracy: dict[str, Any], silence: dict[str, Any], shuffled: dict[str, Any]) -> dict[str, bool]:
    """What must hold for the demo to mean something."""
    chance, interval = accuracy["chance_top1"], accuracy["interval"]
    highest = max(silence["interval"][1], shuffled["interval"][1])
    return {
        "single_trial_below_6_times_chance": accuracy["single"]["top1"] < 6 * chance,
        "last_repeat_at_least_10_times_chance": accuracy["top1"] >= 10 * chance,
        "interval_clear_of_both_controls": interval is not None and interval[0] > highest,
        "controls_within_chance": silence["within_chance"] and shuffled["within_chance"],
    }


def _about_pictures(materials: Materials) -> list[str]:
    if materials.new_combinations:
        return ["The gallery's pictures are new combinations of attributes that the training pictures have too."]
    return ["Some attributes of the gallery's pictures are in no training picture."]
