"""Fixtures of all tests: the folder of genuine data, and a watch for what a test leaves running."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
# started in the background the signal is ignored, also by children, which are to be interrupted
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of genuine recordings, named by EEGSEEK_DATA."""
    folder = os.environ.get("EEGSEEK_DATA")
    if not folder:
        pytest.skip("EEGSEEK_DATA is not set: it names the folder of genuine recordings that this test reads")
    path = Path(folder).resolve()
    if not path.is_dir():
        pytest.fail(f"EEGSEEK_DATA names '{path}', which is not a folder")
    return path


@pytest.fixture(scope="session", autouse=True)
def own_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys for TCP go into a folder of the tests' own, also those of their children."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    """Commands make files private from their start on; tests that run them in this process leave it as it was."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fail a test that leaves a child process or a non-daemon thread behind."""
    me = psutil.Process()
    children = {child.pid for child in me.children(recursive=True)}
    threads = set(threading.enumerate())
    yield
    left = [child for child in me.children(recursive=True) if child.pid not in children]
    left = [child for child in left if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    new = [thread for thread in threading.enumerate() if thread not in threads and not thread.daemon]
    for child in left:
        child.kill()
    if left or new:
        pytest.fail(f"left running: {[child.pid for child in left]} {[thread.name for thread in new]}")
