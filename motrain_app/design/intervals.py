"""Sets of times as half-open intervals: what a fold withholds, and what an operator remembers of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Intervals = NDArray[np.datetime64]  # datetime64[us], shape (n, 2): ascending [start, end), which do not overlap
_NO_MARGIN = np.timedelta64(0, "us")


def as_intervals(pairs: Any) -> Intervals:
    """Return pairs of times as intervals; those that touch are united.

    Parameters
    ----------
    pairs
        Of start and end, shape (n, 2), ascending.

    Raises
    ------
    ValueError
        Where they are no pairs, overlap, or do not ascend.

    Examples
    --------
    >>> as_intervals([["2010-01-01", "2010-01-02"], ["2010-01-02", "2010-01-03"]]).astype("datetime64[D]")
    array([['2010-01-01', '2010-01-03']], dtype='datetime64[D]')
    """
    intervals = np.asarray(pairs, "datetime64[us]")
    if intervals.ndim != 2 or intervals.shape[1] != 2 or np.isnat(intervals).any():
        raise ValueError(f"intervals are pairs of times, shape (n, 2); these have shape {intervals.shape}")
    edges = intervals.reshape(-1)
    if (edges[1:] < edges[:-1]).any():
        raise ValueError("intervals ascend and do not overlap")
    apart = intervals[1:, 0] > intervals[:-1, 1]
    starts, ends = np.r_[True, apart][: len(intervals)], np.r_[apart, True][-len(intervals) :]
    return np.stack([intervals[starts, 0], intervals[ends, 1]], axis=1) if len(intervals) else intervals


def inside(
    intervals: Intervals, time: NDArray[np.datetime64], margin: np.timedelta64 = _NO_MARGIN
) -> NDArray[np.bool_]:
    """Return which times lie within an interval, or within `margin` of one on either side.

    Parameters
    ----------
    intervals
        As `as_intervals` gives them.
    time
        datetime64, any shape.
    margin
        At least 0.

    Examples
    --------
    >>> days = np.arange("2010-01-01", "2010-01-06", dtype="datetime64[D]")
    >>> intervals = as_intervals([["2010-01-02", "2010-01-03"]])
    >>> inside(intervals, days).tolist()
    [False, True, False, False, False]
    >>> inside(intervals, days, np.timedelta64(1, "D")).tolist()
    [True, True, True, False, False]
    """
    if not len(intervals):
        return np.zeros(time.shape, bool)
    begun = np.searchsorted(intervals[:, 0] - margin, time, side="right") - 1  # the last interval that has begun
    return np.asarray((begun >= 0) & (time < intervals[np.maximum(begun, 0), 1] + margin))
