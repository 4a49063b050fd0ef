"""Makes ``docs/errors.md`` from the errors themselves: ``python -m eegseek.errors_page``."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from config.errors import EegseekError, tree

HEAD = """# Errors

Every error that eegseek raises on purpose, by its code. Made by `python -m eegseek.errors_page`.

- A command that cannot go on says why in one sentence, with the code at its end, and exits with 1:
  `eegseek: no EEG stream named 'Muse' … [E301]`. Mistyped commands and options exit with 2 and carry no code.
- `eegseek explain E301` prints an entry of this page.
- Codes are for good: each hundred is a branch of the tree, and no code is given twice.
- In `logs/session.log` of a session's folder an entry about an error carries the code as `code`.

| code | error | |
|---|---|---|
"""


def page() -> str:
    """Text of the page."""
    kinds = tree()
    return HEAD + "".join(map(_row, kinds)) + "".join(map(_section, kinds))


def what(kind: type[EegseekError]) -> str:
    """What an error means: the first sentence of its class."""
    return inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def entry(kind: type[EegseekError]) -> str:
    """What, why, and what to do, for people, in lines."""
    return "\n".join(
        (f"{kind.code}  {kind.__name__}", what(kind), "", f"why: {kind.why}", f"do:  {kind.do}", "", _line(kind))
    )


def _line(kind: type[EegseekError]) -> str:
    """Where in the tree it stands."""
    above = [base for base in reversed(kind.__mro__) if issubclass(base, EegseekError)]
    return "in:  " + " > ".join(f"{base.__name__} {base.code}" for base in above)


def _row(kind: type[EegseekError]) -> str:
    depth = sum(issubclass(base, EegseekError) for base in kind.__mro__) - 1
    return f"| [{kind.code}](#{kind.code.lower()}) | {'· ' * depth}`{kind.__name__}` | {what(kind)} |\n"


def _section(kind: type[EegseekError]) -> str:
    return (
        f'\n<a id="{kind.code.lower()}"></a>\n\n## {kind.code} {kind.__name__}\n\n{what(kind)}\n\n'
        f"- **Why:** {kind.why}\n- **What to do:** {kind.do}\n"
    )


if __name__ == "__main__":
    (Path(__file__).parents[1] / "docs" / "errors.md").write_text(page(), "utf-8")
    sys.stderr.write("docs/errors.md written\n")
