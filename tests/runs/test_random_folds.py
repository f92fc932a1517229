"""A run on random folds: nothing withheld touches its member, and the operator knows which member withheld a day."""

import numpy as np

from motrain_app.design import LeaveRandomOut
from motrain_app.operators import Operator
from motrain_app.runs import Run, create_run
from tests.runs.conftest import drive_here, make_dataset

RANDOM = LeaveRandomOut(folds=4, seed=3)


def _trained(design, runs):
    folder = create_run(design, runs)
    assert drive_here(folder) == "done"
    return Run.open(folder.path)


def test_a_random_fold_replaced_by_noise_leaves_its_own_member_bit_identical(design, tmp_path):
    data = make_dataset(cells=3)
    run = _trained(design(data=data, jackknife=RANDOM), tmp_path / "runs")
    member = run.operator("cell-1").members[2]
    time = data["time"].values.astype("datetime64[us]")
    held = ((time[:, None] >= member.held_out[:, 0]) & (time[:, None] < member.held_out[:, 1])).any(axis=1)
    assert 0.15 < held[time < np.datetime64("2014-01-01")].mean() < 0.35
    noisy, random = data.copy(deep=True), np.random.default_rng(1)
    for name in ("a", "b", "y", "bend"):
        there = np.isfinite(noisy[name].values) & held
        noisy[name].values[there] = 100 * random.normal(size=there.sum())
    (tmp_path / "cells.nc").unlink()
    again = _trained(design(data=noisy, jackknife=RANDOM), tmp_path / "again")
    for name in run.partitions:
        before, after = (one.operator(name).members for one in (run, again))
        assert [one.name for one in before] == ["random 1", "random 2", "random 3", "random 4"]
        same = [
            all(array.tobytes() == other.to_arrays()[key].tobytes() for key, array in one.to_arrays().items())
            for one, other in zip(before, after, strict=True)
        ]
        assert same == [False, False, True, False]


def test_crossfit_gives_the_predictions_of_the_run_from_a_file_too(design, tmp_path):
    data = make_dataset(cells=3)
    run = _trained(design(data=data, jackknife=RANDOM), tmp_path / "runs")
    got = run.predictions("cell-1")
    assert set(got["fold"].values) == {"random 1", "random 2", "random 3", "random 4"}
    states = data.isel(space=1).sel(time=got["time"])
    x = np.stack([states["a"], states["b"]], axis=1)
    h = run.operator("cell-1")
    folds = {member.name: member for member in h.members}
    by_row = [folds[str(name)].predict(row[:, None])[:, 0] for name, row in zip(got["fold"].values, x, strict=True)]
    for one in (h, Operator.load(h.save(tmp_path / "h.safetensors"))):
        y = one(x, crossfit=True, time=states["time"].values)
        np.testing.assert_allclose(y, np.array(by_row), rtol=1e-12)
        np.testing.assert_allclose(y.T, got["predicted"].values, rtol=1e-5, atol=1e-5)


def test_intervals_of_scores_come_from_calendar_days_whatever_the_folds(design, tmp_path):
    """The same predictions, judged: a block of days is drawn whole, though its days lie in all folds."""
    from motrain_app.runs.baselines import ALWAYS
    from motrain_app.runs.judging import REPLICATES
    from motrain_app.skill import score_outputs

    run = _trained(design(data=make_dataset(cells=2), jackknife=RANDOM), tmp_path / "runs")
    got, frame = run.predictions("cell-0"), run.skill()
    arrays = [got[name].values for name in ("observed", "predicted")]
    scores = score_outputs(
        *arrays, {}, got["time"].values, metrics=["rmse"], replicates=REPLICATES, key=run.design.seed
    )
    mine = frame.query("partition == 'cell-0' and metric == 'rmse'")
    np.testing.assert_allclose(scores.value[:, 0], mine["value"], rtol=1e-5)
    for ends, name in ((scores.low, "low"), (scores.high, "high")):
        np.testing.assert_allclose(ends[:, 0], mine[name], rtol=0.2)  # beside a baseline blocks may be longer
    assert set(mine["baseline"]) <= set(ALWAYS)
