"""Pictures of the gallery's items, and no other file: found by id, from inside the bundle, told by their content."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from pathlib import Path

from config.bundles import read_gallery_spec
from config.errors import BundleError
from config.gallery_log import read_log
from config.items_table import ItemsTable, read_items_table

KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
"""What browsers show as it is; never SVG, which may hold programs."""
MAX_FILE_BYTES, MAX_PIXELS = 64 << 20, 64_000_000
AS_IT_IS_BYTES = 256 << 10
"""Larger files go out smaller, as JPEG."""
SIDE = 640
"""Pixels of the longer side then."""
KEPT_BYTES = 48 << 20


class Pictures:
    """Pictures of a gallery. The constructor only stores; the first question reads the table.

    Parameters
    ----------
    folder
        The gallery; None where the session names none.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._items: ItemsTable | None = None
        self._added: dict[str, str] = {}
        self._edits = -1
        self._kept: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        self._bytes = 0

    def read(self, item: str) -> tuple[bytes, str] | None:
        """A picture and its media type; None where the item has none, or none that may be shown.

        Safe in any thread; it may take some milliseconds.
        """
        with self._lock:
            found = self._kept.get(item)
            if found is not None:
                self._kept.move_to_end(item)
                return found
            path = self._path(item)
        if path is None or (found := load(path)) is None:
            return None
        with self._lock:
            if item not in self._kept:
                self._kept[item] = found
                self._bytes += len(found[0])
            while self._bytes > KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1][0])
        return found

    def _path(self, item: str) -> Path | None:
        if self.folder is None:
            return None
        try:
            relative = self._relative(self.folder, item)
        except BundleError:
            return None
        if not relative or "\x00" in relative:
            return None
        path = (self.folder / relative).resolve()
        return path if path.is_relative_to(self.folder.resolve()) and path.is_file() else None

    def _relative(self, folder: Path, item: str) -> str:
        """Path of an item's picture in the bundle, as it is or as an edit added it."""
        if self._items is None:
            self._items = read_items_table(folder, read_gallery_spec(folder))
        if item in self._added:
            return self._added[item]
        row = self._items.rows_of([item]).get(item)
        if row is not None:
            return self._items[row].picture
        log = read_log(folder)
        if len(log.edits) != self._edits:
            self._edits = len(log.edits)
            self._added = {one.id: one.picture for edit in log.edits for one in edit.add}
        return self._added.get(item, "")


def load(path: Path) -> tuple[bytes, str] | None:
    """A picture as browsers take it, made smaller where it is large; None where it is no picture."""
    from PIL import Image

    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return None
        data = path.read_bytes()
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return None
            if picture.format in KINDS and len(data) <= AS_IT_IS_BYTES:
                return data, KINDS[picture.format]
            picture.draft("RGB", (SIDE, SIDE))
            small = picture.convert("RGB")
            small.thumbnail((SIDE, SIDE))
            made = io.BytesIO()
            small.save(made, "JPEG", quality=85)
            return made.getvalue(), "image/jpeg"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
