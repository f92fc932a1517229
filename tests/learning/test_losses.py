"""The weighted squared error: known sums, plain where nothing is emphasised, refused where it is not defined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motrain_app.design import DesignError
from motrain_app.learning.losses import log_emphasis, weighted_squared_error

Y, PREDICTED = np.array([0.0, 1.0, 2.0]), np.array([0.5, 0.5, 2.5])
values = arrays(np.float64, 6, elements=st.floats(-5, 5))


@pytest.mark.parametrize(("emphasis", "power", "loss"), [(0, 1, 0.75), (1, 1, 2.776834), (0.5, 2, 2.509444)])
def test_known_sums(emphasis, power, loss):
    assert weighted_squared_error(Y, PREDICTED, emphasis=emphasis, power=power) == pytest.approx(loss, abs=1e-6)


def test_every_output_has_a_sum_of_its_own():
    got = weighted_squared_error([Y, 2 * Y], [PREDICTED, 2 * Y], emphasis=1, power=1)
    assert got.shape == (2,)
    assert got.tolist() == pytest.approx([2.776834, 0.0], abs=1e-6)


@given(values, values, st.floats(-1, 1), st.integers(1, 3))
def test_it_is_the_sum_of_the_definition(y, predicted, emphasis, power):
    by_row = sum(np.exp(emphasis * a**power) * (b - a) ** 2 for a, b in zip(y, predicted, strict=True))
    assert weighted_squared_error(y, predicted, emphasis=emphasis, power=power) == pytest.approx(by_row, rel=1e-12)


@given(values, values)
def test_without_emphasis_it_is_the_sum_of_squares_whatever_the_power(y, predicted):
    plain = ((y - predicted) ** 2).sum()
    for power in (0.5, -1, 2):
        assert weighted_squared_error(y, predicted, emphasis=0, power=power) == pytest.approx(plain, rel=1e-12)


def test_the_weight_is_that_of_the_observed_value():
    high_missed = weighted_squared_error([0.0, 2.0], [0.0, 1.0], emphasis=1, power=1)
    low_missed = weighted_squared_error([0.0, 2.0], [1.0, 2.0], emphasis=1, power=1)
    assert high_missed == pytest.approx(np.exp(2))
    assert low_missed == pytest.approx(1)


def test_missing_values_do_not_count():
    gappy = weighted_squared_error([*Y, np.nan, 1.0], [*PREDICTED, 7.0, np.nan], emphasis=1, power=0.5)
    assert gappy == weighted_squared_error(Y, PREDICTED, emphasis=1, power=0.5)
    assert weighted_squared_error([np.nan], [1.0], emphasis=1, power=1) == 0


def test_in_log_space_nothing_overflows():
    logarithm = log_emphasis([-11.0, 1000.0, np.nan], 2.0, 1)
    assert logarithm.dtype == np.float64
    np.testing.assert_array_equal(logarithm, [-22.0, 2000.0, np.nan])
    assert weighted_squared_error([1000.0], [1001.0], emphasis=2, power=1) == np.inf
    assert weighted_squared_error([1000.0], [1000.0], emphasis=2, power=1) == 0


def test_negative_values_have_whole_powers_only():
    y = np.array([-2.0, np.nan, 1.0])
    np.testing.assert_array_equal(log_emphasis(y, 1, 2), [4, np.nan, 1])
    np.testing.assert_array_equal(log_emphasis(y, 1, 3.0), [-8, np.nan, 1])
    with pytest.raises(DesignError, match=r"1 observed values are negative \(the lowest is -2\), and y\^0.5"):
        weighted_squared_error(y, y, emphasis=1, power=0.5)


def test_zeros_have_no_negative_power():
    np.testing.assert_array_equal(log_emphasis([2.0], 1, -1), [0.5])
    with pytest.raises(DesignError, match="1 observed values are zero"):
        log_emphasis(Y, 1, -1)


@pytest.mark.parametrize(("emphasis", "power"), [(np.nan, 1), (1, np.inf)])
def test_what_is_no_number_is_refused(emphasis, power):
    with pytest.raises(DesignError, match="must be finite numbers"):
        log_emphasis(Y, emphasis, power)
