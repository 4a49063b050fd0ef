"""``python -m eegseek`` is ``eegseek``."""

from eegseek.cli import main

main()
