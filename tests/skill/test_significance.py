"""False discoveries among many tests, and the p-values of the block bootstrap."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import false_discovery_control, t, ttest_rel

from motrain_app.skill import (
    adjusted_p,
    bias,
    bootstrap,
    bootstrap_groups,
    bootstrap_interval,
    bootstrap_p,
    discoveries,
    mae_difference,
    moments_by_group,
    mse_difference,
    rmse_change,
    skill,
)


def generator(seed=0):
    return np.random.default_rng(seed)


# --- false discoveries ---


def test_adjusted_values_are_those_of_scipy():
    p = generator().random((50, 4)) ** 3
    np.testing.assert_array_equal(adjusted_p(p), false_discovery_control(p, axis=0))
    np.testing.assert_array_equal(adjusted_p(p, axis=1), false_discovery_control(p, axis=1))


def test_what_has_no_test_takes_no_part():
    p = generator(1).random((60, 3)) ** 3
    gaps = p.copy()
    gaps[::3, 0] = gaps[5:, 2] = np.nan
    found = adjusted_p(gaps)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(gaps))
    for output in range(3):
        known = ~np.isnan(gaps[:, output])
        np.testing.assert_array_equal(found[known, output], false_discovery_control(p[known, output]))
    assert not discoveries(gaps)[np.isnan(gaps)].any()


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (4, 2), (2, 3, 4)])
def test_the_shape_is_kept_also_where_there_is_no_test_at_all(shape):
    nothing = np.full(shape, np.nan)
    assert adjusted_p(nothing).shape == discoveries(nothing).shape == shape
    assert not discoveries(nothing).any()


def test_one_test_stays_as_it_is_and_many_ask_for_more():
    assert adjusted_p([0.04]) == 0.04
    assert discoveries([0.04]).all()
    assert not discoveries([0.04, *np.linspace(0.1, 1, 30)]).any()


def test_the_level_is_the_share_of_false_discoveries():
    rng, false, found = generator(2), 0, 0
    for _ in range(200):
        p = rng.random(300)
        p[:60] = 1e-3 * rng.random(60)
        chosen = discoveries(p, level=0.1)
        false, found = false + chosen[60:].sum(), found + chosen.sum()
    assert found > 200 * 60
    assert false / found == pytest.approx(0.1 * 240 / 300, abs=0.015)  # times the share of tests with nothing to find
    assert not discoveries(p, level=1e-9).any()


@pytest.mark.parametrize("p", [[-0.1, 0.5], [0.5, 1.1]])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match="0 and 1"):
        adjusted_p(p)


# --- p-values of the bootstrap ---


def daily(first, second):
    """One row a day; observed is zero, so that the two are errors."""
    days = len(first)
    return moments_by_group(np.zeros(days), first, np.arange(days), days, baseline=second)


def autoregressive(days, memory, rng):
    noise = rng.standard_normal(days + 500) * np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], noise)[500:]


def test_it_is_the_paired_t_test_where_each_group_is_a_row():
    rng = generator(3)
    first, second = np.abs(rng.standard_normal((2, 400)))
    first = first - 0.06
    found = bootstrap_groups(daily(first, second), [mae_difference], replicates=20000, rng=rng)
    expected = ttest_rel(np.abs(first), np.abs(second))
    assert found.p[0] == pytest.approx(expected.pvalue, rel=0.1)
    assert found.value[0] == pytest.approx(np.mean(np.abs(first) - np.abs(second)))
    assert found.blocks == pytest.approx(400)
    ends = found.value[0] + np.array([-1, 1]) * t.ppf(0.975, 399) * (found.value[0] / expected.statistic)
    np.testing.assert_allclose([found.low[0], found.high[0]], ends, atol=0.01)


def test_it_is_as_wide_as_the_interval():
    """A value whose interval just touches zero has p = 1 − level, however few the blocks and whatever they miss."""
    replicates = generator(4).standard_normal((1, 100_000))
    for options in (
        {"blocks": 1e6},
        {"blocks": 11.0},
        {"blocks": 30.0, "missing": 0.3},
        {"blocks": 30.0, "missing": 9},
    ):
        low, high = bootstrap_interval(replicates, **options)
        assert bootstrap_p((high - low) / 2, replicates, **options)[0] == pytest.approx(0.05, rel=0.1)


def test_without_an_interval_there_is_no_p():
    replicates = np.tile(generator(5).standard_normal(100), (3, 1))
    replicates[1, :11] = replicates[2, :10] = np.nan
    value = np.full(3, 0.5)
    np.testing.assert_array_equal(np.isnan(bootstrap_p(value, replicates, blocks=50.0)), [False, True, False])
    assert np.isnan(bootstrap_p(value, replicates, blocks=9.9)).all()
    assert np.isnan(bootstrap_p(np.full(3, np.nan), replicates, blocks=50.0)).all()
    rng = generator(6)
    assert np.isnan(bootstrap(daily(*rng.standard_normal((2, 9))), [bias], rng=rng).p).all()
    assert np.isnan(bootstrap(daily(*np.full((2, 9), np.nan)), [bias], rng=rng).p).all()
    few = bootstrap_groups(daily(*rng.standard_normal((2, 9))), [mse_difference], rng=rng)
    assert np.isfinite(few.value).all()
    assert np.isnan([few.low, few.high, few.p]).all()


def test_two_that_are_the_same_do_not_differ_at_all():
    errors = autoregressive(800, 0.5, generator(7))
    found = bootstrap(daily(errors, errors), [mse_difference, rmse_change, skill], rng=generator())
    np.testing.assert_array_equal(found.p, 1)


def test_a_difference_without_any_spread_is_certain():
    found = bootstrap(daily(np.full(800, 1.0), np.full(800, 2.0)), [mse_difference], rng=generator())
    assert found.p[0] < 1e-12


def rate_below_5_percent(memory, days, ratio, replications, seed):
    """Share of p < 0.05 for the difference in MSE of two AR(1) errors whose sizes have a ratio."""
    rng, hits = generator(seed), 0
    for _ in range(replications):
        first, second = ratio * autoregressive(days, memory, rng), autoregressive(days, memory, rng)
        found = bootstrap(daily(first, second), [mse_difference], replicates=400, rng=rng)
        hits += found.p[0] < 0.05
    return hits / replications


def test_what_differs_by_much_is_found_and_what_does_not_is_not():
    assert rate_below_5_percent(0.6, 1500, 0.8, 25, 8) >= 0.9
    assert rate_below_5_percent(0.6, 1500, 1.0, 50, 9) <= 0.16


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "days"), [(0.0, 1000), (0.5, 1500), (0.8, 2500), (0.9, 4000)])
def test_the_size_is_nominal_on_autoregressive_errors(memory, days):
    assert 0.03 <= rate_below_5_percent(memory, days, 1.0, 1000, 10) <= 0.08


@pytest.mark.slow
def test_the_power_is_that_of_the_textbook():
    """Var(d̄) = 2σ⁴ (1 + φ²)/(1 − φ²)/n for each of the two MSE, and the t-test's power for their difference."""
    memory, days, ratio = 0.6, 1500, 0.93
    variance = 2 * (1 + ratio**4) * (1 + memory**2) / (1 - memory**2) / days
    shift = (1 - ratio**2) / np.sqrt(variance)
    expected = t.sf(1.96 - shift, 1e6)
    assert 0.4 < expected < 0.9
    assert rate_below_5_percent(memory, days, ratio, 500, 11) == pytest.approx(expected, abs=0.08)
