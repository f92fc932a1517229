"""Runs on data that tell little: what they have is scored, what they lack is said, and nothing fails."""

import io

import numpy as np
import pandas as pd
import pytest

from motrain_app.cli import main
from motrain_app.runs import Run
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.store import RunStore
from tests.runs.conftest import make_dataset
from tests.runs.takeovers import trained

CONSTANT, ONE_TEST_ROW, NO_TEST_ROW, FEW_ROWS = range(4)


@pytest.fixture
def run(design, tmp_path) -> Run:
    """Train four cells: one whose `y` never varies, one with one test row, one without, and one of few rows."""
    data = make_dataset(cells=5)
    y, test = data["y"].values, data["time"].values >= np.datetime64("2014-01-01")
    y[CONSTANT] = np.where(np.isnan(y[CONSTANT]), np.nan, 2.5)
    of_test = np.flatnonzero(test & ~np.isnan(y[ONE_TEST_ROW]))
    y[ONE_TEST_ROW, of_test[1:]] = np.nan
    y[NO_TEST_ROW, test] = np.nan
    y[FEW_ROWS, 15:] = np.nan
    return trained(design(data=data), tmp_path / "runs")


def of(frame, cell, *metrics):
    rows = frame[(frame["partition"] == f"cell-{cell}") & (frame["output"] == "y")].set_index("metric")
    return rows.loc[list(metrics)]


def test_observations_that_do_not_vary_have_errors_but_nothing_that_varies_with_them(run):
    frame = run.skill()
    errors = of(frame, CONSTANT, "rmse", "bias", "mae")
    assert (errors["value"].abs() < 1e-6).all()
    assert (errors["n"] > 200).all()
    without = of(frame, CONSTANT, "r", "spearman", "r2", "kge", "sd_ratio", "anomaly_r", "skill_over_mean")
    assert without[["value", "low", "high", "p"]].isna().all(axis=None)
    assert (without["n"].drop("skill_over_mean") == 0).all()
    verdict = run.verdicts().query(f"partition == 'cell-{CONSTANT}' and output == 'y'").iloc[0]
    assert verdict["verdict"] == "thin"
    assert "observations that do not vary" in verdict["reason"]


def test_of_one_test_row_there_is_an_error_without_an_interval(run):
    frame = run.open_test()
    one = of(frame, ONE_TEST_ROW, "rmse", "bias", "r", "r2", "n", "skill_over_mean")
    assert np.isfinite(one["value"][["rmse", "bias", "skill_over_mean"]]).all()
    assert one["value"]["rmse"] == pytest.approx(abs(one["value"]["bias"]))
    assert one["value"][["r", "r2"]].isna().all()
    assert one["n"].to_dict() == {"rmse": 1, "bias": 1, "r": 0, "r2": 0, "n": 1, "skill_over_mean": 1}
    assert one[["low", "high", "p"]].isna().all(axis=None)
    none = of(frame, NO_TEST_ROW, "rmse", "skill", "n")
    assert none["value"][["rmse", "skill"]].isna().all()
    assert none["n"].tolist() == [0, 0, 0]
    assert of(frame, NO_TEST_ROW, "n")["value"].item() == 0


def test_whatever_is_asked_of_it_has_an_answer(run, capsys):
    for by in ("season", "year", "month", "fold", "cell", "a", "all"):
        frame = run.skill(by=by)
        assert len(frame)
        assert not np.isinf(frame[["value", "low", "high"]].drop(frame.index[frame["metric"].str.startswith("n")])).any(
            axis=None
        )
    assert run.years().sizes["fold"] == 4
    assert np.isnan(run.by_cell("r")["y"].values[CONSTANT])
    assert run.by_cell("r")["n_y"].values[CONSTANT] == 0
    assert run.by_cell("rmse")["n_y"].values[CONSTANT] > 200
    assert len(run.pays().frame())
    assert len(run.compare(run).frame())
    assert len(run.cross()["partition"]) == 5
    assert run.coverage("cell-0")["n"].gt(0).any()
    assert main(["skill", str(run.path)]) == 0
    assert "nan" not in capsys.readouterr().out.lower()


def test_what_is_told_of_a_run_that_is_not_finished_says_so(run):
    with RunStore(RunFolder(run.path).store, write=True) as store:
        store.database.execute("update partition set state = 'waiting', scores = null where number = 0")
    found = Run.open(run.path).remarks()
    assert len(found) > 1
    assert found[-1] == "This is told of 4 of 5 partitions."


def test_scores_that_no_row_has_are_gaps_and_not_the_lack_of_rows(run, tmp_path, capsys):
    """A test of a year has no anomaly correlation: whoever opens it for that alone gets lines, not a false reason."""
    assert main(["skill", str(run.path), "--by", "fold", "--metric", "anomaly_r", "--csv"]) == 0
    assert len(pd.read_csv(io.StringIO(capsys.readouterr().out))) > 30
    for name in ("scores.csv", "scores.nc"):
        given = [str(run.path), "--open-test", "--metric", "anomaly_r", "--to", str(tmp_path / name)]
        assert main(["skill", *given]) == 0
        assert (tmp_path / name).stat().st_size > 0
    found = pd.read_csv(tmp_path / "scores.csv")
    assert len(found) == 2 * 5
    assert found["value"].isna().all()
    assert (found["n"] == 0).all()


def test_the_rows_of_years_are_those_of_the_score(run):
    of_fold = run.years("anomaly_r")
    assert (of_fold["n"] == 0).all()
    assert of_fold["n"].attrs["long_name"] == "rows that difficulty is of"
