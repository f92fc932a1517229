"""Sums over days that grow piece by piece: what a total over cells is resampled from, without its rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray, Moments
from motrain_app.skill.summing import moments, moments_by_group

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
    """Moments of each group and day."""

    def __init__(self, n_days: int) -> None:
        self._n_days = n_days
        self._keys = np.zeros(0, np.int64)
        self._sums: FloatArray | None = None
        self._shift: FloatArray | None = None

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
        if self._shift is None:
            self._shift = moments(observed, predicted, baseline=baseline, weight=weight).shift
        about = Moments(np.zeros((0,)), self._shift)
        found = moments_by_group(
            observed, predicted, slots.place, len(slots.keys), baseline=baseline, weight=weight, about=about
        )
        keys = np.union1d(self._keys, slots.keys)
        sums = np.zeros((len(found.sums), len(keys)))
        if self._sums is not None:
            sums[:, np.searchsorted(keys, self._keys)] = self._sums
        sums[:, np.searchsorted(keys, slots.keys)] += found.sums
        self._keys, self._sums = keys, sums

    def of_group(self, group: int) -> Moments | None:
        """Moments of each day of a group, from its first day with rows to its last; None without one."""
        if self._sums is None or self._shift is None:
            return None
        first, last = np.searchsorted(self._keys, [group * self._n_days, (group + 1) * self._n_days])
        part = self._sums[:, first:last]
        filled = np.flatnonzero(part[0] > 0)
        if not len(filled):
            return None
        day = self._keys[first:last][filled] % self._n_days
        sums = np.zeros((len(part), int(day[-1] - day[0]) + 1))
        sums[:, day - day[0]] = part[:, filled]
        return Moments(sums, np.broadcast_to(self._shift[:, None], (len(self._shift), sums.shape[1])))
