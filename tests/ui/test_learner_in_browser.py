"""The learner chosen in a browser: a preset, its budget, a cell of the search space, undo, and what makes no sense."""

import re
from functools import partial

import pytest
from playwright.sync_api import expect

from motrain_app.design import Design, Learner
from motrain_app.design.history import DesignHistory
from motrain_app.learning.presets import PEER, VESPER
from motrain_app.runs.paces import PaceStore
from motrain_app.ui import app
from motrain_app.ui.services import open_services
from tests.runs.conftest import make_dataset
from tests.ui.serving import running, wait_until
from tests.ui.tab import choose, press

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROW = {"Layers": 1, "Width": 3, "Learning rate": 5, "Batch": 6}


@pytest.fixture
def training(tab, tmp_path):
    """The Training page of a design with one partition a cell, and a function that returns its learner as saved."""
    make_dataset(cells=5).to_netcdf(tmp_path / "cells.nc")
    design = Design(tmp_path / "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", learner="ridge2")
    design.save(tmp_path / "design.json")
    services = open_services(tmp_path / "design.json", runs=tmp_path / "runs", roots=[tmp_path])
    with running(partial(app.make_page, services)) as server:
        tab.goto(f"{server.url}?page=training")
        _budget(tab, "5 members × 5 partitions")

        def saved():
            (path,) = (tmp_path / "runs" / "designs").glob("*.json")
            return DesignHistory(path, design).design.learner

        yield tab, saved, services
        assert tab.wrong == []
        tab.goto("about:blank")
    services.close()


def _budget(tab, words):
    tab.locator(".mt-budget").get_by_text(words).wait_for()


def _open_settings(tab):
    tab.locator(".mt-settings-part").get_by_role("button", name="Settings").click()
    tab.locator(".mt-option-hidden input").wait_for()


def _cell(tab, name):
    return tab.locator(".mt-search-space .tabulator-row").nth(ROW[name]).locator(".tabulator-editable")


def _type_into(tab, name, text):
    editor = _cell(tab, name).locator("input")

    def opened():
        _cell(tab, name).click()
        tab.wait_for_timeout(200)
        return editor.is_visible()

    wait_until(opened)  # while the part unfolds, the table is drawn again, which ends an edit
    editor.fill(text)
    editor.press("Enter")


def test_a_preset_its_budget_and_the_search_space_with_undo(training):
    tab, saved, services = training
    choose(tab, ".mt-preset", PEER.name)
    _budget(tab, "11 candidates × 5 members × 5 partitions · at most 27,500 model-epochs · ")
    expect(tab.locator(".mt-learner").get_by_role("combobox")).to_have_text("network")
    assert saved() == PEER.learner
    tab.locator(".mt-budget").get_by_text(re.compile("· about .* on .* worker")).wait_for()
    assert len(PaceStore(services.runs_folder).known()) == 2, "those that do most of the work were measured"

    _open_settings(tab)
    expect(_cell(tab, "Batch")).to_have_text("7 … 365")
    _type_into(tab, "Batch", "64")
    expect(tab.locator(".mt-preset").get_by_role("combobox")).to_have_text("custom")
    assert wait_until(lambda: saved().options["search"]["space"]["batch"] == [64])
    _type_into(tab, "Width", "4 … 32 log")
    assert wait_until(lambda: saved().options["search"]["space"]["width"] == {"low": 4, "high": 32, "log": True})
    press(tab, "mt-undo")
    expect(_cell(tab, "Width")).to_have_text("1 … 128")
    expect(_cell(tab, "Batch")).to_have_text("64")
    press(tab, "mt-undo")
    expect(_cell(tab, "Batch")).to_have_text("7 … 365")
    expect(tab.locator(".mt-preset").get_by_role("combobox")).to_have_text(PEER.name)
    assert saved() == PEER.learner
    press(tab, "mt-undo")
    _budget(tab, "5 members × 5 partitions")
    expect(tab.locator(".mt-learner").get_by_role("combobox")).to_have_text("ridge2")
    expect(tab.locator(".mt-preset").get_by_role("combobox")).to_have_text("Default")
    tab.locator(".mt-option-strengths input").wait_for()
    assert saved() == Learner("ridge2")


