"""What stands before training: staging rows, reading them as blocks do, labels of many cells."""

import numpy as np
import pytest
import xarray as xr

from motrain_app.data import open_dataset
from motrain_app.design import Design, polygon
from motrain_app.design.regions import label_cells
from motrain_app.runs.staging import stage_rows

pytestmark = pytest.mark.benchmark

CELLS = 200
TITLE = "Before training"
COLUMNS = ["what", "how many", "CPU-milliseconds", "milliseconds on the clock", "a second of CPU"]


@pytest.fixture(scope="module")
def files(make_cells, tmp_path_factory):
    folder, dataset = tmp_path_factory.mktemp("staging"), make_cells(CELLS)
    dataset.to_zarr(folder / "cells.zarr", zarr_format=3, consolidated=False)
    dataset.to_netcdf(folder / "cells.nc")
    return folder


def _add(table, what, many, taken, each):
    milliseconds = [f"{1e3 * one:,.0f}" for one in (taken.cpu, taken.wall)]
    table(TITLE, COLUMNS).add(what, f"{many:,} {each}", *milliseconds, f"{many / taken.cpu:,.0f} {each}")


@pytest.mark.parametrize("name", ["cells.nc", "cells.zarr"])
def test_staging_rows(name, files, make_design, seconds, table):
    design = make_design(files / name)
    staged = []

    def stage():
        staged.append(stage_rows(open_dataset(list(design.data)), design, files / f"{name}-{len(staged)}.staged"))

    taken = seconds(stage, repeats=2)
    form = "NetCDF" if name.endswith(".nc") else "Zarr"
    _add(table, f"rows staged from {form} (8 inputs, 3 outputs)", staged[0].n_rows, taken, "rows")
    assert staged[0].n_rows > 0.9 * CELLS * len(staged[0].time)


@pytest.fixture(scope="module")
def staged(make_cells, make_design, tmp_path_factory):
    """1,600 cells of 1,000 rows, so that a chunk of the store holds many cells."""
    folder = tmp_path_factory.mktemp("reading")
    make_cells(1600, every=8).to_zarr(folder / "cells.zarr", zarr_format=3, consolidated=False)
    design = make_design(folder / "cells.zarr")
    return stage_rows(open_dataset(list(design.data)), design, folder / "cells.staged")


@pytest.mark.parametrize("order", ["of a square", "of a strip", "anywhere"])
def test_reading_a_block_of_100_cells(order, staged, seconds, table):
    """A square lies nearly in one piece of the store; the strip is what a block has where each cell is a partition."""
    number = np.arange(1600)
    wanted = {
        "of a square": (number // 40 < 10) & (number % 40 < 10),
        "of a strip": number < 100,
        "anywhere": np.random.default_rng(0).permutation(number) < 100,
    }[order]
    positions = np.flatnonzero(wanted[staged.cell_at])
    taken = seconds(lambda: staged.read(positions), repeats=5)
    many = int(np.diff(staged.row_start)[positions].sum())
    _add(table, f"staged rows read, 100 of 1,600 cells, {order}", many, taken, "rows")
    assert set(staged.read(positions).cell) == set(np.flatnonzero(wanted))


@pytest.fixture(scope="module")
def many_cells():
    """100,000 cells over Europe, daily for eight years; labels need no variable but those that the design names."""
    random = np.random.default_rng(0)
    time = np.arange("2010-01-01", "2018-01-01", dtype="datetime64[D]").astype("datetime64[ns]")
    lat, lon = random.uniform(35, 70, 100_000), random.uniform(-10, 40, 100_000)
    return xr.Dataset(
        {name: ("space", np.zeros(len(lat), np.float32)) for name in ("a", "y")},
        coords={"lat": ("space", lat), "lon": ("space", lon), "time": time},
    )


def _twenty_polygons():
    """Ragged polygons of 200 corners that lie beside and over each other, as drawn borders do."""
    random, angle = np.random.default_rng(1), np.linspace(0, 2 * np.pi, 200, endpoint=False)
    regions = []
    for number in range(20):
        radius = 4 * (1 + 0.2 * random.standard_normal(200).cumsum() / 14)
        lon, lat = 10 * (number % 5) - 5 + radius * np.cos(angle), 40 + 8 * (number // 5) + radius * np.sin(angle)
        regions.append(polygon(f"region {number}", list(zip(lon, lat, strict=True))))
    return regions


def test_labels_of_100_000_cells_in_20_polygons(many_cells, seconds, table):
    regions = _twenty_polygons()
    taken = seconds(lambda: label_cells(regions, many_cells), repeats=5)
    _add(table, "cells labelled by 20 polygons of 200 corners", many_cells.sizes["space"], taken, "cells")
    assert set(np.unique(label_cells(regions, many_cells).label)) >= set(range(20))


@pytest.mark.parametrize("regions", ["each cell", "20 polygons"])
def test_layout_of_100_000_cells(regions, many_cells, seconds, table):
    chosen = "cells" if regions == "each cell" else _twenty_polygons()
    design = Design("cells.nc", ["a"], ["y"], regions=chosen, test="2016-01-01")
    taken = seconds(lambda: design.layout(many_cells), repeats=3)
    _add(table, f"layout of a design, regions: {regions}", many_cells.sizes["space"], taken, "cells")
    assert len(design.layout(many_cells).partitions) == (100_000 if chosen == "cells" else 20)
