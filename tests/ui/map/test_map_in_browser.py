"""The map in a real browser: drawn at once, read out, chosen, zoomed and panned, in both themes."""

import io

import numpy as np
import panel as pn
import pytest
from PIL import Image
from playwright.sync_api import expect

from motrain_app.ui.map import MapView
from motrain_app.ui.map.extent import same_extent
from motrain_app.ui.map.figure import DARK, LIGHT
from motrain_app.ui.page import session_page
from tests.ui.map.conftest import LAT, LON, show
from tests.ui.map.screen import Screen, screens

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCRIPT = "<img src=x onerror='window.ran = true'>"
CELL = 55  # 45° N, 5° E


def make_map(**params) -> MapView:
    view = MapView(LAT, LON, **params)
    show(view)
    return view


@pytest.fixture
def open_map(page):
    """Serve a map and open it."""
    with screens(page) as opener:
        yield opener


@pytest.fixture(scope="module")
def opened(browser):
    """One page for the tests that leave it as they found it."""
    page = browser.new_page()
    try:
        with screens(page) as opener:
            yield opener(make_map)
    finally:
        page.close()


@pytest.fixture
def screen(opened) -> Screen:
    """The page with all cells in sight and none chosen."""

    def begin():
        opened.view.param.update(cell=None, limits=None, picking=True, zoom_target=None, dark=False)
        show(opened.view)
        opened.view.zoom_home()

    opened.settled()  # else home may be where the server believes the view to be already
    opened.on_server(begin)
    opened.page.mouse.move(1, 1)
    opened.until(lambda: _is_home(opened))
    opened.settled()
    return opened


def _is_home(screen) -> bool:
    """Say whether the view is that of all cells: as high or as wide as it must be."""
    seen, home = screen.frame("ranges"), screen.view.locator.home
    return same_extent((0, 1, *seen[2:]), (0, 1, *home[2:])) or same_extent((*seen[:2], 0, 1), (*home[:2], 0, 1))


def pixels(screen) -> np.ndarray:
    """Return what is seen of the frame, (height, width, 3)."""
    left, top, width, height = screen.frame("box")
    clip = {"x": left + 1, "y": top + 1, "width": width - 2, "height": height - 2}
    return np.asarray(Image.open(io.BytesIO(screen.page.screenshot(clip=clip))).convert("RGB"))


def share_of(picture, colour) -> float:
    """Return the share of a picture that has nearly a colour."""
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    return float((np.abs(picture.astype(int) - wanted).max(axis=-1) <= 12).mean())


