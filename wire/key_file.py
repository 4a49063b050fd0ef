"""The file of a key: the form that `zmq.auth` writes, with the key's name and role as metadata."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import zmq
from zmq.utils import z85

from config.errors import KeysError

Role = Literal["client", "server"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_BYTES = 4096
_LINE = re.compile(r'\s+(name|role|public-key|secret-key)\s*=\s*"([^"]*)"\s*')
_Z85 = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


@dataclass(frozen=True)
class Key:
    """A key by its name.

    Attributes
    ----------
    name, role
        ``client`` keys connect to a session, ``server`` keys are shown by its acquisition.
    public, secret
        Z85 text of 40 characters; ``secret`` is empty where only the public part is known here.
    """

    name: str
    role: Role
    public: bytes
    secret: bytes = b""

    @property
    def own(self) -> bool:
        """Whether this is a pair of this user."""
        return bool(self.secret)

    def text(self, *, secret: bool = False) -> str:
        """As a file; without the secret part unless asked for."""
        lines = [
            f"#   eegseek: {'SECRET, never give this file away' if secret else 'public part, may be given away'}",
            "metadata",
            f'    name = "{self.name}"',
            f'    role = "{self.role}"',
            "curve",
            f'    public-key = "{self.public.decode()}"',
            *([f'    secret-key = "{self.secret.decode()}"'] if secret else []),
        ]
        return "\n".join(lines) + "\n"


def read_key(file: Path) -> Key:
    """A key from a file, checked.

    Raises
    ------
    KeysError
        The file cannot be read, or is no key of eegseek.
    """
    with told(f"key file '{file}' cannot be read"), file.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    try:
        if len(raw) > MAX_BYTES:
            raise ValueError(f"longer than {MAX_BYTES} bytes")
        return _parsed(raw.decode("ascii"))
    except (ValueError, KeyError, IndexError, struct.error, zmq.ZMQError) as error:
        raise KeysError(
            f"'{file}' is no key of eegseek ({error}); expected a file that 'eegseek keys export' wrote"
        ) from error


def _parsed(text: str) -> Key:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: dict[str, str] = {match[1]: match[2] for match in map(_LINE.fullmatch, lines) if match}
    if missing := [name for name in ("name", "role", "public-key") if name not in found]:
        raise ValueError(f"it has no {missing[0]}")
    if not NAME.fullmatch(found["name"]) or found["role"] not in get_args(Role):
        raise ValueError("its name or role is not allowed")
    for part in ("public-key", "secret-key"):
        if part in found and (not _Z85.fullmatch(found[part]) or len(z85.decode(found[part].encode())) != 32):
            raise ValueError(f"its {part} is not 32 bytes in Z85")
    public, secret = found["public-key"].encode(), found.get("secret-key", "").encode()
    if secret and zmq.curve_public(secret) != public:
        raise ValueError("its secret and public parts do not belong together")
    return Key(found["name"], cast(Role, found["role"]), public, secret)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Errors of the system as a sentence that begins with ``what``."""
    try:
        yield
    except OSError as error:
        raise KeysError(f"{what}: {error.strerror or error}; choose another folder with --set run.keys=DIR") from error
