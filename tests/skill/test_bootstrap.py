import numpy as np
import pytest
import scipy.stats
from scipy.signal import lfilter

from motrain_app.skill import (
    bias,
    block_length,
    bootstrap,
    bootstrap_interval,
    bootstrap_moments,
    group_blocks,
    influence,
    mae,
    moments,
    moments_by_group,
    mse_difference,
    r,
    rmse,
    rmse_difference,
    skill,
    time_blocks,
)


def autoregressive(days, memory, rng):
    """Unit-variance AR(1) series with this correlation from day to day."""
    noise = rng.standard_normal(days + 500) * np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], noise)[500:]


def daily(observed, predicted, baseline=None):
    """One row a day."""
    days = len(observed)
    return moments_by_group(observed, predicted, np.arange(days), days, baseline=baseline)


def generator(seed=0):
    return np.random.default_rng(seed)


def width(intervals):
    return intervals.high - intervals.low


# --- length of the blocks ---


def lengths(series, present=None):
    present = np.ones(series.shape[-1], bool) if present is None else present
    return block_length(series, present)


def test_white_noise_needs_blocks_of_few_days():
    found = lengths(generator().standard_normal((20, 2000))).days
    assert np.median(found) < 5
    assert (found >= 1).all()


@pytest.mark.parametrize("memory", [0.5, 0.8, 0.9])
def test_the_length_is_near_the_optimum_of_an_autoregressive_series(memory):
    rng, days = generator(1), 4000
    found = lengths(np.stack([autoregressive(days, memory, rng) for _ in range(30)]))
    ratio = 2 * memory / (1 - memory**2)
    optimum = (1.5 * ratio**2 * days) ** (1 / 3)
    assert 0.75 < np.median(found.days) / optimum < 1.35
    assert 0.75 < np.median(found.leakage) / ratio < 1.35


@pytest.mark.parametrize("present", ["every day", "half", "one in ten", "summers", "every tenth day"])
def test_gaps_do_not_hide_the_memory(present):
    rng, days = generator(2), 4000
    here = {
        "every day": np.ones(days, bool),
        "half": rng.random(days) < 0.5,
        "one in ten": rng.random(days) < 0.1,
        "summers": np.arange(days) % 365 > 150,
        "every tenth day": np.arange(days) % 10 == 0,
    }[present]
    series = np.stack([autoregressive(days, 0.95, rng) for _ in range(20)])
    assert 50 < np.median(lengths(np.where(here, series, np.nan), here).days) < 170


def test_chance_waves_of_a_slow_series_are_not_taken_for_memory():
    rng = generator(3)
    slow = np.stack([np.convolve(rng.standard_normal(4029), np.ones(30), "valid") for _ in range(300)])
    # 83 days are found in the middle one, and by the bound for white noise over 134 in 9 % of them.
    assert (lengths(slow).days > 134).mean() < 0.03


@pytest.mark.parametrize("slow", [0.98, 0.99])
def test_slow_errors_that_are_too_small_to_be_seen_at_any_lag_are_seen_in_their_sum(slow):
    """A fiftieth of the variance of a day, but two to five sixths of that of the mean."""
    rng, days, share = generator(4), 3650, 0.02
    series = np.stack([autoregressive(days, slow, rng) for _ in range(200)]) * np.sqrt(share)
    series += rng.standard_normal(series.shape)
    found = lengths(series)
    truth = days * (1 + share * (1 + slow) / (1 - slow))
    assert np.median(found.days) > 60
    assert 0.6 < np.median(found.variance) / truth < 1.3
    quiet = lengths(rng.standard_normal(series.shape))
    assert np.median(quiet.days) < 5
    assert 0.9 < np.median(quiet.variance) / days < 1.1


def test_the_length_is_bounded_by_the_record():
    slope = np.linspace(-1, 1, 900)
    assert lengths(slope).days == 90
    wave = np.cos(2 * np.pi * np.arange(900) / 45)
    assert 1 <= lengths(wave).days <= 90


def test_series_that_tell_nothing_have_blocks_of_a_day():
    for series in (np.zeros(50), np.ones(1), generator().standard_normal(9)):
        found = lengths(series)
        assert (found.days, found.leakage) == (1, 0)


def test_the_shape_of_several_series_is_kept():
    assert lengths(generator().standard_normal((2, 3, 100))).days.shape == (2, 3)