def test_sea_land_coasts_and_cells_are_drawn_at_once(open_map):
    """Without a gesture: what the server sent before the browser was ready must not be lost."""
    screen = open_map(make_map)
    screen.until(lambda: share_of(pixels(screen), LIGHT.coast) > 3e-4)
    seen = pixels(screen)
    assert share_of(seen, LIGHT.sea) > 0.05
    assert share_of(seen, LIGHT.land) > 0.05
    inside = seen[seen.shape[0] // 2 - 40 : seen.shape[0] // 2 + 40, seen.shape[1] // 2 - 40 : seen.shape[1] // 2 + 40]
    assert share_of(inside, LIGHT.land) == 0, "cells lie over the land"


def test_scales_are_equal_at_the_middle_of_the_data(screen):
    _, _, width, height = screen.frame("box")
    lon0, lon1, lat0, lat1 = screen.frame("ranges")
    a_degree_east, a_degree_north = width / (lon1 - lon0), height / (lat1 - lat0)
    assert a_degree_east / a_degree_north == pytest.approx(np.cos(np.radians(44.5)), abs=0.01)


def test_the_colour_bar_has_a_label_a_unit_and_limits_to_edit(screen):
    key = screen.page.locator(".mt-map-key")
    expect(key.locator(".mt-map-label")).to_have_text("Bias")
    expect(key.locator(".mt-map-unit")).to_have_text("dB")
    assert key.locator(".mt-map-tick").count() > 2
    before = pixels(screen)
    low, high = key.locator(".mt-map-limit-low"), key.locator(".mt-map-limit-high")
    low.fill("0")
    high.fill("2")
    high.press("Enter")
    screen.until(lambda: screen.view.limits == (0, 2))
    screen.until(lambda: (pixels(screen) != before).any())
    key.get_by_text("auto").click()
    screen.until(lambda: screen.view.limits != (0, 2))


def test_a_limit_that_is_no_number_is_told_and_changes_nothing(screen):
    limits = screen.view.limits
    low = screen.page.locator(".mt-map-limit-low")
    low.fill("low")
    low.press("Enter")
    expect(screen.page.locator(".mt-map-limit-low.mt-wrong")).to_be_visible()
    assert screen.view.limits == limits
    low.fill("-1")
    low.press("Enter")
    screen.until(lambda: screen.view.limits[0] == -1)


def test_the_mouse_reads_out_value_place_and_number_of_a_cell(screen):
    chip = screen.page.locator(".mt-map-hover")
    screen.page.mouse.move(*screen.at(LON[CELL], LAT[CELL]))
    expect(chip).to_contain_text(f"cell {CELL}")
    expect(chip).to_contain_text("Bias")
    expect(chip).to_contain_text("dB")
    expect(chip).to_contain_text("45° N, 5° E")
    screen.page.mouse.move(*screen.at(-4, 45))
    expect(chip).to_be_hidden()


def test_a_click_chooses_a_cell_and_one_beside_all_chooses_none(screen):
    screen.page.mouse.click(*screen.at(LON[CELL], LAT[CELL]))
    screen.until(lambda: screen.view.cell == CELL)
    screen.page.mouse.click(*screen.at(-4, 45))
    screen.until(lambda: screen.view.cell is None)


def test_nothing_is_chosen_or_read_out_while_picking_is_off(screen):
    screen.on_server(lambda: screen.view.param.update(picking=False))
    screen.page.mouse.click(*screen.at(LON[CELL], LAT[CELL]))
    screen.on_server(lambda: screen.view.param.update(picking=True))
    # Further off than a double click's second one.
    screen.page.mouse.click(*screen.at(LON[0], LAT[0]))
    screen.until(lambda: screen.view.cell is not None)
    assert screen.view.cell == 0


def test_the_wheel_zooms_about_the_mouse_and_the_server_hears_the_extent(screen):
    at = screen.at(8, 48)
    before = screen.frame("ranges")
    screen.page.mouse.move(*at)
    screen.page.mouse.wheel(0, -400)
    screen.until(lambda: screen.frame("ranges")[1] - screen.frame("ranges")[0] < 0.9 * (before[1] - before[0]))
    screen.settled()
    assert screen.place(*at) == pytest.approx((8, 48), abs=0.05)
    screen.until(lambda: same_extent(screen.view.extent, tuple(screen.frame("ranges"))))


def test_a_drag_pans_and_the_server_hears_the_extent(screen):
    (x, y), before = screen.at(5, 45), screen.frame("ranges")
    mouse = screen.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 60, y + 20, steps=3)
    mouse.move(x + 120, y + 40, steps=3)
    mouse.up()
    screen.until(lambda: screen.frame("ranges")[0] < before[0] - 1)
    screen.settled()
    assert screen.place(x + 120, y + 40) == pytest.approx((5, 45), abs=0.2)
    screen.until(lambda: same_extent(screen.view.extent, tuple(screen.frame("ranges"))))
    assert screen.view.cell is None, "a drag is no click"


def test_a_drag_that_begins_with_a_rest_pans_too(screen):
    (x, y), before = screen.at(5, 45), screen.frame("ranges")
    screen.page.mouse.move(x, y)
    screen.page.mouse.down()
    screen.page.wait_for_timeout(700)
    screen.page.mouse.move(x + 60, y, steps=3)
    screen.page.mouse.up()
    screen.until(lambda: screen.frame("ranges")[0] < before[0] - 0.5)


