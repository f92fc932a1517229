"""The server of the screen: bound to this machine, behind the guard, ended by Ctrl-C without a word too many."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import threading
import warnings
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.core.validation import silence
from bokeh.core.validation.warnings import EMPTY_LAYOUT
from bokeh.server.server import BaseServer
from bokeh.settings import settings
from bokeh.util.warnings import BokehUserWarning
from panel.io.application import build_applications
from panel.io.resources import DIST_DIR
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from motrain_app.runs import RunError
from motrain_app.ui.escape import safe_text
from motrain_app.ui.guard import GuardedTornado, HostNames
from motrain_app.ui.page import freed_when_closed
from motrain_app.ui.services import Cluster, Services, open_services

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
PORT = 5006
PORTS_TRIED = 20  # from the usual one on; then any
TITLE = "motrain"

# A closed tab frees its session within the sum of the last two; a tab that went away without a word, such as a laptop
# that was shut, is noticed by the ping. A session is unused, too, while a browser behind a slow tunnel still loads the
# page's scripts: freed before it connects, it would be built a second time.
KEEP_ALIVE_MS = 15_000
CHECK_UNUSED_MS = 5_000
UNUSED_LIFETIME_MS = 120_000
# What a browser sends are gestures, and uploads in pieces of about a megabyte. More closes the websocket.
MESSAGE_BYTES = 16 << 20
BODY_BYTES = 1 << 20  # nothing is posted here
COMPRESSION_LEVEL = 6

Page = Callable[[], Any]


class AppServer(BaseServer):
    """One app on a socket that is bound already, on the event loop that runs.

    Parameters
    ----------
    page
        Called once a session; returns what it shows.
    bound
        As `bind` gave it.
    hosts
        Names under which requests are answered.
    lifetimes
        Of `BokehTornado`, in milliseconds, where others than ours are wanted.
    """

    def __init__(self, page: Page, bound: socket.socket, hosts: HostNames | None = None, **lifetimes: int) -> None:
        settings.resources = "server"  # no user's own setting makes a page ask another machine
        silence(EMPTY_LAYOUT, True)
        # Panel's table view sends stylesheets back whole, which we know; nothing comes of it.
        warnings.filterwarnings("ignore", "reference already known", BokehUserWarning)
        options = {
            "keep_alive_milliseconds": KEEP_ALIVE_MS,
            "check_unused_sessions_milliseconds": CHECK_UNUSED_MS,
            "unused_session_lifetime_milliseconds": UNUSED_LIFETIME_MS,
            **lifetimes,
        }
        app = GuardedTornado(
            build_applications({"/": _or_apology(page)}, title=TITLE),
            hosts=hosts or HostNames(),
            websocket_max_message_size_bytes=MESSAGE_BYTES,
            websocket_compression_level=COMPRESSION_LEVEL,
            # A session begins with a page of ours only; its address cannot be made up. What other apps on localhost
            # left in the browser is no business of ours, and would travel in every token.
            sign_sessions=True,
            secret_key=os.urandom(32),
            include_headers=["Host", "User-Agent", "Accept-Language"],
            include_cookies=[],
            ico_path=str(DIST_DIR / "images" / "favicon.ico"),
            **options,
        )
        http = HTTPServer(app, max_body_size=BODY_BYTES)
        http.add_socket(bound)
        super().__init__(IOLoop.current(), app, http)
        self.url = f"http://{ADDRESS}:{self.port}/"

    @property
    def session_count(self) -> int:
        """Sessions that live, closed tabs that were not noticed yet among them."""
        return len(self.get_sessions("/"))


def _or_apology(page: Page) -> Page:
    """Return a page that tells in a sentence when it cannot be made; Panel would show the traceback, as HTML."""

    def make() -> Any:
        try:
            return freed_when_closed(page())
        except Exception as error:
            log.exception("A page could not be made")
            return pn.pane.Str(
                f"This page could not be made ({type(error).__name__}: {safe_text(error)}). The terminal that motrain "
                "was started in says more. Please report it."
            )

    return make


def bind(port: int | None = None) -> socket.socket:
    """Return a socket that listens on a port of this machine, and of this machine only.

    Parameters
    ----------
    port
        None for the usual one, or the next free one where that is taken; 0 for any free one.

    Raises
    ------
    OSError
        Where the port that was asked for cannot be had.
    RunError
        Where the number is none of a port.
    """
    if port is not None and not 0 <= port < 1 << 16:
        raise RunError(f"There is no port {port}. Ports go from 1 to 65535.")
    for one in [*range(PORT, PORT + PORTS_TRIED), 0] if port is None else [port]:
        try:
            bound = socket.create_server((ADDRESS, one), backlog=128)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            refused = error.errno
        else:
            bound.setblocking(False)
            return bound
    why = "is taken by another program" if refused == errno.EADDRINUSE else "is reserved"
    raise OSError(refused, f"Port {port} {why}. Leave --port out, and a free one is chosen.")


def serve(
    target: str | Path | None = None,
    *,
    port: int | None = None,
    runs: str | Path = "runs",
    roots: Sequence[str | Path] = (),
    cluster: Cluster | None = None,
    host_names: Sequence[str] = (),
    open_browser: bool = True,
) -> int:
    """Serve the app until Ctrl-C, and return the exit code.

    Parameters
    ----------
    target
        Data, a design or a run; None for the sample dataset.
    port
        As `bind` takes it.
    runs
        Folder of runs.
    roots
        Folders that may be read; none for the present one.
    cluster
        Where runs are trained that the screen starts.
    host_names
        Names besides localhost under which the app is reached, such as that of a proxy before it.
    open_browser
        Whether to open one, where there is a display.

    Raises
    ------
    DataError, DesignError, RunError, OSError
        Where nothing can be served, with every reason.
    """
    from motrain_app.ui.app import make_page

    hosts = HostNames(host_names)
    before = signal.getsignal(signal.SIGINT)
    bound = bind(port)
    try:
        services = open_services(target, runs=runs, roots=roots, cluster=cluster)
        try:
            asyncio.run(_serve(services, partial(make_page, services), bound, port, hosts, open_browser))
        finally:
            services.close()
    finally:
        signal.signal(signal.SIGINT, before)
        bound.close()
    return 0


async def _serve(
    services: Services, page: Page, bound: socket.socket, asked: int | None, hosts: HostNames, open_browser: bool
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, ended.set)
    server = AppServer(page, bound, hosts)
    server.start()
    _announce(server.url, server.port, moved=asked is None and server.port != PORT)
    if open_browser and has_display():
        threading.Thread(target=_open_browser, args=(server.url,), daemon=True).start()
    try:
        await ended.wait()
    finally:
        # Whoever presses Ctrl-C again has waited long enough for what a page still reads: the process ends at once.
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        server.unlisten()
        server.stop()
        busy = sum(entry.state in ("running", "starting") for entry in services.runs())
        print("\nEnded." + (f" Runs that go on: {busy}." if busy else ""), flush=True)


def _announce(url: str, port: int, *, moved: bool) -> None:
    why = f"port {PORT} is taken; " if moved else ""
    print(f"motrain is at {url}  ({why}Ctrl-C ends it; runs that were started go on)", flush=True)
    if os.environ.get("SSH_CONNECTION"):
        here = socket.gethostname()
        print(f"From your own machine: ssh -N -L {port}:{ADDRESS}:{port} {here}, then open {url}", flush=True)


def _open_browser(url: str) -> None:
    with suppress(webbrowser.Error):
        webbrowser.open(url)


def has_display() -> bool:
    """Say whether a browser that we open would be seen by whoever started us."""
    if os.environ.get("SSH_CONNECTION"):
        return False  # it would open over there, or crawl through the tunnel
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
