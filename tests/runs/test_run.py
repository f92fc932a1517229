"""A run from design to take-home: scores, sealed test, predictions, operators, failures in words."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import xarray as xr

from motrain_app.design import Design, DesignError, Period
from motrain_app.operators import Operator
from motrain_app.runs import Run, RunError, create_run, train
from motrain_app.runs.baselines import ALWAYS
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.store import RunStore
from tests.runs.conftest import drive_here, environment, make_dataset

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run on six cells, one of which has nothing to learn from."""
    folder = tmp_path_factory.mktemp("finished")
    data = make_dataset()
    data["y"][5], data["bend"][5] = np.nan, np.nan
    data.to_netcdf(folder / "cells.nc")
    design = Design(folder / "cells.nc", ["a", "b"], ["y", "bend"], regions="cells", test="2014-01-01", learner="ridge")
    return train(design, folder / "runs", workers=1), data


def _trained(design, tmp_path):
    """Train a design in this process."""
    folder = create_run(design, tmp_path / "runs")
    assert drive_here(folder) == "done"
    return Run.open(folder.path)


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished run that a test may change; its staged rows are left behind on purpose."""
    shutil.copytree(finished[0].path, tmp_path / "run")
    return Run.open(tmp_path / "run")


def test_every_partition_is_done_or_says_why_not(finished):
    run, _ = finished
    assert run.state == "done"
    assert run.partitions == [f"cell-{number}" for number in range(6)]
    assert run.counts == {"done": 5, "skipped": 1}
    assert "no training row" in run.failures["cell-5"]


def test_scores_are_pooled_over_folds_and_recomputable_from_the_predictions(finished):
    run, data = finished
    frame = run.skill().set_index(["partition", "output", "metric"])
    got = run.predictions("cell-2")
    assert set(got["fold"].values) == {"2010", "2011", "2012", "2013"}
    assert (got["time"].dt.year.astype(str).values == got["fold"].values).all()
    assert all(variable.attrs["long_name"] for variable in got.data_vars.values())
    for output in ("y", "bend"):
        part = got.sel(output=output)
        error = (part["predicted"] - part["observed"]).values
        row = frame.loc[("cell-2", output, "rmse")]
        assert row["value"] == pytest.approx(np.sqrt(np.nanmean(error**2)), rel=1e-5)
        assert row["n"] == np.isfinite(error).sum()
        assert row["low"] < row["value"] < row["high"]
        truth = data[output].isel(space=2).sel(time=part["time"]).values
        np.testing.assert_allclose(part["observed"].values, truth, rtol=1e-6, equal_nan=True)


def test_the_baseline_stands_beside_every_score(finished):
    frame = finished[0].skill()
    assert set(frame["baseline"]) <= set(ALWAYS)
    assert list(frame.columns) == [
        "partition",
        "output",
        "metric",
        "value",
        "low",
        "high",
        "n",
        "baseline",
        "baseline_value",
        "p",
        "significant",
    ]
    rmse = frame[frame["metric"] == "rmse"]
    skill = frame[frame["metric"] == "skill"]["value"].to_numpy()
    np.testing.assert_allclose(skill, 1 - (rmse["value"] / rmse["baseline_value"]).to_numpy() ** 2, rtol=1e-9)


def test_significant_is_what_remains_when_false_discoveries_over_partitions_are_controlled(finished):
    frame = finished[0].skill()
    tested = frame[frame["p"].notna()]
    assert set(tested["metric"]) == {"skill", *(f"skill_over_{name}" for name in ALWAYS)}
    assert not frame[frame["p"].isna()]["significant"].any()
    for _, of_partitions in tested.groupby(["output", "metric"]):
        adjusted = scipy.stats.false_discovery_control(of_partitions["p"])
        np.testing.assert_array_equal(of_partitions["significant"], adjusted <= 0.05)
    assert tested["significant"].any()


def test_test_rows_stay_sealed_until_they_are_opened(copied):
    assert copied.openings == []
    assert set(copied.predictions("cell-0")["rows"].values) == {"held-out"}
    with RunStore(RunFolder(copied.path).store) as store:
        assert all(row.test_scores is None for row in store.partitions())
    frame = copied.open_test()
    again = copied.open_test()
    pd.testing.assert_frame_equal(frame, again)
    assert len(copied.openings) == 2
    got = copied.predictions("cell-0")
    test = got.where(got["rows"] == "test", drop=True)
    assert (test["time"].dt.year == 2014).all()
    error = (test["predicted"] - test["observed"]).sel(output="y").values
    value = frame.set_index(["partition", "output", "metric"]).loc[("cell-0", "y", "rmse"), "value"]
    assert value == pytest.approx(np.sqrt(np.nanmean(error**2)), rel=1e-5)


def test_an_opening_that_cannot_be_recorded_is_none(copied):
    (copied.path / "openings.json").mkdir()
    with pytest.raises(RunError, match="could not be recorded"):
        copied.open_test()
    with RunStore(RunFolder(copied.path).store) as store:
        assert all(row.test_scores is None for row in store.partitions())


def test_an_exported_operator_reproduces_the_predictions_without_data_or_run(finished, copied, tmp_path):
    _, data = finished
    copied.open_test()
    got = copied.predictions("cell-3")
    paths = copied.export(tmp_path / "operators")
    assert len(paths) == 5
    index = json.loads((tmp_path / "operators" / "operators.json").read_text())
    name = next(entry["file"] for entry in index["operators"] if entry["partition"] == "cell-3")
    states = data.isel(space=3).sel(time=got["time"])
    np.savez(tmp_path / "states.npz", x=np.stack([states["a"], states["b"]], axis=1), time=states["time"].values)
    script = (
        "import sys, numpy as np\n"
        "from motrain_app import Operator\n"
        "states = np.load('states.npz')\n"
        f"h = Operator.load('operators/{name}')\n"
        "np.savez('y.npz', y=h(states['x'], crossfit=True, time=states['time']))\n"
        "assert 'dask' not in sys.modules and 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, env=environment())
    y = np.load(tmp_path / "y.npz")["y"].T
    spread = np.nanstd(got["observed"].values, axis=1, keepdims=True)
    assert (np.abs(y - got["predicted"].values) < 1e-5 * spread).all()
    with pytest.raises(RunError, match="not empty"):
        copied.export(tmp_path / "operators")


def test_an_operator_knows_names_units_and_folds(finished):
    h = finished[0].operator("cell-1")
    assert [(variable.name, variable.unit) for variable in h.inputs] == [("a", "K"), ("b", "m3 m-3")]
    assert [member.name for member in h.members] == ["2010", "2011", "2012", "2013"]
    assert isinstance(h, Operator)
    assert h.members[0].held_out.astype("datetime64[D]").astype(str).tolist() == [["2010-01-01", "2011-01-01"]]
    with pytest.raises(RunError, match="has no operator: It has no training row"):
        finished[0].operator("cell-5")


def test_a_run_needs_neither_its_data_nor_its_staged_rows_to_be_read(copied):
    assert not (copied.path.parent / ".staged").exists()
    assert len(copied.skill()) > 0
    assert copied.predictions("cell-0").sizes["time"] > 100


def test_a_run_without_a_finished_partition_has_an_empty_table(copied):
    with RunStore(RunFolder(copied.path).store, write=True) as store:
        store.wait_again(range(6))
    assert list(copied.skill().columns)[:3] == ["partition", "output", "metric"]
    assert len(copied.skill()) == 0
    assert np.isnan(copied.by_cell("rmse")["y"]).all()


def test_scores_of_cells_are_those_of_their_own_rows(finished, design, tmp_path):
    run, data = finished
    rmse = run.by_cell("rmse")
    frame = run.skill().query("metric == 'rmse'").set_index(["partition", "output"])
    for cell in range(5):  # here a cell is a partition
        for output in ("y", "bend"):
            assert float(rmse[output][cell]) == pytest.approx(frame.loc[(f"cell-{cell}", output), "value"], rel=1e-6)
            assert int(rmse[f"n_{output}"][cell]) == frame.loc[(f"cell-{cell}", output), "n"]
    assert np.isnan(rmse["y"][5])
    assert rmse["y"].attrs["units"] == "dB"
    np.testing.assert_array_equal(rmse["lat"], data["lat"])
    together = _trained(design(regions=None), tmp_path)
    got, bias = together.predictions("everywhere").sel(output="y"), together.by_cell("bias")
    error = (got["predicted"] - got["observed"]).groupby(got["cell"]).mean()
    np.testing.assert_allclose(bias["y"], error, rtol=1e-5, atol=1e-7)


def test_seasons_and_several_cells_are_partitions_like_any_other(design, tmp_path):
    periods = [Period("warm", months=(4, 5, 6, 7, 8, 9)), Period("cold", months=(10, 11, 12, 1, 2, 3))]
    run = _trained(design(regions=None, periods=periods), tmp_path)
    assert run.partitions == ["everywhere · warm", "everywhere · cold"]
    got = run.predictions("everywhere · warm")
    assert set(got["time"].dt.month.values) == {4, 5, 6, 7, 8, 9}
    assert set(got["cell"].values) == set(range(6))
    assert (np.diff(got["time"].values.astype(np.int64)) >= 0).all()


def test_a_design_that_cannot_be_carried_out_leaves_no_run(design, tmp_path):
    with pytest.raises(DesignError) as refused:
        train(
            design(
                regions=None,
                periods=[Period("later", intervals=(("2050-01-01", "2051-01-01"),))],
                learner="rigde",
            ),
            tmp_path / "runs",
        )
    assert len(refused.value.reasons) == 2
    assert not (tmp_path / "runs").exists()


def test_rows_that_all_fail_the_filter_break_off_with_the_drivers_words(design, tmp_path):
    with pytest.raises(RunError, match="passes the filters"):
        train(design(filters=["a > 1000"]), tmp_path / "runs", workers=1)


def test_a_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(RunError, match="is no run folder"):
        Run.open(tmp_path)


def test_no_training_row_lies_outside_the_range_not_even_where_a_difference_in_kelvin_is_always_zero(design, tmp_path):
    data = make_dataset(cells=1)
    data["inversion"] = (data["a"] * 0.0).assign_attrs(units="K")
    made = design(data=data).change(inputs=("a", "b", "inversion"))
    folder = create_run(made, tmp_path / "runs")
    assert drive_here(folder) == "done"
    operator = Run.open(folder.path).operator("cell-0")
    states = np.stack([data[name].values[0] for name in ("a", "b", "inversion")], axis=1)
    training = data["time"].values < np.datetime64("2014-01-01")
    assert operator.inside_range(states[training]).all()
    assert not operator.inside_range(states[:1] + np.array([0, 0, 0.001])).any()


def test_a_year_whose_member_could_not_be_trained_has_no_crossfit_and_a_year_without_rows_has_the_mean(
    design, tmp_path
):
    data = make_dataset(cells=2)
    year, few = data["time"].dt.year.values, np.isin(np.arange(data.sizes["time"]) % 92, (10, 30, 50, 70))
    first = np.where(year == 2010, True, few & (year < 2013))  # eight rows are too few to learn from for 2010
    for name in ("y", "bend"):
        data[name] = data[name].fillna(0).where(xr.DataArray([first, year != 2012], dims=("space", "time")))
    run = _trained(design(data=data), tmp_path)
    time = np.array(["2010-06-01", "2011-06-01", "2012-06-01", "2013-06-01", "2014-06-01"], "datetime64[D]")
    x = np.tile([[285.0, 0.3]], (5, 1))
    found = []
    for name in run.partitions:
        h = run.operator(name)
        found.append(([member.name for member in h.members], h(x, crossfit=True, time=time), h(x)))
    assert found[0][0] == ["2011", "2012"]
    assert np.isnan(found[0][1]).any(axis=1).tolist() == [True, False, False, True, False], "2013 cannot be told apart"
    assert found[1][0] == ["2010", "2011", "2013"]
    assert np.isfinite(found[1][1]).all()
    np.testing.assert_array_equal(found[1][1][2], found[1][2][2])


def test_predictions_of_a_projection_keep_their_times_beyond_what_nanoseconds_reach(design, tmp_path):
    """A climate projection may run to 2300; datetime64[ns] ends in 2262."""
    data = make_dataset(cells=1)
    later = data.assign_coords(time=data["time"].values.astype("datetime64[us]") + np.timedelta64(106_000, "D"))
    run = _trained(design(data=later, test=None), tmp_path)
    got = run.predictions("cell-0")
    assert got["time"].dt.year.min() == 2300
    there = np.isfinite(later["y"].values[0]) | np.isfinite(later["bend"].values[0])
    np.testing.assert_array_equal(got["time"].values.astype("datetime64[us]"), later["time"].values[there])
    assert set(run.skill(by="year", metrics=["rmse"])["group"]) >= {"2301", "2302", "2303"}


def test_what_no_question_can_be_is_refused_in_words(finished):
    run, _ = finished
    for ask, words in (
        (lambda: run.compare("x"), "other is 'x': give a run"),
        (lambda: run.operator(["cell-0"]), r"partition is \['cell-0'\]: give one name"),
        (lambda: run.predictions(1), "partition is 1: give one name"),
        (lambda: run.cross([["cell-0"]]), "partitions is .* give a name"),
        (lambda: run.cross(1), "partitions is 1: give a name"),
        (lambda: run.partitions_of(-1), "no cell -1: give a whole number from 0 to 5"),
        (lambda: run.partitions_of(6), "no cell 6"),
        (lambda: run.partitions_of(True), "no cell True"),
        (lambda: run.pays(control=-1), "control is -1: give a number of draws"),
        (lambda: run.pays(control=True), "control is True: give a number of draws"),
        (lambda: run.pays(workers="x"), "workers is 'x': give 1 or more"),
        (lambda: run.skill(workers=True), "workers is True: give 1 or more"),
    ):
        with pytest.raises(RunError, match=words):
            ask()
