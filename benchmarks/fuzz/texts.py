"""Settings, descriptions, tables and logs: whatever is written as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from pydantic import ValidationError

from benchmarks.fuzz.mutate import PLAIN
from benchmarks.fuzz.shaped import json_value
from benchmarks.fuzz.target import Read
from config import bundles, presets
from config.bundles import GallerySpec, Item
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.gallery_log import GALLERY_EDITS, Edit, line_of, read_log, size
from config.index_spec import IndexSpec
from config.load import load_settings, preset_names

CHANNELS = ("TP9", "AF7", "AF8")
N, DIM = 6, 4
FIXED = "a" * 64
WINDOW = WindowSettings(end_s=0.4, rate_hz=250.0)


def in_file(name: str, read: Callable[[Path], Any], folder: Path) -> Read:
    """A reader of files as one of bytes."""
    file = folder / name

    def take(data: bytes) -> None:
        file.write_bytes(data)
        read(file)

    return take


def settings_toml(folder: Path) -> list[bytes]:
    """Every preset, and a file with a value of every type."""
    here = resources.files(presets)
    small = b'[source]\nkind = "lsl"\nname = "Muse"\n[window]\nend_s = 0.6\n[chain]\nnotch_hz = [50.0]\n'
    return [small, *((here / f"{name}.toml").read_bytes() for name in preset_names())]


def settings_json(folder: Path) -> list[bytes]:
    """Settings as a supervisor hands them to its children."""
    return [load_settings(preset=name).model_dump_json().encode() for name in (None, *preset_names())]


def open_settings(folder: Path, suffix: str) -> Read:
    """Read a settings file."""
    return in_file(f"run.{suffix}", lambda file: load_settings(str(file)), folder)


def overrides(folder: Path) -> list[bytes]:
    """What stands behind ``--set``."""
    return [b"source.name=Muse", b"window.end_s=0.6", b"chain.channels=['a', 'b']", b'chain.notch_hz=[50.0, 1e2]',
            b"source.kind=recording", b"markers.stimulus=s.*"]  # fmt: skip


def take_override(data: bytes) -> None:
    """Take an override of a setting."""
    load_settings(None, None, [data.decode("utf-8", "replace")])


def encoder_json(folder: Path) -> list[bytes]:
    """The description of an encoder with everything in it."""
    fields: dict[str, Any] = {
        "architecture": "eegproject", "channels": CHANNELS, "window": WINDOW, "chain": ChainSettings(channels=CHANNELS),
        "space": "s", "dim": DIM, "weights_sha256": FIXED, "parameters": {"depth": 2}, "training": {"seed": 0},
        "normalisation": {"mean_uv": (0.0,) * 3, "scale_uv": (1.0,) * 3, "whitening": ((1.0, 0.0, 0.0),) * 3},
        "adapter": {"space": "t", "dim": 8, "weights_sha256": FIXED},
        "calibration": ({"repeats": 1, "temperature": 0.1, "log_loss": 1.0, "calibration_error": 0.1, "n_stimuli": 5,
                         "gallery_size": 9},),
        "relevance": ({"repeats": 1, "weights": (1.0, 1.0, 1.0, 1.0), "intercept": 0.1, "log_loss": 1.0,
                       "calibration_error": 0.1, "n_answers": 3, "gallery_sizes": (5,)},),
        "novelty": {"neighbours": 3, "components": 2, "n_bank": 9, "n_held_out": 5, "arrays_sha256": FIXED},
    }  # fmt: skip
    return [bundles.canonical(bundles.EncoderSpec(**fields))]


def gallery_spec() -> GallerySpec:
    """Description of the gallery that everything about galleries is fuzzed with."""
    sets = ({"name": "layers", "variants": ("a", "b"), "dim": 3},)
    fields: dict[str, Any] = {"space": "s", "dim": DIM, "model": "m", "n_items": N, "items_sha256": FIXED,
                              "vectors_sha256": FIXED, "features": sets, "features_sha256": FIXED}  # fmt: skip
    return GallerySpec(**fields)


def gallery_json(folder: Path) -> list[bytes]:
    """``gallery.json``."""
    return [bundles.canonical(gallery_spec())]


def open_json(folder: Path, model: type[Any]) -> Read:
    """Read a description into its model."""
    return in_file("a.json", lambda file: bundles.parse(model, bundles.read_json(file, "file"), file, "file"), folder)


def index_json(folder: Path) -> list[bytes]:
    """``index.json``."""
    recall = ({"cosine": 0.9, "at_10": 0.98, "queries": 100},)
    fields: dict[str, Any] = {"kind": "ivf", "asked": "auto", "effort": 8, "seed": 0, "n_items": N, "dim": DIM,
                              "vectors_sha256": FIXED, "arrays_sha256": FIXED, "recall": recall,
                              "memory_bytes": 99}  # fmt: skip
    return [bundles.canonical(IndexSpec(**fields))]


def session_json(folder: Path) -> list[bytes]:
    """A session file."""
    return [b'{"format": "eegseek-session", "version": 1, "truth": {"1": "a", "2": "b"}, "notes": "n"}']


def open_session(folder: Path) -> Read:
    """Read a session file."""
    return in_file("a.json", bundles.read_session_file, folder)


def gallery_log(folder: Path) -> list[bytes]:
    """An edit log of three edits, each named after the one before."""
    from config.gallery_log import Head, encoded

    base = bundles.fingerprint(gallery_spec())
    name, lines = base, [line_of(Head(base=base, name=base))]
    unit = np.eye(DIM, dtype=np.float32)
    given = [
        Edit(remove=("0",)),
        Edit(add=(Item(id="n", label="new", attributes={"a": "b"}),), vectors=encoded(unit[:1])),
        Edit(remove=("1",), add=(Item(id="m", label="é", picture=f"pictures/added/{'0' * 16}.png"),),
             vectors=encoded(unit[1:2])),
    ]  # fmt: skip
    for edit in given:
        named = edit.after(name)
        lines.append(line_of(named))
        name = named.name
    return [b"".join(lines)]


def renamed(rng: Random, data: bytes) -> bytes:
    """A line of the log changed, and all edits named anew so that the chain of hashes holds."""
    lines = data.splitlines(keepends=True)
    if len(lines) < 2:
        return data
    at = rng.randrange(1, len(lines))
    body = lines[at].rstrip(b"\n")
    lines[at] = (json_value(rng, body) if rng.random() < 0.8 else rng.choice(PLAIN)(rng, body)) + b"\n"
    name = bundles.fingerprint(gallery_spec())
    for number in range(1, len(lines)):
        try:
            edit = Edit.model_validate_json(lines[number]).after(name)
            lines[number] = line_of(edit)
        except (ValidationError, ValueError, RecursionError):
            continue
        name = edit.name
    return b"".join(lines)


def open_log(folder: Path) -> Read:
    """Read the log, and follow it as a worker does."""
    spec, file = gallery_spec(), folder / GALLERY_EDITS

    def take(data: bytes) -> None:
        file.write_bytes(data)
        log = read_log(folder, spec)
        ids = {str(k) for k in range(N)}
        for edit in log.edits:
            edit.rows(DIM)
            edit.onto(ids)
        size(spec, log)
        read_log(folder, spec, after=log.known)

    return take


def keys(folder: Path) -> list[bytes]:
    """Key files, with the secret part and without."""
    import zmq

    from wire.key_file import Key

    public, secret = zmq.curve_keypair()
    key = Key("a", "client", public, secret)
    return [key.text(secret=True).encode(), key.text().encode()]


def open_key(folder: Path) -> Read:
    """Read a key file."""
    from wire.key_file import read_key

    return in_file("a.key", read_key, folder)


def endpoint_texts(folder: Path) -> list[bytes]:
    """Addresses that a run can be given."""
    return [b"tcp://127.0.0.1:5000", b"tcp://[::1]:60000", b"tcp://localhost:1"]


def open_endpoint(folder: Path) -> Read:
    """Understand an address, with keys of its own; folders are left alone."""
    from wire.endpoints import endpoints
    from wire.keys import Keys

    keys = Keys(folder / "keys")

    def take(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        endpoints(text if text.startswith("tcp://") else f"tcp://{text}", keys)

    return take


def items_table(folder: Path) -> list[bytes]:
    """Tables of items for a gallery."""
    return [b'id,label,modality,picture,colour\na,an a,image,a.png,red\nb,"b, ""b""",text,,\n', b"label\na\nb\n"]