def test_a_double_click_shows_what_the_page_says_or_what_lies_about(screen):
    x, y = screen.at(LON[CELL], LAT[CELL])
    before = screen.frame("ranges")
    screen.double_click(x, y)
    screen.until(lambda: screen.frame("ranges")[3] - screen.frame("ranges")[2] < 0.8 * (before[3] - before[2]))
    screen.settled()
    screen.on_server(lambda: screen.view.param.update(zoom_target=lambda cell: (0.0, 2.0, 40.0, 42.0)))
    screen.double_click(*screen.at(LON[CELL], LAT[CELL]))
    screen.until(lambda: abs(sum(screen.frame("ranges")[2:]) / 2 - 41) < 0.01)


def test_buttons_zoom_and_bring_all_cells_back(screen):
    home = screen.frame("ranges")
    screen.page.locator(".mt-map-zoom-in").click()
    screen.until(lambda: screen.frame("ranges")[1] - screen.frame("ranges")[0] < 0.6 * (home[1] - home[0]))
    screen.settled()
    screen.page.locator(".mt-map-home").click()
    screen.until(lambda: _is_home(screen))


def test_an_extent_set_by_the_server_is_shown(screen):
    screen.on_server(lambda: screen.view.zoom_to((2, 4, 42, 44)))
    screen.until(lambda: same_extent((0, 1, *screen.frame("ranges")[2:]), (0, 1, 42, 44)))


def test_names_of_classes_labels_and_read_outs_are_text(screen):
    def name():
        screen.view.show_classes(
            np.zeros(len(LAT), int), [SCRIPT], label=SCRIPT, describe=lambda cell: [SCRIPT, "further"]
        )

    screen.on_server(name)
    key = screen.page.locator(".mt-map-key")
    expect(key.locator(".mt-map-name").first).to_have_text(SCRIPT)
    screen.page.mouse.move(*screen.at(LON[CELL], LAT[CELL]))
    expect(screen.page.locator(".mt-map-hover")).to_contain_text("further")
    screen.on_server(lambda: show(screen.view, label=SCRIPT, unit=SCRIPT))
    expect(key.locator(".mt-map-unit")).to_have_text(SCRIPT)
    assert screen.page.locator(".mt-map img").count() == 0
    assert screen.page.evaluate("window.ran") is None


def test_dark_grounds_come_with_the_theme_and_go(screen):
    screen.on_server(lambda: screen.view.param.update(dark=True))
    screen.until(lambda: share_of(pixels(screen), DARK.sea) > 0.05)
    screen.until(lambda: share_of(pixels(screen), LIGHT.sea) < 1e-3)  # letters and icons may be as light
    screen.on_server(lambda: screen.view.param.update(dark=False))
    screen.until(lambda: share_of(pixels(screen), LIGHT.sea) > 0.05)


def test_a_map_that_left_the_page_is_drawn_whole_when_it_comes_back(open_map):
    """The six pages share one map: each page puts it into its own place."""
    box = pn.Column(sizing_mode="stretch_both", margin=0)

    def lay_out(maps):
        box.objects = [maps[0]]
        return session_page(title="Map", main=[box])

    def turn(*parts):
        screen.on_server(lambda: setattr(box, "objects", list(parts)))

    screen = open_map(make_map, lay_out)
    screen.settled()  # else the page may write back what it has just drawn
    turn(pn.pane.Str("another page"))
    expect(screen.page.locator(".mt-map-home")).to_have_count(0)
    screen.on_server(lambda: show(screen.view, -np.arange(len(LAT), dtype=float)))
    turn(pn.Column(pn.pane.Str("a head"), screen.view, sizing_mode="stretch_both"))
    screen.page.locator(".mt-map-home").wait_for()
    screen.until(lambda: screen.frame("box")[2] > 100)
    screen.settled()
    screen.page.mouse.click(*screen.at(LON[CELL], LAT[CELL]))
    screen.until(lambda: screen.view.cell == CELL)
    screen.until(lambda: share_of(pixels(screen), LIGHT.coast) > 3e-4)
