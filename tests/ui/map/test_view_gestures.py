"""The map without a browser: how it follows what a browser and other pages tell."""

import numpy as np
import pytest

from motrain_app.ui.map import MapView
from motrain_app.ui.map.extent import same_extent
from tests.ui.map.conftest import LAT, LON, VALUES, show


def test_a_click_chooses_the_cell_that_is_drawn_there(view, client):
    client.look()
    client.tap(3.2, 44.9)
    assert (LAT[view.cell], LON[view.cell]) == (45, 3)
    ring = view._map._ring_source.data
    assert (ring["lon"][1], ring["lat"][1]) == (3, 45)
    client.tap(10.9, 50.9)
    assert view.cell is None
    assert view._map._ring_source.data["lon"] == []


def test_the_ring_follows_the_cell_that_another_page_chose(view):
    view.cell = 12
    assert view._map._ring_source.data["lat"][1] == LAT[12]
    with pytest.raises(ValueError, match="there is no cell 100"):
        view.cell = 100


def test_a_tool_that_takes_the_clicks_for_itself_chooses_no_cell(view, client):
    client.look()
    view.picking = False
    client.tap(3.0, 45.0)
    client.tap(3.0, 45.0, twice=True)
    assert view.cell is None
    assert view.extent is None
    assert view._frame.picking is False


def test_a_double_click_comes_closer(view, client):
    client.look((-40.0, 60.0, 20.0, 70.0))
    client.tap(3.2, 44.9, twice=True)
    lon0, lon1, lat0, lat1 = view.extent
    assert ((lon0 + lon1) / 2, (lat0 + lat1) / 2) == pytest.approx((3, 45))
    assert lat1 - lat0 < 50 / 2 + 1e-6
    assert same_extent(tuple(client.wanted[:4]), view.extent)


def test_two_quick_clicks_at_different_places_choose_and_do_not_zoom(view, client):
    client.look()
    client.tap(3.2, 44.9, at=(100, 200))
    client.tap(7.2, 41.9, twice=True, at=(300, 320))  # what Bokeh makes of the second one
    assert (LAT[view.cell], LON[view.cell]) == (42, 7)
    assert view.extent is None
    client.tap(7.2, 41.9, twice=True, at=(302, 321))
    assert view.extent is not None


def test_a_page_decides_what_a_double_click_on_a_cell_shows(view, client):
    client.look()
    view.zoom_target = lambda cell: (LON[cell], LON[cell] + 2, 40, 41)
    client.tap(3.2, 44.9, twice=True)
    assert view.extent == (3, 5, 40, 41)
    client.tap(10.9, 50.9, twice=True)  # no cell there
    assert view.extent != (3, 5, 40, 41)


def test_maps_share_their_extent(view, client, make_client):
    other = MapView.of(view.locator)
    its_client = make_client(other)
    view.param.watch(lambda change: other.param.update(extent=change.new), "extent")
    other.param.watch(lambda change: view.param.update(extent=change.new), "extent")
    client.look()
    its_client.look(width=60, height=60)
    assert view.extent is None, "no gesture, no choice"
    before = client.wanted[4], its_client.wanted[4]

    chosen = (2.0, 8.0, 42.0, 45.0)
    client.look(chosen, gesture=True)
    assert view.extent == other.extent == chosen
    assert (client.wanted[4], its_client.wanted[4]) == (before[0], before[1] + 1), "only the other one is moved"
    assert tuple(client.wanted[:4]) == chosen, "and a map that is built again shows it too"
    # The other map has a frame of another shape, and shows more; that is no choice of anybody's.
    its_client.look((2.0, 8.0, 40.0, 46.0), width=60, height=60)
    assert view.extent == chosen
    other.zoom_home()
    assert same_extent(tuple(client.wanted[:4]), view.locator.home)


def test_an_extent_that_is_none_is_refused(view):
    with pytest.raises(ValueError, match="an extent is"):
        view.zoom_to((5, 1, 0, 1))
    with pytest.raises(ValueError, match="an extent is"):
        MapView(LAT, LON, extent=(5, 1, 0, 1))


def test_limits_that_were_typed_stay_for_the_quantity(view, client):
    show(view)
    automatic = view.limits
    client.type_limits([-1, 1])
    assert view.limits == (-1, 1)
    assert view._key.content["pinned"]
    show(view, VALUES * 2)
    assert view.limits == (-1, 1)
    show(view, label="RMSE")
    assert view.limits == automatic
    show(view)
    client.type_limits([-1, 1])
    client.type_limits(None)
    assert view.limits == automatic
    assert not view._key.content["pinned"]


def test_a_page_may_set_the_limits(view, client):
    client.look()
    show(view)
    before = client.image
    view.limits = (-30, 50)
    assert (client.image != before).any()
    view.limits = None
    assert view.limits is not None
    np.testing.assert_array_equal(client.image, before)
    view.show_classes(np.zeros(LAT.size, int), ["all"])
    assert view.limits is None


def test_the_mouse_is_told_value_place_and_cell(view, client):
    client.look()
    show(view, describe=lambda cell: [f"n = {cell * 100}"])
    told = client.hover(3.2, 44.9)
    assert told == {
        "kind": "hover",
        "number": 7,
        "head": "1.283 dB",
        "rows": ["Bias", "n = 5300", "45° N, 3° E · cell 53"],
    }
    assert client.hover(10.9, 50.9)["head"] == ""
    view.show_classes(np.full(LAT.size, -1), [])
    assert client.hover(3.2, 44.9)["head"] == "none"
    show(view, np.full(LAT.size, np.nan))
    assert client.hover(3.2, 44.9)["head"] == "no data"


def test_a_place_is_told_where_nothing_is_shown_yet(view, client):
    assert client.hover(3.2, 44.9)["head"] == ""
    client.look()
    assert client.hover(3.2, 44.9)["head"] == "45° N, 3° E · cell 53"


def test_a_hidden_map_is_painted_when_it_is_seen_again(view, client):
    client.look()
    show(view, limits=(-3, 5))
    before = client.image
    client.hide()
    show(view, VALUES[::-1], limits=(-3, 5))
    assert client.image is before
    client.look()
    assert (client.image != before).any()
