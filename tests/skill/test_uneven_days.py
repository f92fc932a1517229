"""Blocks and intervals where days weigh unequally: an overpass of all cells now and then, a single cell between."""

import numpy as np
import pytest
from scipy.signal import lfilter

from motrain_app.skill import bias, block_length, bootstrap, get_metric, moments_by_group, mse_difference, rmse


def autoregressive(shape, memory, rng):
    """Unit-variance AR(1) series with this correlation from day to day."""
    *several, days = shape
    noise = rng.standard_normal((*several, days + 500)) * np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], noise)[..., 500:]


def lattice(days, every, heavy, light=1):
    """Rows of each day: many every so many days, few on the others."""
    return np.where(np.arange(days) % every == 0, heavy, light)


def rows_of(rows, error, rng, *, own=0.3):
    """Daily moments of rows that have the error of their day, and some of their own."""
    day = np.repeat(np.arange(len(rows)), rows)
    each = np.asarray(error)[..., day] + own * rng.standard_normal((*np.shape(error)[:-1], len(day)))
    return moments_by_group(
        np.zeros(len(day)), np.atleast_2d(each)[0], day, len(rows), baseline=np.atleast_2d(each)[-1]
    )


def by_pairs(series, present):
    """Length of blocks by the number of pairs of days, term by term, as where all days weigh the same."""
    days = len(series)
    longest, needed = max(1, int(min(3 * np.sqrt(days), days / 3))), max(5, int(np.ceil(np.sqrt(np.log10(days)))))
    series = np.where(present, series, 0.0)
    lags = range(min(days - 1, 2 * longest + needed) + 1)
    product = np.array([series[: days - k] @ series[k:] for k in lags])
    pairs = np.array([(present[: days - k] & present[k:]).sum() for k in lags])
    if pairs[0] < 10:
        return 1.0
    memory, last, quiet, squares = 1, 1, 0, 0.0
    for k in lags[1:]:
        if pairs[k] < 10:
            continue
        correlation = product[k] / pairs[k] / (product[0] / pairs[0])
        if abs(correlation) >= 2 * np.sqrt((1 + 2 * squares) / pairs[k]):
            quiet, last = 0, k
        else:
            quiet += 1
        squares += (product[k] / product[0]) ** 2
        memory = last
        if quiet == needed:
            break
    memory = min(memory, longest)
    window = np.clip(2 - np.arange(len(product)) / memory, 0, 1) * product
    spread, leak = 2 * window.sum() - window[0], 2 * (np.arange(len(product)) * window).sum()
    if spread <= 0:
        return float(longest)
    return float(np.clip((1.5 * (leak / spread) ** 2 * days) ** (1 / 3), 1, longest))


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.02])
def test_days_of_the_same_weight_count_by_their_pairs_whatever_the_weight(share):
    rng = np.random.default_rng(0)
    for memory in (0.0, 0.5, 0.9, 0.98):
        for days in (11, 300, 1500):
            series, present = autoregressive((days,), memory, rng), rng.random(days) < share
            expected = by_pairs(series, present)
            # The last differ, if hardly: these are summed like those of any weights.
            for weight in (present, 0.1 * present, 7.0 * present, present * (1 + 1e-9 * rng.random(days))):
                assert block_length(series, weight).days == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("heavy", [10, 100, 1_000_000])
@pytest.mark.parametrize("others", ["have the same errors", "have errors without memory"])
def test_light_days_do_not_hide_how_long_the_errors_of_heavy_days_last(heavy, others):
    rng, rows = np.random.default_rng(1), lattice(4000, 10, heavy)
    error = autoregressive((20, 4000), 0.95, rng)
    if others == "have errors without memory":
        error = np.where(rows == heavy, error, rng.standard_normal(error.shape))
    # 106 days are optimal; by the number of pairs, errors are forgotten from one overpass to the day after.
    assert 50 < np.median(block_length(rows * error, rows).days) < 170


def test_rows_that_err_each_by_itself_are_not_taken_for_days_that_do():
    """Sums over many rows then vary much less, beside those over few, than weights let expect."""
    rng, rows = np.random.default_rng(2), lattice(2000, 8, 100)
    found = block_length(np.sqrt(rows) * rng.standard_normal((100, 2000)), rows).days
    assert np.median(found) < 10
    assert np.mean(found > 50) < 0.2


