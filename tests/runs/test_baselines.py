"""What a run is compared with: fitted and judged as its members are, and stored beside every judged row."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from motrain_app.design import Learner
from motrain_app.learning import resolve_learner
from motrain_app.runs.baselines import CLIMATOLOGY, MEAN, RIDGE, baselines_of
from motrain_app.runs.blockfile import TEST, BlockFile
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.predicting import predict_rows
from motrain_app.skill import day_of_year, season_harmonics, unpack_scores
from tests.runs.conftest import make_dataset
from tests.runs.takeovers import THREE, rows_of, trained


def _plan(run):
    return Plan.load(RunFolder(run.path).plan)


def _stored(run, name):
    """Return the judged rows of a partition, those of sealed rows too, and what each baseline says of them."""
    row = rows_of(run)[name]
    with BlockFile.open(run.path / "blocks" / row.file) as file:
        baselines = dict(zip(_plan(run).baselines, file.baselines(row.position), strict=True))
        return dict(file.rows(row.position)), baselines


def _scores(run, name):
    packed = rows_of(run)[name].scores.reshape(len(run.outputs), -1)
    return unpack_scores(packed, metrics=_plan(run).metrics, baselines=_plan(run).baselines)


def _rewritten(path, change):
    """Change arrays and header of a safetensors file in place."""
    with safe_open(path, framework="np") as file:
        arrays, header = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    change(arrays, header)
    save_file(arrays, path, metadata=header)


# Which


@pytest.mark.parametrize("learner", ["ridge2", "network", "forest", Learner("ridge", {"strengths": [0.1]})], ids=str)
def test_whatever_is_not_linear_ridge_itself_is_compared_with_it(learner):
    learner = learner if isinstance(learner, Learner) else Learner(learner)
    assert baselines_of(*resolve_learner(learner), {}) == ("mean", "climatology", "ridge")


def test_linear_ridge_is_not_compared_with_itself():
    assert baselines_of(*resolve_learner(Learner("ridge")), {}) == ("mean", "climatology")


def test_a_plan_of_an_older_version_names_mean_and_climatology(design, tmp_path):
    path = RunFolder(trained(design(learner="ridge2"), tmp_path / "runs").path).plan
    assert Plan.load(path).baselines == ("mean", "climatology", "ridge")

    def forget(arrays, header):
        values = json.loads(header["plan"])
        del values["baselines"]
        header["plan"] = json.dumps(values)

    _rewritten(path, forget)
    assert Plan.load(path).baselines == ("mean", "climatology")


# What they say


def test_ridge_as_a_baseline_is_ridge_as_the_learner(design, tmp_path):
    chosen = design(regions=THREE)
    ridge = trained(chosen, tmp_path / "ridge")
    run = trained(chosen.change(learner="ridge2"), tmp_path / "runs")
    at = _plan(run).baselines.index(RIDGE)
    rmse = _plan(run).metrics.index("rmse")
    for name in run.partitions:
        (mine, beside), (alone, _) = _stored(run, name), _stored(ridge, name)
        assert (mine["fold"] == TEST).any()
        np.testing.assert_array_equal(mine["time"], alone["time"])
        np.testing.assert_allclose(beside[RIDGE], alone["predicted"], rtol=1e-6)
        of_baseline = _scores(run, name).baseline_values[at, :, rmse]
        np.testing.assert_allclose(of_baseline, _scores(ridge, name).value[:, rmse], rtol=1e-6)
        assert not np.allclose(beside[RIDGE], mine["predicted"])


def _noise(data, rows):
    """Replace all outputs there are at some times by noise."""
    noisy, random = data.copy(deep=True), np.random.default_rng(1)
    for name in ("y", "bend"):
        there = np.isfinite(noisy[name].values) & rows
        noisy[name].values[there] = 100 * random.normal(size=there.sum())
    return noisy


def test_test_rows_touch_no_baseline(design, tmp_path):
    data = make_dataset()
    before = trained(design(data=data, learner="ridge2"), tmp_path / "runs")
    (tmp_path / "cells.nc").unlink()
    after = trained(design(data=_noise(data, data["time"].dt.year.values == 2014), learner="ridge2"), tmp_path / "new")
    for name in before.partitions:
        (rows, one), (_, other) = _stored(before, name), _stored(after, name)
        assert (rows["fold"] == TEST).any()
        for baseline in (MEAN, CLIMATOLOGY, RIDGE):
            assert one[baseline].tobytes() == other[baseline].tobytes()


def test_held_out_rows_touch_no_baseline_of_their_fold(design, tmp_path):
    data = make_dataset()
    before = trained(design(data=data, learner="ridge2"), tmp_path / "runs")
    (tmp_path / "cells.nc").unlink()
    after = trained(design(data=_noise(data, data["time"].dt.year.values == 2012), learner="ridge2"), tmp_path / "new")
    for name in before.partitions:
        (rows, one), (_, other) = _stored(before, name), _stored(after, name)
        mine, others = rows["fold"] == 2, (rows["fold"] >= 0) & (rows["fold"] != 2)  # the third year is 2012
        for baseline in (MEAN, CLIMATOLOGY, RIDGE):
            assert one[baseline][:, mine].tobytes() == other[baseline][:, mine].tobytes()
            assert (one[baseline][:, others] != other[baseline][:, others]).all()


def test_where_there_is_no_member_nothing_is_predicted():
    assert np.isnan(predict_rows({}, np.ones((2, 3)), np.array([0, 1, TEST], np.int16), 1)).all()


def test_a_cell_that_no_training_row_has_seen_takes_the_climatology_of_its_partition(design, tmp_path):
    data = make_dataset()
    years = data["time"].dt.year.values
    for name in ("y", "bend"):
        data[name].values[5, years != 2012] = np.nan
    run = trained(design(data=data, regions=None, learner="ridge2"), tmp_path / "runs")
    rows, beside = _stored(run, "everywhere")
    unseen = rows["cell"] == 5
    assert set(rows["fold"][unseen]) == {2}
    training = np.broadcast_to((years < 2014) & (years != 2012), data["y"].shape) & np.isfinite(data["y"].values)
    x = season_harmonics(day_of_year(data["time"].values), 2).T
    season, *_ = np.linalg.lstsq(x[np.nonzero(training)[1]], data["y"].values[training], rcond=None)
    np.testing.assert_allclose(beside[CLIMATOLOGY][0, unseen], x[rows["time"][unseen]] @ season, atol=1e-4)
    np.testing.assert_allclose(beside[MEAN][0, unseen], data["y"].values[training].mean(), atol=1e-4)


# How they are kept


def test_the_score_of_the_best_baseline_follows_from_what_is_stored(design, tmp_path):
    run = trained(design(learner="ridge2"), tmp_path / "runs")
    rows, beside = _stored(run, "cell-2")
    held = rows["fold"] >= 0
    error = np.stack([one[:, held].astype(np.float64) for one in beside.values()]) - rows["observed"][:, held]
    rmse = run.skill().query("partition == 'cell-2' and metric == 'rmse'")
    best = np.sqrt(np.nanmean(error**2, axis=-1))
    np.testing.assert_allclose(rmse["baseline_value"], best.min(axis=0), rtol=1e-5)
    assert rmse["baseline"].tolist() == [list(beside)[number] for number in best.argmin(axis=0)]


def test_a_file_that_holds_baselines_of_test_rows_alone_opens_to_the_same_scores(design, tmp_path):
    expected = trained(design(), tmp_path / "runs").open_test()
    older = trained(design(), tmp_path / "older")

    def forget(arrays, header):
        arrays["test_baselines"] = np.ascontiguousarray(arrays.pop("baselines")[..., arrays["fold"] == TEST])

    for path in RunFolder(older.path).blocks.iterdir():
        _rewritten(path, forget)
    pd.testing.assert_frame_equal(older.open_test(), expected)
    rows, beside = _stored(older, "cell-2")
    for values in beside.values():
        np.testing.assert_array_equal(np.isfinite(values).all(axis=0), rows["fold"] == TEST)
