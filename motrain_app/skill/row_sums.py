"""Columns of numbers whose sums over any groups of rows are moments: of days, cells, blocks, all at once.

The scores of a partition need the sums of some thirty columns over its cells, its days and the blocks of the bootstrap.
Each column is made once, and shared by whatever needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.groups import sum_groups
from motrain_app.skill.moments import COUNT, ERR, ERR2, WEIGHT, FloatArray, Moments

__all__ = ["Centred", "Layout", "RowSums", "centre"]

# In a layout: a sum that is 0 in every row, and one that nobody made.
_ZERO, _UNKNOWN = -1, -2
_BLANK = {_ZERO: 0.0, _UNKNOWN: np.nan}


@dataclass(frozen=True, eq=False)
class Centred:
    """A series about a shift among its values.

    Parameters
    ----------
    series
        0 where a row does not count; shape (rows).
    values
        Minus the shift, 0 where a row does not count.
    shift
        As near to the mean as the series varies, whatever few absurd rows do to that.
    """

    series: FloatArray
    values: FloatArray
    shift: float

    @cached_property
    def squares(self) -> FloatArray:
        """Of `values`."""
        with np.errstate(invalid="ignore", over="ignore"):
            return self.values * self.values

    @cached_property
    def size(self) -> FloatArray:
        """Absolute values of the series itself."""
        return np.abs(self.series)


def centre(series: FloatArray, shift: float, valid: NDArray[np.bool_] | None = None) -> Centred:
    """Return a series about a shift, over the rows that count; by default all do."""
    kept = series if valid is None else np.where(valid, series, 0.0)
    with np.errstate(invalid="ignore", over="ignore"):
        values = kept - shift
    if valid is not None:
        values[~valid] = 0.0
    return Centred(kept, values, shift)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the sums of some moments stand among the columns.

    Parameters
    ----------
    columns
        Number of the column of each sum, in the order of `Moments.sums`; −1 for zeros, −2 for NaN.
    shift
        As in `Moments`, shape (3) or (4).
    """

    columns: list[int]
    shift: list[float]

    def of_errors(self) -> Layout:
        """The layout in which nobody made but weights and errors."""
        kept = (WEIGHT, COUNT, ERR, ERR2)
        return Layout([one if place in kept else _UNKNOWN for place, one in enumerate(self.columns)], self.shift)

    def moments(self, sums: FloatArray) -> Moments:
        """Moments from sums of all columns, shape (columns, ...)."""
        found = np.empty((len(self.columns), *sums.shape[1:]))
        self.put(found, sums)
        shift = np.reshape(self.shift, (-1, *(1,) * (sums.ndim - 1)))
        return Moments(found, np.broadcast_to(shift, (len(self.shift), *sums.shape[1:])))

    def moments_of(self, sums: Callable[[int], FloatArray]) -> Moments:
        """Moments from the sums of each column, asked for one by one; shape (...)."""
        known = sums(self.columns[0])
        found = np.empty((len(self.columns), *known.shape))
        for place, column in enumerate(self.columns):
            found[place] = sums(column) if column >= 0 else _BLANK[column]
        shift = np.reshape(self.shift, (-1, *(1,) * known.ndim))
        return Moments(found, np.broadcast_to(shift, (len(self.shift), *known.shape)))

    def put(self, found: FloatArray, sums: FloatArray) -> None:
        """Write the sums of moments, shape (10 or 13, ...), from sums of all columns, shape (columns, ...)."""
        for place, column in enumerate(self.columns):
            found[place] = sums[column] if column >= 0 else _BLANK[column]


class RowSums:
    """Columns over rows, and the sums over groups of them.

    Parameters
    ----------
    beside
        Others over the same rows, which live as long: what they share is summed once.
    """

    def __init__(self, beside: RowSums | None = None) -> None:
        self._beside = beside
        self._totals: dict[int, float] = {} if beside is None else beside._totals
        self._columns: list[FloatArray] = []
        self._place: dict[int, int] = {}  # of the columns that are there, by identity

    def add_pair(self, weight: FloatArray, observed: Centred, predicted: Centred, error: Centred) -> Layout:
        """Add what moments of a prediction need, all over the rows whose weight is 1 and not 0."""
        with np.errstate(invalid="ignore", over="ignore"):
            product = observed.values * predicted.values
        seconds = (observed.squares, predicted.squares, product, error.squares)
        w, *others = self._add(weight, observed.values, predicted.values, error.values, *seconds, error.size)
        return Layout([w, w, *others], [observed.shift, predicted.shift, error.shift])

    def add_mean(self, weight: FloatArray, series: Centred) -> Layout:
        """Add what a mean needs: of pseudo-values, or of hits. Observed values are 0; there are no second moments."""
        w, p = self._add(weight, series.values)
        columns = [w, w, _ZERO, p, p, _ZERO, _UNKNOWN, _ZERO, _UNKNOWN, _UNKNOWN]
        return Layout(columns, [0.0, series.shift, series.shift])

    def add_baseline(self, beside: Layout, error: Centred) -> Layout:
        """Add the errors of a baseline to the moments of a prediction on the same rows."""
        added = self._add(error.values, error.squares, error.size)
        return Layout([*beside.columns, *added], [*beside.shift, error.shift])

    def _add(self, *columns: FloatArray) -> list[int]:
        places = []
        for column in columns:
            place = self._place.setdefault(id(column), len(self._columns))
            if place == len(self._columns):
                self._columns.append(column)
            places.append(place)
        return places

    def column(self, place: int) -> FloatArray:
        """One column, shape (rows)."""
        return self._columns[place]

    def over(self, group: NDArray[np.integer[Any]], n_groups: int) -> FloatArray:
        """Sums over groups of rows, 0 … n_groups − 1; shape (columns, groups)."""
        return sum_groups(self._columns, group, n_groups)

    def total(self) -> FloatArray:
        """Sums over all rows, shape (columns)."""
        return np.array([self._total_of(column) for column in self._columns])

    def _total_of(self, column: FloatArray) -> float:
        if id(column) not in self._totals:
            self._totals[id(column)] = float(np.add.reduce(column))
        return self._totals[id(column)]