# --- blocks ---


def test_every_day_stands_in_as_many_blocks_as_any_other():
    sums = daily(np.zeros(1003), np.arange(1003.0))
    for days, per_replicate in ((1, 256), (20.5, 48), (20.1, 48), (100, 10), (2000, 1)):
        blocks = time_blocks(sums, days=days)
        assert blocks.per_replicate == per_replicate
        assert blocks.days == 1003 / per_replicate >= days or per_replicate in (1, 256)
        parts = blocks.moments.shape[-1] / per_replicate
        np.testing.assert_allclose(blocks.moments.merged().n, parts * 1003)
        np.testing.assert_allclose(bias(blocks.moments.merged()), 501)
        np.testing.assert_allclose(bias(blocks.total), 501)


def test_days_without_rows_lower_the_effective_number_of_blocks():
    full = np.zeros(3650)
    summer = np.where(np.arange(3650) % 365 < 180, 0.0, np.nan)
    assert time_blocks(daily(full, full), days=38).effective == pytest.approx(96, rel=1e-3)
    assert time_blocks(daily(summer, full), days=38).effective == pytest.approx(48, rel=0.05)


def test_replicates_scatter_around_the_score_of_all_rows():
    rng = generator(3)
    sums = daily(rng.standard_normal(1000), 0.5 + rng.standard_normal(1000))
    drawn = bootstrap_moments(time_blocks(sums, days=10), replicates=4000, rng=rng)
    assert drawn.shape == (4000,)
    assert np.mean(bias(drawn)) == pytest.approx(bias(sums.merged()), abs=0.005)
    assert np.std(bias(drawn)) == pytest.approx(np.sqrt(2 / 1000), rel=0.15)


def test_several_outputs_are_resampled_at_once():
    rng = generator(4)
    o, p = rng.standard_normal((2, 3, 500))
    day = np.arange(500)
    together = time_blocks(moments_by_group(o, p, day, 500), days=10)
    alone = time_blocks(moments_by_group(o[1], p[1], day, 500), days=10)
    assert together.effective.shape == (3,)
    many = bootstrap_moments(together, replicates=50, rng=generator())
    one = bootstrap_moments(alone, replicates=50, rng=generator())
    np.testing.assert_allclose(rmse(many)[1], rmse(one), rtol=1e-12)


def test_groups_are_drawn_independently_and_empty_ones_never():
    rng = generator(5)
    group = np.repeat(np.arange(0, 80, 2), 25)
    error = rng.standard_normal(40)[group // 2] + 0.1 * rng.standard_normal(1000)
    blocks = group_blocks(moments_by_group(np.zeros(1000), error, group, 80))
    assert blocks.per_replicate == 40
    assert blocks.effective == pytest.approx(40)
    assert np.isnan(blocks.days)
    drawn = bias(bootstrap_moments(blocks, replicates=4000, rng=rng))
    means = error.reshape(40, 25).mean(axis=1)
    assert np.std(drawn) == pytest.approx(means.std() / np.sqrt(40), rel=0.05)


def test_influence_is_the_change_when_a_day_is_left_out():
    rng = generator(6)
    o, p, b = 285 + rng.standard_normal((3, 400))
    total = moments(o, p, baseline=b)
    sums = moments_by_group(o, p, np.arange(400), 400, baseline=b, about=total)
    metrics = [bias, mae, rmse, r, skill, mse_difference]
    found = influence(total, sums, metrics)
    rest = total[..., None] - sums
    change = np.stack([metric(total) - metric(rest) for metric in metrics])
    size = np.abs(change).max(axis=1, keepdims=True)
    np.testing.assert_allclose(found / size, change / size, atol=0.02)
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-12)


# --- intervals ---


def test_independent_errors_have_the_interval_of_the_textbook():
    rng = generator(7)
    found = bootstrap(daily(np.zeros(4000), 0.2 + rng.standard_normal(4000)), [bias, rmse], rng=rng)
    np.testing.assert_allclose(width(found)[0], 2 * 1.96 / np.sqrt(4000), rtol=0.2)
    # Var(MSE) = 2σ⁴ + 4μ²σ² over n, to the RMSE by the delta method.
    np.testing.assert_allclose(width(found)[1], 3.92 * np.sqrt(2.16 / 4000) / (2 * np.sqrt(1.04)), rtol=0.2)
    assert (found.low < found.value).all()
    assert (found.value < found.high).all()


