"""The app under ``panel serve``: the same app, the same classes, and no session for a name that is none of ours."""

import json
import socket
import subprocess
import sys

import pytest

import motrain_app
from motrain_app.design import Design
from tests.conftest import PATIENCE
from tests.runs.conftest import environment, make_dataset
from tests.ui.serving import get, python, wait_until

PACKAGE = motrain_app.__path__[0]


@pytest.fixture
def folder(tmp_path):
    """A folder with data and a design for them."""
    make_dataset(cells=2).to_netcdf(tmp_path / "cells.nc")
    Design(tmp_path / "cells.nc", ["a"], ["y"], learner="ridge").save(tmp_path / "design.json")
    return tmp_path


@pytest.fixture
def panel_serve(folder):
    """Return a starter of ``panel serve motrain_app``, which returns its address, in a folder of its own."""
    started = []

    def start(*arguments):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        serve = ["-m", "panel", "serve", PACKAGE, "--address", "127.0.0.1", "--port", port]
        started.append(python(folder, *serve, "--log-file", folder / "panel.log", "--args", *arguments))
        process = started[-1].__enter__()
        url = f"http://127.0.0.1:{port}/"

        def answers():
            assert process.poll() is None
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(answers)
        return url

    yield start
    for process in started:
        process.__exit__(None, None, None)


def page_of(folder):
    return json.loads((folder / "page.json").read_text())


@pytest.mark.slow
def test_panel_serves_the_app_with_the_classes_of_the_package(panel_serve, folder):
    url = panel_serve("design.json", "--runs", "mine", "--workers", "2")
    assert get(url, "/motrain_app")[0] == 200
    first = page_of(folder)
    assert (first["kind"], first["name"], first["runs"], first["workers"]) == ("design", "design.json", "mine", 2)
    assert first["same_class"]
    assert not first["tensorflow"]
    assert get(url, "/motrain_app")[0] == 200
    assert page_of(folder)["services"] == first["services"], "sessions share one"


@pytest.mark.slow
def test_another_host_name_gets_no_session_of_ours(panel_serve, folder):
    url = panel_serve("design.json", "--host-name", "twin.example.org")
    status, _, _ = get(url, "/motrain_app", Host="rebound.example.com")
    assert status == 200, "Panel's server looks at no Host"
    assert not (folder / "page.json").exists(), "but nothing of ours was made"
    assert get(url, "/motrain_app", Host="twin.example.org")[0] == 200
    assert page_of(folder)["name"] == "design.json"


@pytest.mark.slow
def test_wrong_arguments_are_told_and_end_no_server(panel_serve, folder):
    url = panel_serve("--no-such-thing")
    assert get(url, "/motrain_app")[0] == 200
    assert "not those of `motrain serve`" in (folder / "panel.log").read_text()
    assert get(url, "/motrain_app")[0] == 200


def test_the_package_that_panel_runs_again_gives_the_same_classes():
    """Panel runs ``__init__.py`` under another name; what it hands out must be what everybody imports."""
    code = f"""
import sys, motrain_app
from panel.io.application import build_single_handler_application

app = build_single_handler_application({PACKAGE!r})
app.on_server_loaded(None)
(twin,) = [module for name, module in sys.modules.items() if name.startswith("bokeh_app_")]
assert twin is not motrain_app
others = [name for name in motrain_app.__all__ if getattr(twin, name) is not getattr(motrain_app, name)]
doubles = [name for name in sys.modules if name.startswith("bokeh_app_") and "." in name]
print(len(motrain_app.__all__) > 10, others, doubles)
"""
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=PATIENCE
    )
    assert said.stdout.strip() == "True [] []", said.stderr


def test_importing_main_shows_nothing():
    import motrain_app.main

    assert motrain_app.main.__name__ == "motrain_app.main"
    assert not hasattr(motrain_app.main, "options")
