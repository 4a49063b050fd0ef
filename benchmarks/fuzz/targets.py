"""The one table of what is fuzzed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.fuzz import arrays, frames, journals, mne_seeds, pictures, recordings, sessions, shaped, texts
from benchmarks.fuzz.target import SHORT_THEIRS, THEIRS, Open, Read, Seeds, Target
from config.bundles import EncoderSpec, GallerySpec
from config.index_spec import IndexSpec

FRAMES = 1_000_000
"""Damaged messages for the codec."""
_NPY = (
    b"'<f4'", b"'|O'", b"'>c16'", b"'<U9999999'", b"[('a','<f4')]", b"(-1,)", b"(3,)", b"()", b"True", b"(", b"'V8'",
    b"99999999999,", b"\x93NUMPY",
)  # fmt: skip
_PICKLE = (
    b"cos\nsystem\n", b"cnumpy\ndtype\n", b"\x8c\x02os", b"\x93", b"R", b"b", b"(", b"t", b"u", b"e", b"\x94", b"h\x00",
    b"\x81", b"i", b"\x8a\xff", b"M\xff\xff", b"\x85", b"0", b"1", b"s", b"a", b"\x90", b"\x91", b".",
)  # fmt: skip
_TOML = (
    b"[a.b]", b"=", b"[[a]]", b'"""', b"'", b"{", b"}", b"[", b"]", b"a.a.a.a.a.a = 1", b"1979-05-27", b"0x", b"inf",
    b"\n[source]\n", b"#", b"\\u0000", b"\\ud800",
)  # fmt: skip
_CSV = (
    b",", b"\n", b"\r", b'"', b"\t", b"=cmd|' /C calc'!A0", b"\x00", b"nan", b"inf", b"\xef\xbb\xbf", b"timestamps",
    b"Marker",
)  # fmt: skip
_XML = (
    b"<info>", b"</info>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"float32", b"string", b"int8", b"double64",
    b"<desc>", b"<channel_count>0</channel_count>", b"EEG", b"Markers",
)  # fmt: skip
_KEY = (b"name", b"role", b"public-key", b"secret-key", b'"', b"#")
_JSON = (b'{"v":1,"b":', b"}", b"null", b"\\ud800")


def _take(folder: Path, read: Read) -> Read:
    return read


def _mne(name: str) -> Target:
    seeds, opened = mne_seeds.FORMATS[name]
    return _theirs(f"mne-{name}", seeds, opened, "mne")


def _theirs(name: str, seeds: Seeds, opened: Open, library: str, **more: Any) -> Target:
    fields = {"count": THEIRS, "short": SHORT_THEIRS, "memory_mb": 1024, "batch": 1000, **more}
    return Target(name, seeds, opened, library=library, **fields)