def test_settings_are_typed_over_and_nonsense_is_told_and_changes_nothing(training):
    tab, saved, _ = training
    choose(tab, ".mt-learner", "network")
    _open_settings(tab)
    hidden, rate = (tab.locator(f".mt-option-{name} input") for name in ("hidden", "learning_rate"))
    hidden.fill("15, 15, 15, 15")
    hidden.press("Enter")
    choose(tab, ".mt-option-activation", "relu")
    expect(tab.locator(".mt-preset").get_by_role("combobox")).to_have_text(VESPER.name)
    assert wait_until(lambda: saved() == Learner("network", {"hidden": [15] * 4, "activation": "relu"}))

    rate.fill("fast")
    rate.press("Enter")
    tab.locator(".mt-toast").get_by_text("learning_rate is ’fast’; it must be a number above zero.").wait_for()
    expect(rate).to_have_value("0.005")
    rate.fill("fast")  # the same once more is nonsense once more
    rate.press("Enter")
    expect(rate).to_have_value("0.005")

    tab.locator(".mt-search input").click()
    expect(_cell(tab, "Width")).to_have_text("4 … 64 log")
    assert wait_until(lambda: saved().options["search"]["candidates"] == 12)
    before = saved()
    for _ in range(2):
        _type_into(tab, "Learning rate", "0.1 … 0.01")
        tab.locator(".mt-toast").get_by_text("low comes first").wait_for()
        expect(_cell(tab, "Learning rate")).to_have_text("0.001 … 0.02 log")
    candidates = tab.locator(".mt-candidates input")
    candidates.fill("0")
    candidates.press("Enter")
    tab.locator(".mt-toast").get_by_text("Say how many candidates to draw").wait_for()
    expect(candidates).to_have_value("12")
    assert saved() == before
    candidates.fill("4")
    candidates.press("Enter")
    _budget(tab, "4 candidates × 5 members × 5 partitions")
    assert saved().options["search"]["candidates"] == 4


# Types nonsense and Enter the moment that a field shows its setting again, many times; returns how often it was undone.
TYPE_AT_ONCE = """(field) => new Promise((resolve) => {
  const setting = field.value
  const put = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set
  let undone = -1, since = performance.now()
  const look = () => {
    if (field.value === setting) {
      undone += 1
      since = performance.now()
      if (undone === 40) return resolve(undone)
      put.call(field, "fast")
      field.dispatchEvent(new Event("input", {bubbles: true}))
      setTimeout(() => field.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true})), 0)
    } else if (performance.now() - since > 5000) {
      return resolve(undone)
    }
    setTimeout(look, 0)
  }
  look()
})"""


def test_nonsense_is_undone_however_soon_it_follows(training):
    tab, saved, _ = training
    choose(tab, ".mt-learner", "network")
    _open_settings(tab)
    assert tab.locator(".mt-option-learning_rate input").evaluate(TYPE_AT_ONCE) == 40
    assert saved() == Learner("network")


def test_everything_is_within_the_inspector_and_start_can_be_reached(training):
    tab, *_ = training
    choose(tab, ".mt-preset", PEER.name)
    _open_settings(tab)
    _cell(tab, "Batch").wait_for()
    inspector = tab.locator(".mt-inspector").bounding_box()
    for css in (".mt-preset", ".mt-option-batch", ".mt-search-space", ".mt-halving", ".mt-budget"):
        part = tab.locator(css).first
        part.scroll_into_view_if_needed()
        box = part.bounding_box()
        assert inspector["x"] <= box["x"] < box["x"] + box["width"] <= inspector["x"] + inspector["width"], css
    start = tab.locator(".mt-start").get_by_role("button")
    start.scroll_into_view_if_needed()
    expect(start).to_be_in_viewport(ratio=1)
