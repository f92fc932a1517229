"""Replicates of medians over cells beside what resampling the sums of each cell gives."""

import numpy as np
import pytest
from scipy.signal import lfilter

from motrain_app.skill import get_metric, score_outputs
from motrain_app.skill.blocks import DayBlocks, shared_counts
from motrain_app.skill.cell_medians import median_replicates
from motrain_app.skill.output_sums import OutputRows, Places, prepare, sum_prediction

NAMES = ("ubrmse", "r", "r2", "kge", "sd_ratio", "anomaly_r")
DAYS = 1500


def sums_of(n_cells, seed=0, apart=0.0):
    """Sums of a prediction whose errors are smaller in later cells, over days of which each cell has some.

    Of observed and predicted the means of cells, and of errors, too, may lie apart.
    """
    rng = np.random.default_rng(seed)
    cell, day = np.nonzero(rng.random((n_cells, DAYS)) < 0.7)
    observed = 285 + rng.standard_normal(len(cell))
    predicted = observed + 0.2 + rng.standard_normal(len(cell)) / (1 + cell)
    observed, predicted = observed + apart * cell, predicted + 2 * apart * cell
    rows = OutputRows(observed, Places.of(np.datetime64("2010-01-01") + day, cell, n_cells))
    left = tuple(rows.places.season.anomalies(np.stack([observed, predicted])))
    return sum_prediction(rows, rows.places.centre(observed), prepare(rows, predicted), {}, anomalies=left)


@pytest.mark.parametrize("n_cells", [2, 5])
def test_they_are_those_of_resampled_sums_to_first_order(n_cells):
    one, cut, metrics = sums_of(n_cells), DayBlocks.of_length(DAYS, 20), [get_metric(name) for name in NAMES]
    counts = shared_counts((cut.starts, cut.per_replicate), 500, 1)
    about = median_replicates(one, metrics, cut, lambda blocks: (counts @ blocks.T).T, None)
    group = one.rows.places.cell * cut.starts + cut.piece(one.rows.places.day)
    pieces = one.over(group, n_cells * cut.starts).reshape(-1, n_cells, cut.starts)
    drawn = np.moveaxis(cut.overlapping(pieces) @ counts.toarray().T, -1, 1)
    for metric, found in zip(metrics, about, strict=True):
        layout = one.layouts[metric.of, None]
        exact = np.median(metric.function(layout.moments(drawn)), axis=1)
        exact -= np.median(metric.function(layout.moments(one.by_cell)))
        assert np.corrcoef(found, exact)[0, 1] > 0.99
        assert np.std(found) == pytest.approx(np.std(exact), rel=0.05)


def test_a_replicate_that_takes_each_block_once_changes_nothing():
    one, cut = sums_of(3), DayBlocks.of_length(DAYS, 20)
    metrics = [get_metric(name) for name in NAMES]
    once = median_replicates(one, metrics, cut, lambda blocks: blocks.sum(axis=1, keepdims=True) / cut.parts, None)
    np.testing.assert_allclose(once, 0, atol=1e-9)


def test_how_far_the_means_of_cells_lie_apart_does_not_matter():
    metrics = [get_metric(name) for name in ("ubrmse", "r", "sd_ratio", "anomaly_r")]
    cut = DayBlocks.of_length(DAYS, 20)
    counts = shared_counts((cut.starts, cut.per_replicate), 100, 1)
    near, apart = (
        median_replicates(sums_of(5, apart=far), metrics, cut, lambda blocks: (counts @ blocks.T).T, None)
        for far in (0.0, 3000.0)
    )
    np.testing.assert_allclose(apart, near, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("absurd", [1e6, -1e9, 1e12])
@pytest.mark.parametrize("n_cells", [2, 3, 5])
def test_an_absurd_row_spoils_neither_the_scores_of_other_cells_nor_the_interval_of_the_median(n_cells, absurd):
    """Nor does it matter how absurd it is: the cell is the worst of them from a row of 10,000 on."""
    rng = np.random.default_rng(3)
    day = np.arange(DAYS)
    observed = 285 + np.cos(2 * np.pi * day / 365.2425) + rng.standard_normal((n_cells, DAYS))
    predicted = observed + 0.3 + rng.standard_normal(observed.shape) * np.linspace(0.4, 0.6, n_cells)[:, None]
    baselines = {"mean": np.full(n_cells * DAYS, 285.0)}
    names = ("ubrmse", "r", "spearman", "sd_ratio", "anomaly_r")

    def scored(value):
        spoilt = predicted.copy()
        spoilt[0, 100] = value
        time, cell = np.tile(np.datetime64("2010-01-01") + day, n_cells), np.repeat(np.arange(n_cells), DAYS)
        return spoilt, score_outputs(
            observed.ravel(), spoilt.ravel(), baselines, time, cell=cell, metrics=names, key=0, replicates=200
        )

    (_, plain), (spoilt, found) = scored(1e4), scored(absurd)
    r = [np.corrcoef(*both)[0, 1] for both in zip(observed, spoilt, strict=True)]
    assert found.value[0, 1] == pytest.approx(np.median(r), rel=1e-6)
    if n_cells > 2:  # of two the absurd one has half a say
        assert found.value[0, 0] == pytest.approx(np.median(np.std(spoilt - observed, axis=1)), rel=1e-9)
        for name in ("value", "low", "high"):
            np.testing.assert_allclose(getattr(found, name), getattr(plain, name), rtol=2e-3)


def test_a_cell_without_a_score_takes_no_part():
    rng = np.random.default_rng(1)
    cell, time = np.repeat(np.arange(3), DAYS), np.tile(np.datetime64("2010-01-01") + np.arange(DAYS), 3)
    observed = rng.standard_normal((1, len(cell)))
    observed[0, cell == 1] = 5.0
    predicted = observed + rng.standard_normal(observed.shape)
    with_constant, without = (
        score_outputs(observed[:, kept], predicted[:, kept], {}, time[kept], cell=cell[kept], metrics=["r"], key=0)
        for kept in (cell >= 0, cell != 1)
    )
    assert with_constant.value == pytest.approx(without.value)
    assert with_constant.high - with_constant.low == pytest.approx(without.high - without.low, rel=0.15)


def test_intervals_of_medians_over_cells_hold_the_truth_also_of_a_score_that_noise_alone_lowers():
    n_cells, days, error, held, rng = 20, 1500, 0.2, 0, np.random.default_rng(2)
    r, ratio = 1 / np.sqrt(1 + error**2), np.sqrt(1 + error**2)
    truth = 1 - np.sqrt((r - 1) ** 2 + (ratio - 1) ** 2)
    cell, time = np.repeat(np.arange(n_cells), days), np.tile(np.datetime64("2010-01-01") + np.arange(days), n_cells)
    for key in range(60):
        noise = np.sqrt(1 - 0.7**2) * rng.standard_normal((2, n_cells, days + 100))
        observed, errors = lfilter([1], [1, -0.7], noise)[..., 100:].reshape(2, -1)
        scores = score_outputs(
            observed, observed + error * errors, {}, time, cell=cell, metrics=["kge"], key=key, replicates=300
        )
        held += bool(scores.low[0, 0] <= truth <= scores.high[0, 0])
    assert held >= 0.9 * 60