def open_items_table(folder: Path) -> Read:
    """Read a table of items."""
    from inference.inputs import read_table

    return in_file("a.csv", read_table, folder)


def words_table(folder: Path) -> list[bytes]:
    """Tables of words for a text side."""
    return [b"Word\tuniqueID\tDefinition (from WordNet)\naardvark\ta1\tan animal\nabacus\tb2\t\n", b"a\nb\n# c\n"]


def open_words_table(folder: Path) -> Read:
    """Read words."""
    from inference.text import read_words

    return in_file("a.tsv", read_words, folder)


def classes_table(folder: Path) -> list[bytes]:
    """Tables of categories."""
    return [b"item\tcategory\na\tx\nb\ty\n", b"item,x,y\na,1,0\nb,0,1\n"]


def open_classes(folder: Path) -> Read:
    """Read categories."""
    from training.protocols.classes import read_categories

    return in_file("a.tsv", read_categories, folder)


def crops_table(folder: Path) -> list[bytes]:
    """Tables of recordings and their texts."""
    return [b"file\ttext\tsubject\na.edf\tx\t1\nb.edf\ty\t2\n", b"file,text\na.edf,x\n"]


def open_crops(folder: Path) -> Read:
    """Read such a table."""
    from training.trials.crops import read_table

    return in_file("a.tsv", read_table, folder)


