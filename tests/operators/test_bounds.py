"""Bounds leave alone what is far from them, however wide they are, and nothing gets beyond them."""

import numpy as np
import pytest

from motrain_app.operators.bounds import Bounds

Y = np.linspace(-60, 60, 2401)[None, :]
PAIRS = [
    (-np.inf, np.inf),
    (-5.0, np.inf),
    (-np.inf, 3.0),
    (-5.0, 95.0),
    (-1e30, 1e30),
    (-5.0, 1e30),
    (-1.0, 1.0),
    (9, 9.1),
]
pairs = pytest.mark.parametrize(("low", "high"), PAIRS)


def bounds(low, high, scale=1.0):
    return Bounds(*(np.full((1, 1), value) for value in (low, high, scale)))


@pairs
def test_values_stay_within_grow_and_have_their_slope(low, high):
    some = bounds(low, high)
    value, slope = some.value(Y), some.slope(Y)
    assert low <= value.min() <= value.max() <= high
    assert (np.diff(value) >= 0).all()
    step = 1e-5
    np.testing.assert_allclose(slope, (some.value(Y + step) - some.value(Y - step)) / (2 * step), atol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(-100.0, 100.0), (-100.0, 1e6), (-1e30, 1e30), (-1e308, 1e308)])
def test_a_value_far_from_both_bounds_is_left_as_it_is(low, high):
    np.testing.assert_allclose(bounds(low, high).value(Y), Y, atol=1e-9)
    np.testing.assert_allclose(bounds(low, high).slope(Y), 1, atol=1e-9)


def test_a_second_bound_far_away_changes_nothing_of_the_first():
    np.testing.assert_allclose(bounds(-2.0, 1e30).value(Y), bounds(-2.0, np.inf).value(Y))


def test_narrow_bounds_have_a_slope_of_nearly_one_in_their_middle():
    assert bounds(4.0, 4.2, scale=50.0).slope(np.array([[4.1]])).item() == pytest.approx(0.96, abs=0.01)


@pairs
def test_a_value_without_end_gives_the_bound_and_a_gap_a_gap(low, high):
    ends = bounds(low, high).value(np.array([[-1e300, 1e300, np.nan]]))[0]
    assert ends[0] == max(low, -1e300)
    assert ends[1] == min(high, 1e300)
    assert np.isnan(ends[2])
    assert np.isnan(bounds(low, high).slope(np.array([[np.nan]]))).all()
