"""Data that we did not make, trained end to end."""

import numpy as np
import pytest
import scipy.stats

from motrain_app.design import Design, LeaveYearsOut, box
from motrain_app.runs import Run, create_run
from tests.runs.conftest import drive_here

pytestmark = pytest.mark.slow
INPUTS = ["TG1", "TG2", "TG3", "WG1", "WG2", "WG3", "BIOMA1", "BIOMA2"]
OUTPUTS = ["sig", "slop", "curv"]

# The peer's table for these cells: test RMSE of the mean of its ten members, and of the member it picks.
PEER_MEMBERS = [
    (0.551, 0.01000, 0.000499),
    (0.603, 0.00987, 0.000491),
    (0.490, 0.00653, 0.000313),
    (0.566, 0.00810, 0.000503),
]
PEER_PICK = [
    (0.576, 0.00992, 0.000506),
    (0.593, 0.00998, 0.000515),
    (0.473, 0.00686, 0.000292),
    (0.562, 0.00840, 0.000501),
]


def _test_rmse(frame):
    return frame[frame["metric"] == "rmse"].pivot_table(
        index="partition", columns="output", values="value", sort=False
    )[OUTPUTS]


@pytest.mark.parametrize("learner", ["ridge", "ridge2", "network"])
def test_five_cells_of_ascat_and_isba(shared_data, tmp_path, learner):
    design = Design(
        shared_data / "ascat_isba_5cells.nc",
        INPUTS,
        OUTPUTS,
        regions="cells",
        test="2017-01-01",
        jackknife="year",
        learner=learner,
    )
    folder = create_run(design, tmp_path / "runs")
    assert drive_here(folder) == "done"
    run = Run.open(folder.path)
    assert run.counts == {"done": 5}
    assert run.operator("cell-0").members[0].name == "2007"
    assert len(run.operator("cell-0").members) == 10
    rmse = _test_rmse(run.open_test()).to_numpy()
    if learner == "network":
        assert (rmse[0] <= [0.545, 0.0093, 0.00050]).all()
        # Better than the peer on every output, in the mean over the four cells for which its figures are known.
        assert (rmse[:4].mean(axis=0) < np.mean(PEER_MEMBERS, axis=0)).all()
        assert (rmse[:4].mean(axis=0) < np.mean(PEER_PICK, axis=0)).all()
    of_all = run.skill(by="all", metrics="skill_over_climatology").set_index("output")
    assert of_all.loc["slop", "low"] > 0.1, "the states say more of the slope than the season does"
    if learner == "ridge":  # of the others, which make that bias smaller, what the other seasons have may be zero
        told = next(words for words in run.remarks() if words.startswith("sig: bias +"))
        assert "in MAM and −" in told, "what the season leaves of the backscatter cancels over the year"
        assert "cancel over the year" in told
    held_out = run.skill().set_index(["partition", "output", "metric"])
    verdicts = run.verdicts().set_index(["partition", "output"])
    for cell in run.partitions:
        over = held_out.loc[cell].xs("skill_over_climatology", level="metric")
        assert over.loc["slop", "value"] > 0.1
        assert over.loc["curv", "low"] <= 0, "of the curvature they say no more"
        assert verdicts.loc[(cell, "curv"), "verdict"] == "no better than climatology"


def test_two_scenarios_on_a_grid_as_input_and_output(iris_data, tmp_path):
    """The same variable name in both files, a 360-day calendar and longitudes from 0 to 360."""
    files = [iris_data / "A1B_north_america.nc", iris_data / "E1_north_america.nc"]
    names = ["air_temperature_A1B_north_america", "air_temperature_E1_north_america"]
    design = Design(
        files,
        names[1:],
        names[:1],
        regions=[box("north", -180, 45, -30, 80), box("south", -180, 10, -30, 45)],
        test="2060-01-01",
        jackknife=LeaveYearsOut(years=20),
        learner="ridge",
    )
    folder = create_run(design, tmp_path / "runs")
    assert drive_here(folder) == "done"
    run = Run.open(folder.path)
    assert run.partitions == ["north", "south"]
    assert run.counts == {"done": 2}
    got = run.predictions("north")
    assert (got["lon"] >= -140).all()
    assert (got["lon"] <= -40).all()
    assert (got["lat"] >= 45).all()
    cells = [len(np.unique(run.predictions(name)["cell"])) for name in run.partitions]
    assert sum(cells) == 37 * 49
    scores = run.skill().set_index(["partition", "output", "metric"])["value"]
    for name in run.partitions:
        error = got["predicted"] - got["observed"] if name == "north" else None
        assert scores[name, names[0], "rmse"] < 1.5, "two scenarios of one model are alike to a degree"
        assert error is None or scores[name, names[0], "rmse"] == pytest.approx(
            float(np.sqrt((error**2).mean())), rel=1e-4
        )
    h = run.operator("south")
    assert h.inputs[0].unit == "K"
    assert h(np.array([[290.0]]))[0, 0] == pytest.approx(290, abs=3)


def test_block_intervals_of_the_slope_are_over_three_times_as_wide_as_independent_ones(shared_data, tmp_path):
    data = shared_data / "ascat_isba_5cells.nc"
    design = Design(data, INPUTS, OUTPUTS, regions="cells", test="2017-01-01", learner="ridge2")
    folder = create_run(design, tmp_path / "runs")
    assert drive_here(folder) == "done"
    run = Run.open(folder.path)
    scores = run.skill().set_index(["partition", "output", "metric"])
    for cell in run.partitions:
        rows = run.predictions(cell).sel(output="slop")
        error = (rows["predicted"] - rows["observed"]).dropna("time").values
        independent = scipy.stats.bootstrap(
            (error,), lambda e, axis: np.sqrt((e**2).mean(axis=axis)), n_resamples=1000, batch=100, rng=0
        ).confidence_interval
        block = scores.loc[(cell, "slop", "rmse")]
        assert (block["high"] - block["low"]) / (independent.high - independent.low) > 3
