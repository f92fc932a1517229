"""Runs on different files, partial runs, and those that cannot be compared."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from motrain_app.design import Design, box
from motrain_app.runs import Run, RunError, RunFolder, create_run
from motrain_app.runs.comparison.common_axes import match_axes
from motrain_app.runs.comparison.comparing import compare_runs
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import RunStore
from tests.runs.conftest import drive_here, make_dataset

METRE = 1 / 111_195  # degrees of latitude


@pytest.fixture(scope="module")
def run_on(tmp_path_factory):
    """Train ridge on a dataset, one partition a cell unless told otherwise."""
    folder = tmp_path_factory.mktemp("files")

    def make(data: xr.Dataset, **choices: object) -> Run:
        path = folder / f"{len(list(folder.iterdir()))}.nc"
        data.to_netcdf(path)
        standard = {"outputs": ["y", "bend"], "regions": "cells", "test": "2013-01-01", "learner": "ridge"}
        created = create_run(Design(path, ["a", "b"], **{**standard, **choices}), folder / "runs")
        drive_here(created)
        return Run.open(created.path)

    return make


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return make_dataset(cells=6, years=4)


@pytest.fixture(scope="module")
def run(run_on, data) -> Run:
    return run_on(data)


@pytest.fixture(scope="module")
def other(run_on, data) -> Run:
    """On the same file; one operator for all."""
    return run_on(data, regions=None)


def numbers(found):
    return found.frame().drop(columns=["partition", "p", "low", "high"]).set_index("output")


def test_a_copy_of_the_file_is_the_same_data(run, run_on, data, other):
    copy = run_on(data.assign_attrs(history="copied"), regions=None)
    assert RunFolder(copy.path).info()["fingerprint"] != RunFolder(run.path).info()["fingerprint"]
    found = compare_runs(run, copy)
    pd.testing.assert_frame_equal(found.frame(), compare_runs(run, other).frame())
    assert found.notes == (
        "The runs were trained on different files: all cells and times are common, and the observations agree.",
    )


def test_cells_and_times_in_another_order_and_number_are_found(run, run_on, data):
    """Against a run on all rows whose members are the same: dropped cells change no other cell's operator."""
    order = [4, 2, 5, 0]
    moved = data.isel(space=order)
    moved = moved.assign_coords(lat=moved["lat"] + 0.4 * METRE, lon=moved["lon"].astype(np.float32))
    found = compare_runs(run, run_on(moved))
    assert found.partitions == ("cell-0", "cell-2", "cell-4", "cell-5")
    assert found.notes[0].startswith(
        "The runs were trained on different files: 4 of 6 and 4 cells and 366 of 366 and 366 times are"
    )
    scores = run.skill().set_index(["partition", "output", "metric"])
    for name, change in found.frame().iloc[2:].groupby("partition"):
        assert change["n"].tolist() == [scores.loc[(name, output, "rmse"), "n"] for output in ("y", "bend")]
        np.testing.assert_allclose(change["change"], 0, atol=1e-3)


def test_only_common_times_count(run, run_on, data):
    later = run_on(data.isel(time=slice(91, None)), test=None)
    found = compare_runs(run, later)
    first, end = data["time"].values[91], np.datetime64("2013-01-01")
    for partition in found.partitions:
        mine, theirs = run.predictions(partition), later.predictions(partition)
        both = [set(one["time"].values[np.isfinite(one["observed"].sel(output="y"))]) for one in (mine, theirs)]
        common = both[0] & both[1]
        assert first <= min(common)
        assert max(common) < end, "test rows of either run are common to nothing"
        at = found.partitions.index(partition)
        assert found.by_partition.n[at, 0] == len(common)
    assert "6 of 6 and 6 cells and 275 of 366 and 275 times are common" in found.notes[0]


def test_rounding_to_float32_is_no_other_observation(run, run_on, data):
    rounded = run_on(data.astype(np.float32), regions=None)
    assert compare_runs(run, rounded).pooled.n[0] > 1000
    kelvin = data.assign(y=(data["y"] + 285).assign_attrs(units="K"))
    one, two = run_on(kelvin), run_on(kelvin.astype(np.float32))
    assert compare_runs(one, two).pooled.n[0] > 1000


