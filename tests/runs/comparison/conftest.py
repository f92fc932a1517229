"""Runs of two regions."""

import pytest

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


@pytest.fixture
def run_of(design, tmp_path):
    """Return a function that trains a design, in two regions unless it says otherwise."""

    def make(*, data=None, **choices):
        return trained(design(data=data, **{"regions": WEST, **choices}), tmp_path / "runs")

    return make
