"""Parts of a long computation kept beside its output, so that an interrupted build goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError

KEY = "key.json"
Arrays = dict[str, NDArray[Any]]


class Parts:
    """A folder of numbered parts, valid for one key: what is computed, from which files, by which weights.

    Parameters
    ----------
    folder
        Where they are kept.
    key
        All that the parts depend on, JSON.
    """

    def __init__(self, folder: Path, key: dict[str, Any]) -> None:
        self.folder, self._key = folder, json.dumps(key, sort_keys=True, indent=1)

    def prepare(self) -> None:
        """Keep what is there if it has this very key, or begin anew.

        Raises
        ------
        BundleError
            The folder holds something else, or cannot be written.
        """
        try:
            path = self.folder / KEY
            if path.is_file() and path.read_text("utf-8") == self._key:
                return
            if self.folder.exists() and not path.is_file() and any(self.folder.iterdir()):
                raise BundleError(f"'{self.folder}' is where parts are kept, but holds something else; move it away")
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            path.write_text(self._key, "utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BundleError(f"parts cannot be kept in '{self.folder}': {error}; choose another output") from error

    def read(self, number: int) -> Arrays | None:
        """A part, or None where it is missing or not whole."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = self._path(number)
        try:
            arrays: Arrays = load_file(path)
        except (OSError, SafetensorError):
            return None
        return arrays

    def write(self, number: int, arrays: Arrays) -> None:
        """Keep a part, whole or not at all."""
        from safetensors.numpy import save_file

        path = self._path(number)
        torn = path.with_suffix(".writing")
        try:
            save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, torn)
            torn.replace(path)
        except OSError as error:
            raise BundleError(f"part '{path}' cannot be written: {error.strerror or error}; make room") from error

    def remove(self) -> None:
        """Throw the parts away, where they are ours."""
        if (self.folder / KEY).is_file():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:05d}.safetensors"


def files_key(paths: Sequence[Path], root: Path) -> str:
    """Hash of a list of files: paths below ``root``, sizes and times of change."""
    digest = hashlib.sha256()
    for path in paths:
        stat = path.stat()
        digest.update(f"{path.relative_to(root).as_posix()}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
