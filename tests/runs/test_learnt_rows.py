"""A learner gets no test row to see: neither what is observed there, nor how many there are, changes a bit of it."""

import numpy as np
import pytest
import xarray as xr

from motrain_app.design import Split
from motrain_app.learning.padding import pad_rows
from motrain_app.runs import Run, create_run
from motrain_app.runs.plan import Plan
from motrain_app.runs.task import Task, open_workbench, read_block
from tests.runs.conftest import drive_here, make_dataset

TEST = np.datetime64("2014-01-01")
NETWORK = {"kind": "network", "hidden": [4], "epochs": 3, "batch": 32}
LEARNERS = {
    "ridge2": "ridge2",
    "forest": {"kind": "forest", "n_estimators": 3},
    "network": NETWORK,
    "network of weighted errors": NETWORK | {"emphasis": 0.5, "emphasis_power": 0.5},
}


def _members(design, runs):
    """Return the bytes of all members of each partition."""
    folder = create_run(design, runs)
    assert drive_here(folder) == "done"
    run = Run.open(folder.path)
    assert run.counts == {"done": 3}
    return {
        name: [{key: array.tobytes() for key, array in one.to_arrays().items()} for one in run.operator(name).members]
        for name in run.partitions
    }


def _with_other_gaps(data):
    """Return the same before the test; in it, half of the observations are missing, and some states."""
    random = np.random.default_rng(3)
    sealed = data["time"].values >= TEST
    other = data.copy(deep=True)
    for name, share in (("y", 0.5), ("bend", 0.5), ("a", 0.1)):
        values = other[name].values
        values[:, sealed] = np.where(random.random((len(values), sealed.sum())) < share, np.nan, values[:, sealed])
    return other


def _with_more_test(data):
    """Return the same and five years more."""
    later = data.assign_coords(time=data["time"] + np.timedelta64(5 * 365 + 1, "D"))
    return xr.concat([data, later], "time", data_vars="minimal")


@pytest.mark.slow
@pytest.mark.parametrize("change", [_with_other_gaps, _with_more_test])
@pytest.mark.parametrize("learner", LEARNERS)
def test_neither_gaps_nor_the_number_of_test_rows_change_a_member(design, tmp_path, learner, change):
    data = make_dataset(cells=3)
    data["y"], data["bend"] = np.abs(data["y"]), np.abs(data["bend"])  # of weights by size
    before = _members(design(data=data, learner=LEARNERS[learner]), tmp_path / "before")
    changed = change(data)
    changed["y"][:, -1] = -7.5  # in the test
    (tmp_path / "cells.nc").unlink()
    assert _members(design(data=changed, learner=LEARNERS[learner]), tmp_path / "after") == before


@pytest.mark.slow
def test_rows_near_the_test_that_are_more_than_the_padding_leaves_room_for_hurt_nobody(design, tmp_path):
    data = make_dataset(cells=1, years=5, step=1)
    near = Split(TEST, embargo=60)
    folder = create_run(design(data=data, test=near, learner=NETWORK), tmp_path / "runs")
    assert drive_here(folder) == "done"
    assert Run.open(folder.path).counts == {"done": 1}
    plan = Plan.load(folder.plan)
    there = np.isfinite(data["y"].values) | np.isfinite(data["bend"].values)
    assert plan.training_rows[0] == there[0, data["time"].values < TEST - np.timedelta64(60, "D")].sum()
    assert plan.padded_rows == pad_rows(plan.training_rows)[0]
    assert there.sum() > pad_rows(plan.training_rows + plan.test_rows)[0], "or this shows nothing"


def test_a_block_holds_no_row_near_the_test_and_a_learner_none_of_the_test(design, tmp_path):
    folder = create_run(design(test=Split(TEST, embargo=40)), tmp_path / "runs")
    assert drive_here(folder) == "done"
    bench = open_workbench(str(folder.path))
    numbers = bench.plan.partitions(0)
    block, axes, _ = read_block(bench, Task(0), numbers, None)
    time = bench.rows.time[axes.time]
    assert ((time < TEST - np.timedelta64(40, "D")) | (time >= TEST)).all()
    learnt = block.without_test()
    assert np.diff(learnt.row_start).tolist() == bench.plan.training_rows[numbers].tolist()
    before = time < TEST
    np.testing.assert_array_equal(learnt.inputs, block.inputs[:, before])
    np.testing.assert_array_equal(learnt.outputs, block.outputs[:, before])
    np.testing.assert_array_equal(learnt.atom, block.atom[before])
