"""Columns of numbers whose sums over any groups of rows are moments: of days, cells, blocks, all at once.

The scores of a partition need the sums of some thirty columns over its cells, its days and the blocks of the bootstrap.
Each column is made once; each grouping is then one product with a sparse matrix of zeros and ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from motrain_app.skill.moments import FloatArray, Moments

__all__ = ["Layout", "RowSums"]

_ZERO = -1  # in a layout: a sum that is 0 in every row


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the sums of some moments stand among the columns.

    Parameters
    ----------
    columns
        Column of each sum, in the order of `Moments.sums`; −1 for zeros.
    shift
        As in `Moments`, shape (3) or (4).
    """

    columns: NDArray[np.intp]
    shift: FloatArray

    def moments(self, sums: FloatArray) -> Moments:
        """Moments from sums of all columns, shape (columns, ...)."""
        found = np.empty((len(self.columns), *sums.shape[1:]))
        self.put(found, sums)
        shift = self.shift.reshape(-1, *(1,) * (sums.ndim - 1))
        return Moments(found, np.broadcast_to(shift, (len(self.shift), *sums.shape[1:])))

    def put(self, found: FloatArray, sums: FloatArray) -> None:
        """Write the sums of moments, shape (10 or 13, ...), from sums of all columns, shape (columns, ...)."""
        found[...] = sums[self.columns]
        found[self.columns == _ZERO] = 0.0


class RowSums:
    """Columns over rows, and the sums over groups of them.

    Parameters
    ----------
    n_rows
        Number of rows.
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._columns: list[FloatArray] = []

    def add_pair(self, observed: FloatArray, predicted: FloatArray, valid: NDArray[np.bool_]) -> Layout:
        """Add what moments of two series need, each of shape (rows); rows that are not valid do not count."""
        with np.errstate(invalid="ignore", over="ignore"):
            (o, of_o), (p, of_p) = (_centred(values, valid) for values in (observed, predicted))
            error = np.where(valid, predicted - observed, 0.0)
            e, of_e = _centred(error, valid)
            w, *others = self._add(valid.astype(np.float64), o, p, e, o * o, p * p, o * p, e * e, np.abs(error))
        return Layout(np.array([w, w, *others]), np.array([of_o, of_p, of_e]))

    def add_single(self, values: FloatArray, valid: NDArray[np.bool_]) -> Layout:
        """Add what moments of a series need whose observed values are all 0: of pseudo-values, or of hits."""
        v, of_v = _centred(values, valid)
        size = np.where(valid, np.abs(values), 0.0)
        w, p, pp, a = self._add(valid.astype(np.float64), v, v * v, size)
        return Layout(np.array([w, w, _ZERO, p, p, _ZERO, pp, _ZERO, pp, a]), np.array([0.0, of_v, of_v]))

    def add_baseline(
        self, beside: Layout, observed: FloatArray, baseline: FloatArray, valid: NDArray[np.bool_]
    ) -> Layout:
        """Add the errors of a baseline to the moments of a pair with the same valid rows."""
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.where(valid, baseline - observed, 0.0)
            b, of_b = _centred(error, valid)
            added = self._add(b, b * b, np.abs(error))
        return Layout(np.append(beside.columns, added), np.append(beside.shift, of_b))

    def _add(self, *columns: FloatArray) -> list[int]:
        self._columns += columns
        return list(range(len(self._columns) - len(columns), len(self._columns)))

    def over(self, group: NDArray[np.integer[Any]], n_groups: int) -> FloatArray:
        """Sums over groups of rows, shape (columns, groups).

        Parameters
        ----------
        group
            0 … n_groups − 1, shape (rows).
        """
        rows = np.ascontiguousarray(np.array(self._columns).T)
        ends = np.arange(self._n_rows + 1, dtype=np.int64)
        matrix = csc_array((np.ones(self._n_rows), group.astype(np.int64), ends), shape=(n_groups, self._n_rows))
        return np.asarray((matrix @ rows).T)

    def total(self) -> FloatArray:
        """Sums over all rows, shape (columns)."""
        return np.asarray(np.array(self._columns).sum(axis=1))


def _centred(values: FloatArray, valid: NDArray[np.bool_]) -> tuple[FloatArray, float]:
    """Return values minus their mean, 0 where they do not count, and the mean; 0 where that is not finite."""
    kept = np.where(valid, values, 0.0)
    count = np.count_nonzero(valid)
    mean = float(kept.sum() / count) if count else 0.0
    if not np.isfinite(mean):
        return kept, 0.0
    kept -= mean
    kept[~valid] = 0.0
    return kept, mean
