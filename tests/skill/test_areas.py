import numpy as np
import pytest

from motrain_app.skill.areas import cell_areas


def grid(lat, lon):
    return [axis.ravel() for axis in np.meshgrid(lat, lon, indexing="ij")]


def test_cells_of_a_regular_grid_count_by_the_cosine_of_their_latitude():
    lat, lon = grid(np.arange(-60, 61, 20.0), np.arange(-180, 180, 20.0))
    areas = cell_areas(lat, lon)
    np.testing.assert_allclose(areas.weight, np.cos(np.pi * lat / 180), rtol=1e-15)
    assert "area" in areas.how


def test_the_sea_of_a_land_grid_and_float32_do_not_hide_the_grid():
    rng = np.random.default_rng(0)
    lat, lon = grid(np.arange(-60, 60, 0.5, dtype="f4"), np.arange(-180, 180, 0.5, dtype="f4") + np.float32(0.1))
    land = rng.random(len(lat)) < 0.15
    np.testing.assert_allclose(cell_areas(lat[land], lon[land]).weight, np.cos(np.pi * lat[land] / 180), rtol=1e-6)


def test_a_gaussian_grid_counts_by_area():
    lat = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(96)[0]))
    lat, lon = grid(lat, np.arange(0, 180, 2.0))
    assert "cosine" in cell_areas(lat, lon).how


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        (np.random.default_rng(1).uniform(30, 60, 500), np.random.default_rng(2).uniform(0, 40, 500)),
        (np.random.default_rng(1).uniform(30, 60, 500).round(2), np.random.default_rng(2).uniform(0, 40, 500).round(2)),
        ([41.0, 43.0, 44.0, 46.0], [3.0, 1.0, 7.0, 4.0]),  # rounded to whole degrees, of which none repeats
        ([41.2], [3.1]),
        ([41.2, 48.25, 52.1], [3.1, 3.1, 3.1]),
        ([], []),
    ],
)
def test_stations_count_alike(lat, lon):
    areas = cell_areas(np.array(lat), np.array(lon))
    np.testing.assert_array_equal(areas.weight, np.ones(len(lat)))
    assert "alike" in areas.how


def test_a_grid_of_equal_areas_counts_alike():
    lat = np.degrees(np.arcsin(np.linspace(-0.95, 0.95, 40)))
    assert "alike" in cell_areas(*grid(lat, np.arange(0, 90, 3.0))).how
