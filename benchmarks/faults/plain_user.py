"""``python -m benchmarks.faults.plain_user …``: ``eegseek …`` with root's right to write everywhere taken away.

Root may write into a read-only folder, so that a test of one would prove nothing. On Linux the right is a capability,
and a program that is started after it was given up for good does not get it back.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_CAPBSET_DROP = 24
DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2


def main() -> None:
    """Become bound by permissions, then become eegseek; status 3 where that is not possible."""
    if os.geteuid() == 0:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        if any(prctl(PR_CAPBSET_DROP, right, 0, 0, 0) for right in (DAC_OVERRIDE, DAC_READ_SEARCH)):
            sys.stderr.write("root cannot give up its right to write everywhere here; run this as a user\n")
            sys.exit(3)
    os.execv(sys.executable, [sys.executable, "-m", "eegseek", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
