"""How near in time held-out rows lie to rows that their member learned from: whether folds ask for a new time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.periods import Times
from motrain_app.design.splits import Folds

_DAY = np.timedelta64(1, "D") / np.timedelta64(1, "us")


@dataclass(frozen=True, eq=False)
class Nearness:
    """Of the times that each member withheld.

    Attributes
    ----------
    days
        What counts as near.
    names
        Of the members.
    share
        Share of a member's held-out times that have a training time within `days`, shape (n_members,); NaN for a member
        that withheld nothing.
    median_gap
        Median distance in days from a member's held-out times to the nearest training time, the same shape.
    n
        Held-out times, the same shape.
    """

    days: float
    names: tuple[str, ...]
    share: NDArray[np.float64]
    median_gap: NDArray[np.float64]
    n: NDArray[np.int64]

    @property
    def overall(self) -> float:
        """Share of all held-out times that are near; NaN where nothing is held out."""
        near = np.where(self.n > 0, self.share, 0.0) * self.n
        return float(near.sum() / self.n.sum()) if self.n.any() else float("nan")


def nearness(folds: Folds, time: Times, *, days: float) -> Nearness:
    """Measure how near held-out times lie to training times of their member; validation times are training times.

    It looks at the time axis alone: a dataset whose cells are seen on different days has rows that are less near.

    Parameters
    ----------
    folds
        Of the record.
    time
        datetime64, shape (n_time,), sorted; that of the folds.
    days
        What counts as near.

    Examples
    --------
    >>> from motrain_app.design import LeaveYearsOut
    >>> from motrain_app.design.splits import make_folds
    >>> time = np.arange("2010-01-01", "2013-01-01", dtype="datetime64[D]")
    >>> found = nearness(make_folds(None, LeaveYearsOut(), time), time, days=10)
    >>> found.share.round(3), found.median_gap  # the first and the last year have training on one side alone
    (array([0.027, 0.055, 0.027]), array([183. ,  92. , 183.5]))
    """
    at = time.astype("datetime64[us]").astype(np.int64) / _DAY
    share, median = np.full((2, folds.n_members), np.nan)
    n = np.zeros(folds.n_members, np.int64)
    for member in range(folds.n_members):
        held = at[folds.held_out[member][folds.atom_of_time]]
        n[member] = len(held)
        if len(held):
            gap = _gap(held, at[folds.train[member][folds.atom_of_time]])
            share[member], median[member] = (gap <= days).mean(), np.median(gap)
    return Nearness(days, folds.names, share, median, n)


def _gap(times: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of each time to the nearest of the others, which are sorted."""
    edged = np.r_[-np.inf, others, np.inf]
    after = np.searchsorted(edged, times)
    gap: NDArray[np.float64] = np.minimum(times - edged[after - 1], edged[after] - times)
    return gap
