"""Coverage-guided fuzzing by atheris [1]_, where it is installed: it follows branches of our pure-Python readers.

References
----------
.. [1] Google (2020), Atheris: a coverage-guided Python fuzzing engine.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.fuzz.target import Target
from config.errors import EegseekError, ProcessError

if TYPE_CHECKING:
    from benchmarks.fuzz.run import Tally

FOLLOWED = ("wire", "config", "acquisition", "inference", "training")
SPARE_S = 120.0
"""Beyond the time that was asked for, for instrumenting and leaving."""
_EXECUTED = re.compile(rb"stat::number_of_executed_units:\s*(\d+)")


def guide(target: Target, folder: Path, seconds: float, seed: int, tally: Tally) -> None:
    """Fuzz a target for a while and add what it did to its tally.

    Raises
    ------
    ProcessError
        atheris is not installed.
    """
    if importlib.util.find_spec("atheris") is None:
        raise ProcessError("atheris is not installed, by which readers are fuzzed along their branches; pip install it")
    crashes = folder / "crashes"
    crashes.mkdir()
    words = [sys.executable, "-m", "benchmarks.fuzz.guided", target.name, str(folder), str(seconds), str(seed)]
    said = subprocess.run(words, capture_output=True, timeout=seconds + SPARE_S, check=False)
    executed = _EXECUTED.search(said.stderr)
    tally.run = int(executed[1]) if executed else 0
    for crash in sorted(crashes.iterdir()):
        data = crash.read_bytes()
        what = next((x for x in reversed(said.stderr.decode(errors="replace").splitlines()) if "Error" in x), "died")
        tally.add({"kind": crash.name.partition("-")[0], "what": what[:300], "where": crash.name, "index": -1,
                   "hex": data.hex(), "bytes": len(data)})  # fmt: skip


def main(words: list[str]) -> None:
    """Fuzz one target in this process, as atheris never comes back."""
    import atheris

    name, folder, seconds, seed = words[0], Path(words[1]), float(words[2]), int(words[3])
    with atheris.instrument_imports(include=list(FOLLOWED)):
        from benchmarks.fuzz.targets import TARGETS

        read = TARGETS[name].open(folder / "scratch")

    def take(data: bytes) -> None:
        try:
            read(data)
        except EegseekError:
            return

    options = (f"-max_total_time={seconds:.0f}", f"-seed={seed + 1}", f"-artifact_prefix={folder / 'crashes'}/",
               "-print_final_stats=1", "-timeout=20", "-rss_limit_mb=4096", "-max_len=16384")  # fmt: skip
    corpus = folder / "corpus"
    corpus.mkdir()
    atheris.Setup([sys.argv[0], str(corpus), str(folder / "seeds"), *options], take)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
