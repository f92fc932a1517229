"""One absurd row, an undeclared fill value or a prediction gone astray, spoils what it is part of and nothing else."""

import numpy as np
import pytest
from scipy.signal import lfilter

from motrain_app.skill import (
    BestBaselines,
    Piece,
    Totals,
    bias,
    bootstrap,
    bootstrap_groups,
    moments_by_group,
    rmse,
    score_each_cell,
    score_outputs,
)
from motrain_app.skill.near_days import near_days
from motrain_app.skill.shifts import middle_of_cells, middles, some_rows

DAYS, MEMORY = 1500, 0.9
TIME = np.datetime64("2010-01-01") + np.arange(DAYS)
METRICS = (
    "bias",
    "mae",
    "rmse",
    "ubrmse",
    "r",
    "r2",
    "kge",
    "sd_ratio",
    "spearman",
    "anomaly_r",
    "skill",
    "n_effective",
)
AT = {name: number for number, name in enumerate(METRICS)}
ROW = 700  # that is absurd


def series(n_cells, seed=0):
    """Observed, predicted and a baseline, [cells, days]."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((3, n_cells, DAYS + 300))
    observed, error, other = lfilter([1.0], [1.0, -MEMORY], white * np.sqrt(1 - MEMORY**2))[..., 300:]
    observed = 285 + 3 * observed
    return observed, observed + 0.2 + error, observed + 2 * other


def spoilt(n_cells, which, size):
    """The series with one absurd value: of observed, of predicted or of the baseline."""
    found = series(n_cells)
    found[["observed", "predicted", "baseline"].index(which)][0, ROW] += size
    return found


def of_partition(observed, predicted, other):
    n_cells = len(observed)
    return score_outputs(
        observed.reshape(1, -1), predicted.reshape(1, -1), {"other": other.reshape(1, -1)}, np.tile(TIME, n_cells),
        cell=np.repeat(np.arange(n_cells), DAYS), metrics=METRICS, key=0, replicates=400, constant_baselines=(),
    )  # fmt: skip


def of_cells(observed, predicted, other):
    n_cells = len(observed)
    return score_each_cell(
        observed.reshape(1, -1), predicted.reshape(1, -1), {"other": other.reshape(1, -1)}, np.tile(TIME, n_cells),
        np.repeat(np.arange(n_cells), DAYS), metrics=METRICS, key=0, replicates=400, constant_baselines=(),
    )[1]  # fmt: skip


def of_total(observed, predicted, other):
    n_cells = len(observed)
    cell = np.repeat(np.arange(n_cells), DAYS)
    piece = Piece(
        observed.reshape(1, -1), predicted.reshape(1, -1), other.reshape(1, 1, -1), np.tile(TIME, n_cells), cell,
        np.zeros(len(cell), int),
    )  # fmt: skip
    area = np.ones(n_cells)
    finder = BestBaselines(area, n_groups=1, n_outputs=1, n_baselines=1)
    finder.add(piece)
    totals = Totals(
        area, (TIME[0], TIME[-1]), n_groups=1, metrics=METRICS, baselines=["other"], best=finder.best(),
        sampled=finder.sampled(),
    )  # fmt: skip
    totals.add(piece)
    return totals.scores(key=0, replicates=400, constant_baselines=())


ROUTES = {
    "a partition of a cell": (of_partition, 1),
    "a partition of three cells": (of_partition, 3),
    "each cell": (of_cells, 3),
    "all cells, one there": (of_total, 1),
    "all cells": (of_total, 3),
}


@pytest.mark.parametrize("which", ["observed", "predicted", "baseline"])
@pytest.mark.parametrize("route", ROUTES)
def test_replicates_without_the_row_keep_their_digits_however_absurd_it_is(route, which):
    """A third of them are without it: the end of an interval that is theirs is the same for 10⁵ and for 10¹³."""
    score, n_cells = ROUTES[route]
    moderate, absurd = (score(*spoilt(n_cells, which, size)) for size in (1e5, 1e13))
    for name in ("mae", "rmse", "ubrmse"):
        at = (..., AT[name])
        np.testing.assert_allclose(absurd.low[at], moderate.low[at], rtol=1e-6, err_msg=name)
    for name in ("r", "r2", "kge", "spearman"):
        at = (..., AT[name])
        np.testing.assert_allclose(absurd.high[at], moderate.high[at], rtol=1e-3, err_msg=name)
        assert (absurd.high[at] < 1).all(), name
    # The skill over a baseline that is absurd is nearly 1, but hardly so in replicates without the row.
    end = "low" if which == "baseline" else "high"
    ends = [getattr(scores, end)[..., AT["skill"]] for scores in (absurd, moderate)]
    np.testing.assert_allclose(*ends, rtol=1e-4)
    assert (ends[0] < 0.9).all()
    assert (ends[0] > 0.1).all()


def test_sums_stand_about_what_neither_an_absurd_row_nor_a_cell_of_them_moves():
    values = np.array([[1e13, 4.0, 3.0, 5.0, -1e13], [np.inf, 2.0, 1.0, 3.0, 2.5], [1e9] * 5])
    assert middles(values).tolist() == [4.0, 2.5, 1e9]
    assert middle_of_cells(values) == 4.0
    assert middle_of_cells(values[1:]) == 2.5
    assert middle_of_cells(np.full((1, 15), np.nan)) == 0
    cell = np.array([2, 0, 2, 0, 0])
    assert [sorted(set(rows.tolist())) for rows in some_rows(cell)] == [[1, 3, 4], [0, 2]]
    assert some_rows(cell[:0]).shape[0] == 0


@pytest.mark.parametrize("size", [40, 1e5, 1e13])
@pytest.mark.parametrize("which", ["observed", "predicted", "baseline"])
@pytest.mark.parametrize("route", ROUTES)
def test_one_row_does_not_hide_how_long_all_other_errors_last(route, which, size):
    score, n_cells = ROUTES[route]
    right, wrong = score(*series(n_cells)), score(*spoilt(n_cells, which, size))
    assert (np.abs(wrong.block_days / right.block_days - 1) < 0.15).all()
    n_effective = (..., AT["n_effective"])
    np.testing.assert_allclose(wrong.value[n_effective], right.value[n_effective], rtol=0.05)


@pytest.mark.parametrize("size", [1e5, 1e13])
def test_an_absurd_group_costs_no_other_its_digits(size):
    """Of squares of a map, say, each of which has its own mean to be summed about."""
    rng = np.random.default_rng(0)
    error, group = rng.standard_normal(4000) + 3, np.arange(4000) // 40
    right = bootstrap_groups(moments_by_group(0 * error, error, group, 100), [rmse, bias], rng=np.random.default_rng(1))
    error[77] = size
    wrong = bootstrap_groups(moments_by_group(0 * error, error, group, 100), [rmse, bias], rng=np.random.default_rng(1))
    np.testing.assert_allclose(wrong.low, right.low, rtol=0.01)


def test_long_spells_of_large_errors_stay_what_they_are():
    """They have a memory, and are no absurd days: blocks are to hold them."""
    rng = np.random.default_rng(0)
    day = np.arange(3000)
    error = rng.standard_normal(3000) * np.where(day % 300 < 20, 12.0, 1.0)
    daily = moments_by_group(0 * error, error, day, 3000)
    assert bootstrap(daily, [rmse], rng=0).block_days > 15


def test_days_that_are_nearly_all_alike_are_not_cut_down():
    """Where over nine in ten are 0, as errors of rain, nothing tells what is usual."""
    sums = np.zeros(1000)
    sums[::20] = np.arange(50)
    np.testing.assert_array_equal(near_days(sums, np.ones(1000)), sums)


def test_days_count_by_what_they_add_and_each_series_by_itself():
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 4, (3, 500)).astype(float)
    sums = weight * (5 + rng.standard_normal((2, 3, 500)))
    spoilt_sums = sums.copy()
    spoilt_sums[1, 2, np.flatnonzero(weight[2])[7]] = 1e20
    found, cut = near_days(sums, weight), near_days(spoilt_sums, weight)
    np.testing.assert_allclose(found, sums)
    np.testing.assert_array_equal(cut[0], found[0])
    np.testing.assert_array_equal(cut[1, :2], found[1, :2])
    assert cut.max() < 100
    for series in range(2):
        for cell in range(3):
            np.testing.assert_array_equal(near_days(spoilt_sums[series, cell], weight[cell]), cut[series, cell])
    np.testing.assert_array_equal(near_days(np.zeros((2, 5)), np.zeros(5)), np.zeros((2, 5)))


@pytest.mark.slow
def test_the_interval_of_a_rank_correlation_holds_the_truth_beside_an_absurd_row():
    """It hardly knows how absurd a row is; with blocks as long as white errors need, it misses one in six."""
    rng, found, truth = np.random.default_rng(4), 0, 6 / np.pi * np.arcsin(1 / np.sqrt(1 + 0.5**2) / 2)
    for key in range(300):
        white = rng.standard_normal((2, DAYS + 300)) * np.sqrt(1 - MEMORY**2)
        observed, error = lfilter([1.0], [1.0, -MEMORY], white)[:, 300:]
        predicted = observed + 0.5 * error
        predicted[ROW] = 1e5
        scores = score_outputs(observed, predicted, {}, TIME, metrics=["spearman"], key=key, replicates=400)
        found += scores.low[0, 0] <= truth <= scores.high[0, 0]
    assert found / 300 >= 0.92
