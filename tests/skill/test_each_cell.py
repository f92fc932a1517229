import numpy as np
import pytest

from motrain_app.skill import metric_names, score_outputs
from motrain_app.skill.each_cell import score_each_cell

METRICS = (*metric_names(), "r_pooled", "skill_over_mean")
AT = {name: index for index, name in enumerate(METRICS)}
DAYS = 1500


def rows(n_cells, seed=0):
    """Rows of cells in mixed order; later cells have fewer, with larger errors; the last has none of output 1."""
    rng = np.random.default_rng(seed)
    cell = 3 * np.repeat(np.arange(n_cells), DAYS) + 5
    time = np.datetime64("2010-01-01") + np.tile(np.arange(DAYS), n_cells)
    kept = rng.permutation(np.flatnonzero(rng.random(len(cell)) > 0.5 * (cell - 5) / cell.max()))
    cell, time = cell[kept], time[kept]
    observed = rng.standard_normal((2, len(cell))) + 100
    predicted = observed + (0.3 + 0.1 * cell) * rng.standard_normal(observed.shape)
    baselines = {"mean": np.full(observed.shape, 100.0), "climatology": observed + rng.standard_normal(observed.shape)}
    observed[1, cell == cell.max()] = np.nan
    within = (rng.random(observed.shape) < 0.9).astype(float)
    return observed, predicted, baselines, time, cell, within


@pytest.mark.parametrize("n_cells", [1, 5, 130])
def test_values_are_those_of_each_cell_scored_alone(n_cells):
    observed, predicted, baselines, time, cell, within = rows(n_cells)
    cells, scores = score_each_cell(
        observed, predicted, baselines, time, cell, metrics=METRICS, key=0, within=within, replicates=0
    )
    np.testing.assert_array_equal(cells, np.unique(cell))
    for place in {0, len(cells) // 2, len(cells) - 1}:
        mine = cell == cells[place]
        alone = score_outputs(
            observed[:, mine],
            predicted[:, mine],
            {name: values[:, mine] for name, values in baselines.items()},
            time[mine],
            metrics=METRICS,
            key=0,
            within=within[:, mine],
            replicates=0,
        )
        np.testing.assert_allclose(scores.value[place], alone.value, rtol=1e-7, atol=1e-9)
        np.testing.assert_array_equal(scores.n[place], alone.n)
        np.testing.assert_array_equal(scores.baseline[place], alone.baseline)
        told = [i for name, i in AT.items() if name != "skill_over_mean"]
        np.testing.assert_allclose(
            scores.baseline_value[place][:, told], alone.baseline_value[:, told], rtol=1e-7, atol=1e-9
        )


def test_intervals_hold_the_values_and_are_wide_where_errors_are_large():
    observed, predicted, baselines, time, cell, within = rows(70)
    _, scores = score_each_cell(
        observed, predicted, baselines, time, cell, metrics=["rmse", "bias", "skill", "r", "n"], key=0, within=within
    )
    low, value, high = (array[:, 0, :4] for array in (scores.low, scores.value, scores.high))
    assert (low < value).all()
    assert (value < high).all()
    width = (high - low)[:, 1]
    assert width[-1] > 5 * width[0]
    assert np.isnan(scores.low[..., 4]).all()
    assert np.isnan(scores.low[-1, 1]).all()  # no row


def test_an_interval_of_the_bias_of_independent_errors_covers_it():
    rng = np.random.default_rng(2)
    n_cells, n_days = 200, 600
    cell, time = (
        np.repeat(np.arange(n_cells), n_days),
        np.datetime64("2010-01-01") + np.tile(np.arange(n_days), n_cells),
    )
    observed = np.zeros(len(cell))
    _, scores = score_each_cell(
        observed, rng.standard_normal(len(cell)), {}, time, cell, metrics=["bias"], key=0, replicates=500
    )
    covered = ((scores.low < 0) & (scores.high > 0)).mean()
    assert 0.90 <= covered <= 0.99


def test_a_cell_with_few_days_has_no_interval_beside_one_with_many():
    observed, predicted, _, time, cell, within = rows(2)
    kept = (cell == 5) | (time < np.datetime64("2010-01-06"))
    _, scores = score_each_cell(
        observed[:, kept],
        predicted[:, kept],
        {},
        time[kept],
        cell[kept],
        metrics=["rmse"],
        key=0,
        within=within[:, kept],
    )
    assert np.isfinite(scores.low[0, 0, 0])
    assert np.isnan(scores.low[1, 0, 0])
    assert np.isfinite(scores.value[1, 0, 0])
