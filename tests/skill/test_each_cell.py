import numpy as np
import pytest
from scipy.signal import lfilter

from motrain_app.skill import metric_names, score_outputs
from motrain_app.skill.each_cell import score_each_cell

METRICS = (*metric_names(), "r_pooled", "skill_over_mean")
AT = {name: index for index, name in enumerate(METRICS)}
DAYS = 1500
TIME_OF_SHORT = np.datetime64("2013-06-01")


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


def slow(size, memory, rng):
    """Autoregressive series of variance 1."""
    noise = np.sqrt(1 - memory**2) * rng.standard_normal((*size[:-1], size[-1] + 300))
    return lfilter([1], [1, -memory], noise)[..., 300:]


def test_blocks_are_as_long_as_the_memory_of_each_cell_and_so_intervals_are_those_of_the_cell_alone():
    rng = np.random.default_rng(5)
    n_cells = 12
    memory = np.where(np.arange(n_cells) % 3 == 0, 0.9, 0.0)
    errors, others = (np.stack([slow((DAYS,), m, rng) for m in part]) for part in (memory, memory[::-1]))
    kept = rng.random(errors.shape) < np.linspace(1, 0.3, n_cells)[:, None]
    for number in range(n_cells):  # records of several lengths, at the beginning, the end and between
        kept[number, : 40 * (number % 5)] = False
        kept[number, DAYS - 90 * (number % 3) :] = False
    gaps = np.where(rng.random(errors.shape) < 0.4, np.nan, 0.0)
    gaps[::2] = 0.0
    gaps[1, :700] = np.nan
    cell, day = np.nonzero(kept)
    time, observed = np.datetime64("2010-01-01") + day, rng.standard_normal((1, len(cell)))
    predicted = observed + errors[kept]
    baselines = {"mean": observed + others[kept], "reference": observed + (others[::-1] + gaps)[kept]}
    names = ["rmse", "bias", "skill", "skill_over_reference", "r", "spearman", "n_effective"]
    _, scores = score_each_cell(observed, predicted, baselines, time, cell, metrics=names, key=3, replicates=300)
    assert scores.block_days[0, 0] > 3 * scores.block_days[1, 0]
    for number in range(n_cells):
        mine = cell == number
        beside = {name: values[:, mine] for name, values in baselines.items()}
        alone = score_outputs(
            observed[:, mine], predicted[:, mine], beside, time[mine], metrics=names, key=3, replicates=300
        )
        for name in ("value", "low", "high", "block_days", "blocks"):
            np.testing.assert_allclose(getattr(scores, name)[number], getattr(alone, name), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(scores.p[number, 1], alone.p[1], rtol=1e-6)


def test_a_short_record_keeps_its_interval_beside_a_long_one():
    rng, days = np.random.default_rng(4), (3650, 400)
    cell = np.repeat([0, 1], days)
    time = np.concatenate([np.datetime64("2005-01-01") + np.arange(days[0]), np.arange(days[1]) + TIME_OF_SHORT])
    predicted = np.concatenate([slow((n,), 0.8, rng) for n in days])
    _, scores = score_each_cell(np.zeros(len(cell)), predicted, {}, time, cell, metrics=["bias", "rmse"], key=0)
    alone = score_outputs(np.zeros(400), predicted[cell == 1], {}, time[cell == 1], metrics=["bias", "rmse"], key=0)
    assert np.isfinite(scores.low).all()
    np.testing.assert_allclose([scores.low[1], scores.high[1]], [alone.low, alone.high], rtol=1e-9)
    assert scores.block_days[1, 0] < 400 / 10


def test_the_interval_of_a_slow_cell_covers_beside_many_fast_ones():
    n_cells, n_days, covered = 10, 2000, []
    cell, time = np.repeat(np.arange(n_cells), n_days), np.datetime64("2005-01-01") + np.arange(n_days)
    for seed in range(100):
        errors = 3 * np.random.default_rng(seed).standard_normal((n_cells, n_days))
        errors[0] = slow((n_days,), 0.9, np.random.default_rng([seed, 1]))
        _, scores = score_each_cell(
            np.zeros(n_cells * n_days), errors.ravel(), {}, np.tile(time, n_cells), cell,
            metrics=["bias"], key=seed, replicates=200,
        )  # fmt: skip
        covered.append(scores.low[0, 0, 0] <= 0 <= scores.high[0, 0, 0])
    assert np.mean(covered) >= 0.9


def test_a_baseline_that_is_exact_in_a_cell_has_no_skill_there_whatever_it_has_in_others():
    rng = np.random.default_rng(0)
    n, names = 200, ("rmse", "skill_over_climatology")
    time, cell = np.tile(np.datetime64("2010-01-01") + 3 * np.arange(n), 2), np.repeat([0, 1], n)
    observed = np.concatenate([np.full(n, 7.25), 7.25 + rng.normal(size=n)])[None]
    predicted = observed + np.repeat([0.1, 1], n) * rng.normal(size=2 * n)
    climatology = observed + (cell == 1) * (5 + 3 * rng.normal(size=2 * n))
    found = []
    for some in (cell == 0, cell >= 0):
        baselines = {"climatology": climatology[:, some]}
        _, scores = score_each_cell(
            observed[:, some], predicted[:, some], baselines, time[some], cell[some], metrics=names, key=0
        )
        found.append(scores)
    alone, both = found
    assert np.isnan([both.value[0, 0, 1], both.low[0, 0, 1], both.high[0, 0, 1], both.p[0, 0, 0]]).all()
    assert np.isnan(both.baseline_values[0, 0, 0, 1])
    assert (both.value[1, 0, 1] > 0, both.baseline_values[1, 0, 0, 1]) == (True, 0.0)
    for name in ("value", "low", "high", "p", "baseline_values"):
        np.testing.assert_array_equal(getattr(both, name)[0], getattr(alone, name)[0])


def test_an_absurd_row_of_one_cell_is_nothing_to_the_others():
    rng = np.random.default_rng(0)
    cell, time = np.repeat(np.arange(3), 300), np.tile(np.datetime64("2010-01-01") + np.arange(300), 3)
    observed, predicted, other = rng.standard_normal((3, 1, 900)) + 100
    spoiled = predicted + 1e12 * (np.arange(900) == 7)
    before, after = (
        score_each_cell(
            observed, some, {"ridge": other}, time, cell, metrics=["rmse", "bias", "ubrmse", "r", "kge", "skill"], key=0
        )[1]
        for some in (predicted, spoiled)
    )
    for name in ("value", "low", "high", "p"):
        np.testing.assert_array_equal(getattr(after, name)[1:], getattr(before, name)[1:])


@pytest.mark.parametrize("name", ["climatology", "shared_climatology"])
def test_a_season_has_no_anomaly_correlation_in_any_cell(name):
    observed, predicted, baselines, time, cell, _ = rows(3)
    options = {"metrics": ["r", "anomaly_r"], "key": 0, "replicates": 0}
    for called, degenerate in ((name, True), ("ridge", False)):
        _, scores = score_each_cell(observed, predicted, {called: baselines["climatology"]}, time, cell, **options)
        known = np.isfinite(scores.baseline_value[:2])  # the last cell has no row of an output
        assert known[..., 0].all()
        assert (known[..., 1] != degenerate).all()
