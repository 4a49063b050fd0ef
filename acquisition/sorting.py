"""What the pipeline decided, as the packets that go out for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from acquisition.packing import Packer
from acquisition.types import Early, Epoch, Expected, Gap, Missed, Output, Refused
from wire.packets import Rejected, Tap, Window


@dataclass
class Sorted:
    """Packets of some outputs, each kind in their order.

    Attributes
    ----------
    windows, taps, rejected, gaps
        To be sent, looked at, and written down.
    expected
        Windows that will come.
    aside, aside_parts
        Windows, and parts, that nobody decodes at present: windows are among the rejected.
    """

    windows: list[Window] = field(default_factory=list)
    taps: list[Tap] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    aside: int = 0
    aside_parts: int = 0

    def __bool__(self) -> bool:
        """Whether anything is to be handed over."""
        return bool(self.windows or self.rejected or self.gaps)


def sort(
    outputs: Iterable[Output],
    pack: Packer | None,
    at_s: float,
    *,
    why: str,
    taps: bool,
) -> Sorted:
    """Pack everything.

    Parameters
    ----------
    outputs
        Of the pipeline.
    pack
        Of this stream; None before it is open, when nothing can come.
    at_s
        When the windows were cut, acquisition's clock.
    why
        Why windows are not sent at present; empty where they are.
    taps
        Somebody looks at windows.
    """
    found = Sorted()
    if pack is None:
        return found
    for output in outputs:
        match output:
            case Epoch() if not why:
                found.windows.append(pack.window(output, at_s))
            case Epoch():
                found.aside += 1
                found.rejected.append(pack.rejected(output, (why,)))
            case Early() if not why:
                found.windows.append(pack.window(output.epoch, at_s, output.part))
            case Early():
                found.aside_parts += 1
            case Refused():
                found.rejected.append(pack.rejected(output, output.reasons))
            case Missed():
                found.rejected.append(pack.rejected(output, (f"missed: {output.reason}",)))
            case Expected():
                found.expected.append(output)
            case Gap():
                found.gaps.append(output)
        if taps and isinstance(output, Epoch):
            found.taps.append(pack.tap(output, at_s))
    return found
