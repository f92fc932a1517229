import inspect
import math
import re

import numpy as np
import pytest
import scipy.signal
import scipy.stats
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motrain_app.skill import (
    DAYS_PER_YEAR,
    Ranked,
    bias,
    day_of_year,
    get_metric,
    kge,
    mae,
    mae_difference,
    metric_names,
    moments,
    moments_by_group,
    mse_difference,
    n,
    n_effective,
    r,
    r2,
    rank_correlation_parts,
    rmse,
    rmse_difference,
    score_each_cell,
    score_outputs,
    sd_ratio,
    skill,
    ubrmse,
)

# Backscatter in dB, slope in dB/deg, and a temperature in K: sizes far apart, each with gaps of its own.
SIZE = np.array([[3.0], [0.01], [0.5]])
OFFSET = np.array([[-12.0], [-0.12], [285.0]])


DAYS = np.datetime64("2010-06-01T06:00") + np.arange(1500).astype("timedelta64[D]")


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(42)
    season = np.cos(2 * np.pi * np.arange(1500) / 365.2425)
    observed = OFFSET + SIZE * (season + rng.standard_normal((3, 1500)))
    predicted = observed + SIZE * (0.1 + 0.4 * rng.standard_normal((3, 1500)))
    baseline = OFFSET + SIZE * 0.2 * rng.standard_normal((3, 1500))
    observed[1] = observed[1].round(2)  # ranks of equal values
    observed[rng.random((3, 1500)) < 0.1] = np.nan
    predicted[rng.random((3, 1500)) < 0.1] = np.nan
    return observed, predicted, baseline


@pytest.fixture(scope="module")
def within():
    hits = (np.random.default_rng(1).random((3, 1500)) < 0.9).astype(float)
    hits[:, ::7] = np.nan
    return hits


def anomaly(values, time):
    """Residual of least squares on mean and two harmonics, by the normal matrix."""
    phase = 2 * np.pi * day_of_year(time) / DAYS_PER_YEAR
    columns = np.stack([np.ones_like(phase)] + [f(k * phase) for k in (1, 2) for f in (np.cos, np.sin)], axis=1)
    return values - columns @ np.linalg.lstsq(columns, values)[0]


def reference(name, o, p, b, time, hits):
    return {
        "bias": lambda: np.mean(p - o),
        "mae": lambda: sklearn.metrics.mean_absolute_error(o, p),
        "rmse": lambda: sklearn.metrics.root_mean_squared_error(o, p),
        "ubrmse": lambda: np.std(p - o),
        "r": lambda: scipy.stats.pearsonr(o, p).statistic,
        "spearman": lambda: scipy.stats.spearmanr(o, p).statistic,
        "r2": lambda: sklearn.metrics.r2_score(o, p),
        "kge": lambda: (
            1
            - np.sqrt(
                (np.corrcoef(o, p)[0, 1] - 1) ** 2
                + (np.std(p) / np.std(o) - 1) ** 2
                + ((np.mean(p) - np.mean(o)) / np.std(o)) ** 2
            )
        ),
        "sd_ratio": lambda: np.std(p) / np.std(o),
        "anomaly_r": lambda: scipy.stats.pearsonr(anomaly(o, time), anomaly(p, time)).statistic,
        "skill": lambda: 1 - sklearn.metrics.mean_squared_error(o, p) / sklearn.metrics.mean_squared_error(o, b),
        "coverage": lambda: np.nanmean(hits),
        "n": lambda: len(o),
    }[name]()