def test_dependent_errors_have_wider_intervals_than_the_same_errors_shuffled():
    rng = generator(8)
    error = autoregressive(4000, 0.9, rng)
    zero = np.zeros(4000)
    dependent = bootstrap(daily(zero, error), [bias, rmse], rng=generator())
    shuffled = bootstrap(daily(zero, rng.permutation(error)), [bias, rmse], rng=generator())
    # The variance of the mean grows by (1 + φ)/(1 − φ) = 19, that of the MSE by (1 + φ²)/(1 − φ²) = 9.5.
    assert 3 < (width(dependent) / width(shuffled))[0] < 6
    assert 2 < (width(dependent) / width(shuffled))[1] < 5
    assert dependent.block_days > 4 * shuffled.block_days


def test_cells_with_the_same_errors_tell_no_more_than_one_cell():
    rng = generator(9)
    error, day = autoregressive(2000, 0.7, rng), np.arange(2000)
    one = bootstrap(moments_by_group(np.zeros(2000), error, day, 2000), [rmse], rng=generator())
    five = bootstrap(
        moments_by_group(np.zeros(10000), np.tile(error, 5), np.tile(day, 5), 2000), [rmse], rng=generator()
    )
    np.testing.assert_allclose([five.low, five.high], [one.low, one.high], rtol=1e-9)
    assert five.blocks == pytest.approx(one.blocks)


def test_under_ten_blocks_there_is_no_interval():
    rng = generator(10)
    slow = np.cumsum(rng.standard_normal(800))
    found = bootstrap(daily(np.zeros(800), slow - slow.mean()), [rmse], rng=rng)
    assert found.blocks < 10
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high]).all()
    few = bootstrap(daily(np.zeros(9), rng.standard_normal(9)), [rmse, bias], rng=rng)
    assert np.isnan([few.low, few.high]).all()
    none = bootstrap(daily(np.full(3, np.nan), np.ones(3)), [rmse], rng=rng)
    assert (none.blocks, np.isnan(none.block_days)) == (0, True)


def test_an_infinite_prediction_has_no_interval():
    predicted = generator().standard_normal(500)
    predicted[7] = np.inf
    found = bootstrap(daily(np.zeros(500), predicted), [rmse], rng=generator())
    assert np.isinf(found.value)
    assert np.isnan([found.low, found.high]).all()


def test_a_perfect_prediction_has_an_interval_of_no_width():
    series = generator().standard_normal(500)
    found = bootstrap(daily(series, series), [bias, rmse, r], rng=generator())
    np.testing.assert_allclose(found.value, [0, 0, 1], atol=1e-15)
    np.testing.assert_allclose(found.low, found.high, atol=1e-15)


@pytest.mark.parametrize("key", [7, (7, 2)])
def test_the_draws_of_a_key_are_those_of_its_generator(key):
    sums = daily(np.zeros(800), generator().standard_normal(800))
    shared, drawn = (bootstrap(sums, [bias, rmse], rng=rng) for rng in (key, np.random.default_rng(key)))
    again = bootstrap(sums, [bias, rmse], rng=key)
    for name in ("value", "low", "high", "p"):
        np.testing.assert_array_equal(getattr(shared, name), getattr(drawn, name))
        np.testing.assert_array_equal(getattr(again, name), getattr(drawn, name))


def test_the_same_key_draws_the_same_interval_and_another_key_another():
    sums = daily(np.zeros(1000), generator().standard_normal(1000))
    keys = [(3, 1), (3, 1), (3, 2)]
    found = [bootstrap(sums, [bias], rng=np.random.default_rng(key)).low[0] for key in keys]
    assert found[0] == found[1] != found[2]


def test_a_comparison_is_paired():
    rng = generator(11)
    shared = 3 * autoregressive(3000, 0.8, rng)
    first, second = shared + 0.3 * rng.standard_normal(3000), shared + 0.6 * rng.standard_normal(3000)
    zero = np.zeros(3000)
    both = bootstrap(daily(zero, first, second), [mse_difference, rmse_difference, skill], rng=generator())
    alone = bootstrap(daily(zero, first), [rmse], rng=generator())
    # What both have in common cancels in the difference, though each RMSE is uncertain.
    assert width(both)[1] < 0.4 * width(alone)[0]
    assert (both.high[:2] < 0).all()
    assert both.low[2] > 0
    np.testing.assert_allclose(both.value[0], np.mean(first**2 - second**2), rtol=1e-9)


