"""What is installed: wheel and source archive, declared dependencies, the outlines of the map."""

import ast
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import shapely
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import motrain_app
from motrain_app.data.assets import asset_path, land_polygons, load_outlines

ROOT = Path(__file__).parents[1]
ASSETS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "assets").rglob("*")
    if path.is_file() and path.suffix not in (".py", ".pyc") and path.parent.name != "screenshots"
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIST_INFO = f"motrain_app-{motrain_app.__version__}.dist-info"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    # Called directly, the builder needs no network and no environment of its own.
    target = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(target), versions=["standard"])
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def source_archive(tmp_path_factory):
    (path,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("sdist")))
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


class TestWheel:
    def test_holds_every_asset_inside_the_package(self, wheel):
        assert "assets/outlines/land_110m.npz" in ASSETS
        assert {f"motrain_app/{name}" for name in ASSETS} <= set(wheel.namelist())

    def test_holds_the_package_and_nothing_else(self, wheel):
        top = {name.split("/")[0] for name in wheel.namelist()}
        assert top == {"motrain_app", DIST_INFO}
        assert "motrain_app/data/assets.py" in wheel.namelist()
        assert "motrain_app/assets/make_outlines.py" not in wheel.namelist()
        assert not any("screenshots" in name for name in wheel.namelist())

    def test_installs_the_command(self, wheel):
        points = wheel.read(f"{DIST_INFO}/entry_points.txt").decode()
        assert "motrain = motrain_app.cli:main" in points

    def test_finds_its_assets_when_unpacked(self, wheel, tmp_path):
        wheel.extractall(tmp_path)
        code = (
            "from motrain_app.data.assets import asset_path, load_outlines;"
            "print(asset_path('outlines/land_110m.npz')); print(len(load_outlines('borders', '50m')))"
        )
        # Not measured: coverage would count the unpacked copy as code of ours that is gone later.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        process = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert process.returncode == 0, process.stderr
        assert Path(process.stdout.split()[0]) == tmp_path / "motrain_app/assets/outlines/land_110m.npz"


def test_source_archive_holds_assets_with_their_script_and_tests(source_archive):
    assert set(ASSETS) <= source_archive
    assert {
        "assets/make_outlines.py",
        "tests/run",
        "tests/test_packaging.py",
        "pyproject.toml",
    } <= source_archive


