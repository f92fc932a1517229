"""The live skill while somebody draws: building the sums of all cells once, and what an edit of a polygon costs."""

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from threadpoolctl import threadpool_limits

from motrain_app.design import Design, box, polygon, the_rest
from motrain_app.design.regions import label_cells
from motrain_app.learning.preview import LivePreview
from motrain_app.runs.gram_store import grams_path, load_grams, load_or_build_grams
from motrain_app.runs.staging import stage_rows

pytestmark = pytest.mark.benchmark

TITLE = "Live skill of ridge while drawing: 8 inputs, 3 outputs"
COLUMNS = ["what", "how many", "CPU-milliseconds", "milliseconds on the clock"]


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(1):  # as in the helper process
        yield


def _add(table, what, many, taken):
    table(TITLE, COLUMNS).add(what, many, *(f"{1e3 * one:,.0f}" for one in (taken.cpu, taken.wall)))


@pytest.fixture(scope="module")
def staged(make_cells, make_design, tmp_path_factory):
    """Return a function that stages so many cells of ten training years and one test year; cells repeat themselves."""

    def stage(cells, years=10):
        folder = tmp_path_factory.mktemp("live")
        some = make_cells(100)
        some = some.sel(time=some["time"] < np.datetime64(f"{2008 + years}-01-01"))
        side = int(np.ceil(np.sqrt(cells)))
        number = np.arange(cells)
        whole = xr.concat(
            [some.chunk()] * (cells // 100), "space", data_vars="all", coords="minimal", compat="override"
        )
        place = {
            "lat": ("space", 36 + 24 * (number // side) / side, {"units": "degrees_north"}),
            "lon": ("space", -10 + 40 * (number % side) / side, {"units": "degrees_east"}),
        }
        whole = whole.drop_vars(["lat", "lon"]).assign_coords(place)
        design = make_design("cells.nc").change(test=f"{2007 + years}-01-01")
        return stage_rows(whole, design, folder / "rows"), design, whole

    return stage


def _circle(lon, radius):
    angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    return polygon("drawn", list(zip(lon + radius * np.cos(angle), 48 + 0.6 * radius * np.sin(angle), strict=True)))


@pytest.mark.parametrize(("cells", "years", "most"), [(400, 8, 3), (10_000, 10, 60)])
def test_sums_of_all_cells_are_built_once_and_an_edit_costs_milliseconds(cells, years, most, staged, seconds, table):
    rows, design, dataset = staged(cells, years)
    folds = design.layout(dataset).folds
    built = seconds(lambda: load_or_build_grams(rows, folds))
    megabytes = grams_path(rows, folds).stat().st_size / 1e6
    _add(table, f"sums of {cells:,} cells × {years} years", f"{rows.n_rows:,} rows, {megabytes:.0f} MB", built)
    assert built.cpu < most

    taken = seconds(lambda: load_grams(rows, folds), repeats=3)
    _add(table, f"sums of {cells:,} cells read again", f"{megabytes:.0f} MB", taken)
    live = LivePreview(load_grams(rows, folds))
    spacing = 40 / np.sqrt(cells)
    # Where cells are left to no region, each edit changes what one operator for all learns from, too.
    for beside, what in ((the_rest(), "the rest"), (box("beside", -60, -60, -2, 60), "another, and cells in none")):
        edits = iter([_circle(5 + 1.3 * spacing * number, 11.5) for number in range(8)])
        drawn = []

        def edit(edits=edits, drawn=drawn, beside=beside):
            drawn.append(label_cells([next(edits), beside], dataset))
            live.of(drawn[-1])

        edit()
        edited = seconds(edit, repeats=7)
        assert all((one.label != other.label).any() for one, other in pairwise(drawn))  # nothing was remembered
        inside = int((drawn[0].label == 0).sum())
        _add(table, f"a polygon beside {what} moved: labels and skill", f"{inside:,} of {cells:,} cells", edited)
        assert edited.cpu < 0.1

    some = np.arange(dataset.sizes["space"]) < 200
    each = label_cells(Design("cells.nc", ["TG1"], ["sig"], regions="cells").regions, dataset)
    few = type(each)(np.where(some, each.label, -1).astype(np.int32), each.ids[:200], each.names[:200])
    taken = seconds(lambda: live.of(few))
    _add(table, "one partition a cell, the first time", "200 partitions", taken)