@pytest.mark.parametrize("name", [name for name in metric_names() if name != "n_effective"])
def test_every_metric_equals_its_reference_for_each_output(series, within, name):
    observed, predicted, baseline = series
    scores = score_outputs(
        observed, predicted, {"b": baseline}, DAYS, within=within, metrics=[name], replicates=0, key=0
    )
    assert scores.value.shape == (3, 1)
    for i in range(3):
        there = np.isfinite(observed[i]) & np.isfinite(predicted[i])
        expected = reference(name, *(values[i][there] for values in series), DAYS[there], within[i][there])
        np.testing.assert_allclose(scores.value[i, 0], expected, rtol=1e-12)
        if name not in ("coverage", "skill"):
            of_baseline = reference(name, observed[i][there], baseline[i][there], None, DAYS[there], None)
            np.testing.assert_allclose(scores.baseline_values[0, i, 0], of_baseline, rtol=1e-9, atol=1e-12)


def test_weights_count_as_repetition(series):
    weight = np.random.default_rng(2).integers(0, 4, 1500)
    observed, predicted, baseline = (np.repeat(one, weight, axis=1) for one in series)
    weighted = moments(*series[:2], baseline=series[2], weight=weight)
    repeated = moments(observed, predicted, baseline=baseline)
    weighing = [name for name in metric_names() if name not in ("spearman", "n", "n_effective")]
    assert {"bias", "mae", "rmse", "ubrmse", "r", "r2", "kge", "sd_ratio", "skill", "coverage"} < set(weighing)
    for name in weighing:
        function = get_metric(name).function
        np.testing.assert_allclose(function(weighted), function(repeated), 1e-12)
    there = np.isfinite(sum(series)) & (weight > 0)
    np.testing.assert_array_equal(n(weighted), there.sum(axis=1))  # which counts rows whatever they weigh


def test_kge_comes_apart_into_correlation_spread_and_shift(series):
    sums = moments(*series[:2])
    shift = bias(sums) / np.sqrt(sums.observed_variance)
    distance = np.sqrt((r(sums) - 1) ** 2 + (sd_ratio(sums) - 1) ** 2 + shift**2)
    np.testing.assert_allclose(kge(sums), 1 - distance, rtol=1e-12)
    # It does not change with the scale's zero or unit, as the form with a ratio of means would.
    celsius = moments(1.8 * (series[0] - 273.15), 1.8 * (series[1] - 273.15))
    np.testing.assert_allclose(kge(celsius), kge(sums), rtol=1e-9)


def rank_parts(first, second, cell):
    return rank_correlation_parts(Ranked.of(first, cell), Ranked.of(second, cell))


@given(st.integers(0, 2**32 - 1))
def test_rank_correlation_ignores_what_keeps_the_order(seed):
    rng = np.random.default_rng(seed)
    cell = rng.integers(0, 3, 200)
    o, p = rng.integers(-9, 9, (2, 200)) / 4
    plain = rank_parts(o, p, cell)
    np.testing.assert_allclose(rank_parts(np.exp(o), p**3, cell), plain, atol=1e-12)
    for one in range(3):
        mine = cell == one
        np.testing.assert_allclose(plain[mine].mean(), scipy.stats.spearmanr(o[mine], p[mine]).statistic, 1e-11)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_pseudo_values_of_ranks_scatter_as_the_rank_correlation_does(rho):
    rng = np.random.default_rng(3)
    found, claimed = [], []
    for _ in range(200):
        o, noise = rng.standard_normal((2, 500))
        parts = rank_parts(o, rho * o + np.sqrt(1 - rho**2) * noise, np.zeros(500, int))
        found.append(parts.mean())
        claimed.append(parts.std() / np.sqrt(500))
    np.testing.assert_allclose(np.mean(claimed), np.std(found), rtol=0.15)


def score_cells(observed, predicted, time, cell, *metrics):
    scores = score_outputs(observed, predicted, {}, time, cell=cell, metrics=metrics, replicates=0, key=0)
    return scores.value[0]


