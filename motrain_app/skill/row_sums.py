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

__all__ = ["UNKNOWN", "ZERO", "Centred", "Layout", "RowSums", "centre"]

# In a layout: a sum that is 0 in every row, and one that nobody made. Negative, so that behind the columns of an array
# these two may stand as its last rows.
ZERO, UNKNOWN = -1, -2
_BLANK = {ZERO: 0.0, UNKNOWN: np.nan}


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
        return Layout([one if place in kept else UNKNOWN for place, one in enumerate(self.columns)], self.shift)

    def moments(self, sums: FloatArray) -> Moments:
        """Moments from sums of all columns, shape (columns, ...)."""
        found = np.empty((len(self.columns), *sums.shape[1:]))
        self.put(found, sums.__getitem__)
        shift = np.reshape(self.shift, (-1, *(1,) * (sums.ndim - 1)))
        return Moments(found, np.broadcast_to(shift, (len(self.shift), *sums.shape[1:])))

    def put(self, found: FloatArray, of_column: Callable[[int], FloatArray]) -> None:
        """Write the sums of moments, shape (10 or 13, ...), from those of the columns, asked for one by one."""
        for place, column in enumerate(self.columns):
            found[place] = of_column(column) if column >= 0 else _BLANK[column]


class RowSums:
    """Columns over the rows of an output, and their sums over groups; what several predictions need is there once."""

    def __init__(self) -> None:
        self._columns: list[FloatArray] = []
        self._place: dict[int, int] = {}  # of the columns that are there, by identity
        self._by_cell = np.zeros((0, 0))

    def __len__(self) -> int:
        """Number of columns."""
        return len(self._columns)

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
        columns = [w, w, ZERO, p, p, ZERO, UNKNOWN, ZERO, UNKNOWN, UNKNOWN]
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

    def over(self, group: NDArray[np.integer[Any]], n_groups: int, n_columns: int) -> FloatArray:
        """Sums of the first columns over groups of rows, 0 … n_groups − 1; shape (n_columns, groups)."""
        return sum_groups(self._columns[:n_columns], group, n_groups)

    def by_cell(self, cell: NDArray[np.integer[Any]], n_cells: int) -> FloatArray:
        """Sums of all columns over cells, summed once; shape (columns, n_cells)."""
        if len(self._by_cell) != len(self):
            if n_cells == 1:
                self._by_cell = np.array([np.add.reduce(column) for column in self._columns])[:, None]
            else:
                self._by_cell = self.over(cell, n_cells, len(self))
        return self._by_cell
