"""The weights of the squared error: those of its definition, for missing values too, and refused where undefined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motrain_app.design import DesignError
from motrain_app.learning.losses import log_emphasis

Y, PREDICTED = np.array([0.0, 1.0, 2.0]), np.array([0.5, 0.5, 2.5])
values = arrays(np.float64, 6, elements=st.floats(-5, 5))


@pytest.mark.parametrize(("emphasis", "power", "loss"), [(0, 1, 0.75), (1, 1, 2.776834), (0.5, 2, 2.509444)])
def test_known_sums(emphasis, power, loss):
    weighted = np.exp(log_emphasis(Y, emphasis, power)) * (PREDICTED - Y) ** 2
    assert weighted.sum() == pytest.approx(loss, abs=1e-6)


@given(values, st.floats(-1, 1), st.integers(1, 3))
def test_it_is_the_exponent_of_the_definition_for_each_value_of_any_shape(y, emphasis, power):
    expected = [[emphasis * value**power for value in row] for row in y.reshape(2, 3).tolist()]
    got = log_emphasis(y.reshape(2, 3), emphasis, power)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-300)


@given(values)
def test_without_emphasis_all_count_the_same_whatever_the_power(y):
    for power in (0.5, -1, 2):
        np.testing.assert_array_equal(log_emphasis(y, 0, power), 0)


def test_a_missing_value_has_no_weight():
    np.testing.assert_array_equal(log_emphasis([1.0, np.nan], 0.5, 1), [0.5, np.nan])
    np.testing.assert_array_equal(log_emphasis([1.0, np.nan], 0, 1), [0, np.nan])


def test_nothing_overflows():
    np.testing.assert_array_equal(log_emphasis([-11.0, 1000.0], 2.0, 1), [-22.0, 2000.0])


def test_negative_values_have_whole_powers_only():
    y = np.array([-2.0, np.nan, 1.0])
    np.testing.assert_array_equal(log_emphasis(y, 1, 2), [4, np.nan, 1])
    np.testing.assert_array_equal(log_emphasis(y, 1, 3.0), [-8, np.nan, 1])
    with pytest.raises(DesignError, match=r"1 observed values are negative \(the lowest is -2\), and y\^0.5"):
        log_emphasis(y, 1, 0.5)


def test_zeros_have_no_negative_power():
    np.testing.assert_array_equal(log_emphasis([2.0], 1, -1), [0.5])
    with pytest.raises(DesignError, match="1 observed values are zero"):
        log_emphasis(Y, 1, -1)


@pytest.mark.parametrize(
    ("y", "emphasis", "power"), [(1e10, 1, 40), (1e10, -0.5, 4), (1e10, 1e30, 1), (1e-200, 2, -2), (-1e200, 1, 3)]
)
def test_a_weight_beyond_what_networks_compute_with_is_refused(y, emphasis, power):
    with pytest.raises(DesignError, match=r"Of 1 observed values, .* is too large to compute with"):
        log_emphasis([1.0, np.nan, y], emphasis, power)
    with pytest.raises(DesignError, match="too large"):
        log_emphasis(y, emphasis, power)


@pytest.mark.parametrize(("emphasis", "power"), [(np.nan, 1), (1, np.inf)])
def test_what_is_no_number_is_refused(emphasis, power):
    with pytest.raises(DesignError, match="must be finite numbers"):
        log_emphasis(Y, emphasis, power)