def events_tsv(folder: Path) -> list[bytes]:
    """An event list of THINGS-EEG1."""
    head = b"onset\tstim\tistarget\tisteststim\teventnumber\tobjectnumber\tstimname\n"
    return [head + b"100\timages\\a\\a_01b.jpg\t0\t0\t1\t1\ta\n200\timages\\b\\b_02s.jpg\t1\t1\t2\t2\tb\n"]


def open_events(folder: Path) -> Read:
    """Read an event list."""
    from acquisition.recordings import things1_events

    def read(file: Path) -> None:
        things1_events.beside(file.with_name("a_eeg.vhdr"))
        things1_events.read_events(file, 1000)
        things1_events.validation_labels(file)

    return in_file("a_events.tsv", read, folder)


def epochs_json(folder: Path) -> list[bytes]:
    """``epochs.json`` of two windows."""
    return [json.dumps(epochs_spec().model_dump(mode="json")).encode()]


def epochs_spec() -> Any:
    """Description of an epochs folder of two windows."""
    from training.trials.epoch_files import EpochsSpec

    return EpochsSpec(
        name="a", source="test", sha256=FIXED, channels=("Oz", "P7"), labels=("x", "y"), onsets_s=(0.0, 1.0),
        repeats=(1, 2), sessions=("1", "1"), chain=ChainSettings(channels=("Oz", "P7")), window=WINDOW,
        rejection=RejectionSettings(), causal=True, source_rate_hz=1000.0, refused={"gap": 2}, missed=1,
    )  # fmt: skip


def sidecar(folder: Path) -> list[bytes]:
    """What stands beside a recorded run."""
    return [b'{"TaskName": "t", "SamplingFrequency": 250.0, "EegseekJournal": {"Bytes": 100, "DataBytes": 0}}']


def open_sidecar(folder: Path) -> Read:
    """Whether a run is there as a whole; one with a foreign sidecar is not."""
    from acquisition.bids.layout import ENDINGS, Layout

    layout = Layout(folder, "me")
    layout.eeg.mkdir(parents=True, exist_ok=True)
    for ending in ENDINGS:
        (layout.eeg / f"{layout.stem(0, 1)}{ending}").touch()
    file = layout.eeg / f"{layout.stem(0, 1)}_eeg.json"
    return in_file(file.name, lambda _: layout.complete(0, 1, 100), file.parent)