def _ours() -> list[Target]:
    json_, csv = shaped.JSON, _CSV
    return [
        Target(
            "codec",
            frames.messages,
            partial(_take, read=frames.take),
            tokens=_JSON,
            shaped=frames.SHAPED,
            count=FRAMES,
            short=20_000,
            batch=250_000,
            guided=True,
        ),
        Target("journal", journals.journal, journals.open_journal, shaped=(journals.resealed,), guided=True),
        Target(
            "settings-toml", texts.settings_toml, partial(texts.open_settings, suffix="toml"), tokens=_TOML, guided=True
        ),
        Target(
            "settings-json", texts.settings_json, partial(texts.open_settings, suffix="json"), shaped=json_, guided=True
        ),
        Target(
            "settings-override", texts.overrides, partial(_take, read=texts.take_override), tokens=_TOML, guided=True
        ),
        Target(
            "encoder-json", texts.encoder_json, partial(texts.open_json, model=EncoderSpec), shaped=json_, guided=True
        ),
        Target("encoder-weights", arrays.weights, arrays.open_weights, shaped=(arrays.safetensors_header,)),
        Target(
            "gallery-json", texts.gallery_json, partial(texts.open_json, model=GallerySpec), shaped=json_, guided=True
        ),
        Target("index-json", texts.index_json, partial(texts.open_json, model=IndexSpec), shaped=json_, guided=True),
        Target(
            "gallery-log", texts.gallery_log, texts.open_log, shaped=(texts.renamed, shaped.json_lines), guided=True
        ),
        Target("gallery-vectors", arrays.vectors, arrays.open_vectors, shaped=(arrays.safetensors_header,)),
        *(Target(f"index-{kind}", *both, shaped=(arrays.safetensors_header,)) for kind, both in arrays.INDEXES.items()),
        Target("session", texts.session_json, texts.open_session, shaped=json_, guided=True),
        Target("guided-session", sessions.asked, sessions.open_asked, shaped=json_, guided=True),
        Target("presenter-log", sessions.logs, sessions.open_log, shaped=(shaped.json_lines,), guided=True),
        Target("display-report", sessions.reports, sessions.open_report, shaped=json_, guided=True),
        Target("plan", sessions.plans, sessions.open_plan, shaped=json_, guided=True),
        Target("guide", sessions.guides, sessions.open_guide, shaped=json_),
        Target("guide-answer", sessions.answers, sessions.open_answer, shaped=json_),
        Target("search", sessions.searches, sessions.open_search, shaped=json_, guided=True),
        Target("calibration", sessions.calibrations, sessions.open_calibration, shaped=json_, guided=True),
        Target("key", texts.keys, texts.open_key, tokens=_KEY, guided=True),
        Target("endpoint", texts.endpoint_texts, texts.open_endpoint, tokens=(b"tcp://", b"ipc://", b":")),
        Target("items-table", texts.items_table, texts.open_items_table, tokens=csv, guided=True),
        Target("words-table", texts.words_table, texts.open_words_table, tokens=csv, guided=True),
        Target("classes-table", texts.classes_table, texts.open_classes, tokens=csv, guided=True),
        Target("crops-table", texts.crops_table, texts.open_crops, tokens=csv, guided=True),
        Target("things1-events", texts.events_tsv, texts.open_events, tokens=csv, guided=True),
        Target("pickle", arrays.pickles, arrays.open_pickle, tokens=_PICKLE, guided=True),
        Target("npy", arrays.npys, arrays.open_npy, tokens=_NPY, guided=True),
        Target("npy-vectors", arrays.npys, arrays.open_vectors_npy, tokens=_NPY),
        Target("npy-features", arrays.npys, arrays.open_features_npy, tokens=_NPY),
        Target("epochs-json", texts.epochs_json, partial(arrays.open_epochs, part="json"), shaped=json_),
        Target("epochs-npy", arrays.windows_npy, partial(arrays.open_epochs, part="npy"), tokens=_NPY),
        Target("responses", arrays.responses, arrays.open_responses, shaped=(arrays.safetensors_header,)),
        Target("checkpoint", arrays.checkpoints, arrays.open_checkpoint, shaped=(arrays.safetensors_header,)),
        Target("run-sidecar", texts.sidecar, texts.open_sidecar, shaped=json_),
        Target("mat", arrays.mats, arrays.open_mat, shaped=(arrays.repacked,), guided=True),
        Target("muse-csv", recordings.muse, partial(recordings.open_played, name="a.csv"), tokens=csv),
        Target("openbci-txt", recordings.openbci, partial(recordings.open_played, name="a.txt"), tokens=csv),
        Target(
            "brainflow-csv",
            recordings.brainflow,
            partial(recordings.open_played, name="a.csv", board="CYTON_BOARD"),
            tokens=csv,
        ),
        Target(
            "converted-json",
            partial(recordings.converted, part="json"),
            partial(recordings.open_converted, part="json"),
            shaped=json_,
            tokens=(b"NaN",),
        ),
        Target(
            "converted-npy",
            partial(recordings.converted, part="npy"),
            partial(recordings.open_converted, part="npy"),
            tokens=_NPY,
        ),
        Target(
            "xdf-check",
            recordings.xdf,
            recordings.open_xdf_check,
            shaped=(recordings.xdf_chunk,),
            tokens=_XML,
            guided=True,
        ),
    ]


def _libraries() -> list[Target]:
    mne = [_mne(name) for name in mne_seeds.FORMATS]
    foreign = [
        _theirs(
            f"mne{ending}", mne_seeds.foreign, partial(recordings.open_played, name=f"a{ending}"), "mne", foreign=True
        )
        for ending in mne_seeds.others()
    ]
    chunked, packed = (recordings.xdf_chunk,), (recordings.regzipped,)
    return [
        _theirs(
            "xdf",
            recordings.xdf,
            partial(recordings.open_played, name="a.xdf"),
            "pyxdf",
            shaped=chunked,
            tokens=_XML,
            count=20_000,
            batch=10_000,
        ),
        _theirs("xdfz", recordings.xdfz, partial(recordings.open_played, name="a.xdfz"), "pyxdf", shaped=packed),
        *mne,
        *foreign,
        _theirs("parquet", arrays.parquet, arrays.open_parquet, "pyarrow", count=20_000, batch=10_000),
        _theirs("torch", arrays.torches, partial(arrays.open_torch, how="dataset"), "torch", tokens=_PICKLE),
        _theirs("torch-features", arrays.torches, partial(arrays.open_torch, how="features"), "torch", tokens=_PICKLE),
        _theirs("pictures", pictures.pictures, pictures.open_picture, "Pillow", count=20_000, batch=10_000),
    ]


TARGETS: dict[str, Target] = {target.name: target for target in (*_ours(), *_libraries())}
"""Everything that is fuzzed, by name; what matters most first."""
