"""The page of a report: whole, self-contained, readable without pictures, and safe."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from training_data import DIM, SPACE, TIMES, epochs, gallery, repeated

from config.bundles import EncoderSpec, NoveltySpec
from config.chain import ChainSettings, WindowSettings
from config.errors import SettingsError
from inference import novelty as live
from inference.gallery import Gallery
from inference.loaded import LoadedEncoder
from training.confidence import calibrate
from training.protocols.schema import Curve, Metric, Report, Row, Topography
from training.report.build import render, write_report
from training.report.complete import complete
from training.report.material import figures
from training.report.topography import topography
from training.trials.epochs import Origin, Trials, gather

CHANNELS = ("Fz", "Cz", "P7", "PZ", "P8", "O1", "Oz", "O2")
VOID = {"meta", "br", "img"}
EVIL = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Tags with their attributes, text, and whether tags close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


class Linear:
    """Undoes the mixing of `training_data.epochs`."""

    def __init__(self) -> None:
        mixing = np.random.default_rng(99).standard_normal((DIM, len(CHANNELS) * TIMES))
        self.back = np.linalg.pinv(mixing).astype(np.float32)

    def embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return windows.reshape(len(windows), -1) @ self.back


def trials(shown: Gallery, ids: list[str], first: int, subjects: int = 2) -> Trials:
    recorded = [
        epochs(shown, repeated(ids, 6, seed), seed=seed, signal=0.3, channels=CHANNELS)
        for seed in range(first, first + subjects)
    ]
    origins = [Origin(f"run-{k}", subject=str(k)) for k in range(subjects)]
    return gather(recorded, origins, shown)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    ids = [f"item {k}" for k in range(30)]
    shown = gallery(tmp_path_factory.mktemp("report") / "gallery", ids)
    fields = {
        "architecture": "linear",
        "channels": CHANNELS,
        "window": WindowSettings(end_s=0.32, rate_hz=100.0),
        "chain": ChainSettings(channels=CHANNELS),
        "space": SPACE,
        "dim": DIM,
        "weights_sha256": "0" * 64,
    }
    plain = LoadedEncoder(EncoderSpec.model_validate(fields), "f", "cpu", Linear())
    known, held = trials(shown, ids, 0), trials(shown, ids, 10)
    side = calibrate.HeldOut(plain.encode, held, np.arange(len(ids)), known)
    after = calibrate.after_training([side], shown.vectors, 0)
    assert after.novelty is not None
    judge = live.Novelty(
        NoveltySpec(**after.novelty.fields, arrays_sha256="0" * 64), live.Arrays(**after.novelty.arrays)
    )
    encoder = LoadedEncoder(EncoderSpec.model_validate({**fields, **after.fields}), "f", "cpu", Linear())
    score = Metric(value=0.4, chance=0.005, low=0.3, high=0.5, n=360, unit="stimuli")
    row = Row(
        protocol="zero-shot within subject",
        what=EVIL,
        encoder="linear",
        n_way=200,
        gallery="shown images",
        selection="fixed epoch",
        metrics={"top1": score},
    )
    curve = Curve(
        name="top-1 against repeats",
        x_label="repeats",
        y_label="top-1 (share)",
        x=(1, 2, 4),
        y=(0.1, None, 0.4),
        low=(0.05, None, 0.3),
        high=(0.2, None, 0.5),
        chance=(0.005,) * 3,
        log_x=True,
    )
    found = Report(
        title=f"A decoder {EVIL}",
        about={"encoder": {"name": EVIL}, "recordings": ["a", "b"], "simulated": False},
        rows=(row, row.model_copy(update={"repeats": 4}), row.model_copy(update={"error": EVIL, "metrics": {}})),
        curves=(curve,),
        notes=(EVIL,),
    )
    new = trials(shown, ids, 20)
    drawn = figures(encoder.encode, new, shown, encoder.spec)
    update = {
        "curves": (curve, *drawn.curves),
        "confusion": drawn.confusion,
        "rdms": drawn.rdms,
        "embedding_map": drawn.embedding_map,
        "maps": drawn.maps,
        "reliability": drawn.reliability,
    }
    return complete(found.model_copy(update=update), encoder, new, shown, novelty=judge)


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return render(report)


def test_everything_is_drawn(report: Report) -> None:
    assert len(report.maps) == 2 and len(report.rdms) == 1 and report.embedding_map is not None
    assert len(report.reliability) >= 2 and len(report.confusion) == 1
    assert {curve.name.split(",")[0] for curve in report.curves} == {
        "top-1 against repeats",
        "accuracy against coverage",
        "novelty of the windows",
        "what each piece of time adds",
    }
    assert report.rows[-1].protocol == "representation"
    assert any(one.name.startswith("relevance filter") for one in report.reliability)
    assert "too few for the control of low-level features" in report.notes[-1]
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_the_page_needs_nothing_else(html: str) -> None:
    page = Page(html)
    assert page.open == []
    assert not page.of("script") and not page.of("link") and not page.of("iframe")
    assert "http:" not in html and "https:" not in html and "url(" not in html and "@import" not in html
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("href", "srcset")], tag
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.of("img"))
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.of("meta"))


def test_every_picture_is_told_in_words(html: str) -> None:
    page = Page(html)
    images = page.of("img")
    assert len(images) >= 12
    assert len(page.of("figcaption")) == len(page.of("figure")) == len(images)
    assert all(len(image["alt"]) > 40 for image in images)
    assert len({image["alt"] for image in images}) == len(images)


def test_the_pictures_follow_the_readers_colours_and_name_no_address(html: str) -> None:
    for encoded in re.findall(r'base64,([^"]+)"', html):
        drawn = base64.b64decode(encoded).decode()
        assert drawn.startswith("<svg") and "prefers-color-scheme: dark" in drawn and "var(--ink)" in drawn
        addresses = set(re.findall(r"https?://[^\"' )]+", drawn))
        assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names of XML, not fetched


def test_what_others_wrote_is_text(html: str) -> None:
    assert "<script" not in html
    assert Page(html).text.count(EVIL) >= 5


def test_the_page_says_the_result_with_chance_and_the_published_beside_it(html: str) -> None:
    text = " ".join(Page(html).text.split())
    assert "names the right one of 200 first in 40.0 % of cases" in text and "guessing gives 0.5 %" in text
    assert "NICE 2024" in text and "16.1 %" in text and "Not one protocol" in text
    assert "ours: linear, 4 repeats" in text


def test_phone_print_and_dark(html: str) -> None:
    assert 'name="viewport"' in html and "@media print" in html and "prefers-color-scheme: dark" in html
    assert "overflow-x: auto" in html


def test_it_is_written_whole_and_replaces_the_last(report: Report, tmp_path: Path) -> None:
    empty = Report(title="empty")
    page = write_report(report, tmp_path / "new" / "folder")
    assert page.name == "report.html" and page.stat().st_size < 3_000_000
    write_report(empty, page.parent)
    assert "Nothing could be scored" in page.read_text() and "There are no rows" in page.read_text()
    assert [file.name for file in page.parent.iterdir()] == ["report.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="choose another with --report"):
        write_report(empty, tmp_path / "file")


def test_channels_without_a_place_are_bars() -> None:
    unknown = Topography(
        name="what each channel adds",
        channels=("left", "right", "Oz"),
        times_s=(0.2,),
        values=((0.1, 0.3, 0.2),),
        unit="drop",
    )
    drawn = topography(unknown)
    assert drawn.alt.startswith("Bars a channel") and "Strongest: right (0.3), Oz (0.2)" in drawn.alt


def test_the_low_level_control_reads_the_gallerys_pictures(tmp_path: Path) -> None:
    from PIL import Image

    from config.bundles import Item
    from inference.gallery import write_gallery

    rng = np.random.default_rng(0)
    ids = [f"i{k:02d}" for k in range(70)]
    for name in ids:
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).save(tmp_path / f"{name}.png")
    items = [Item(id=name, label=name, picture=f"{name}.png") for name in ids]
    files = {f"{name}.png": tmp_path / f"{name}.png" for name in ids}
    vectors = rng.standard_normal((70, DIM)).astype(np.float32)
    write_gallery(tmp_path / "g", items, vectors, space=SPACE, model="test", pictures=files)
    shown = Gallery.load(tmp_path / "g")
    spec = EncoderSpec(
        architecture="linear",
        channels=CHANNELS,
        window=WindowSettings(end_s=0.32, rate_hz=100.0),
        chain=ChainSettings(channels=CHANNELS),
        space=SPACE,
        dim=DIM,
        weights_sha256="0" * 64,
    )
    row = Row(protocol="zero-shot", encoder="linear", n_way=70, gallery="all", selection="fixed epoch")
    encoder = LoadedEncoder(spec, "f", "cpu", Linear())
    seen = trials(shown, ids, 0, subjects=1)
    found = complete(Report(rows=(row,)), encoder, seen, shown, folder=tmp_path / "g")
    last = found.rows[-1]
    assert last.protocol == "low-level control" and last.n_way == 70
    left, alone = last.metrics["share_left"].value, last.metrics["mrr_from_low_level_alone"].value
    assert left is not None and left > 0.7
    assert alone is not None and alone < 0.3
    (tmp_path / "g" / "i03.png").unlink()
    without = complete(Report(rows=(row,)), encoder, seen, shown, folder=tmp_path / "g")
    assert "i03.png" in without.notes[-1] and len(without.rows) == len(found.rows) - 1