def test_days_that_weigh_nothing_to_speak_of_are_as_good_as_none():
    rng, present = np.random.default_rng(3), np.arange(3000) % 10 == 0
    series = autoregressive((5, 3000), 0.95, rng)
    expected = block_length(series * present, present)
    for nothing in (1e-3, 1e-8, 1e-13, 1e-200):
        weight = np.where(present, 3.0, nothing)
        found = block_length(series * weight, weight)
        np.testing.assert_allclose(found.days, expected.days, rtol=1e-2)


def test_pairs_of_which_a_few_outweigh_the_rest_are_few():
    """Two days of all cells, a week apart: that they err alike tells nothing."""
    rng, rows = np.random.default_rng(4), np.ones(2000)
    rows[[100, 107]] = 1e4
    errors = rng.standard_normal(2000)
    errors[107] = errors[100]
    assert block_length(rows * errors, rows).days < 10


def test_each_of_several_cells_has_the_length_of_its_own_days():
    rng = np.random.default_rng(5)
    rows = np.stack([lattice(1200, 8, 50), rng.integers(0, 4, 1200), np.ones(1200), rng.integers(0, 2, 1200)])
    series = rows * autoregressive((3, 4, 1200), 0.9, rng)
    together = block_length(series, rows)
    assert together.days.shape == (3, 4)
    for cell in range(4):
        alone = block_length(series[:, cell], rows[cell])
        for name in ("days", "leakage", "variance"):
            np.testing.assert_allclose(getattr(together, name)[:, cell], getattr(alone, name), rtol=1e-9)


@pytest.mark.parametrize("every", [6, 8, 16])
def test_it_does_not_matter_on_which_day_an_overpass_falls(every):
    """Days that are cut down are judged by some of them, which once were every eighth: all of one kind, or none."""
    rng, days = np.random.default_rng(2), 2040
    error, found = autoregressive((days,), 0.97, rng), []
    for first in range(every):
        of_day = error * np.roll(lattice(days, every, 20.0, 1.0), first)
        daily = moments_by_group(np.zeros(days), of_day + 0.1, np.arange(days), days)
        found.append([bootstrap(daily, [bias, rmse], rng=0).block_days, get_metric("n_effective").function(daily)])
    np.testing.assert_array_less(np.max(found, axis=0), [1.5, 2.5] * np.min(found, axis=0))


def test_the_effective_number_of_rows_is_that_of_heavy_days():
    """For AR(1) errors of all rows, from the variance of their mean."""
    rng, rows, memory = np.random.default_rng(7), lattice(5000, 8, 100), 0.96
    lag = np.abs(np.subtract.outer(np.arange(5000), np.arange(5000)))
    expected = 1.09 * rows.sum() ** 2 / (rows @ memory**lag @ rows + 0.09 * rows.sum())
    function = get_metric("n_effective").function
    found = [function(rows_of(rows, autoregressive((5000,), memory, rng), rng)) for _ in range(15)]
    assert 0.5 * expected < np.median(found) < 2 * expected


@pytest.mark.slow
@pytest.mark.parametrize(("every", "heavy", "memory"), [(8, 100, 0.95), (12, 40, 0.97), (8, 5, 0.95), (8, 100, 0.0)])
def test_intervals_hold_the_truth_where_days_weigh_unequally(every, heavy, memory):
    rng, rows, hits = np.random.default_rng(8), lattice(4000, every, heavy), np.zeros(2)
    truth = np.array([0.0, np.sqrt(1.09)])
    for _ in range(300):
        daily = rows_of(rows, autoregressive((4000,), memory, rng), rng)
        found = bootstrap(daily, [bias, rmse], replicates=400, rng=rng)
        hits += (found.low <= truth) & (truth <= found.high)
    assert (hits >= 0.9 * 300).all()


@pytest.mark.slow
def test_two_equally_good_predictions_seldom_differ_where_days_weigh_unequally():
    rng, rows, significant = np.random.default_rng(9), lattice(4000, 8, 100), 0
    for _ in range(300):
        daily = rows_of(rows, autoregressive((2, 4000), 0.97, rng), rng)
        significant += bootstrap(daily, [mse_difference], replicates=400, rng=rng).p[0] < 0.05
    assert significant <= 0.09 * 300