def test_temporal_scores_of_several_cells_are_the_median_and_pooled_ones_are_named_so():
    rng = np.random.default_rng(5)
    cell, time = np.repeat(np.arange(4), 400), np.tile(DAYS[:400], 4)
    level = 10 * cell
    observed = level + rng.standard_normal(1600)
    predicted = level + rng.standard_normal(1600) * np.array([0.5, 1, 2, 4])[cell]
    names = ("ubrmse", "r", "spearman", "r2", "kge", "sd_ratio")
    pooled = [name for name in names if name != "spearman"]
    found = score_cells(observed, predicted, time, cell, *names, *(f"{name}_pooled" for name in pooled))
    each = np.array(
        [score_cells(observed[cell == c], predicted[cell == c], time[cell == c], None, *names) for c in range(4)]
    )
    np.testing.assert_allclose(found[:6], np.median(each, axis=0), rtol=1e-9)
    np.testing.assert_allclose(found[6:], score_cells(observed, predicted, time, None, *pooled), rtol=1e-9)
    assert abs(found[1]) < 0.1 < 0.9 < found[7]  # what the levels of cells give away is no correlation in time


def test_ranks_of_all_cells_together_are_refused_with_the_reason():
    with pytest.raises(ValueError, match="'spearman_pooled': ranks are taken within each cell"):
        get_metric("spearman_pooled")


def test_a_cell_without_a_score_leaves_the_median_to_the_others():
    rng = np.random.default_rng(6)
    cell, time = np.repeat(np.arange(3), 300), np.tile(DAYS[:300], 3)
    observed, predicted = rng.standard_normal((2, 900))
    observed[cell == 1] = 5.0
    others = [score_cells(observed[cell == c], predicted[cell == c], time[cell == c], None, "r")[0] for c in (0, 2)]
    np.testing.assert_allclose(score_cells(observed, predicted, time, cell, "r"), np.mean(others), rtol=1e-9)


def test_under_three_years_there_is_no_anomaly_correlation():
    rng = np.random.default_rng(7)
    observed, predicted = rng.standard_normal((2, 1500))
    time = np.datetime64("2010-01-01") + np.arange(1500)
    assert np.isfinite(score_cells(observed, predicted, time, None, "anomaly_r"))
    two_years = time < np.datetime64("2012-01-01")
    assert np.isnan(score_cells(observed[two_years], predicted[two_years], time[two_years], None, "anomaly_r"))


@pytest.mark.parametrize(
    ("first", "last", "known"),
    [
        ("2010-12-30", "2012-01-03", False),  # 370 days in three calendar years
        ("2010-07-01", "2012-06-28", False),  # 729 days in three calendar years
        ("2010-01-01", "2012-08-01", False),
        ("2010-01-01", "2012-12-30", True),
        ("2010-01-20", "2012-11-20", True),  # three calendar years without their first and last days
        ("2010-07-01", "2013-06-30", True),
    ],
)
def test_three_years_are_years_of_data_and_not_calendar_years_that_they_touch(first, last, known):
    time = np.arange(np.datetime64(first), np.datetime64(last) + 1)
    observed, predicted = np.random.default_rng(7).standard_normal((2, len(time)))
    for name in ("anomaly_r", "anomaly_r_pooled"):
        assert np.isfinite(score_cells(observed, predicted, time, None, name)) == known
    # Beside another cell, and every third day, as satellites pass.
    full = np.datetime64("2009-01-01") + np.arange(2000)
    both, cell = np.concatenate([time[::3], full]), np.repeat([4, 2], [len(time[::3]), 2000])
    observed, predicted = np.random.default_rng(8).standard_normal((2, len(both)))
    _, scores = score_each_cell(observed, predicted, {}, both, cell, metrics=["anomaly_r"], key=0, replicates=0)
    np.testing.assert_array_equal(np.isfinite(scores.value[:, 0, 0]), [True, known])


def test_three_summers_are_three_years_of_a_season():
    time = np.arange(np.datetime64("2010-01-01"), np.datetime64("2013-01-01"))
    month = time.astype("datetime64[M]").astype(int) % 12
    time = time[(month > 3) & (month < 10)]
    observed, predicted = np.random.default_rng(7).standard_normal((2, len(time)))
    assert np.isfinite(score_cells(observed, predicted, time, None, "anomaly_r"))
    two = time < np.datetime64("2012-01-01")
    assert np.isnan(score_cells(observed[two], predicted[two], time[two], None, "anomaly_r"))


