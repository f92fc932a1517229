import inspect
import math

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motrain_app.skill import (
    bias,
    get_metric,
    mae,
    mae_difference,
    metric_names,
    moments,
    moments_by_group,
    mse_difference,
    n,
    r,
    r2,
    rmse,
    rmse_difference,
    skill,
    ubrmse,
)

# Backscatter in dB, slope in dB/deg, and a temperature in K: sizes far apart, each with gaps of its own.
SIZE = np.array([[3.0], [0.01], [0.5]])
OFFSET = np.array([[-12.0], [-0.12], [285.0]])


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(42)
    observed = OFFSET + SIZE * rng.standard_normal((3, 500))
    predicted = observed + SIZE * (0.1 + 0.4 * rng.standard_normal((3, 500)))
    baseline = OFFSET + SIZE * 0.2 * rng.standard_normal((3, 500))
    observed[rng.random((3, 500)) < 0.1] = np.nan
    predicted[rng.random((3, 500)) < 0.1] = np.nan
    return observed, predicted, baseline


def reference(name, o, p, b):
    return {
        "bias": lambda: np.mean(p - o),
        "mae": lambda: sklearn.metrics.mean_absolute_error(o, p),
        "rmse": lambda: sklearn.metrics.root_mean_squared_error(o, p),
        "ubrmse": lambda: np.std(p - o),
        "r": lambda: scipy.stats.pearsonr(o, p).statistic,
        "r2": lambda: sklearn.metrics.r2_score(o, p),
        "skill": lambda: 1 - sklearn.metrics.mean_squared_error(o, p) / sklearn.metrics.mean_squared_error(o, b),
        "n": lambda: len(o),
    }[name]()


@pytest.mark.parametrize("name", metric_names())
def test_every_metric_equals_its_reference_for_each_output(series, name):
    values = get_metric(name).function(moments(*series[:2], baseline=series[2]))
    assert values.shape == (3,)
    for i in range(3):
        there = np.isfinite(series[0][i]) & np.isfinite(series[1][i])
        expected = reference(name, *(values[i][there] for values in series))
        np.testing.assert_allclose(values[i], expected, rtol=1e-12)


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
    for name in ("bias", "mae", "rmse", "ubrmse", "r", "r2", "skill"):
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
        value = get_metric(name).function(sums)
        assert value == 0 if name == "n" else np.isnan(value)


def test_differences_of_two_predictions_compare_the_same_rows():
    observed = np.array([0.0, 0.0, 0.0, 0.0])
    first, second = np.array([1.0, -1.0, 1.0, np.nan]), np.array([3.0, 3.0, -3.0, 99.0])
    sums = moments(observed, first, baseline=second)
    assert mse_difference(sums) == 1 - 9
    assert rmse_difference(sums) == 1 - 3
    assert mae_difference(sums) == 1 - 3


@pytest.mark.parametrize("name", metric_names())
def test_every_metric_tells_its_range_its_best_value_and_where_it_comes_from(name):
    known = get_metric(name)
    text = inspect.getdoc(known.function)
    assert "Range" in text
    assert name == "n" or ("best" in text and "References" in text)
    assert known.title
    assert not known.title.endswith(".")
    assert math.isinf(known.best) == (name == "n")
