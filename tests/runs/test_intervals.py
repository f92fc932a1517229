"""Intervals of a run's operators: from withheld rows alone, checked fold by fold, taken home; the same in Keras."""

import numpy as np
import pytest

from motrain_app.design import Learner
from motrain_app.operators import SEASONS, Operator, OperatorError
from motrain_app.operators.seasons import season_of
from motrain_app.runs import Run, RunError, create_run
from motrain_app.runs.calibration import COVERAGE_COLUMNS
from tests.operators.order_statistics import order_statistics
from tests.runs.conftest import drive_here, make_dataset


def _trained(design, runs):
    folder = create_run(design, runs)
    assert drive_here(folder) == "done"
    return Run.open(folder.path)


@pytest.fixture
def run(design, tmp_path):
    return _trained(design(data=make_dataset(cells=3)), tmp_path / "runs")


def test_the_quantiles_are_those_of_the_rows_that_members_withheld(run):
    got, h = run.predictions("cell-1"), run.operator("cell-1")
    residual = (got["observed"] - got["predicted"]).values
    season = season_of(got["time"].values)
    for output in range(2):
        for number in range(4):
            expected = order_statistics(residual[output, season == number])
            np.testing.assert_allclose(h.residuals.knots[output, number], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(h.residuals.n[:, 4], np.isfinite(residual).sum(axis=1))
    assert not h.residuals.pooled(0.9).any()


def test_test_rows_never_enter(run, design, tmp_path):
    noisy, random = make_dataset(cells=3), np.random.default_rng(1)
    test = noisy["time"].values >= np.datetime64("2014-01-01")
    for name in ("a", "b", "y", "bend"):
        there = np.isfinite(noisy[name].values) & test
        noisy[name].values[there] = 100 * random.normal(size=there.sum())
    (tmp_path / "cells.nc").unlink()
    again = _trained(design(data=noisy), tmp_path / "again")
    run.open_test()
    for name in run.partitions:
        one, other = (each.operator(name).residuals.to_arrays() for each in (run, again))
        assert all(one[key].tobytes() == other[key].tobytes() for key in one)
        assert run.coverage(name).equals(again.coverage(name))
    assert not np.array_equal(run.open_test()["value"], again.open_test()["value"])


def test_the_interval_holds_most_of_a_test_that_nothing_saw(run):
    data = make_dataset(cells=3).sel(time="2014")
    low, high, observed = [], [], []
    for cell, name in enumerate(run.partitions):
        states = data.isel(space=cell)
        ends = run.operator(name).interval(states[["a", "b"]])
        low.append(ends["y_low"].values), high.append(ends["y_high"].values), observed.append(states["y"].values)
    there = np.isfinite(observed)
    inside = (np.array(low) <= observed) & (observed <= np.array(high))
    assert 0.82 < inside[there].mean() < 0.98


def test_the_coverage_of_an_opened_test_is_the_share_of_its_rows_in_the_interval(run):
    opened, data = run.open_test().set_index(["partition", "output", "metric"]), make_dataset(cells=3)
    for cell, name in enumerate(run.partitions):
        got = run.predictions(name)
        got = got.isel(time=got["rows"].values == "test")
        states = data.isel(space=cell).sel(time=got["time"])
        ends = run.operator(name).interval(states[["a", "b"]], level=0.9)
        for output in ("y", "bend"):
            observed = states[output].values
            there = np.isfinite(observed)
            inside = (ends[f"{output}_low"].values <= observed) & (observed <= ends[f"{output}_high"].values)
            told = opened.loc[(name, output, "coverage")]
            assert told["n"] == there.sum() > 70
            assert told["value"] == pytest.approx(inside[there].mean(), abs=2 / there.sum())
            assert told["value"] < 1


def test_coverage_is_judged_fold_by_fold_and_comes_with_n_and_an_interval(run):
    frame, got = run.coverage("cell-1", level=0.8), run.predictions("cell-1")
    assert tuple(frame.columns) == COVERAGE_COLUMNS
    assert frame["season"].tolist() == [*SEASONS, "year"] * 2
    assert frame["output"].tolist() == ["y"] * 5 + ["bend"] * 5
    assert (frame["level"] == 0.8).all()
    residual = (got["observed"] - got["predicted"]).sel(output="y").values
    season, fold = season_of(got["time"].values), got["fold"].values
    within = np.full(len(residual), np.nan)
    for row in np.flatnonzero(np.isfinite(residual)):
        low, high = order_statistics(residual[(season == season[row]) & (fold != fold[row])])[:, 30]
        within[row] = low - 1e-6 <= residual[row] <= high + 1e-6
    year = frame.query("output == 'y' and season == 'year'").iloc[0]
    assert year["coverage"] == pytest.approx(np.nanmean(within), abs=2 / len(within))
    assert year["n"] == np.isfinite(residual).sum()
    assert year["low"] < year["coverage"] < year["high"]
    assert year["low"] > 0.7
    assert year["high"] < 0.9
    assert year["effective"] > 100
    assert year["pooled"] == 0


def test_coverage_tells_the_level_that_was_used(run):
    frame = run.coverage("cell-1", level=0.904)
    assert (frame["level"] == 0.91).all()
    assert frame.equals(run.coverage("cell-1", level=0.91))


def test_the_interval_is_taken_home(run, tmp_path):
    states = make_dataset(cells=3).isel(space=0).sel(time="2014")
    x, time = np.stack([states["a"], states["b"]], axis=1), states["time"].values
    paths = run.export(tmp_path / "operators")
    for one, other in zip(
        Operator.load(paths[0]).interval(x, time), run.operator("cell-0").interval(x, time), strict=True
    ):
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, other)