def test_anomalies_do_not_count_the_season_as_skill():
    rng = np.random.default_rng(8)
    season = 3 * np.cos(2 * np.pi * np.arange(1500) / 365.2425)
    observed, predicted = season + rng.standard_normal((2, 1500))
    plain, left = score_cells(observed, predicted, DAYS, None, "r", "anomaly_r")
    assert plain > 0.7
    assert abs(left) < 0.1


def effective(error, time, cell=None):
    return score_cells(0 * error, error, time, cell, "n_effective")[0]


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_the_effective_number_of_rows_is_that_of_the_textbook(memory):
    rng = np.random.default_rng(9)
    time = np.datetime64("1990-01-01") + np.arange(6000)
    found = []
    for _ in range(20):
        error = scipy.signal.lfilter([1.0], [1.0, -memory], rng.standard_normal(6500))[500:]
        found.append(effective(error, time))
    np.testing.assert_allclose(np.median(found), 6000 * (1 - memory) / (1 + memory), rtol=0.2)
    assert np.max(found) <= 6000


def test_cells_that_err_together_count_once():
    rng = np.random.default_rng(10)
    error, time = rng.standard_normal(1500), DAYS
    alone = effective(error, time)
    cells = np.repeat(np.arange(5), 1500)
    np.testing.assert_allclose(effective(np.tile(error, 5), np.tile(time, 5), cells), alone, rtol=1e-9)
    np.testing.assert_allclose(effective(rng.standard_normal(7500), np.tile(time, 5), cells), 7500, rtol=0.15)


@pytest.mark.parametrize(("share", "rows"), [(0.05, 1000), (0.09, 100), (0.09, 10)])
def test_rows_of_a_day_that_err_together_count_once_also_where_few_days_have_nearly_all(share, rows):
    shares = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        of_day = np.where(rng.random(2000) < share, rows, 1)
        day = np.repeat(np.arange(2000), of_day)
        found = effective(rng.standard_normal(2000)[day], DAYS[0] + day.astype("timedelta64[D]"), np.arange(len(day)))
        shares.append(found / (of_day.sum() ** 2 / (of_day**2).sum()))
    assert np.median(shares) == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("draw", ["exponential", "lognormal", "standard_cauchy", "rain"])
def test_independent_errors_of_any_shape_count_each(draw):
    def errors(rng):
        if draw == "rain":
            return np.where(rng.random(400) < 0.15, rng.gamma(0.7, 10, 400), 0.0)
        return getattr(rng, draw)(size=400)

    found = [effective(errors(np.random.default_rng(seed)), DAYS[:400]) for seed in range(40)]
    assert np.median(found) > 340


def test_errors_that_do_not_vary_count_each():
    assert effective(np.full(40, 0.3), DAYS[:40]) == 40


def test_outputs_are_the_rows_of_the_array_even_when_it_is_square():
    # MOTrainer took the samples for the outputs.
    observed = np.zeros((3, 3))
    predicted = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [30.0, 30.0, 30.0]])
    np.testing.assert_array_equal(rmse(moments(observed, predicted)), [1, 2, 30])
    np.testing.assert_array_equal(mae(moments(observed, predicted)), [1, 2, 30])


def test_errors_of_opposite_sign_do_not_cancel_in_the_absolute_error():
    # MOTrainer left out the absolute value.
    sums = moments([0.0, 0.0], [1.0, -1.0])
    assert mae(sums) == 1
    assert bias(sums) == 0


def test_the_size_of_one_output_does_not_touch_the_scores_of_another(series):
    # MOTrainer summed the RMSE over outputs of different units.
    observed, predicted, _ = series
    scaled = np.array([[1.0], [1.0], [1e6]])
    plain, other = moments(observed, predicted), moments(observed * scaled, predicted * scaled)
    for metric in (bias, mae, rmse, ubrmse, r, r2):
        np.testing.assert_array_equal(metric(plain)[:2], metric(other)[:2])


numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 6))


@given(arrays(float, 30, elements=numbers), arrays(float, 30, elements=numbers))
def test_squared_rmse_is_squared_bias_plus_squared_ubrmse(o, p):
    sums = moments(o, p)
    np.testing.assert_allclose(rmse(sums) ** 2, bias(sums) ** 2 + ubrmse(sums) ** 2, rtol=1e-13)
    np.testing.assert_allclose(rmse(sums), np.sqrt(np.mean((p - o) ** 2)), rtol=1e-11, atol=1e-12)
    assert mae(sums) <= rmse(sums) * (1 + 1e-12) + 1e-12
    assert not abs(r(sums)) > 1


@given(arrays(float, 30, elements=numbers), st.floats(0.01, 100), numbers)
def test_correlation_ignores_scale_and_offset(o, scale, offset):
    p = np.roll(o, 1)
    one, other = r(moments(o, p)), r(moments(o, scale * p + offset))
    if np.std(o) > 1e-3:
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_perfect_prediction_has_perfect_scores(series):
    sums = moments(series[0], series[0], baseline=series[2])
    for name in ("bias", "mae", "rmse", "ubrmse", "r", "r2", "kge", "sd_ratio", "skill"):
        perfect = get_metric(name)
        np.testing.assert_allclose(perfect.function(sums), perfect.best, atol=1e-15)


def test_the_mean_has_no_r2_and_the_baseline_has_no_skill_over_itself(series):
    observed, _, baseline = series
    mean = np.broadcast_to(np.nanmean(observed, axis=1, keepdims=True), observed.shape)
    np.testing.assert_allclose(r2(moments(observed, mean)), 0, atol=1e-14)
    np.testing.assert_allclose(skill(moments(observed, baseline, baseline=baseline)), 0, atol=1e-14)


# 0.1 has no exact binary form, so its mean differs from it by rounding.
CONSTANTS = (0.0, 0.1, -9999.1, 285.3)