def test_every_imported_package_is_declared():
    groups = PROJECT["optional-dependencies"]
    declared = [
        *PROJECT["dependencies"],
        *(requirement for group in ("hpc", "grib", "export") for requirement in groups[group]),
    ]
    names = {normal(re.split(r"[<>=!~\[; ]", requirement)[0]) for requirement in declared}
    modules = imported_packages(ROOT / "motrain_app")
    # Modules named otherwise than their distribution. Listed, since the extras may not be installed.
    aliases = {"sklearn": "scikit-learn", "keras": "tensorflow"}
    assert "numpy" in modules
    assert {m for m in modules if normal(aliases.get(m, m)) not in names} == set()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_packages(folder: Path) -> set[str]:
    """Return the top-level names of all packages imported that are neither Python's nor ours."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"motrain_app"}


class TestAssetPath:
    def test_is_in_the_checkout(self):
        assert asset_path("outlines/land_50m.npz") == ROOT / "assets/outlines/land_50m.npz"

    def test_of_a_missing_file_says_where_it_looked(self):
        with pytest.raises(FileNotFoundError, match=r"'no\.png' is not in .*motrain_app/assets or .*assets"):
            asset_path("no.png")

    def test_of_a_folder_is_refused(self):
        with pytest.raises(FileNotFoundError):
            asset_path("outlines")

    @pytest.mark.parametrize("name", ["../pyproject.toml", "outlines/../../pyproject.toml", "/etc/passwd"])
    def test_never_leaves_the_folder(self, name):
        with pytest.raises(ValueError, match="leads out of the assets folder"):
            asset_path(name)


LAYERS = [(layer, res) for layer in ("land", "coastlines", "borders") for res in ("110m", "50m")]


@pytest.mark.parametrize(("layer", "resolution"), LAYERS)
class TestOutlines:
    def test_stay_on_the_map(self, layer, resolution):
        outlines = load_outlines(layer, resolution)
        assert np.abs(outlines.lon).max() <= 180
        assert np.abs(outlines.lat).max() <= 90
        assert np.isfinite(outlines.lon).all()
        assert np.isfinite(outlines.lat).all()

    def test_have_no_line_across_the_map(self, layer, resolution):
        outlines = load_outlines(layer, resolution)
        steps = np.abs(np.diff(outlines.lon))
        within = np.ones(steps.shape, bool)
        within[outlines.starts[1:-1] - 1] = False
        # Only land's closing edge along the pole takes long steps.
        at_pole = outlines.lat[:-1] == -90
        assert steps[within & ~at_pole].max() < 10
        assert steps[within].max() <= 90

    def test_have_lines_of_at_least_two_points(self, layer, resolution):
        outlines = load_outlines(layer, resolution)
        assert outlines.starts[0] == 0
        assert outlines.starts[-1] == len(outlines.lon) == len(outlines.lat)
        assert np.diff(outlines.starts).min() >= 2

    def test_are_float32_and_read_only(self, layer, resolution):
        outlines = load_outlines(layer, resolution)
        assert outlines.lon.dtype == outlines.lat.dtype == np.float32
        with pytest.raises(ValueError, match="read-only"):
            outlines.lon[0] = 0

    def test_joined_by_nan_keep_every_line(self, layer, resolution):
        outlines = load_outlines(layer, resolution)
        lon, lat = outlines.nan_joined()
        gaps = np.flatnonzero(np.isnan(lon))
        assert len(gaps) == len(outlines) - 1
        assert np.array_equal(np.isnan(lon), np.isnan(lat))
        assert np.array_equal(lon[~np.isnan(lon)], outlines.lon)
        assert np.array_equal(np.diff([-1, *gaps, len(lon)]) - 1, np.diff(outlines.starts))


@pytest.mark.parametrize("resolution", ["110m", "50m"])
class TestLand:
    @pytest.mark.parametrize(
        ("place", "lon", "lat", "is_land"),
        [
            ("Paris", 2.35, 48.86, True),
            ("Siberia west of the antimeridian", 179.0, 68.0, True),
            ("Siberia on the antimeridian", 180.0, 67.0, True),
            ("Siberia on the antimeridian, seen from the east", -180.0, 67.0, True),
            ("Chukotka", -175.0, 66.5, True),
            ("Viti Levu", 178.0, -17.8, True),
            ("South Pole", 0.0, -90.0, True),
            ("Antarctica near the antimeridian", 179.0, -86.0, True),
            ("Antarctica inland", 100.0, -80.0, True),
            ("Atlantic", -30.0, 40.0, False),
            ("Caspian Sea, a hole", 51.0, 42.0, False),
            ("Bering Sea", -175.0, 60.0, False),
            ("Pacific on the antimeridian", 180.0, 0.0, False),
            ("Ross Sea", 180.0, -76.0, False),
        ],
    )
    def test_is_where_it_should_be(self, resolution, place, lon, lat, is_land):
        assert shapely.intersects_xy(land_polygons(resolution), lon, lat) == is_land, place

    def test_is_valid_and_covers_29_percent_of_the_earth(self, resolution):
        land = land_polygons(resolution)
        assert land.is_valid
        lon, lat = np.meshgrid(np.arange(-179.5, 180), np.arange(-89.5, 90))
        weight = np.cos(np.radians(lat))
        share = (shapely.intersects_xy(land, lon, lat) * weight).sum() / weight.sum()
        assert share == pytest.approx(0.29, abs=0.005)

    def test_has_coastlines_along_all_its_edges_but_the_cuts(self, resolution):
        land, coast = load_outlines("land", resolution), load_outlines("coastlines", resolution)
        edges = edges_of(land)
        on_cut = (np.abs(edges[:, [0, 2]]) == 180).all(1) | (edges[:, [1, 3]] == -90).all(1)
        assert on_cut.sum() > 5
        assert {*map(tuple, edges[~on_cut])} == {*map(tuple, edges_of(coast))}

    def test_goes_on_behind_the_antimeridian(self, resolution):
        coast = load_outlines("coastlines", resolution)
        ends = np.concatenate([coast.starts[:-1], coast.starts[1:] - 1])
        mainland = ends[(np.abs(coast.lat[ends]) > 60)]
        west, east = (np.unique(coast.lat[mainland][coast.lon[mainland] == side]) for side in (180, -180))
        assert len(west) == 5  # two coasts of Chukotka, two of Wrangel Island, one of Antarctica
        assert np.array_equal(west, east)


def edges_of(outlines):
    """Return the edges, shape (n, 4): lon, lat, lon, lat."""
    points = np.column_stack([outlines.lon, outlines.lat])
    within = np.setdiff1d(np.arange(len(points) - 1), outlines.starts[1:-1] - 1)
    return np.column_stack([points[within], points[within + 1]])


@pytest.mark.parametrize("resolution", ["110m", "50m"])
@pytest.mark.parametrize(
    ("place", "lon", "lat", "distance", "is_near"),
    [
        ("Basel, where three countries meet", 7.59, 47.55, 0.5, True),
        ("49th parallel", -105.0, 49.0, 0.1, True),
        ("Brittany", -3.0, 48.2, 3.0, False),
        ("Australia", 134.0, -25.0, 8.0, False),
        ("antimeridian", 180.0, 67.0, 8.0, False),
    ],
)
def test_borders_are_where_countries_meet(resolution, place, lon, lat, distance, is_near):
    borders = load_outlines("borders", resolution)
    points = np.column_stack([borders.lon, borders.lat]).astype(float)
    lines = shapely.from_ragged_array(shapely.GeometryType.LINESTRING, points, (borders.starts,))
    assert (shapely.distance(lines, shapely.Point(lon, lat)).min() < distance) == is_near, place


def test_outlines_that_do_not_exist_are_refused_with_those_that_do():
    with pytest.raises(ValueError, match="no outlines 'rivers'; there are land, coastlines, borders"):
        load_outlines("rivers", "110m")
    with pytest.raises(ValueError, match="no outlines '10m'; there are 110m, 50m"):
        load_outlines("land", "10m")


def test_outlines_are_small():
    assert sum(path.stat().st_size for path in (ROOT / "assets/outlines").iterdir()) < 1_000_000
