"""What days add to scores, with the few absurd ones cut down: from these the memory of errors is told.

How long errors last shows in how a day's resembles the next day's. A single absurd row, an undeclared fill value or a
member that lost its way on one day, outweighs all others in that: errors seem to be forgotten at once, blocks become
too short, and intervals too narrow. So for the length of blocks and the effective number of rows, and for nothing else,
what a row of a day adds counts no more than some times what it does in nine of ten days. Long spells of large errors
stay spells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.groups import scattered_in_each
from motrain_app.skill.moments import COUNT, SHIFT_ERR, FloatArray, Moments, divide
from motrain_app.skill.shifts import middles

__all__ = ["near_days", "near_moments"]

_SOME = 255  # days that tell what is usual
_USUAL = 0.9  # share of days
# How much further out a day may lie: five standard deviations of normal errors, less than a hundredth of their squares.
_REACH = 3.0


@np.errstate(invalid="ignore", over="ignore")
def near_days(sums: FloatArray, weight: FloatArray) -> FloatArray:
    """Return sums over days with absurd ones cut down; as they are where nine in ten days are the same.

    Parameters
    ----------
    sums
        Shape (..., days), of any unit; 0 where a day has no rows.
    weight
        Of the rows of each day, shape (days) or one to which the axes before it broadcast.

    Examples
    --------
    >>> near_days(np.array([1.0, -1.0, 0.5, 0.0, -0.5, 1.0, -1.0, 1e9, 0.0, 0.0]), np.ones(10))
    array([ 1. , -1. ,  0.5,  0. , -0.5,  1. , -1. ,  3. ,  0. ,  0. ])
    """
    some = _some_days(weight)
    if not some.size:
        return sums
    seen, rows = _taken(sums, some), _taken(weight, some)
    middle = middles(divide(seen, rows))[..., None]
    # A row of a day with many lies no further out than one of a day with few, so days are held to what their rows add.
    reach = _REACH * np.sort(np.abs(divide(seen, rows) - middle), axis=-1)[..., [int(_USUAL * (_SOME - 1))]]
    reach[~(reach > 0)] = np.inf
    usual, far = middle * weight, np.where(weight > 0, reach * weight, np.inf)
    return np.asarray(usual + np.clip(sums - usual, -far, far))


def _some_days(weight: FloatArray) -> NDArray[np.int64]:
    """Return some days with rows, of each series of its own, shape (..., some); none where none has any."""
    n_days = weight.shape[-1]
    there = np.flatnonzero(weight.ravel() > 0)
    if not len(there):
        return there
    if weight.ndim == 1:
        return np.asarray(there[scattered_in_each(np.array([len(there)]), _SOME)[0]])
    places = scattered_in_each(np.bincount(there // n_days, minlength=weight.size // n_days), _SOME)
    return np.asarray(there[places] % n_days).reshape(*weight.shape[:-1], _SOME)


def _taken(values: FloatArray, days: NDArray[np.int64]) -> FloatArray:
    """Return the values of some days, of each series its own where they are not the same for all."""
    if days.ndim == 1:
        return values[..., days]
    return np.take_along_axis(values, np.broadcast_to(days, (*values.shape[:-1], days.shape[-1])), -1)


def near_moments(daily: Moments) -> Moments:
    """Return moments of days with absurd ones cut down, of errors about 0; shape (..., days)."""
    shift = daily.shift.copy()
    shift[SHIFT_ERR:] = 0.0  # whatever they stood about, the same days are far out
    plain = daily.rebased(shift)
    kept, others = np.split(plain.sums, [COUNT + 1])
    return Moments(np.concatenate([kept, near_days(others, daily.weight)]), shift)
