"""Rank correlation as a mean over rows, so that it adds, can be resampled, and is taken of every cell at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray

__all__ = ["Ranked", "rank_correlation_parts", "rank_products"]

IntArray = NDArray[np.integer[Any]]


def rank_correlation_parts(first: Ranked, second: Ranked) -> FloatArray:
    """Return the pseudo-values of Spearman's rank correlation within each cell: ρ plus each row's influence on it.

    Their mean over the rows of a cell is ρ, the Pearson correlation of the ranks, in which equal values share their
    mean rank. Resampling them is the bootstrap of ρ to first order, without ranking every replicate anew. The influence
    has three parts: that of a product of ranks on their correlation, and that of a row on the ranks of all others, in
    the first series and in the second.

    Parameters
    ----------
    first, second
        Two series over the same rows.

    Returns
    -------
    numpy.ndarray
        Shape (rows); NaN in cells where either series is constant.

    References
    ----------
    Croux, C., Dehon, C. (2010): Influence functions of the Spearman and Kendall correlation measures. Stat. Methods
    Appl. 19, 497–515, doi:10.1007/s10260-010-0142-z.

    Examples
    --------
    >>> cell = np.zeros(4, int)
    >>> observed, predicted = (Ranked.of(np.array(x), cell) for x in ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 9.0]))
    >>> rank_correlation_parts(observed, predicted).mean().round(12)
    np.float64(0.8)
    """
    u, v = first.standard, second.standard
    rho = first.mean(u * v)
    own = u * v - rho * (u * u + v * v) / 2
    influence = own + first.above(v - rho * u) + second.above(u - rho * v)
    return np.asarray(rho + influence - first.mean(influence))


def rank_products(first: Ranked, second: Ranked) -> FloatArray:
    """Return the products of standardised ranks: they have the mean of `rank_correlation_parts`, not the spread."""
    return np.asarray(first.standard * second.standard)


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Runs of equal values among the sorted rows.

    Parameters
    ----------
    of_row
        The run of each sorted row, shape (rows).
    first
        The first row of each run, shape (runs).
    """

    of_row: NDArray[np.intp]
    first: NDArray[np.intp]

    @property
    def middle(self) -> FloatArray:
        """The rank that all rows of a run share: half the row itself, and half of those equal to it."""
        return self.first + np.diff(np.append(self.first, len(self.of_row))) / 2


class Ranked:
    """The ranks of a series within each cell, and sums over the rows that stand above each row.

    Attributes
    ----------
    standard
        Ranks within the cell, of mean 0 and variance 1, shape (rows); NaN where the series is constant. The mean of the
        product of two such series is their rank correlation.
    """

    def __init__(self, cell: IntArray, count: FloatArray, order: NDArray[np.intp], runs: _Runs | None) -> None:
        self._cell, self._order, self._runs = cell, order, runs
        self._count = np.where(count > 0, count, 1.0)
        if len(count) == 1 < len(order) and runs is None:
            self._rank_all_different(len(order))
            return
        rank = np.empty(len(order))
        rank[order] = np.arange(0.5, len(order)) if runs is None else runs.middle[runs.of_row]
        begin = np.cumsum(count) - count  # of each cell in the sorted rows
        deviation = rank - self._spread_out(begin + count / 2)
        spread = np.sqrt(np.bincount(cell, deviation * deviation, len(count)) / self._count)
        self._spread = np.where(spread <= 1e-12 * self._count, np.nan, spread)
        self.standard = deviation / self._spread_out(self._spread)

    def _rank_all_different(self, n: int) -> None:
        """Rank the rows of one cell among which no value is there twice: ranks, and so their spread, are known."""
        deviation = np.arange(0.5, n) - n / 2
        self._spread = np.sqrt(np.sum(deviation * deviation, keepdims=True) / self._count)
        self.standard = np.empty(n)
        self.standard[self._order] = deviation / self._spread[0]

    def _spread_out(self, of_cells: FloatArray) -> Any:
        """Return what belongs to each row's cell; one number where there is but one cell."""
        return of_cells[0] if len(of_cells) == 1 else of_cells[self._cell]

    @classmethod
    def of(cls, values: FloatArray, cell: IntArray) -> Ranked:
        """Rank values.

        Parameters
        ----------
        values
            Shape (rows), without NaN.
        cell
            0 … n − 1, shape (rows).
        """
        count = np.bincount(cell).astype(np.float64)
        one_cell = len(count) <= 1
        order = np.argsort(values)
        if not one_cell:
            by_value = cell.astype(np.min_scalar_type(len(count)))[
                order
            ]  # of 16 bits it is sorted several times as fast
            order = order[np.argsort(by_value, kind="stable")]
        ordered = values[order]
        new = ordered[1:] != ordered[:-1]
        if not one_cell:
            cells = cell[order]
            new |= cells[1:] != cells[:-1]
        if new.all():  # no value is there twice
            return cls(cell, count, order, None)
        new = np.append(True, new)
        return cls(cell, count, order, _Runs(np.cumsum(new) - 1, np.flatnonzero(new)))

    def mean(self, values: FloatArray) -> FloatArray:
        """Return the mean of values over each row's cell, shape (rows) or one number for all."""
        return np.asarray(self._spread_out(np.bincount(self._cell, values, len(self._count)) / self._count))

    def above(self, values: FloatArray) -> FloatArray:
        """Return the mean over a cell of values × (1 where they rank above a row, ½ where equal), per unit of rank."""
        ordered = values[self._order]
        if not np.isfinite(ordered).all():  # of cells that have no correlation
            ordered = np.nan_to_num(ordered)
        of_run = ordered if self._runs is None else np.add.reduceat(ordered, self._runs.first)
        through = np.cumsum(of_run)  # the sum of a cell is zero, so what stands above is minus what stands below
        above = of_run / 2 - through
        found = np.empty(len(ordered))
        found[self._order] = above if self._runs is None else above[self._runs.of_row]
        return np.asarray(found / self._spread_out(self._spread))
