"""Intervals against loops over every one of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motrain_app.design.intervals import as_intervals, inside

HOURS = np.arange("2010-01-01", "2010-01-05", dtype="datetime64[h]")
edges = st.lists(st.integers(0, 96), max_size=12).map(lambda some: sorted(some[: len(some) // 2 * 2]))


def pairs(hours):
    return (np.datetime64("2010-01-01", "us") + np.array(hours, "timedelta64[h]")).reshape(-1, 2)


@given(edges, st.integers(0, 30))
def test_times_inside_are_those_of_any_interval(hours, margin):
    wanted, made = pairs(hours), as_intervals(pairs(hours))
    reach = np.timedelta64(margin, "h")
    expected = np.zeros(len(HOURS), bool)
    for start, end in wanted:
        expected |= (start - reach <= HOURS) & (end + reach > HOURS)
    assert inside(made, HOURS, reach).tolist() == expected.tolist()
    assert (made[1:, 0] > made[:-1, 1]).all(), "those that touch are one"


@pytest.mark.parametrize(
    "pairs",
    [
        ["2010-01-01", "2010-01-02"],
        [["2010-01-02", "2010-01-01"]],
        [["2010-01-01", "2010-01-05"], ["2010-01-02", "2010-01-06"]],
        [["2010-01-01", "NaT"]],
        [["2010-01-01"]],
    ],
)
def test_what_is_no_set_of_intervals_is_refused(pairs):
    with pytest.raises(ValueError, match="intervals"):
        as_intervals(pairs)
