"""Extents: where cells lie, and how an extent fits a frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.ui.map.extent import (
    WORLD,
    check_extent,
    extent_about,
    fit_extent,
    home_extent,
    same_extent,
    stretch_at,
)

degrees = st.floats(-180, 180)
latitudes = st.floats(-89, 89)


@given(st.lists(st.tuples(degrees, latitudes), min_size=1, max_size=20))
def test_home_holds_every_cell(cells):
    lon, lat = np.array(cells).T
    lon0, lon1, lat0, lat1 = home_extent(lon, lat)
    assert ((lat >= lat0) & (lat <= lat1)).all()
    assert (np.mod(lon - lon0 + 1e-9, 360) <= lon1 - lon0 + 1e-6).all()
    assert -180 < (lon0 + lon1) / 2 <= 180
    assert lon1 - lon0 <= 360 + 1e-6 or np.ptp(lat) > 100


def test_home_of_cells_over_the_antimeridian_is_the_short_way_round():
    lon0, lon1, *_ = home_extent([170, 179, -179, -170], [-10, 10, -10, 10])
    assert (lon0, lon1) == pytest.approx((168.8, 191.2))


def test_home_of_the_globe_is_the_world():
    lon, lat = np.meshgrid(np.arange(-179.5, 180), np.arange(-89.5, 90))
    assert home_extent(lon, lat) == WORLD


def test_one_cell_is_shown_among_its_surroundings():
    lon0, lon1, lat0, lat1 = home_extent([5.0], [60.0])
    assert lat1 - lat0 == pytest.approx(3)
    assert lon1 - lon0 == pytest.approx(6, abs=0.1)


@given(
    st.tuples(degrees, latitudes, st.floats(0.01, 300), st.floats(0.01, 150)),
    st.floats(50, 3000),
    st.floats(50, 2000),
    st.floats(0.2, 1),
)
def test_fitting_grows_an_extent_to_the_shape_of_the_frame(place, width, height, stretch):
    lon, lat, across, up = place
    wanted = (lon, lon + across, lat, lat + up)
    lon0, lon1, lat0, lat1 = fit_extent(wanted, width, height, stretch)
    assert (lon1 - lon0) * stretch / width == pytest.approx((lat1 - lat0) / height)
    assert lon0 <= wanted[0] + 1e-6
    assert lon1 >= wanted[1] - 1e-6
    assert lat0 <= wanted[2] + 1e-6
    assert lat1 >= wanted[3] - 1e-6
    grown = (lon1 - lon0) / across, (lat1 - lat0) / up
    assert min(grown) == pytest.approx(1)


@given(degrees, st.integers(-3, 3))
def test_whole_turns_make_no_difference(lon, turns):
    shifted = check_extent((lon + 360 * turns, lon + 20 + 360 * turns, 0, 10))
    assert same_extent(shifted, check_extent((lon, lon + 20, 0, 10)))


@pytest.mark.parametrize("extent", [(1, 0, 0, 1), (0, 1, 1, 1), (0, np.nan, 0, 1), (0, np.inf, 0, 1)])
def test_what_is_no_extent_is_refused(extent):
    with pytest.raises(ValueError, match="an extent is"):
        check_extent(extent)


def test_same_is_what_nobody_could_tell_apart():
    assert same_extent((0, 10, 0, 10), (0.001, 10, 0, 10))
    assert not same_extent((0, 10, 0, 10), (0.2, 10.2, 0, 10))
    assert same_extent(None, None)
    assert not same_extent(None, WORLD)


def test_an_extent_about_a_place_is_as_wide_as_high_on_the_ground():
    lon0, lon1, lat0, lat1 = extent_about(179.0, 60.0, 4.0, stretch_at(60))
    assert (lat0, lat1) == (58, 62)
    assert lon1 - lon0 == pytest.approx(8)
