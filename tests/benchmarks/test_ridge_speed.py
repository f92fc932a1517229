"""What a partition costs: ridge, all folds and strengths, beside refits; scores beside resampled rows; a whole run."""

import time

import numpy as np
import pytest
import scipy.stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from threadpoolctl import threadpool_limits

from motrain_app.design import Learner
from motrain_app.learning import resolve_learner
from motrain_app.skill import metric_names, score_outputs

pytestmark = pytest.mark.benchmark

PARTITIONS = 10
PIECES = ["piece", "CPU-milliseconds a partition", "peer", "peer's CPU-milliseconds", "peer / ours"]
TITLE = "One partition of 5,400 training rows, 8 inputs, 3 outputs, 10 folds"


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(1):  # as in a worker
        yield


def _refits(block, features, strengths):
    """Return the validation errors of `fit_ridge`, [members, strengths, outputs], by scikit-learn: a fit for each."""
    rows, folds = block.rows(0), block.folds
    x, y, atom = block.inputs[:, rows].T.astype(float), block.outputs[:, rows].T.astype(float), block.atom[rows]
    there = np.isfinite(y).all(axis=1)
    degree = 2 if features == "quadratic" else 1
    mse = np.zeros((folds.n_members, len(strengths), y.shape[1]))
    for member in range(folds.n_members):
        judged = 0
        for holdout in folds.validators(member):
            fit = folds.fit(member, holdout)[atom] & there
            judge = folds.validation(member, holdout)[atom] & there
            target = StandardScaler().fit(y[fit])
            judged += judge.sum()
            for number, strength in enumerate(strengths):
                model = make_pipeline(
                    StandardScaler(),
                    PolynomialFeatures(degree, include_bias=False),
                    StandardScaler(),
                    Ridge(alpha=strength * fit.sum()),
                )
                predicted = model.fit(x[fit], target.transform(y[fit])).predict(x[judge])
                mse[member, number] += ((target.inverse_transform(predicted) - y[judge]) ** 2).sum(axis=0)
        mse[member] /= judged
    return mse


@pytest.mark.parametrize("learner", ["ridge", "ridge2"])
def test_all_folds_and_strengths_cost_a_fraction_of_refits(learner, make_block, seconds, table):
    block = make_block(PARTITIONS)
    kind, options = resolve_learner(Learner(learner))
    fitted = kind.fit(block, options)
    ours = seconds(lambda: kind.fit(block, options), repeats=5).cpu / PARTITIONS
    refitted = []
    theirs = seconds(lambda: refitted.append(_refits(block, options.features, options.strengths))).cpu
    np.testing.assert_allclose(fitted.trials["validation_loss"][0], refitted[0], rtol=1e-6)
    strengths, members = len(options.strengths), block.folds.n_members
    table(TITLE, PIECES).add(
        f"{learner}: {members} members, each with the best of {strengths} strengths",
        f"{1e3 * ours:.1f}",
        f"scikit-learn, {members * (members - 1) * strengths} refits",
        f"{1e3 * theirs:,.0f}",
        f"{theirs / ours:,.0f}",
    )
    assert theirs / ours > 20
    assert learner != "ridge2" or ours < 20e-3


def test_scores_with_intervals_cost_a_fraction_of_resampled_rows(seconds, table):
    random, n, replicates = np.random.default_rng(0), 5400, 1000
    time = np.datetime64("2007-01-01") + np.sort(random.integers(0, 3650, n))
    observed = random.standard_normal((3, n))
    predicted, season, mean = (observed + error * random.standard_normal((3, n)) for error in (0.5, 0.8, 1.0))
    baselines = {"mean": mean, "climatology": season}

    def score(how_many):
        return score_outputs(observed, predicted, baselines, time, metrics=metric_names(), replicates=how_many, key=0)

    def resample():
        error = (predicted[0] - observed[0],)
        return scipy.stats.bootstrap(
            error,
            lambda e, axis: np.sqrt((e**2).mean(axis=axis)),
            n_resamples=replicates,
            batch=100,
            method="percentile",
            rng=random,
        )

    plain, ours = seconds(lambda: score(0), repeats=9).cpu, seconds(lambda: score(replicates), repeats=9).cpu
    theirs, statistics = seconds(resample, repeats=3).cpu, len(observed) * len(metric_names())
    pieces = table(TITLE, PIECES)
    pieces.add(f"{statistics} scores of 3 outputs, 2 baselines", f"{1e3 * plain:.1f}", "", "", "")
    pieces.add(
        f"the same with intervals: block bootstrap, {replicates:,} replicates",
        f"{1e3 * ours:.1f}",
        f"scipy.stats.bootstrap, independent rows, {statistics} ×",
        f"{1e3 * theirs * statistics:,.0f}",
        f"{theirs * statistics / ours:,.0f}",
    )
    low, high = (end[0, metric_names().index("rmse")] for end in (score(replicates).low, score(replicates).high))
    assert low < 0.5 < high
    assert theirs * statistics / ours > 20


def test_a_whole_run(make_cells, make_design, python, table, tmp_path):
    """Staging, driver, workers and store included; a short run beside the long one tells start-up from the rest."""
    cost = {}
    for cells in (20, 200):
        make_cells(cells).to_zarr(tmp_path / f"{cells}.zarr", zarr_format=3, consolidated=False)
        design = make_design(tmp_path / f"{cells}.zarr", learner="ridge").save(tmp_path / f"{cells}.json")
        finished = python("-m", "motrain_app", "train", design, "--runs", tmp_path, "--workers", 1, "--quiet")
        assert f"{cells} done" in finished.output
        cost[cells] = finished.cpu
    more = (cost[200] - cost[20]) / 180
    rows = table(
        "A whole run with ridge: 7,900 rows a partition, one worker; staging, driver, scores, files and store included",
        ["partitions", "CPU-seconds", "CPU-milliseconds a partition", "of one more partition", "10,000 on two cores"],
    )
    minutes = (cost[200] + (10_000 - 200) * more) / 60 / 2
    rows.add(200, f"{cost[200]:.1f}", f"{1e3 * cost[200] / 200:.0f}", f"{1e3 * more:.0f}", f"≈ {minutes:.1f} minutes")


def test_ten_thousand_partitions_in_five_minutes(make_cells, make_design, python, table, tmp_path):
    """On two cores, with a quarter of the real cells' rows; from the command to the last scores."""
    partitions = 10_000
    make_cells(partitions, every=4).to_zarr(tmp_path / "data.zarr", zarr_format=3, consolidated=False)
    design = make_design(tmp_path / "data.zarr", learner="ridge").save(tmp_path / "design.json")
    begin = time.perf_counter()
    finished = python("-m", "motrain_app", "train", design, "--runs", tmp_path, "--workers", 2, "--quiet")
    minutes = (time.perf_counter() - begin) / 60
    assert f"{partitions} done" in finished.output
    rows = table(
        "10,000 partitions with ridge on two cores, 1,970 rows each; staging, driver and store included",
        ["minutes", "at most", "CPU-milliseconds a partition"],
    )
    rows.add(f"{minutes:.1f}", "5", f"{1e3 * finished.cpu / partitions:.0f}")
    assert minutes < 5
