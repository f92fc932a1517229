"""Rank correlation as a mean over rows, so that it adds, can be resampled, and is taken of every cell at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray

__all__ = ["rank_correlation_parts"]

IntArray = NDArray[np.integer[Any]]


def rank_correlation_parts(first: FloatArray, others: FloatArray, cell: IntArray) -> FloatArray:
    """Return the pseudo-values of Spearman's rank correlation within each cell: ρ plus each row's influence on it.

    Their mean over the rows of a cell is ρ, the Pearson correlation of the ranks, in which equal values share their
    mean rank. Resampling them is the bootstrap of ρ to first order, without ranking every replicate anew. The influence
    has three parts: that of a product of ranks on their correlation, and that of a row on the ranks of all others, in
    the first series and in the second.

    Parameters
    ----------
    first
        Shape (rows), without NaN.
    others
        Series that each are ranked beside it, shape (series, rows), without NaN.
    cell
        0 … n − 1, shape (rows).

    Returns
    -------
    numpy.ndarray
        Shape (series, rows); NaN in cells where either series is constant.

    References
    ----------
    Croux, C., Dehon, C. (2010): Influence functions of the Spearman and Kendall correlation measures. Stat. Methods
    Appl. 19, 497–515, doi:10.1007/s10260-010-0142-z.

    Examples
    --------
    >>> observed, predicted = np.array([1.0, 2.0, 3.0, 4.0]), np.array([[1.0, 3.0, 2.0, 9.0]])
    >>> rank_correlation_parts(observed, predicted, np.zeros(4, int)).mean().round(12)
    np.float64(0.8)
    """
    count = np.bincount(cell).astype(np.float64)
    one = _Ranked.of(first, cell, count)
    return np.array([_parts(one, _Ranked.of(other, cell, count), cell, count) for other in others])


def _parts(one: _Ranked, other: _Ranked, cell: IntArray, count: FloatArray) -> FloatArray:
    def mean(values: FloatArray) -> FloatArray:
        return (np.bincount(cell, values, len(count)) / np.where(count > 0, count, np.nan))[cell]

    u, v = one.standard, other.standard
    rho = mean(u * v)
    own = u * v - rho * (u * u + v * v) / 2
    influence = own + one.above(v - rho * u) + other.above(u - rho * v)
    return np.asarray(rho + influence - mean(influence))


class _Ranked:
    """The ranks of a series within each cell, and sums over the rows that stand above each row."""

    def __init__(
        self, cell: IntArray, count: FloatArray, order: NDArray[np.intp], run: NDArray[np.intp], first: NDArray[np.intp]
    ) -> None:
        self._cell, self._count, self._order, self._run, self._first = cell, count, order, run, first
        length = np.diff(np.append(first, len(order)))
        begin = np.cumsum(count) - count  # of each cell in the sorted rows
        share = np.empty(len(order))
        share[order] = (first + length / 2)[run]  # half the row itself, and half of those equal to it
        share = (share - begin[cell]) / np.where(count > 0, count, 1.0)[cell]
        deviation = share - 0.5
        spread = np.sqrt(np.bincount(cell, deviation**2, len(count)) / np.where(count > 0, count, 1.0))
        constant = spread <= 1e-12
        self._spread = np.where(constant, np.nan, spread)
        self.standard = deviation / self._spread[cell]

    @classmethod
    def of(cls, values: FloatArray, cell: IntArray, count: FloatArray) -> _Ranked:
        """Rank values; the rows of a cell stand together, ascending."""
        one_cell = len(count) <= 1
        order = np.argsort(values) if one_cell else np.lexsort((values, cell))
        ordered, cells = values[order], cell[order]
        new = np.ones(len(order), bool)
        new[1:] = (ordered[1:] != ordered[:-1]) | (cells[1:] != cells[:-1])
        return cls(cell, count, order, np.cumsum(new) - 1, np.flatnonzero(new))

    def above(self, values: FloatArray) -> FloatArray:
        """Return the mean over a cell of values × (1 where they rank above a row, ½ where equal), per unit of rank."""
        ordered = np.nan_to_num(values[self._order])  # of cells that have no correlation
        of_run = np.add.reduceat(ordered, self._first) if len(ordered) else ordered
        through = np.cumsum(of_run)  # the sum of a cell is zero, so what stands above is minus what stands below
        higher = of_run / 2 - through
        found = np.empty(len(ordered))
        found[self._order] = higher[self._run]
        return np.asarray(found / (np.where(self._count > 0, self._count, 1.0) * self._spread)[self._cell])