def test_two_equally_good_predictions_do_not_differ():
    inside = 0
    for seed in range(40):
        rng = generator(seed)
        first, second = autoregressive(1500, 0.6, rng), autoregressive(1500, 0.6, rng)
        found = bootstrap(daily(np.zeros(1500), first, second), [mse_difference], replicates=400, rng=rng)
        inside += bool(found.low[0] <= 0 <= found.high[0])
    assert inside >= 34


def test_statistics_without_a_value_in_many_replicates_have_no_interval():
    replicates = np.tile(np.arange(100.0), (3, 1))
    replicates[1, :11] = np.nan
    replicates[2, :10] = np.nan
    low, high = bootstrap_interval(replicates, blocks=1e6)
    np.testing.assert_array_equal(np.isnan(low), [False, True, False])
    assert low[2] > 10
    assert high[2] <= 99
    assert np.isnan(bootstrap_interval(replicates, blocks=9.9)).all()


def test_few_blocks_and_what_they_miss_widen_the_interval():
    replicates = np.sort(generator().standard_normal((1, 10000)))
    widths = [
        np.diff(bootstrap_interval(replicates, **options), axis=0)[0, 0]
        for options in (
            {"blocks": 1e6, "level": 0.9},
            {"blocks": 1e6},
            {"blocks": 30.0},
            {"blocks": 11.0},
            {"blocks": 11.0, "missing": 0.3},
            {"blocks": 11.0, "missing": 0.9},
        )
    ]
    assert (np.diff(widths) > 0).all()
    np.testing.assert_allclose(widths[:2], [2 * 1.645, 2 * 1.96], rtol=0.05)
    assert np.diff(bootstrap_interval(replicates[:, :1], blocks=30.0), axis=0) == 0


@pytest.mark.parametrize(("blocks", "missing"), [(11.0, 0.0), (30.0, 0.0), (11.0, 0.3)])
def test_the_interval_is_that_of_student_s_distribution(blocks, missing):
    replicates = scipy.stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)[None]
    reach = scipy.stats.t.ppf(0.975, blocks - 1) * np.sqrt(blocks / (blocks - 1) / (1 - missing))
    low, high = bootstrap_interval(replicates, blocks=blocks, missing=missing)
    np.testing.assert_allclose([low[0], high[0]], [-reach, reach], rtol=1e-3)


# --- coverage ---


def coverage(memory, days, replications, *, present=None):
    """Share of intervals that hold the truth, of bias and RMSE, and the mean number of blocks."""
    rng = generator(12)
    truth = np.array([0.3, np.sqrt(1.09)])
    hits, blocks = np.zeros(2), []
    for _ in range(replications):
        error = 0.3 + autoregressive(days, memory, rng)
        observed = np.zeros(days) if present is None else np.where(present(days), 0.0, np.nan)
        found = bootstrap(daily(observed, error), [bias, rmse], replicates=600, rng=rng)
        hits += (found.low <= truth) & (truth <= found.high)
        blocks.append(found.blocks)
    return hits / replications, np.mean(blocks)


def test_intervals_hold_the_truth_about_as_often_as_they_claim():
    hits, _ = coverage(0.7, 2500, 120)
    assert (hits > 0.88).all()


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "days"), [(0.0, 1000), (0.5, 1500), (0.8, 2500), (0.9, 4000), (0.95, 6000)])
def test_coverage_on_autoregressive_errors_is_nominal(memory, days):
    hits, blocks = coverage(memory, days, 1000)
    assert blocks >= 40
    assert (hits >= 0.92).all()
    assert (hits <= 0.98).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "present",
    [
        lambda days: np.arange(days) % 365 > 150,
        lambda days: np.arange(days) % 10 == 0,
        lambda days: generator(5).random(days) < 0.1,
    ],
    ids=["summers", "every tenth day", "one in ten"],
)
def test_coverage_is_nominal_when_days_are_missing(present):
    hits, _ = coverage(0.95, 6000, 400, present=present)
    assert (hits >= 0.91).all()
    assert (hits <= 0.98).all()