def test_other_observations_are_refused_with_how_many_and_by_how_much(run, run_on, data):
    changed = data.copy(deep=True)
    known = np.flatnonzero(np.isfinite(data["y"].values[[2, 4], :200]).all(axis=0))
    changed["y"].values[2, known[:3]] += [0.5, -2.25, 1.0]
    changed["y"].values[4, known[-1]] += 0.001
    beside = run_on(changed)
    with pytest.raises(RunError, match="observed different values") as told:
        compare_runs(run, beside)
    n = compare_runs(run, run).pooled.n[0]
    assert f": y in 4 of {n:,} common rows, by up to 2.25 dB. Compare runs on the same observations" in str(told.value)
    assert "bend" not in str(told.value)


def test_a_value_declared_missing_leaves_the_other_rows(run, data):
    """Other remedies, the same file: rows that one of them drops are not common."""
    value = float(data["y"].values[1, 1])
    created = create_run(
        run.design.change(remedies=[{"code": "declare_missing", "variable": "y", "value": value}]), run.path.parent
    )
    drive_here(created)
    found = compare_runs(run, Run.open(created.path))
    itself = compare_runs(run, run)
    assert (itself.by_partition.n - found.by_partition.n).tolist() == [[0, 0], [1, 0], *[[0, 0]] * 4]
    assert found.differences[0].startswith("remedy declare missing (variable y, value -1.46")
    assert found.notes == ()


def test_other_remedies_may_leave_other_times(run_on, data):
    """A time that is there twice is one time, or a second later another one: this one is common to nothing."""
    twice = xr.concat([data.isel(time=slice(0, 100)), data.isel(time=slice(99, None))], "time")
    runs = [run_on(twice, remedies=[{"code": "repeated_times", "how": how}]) for how in ("average", "shift")]
    found = compare_runs(*runs)
    common = "6 of 6 and 6 cells and 366 of 366 and 367 times are common"
    assert found.notes == (f"The runs read their file in different ways: {common}, and the observations agree.",)
    assert found.pooled.n.tolist() == compare_runs(runs[0], runs[0]).pooled.n.tolist()
    same_file = run_on(twice, remedies=[{"code": "repeated_times", "how": "shift"}])
    assert compare_runs(runs[1], same_file).notes == ()


def test_what_has_nothing_in_common_is_refused_with_the_reason(run, run_on, data):
    elsewhere = run_on(data.assign_coords(lat=data["lat"] + 2 * METRE))
    with pytest.raises(RunError, match="no cell in common: none of the 6 and 6 cells lies within a metre"):
        compare_runs(run, elsewhere)
    shifted = run_on(data.assign_coords(time=data["time"] + np.timedelta64(1, "D")))
    with pytest.raises(RunError, match=r"no time in common: one has 366 times from 2010-01-01T00:00:00 to 2013-"):
        compare_runs(run, shifted)
    feet = run_on(data.assign(y=data["y"].assign_attrs(units="m")))
    with pytest.raises(RunError, match="have y in different units: 'dB' and 'm'"):
        compare_runs(run, feet)
    alone = [run_on(data, outputs=[name]) for name in ("y", "bend")]
    with pytest.raises(RunError, match=r"share no output: one predicts y, the other bend\."):
        compare_runs(*alone)


def test_runs_that_withheld_no_row_in_common_say_why(run, run_on, data):
    west, east = (run_on(data, regions=[box("here", lon - 0.5, 30, lon + 0.5, 50)]) for lon in (5, 6))
    with pytest.raises(RunError, match=r"withheld no row in common that both predict: there is nothing to compare\.$"):
        compare_runs(west, east)
    nothing = run_on(data, jackknife=None)
    with pytest.raises(RunError, match=rf"The design of {nothing.path.name} holds nothing out \(jackknife=None\)"):
        compare_runs(run, nothing)


def _interrupted(run_on, data, *, left: int) -> Run:
    """A run as it is where it was stopped before the last partitions."""
    stopped = run_on(data)
    with RunStore(stopped.path / "run.sqlite", write=True) as store:
        store.wait_again(range(6 - left, 6))
    return Run.open(stopped.path)


