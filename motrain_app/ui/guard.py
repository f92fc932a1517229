"""What every request passes before anything of the app is touched, and the headers that every answer carries.

Whoever opens a page of a stranger lets that page send requests to 127.0.0.1. What keeps it out is the name in the Host
header: a name that the stranger made to point here (DNS rebinding) is none that we go by. Bokeh compares the Origin of
a websocket with its Host only, and there the stranger's name stands twice.
"""

import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from bokeh.application import Application
from bokeh.server.tornado import BokehTornado
from panel.io.resources import COMPONENT_PATH
from panel.io.server import get_static_routes
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform, RedirectHandler, RequestHandler

from motrain_app.runs import RunError

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
# With these a page elsewhere could fetch a session of ours, or list the app. We embed nowhere.
_NO_ROUTES = ("/autoload.js", "/metadata")

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?", re.ASCII)
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_-]{1,63}){0,20}", re.ASCII)
_SCRIPT = re.compile(rb"<script(?=[\s>])(.*?</script\s*>)", re.DOTALL | re.IGNORECASE)

_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class HostNames:
    """The names under which the app may be reached.

    Parameters
    ----------
    more
        Besides localhost, 127.0.0.1 and [::1]: names that an administrator vouches for, without a port.

    Raises
    ------
    RunError
        Where one of them is no host name; wildcards are none.

    Examples
    --------
    >>> names = HostNames(["node7.example.org"])
    >>> names.allow("127.0.0.1:5006"), names.allow("Node7.example.org"), names.allow("rebound.example.com:5006")
    (True, True, False)
    """

    def __init__(self, more: Iterable[str] = ()) -> None:
        self.more = tuple(dict.fromkeys(name.strip().lower() for name in more))
        for name in self.more:
            if not _NAME.fullmatch(name):
                raise RunError(f"{name!r} is no host name. Give it to --host-name without port, scheme and wildcards.")
        self._names = LOCAL_NAMES | set(self.more)

    def allow(self, host: str) -> bool:
        """Say whether a Host header names us; the port does not matter, since tunnels have their own."""
        found = _HOST.fullmatch(host.lower())
        return found is not None and found["name"] in self._names


class SecurityHeaders(OutputTransform):
    """Adds the headers to every answer: pages, files, errors, websocket upgrades."""

    def __init__(self, request: HTTPServerRequest) -> None:
        super().__init__(request)
        self._host = request.host
        self._is_file = request.path.startswith(("/static/", f"/{COMPONENT_PATH}"))

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Set the headers before they are sent."""
        nonce = ""
        if headers.get("Content-Type", "").startswith("text/html"):
            nonce = secrets.token_hex(16)
            chunk = with_nonce(chunk, nonce)
            if "Content-Length" in headers:
                headers["Content-Length"] = str(len(chunk))
        headers["Content-Security-Policy"] = content_policy(self._host, nonce)
        for name, value in _HEADERS.items():
            headers[name] = value
        # Files of the libraries are asked for again and again, over tunnels too; pages hold the word of their session.
        headers.setdefault("Cache-Control", "no-cache" if self._is_file else "no-store")
        return status_code, headers, chunk


def content_policy(host: str, nonce: str = "") -> str:
    """Return the Content-Security-Policy of an answer: nothing from elsewhere, no script that is not the page's own.

    Bokeh makes functions from text (CustomJS) and Panel modules from blobs, so these stay open. Inline code runs only
    where it stood in the page that the server made: an event handler that came in with a name from a file does not
    run, should it ever get as far as the page.

    Parameters
    ----------
    host
        As allowed by `HostNames`, port included.
    nonce
        The word that the page's own scripts carry.
    """
    rules = {
        "default-src": "'none'",
        "script-src": "'self' blob: 'unsafe-eval'" + (f" 'nonce-{nonce}'" if nonce else ""),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": f"'self' blob: ws://{host} wss://{host}" if _HOST.fullmatch(host.lower()) else "'self' blob:",
        "worker-src": "'self' blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def with_nonce(page: bytes, nonce: str) -> bytes:
    """Let the page's own scripts carry a word, by which the browser and the module loader of Panel know them.

    Examples
    --------
    >>> with_nonce(b'<script src="a.js"></script><script>"<script>"</script>', "7f")
    b'<script nonce="7f" src="a.js"></script><script nonce="7f">"<script>"</script>'
    """
    return _SCRIPT.sub(rb'<script nonce="%b"\1' % nonce.encode(), page)


class Refusal(RequestHandler):
    """Answers 403 with a sentence, whatever is asked."""

    def initialize(self, sentence: str) -> None:
        """Take the sentence."""
        self._sentence = sentence

    def prepare(self) -> None:
        """Answer, before any method is looked at."""
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(self._sentence)


class GuardedTornado(BokehTornado):
    """Bokeh's server application behind the guard.

    Parameters
    ----------
    applications
        By path, as for Bokeh.
    hosts
        Names under which requests are answered.
    options
        Of `BokehTornado`.
    """

    def __init__(self, applications: Mapping[str, Application], *, hosts: HostNames, **options: Any) -> None:
        super().__init__(
            applications,
            extra_patterns=get_static_routes({}),
            # A proxy that renames the Host leaves the Origin as the browser knows it.
            extra_websocket_origins=[f"{name}:*" for name in hosts.more],
            **options,
        )
        self._hosts = hosts
        self.add_transform(SecurityHeaders)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Refuse a request, or pass it on; every kind of request comes through here, websocket upgrades too."""
        refused = self._reason_against(request)
        if refused:
            return self.get_handler_delegate(request, Refusal, {"sentence": refused})
        if request.host.startswith("[") and request.path == "/":  # Panel cannot split such a name from its port
            url = f"{request.protocol}://{request.host.lower().replace('[::1]', 'localhost')}/"
            return self.get_handler_delegate(request, RedirectHandler, {"url": url, "permanent": False})
        return super().find_handler(request, **kwargs)

    def _reason_against(self, request: HTTPServerRequest) -> str:
        if len(request.headers.get_list("Host")) > 1 or not self._hosts.allow(request.host):
            return "This app is not reached by that host name. Whoever started it may allow it with --host-name.\n"
        if request.path.endswith(_NO_ROUTES):
            return "This app cannot be embedded.\n"
        if request.path.startswith(f"/{COMPONENT_PATH}") and not _is_loaded_component(request.path):
            return "There is no such component.\n"
        return ""


def _is_loaded_component(path: str) -> bool:
    """Panel would import any module that an address names; what a page needs has been imported for it already."""
    module = path.removeprefix(f"/{COMPONENT_PATH}").split("/")[0]
    return module.split(".")[0] in ("panel", "panel_material_ui", "motrain_app") and module in sys.modules
