"""Quantiles of residuals: exact order statistics of the right rows, and what dependent rows are worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.operators import SEASONS, OperatorError, ResidualQuantiles
from motrain_app.operators.calibration import calibrate
from motrain_app.operators.effective import effective_number
from motrain_app.operators.interval import PERCENTS, ranks_of_ends
from motrain_app.operators.seasons import season_of, season_of_record
from tests.operators.order_statistics import order_statistics

DAYS = np.arange("2000-01-01", "2010-01-01", dtype="datetime64[D]")


def noise(seed=0, n_outputs=1, days=DAYS):
    return np.random.default_rng(seed).standard_normal((n_outputs, len(days))).astype(np.float32)


def scaled(season, factor, residual):
    """Residuals that are as much wider in one season."""
    return residual * np.where(season_of(DAYS) == SEASONS.index(season), factor, 1).astype(np.float32)


# Seasons


def test_december_belongs_to_the_winter_of_the_next_january():
    time = np.array(["2009-11-30T23:59", "2009-12-01", "2010-01-15", "2010-02-28T23:59", "2010-03-01"], "datetime64[m]")
    assert [SEASONS[season] for season in season_of(time)] == ["SON", "DJF", "DJF", "DJF", "MAM"]
    record = season_of_record(time)
    assert (np.diff(record) == [1, 0, 0, 1]).all()
    assert season_of_record(time[2:3] + np.timedelta64(365 * 24 * 60, "m")) == record[2] + 4


@given(st.datetimes())
def test_every_time_has_the_season_of_its_month(moment):
    names = ["DJF", "DJF", "MAM", "MAM", "MAM", "JJA", "JJA", "JJA", "SON", "SON", "SON", "DJF"]
    assert SEASONS[season_of(np.array([moment], "datetime64[us]"))[0]] == names[moment.month - 1]


# Order statistics


@given(st.integers(0, 400))
def test_the_ends_are_the_order_statistics_of_the_finite_sample_correction(n):
    residual = np.random.default_rng(n).permutation(n).astype(np.float32)
    found = calibrate(residual[None], DAYS[:n])
    np.testing.assert_array_equal(found.knots[0, 4], order_statistics(residual))


def test_a_further_exchangeable_residual_lies_within_at_least_as_often_as_the_level_says():
    random = np.random.default_rng(0)
    for n, percent in ((19, 90), (40, 90), (25, 80), (9, 50)):
        exists, ranks = ranks_of_ends(np.array(n))
        assert exists[percent - 50]
        low, high = np.sort(random.random((4000, n)))[:, ranks[:, percent - 50]].T
        new = random.random(4000)
        share, error = ((low <= new) & (new <= high)).mean(), 3 * np.sqrt(0.25 / 4000)
        assert percent / 100 - error < share < percent / 100 + 2 / (n + 1) + error


def test_missing_residuals_do_not_count():
    residual = noise()
    gappy = np.insert(residual, np.arange(0, 3000, 7), np.nan, axis=1)
    time = np.insert(DAYS, np.arange(0, 3000, 7), DAYS[0])
    np.testing.assert_array_equal(calibrate(gappy, time).knots, calibrate(residual, DAYS).knots)


# Calibration


def test_each_output_and_season_has_the_quantiles_of_its_own_rows():
    residual = noise(n_outputs=2)
    residual[1, ::3] = np.nan
    found = calibrate(residual, DAYS)
    for output in range(2):
        for number in range(4):
            mine = residual[output, season_of(DAYS) == number]
            np.testing.assert_array_equal(found.knots[output, number], order_statistics(mine))
            assert found.n[output, number] == np.isfinite(mine).sum()
        np.testing.assert_array_equal(found.knots[output, 4], order_statistics(residual[output]))
    assert found.knots.dtype == np.float32


def test_the_order_of_rows_does_not_matter():
    residual, order = noise(n_outputs=2), np.random.default_rng(1).permutation(len(DAYS))
    one, other = calibrate(residual, DAYS), calibrate(residual[:, order], DAYS[order])
    np.testing.assert_array_equal(one.knots, other.knots)
    np.testing.assert_allclose(one.effective, other.effective)


@pytest.mark.parametrize("level", [0.5, 0.68, 0.9, 0.95, 0.99])
def test_a_season_with_residuals_twice_as_wide_has_an_interval_twice_as_wide(level):
    plain, wider = noise(), scaled("JJA", 2, noise())
    before, after = (calibrate(one, DAYS).offsets(level)[0] for one in (plain, wider))
    np.testing.assert_array_equal(after[2], 2 * before[2])
    np.testing.assert_array_equal(after[[0, 1, 3]], before[[0, 1, 3]])
    width = (after[:, 1] - after[:, 0]) / (before[:, 1] - before[:, 0]).mean()
    assert width[2] == pytest.approx(2, rel=0.15)


def test_a_bias_moves_the_interval():
    np.testing.assert_allclose(calibrate(noise() + 3, DAYS).offsets(0.9), calibrate(noise(), DAYS).offsets(0.9) + 3)


def test_a_season_with_too_few_residuals_takes_those_of_the_whole_year():
    residual = scaled("DJF", 3, noise())
    winter = np.flatnonzero(season_of(DAYS) == 0)
    residual[0, np.delete(winter, np.s_[::60])] = np.nan  # 16 are left: too few for 90 per cent, enough for 80
    found = calibrate(residual, DAYS)
    assert found.n[0, 0] == 16
    assert found.pooled(0.9).tolist() == [[True, False, False, False]]
    np.testing.assert_array_equal(found.offsets(0.9)[0, 0], found.knots[0, 4, :, 40])
    assert not found.pooled(0.8).any()
    assert np.ptp(found.offsets(0.8)[0, 0]) > 2 * np.ptp(found.offsets(0.8)[0, 1])


def test_a_season_whose_many_rows_are_worth_few_takes_those_of_the_whole_year():
    residual, record = noise(), season_of_record(DAYS)
    one_a_winter = np.random.default_rng(5).standard_normal(record.max() + 1)
    winter = season_of(DAYS) == 0
    residual[0, winter] = one_a_winter[record[winter]]
    residual[0, winter & (record < record[800])] = np.nan  # more than eight winters are left, fewer than ten
    found = calibrate(residual, DAYS)
    assert found.n[0, 0] > 600
    assert found.effective[0, 0] < 10
    assert found.pooled(0.9).tolist() == [[True, False, False, False]]


def test_too_few_residuals_altogether_give_no_interval():
    few = calibrate(noise()[:, :18], DAYS[:18])
    assert np.isnan(few.offsets(0.9)).all()
    assert few.pooled(0.9).all()
    nothing = calibrate(np.full((2, 50), np.nan), DAYS[:50])
    assert np.isnan(nothing.offsets(0.5)).all()
    assert not nothing.n.any()
    assert np.isnan(calibrate(noise()[:, :0], DAYS[:0]).offsets(0.9)).all()


def test_an_infinite_residual_leaves_no_interval_rather_than_one_that_ignores_it():
    residual = noise(n_outputs=2)
    residual[0, 100] = np.inf
    offsets = calibrate(residual, DAYS).offsets(0.9)
    assert np.isnan(offsets[0, season_of(DAYS[100:101])]).all()
    assert np.isfinite(offsets[1]).all()


# Levels


def test_levels_between_whole_per_cents_are_rounded_outwards():
    found = calibrate(noise(), DAYS)
    for asked, taken in ((0.683, 69), (0.9001, 91), (0.57, 57), (0.9, 90), (0.5, 50), (0.99, 99), (0.981, 99)):
        np.testing.assert_array_equal(found.offsets(asked), found.knots[:, :4, :, taken - 50])
    np.testing.assert_array_equal(found.offsets(np.float32(0.9)), found.offsets(0.9))


def test_every_whole_per_cent_is_exact():
    found = calibrate(noise(), DAYS)
    for percent in PERCENTS.tolist():
        np.testing.assert_array_equal(found.offsets(percent / 100), found.knots[:, :4, :, percent - 50])


@pytest.mark.parametrize("per_cent", range(50, 100))
def test_a_level_as_float32_is_the_same_level(per_cent):
    residuals = calibrate(noise(), DAYS)
    np.testing.assert_array_equal(residuals.pooled(np.float32(per_cent / 100)), residuals.pooled(per_cent / 100))


def test_a_higher_level_is_never_narrower():
    found = calibrate(noise(n_outputs=3), DAYS)
    assert (np.diff(found.knots[:, :, 0], axis=-1) <= 0).all()
    assert (np.diff(found.knots[:, :, 1], axis=-1) >= 0).all()


@pytest.mark.parametrize("level", [0, 1, -0.1, 90, np.nan, np.inf, "0.9", None, True])
def test_what_is_no_share_is_refused(level):
    with pytest.raises(OperatorError, match="it is the share of rows within the interval"):
        calibrate(noise(), DAYS).offsets(level)


@pytest.mark.parametrize("level", [0.1, 0.49, 0.995])
def test_levels_that_are_not_kept_are_refused(level):
    with pytest.raises(OperatorError, match=r"for levels from 0.5 to 0.99"):
        calibrate(noise(), DAYS).pooled(level)


def test_arrays_that_do_not_fit_together_are_refused():
    arrays = calibrate(noise(), DAYS).to_arrays()
    for name, array in arrays.items():
        with pytest.raises(OperatorError, match="do not fit together"):
            ResidualQuantiles.from_arrays(arrays | {name: array[:, :4]})


# Effective numbers


def worth(values, cluster, stratum=0):
    return effective_number(values, np.asarray(cluster), np.broadcast_to(stratum, np.shape(cluster)))


def test_independent_rows_are_worth_their_number():
    record = season_of_record(DAYS)
    found = [worth(noise(seed)[0], record) for seed in range(20)]
    assert np.mean(found) > 0.75 * len(DAYS)
    assert max(found) <= len(DAYS)


def test_rows_that_repeat_within_clusters_are_worth_no_more_than_the_clusters():
    for seed in range(5):
        repeated = np.repeat(np.random.default_rng(seed).standard_normal(60), 30)
        assert worth(repeated, np.repeat(np.arange(60), 30)) <= 60


def test_autocorrelated_rows_are_worth_what_the_theory_says():
    """The mean of an AR(1) series has n (1 − φ)/(1 + φ) degrees of freedom."""
    phi, n, random = 0.9, 90, np.random.default_rng(0)
    series = np.zeros((2000, n))
    series[:, 0] = random.standard_normal(2000)
    for day in range(1, n):
        series[:, day] = phi * series[:, day - 1] + np.sqrt(1 - phi**2) * random.standard_normal(2000)
    found = worth(series.ravel(), np.repeat(np.arange(2000), n))
    assert found / series.size == pytest.approx((1 - phi) / (1 + phi), rel=0.2)


def test_the_cells_of_a_day_are_not_counted_as_independent():
    one, record = noise()[0], season_of_record(DAYS)
    assert worth(np.tile(one, 25), np.tile(record, 25)) == pytest.approx(worth(one, record))


def test_what_differs_between_seasons_is_no_dependence():
    """Neither bias nor width: every year has all seasons."""
    season, record = season_of(DAYS), season_of_record(DAYS)
    for other in (noise()[0] + 20 * season, noise()[0] * 4**season):
        assert worth(other, record) < 0.05 * len(DAYS)
        assert worth(other, record, season) > 0.2 * len(DAYS)


def test_where_nothing_tells_how_dependent_rows_are_clusters_count():
    fours = np.arange(80) // 20
    assert worth(noise()[0, :80], np.zeros(80, int)) == 1
    assert worth(noise()[0, :80], fours, fours) == 4
    assert worth(np.full(80, 0.1), fours) == 4
    assert worth(np.tile([-0.1, 0.1], 40), fours) == 4
    assert worth(np.zeros(0), np.zeros(0, int)) == 0
    assert worth(np.full(5, np.nan), np.arange(5)) == 0
