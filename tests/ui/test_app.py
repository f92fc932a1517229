"""A session's page, built as the server builds it, without a browser."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet
from panel.io.state import set_curdoc

from motrain_app.design import Design
from motrain_app.ui import app
from motrain_app.ui.run_starter import RunStarter
from motrain_app.ui.services import open_services
from tests.conftest import PATIENCE
from tests.runs.conftest import make_dataset


@pytest.fixture
def services(tmp_path):
    """Services that show a design of six cells."""
    make_dataset().to_netcdf(tmp_path / "cells.nc")
    Design(tmp_path / "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", learner="ridge").save(tmp_path / "d.json")
    made = open_services(tmp_path / "d.json", runs=tmp_path / "runs", roots=[tmp_path])
    yield made
    made.close()


def test_a_session_without_its_html_page_asks_only_our_server_for_stylesheets(services):
    # As when a websocket comes back after its session was freed: no HTML is rendered then.
    document = Document()
    with set_curdoc(document):
        app.make_page(services).server_doc(document)
    sheets = [sheet for root in document.roots for sheet in root.select({"type": ImportedStyleSheet})]
    assert sheets
    assert {sheet.url for sheet in sheets if not sheet.url.startswith("static/")} == set()


def test_one_operator_everywhere_is_trained_when_the_sample_is_opened_first():
    started = []
    session = SimpleNamespace(run=None, layout=object(), design="the design")
    services = SimpleNamespace(
        start=lambda design: started.append(design) or "folder", run=lambda path: f"run in {path}"
    )

    starter = RunStarter(session, services)

    async def open_twice():
        for _ in range(2):
            app._begin(session, starter, SimpleNamespace(ready=True))
            while session.run is None:
                await asyncio.sleep(0.01)

    with ThreadPoolExecutor(1) as thread:  # the browser tests of this process keep a loop in the main one
        thread.submit(asyncio.run, open_twice()).result(PATIENCE)
    assert started == ["the design"]
    assert session.run == "run in folder"
