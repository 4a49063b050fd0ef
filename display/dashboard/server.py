"""NiceGUI behind one uvicorn server in this process, with the gate before it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from config.errors import EndpointError
from display.dashboard.pictures import Pictures
from display.dashboard.security import Gate, door, loopback
from display.dashboard.view import View

if TYPE_CHECKING:
    from fastapi import FastAPI

LOOK_S = 0.2
LINGER_S = 1.0
"""What came last is shown for so long before the server goes."""
RECONNECT_S = 10.0
"""A viewer who lost the connection finds the same page for so long; later the page is loaded anew."""
FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0072b2"/>'
    '<path d="M3 17h6l3-9 5 17 4-12 2 4h6" fill="none" stroke="#fff" stroke-width="2.6" stroke-linejoin="round"/></svg>'
)


@dataclass(frozen=True)
class Served:
    """What a server serves.

    Attributes
    ----------
    view
        For the pages.
    listening
        Its socket.
    token
        Asked for; empty for none.
    ready
        Called once requests are answered.
    over
        Asked now and then: whether to end.
    """

    view: View
    listening: socket.socket
    token: str
    ready: Callable[[], None]
    over: Callable[[], bool]


def bound(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises
    ------
    EndpointError
        The address is no address of this machine, or is in use.
    """
    plain = host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(plain, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(128)
        except OSError:
            made.close()
            raise
    except OSError as error:
        raise EndpointError(
            f"the dashboard cannot listen at {host}:{port}: {(error.strerror or str(error)).lower()}; choose another "
            "with --set dashboard.port=PORT, or an address of this machine with --set dashboard.host=ADDRESS"
        ) from error
    return made


def run_server(served: Served) -> None:
    """Serve until asked to stop by a signal, or until it is over; in the main thread."""
    # NiceGUI would make a folder for storage, which nothing here uses, where it is started
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(Path(tempfile.gettempdir()) / f"eegseek-nicegui-{os.getuid()}"))
    import uvicorn

    from display.dashboard.pages import pages

    class Quiet(uvicorn.Server):
        """Signals only set a flag; uvicorn's own handlers raise them once more at the end."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            old = {number: signal.signal(number, self._flag) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for number, handler in old.items():
                    signal.signal(number, handler)

        def _flag(self, number: int, frame: FrameType | None) -> None:
            self.should_exit = True

    app = made_app(served.view)
    host, port = served.listening.getsockname()[:2]
    shown = served.view.settings.dashboard
    near = loopback(shown.host)
    gate = Gate(app, door(shown.host, port, served.token, shown.names))
    config = uvicorn.Config(
        gate,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        ws_max_size=1 << 20,
        ws_per_message_deflate=not near,  # on this machine packing costs more than it saves
        lifespan="on",
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("nicegui").setLevel(logging.ERROR)  # it warns of every address that is not there
    server = Quiet(config)

    async def serve() -> None:
        served.view.loop = asyncio.get_running_loop()
        watching = asyncio.create_task(_watch(served, server))
        try:
            await server.serve(sockets=[served.listening])
        finally:
            served.view.loop = None
            watching.cancel()

    try:
        asyncio.run(serve())
    finally:
        for page in pages():
            if end := getattr(page, "end", None):
                end(served.view)


async def _watch(served: Served, server: object) -> None:
    while not getattr(server, "started", False):
        await asyncio.sleep(0.02)
    served.ready()
    while not served.over():
        await asyncio.sleep(LOOK_S)
    await asyncio.sleep(LINGER_S)
    server.should_exit = True  # type: ignore[attr-defined]


def made_app(view: View) -> FastAPI:
    """The application: pages, pictures, and NiceGUI's own files; nothing else is served."""
    from fastapi import FastAPI
    from fastapi.middleware.gzip import GZipMiddleware
    from fastapi.responses import Response
    from nicegui import ui

    from display.dashboard import search
    from display.dashboard.layout import frame
    from display.dashboard.pages import Page, pages

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gallery = view.settings.inference.gallery
    pictures, sought = Pictures(Path(gallery) if gallery else None), Pictures(search.gallery_of(view.folder))

    def served(found: tuple[bytes, str] | None) -> Response:
        if found is None:
            return Response("no picture of this item\n", 404, media_type="text/plain")
        return Response(found[0], media_type=found[1], headers={"cache-control": "private, max-age=600"})

    @app.get("/picture")
    def picture(item: str) -> Response:  # in a thread of the pool, as it reads a file
        return served(pictures.read(item))

    @app.get(search.PLACE)
    def search_picture(item: str) -> Response:
        return served(sought.read(item))

    every = pages()

    def add(page: Page) -> None:
        @ui.page(page.PATH, title=f"{page.TITLE} · eegseek")
        def show() -> None:
            with frame(view, page, every):
                page.build(view)

    for page in every:
        add(page)
        if begin := getattr(page, "begin", None):
            begin(view)
    ui.run_with(
        app,
        title="eegseek",
        favicon=FAVICON,
        dark=None,
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_S,
        message_history_length=200,
        show_welcome_message=False,
        gzip_middleware_factory=None if loopback(view.settings.dashboard.host) else GZipMiddleware,
    )
    return app