@pytest.mark.parametrize("constant", CONSTANTS)
@pytest.mark.parametrize("rows", [1, 2, 3, 1000, 77777])
def test_scores_that_divide_by_a_variance_are_nan_for_a_constant_series(constant, rows):
    varying = np.random.default_rng(3).standard_normal(rows)
    still = np.full(rows, constant)
    half = np.arange(rows) % 2
    group = np.minimum(np.arange(rows) // max(rows // 5, 1), 4)
    for sums in (
        moments(still, varying),
        moments_by_group(still, varying, np.zeros(rows, int), 1)[0],
        moments_by_group(still, varying, group, 5).merged(),
        moments_by_group(still, varying, half, 2).resampled(np.array([[3.0, 1.0]]))[0],
    ):
        assert np.isnan(r(sums))
        assert np.isnan(r2(sums))
    assert np.isnan(r(moments(varying, still)))
    assert np.isnan(r(moments(still, still)))


@pytest.mark.parametrize("constant", CONSTANTS)
def test_skill_over_a_baseline_without_error_is_nan(constant):
    still = np.full(100, constant)
    rounded = np.nextafter(still, np.inf)
    assert np.isnan(skill(moments(still, still + 1, baseline=rounded)))


def test_a_series_that_varies_by_rounding_alone_is_constant():
    varying = np.sin(np.arange(100.0))
    still = np.where(np.arange(100) % 2, 285.3, np.nextafter(285.3, 300))
    assert np.isnan(r(moments(varying, still)))
    assert np.isnan(r2(moments(still, varying)))


def test_groups_that_are_constant_far_from_the_common_mean_have_no_correlation():
    group = np.repeat(np.arange(20), 77)
    o = np.linspace(200.1, 300.7, 20)[group]
    p = o + np.sin(np.arange(len(o)))
    groups = moments_by_group(o, p, group, 20, about=moments(o, p))
    assert np.isnan(r(groups)).all()
    assert np.isnan(r2(groups)).all()


def test_one_row_has_errors_but_no_correlation():
    sums = moments([2.0], [5.0])
    assert (bias(sums), mae(sums), rmse(sums), ubrmse(sums), n(sums)) == (3, 3, 3, 0, 1)
    assert np.isnan([r(sums), r2(sums)]).all()


def test_without_a_row_there_is_no_score_but_the_number_of_rows():
    sums = moments([1.0, np.nan], [np.nan, 1.0], baseline=[1.0, 1.0])
    for name in metric_names():
        if get_metric(name).of != "days":
            value = get_metric(name).function(sums)
            assert value == 0 if name == "n" else np.isnan(value)
    assert n_effective(moments_by_group([1.0, np.nan], [np.nan, 1.0], np.arange(2), 2)) == 0


def test_differences_of_two_predictions_compare_the_same_rows():
    observed = np.array([0.0, 0.0, 0.0, 0.0])
    first, second = np.array([1.0, -1.0, 1.0, np.nan]), np.array([3.0, 3.0, -3.0, 99.0])
    sums = moments(observed, first, baseline=second)
    assert mse_difference(sums) == 1 - 9
    assert rmse_difference(sums) == 1 - 3
    assert mae_difference(sums) == 1 - 3


@pytest.mark.parametrize("name", metric_names())
def test_every_metric_tells_its_range_its_best_value_its_unit_and_where_it_comes_from(name):
    known = get_metric(name)
    text = " ".join(inspect.getdoc(known.function).split())
    best = "n" if name == "n_effective" else f"{known.best:g}".replace("inf", "∞")
    assert re.search(rf"Range [\[(]\S+, \S+[\])], best {best}[,. ]", text)
    assert ("in the unit of the output" in text) == (known.unit == "output")
    assert ("without unit" in text) == (known.unit == "none")
    assert ("References" in text) == (name != "n")
    assert known.title
    assert not known.title.endswith(".")
    assert math.isinf(known.best) == name.startswith("n")


def test_gaps_and_weights_of_all_metrics_are_told_once():
    text = " ".join(inspect.getmodule(bias).__doc__.split())
    for words in (
        "Rows with a gap in o or p",
        "Without a row a score is NaN",
        "A row of weight w counts as w equal rows",
    ):
        assert words in text


@pytest.mark.filterwarnings("error")
def test_values_whose_squares_overflow_have_no_score_that_looks_like_one():
    huge = 1e200 * np.random.default_rng(0).standard_normal(300)
    m = moments(huge, huge[::-1])
    for name in ("rmse", "ubrmse", "r", "r2", "kge", "sd_ratio"):
        assert not np.isfinite(get_metric(name).function(m)), name
    shifted = 1e200 + np.random.default_rng(1).standard_normal(300)  # which float64 cannot tell apart
    m = moments(shifted, shifted)
    assert not np.isfinite(get_metric("r").function(m))
    assert get_metric("bias").function(m) == 0


@pytest.mark.parametrize("value", [0.0, 0.1, -12.3, 285.3, 1e-5])
@pytest.mark.parametrize("n_cells", [1, 2])
def test_constant_observations_have_no_anomalies_that_could_correlate(value, n_cells):
    rng = np.random.default_rng(0)
    cell, time = np.repeat(np.arange(n_cells), len(DAYS)), np.tile(DAYS, n_cells)
    constant = np.full(len(cell), value)
    season = value + 3 * np.cos(2 * np.pi * (day_of_year(time) / 365.2425))
    for predicted in (constant, constant + 1, constant + rng.standard_normal(len(cell))):
        for observed in (constant, season):
            assert np.isnan(score_cells(observed, predicted, time, cell, "anomaly_r")).all()
            _, scores = score_each_cell(
                observed, predicted, {}, time, cell, metrics=["anomaly_r"], key=0, replicates=0
            )  # fmt: skip
            assert np.isnan(scores.value).all()
