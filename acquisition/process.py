"""The acquisition process: configures itself from the encoder bundle, binds, reads, delivers, and accounts for all."""

from __future__ import annotations

import gc
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import zmq

from acquisition import journal
from acquisition.averages import Averages
from acquisition.broker import Broker
from acquisition.configure import bundle_of, plan_of, session_folder
from acquisition.control import Control
from acquisition.delivery_account import check_end
from acquisition.dispatch import Dispatcher
from acquisition.handoff import Handoff
from acquisition.history import History
from acquisition.plan import Plan
from acquisition.reader import Job, Reader
from acquisition.rebuild import Rebuilt, rebuild
from acquisition.recorder import Keeping, Recorder
from acquisition.situation import Situation
from acquisition.sources.factory import make_source
from acquisition.switches import Switches
from acquisition.types import Source
from config.bundles import fingerprint
from config.errors import JournalError
from config.settings import Settings
from wire import tuning
from wire.endpoints import endpoints_of

LIVE_KINDS = ("lsl", "brainflow")
"""Sources that go on where they are; the others begin at their beginning again, so nothing is continued."""
BATCHES = {"drop_oldest": 2048, "block": 8}
"""Batches between the threads: live the reader is practically never held up; replay is held back soon."""
_log = logging.getLogger(__name__)


def run(settings: Settings, switches: Switches, source: Source | None = None) -> None:
    """Run a segment from the first sample to the last answer.

    Endpoints are bound first, so that workers and displays can connect while a stream is looked for.

    Parameters
    ----------
    settings
        Of the run.
    switches
        Ends it when ``stop`` is set.
    source
        In place of the one that the settings name.

    Raises
    ------
    EegseekError
        The bundle, the settings, the source, an endpoint or the journal cannot be used; or the account does not
        close.
    """
    spec = bundle_of(settings)
    plan = plan_of(settings, spec)
    switches.calibrating = spec is None
    if spec is not None and not spec.causal:
        _log.warning("encoder '%s' was trained on EEG filtered without causality", settings.inference.encoder)
    recorder, folder = _recorder(settings)
    live = settings.dispatch.policy == "drop_oldest"
    job = Job(
        session=settings.session.name,
        segment=recorder.segment,
        plan=plan,
        source=make_source(settings.source) if source is None else source,
        kind=settings.source.kind,
        wait_worker_s=settings.run.start_s if live and spec is not None else 0.0,
        former=_former(settings, folder, recorder.segment, plan, switches),
    )
    handoff = Handoff(BATCHES[settings.dispatch.policy])
    encoders = [] if spec is None else [fingerprint(spec)]
    dispatcher = Dispatcher(settings.dispatch, settings.session.name, encoders)
    broker = _broker(settings, plan, dispatcher, recorder, handoff, switches)
    tuning.settle(settings.run, live=live)
    if live and settings.run.awake:
        broker.readiness.awake.open()
    _serve(broker, Reader(job, recorder, handoff, switches))


def _serve(broker: Broker, reader: Reader) -> None:
    """Two threads: this one owns the sockets, the other reads."""
    with zmq.Context() as context:
        broker.open(context)
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="reader") as pool:
                try:
                    # what is loaded by now stays: the collector need not look at it again
                    gc.collect()
                    gc.freeze()
                    reading = pool.submit(reader.run, context)
                    broker.serve(reading.done)
                finally:
                    broker.switches.stop = True
            broker.finish(_ending(reading, broker))
        finally:
            broker.close()
    reading.result()
    if broker.failure:
        raise JournalError(broker.failure)
    check_end(broker.situation.counters(broker.dispatcher))


def _ending(reading: Future[None], broker: Broker) -> str:
    error = reading.exception()
    if error is None and not broker.failure:
        return "ended: every stimulus is accounted for"
    return f"ended: {broker.failure or error}"


def _recorder(settings: Settings) -> tuple[Recorder, Path | None]:
    session, text = settings.session, settings.model_dump_json()
    if not session.journal:
        # no file can number the segments: the wall clock does
        needed = settings.source.kind != "recording"
        return Recorder(None, session.name, int(time.time()), text, needed=needed), None
    folder = session_folder(settings)
    segment = journal.next_segment(folder)
    keeping = Keeping(session.rotate_bytes, session.sync_s, session.free_bytes)
    return Recorder(journal.path(folder, segment), session.name, segment, text, keeping), folder


def _former(settings: Settings, folder: Path | None, segment: int, plan: Plan, switches: Switches) -> partial[Rebuilt]:
    if folder is None or settings.source.kind not in LIVE_KINDS:
        return partial(Rebuilt, Averages(plan.max_stimuli))
    return partial(rebuild, folder, segment, settings.session.name, plan, switches.stopping)


def _broker(
    settings: Settings, plan: Plan, dispatcher: Dispatcher, recorder: Recorder, handoff: Handoff, switches: Switches
) -> Broker:
    history = History(settings.dispatch.history)
    return Broker(
        endpoints_of(settings.run),
        settings.dispatch,
        dispatcher,
        Control(plan, switches, dispatcher, history, recorder, settings.inference.encoder),
        history,
        recorder,
        handoff,
        switches,
        Situation(settings.session.name, recorder.segment),
    )
