"""A run seen live in a browser: it fills, goes on while no tab is open, stops where it is asked to, and loses nothing.

The run is a recorded one, replayed, so that nothing is trained; but for what was changed since.
"""

import re
import shutil
from functools import partial

import pytest
from playwright.sync_api import expect

from motrain_app.design import Design, box
from motrain_app.runs import Run, create_run
from motrain_app.ui import app
from motrain_app.ui.services import Cluster, open_services
from tests.conftest import PATIENCE
from tests.runs.conftest import drive_here, make_dataset
from tests.ui.replay import start_replay
from tests.ui.serving import running
from tests.ui.tab import click, go, press, watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CELLS = 6


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A finished run of one partition a cell."""
    folder = tmp_path_factory.mktemp("recorded")
    make_dataset().to_netcdf(folder / "cells.nc")
    design = Design(folder / "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", learner="ridge")
    made = create_run(design, folder / "runs")
    assert drive_here(made) == "done"
    return Run.open(made.path)


@pytest.fixture
def live(recorded, tmp_path):
    """An app on the recorded run's design, and a function that begins to replay the run in so many seconds."""
    recorded.design.save(tmp_path / "design.json")
    services = open_services(tmp_path / "design.json", runs=tmp_path / "runs", roots=[recorded.design.data[0]])
    begun = []

    def begin(seconds):
        folder, process = start_replay(recorded.path, services.runs_folder, seconds=seconds, batches=CELLS)
        begun.append(process)
        return Run.open(folder.path), process

    with running(partial(app.make_page, services)) as server:
        yield server.url, begin
    for process in begun:
        process.kill()
        process.wait()
    services.close()


def _colours_of_cells(tab):
    """Return the numbers of the colours in the map's image."""
    return tab.evaluate("""() => {
      const models = [...Bokeh.documents[0]._all_models.values()]
      const source = models.find(model => model.name === "mt-map-cells").data_source
      const column = source.data.get ? source.data.get("image") : source.data.image
      return [...new Set(column[0])]
    }""")


def test_the_map_fills_while_partitions_come_to_their_end(live, tab):
    url, begin = live
    run, process = begin(seconds=20)  # a busy machine takes half of them to show a page
    tab.goto(f"{url}?page=training&run={run.path.name}")
    words = tab.locator(".mt-run-state")
    words.get_by_text(re.compile(r"running: .*waiting")).wait_for()
    tab.locator(".mt-run-chip").get_by_text(re.compile(r"running \d+ %")).wait_for()
    words.get_by_text(f"done: {CELLS} trained").wait_for()
    tab.locator(".mt-runs").get_by_text("· done").wait_for()
    assert process.wait(PATIENCE) == 0
    tab.locator(".mt-map").get_by_text("Skill over the best baseline, y, out-of-fold").wait_for()
    assert len(_colours_of_cells(tab)) >= 4  # two equal ones may share one
    expect(tab.locator(".mt-stop")).to_be_hidden()
    go(tab, "skill")
    tab.locator(".mt-skill-table .tabulator-row").nth(CELLS - 1).wait_for()
    assert tab.wrong == []


@pytest.mark.parametrize("button", ["mt-stop", "mt-stop-run"])
def test_stop_stops_and_keeps_what_is_done(live, tab, button):
    url, begin = live
    run, process = begin(seconds=36)
    tab.goto(f"{url}?page=training&run={run.path.name}")
    tab.locator(".mt-run-state").get_by_text(re.compile(r"running: \d waiting, [1-5] trained")).wait_for()
    press(tab, button)
    tab.locator(".mt-run-state").get_by_text(re.compile(r"stopped: \d waiting, [1-5] trained")).wait_for()
    assert process.wait(PATIENCE) == 0
    assert run.state == "stopped"
    done = run.counts["done"]
    expect(tab.locator(".mt-resume").get_by_role("button")).to_be_enabled()
    go(tab, "operators")
    expect(tab.locator(".mt-operators .tabulator-row")).to_have_count(done)
    assert tab.wrong == []


def test_a_closed_tab_loses_nothing(live, tab, context):
    url, begin = live
    tab.goto(url)
    press(tab, "mt-everywhere")
    tab.locator(".mt-sentence").get_by_text("one operator everywhere").wait_for()
    press(tab, "mt-each-cell")
    tab.locator(".mt-sentence").get_by_text("one partition a cell").wait_for()
    run, process = begin(seconds=25)
    tab.goto(f"{url}?page=training&run={run.path.name}")
    tab.locator(".mt-run-state").get_by_text("running").wait_for()
    click(tab, 5.0, 40.0)
    address = tab.url
    tab.close()
    assert process.wait(PATIENCE) == 0, "the run goes on"

    again = watched(context.new_page())
    again.set_default_timeout(1000 * PATIENCE)
    again.goto(address)
    again.locator(".mt-run-state").get_by_text(f"done: {CELLS} trained").wait_for()
    assert again.url == address
    again.goto(url)
    again.locator(".mt-sentence").get_by_text("one partition a cell").wait_for()
    press(again, "mt-undo")
    again.locator(".mt-sentence").get_by_text("one operator everywhere").wait_for()
    assert again.wrong == []


@pytest.fixture
def redrawn(recorded, tmp_path):
    """An app that shows the recorded run, on a design in which four of its six cells are still partitions."""
    shutil.copytree(recorded.path.parent, tmp_path / "runs")
    regions = [box("north", 0, 41.5, 10, 45), *recorded.design.regions]
    recorded.design.change(regions=regions).save(tmp_path / "design.json")
    roots = [recorded.design.data[0]]
    services = open_services(tmp_path / "design.json", runs=tmp_path / "runs", roots=roots, cluster=Cluster(workers=1))
    with running(partial(app.make_page, services)) as server:
        yield server.url
    services.close()


def test_what_changed_is_trained_and_the_rest_taken_over(redrawn, recorded, tab):
    tab.goto(f"{redrawn}?page=training")
    tab.locator(".mt-run-banner").get_by_text("you changed the regions").wait_for()
    press(tab, "mt-train-changed")
    words = tab.locator(".mt-run-state")
    words.get_by_text(f"done: 5 trained; 4 of 5 partitions taken over from {recorded.path.name}").wait_for()
    expect(tab.locator(".mt-run-banner")).to_be_hidden()
    expect(tab.locator(".mt-start").get_by_role("button")).to_be_enabled()
    tab.locator(".mt-map").get_by_text("Skill over the best baseline, y, out-of-fold").wait_for()
    go(tab, "operators")
    expect(tab.locator(".mt-operators .tabulator-row")).to_have_count(5)
    assert tab.wrong == []
