"""Land, coasts and borders of a view."""

import numpy as np
import pytest
import shapely

from motrain_app.data.assets import land_polygons
from motrain_app.ui.map.extent import WORLD
from motrain_app.ui.map.outlines import backdrop_for

EUROPE = (-10.0, 30.0, 36.0, 60.0)
FIJI = (170.0, 190.0, -25.0, -10.0)
OPEN_SEA = (-29.0, -28.0, 10.0, 10.7)


def in_path(path, lon, lat):
    """Tell by the even-odd rule whether places lie in a path of rings: how often a ray to the east crosses it."""
    crossings = np.zeros(np.shape(lon), int)
    x, y = (np.asarray(axis, float) for axis in path)
    gaps = np.flatnonzero(np.isnan(x))
    for ring in np.split(np.arange(x.size), gaps):
        ring = ring[~np.isnan(x[ring])]
        x0, y0 = x[ring], y[ring]
        x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
        for place, (px, py) in enumerate(zip(lon, lat, strict=True)):
            spans = (y0 > py) != (y1 > py)
            crossings[place] += np.count_nonzero(
                px < x0[spans] + (py - y0[spans]) / (y1[spans] - y0[spans]) * (x1[spans] - x0[spans])
            )
    return crossings % 2 == 1


@pytest.mark.parametrize("extent", [EUROPE, FIJI, (40.0, 60.0, 36.0, 48.0)], ids=["Europe", "Fiji", "Caspian"])
def test_the_cut_land_is_land(extent):
    random = np.random.default_rng(0)
    lon, lat = random.uniform(extent[0], extent[1], 300), random.uniform(extent[2], extent[3], 300)
    expected = shapely.intersects_xy(land_polygons("50m"), np.mod(lon + 180, 360) - 180, lat)
    assert (in_path(backdrop_for(extent).land, lon, lat) == expected).mean() > 0.99
    assert expected.any()


def test_from_afar_the_outlines_are_coarse_and_close_up_fine():
    assert backdrop_for(WORLD).resolution == "110m"
    assert backdrop_for(WORLD) is backdrop_for((-90.0, 90.0, -60.0, 60.0))
    close = backdrop_for(EUROPE)
    assert close.resolution == "50m"
    assert close.coastlines[0].size > 5000
    assert all(axis.dtype == np.float32 for path in (close.land, close.coastlines, close.borders) for axis in path)


def test_a_backdrop_serves_the_views_within_it():
    backdrop = backdrop_for(EUROPE)
    assert backdrop.serves(EUROPE)
    assert backdrop.serves((0.0, 40.0, 40.0, 64.0))
    assert not backdrop.serves((40.0, 80.0, 36.0, 60.0))
    assert not backdrop.serves(WORLD)
    assert backdrop_for(WORLD).serves((-270.0, 270.0, -135.0, 135.0))
    assert backdrop_for((-40.0, 40.0, 45.0, 100.0)).serves((-40.0, 40.0, 45.0, 100.0))


def test_no_line_is_drawn_across_the_map():
    """Cutting must not join what was not joined, and the antimeridian must not be crossed by a chord."""
    for extent in (EUROPE, FIJI, WORLD):
        lon, lat = backdrop_for(extent).coastlines
        step = np.hypot(np.diff(lon), np.diff(lat))
        assert np.nanmax(step) < (25 if extent == WORLD else 8)


def test_coasts_reach_the_edges_of_a_view_over_the_antimeridian():
    lon, lat = backdrop_for(FIJI).coastlines
    for west, east in ((176, 180), (180, 182)):
        assert ((lon > west) & (lon < east) & (lat > -20) & (lat < -15)).any()


def test_on_the_open_sea_there_is_nothing():
    backdrop = backdrop_for(OPEN_SEA)
    for path in (backdrop.land, backdrop.coastlines, backdrop.borders):
        assert np.isnan(path[0]).all()
