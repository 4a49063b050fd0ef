"""Connections to Milvus: where a gallery is to be found, time-outs, and what its client raises, as our errors.

pymilvus says nothing to anybody but the server that it is given: at the connection it sends that one the name of this
machine and of the user, and there is no telemetry in it. Milvus Lite is a server in a thread of this process, on a free
port of 127.0.0.1.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import BundleError

PREFIX = "milvus:"
"""Before an address where kinds of indexes are named."""
TOKEN_VARIABLE = "EEGSEEK_MILVUS_TOKEN"  # noqa: S105
"""Environment variable with a cluster's token."""
CONNECT_S, CHANGE_S = 10.0, 600.0
"""Time-outs: to be connected, and for what takes long, such as making an index."""
BELONGS = "eegseek.gallery"
"""Property of a collection: fingerprint of the bundle whose rows it holds."""
TALKATIVE = ("pymilvus", "milvus_lite", "grpc._server")


@dataclass(frozen=True)
class Place:
    """Where a gallery's vectors are to be, or are.

    Attributes
    ----------
    address
        As the module says, with ``milvus:`` before it or without.
    gallery
        Fingerprint of the bundle.
    n_items, dim
        Of it.
    """

    address: str
    gallery: str
    n_items: int
    dim: int

    @property
    def uri(self) -> str:
        """The address without prefix.

        Raises
        ------
        BundleError
            It is neither a cluster's nor a ``.db``, or holds a password.
        """
        uri = self.address.removeprefix(PREFIX)
        if self.is_cluster and "@" in uri:
            raise BundleError(f"the address of Milvus holds a password; give it in {TOKEN_VARIABLE}, as USER:PASSWORD")
        if not self.is_cluster and not uri.endswith(".db"):
            raise BundleError(
                f"'{self.address}' is no address of Milvus; expected http://HOST:19530, or a file ending in .db"
            )
        return uri

    @property
    def is_cluster(self) -> bool:
        """Whether it is a server's, not a file's."""
        return self.address.removeprefix(PREFIX).startswith(("http://", "https://"))

    @property
    def collection(self) -> str:
        """Its name."""
        return f"eegseek_{self.gallery}"


def check_belongs(client: Any, place: Place) -> None:
    """Whether the collection is that of the gallery.

    Raises
    ------
    BundleError
        There is none, or it is another gallery's.
    """
    if not client.has_collection(place.collection, timeout=CONNECT_S):
        raise BundleError(
            f"Milvus at '{place.uri}' has no collection of gallery {place.gallery}; fill one with `eegseek gallery "
            "milvus GALLERY ADDRESS`"
        )
    said = client.describe_collection(place.collection, timeout=CONNECT_S)
    owner = said.get("properties", {}).get(BELONGS) or str(said.get("description", "")).removeprefix(f"{BELONGS}=")
    dims = [field["params"].get("dim") for field in said["fields"] if field["name"] == "vector"]
    if owner != place.gallery or [int(dim or 0) for dim in dims] != [place.dim]:
        raise BundleError(
            f"collection '{place.collection}' at '{place.uri}' is of gallery '{owner or 'unknown'}' with vectors of "
            f"{dims or 'no'} dimensions, not of gallery {place.gallery} with {place.dim}; drop it, or give another "
            "address"
        )


def count(client: Any, place: Place, below: int | None = None) -> int:
    """Vectors in the collection, or its rows below a number."""
    wanted = "" if below is None else f"row < {below}"
    found = client.query(place.collection, filter=wanted, output_fields=["count(*)"], timeout=CHANGE_S)
    return int(found[0]["count(*)"])


def connected(place: Place) -> Any:
    """A client of Milvus. What that would say on stderr stands in our errors.

    Raises
    ------
    BundleError
        pymilvus is not installed, or nobody answers in time.
    """
    uri = place.uri
    # it reads a file .env, from its own folder upwards, into this process's environment when it is imported
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")
    try:
        from pymilvus import MilvusClient  # type: ignore[import-untyped]
    except ImportError as error:
        raise BundleError("Milvus needs its client; install it with: pip install 'eegseek[milvus]'") from error
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    more: dict[str, Any] = {"token": os.environ.get(TOKEN_VARIABLE, "")} if place.is_cluster else {}
    if not place.is_cluster:
        Path(uri).parent.mkdir(parents=True, exist_ok=True)
    hint = (
        f"see that it runs, and that {TOKEN_VARIABLE} holds its token if it wants one"
        if place.is_cluster
        else "another process may hold it, as one at a time can; for several workers, run a server"
    )
    with translated(f"Milvus at '{uri}' cannot be reached within {CONNECT_S:g} s ({hint})"):
        return MilvusClient(uri=uri, timeout=CONNECT_S, dedicated=True, **more)


def close(client: Any, place: Place) -> None:
    """Let go of a client, and of a file's lock."""
    client.close()
    if not place.is_cluster:
        from milvus_lite.server_manager import server_manager_instance  # type: ignore[import-untyped]

        server_manager_instance.release_server(place.uri)


@contextmanager
def translated(words: str, kind: type[BundleError] = BundleError) -> Iterator[None]:
    """What pymilvus and gRPC raise becomes a sentence."""
    import grpc  # type: ignore[import-untyped]
    from pymilvus.exceptions import MilvusException  # type: ignore[import-untyped]

    try:
        yield
    except (MilvusException, grpc.RpcError, grpc.FutureTimeoutError) as error:
        said = str(getattr(error, "message", "") or error).strip().splitlines()
        raise kind(f"{words}: {said[0] if said else type(error).__name__}") from error
