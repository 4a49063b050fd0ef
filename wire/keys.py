"""Keys for sockets over TCP: this user's own pairs, public keys of others, and who is admitted.

A folder that only its user can look into holds ``own/NAME.key_secret`` (pairs made here), ``clients/NAME.key`` (public
keys of others that may connect to sessions here) and ``servers/NAME.key`` (public keys of sessions elsewhere).
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import zmq

from config.errors import KeysError
from config.private import open_to_others
from wire.key_file import NAME, Key, Role, read_key, told

CLIENT: Role = "client"
SERVER: Role = "server"
"""Names of the pairs that a user has without asking, and their roles."""
MOST = 1000
"""Files read of a folder."""
OWN = "own"
_PLACES = ((OWN, ".key_secret"), ("clients", ".key"), ("servers", ".key"))


@dataclass(frozen=True)
class Keys:
    """A folder of keys, and which of them a process uses.

    Attributes
    ----------
    folder
        Where they are.
    client, server
        Names: what this side shows itself by, and what acquisition must show itself by.
    """

    folder: Path
    client: str = CLIENT
    server: str = SERVER

    def ensure(self) -> None:
        """Make the pairs that every user has, where they are used and not there.

        Raises
        ------
        KeysError
            The folder cannot be made, or is open to others.
        """
        names = {key.name for key in self.all()}
        for role, used in ((CLIENT, self.client), (SERVER, self.server)):
            if used == role and used not in names:
                self.make(used, role, known=True)

    def own_client(self) -> Key:
        """The pair that this side shows itself by.

        Raises
        ------
        KeysError
            It is not there, or no client's.
        """
        return self._named(self.client, "client", secret=True)

    def own_server(self) -> Key:
        """The pair that acquisition shows itself by; its secret part must be here.

        Raises
        ------
        KeysError
            It is not there, not this user's own, or no server's.
        """
        return self._named(self.server, "server", secret=True)

    def expected_server(self) -> Key:
        """The public key that acquisition must show itself by.

        Raises
        ------
        KeysError
            It is not known here.
        """
        return self._named(self.server, "server", secret=False)

    def admitted(self) -> dict[bytes, str]:
        """Public keys of all clients that may connect to a session of this user, with their names.

        Raises
        ------
        KeysError
            The folder or a file in it is open to others, or no key.
        """
        return {key.public: key.name for key in self.all() if key.role == "client"}

    def all(self) -> list[Key]:
        """All keys here, own ones first, by name.

        Raises
        ------
        KeysError
            The folder or a file in it is open to others, or no key.
        """
        if not self.folder.exists():
            return []
        self._check(self.folder)
        files = [file for place, ending in _PLACES for file in sorted((self.folder / place).glob(f"*{ending}"))]
        if len(files) > MOST:
            raise KeysError(f"key folder '{self.folder}' holds more than {MOST} keys; remove some, or choose another")
        return [key for file in files if (key := self._read_if_there(file))]

    def make(self, name: str, role: Role, *, known: bool = False) -> Key:
        """Make a pair of this user's own.

        Parameters
        ----------
        name, role
            Of the pair.
        known
            A pair of that name that another process made in the meantime is as good.

        Raises
        ------
        KeysError
            The name is taken or not allowed, or the folder cannot be written.
        """
        if not known:
            self._check_free(name)
        public, secret = zmq.curve_keypair()
        key = Key(name, role, public, secret)
        file = self.folder / OWN / f"{name}.key_secret"
        if not self._write(file, key.text(secret=True)):
            if known:
                return self._read(file)
            raise KeysError(_taken(name))
        return key

    def trust(self, file: Path, name: str = "") -> Key:
        """Take over the public part of a key that was made elsewhere.

        Parameters
        ----------
        file
            As `export` wrote it there.
        name
            To know it by here; empty: its own.

        Raises
        ------
        KeysError
            The file is no public key, or the name is taken.
        """
        found = read_key(file)
        if found.secret:
            raise KeysError(
                f"'{file}' holds a secret key, which must stay where it was made; carry the file that 'eegseek keys "
                f"export {found.name}' writes there"
            )
        key = Key(name or found.name, found.role, found.public)
        for other in self.all():
            if other.public == key.public:
                raise KeysError(f"this key is known here already, as '{other.name}'")
        self._check_free(key.name)
        if not self._write(self.folder / f"{key.role}s" / f"{key.name}.key", key.text()):
            raise KeysError(_taken(key.name))
        return key

    def remove(self, name: str) -> Key:
        """Forget a key: a client's is admitted no more.

        Raises
        ------
        KeysError
            It is not here, or cannot be removed.
        """
        key = self.named(name)
        file = self.folder / (OWN if key.own else f"{key.role}s") / f"{name}.key{'_secret' if key.own else ''}"
        with told(f"key '{name}' cannot be removed from '{self.folder}'"):
            file.unlink()
        return key

    def named(self, name: str) -> Key:
        """A key by its name.

        Raises
        ------
        KeysError
            It is not here.
        """
        known = self.all()
        for key in known:
            if key.name == name:
                return key
        names = ", ".join(key.name for key in known) or "none"
        raise KeysError(f"key '{name}' is not in '{self.folder}'; known there: {names}; see: eegseek keys list")

    def _named(self, name: str, role: Role, *, secret: bool) -> Key:
        key = self.named(name)
        if key.role != role:
            raise KeysError(f"key '{name}' is a {key.role}'s, expected a {role}'s; set run.{role} to another")
        if secret and not key.own:
            raise KeysError(
                f"of key '{name}' only the public part is here, which is no proof of who we are; make a pair with: "
                f"eegseek keys make {'--server ' if role == SERVER else ''}NAME, and set run.{role} to it"
            )
        return key

    def _check(self, path: Path) -> None:
        with told(f"keys in '{self.folder}' cannot be looked at"):
            if open_to_others(path):
                mode = "700" if path.is_dir() else "600"
                raise KeysError(
                    f"'{path}' is open to others, which keys must not be; if nobody took them, close it with: chmod "
                    f"{mode} {path}; else remove it and make new keys"
                )

    def _read_if_there(self, file: Path) -> Key | None:
        """A key that may just be removed by another process."""
        try:
            return self._read(file)
        except KeysError:
            if file.exists():
                raise
            return None

    def _read(self, file: Path) -> Key:
        self._check(file.parent)
        self._check(file)
        key = read_key(file)
        if (key.name, key.own) != (file.name.partition(".key")[0], file.parent.name == OWN):
            raise KeysError(f"'{file}' holds the key '{key.name}', which does not belong there; remove the file")
        return key

    def _check_free(self, name: str) -> None:
        if not NAME.fullmatch(name) or ".key" in name:
            raise KeysError(
                f"'{name}' cannot name a key; take at most 64 letters, digits and . _ -, not '.key', a letter or digit "
                "first"
            )
        if any(key.name == name for key in self.all()):
            raise KeysError(_taken(name))

    def _write(self, file: Path, text: str) -> bool:
        """Write a file whole or not at all; False where it is there already."""
        with told(f"keys cannot be written to '{self.folder}'"):
            for folder in (self.folder, file.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._check(folder)
            handle, beside = tempfile.mkstemp(prefix=".new-", dir=file.parent)  # of mode 0600
            try:
                with os.fdopen(handle, "w", encoding="ascii") as stream:
                    stream.write(text)
                os.link(beside, file)  # unlike a rename, this never replaces what another process wrote
            except FileExistsError:
                return False
            finally:
                Path(beside).unlink()
        return True


def keys_folder(setting: str = "") -> Path:
    """Folder of keys: the one that is set (``run.keys``), else this user's."""
    if setting:
        return Path(setting).expanduser()
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".config") / "eegseek" / "keys"


def _taken(name: str) -> str:
    return f"a key '{name}' is there already; choose another name (of trust: with --as), or remove it first"
