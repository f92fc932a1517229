"""Sums over days that grow piece by piece: what a total over cells is resampled from, without its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import BASE, ERR, OBS, PRED, FloatArray, Moments
from motrain_app.skill.shifts import middles
from motrain_app.skill.summing import moments_by_group

__all__ = ["DaySums", "Slots"]


class Slots:
    """Which (group, day) each row of a piece falls into; only those that occur take space.

    Parameters
    ----------
    group
        0 … n_groups − 1, shape (rows).
    day
        0 … n_days − 1, shape (rows).
    """

    def __init__(
        self, group: NDArray[np.integer[Any]], day: NDArray[np.integer[Any]], n_groups: int, n_days: int
    ) -> None:
        number = group.astype(np.int64) * n_days + day
        there = np.zeros(n_groups * n_days, bool)
        there[number] = True
        self.keys = np.flatnonzero(there)
        self.place = (np.cumsum(there) - 1)[number]


class DaySums:
    """Moments of each group and day.

    Each is about a row of its own, so that one absurd value costs no other group or day its digits.
    """

    def __init__(self, n_days: int) -> None:
        self._n_days = n_days
        self._keys = np.zeros(0, np.int64)
        self._moments: Moments | None = None  # of each key

    def add(
        self,
        slots: Slots,
        observed: FloatArray,
        predicted: FloatArray,
        *,
        baseline: FloatArray | None = None,
        weight: FloatArray | None = None,
    ) -> None:
        """Take in the rows of a piece; as `motrain_app.skill.summing.moments_by_group`."""
        series = [observed, predicted] if baseline is None else [observed, predicted, baseline]
        firsts = [OBS, PRED, ERR, BASE][: len(series) + 1]
        keys = np.union1d(self._keys, slots.keys)
        sums, shift = np.zeros((3 * len(firsts) + 1, len(keys))), np.full((len(firsts), len(keys)), np.nan)
        if self._moments is not None:
            old = np.searchsorted(keys, self._keys)
            sums[:, old], shift[:, old] = self._moments.sums, self._moments.shift
        place = np.searchsorted(keys, slots.keys)
        new = np.isnan(shift[0, place])
        if new.any():
            shift[:, place[new]] = _some_row(series, slots.place, len(place))[:, new]
        about = Moments(np.zeros((0, len(place))), shift[:, place])
        sums[:, place] += moments_by_group(
            observed, predicted, slots.place, len(place), baseline=baseline, weight=weight, about=about
        ).sums
        # An infinite sum is so about any shift; about 0 it stays so where others are moved.
        shift[~np.isfinite(sums[firsts])] = 0.0
        self._keys, self._moments = keys, Moments(sums, shift)

    def of_group(self, group: int) -> Moments | None:
        """Moments of each day of a group, from its first day with rows to its last; None without one."""
        if self._moments is None:
            return None
        first, last = np.searchsorted(self._keys, [group * self._n_days, (group + 1) * self._n_days])
        part = self._moments[first:last]
        filled = np.flatnonzero(part.n > 0)
        if not len(filled):
            return None
        part = part[filled]
        common = middles(part.shift)
        day = self._keys[first:last][filled] % self._n_days
        sums = np.zeros((len(part.sums), int(day[-1] - day[0]) + 1))
        sums[:, day - day[0]] = part.rebased(common[:, None]).sums
        return Moments(sums, np.broadcast_to(common[:, None], (len(common), sums.shape[1])))


def _some_row(series: Sequence[FloatArray], group: NDArray[np.integer[Any]], n_groups: int) -> FloatArray:
    """Return a shift for each group, [shifts, groups]: some row without a gap; NaN of groups that have none.

    A row is as near to the mean of its group as its group varies, and takes no sum to find.
    """
    found = np.full((len(series) + 1, n_groups), np.nan)
    known = ~np.any([np.isnan(one) for one in series], axis=0)
    rows = slice(None) if known.all() else np.flatnonzero(known)
    observed, *others = (one[rows] for one in series)
    with np.errstate(invalid="ignore", over="ignore"):
        shifts = [observed, others[0], *(one - observed for one in others)]
        for of_series, values in zip(found, shifts, strict=True):
            of_series[group[rows]] = np.where(np.isfinite(values), values, 0.0)
    return found
