"""Runs of two regions."""

import pytest
import xarray as xr

from motrain_app.design import Design, Learner, box, the_rest
from motrain_app.runs import Run, create_run
from tests.runs.conftest import drive_here

WEST = [box("west", 4.5, 39, 5.5, 43), the_rest()]
SVR = Learner("svr", {"C": 1.0})


def trained(design: Design, runs, max_rows=None, rows_of=None) -> Run:
    """Train a design in this process."""
    folder = create_run(design, runs, max_rows=max_rows, rows_of=rows_of)
    assert drive_here(folder) == "done"
    return Run.open(folder.path)


def salted(data: xr.Dataset) -> xr.Dataset:
    """Give `b` the values of a salinity, 35 ± 0.005, of which only the square says something of `y`."""
    b = data["b"] - 0.3
    return data.assign(b=(35 + 0.1 * b).assign_attrs(units="1"), y=data["y"] + 8 * b + (b / 0.05) ** 2)


@pytest.fixture
def run_of(design, tmp_path):
    """Return a function that trains a design, in two regions unless it says otherwise."""

    def make(*, data=None, **choices):
        return trained(design(data=data, **{"regions": WEST, **choices}), tmp_path / "runs")

    return make
