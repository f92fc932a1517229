"""Which cell a pixel shows, beside a plain search over all cells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.ui.map.extent import WORLD
from motrain_app.ui.map.pixels import CellLocator

WIDTH, HEIGHT = 60, 40
UNSURE = 1e-7  # two cells as near as this may be drawn either way


def pixel_middles(extent, width=WIDTH, height=HEIGHT):
    """Return the longitude and the latitude of each pixel, shape (height, width)."""
    lon = extent[0] + (np.arange(width) + 0.5) * (extent[1] - extent[0]) / width
    lat = extent[2] + (np.arange(height) + 0.5) * (extent[3] - extent[2]) / height
    return np.meshgrid(lon, lat)


def turn(degrees):
    """Return an angle in −180…180."""
    return np.mod(np.asarray(degrees) + 180, 360) - 180


def angles(lon, lat, cell_lon, cell_lat):
    """Return the great-circle angle between each pixel and each cell, shape (height, width, n_cells), in radians."""
    phi, its_phi = np.radians(lat)[..., None], np.radians(cell_lat)
    half = np.sin((phi - its_phi) / 2) ** 2
    half = half + np.cos(phi) * np.cos(its_phi) * np.sin(np.radians(lon[..., None] - cell_lon) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


places = st.tuples(st.floats(-180, 180, width=32), st.floats(-89, 89, width=32))
extents = st.builds(
    lambda lon, lat, size: (lon, lon + size, max(lat, -90.0), max(lat, -90.0) + size * 0.6),
    st.floats(-180, 180),
    st.floats(-90, 80),
    st.sampled_from([0.5, 10.0, 90.0, 360.0]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(places, min_size=1, max_size=12, unique=True), extents)
def test_points_show_the_nearest_cell_within_their_dots(cells, extent):
    cell_lon, cell_lat = np.array(cells).T.astype(float)
    locator = CellLocator(cell_lat, cell_lon)
    if locator.kind != "points":
        return
    shown = locator.index(extent, WIDTH, HEIGHT).cells
    lon, lat = pixel_middles(extent)
    distance = angles(lon, lat, cell_lon, cell_lat)
    nearest = distance.argmin(-1)
    across = turn(cell_lon[nearest] - lon) / ((extent[1] - extent[0]) / WIDTH)
    up = (cell_lat[nearest] - lat) / ((extent[3] - extent[2]) / HEIGHT)
    radius = np.hypot(across, up)
    expected = np.where((radius <= locator.dot) & (np.abs(lat) <= 90), nearest, -1)
    ordered = np.sort(distance, -1)
    second = ordered[..., 1] if len(cells) > 1 else np.inf
    sure = (second - ordered[..., 0] > UNSURE) & (np.abs(radius - locator.dot) > 1e-6)
    np.testing.assert_array_equal(shown[sure], expected[sure])


@st.composite
def lattices(draw):
    """Return the cells of a lattice with holes, and its steps: no row and no column is empty."""
    rows, columns = draw(st.integers(3, 9)), draw(st.integers(3, 9))
    step_lat, step_lon = draw(st.sampled_from([0.25, 1.0, 2.5])), draw(st.sampled_from([0.25, 1.5, 4.0]))
    south, west = draw(st.integers(-60, 50)), draw(st.integers(-180, 179))
    lat, lon = np.meshgrid(south + step_lat * np.arange(rows), west + step_lon * np.arange(columns), indexing="ij")
    there = np.array(draw(st.lists(st.booleans(), min_size=lat.size, max_size=lat.size))).reshape(lat.shape)
    there[0, :] = there[:, 0] = True
    there |= draw(st.booleans()) or there.mean() < 0.6
    return lat[there], turn(lon[there]), step_lat, step_lon


@settings(max_examples=60, deadline=None)
@given(lattices(), st.integers(-5, 5), st.integers(-5, 5), st.sampled_from([-360.0, 0.0]))
def test_a_lattice_shows_the_cell_in_whose_box_a_pixel_lies(lattice, east, north, whole_turn):
    cell_lat, cell_lon, step_lat, step_lon = lattice
    locator = CellLocator(cell_lat, cell_lon)
    assert locator.kind == "lattice"
    # Pixels smaller than cells: what happens to smaller cells is another test's.
    west, south = cell_lon[0] + whole_turn + east * step_lon / 3, cell_lat[0] + north * step_lat / 3
    extent = (west, west + WIDTH * step_lon / 5, south, south + HEIGHT * step_lat / 5)
    shown = locator.index(extent, WIDTH, HEIGHT).cells
    lon, lat = pixel_middles(extent)
    across = np.abs(turn(lon[..., None] - cell_lon)) / (step_lon / 2)
    up = np.abs(lat[..., None] - cell_lat) / (step_lat / 2)
    inside, at_edge = np.maximum(across, up) < 1 - 1e-6, np.abs(np.maximum(across, up) - 1) < 1e-6
    expected = np.where(inside.any(-1), inside.argmax(-1), -1)
    sure = ~at_edge.any(-1) & (np.abs(lat) <= 90)
    np.testing.assert_array_equal(shown[sure], expected[sure])


def curvilinear(rows, columns, *, bend=25.0, step=0.8):
    """Return a grid whose rows run askew, as of a model with a turned pole."""
    up, across = np.meshgrid(np.arange(rows) * step, np.arange(columns) * step, indexing="ij")
    up, across = up - up.mean(), across - across.mean()
    angle = np.radians(bend)
    lat = 48 + up * np.cos(angle) + across * np.sin(angle) * 0.66
    return lat, 10 + (across * np.cos(angle) - up * np.sin(angle)) / 0.66


@pytest.mark.parametrize("known_shape", [True, False])
def test_a_curvilinear_grid_shows_the_nearest_cell_and_ends_where_its_spacing_ends(known_shape):
    lat, lon = curvilinear(24, 30)
    locator = CellLocator(lat, lon, (24, 30) if known_shape else None)
    assert locator.kind == "tiling"
    extent = (-15.0, 35.0, 36.0, 60.0)
    shown = locator.index(extent, 200, 150).cells
    pixel_lon, pixel_lat = pixel_middles(extent, 200, 150)
    distance = angles(pixel_lon, pixel_lat, lon.ravel(), lat.ravel())
    nearest, degrees = distance.argmin(-1), np.degrees(distance.min(-1))
    # 0.8° apart: the corner of a cell lies 0.57° from its middle; half a cell beyond, nothing may be drawn.
    np.testing.assert_array_equal(shown[degrees < 0.5], nearest[degrees < 0.5])
    assert (shown[degrees > 0.8] == -1).all()
    inside = np.zeros((24, 30), bool)
    inside[1:-1, 1:-1] = True
    assert (shown[inside.ravel()[nearest]] >= 0).all(), "no seams within the grid"


def test_a_hole_in_a_grid_stays_empty():
    lat, lon = curvilinear(30, 30)
    hole = np.zeros((30, 30), bool)
    hole[10:20, 10:20] = True
    locator = CellLocator(np.where(hole, np.nan, lat), np.where(hole, np.nan, lon), (30, 30))
    index = locator.index((-20.0, 40.0, 30.0, 65.0), 300, 300)
    assert index.cell_at(lon[15, 15], lat[15, 15]) == -1
    assert index.cell_at(lon[5, 5], lat[5, 5]) == 5 * 30 + 5


def test_spacing_follows_a_grid_that_widens():
    rows = np.cumsum(1.06 ** np.arange(30) * 0.2)
    lat, lon = np.meshgrid(-30 + rows, rows, indexing="ij")
    askew = lon + 0.31 * lat  # no lattice
    locator = CellLocator(lat, askew, lat.shape)
    assert locator.kind == "tiling"
    index = locator.index((-10.0, 18.0, -30.0, -14.0), 400, 300)
    covered = index.cells >= 0
    lon_pixel, lat_pixel = pixel_middles(index.extent, 400, 300)
    origin = lon_pixel - 0.31 * lat_pixel
    inside = (lat_pixel > lat.min()) & (lat_pixel < lat.max()) & (origin > lon.min()) & (origin < lon.max())
    assert covered[inside].mean() > 0.995


def test_many_cells_of_an_unstructured_grid_are_cut_by_the_spacing_around_them():
    """More cells than are sampled: a reduced Gaussian grid, whose rows hold fewer cells towards the poles."""
    rows = np.linspace(-89, 89, 200)
    counts = np.maximum(8, np.round(360 * np.cos(np.radians(rows)) / 0.9)).astype(int)
    lat = np.repeat(rows, counts)
    lon = np.concatenate([np.arange(n) * 360 / n - 180 for n in counts])
    keep = ~((lat > 10) & (lat < 20) & (lon > 30) & (lon < 45))
    locator = CellLocator(lat[keep], lon[keep])
    assert len(locator) > 20_000
    assert locator.kind == "tiling"
    index = locator.index(WORLD, 360, 180)
    assert index.cell_at(37.5, 15.0) == -1
    lon_pixel, lat_pixel = pixel_middles(WORLD, 360, 180)
    hole = (lat_pixel > 9) & (lat_pixel < 21) & (lon_pixel > 29) & (lon_pixel < 46)
    assert (index.cells[~hole & (np.abs(lat_pixel) < 88)] >= 0).mean() > 0.999


@settings(max_examples=25, deadline=None)
@given(st.integers(-3, 3).map(lambda n: n * 90.0), st.sampled_from(["lattice", "tiling", "points"]))
def test_the_antimeridian_is_a_place_like_any_other(degrees, kind):
    random = np.random.default_rng(1)
    lat, lon = {
        "lattice": lambda: np.meshgrid(np.arange(40.0, 50.0), np.arange(-5.0, 5.0), indexing="ij"),
        "tiling": lambda: curvilinear(12, 12),
        "points": lambda: (random.uniform(40, 55, 9), random.uniform(0, 20, 9)),
    }[kind]()
    lon = lon + 90  # the middle of the extents below comes to ±180 for one of the turns
    here, there = CellLocator(lat, lon), CellLocator(lat, turn(lon + degrees))
    assert here.kind == there.kind == kind
    extent = (77.3, 117.3, 38.1, 58.1)
    moved = (extent[0] + degrees, extent[1] + degrees, *extent[2:])
    same = here.index(extent, WIDTH, HEIGHT).cells == there.index(moved, WIDTH, HEIGHT).cells
    assert same.mean() > 0.999  # ties may fall the other way


def test_a_world_seen_one_and_a_half_times_shows_a_cell_twice():
    lat, lon = np.meshgrid(np.arange(-87.5, 90, 5.0), np.arange(-177.5, 180, 5.0), indexing="ij")
    index = CellLocator(lat, lon).index((-270.0, 270.0, -90.0, 90.0), 540, 180)
    assert (index.cells >= 0).all()
    assert index.cell_at(-200, 12) == index.cell_at(160, 12)


def test_beyond_the_poles_is_nothing():
    lat, lon = np.meshgrid(np.arange(-89.5, 90), np.arange(-179.5, 180), indexing="ij")
    index = CellLocator(lat, lon).index((-180.0, 180.0, -120.0, 120.0), 90, 60)
    assert (index.cells[:7] == -1).all()
    assert (index.cells[8:52] >= 0).all()


@pytest.mark.parametrize("kind", ["lattice", "tiling"])
def test_a_cell_smaller_than_a_pixel_is_seen(kind):
    lat, lon = (
        curvilinear(20, 20, step=0.1)
        if kind == "tiling"
        else np.meshgrid(np.arange(45, 47, 0.1), np.arange(5, 7, 0.1), indexing="ij")
    )
    locator = CellLocator(lat, lon, (20, 20))
    assert locator.kind == kind
    for shift in np.linspace(0, 4, 9):
        index = locator.index((-178.0 + shift, 182.0 + shift, -88.0 + shift, 88.0 + shift), 30, 20)
        assert (index.cells >= 0).any()


def test_cells_without_a_position_are_nowhere():
    lat, lon = np.meshgrid(np.arange(40.0, 50.0), np.arange(0.0, 10.0), indexing="ij")
    lat[0, 0], lon[3, 3] = np.nan, np.inf
    locator = CellLocator(lat, lon)
    cells = locator.index((-1.0, 11.0, 39.0, 51.0), 120, 120).cells
    assert set(np.unique(cells)) == set(range(-1, 100)) - {0, 33}
    nowhere = CellLocator([np.nan, np.inf], [1.0, 2.0])
    assert (nowhere.index(WORLD, 20, 10).cells == -1).all()
    assert nowhere.home == WORLD


def test_of_two_cells_in_one_place_the_first_is_shown():
    lat, lon = np.meshgrid(np.arange(40.0, 50.0), np.arange(0.0, 10.0), indexing="ij")
    locator = CellLocator(np.append(lat, 45.0), np.append(lon, 5.0))
    assert locator.index((4.0, 6.0, 44.0, 46.0), 20, 20).cell_at(5, 45) == 55


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (([56.125, 46.125, 53.375, 49.375, 44.375], [11.375, 6.625, 6.125, 12.375, 0.625]), "points"),
        (([50.0], [5.0]), "points"),
        (([50.0, 50.0, 50.0, 50.0, 50.0], [1.0, 2.0, 3.0, 4.0, 5.0]), "points"),
        (tuple(np.random.default_rng(0).uniform(0, 40, (2, 5000))), "points"),
    ],
    ids=["five real cells", "one", "a row", "strewn"],
)
def test_stations_are_points(cells, kind):
    assert CellLocator(*cells).kind == kind


def test_coordinates_that_differ_by_rounding_are_one_row():
    lat, lon = np.meshgrid(np.arange(40, 50, 0.1), np.arange(0, 10, 0.1), indexing="ij")
    noise = np.random.default_rng(0).uniform(-4e-6, 4e-6, lat.shape)
    locator = CellLocator((lat + noise).astype(np.float32), (lon + noise).astype(np.float32))
    assert locator.kind == "lattice"
    assert locator.spacing == pytest.approx(0.1 * locator.stretch, abs=1e-3)


def test_levels_follow_the_index_and_nothing_is_level_0():
    lat, lon = np.meshgrid(np.arange(40.0, 50.0), np.arange(0.0, 10.0), indexing="ij")
    index = CellLocator(lat, lon).index((-5.0, 15.0, 35.0, 55.0), 80, 80)
    levels = np.arange(100, dtype=np.uint8) + 100
    image = index.image(levels)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[index.cells >= 0], levels[index.cells[index.cells >= 0]])
    assert (image[index.cells < 0] == 0).all()
    assert 0 < (image == 0).mean() < 1


def test_row_0_is_the_southernmost():
    index = CellLocator([40.0, 41.0, 40.0, 41.0], [0.0, 0.0, 1.0, 1.0]).index((-0.5, 1.5, 39.5, 41.5), 20, 20)
    assert index.cells[0, 0] == 0
    assert index.cells[-1, 0] == 1


def test_the_same_view_is_indexed_once():
    locator = CellLocator([40.0, 41.0], [0.0, 1.0])
    assert locator.index(WORLD, 30, 20) is locator.index(WORLD, 30, 20)
    assert locator.index(WORLD, 30, 21) is not locator.index(WORLD, 30, 20)
    with pytest.raises(ValueError, match="read-only"):
        locator.index(WORLD, 30, 20).cells[0, 0] = 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(([1.0, 2.0], [1.0]), "2 latitudes and 1 longitudes"), (([1.0, 2.0], [1.0, 2.0], (3, 4)), "has not 2 cells")],
)
def test_what_does_not_fit_together_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        CellLocator(*arguments)
