"""What each stage costs as its sizes grow: the real code, one stage at a time, in processor seconds of one thread."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
from msgspec import structs

from acquisition.dispatch import Dispatcher
from acquisition.journal import JournalWriter, make_header
from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.types import Chunk, Event, StreamInfo
from benchmarks.bundles import CHAIN, REJECTION, WINDOW
from config.chain import ChainSettings
from config.settings import DispatchSettings, MarkerSettings
from display.state import State
from display.truth import Truth
from wire.codec import decode, encode
from wire.packets import Answer, Hit, Ready, Result, Stamps, Window

CHUNK_S = 0.004
"""Of the stream, as amplifiers send it."""
TRIES = 3


@dataclass(frozen=True)
class Load:
    """Sizes of one rig.

    Attributes
    ----------
    channels, rate_hz
        Of its stream.
    rsvp_hz
        Pictures a second.
    gallery, dim
        Items, and length of an embedding.
    encoder
        Architecture in the registry.
    """

    channels: int = 63
    rate_hz: float = 1000.0
    rsvp_hz: float = 5.0
    gallery: int = 16_540
    dim: int = 512
    encoder: str = "eegproject"


def feed_s(load: Load, seconds: float) -> float:
    """Processor seconds that `Pipeline.feed` takes for a second of signal, with chunks of ``CHUNK_S``."""
    names = _names(load.channels)
    info = StreamInfo("scale", "lsl", load.rate_hz, names)
    plan = Plan(ChainSettings(channels=names, **CHAIN), WINDOW, REJECTION, MarkerSettings())
    took = []
    for chunks in _repeated(load, seconds):
        pipeline = Pipeline(info, plan)
        for chunk in chunks[: len(chunks) // 3]:
            pipeline.feed(chunk)
        rest = chunks[len(chunks) // 3 :]
        began = time.thread_time()
        for chunk in rest:
            pipeline.feed(chunk)
        took.append((time.thread_time() - began) / (len(rest) * CHUNK_S))
    return min(took)


def journal_s(load: Load, seconds: float) -> float:
    """Processor seconds that the journal takes for a second of signal."""
    took = []
    with tempfile.TemporaryDirectory(prefix="eegseek-bench-") as place:
        for k, chunks in enumerate(_repeated(load, seconds)):
            writer = JournalWriter(Path(place) / f"segment-{k:04d}.esj")
            writer.open(make_header("scale", k, StreamInfo("scale", "lsl", load.rate_hz, _names(load.channels))))
            began = time.thread_time()
            for chunk in chunks:
                writer.chunk(chunk)
            took.append((time.thread_time() - began) / (len(chunks) * CHUNK_S))
            writer.close()
    return min(took)


def codec_s(load: Load) -> float:
    """Seconds to encode and decode one window (two rows)."""
    window = _window(load, 0)

    def once() -> None:
        decode([bytes(frame) for frame in encode(window)])

    return _timed(once)


def embed_s(load: Load) -> float:
    """Seconds to embed one window (two rows), with the network in the form that serves."""
    import torch

    from inference.encoders import network, registry

    network.limit_threads()
    torch.manual_seed(0)
    net = registry.build(
        load.encoder, channels=_names(load.channels), times=WINDOW.n_times, rate_hz=WINDOW.rate_hz, dim=load.dim,
        parameters={},
    )  # fmt: skip
    encoder = network.Network(net, "cpu")
    rows = np.random.default_rng(0).standard_normal((2, load.channels, WINDOW.n_times), dtype=np.float32)
    return _timed(lambda: encoder.embed(rows))


def search_s(load: Load) -> float:
    """Seconds to search one window's two embeddings among all items, with the index that serves them unbuilt."""
    from inference import score
    from inference.encoders import network
    from inference.index import limit_threads
    from inference.indexes.choose import serve

    # a worker has torch loaded, and the index is made by what is there
    network.limit_threads()
    limit_threads()
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((load.gallery, load.dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index, queries = serve(vectors), vectors[:2] + 0.0
    return _timed(lambda: index.search(queries, min(score.DEPTH, load.gallery)))


def dispatch_s(load: Load, count: int = 500) -> float:
    """Seconds that the dispatcher takes for a window: taken in, handed out, committed."""
    took = []
    for _ in range(TRIES):
        dispatcher = Dispatcher(DispatchSettings(), "scale", ["e"])
        dispatcher.on_ready(b"w", Ready(worker="w", pid=1, encoder="e", gallery="g", credit=2), 0.0)
        windows = [_window(load, k) for k in range(count)]
        results = [_result(load, k) for k in range(count)]
        began = time.thread_time()
        for k in range(count):
            dispatcher.add(windows[k], 0.001 * k)
            dispatcher.on_result(b"w", results[k], 0.001 * k)
        took.append((time.thread_time() - began) / count)
    return min(took)


def fold_s(load: Load, count: int = 500) -> float:
    """Seconds that a display takes for a result: decoded, folded in."""
    frames = [[bytes(frame) for frame in encode(structs.replace(_result(load, k), commit=k + 1))] for k in range(count)]
    took = []
    for _ in range(TRIES):
        state = State(Truth())
        began = time.thread_time()
        for k, one in enumerate(frames):
            state.fold(decode(one), 0.001 * k)
        took.append((time.thread_time() - began) / count)
    return min(took)


PER_SECOND: dict[str, Callable[[Load, float], float]] = {"feed": feed_s, "journal": journal_s}
PER_WINDOW: dict[str, Callable[[Load], float]] = {
    "codec": codec_s, "embed": embed_s, "search": search_s, "dispatch": dispatch_s, "display": fold_s,
}  # fmt: skip
AXES: dict[str, tuple[str, ...]] = {
    "channels": ("feed", "journal", "codec", "embed"),
    "rate_hz": ("feed", "journal"),
    "rsvp_hz": ("feed",),
    "gallery": ("search",),
}
"""What grows, and the stages that feel it."""
VALUES: dict[str, tuple[float, ...]] = {
    "channels": (8, 32, 63, 128, 256),
    "rate_hz": (250, 500, 1000, 2000, 5000),
    "rsvp_hz": (1, 2, 5, 10, 20),
    "gallery": (200, 2000, 16_540, 50_000, 100_000),
}


def cost(stage: str, load: Load, seconds: float) -> float:
    """Of a stage: processor seconds for a second of signal, or for a window."""
    return PER_SECOND[stage](load, seconds) if stage in PER_SECOND else PER_WINDOW[stage](load)


def at(load: Load, axis: str, value: float) -> Load:
    """A load with one size changed."""
    sizes = {"channels": int(value), "gallery": int(value), "rate_hz": value, "rsvp_hz": value}
    return replace(load, **{axis: sizes[axis]})  # type: ignore[arg-type]


def _repeated(load: Load, seconds: float) -> Iterator[list[Chunk]]:
    chunks = list(_chunks(load, seconds))
    for _ in range(TRIES):
        yield chunks


def _chunks(load: Load, seconds: float) -> Iterator[Chunk]:
    rows, rng = max(1, round(CHUNK_S * load.rate_hz)), np.random.default_rng(0)
    pool = [10 * rng.standard_normal((load.channels, rows)).astype(np.float32) for _ in range(50)]
    picture = 0
    for k in range(round(seconds / CHUNK_S)):
        begin = k * rows
        stamps = np.arange(begin, begin + rows) / load.rate_hz
        events = []
        while picture / load.rsvp_hz <= stamps[-1]:
            events.append(Event(picture / load.rsvp_hz, f"item-{picture % 200}"))
            picture += 1
        yield Chunk(pool[k % 50], stamps, float(stamps[-1]), stamps, events=tuple(events))


def _names(n: int) -> tuple[str, ...]:
    return tuple(f"E{k}" for k in range(n))


def _window(load: Load, sequence: int) -> Window:
    shape = (2, load.channels, WINDOW.n_times)
    return Window(
        session="scale", segment=0, sequence=sequence, stimulus="item-1", onset_s=0.0, first_sample_offset_s=0.0,
        sampling_rate_hz=WINDOW.rate_hz, channels=_names(load.channels), versions=2, times=WINDOW.n_times, repeats=2,
        data=np.zeros(shape, np.float32),
    )  # fmt: skip


def _result(load: Load, sequence: int) -> Result:
    hits = tuple(Hit(id=f"item-{k}", label="item", modality="image", cosine=0.1, probability=0.01) for k in range(10))
    stamps = Stamps(sample_due=1.0, sample_in=1.0, cut=1.0, sent=1.0, received=1.0, embedded=1.0, searched=1.0,
                    committed=1.0)  # fmt: skip
    return Result(
        session="scale", segment=0, sequence=sequence, stimulus="item-1", onset_s=0.0, versions=2, dim=load.dim,
        data=np.zeros((2, load.dim), np.float32), answers=(Answer(hits=hits, repeats=1), Answer(hits=hits, repeats=2)),
        encoder="e", gallery="g", worker="w", stamps=stamps,
    )  # fmt: skip


def _timed(once: Callable[[], object], least: int = 7, limit_s: float = 0.4) -> float:
    """Median processor seconds of a call, hot: of ``least`` calls or as many as fit into ``limit_s``."""
    for _ in range(3):
        once()
    took: list[float] = []
    until = time.perf_counter() + limit_s
    while len(took) < least or time.perf_counter() < until:
        began = time.thread_time()
        once()
        took.append(time.thread_time() - began)
    return median(took)


def slope(values: Sequence[float], costs: Sequence[float]) -> tuple[float, float]:
    """Line through costs by least squares of relative errors: cost at 0, and cost a unit."""
    x, y = np.asarray(values, np.float64), np.asarray(costs, np.float64)
    base = np.stack([np.ones_like(x), x], axis=1) / y[:, None]
    found, *_ = np.linalg.lstsq(base, np.ones_like(y), rcond=None)
    return float(found[0]), float(found[1])
