from dataclasses import replace

import numpy as np
import scipy.stats

from motrain_app.operators.seasons import season_of_record
from motrain_app.skill import cancels, season_bias
from motrain_app.skill.season_bias import CHANCE, opposite_parts

TIME = np.datetime64("2009-12-01") + np.arange(0, 8 * 365, 2)
RECORD = season_of_record(TIME) - season_of_record(TIME[:1])
N = RECORD.max() + 1
SEASON = np.arange(N) % 4


def sums(errors):
    """Sums over season-years of many series, [series, season-years]."""
    onto = (RECORD[:, None] == np.arange(N)).astype(float)
    return errors @ onto, np.broadcast_to(onto.sum(axis=0), (len(errors), N))


def noise(n_series, seed=0):
    """Errors without bias that last for weeks."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((n_series, len(TIME)))
    found = np.empty_like(white)
    found[:, 0] = white[:, 0] / np.sqrt(1 - 0.8**2)
    for step in range(1, len(TIME)):
        found[:, step] = 0.8 * found[:, step - 1] + white[:, step]
    return found


def test_intervals_of_errors_that_last_cover_zero_at_their_level():
    found = season_bias(*sums(noise(1000)), SEASON)
    covered = ((found.low < 0) & (found.high > 0)).mean()
    assert 0.93 <= covered <= 0.97


def test_noise_is_hardly_ever_taken_for_bias_that_cancels():
    errors = noise(2000, seed=1)
    assert cancels(season_bias(*sums(errors), SEASON), errors.mean(axis=1)).mean() < CHANCE


def test_bias_that_cancels_is_found():
    swing = np.array([1.0, 0.0, -1.0, 0.0])[SEASON[RECORD]]
    errors = noise(500, seed=2) + swing
    assert cancels(season_bias(*sums(errors), SEASON), errors.mean(axis=1)).mean() > 0.7
    trend = 1.5 * np.cos(2 * np.pi * np.arange(len(TIME)) * 2 / 365.25)  # changes within seasons, too
    errors = noise(500, seed=3) + trend
    assert cancels(season_bias(*sums(errors), SEASON), errors.mean(axis=1)).mean() > 0.7


def test_a_season_that_all_others_balance_is_found():
    """The bias of each of the others is too small to be told by itself."""
    swing = np.array([-0.4, 1.2, -0.4, -0.4])[SEASON[RECORD]]
    errors = noise(500, seed=5) + swing
    found = season_bias(*sums(errors), SEASON)
    cancelling = cancels(found, errors.mean(axis=1))
    pairs = replace(found, low=found.low.copy(), high=found.high.copy())
    pairs.low[:, 4:] = pairs.high[:, 4:] = np.nan
    of_two_seasons = cancels(pairs, errors.mean(axis=1))
    assert cancelling.mean() > of_two_seasons.mean() + 0.1
    _, parts = opposite_parts(found)
    assert (parts[cancelling & ~of_two_seasons] == [1, 5]).all()


def test_the_interval_is_that_of_students_t_where_years_have_equally_many_rows():
    errors = np.random.default_rng(4).standard_normal(N)
    found = season_bias(errors, np.ones(N), SEASON)
    for season in range(4):
        mine = errors[season == SEASON]
        low, high = scipy.stats.t.interval(0.95, len(mine) - 1, mine.mean(), scipy.stats.sem(mine))
        np.testing.assert_allclose([found.low[season], found.high[season]], [low, high], rtol=1e-12)


def test_under_five_years_a_season_has_no_interval_and_without_a_row_no_bias():
    weight = np.ones(20)
    weight[::4][1:] = 0
    weight[1::4] = 0
    found = season_bias(np.ones(20) * weight, weight, SEASON[:20])
    np.testing.assert_array_equal(np.isnan(found.value), [False, True, *[False] * 6])
    few = [True, True, False, False, False, True, True, True]  # and what the first season is part of
    np.testing.assert_array_equal(np.isnan(found.low), few)


def test_years_of_few_rows_are_no_draws_like_the_others():
    """With three rows in one year of five intervals keep their level; with more such years there is none."""
    rng = np.random.default_rng(6)
    for rows in ([90, 90, 90, 90, 3], [30, 90, 60, 10, 90, 90]):
        weight = np.repeat(np.array(rows, float), 4)
        season = np.tile(np.arange(4), len(rows))
        bias = rng.standard_normal((2000, len(weight)))  # of a year, whatever its number of rows
        found = season_bias(bias * weight, np.broadcast_to(weight, bias.shape), season)
        covered = ((found.low < 0) & (found.high > 0)).mean(axis=0)
        assert (covered > 0.93).all()
        assert cancels(found, (bias * weight).sum(axis=1) / weight.sum()).mean() < 1.5 * CHANCE
    weight = np.repeat([90.0, 90.0, 3.0, 3.0, 3.0], 4)
    assert np.isnan(season_bias(weight, weight, np.tile(np.arange(4), 5)).low).all()