def test_of_an_interrupted_run_what_is_there_is_compared_and_told_to_be_partial(run, run_on, data, other):
    partial = _interrupted(run_on, data, left=2)
    note = f"{partial.path.name} is partial: 4 of 6 partitions are finished."
    whole = compare_runs(run, other)
    found = partial.compare(other)
    assert found.partitions == ("cell-0", "cell-1", "cell-2", "cell-3")
    np.testing.assert_array_equal(found.by_partition.low, whole.by_partition.low[:4])
    assert found.notes == (note,)
    areas = "cells count by their area (cosine of the latitude)"
    assert found.frame().attrs == {"rows": "out-of-fold", "partial": note, "weights": areas, "notes": (note,)}
    assert whole.frame().attrs == {"rows": "out-of-fold", "partial": "", "weights": areas, "notes": ()}
    assert note in repr(found).splitlines()
    turned = other.compare(partial)
    assert turned.pooled.n.tolist() == found.pooled.n.tolist()
    assert turned.notes == (note,)


def test_partitions_without_any_row_are_not_missing(run_on, data):
    empty = data.copy(deep=True)
    empty["y"].values[5] = empty["bend"].values[5] = np.nan
    whole = run_on(empty)
    assert whole.counts == {"done": 5, "skipped": 1}
    assert compare_runs(whole, whole).notes == ()


def test_a_run_without_finished_partitions_is_refused(run, run_on, data):
    stopped = _interrupted(run_on, data, left=6)
    for pair in ((run, stopped), (stopped, run)):
        with pytest.raises(RunError, match=f"{stopped.path.name} is finished. Wait for it, or go on with") as told:
            compare_runs(*pair)
        assert f"motrain resume {stopped.path}" in str(told.value)
    unborn = create_run(run.design, run.path.parent)
    with pytest.raises(RunError, match="has no store yet"):
        compare_runs(run, Run.open(unborn.path))


# --- axes ---


def plan_at(lat, lon, days):
    """Return a plan of which only the axes are read."""
    plan = object.__new__(Plan)
    time = np.datetime64("2010-01-01", "us") + np.array(days) * np.timedelta64(1, "D")
    for name, values in (("lat", np.array(lat, float)), ("lon", np.array(lon, float)), ("time", time)):
        object.__setattr__(plan, name, values)
    return plan


def test_keys_are_those_of_the_same_cell_and_time():
    one, other = plan_at([0, 1, 2], [5, 5, 5], [0, 1, 2]), plan_at([2, 0], [5, 5], [1, 2, 7, 9])
    axes = match_axes(one, other, "both")
    assert axes.cell.tolist() == [1, -1, 0]
    assert axes.time.tolist() == [-1, 0, 1]
    assert axes.keys(np.arange(9)).tolist() == [-1, 4, 5, -1, -1, -1, -1, 0, 1]
    assert not axes.alike
    back = match_axes(other, one, "both")
    some = axes.keys(np.arange(9))
    np.testing.assert_array_equal(back.keys(some[some >= 0]), np.flatnonzero(some >= 0))


def test_a_place_has_several_longitudes():
    one, other = plan_at([10, 90], [180, 0], [0]), plan_at([90, 10], [120, -180], [0])
    assert match_axes(one, other, "both").cell.tolist() == [1, 0]


def test_cells_that_lie_where_another_lies_are_common_to_nothing():
    one, other = plan_at([0, 1, 1], [5, 5, 5], [0]), plan_at([1, 0, 3, 3], [5, 5, 5, 5], [0])
    assert match_axes(one, other, "both").cell.tolist() == [1, -1, -1]
    assert match_axes(other, one, "both").cell.tolist() == [-1, 0, -1, -1]
    assert match_axes(one, one, "both").alike, "in the same file each cell is itself"


def test_a_hundred_thousand_cells_are_matched_at_once():
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-80, 80, 100_000), rng.uniform(-180, 180, 100_000)
    order = rng.permutation(100_000)
    axes = match_axes(plan_at(lat, lon, [0]), plan_at(lat[order], lon[order].astype(np.float32), [0]), "both")
    expected = np.empty(100_000, int)
    expected[order] = np.arange(100_000)
    assert (axes.cell == expected).mean() > 0.9999, "but for cells that by chance lie within a metre of another"