def test_a_partition_of_several_cells_has_one_interval(design, tmp_path):
    run = _trained(design(data=make_dataset(cells=3), regions=None), tmp_path / "runs")
    year = run.coverage("everywhere").query("season == 'year'")
    assert (year["n"] > 900).all()
    assert year["coverage"].between(0.87, 0.93).all()


def test_without_a_jackknife_there_is_neither_interval_nor_coverage(design, tmp_path):
    run = _trained(design(data=make_dataset(cells=1), jackknife=None), tmp_path / "runs")
    h = run.operator("cell-0")
    with pytest.raises(OperatorError, match="knows no out-of-fold residuals"):
        h.interval(np.ones((1, 2)), ["2014-01-01"])
    with pytest.raises(RunError, match="No member of 'cell-0' withheld a row"):
        run.coverage("cell-0")
    assert Operator.load(h.save(tmp_path / "h.safetensors")).residuals is None


def test_a_level_or_partition_that_is_none_is_refused(run):
    with pytest.raises(OperatorError, match="level is 90"):
        run.coverage("cell-0", level=90)
    with pytest.raises(RunError, match="cell-9"):
        run.coverage("cell-9")


@pytest.mark.slow
@pytest.mark.parametrize(
    "learner", ["ridge2", Learner("network", {"hidden": [6], "epochs": 15}), Learner("network", {"activation": "relu"})]
)
def test_a_trained_operator_is_the_same_in_keras(design, tmp_path, learner):
    pytest.importorskip("tensorflow")
    from motrain_app.learning import (
        network_tensorflow,  # noqa: F401 - sets threads, which TensorFlow allows before its first op
        to_keras,
    )

    data = make_dataset(cells=1)
    h = _trained(design(data=data, learner=learner), tmp_path / "runs").operator("cell-0")
    states = data.isel(space=0)
    x = np.stack([states["a"], states["b"]], axis=1)
    spread = h(x).std(axis=0)
    for dtype, tolerance in (("float32", 1e-5), ("float64", 1e-10)):
        rounded = x.astype(dtype)
        assert (np.abs(np.asarray(to_keras(h, dtype=dtype)(rounded)) - h(rounded)) < tolerance * spread).all()
