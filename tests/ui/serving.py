"""Servers for tests: one in a thread with a page of the test's own, and ``motrain serve`` as a process."""

import asyncio
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from motrain_app.ui.guard import HostNames
from motrain_app.ui.server import AppServer, bind
from tests.conftest import PATIENCE
from tests.runs.conftest import environment

# In place of the pages, which have tests of their own: a server of this is up in half the time.
STUB_APP = """
import json, os, pathlib, sys, types

def make_page(services):
    import motrain_app.ui.services, panel as pn
    target = services.target
    if os.environ.get("START"):
        from motrain_app.design import Design
        services.start(Design.load(target.path))
    pathlib.Path("page.json").write_text(json.dumps({
        "kind": target.kind,
        "name": target.path.name,
        "runs": services.runs_folder.name,
        "roots": [path.name for path in services.roots.paths],
        "workers": services.cluster.workers,
        "services": id(services),
        "same_class": type(services) is motrain_app.ui.services.Services,
        "states": [entry.state for entry in services.runs()],
        "tensorflow": "tensorflow" in sys.modules,
    }))
    return pn.pane.Str("hello")

app = types.ModuleType("motrain_app.ui.app")
app.make_page = make_page
sys.modules["motrain_app.ui.app"] = app
"""


@contextmanager
def running(page: Callable[[], Any], hosts: HostNames | None = None, **lifetimes: int) -> Iterator[AppServer]:
    """Serve a page from a thread, and end the server after."""
    ready, box = threading.Event(), []

    async def serve() -> None:
        ended = asyncio.Event()
        with bind(0) as bound:
            server = AppServer(page, bound, hosts, **lifetimes)
            server.start()
            box.extend([server, asyncio.get_running_loop(), ended])
            ready.set()
            await ended.wait()
            server.unlisten()
            server.stop()
        await asyncio.sleep(0.1)  # the connections close

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield box[0]
    finally:
        box[1].call_soon_threadsafe(box[2].set)
        thread.join()


def get(url: str, path: str = "/", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    """Get a path and return status, headers and body; headers as they are given, the Host too."""
    address = url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def token_of(page: bytes) -> str:
    """Return the word with which a page opens its websocket."""
    found = re.search(rb'"token":"([^"]+)"', page)
    assert found
    return found[1].decode()


@contextmanager
def motrain(folder: Path, *arguments: object, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Start ``motrain`` in a folder, with the stub as its page, and kill it after."""
    with python(folder, "-m", "motrain_app", *arguments, **variables) as process:
        yield process


@contextmanager
def python(folder: Path, *arguments: object, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Start Python in a folder, with the stub in the place of the app's page, and kill it after."""
    stub = folder / "stub"  # Python imports what is in it before anything else
    stub.mkdir(exist_ok=True)
    (stub / "sitecustomize.py").write_text(STUB_APP)
    base = environment()
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **{name: value for name, value in base.items() if name not in ("DISPLAY", "SSH_CONNECTION")},
            "PYTHONPATH": os.pathsep.join([str(stub), base["PYTHONPATH"]]),
            "XDG_CACHE_HOME": str(folder / "cache"),
            **variables,
        },
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def address_of(process: "subprocess.Popen[str]") -> str:
    """Wait for the line that tells the address, and return it."""
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert found, line + (process.stderr.read() if process.stderr else "")
    return found[0]


def interrupt(process: "subprocess.Popen[str]", timeout: float = PATIENCE) -> tuple[str, str]:
    """Press Ctrl-C in the terminal of a process, and return what it said until its end."""
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=timeout)


def wait_until(true: Callable[[], Any], timeout: float = PATIENCE) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + timeout
    while not (value := true()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)
    return value
