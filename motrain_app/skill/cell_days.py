"""The days of many cells, each counted from its own first, so that what is said of a cell needs no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.groups import evenly_in_each
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.shifts import SOME

__all__ = ["CellDays", "days_of_cells"]

_CELLS = 64  # resampled at a time: their replicates are some 10 MB
_SLOTS = 500_000  # cells × days that are summed at a time: some 50 MB

IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class CellDays:
    """Some cells whose rows span as many days, from the first with a row to the last.

    Parameters
    ----------
    cells
        Their numbers, shape (cells).
    rows
        Which rows are theirs, shape (rows).
    number
        Place of a row's cell among them times the number of days, plus its day from 0; shape (rows).
    n_days
        Of each.
    """

    cells: IntArray
    rows: IntArray
    number: IntArray
    n_days: int

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of cells and of days."""
        return len(self.cells), self.n_days

    @property
    def some_rows(self) -> IntArray:
        """Places of some of their rows among these, evenly taken, [cells, some]."""
        return evenly_in_each(np.bincount(self.number // self.n_days, minlength=len(self.cells)), SOME)

    def sums(self, values: FloatArray | NDArray[np.bool_]) -> FloatArray:
        """Sums over each day, [cells, days], of values of their rows."""
        found = np.bincount(self.number, values, len(self.cells) * self.n_days)
        return np.asarray(found, np.float64).reshape(self.shape)


def days_of_cells(rows: IntArray, day: IntArray, cell: IntArray) -> Iterator[CellDays]:
    """Go through cells, those that span as many days together, some at a time.

    Parameters
    ----------
    rows
        That count, ascending; a cell without one is left out.
    day, cell
        Of all rows, in which cells are ascending; shape (all rows).

    Examples
    --------
    >>> for some in days_of_cells(np.arange(4), np.array([7, 5, 30, 32]), np.array([0, 0, 2, 2])):
    ...     print(some.cells, some.number, some.n_days)
    [0 2] [2 0 3 5] 3
    """
    day, cell = day[rows], cell[rows]
    start = np.flatnonzero(np.diff(cell, prepend=-1))
    if not len(start):
        return
    count = np.diff(start, append=len(rows))
    first, last = (end.reduceat(day, start) for end in (np.minimum, np.maximum))
    n_days = last - first + 1
    order = np.argsort(n_days, kind="stable")
    for alike in np.split(order, np.flatnonzero(np.diff(n_days[order])) + 1):
        days = int(n_days[alike[0]])
        step = max(1, min(_SLOTS // days, _CELLS))
        for some in np.split(alike, range(step, len(alike), step)):
            mine = np.concatenate([np.arange(start[one], start[one] + count[one]) for one in some])
            offset = np.repeat(np.arange(len(some)) * days - first[some], count[some])
            yield CellDays(cell[start[some]], rows[mine], day[mine] + offset, days)
