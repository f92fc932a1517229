"""What surrounds the pages, in a browser: keys, undo of a deletion, the theme, what empty pages say, the review map."""

import re
from functools import partial

import pytest
from playwright.sync_api import expect

from motrain_app.design import Design, box, the_rest
from motrain_app.runs import create_run
from motrain_app.ui import app
from motrain_app.ui.services import open_services
from tests.runs.conftest import drive_here, make_dataset
from tests.ui.serving import running
from tests.ui.tab import go, press

pytestmark = [pytest.mark.browser, pytest.mark.slow]
REGIONS = (box("north", 0, 41.5, 10, 50), the_rest("rest"))


@pytest.fixture
def open_app(tab, tmp_path):
    """Return a function that opens the app on a design of six cells, trained or not; nothing may go wrong there."""
    make_dataset().to_netcdf(tmp_path / "cells.nc")
    running_apps = []

    def open_with(*, trained=False, **choices):
        design = Design(tmp_path / "cells.nc", ["a", "b"], ["y", "bend"], learner="ridge", **choices)
        design.save(tmp_path / "design.json")
        if trained:
            assert drive_here(create_run(design, tmp_path / "runs")) == "done"
        services = open_services(tmp_path / "design.json", runs=tmp_path / "runs", roots=[tmp_path])
        served = running(partial(app.make_page, services))
        running_apps.append((served, services))
        tab.goto(served.__enter__().url)
        tab.locator(".mt-headline").get_by_text("out-of-fold").or_(tab.locator(".mt-empty")).first.wait_for()
        return tab

    yield open_with
    assert tab.wrong == []
    tab.goto("about:blank")
    for served, services in running_apps:
        served.__exit__(None, None, None)
        services.close()


def _is_on(tab, name):
    tab.locator(".mt-inspector h6").get_by_text(name, exact=True).wait_for()


def test_keys_lead_to_pages_tools_and_partitions(open_app):
    tab = open_app(regions=REGIONS)
    for number, name in enumerate(("Data", "Partitions", "Validation", "Training", "Skill", "Operators"), start=1):
        tab.keyboard.press(str(number))
        _is_on(tab, name)
    tab.keyboard.press("b")
    _is_on(tab, "Partitions")
    for key, tool in {"p": "Polygon", "v": "Select", "b": "Box"}.items():
        tab.keyboard.press(key)
        expect(tab.locator(".mt-tools").get_by_role("button", name=tool)).to_have_attribute("aria-pressed", "true")
    tab.keyboard.press("?")
    tab.get_by_text("undo, redo").wait_for()
    tab.keyboard.press("Escape")
    tab.get_by_text("undo, redo").wait_for(state="detached")


def test_a_deleted_region_comes_back_by_the_button_and_by_the_key(open_app):
    tab = open_app(regions=REGIONS)
    sentence = tab.locator(".mt-sentence")
    for take_back in (lambda: press(tab, "mt-toast-undo"), lambda: tab.keyboard.press("Control+z")):
        sentence.get_by_text("2 regions").wait_for()
        expect(tab.locator(".mt-delete-region")).to_have_count(2)
        tab.locator(".mt-delete-region").first.get_by_role("button").click()
        sentence.get_by_text("2 regions").wait_for(state="detached")
        tab.locator(".mt-toast").get_by_text("Deleted north").wait_for()
        take_back()
    sentence.get_by_text("2 regions").wait_for()


def test_a_name_that_is_typed_is_no_key(open_app):
    tab = open_app(regions=REGIONS)
    name = tab.locator(".mt-rename input").first
    name.fill("")
    name.press_sequentially("1 pb v?")
    name.press("Enter")
    expect(tab.locator(".mt-rename input").first).to_have_value("1 pb v?")
    _is_on(tab, "Partitions")
    tab.locator(".mt-map").get_by_text("1 pb v?").first.wait_for()


def test_the_theme_turns_all_dark_and_stays_on_every_page(open_app):
    tab = open_app(regions=REGIONS)
    tab.get_by_label("Toggle theme").click()
    tab.locator(".mt-map .mt-dark").first.wait_for()
    for name in ("data", "validation", "skill"):
        go(tab, name)
        ground = tab.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", ground)[:3])) < 60, ground


def test_empty_pages_say_what_to_do(open_app):
    tab = open_app(jackknife=None)
    tab.locator(".mt-empty").get_by_text("Press P to draw").wait_for()
    go(tab, "validation")
    tab.locator(".mt-verdict").get_by_text("Nothing held out: no skill can be claimed").wait_for()
    go(tab, "training")
    tab.locator(".mt-run-state").get_by_text("Nothing trained").wait_for()
    for name, words in {"skill": "Train first", "operators": "None yet. Train first"}.items():
        go(tab, name)
        tab.locator(".mt-inspector").get_by_text(words).wait_for()
        press(tab, "mt-go-training")
        _is_on(tab, "Training")


def test_the_review_map_is_projected_and_the_working_map_comes_back(open_app):
    tab = open_app(regions="cells", trained=True)
    go(tab, "skill")
    tab.locator(".mt-skill-table .tabulator-row").nth(5).wait_for()
    tab.locator(".mt-projected input").click()
    tab.locator(".mt-review-map canvas").first.wait_for()
    # Metres of the projection about the middle of the cells, not degrees.
    reach = tab.evaluate("""() => {
      const models = [...Bokeh.documents[0]._all_models.values()]
      const points = models.filter(model => model.type === "Figure" && model.name !== "mt-map-figure")
        .flatMap(figure => figure.renderers).filter(one => one.glyph?.type === "Scatter")
      const column = points[0].data_source.data
      const lon = [...(column.get ? column.get("lon") : column.lon)]
      return [lon.length, Math.max(...lon.map(Math.abs))]
    }""")
    assert reach[0] == 6
    assert 10_000 < reach[1] < 200_000
    tab.locator(".mt-projected input").click()
    tab.locator(".mt-map-home").wait_for()
