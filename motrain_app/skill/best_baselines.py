"""Which baseline is the best: of a partition, of each cell, or of all cells together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.skill.cell_medians import MAX_CELLS
from motrain_app.skill.groups import evenly
from motrain_app.skill.moments import FloatArray, divide
from motrain_app.skill.pieces import Piece, outputs_of
from motrain_app.skill.registry import MIN_ROWS, best_indices

__all__ = ["BestBaselines", "best_baselines"]

IntArray = NDArray[np.integer[Any]]


def best_baselines(mse: ArrayLike, complete: ArrayLike) -> NDArray[np.intp]:
    """Return the index of the baseline with the lowest MSE, −1 without one; one that misses rows gives way to others.

    Parameters
    ----------
    mse
        Shape (baselines, ...), NaN where there is none.
    complete
        Whether a baseline has all rows, likewise.

    Examples
    --------
    >>> best_baselines([[3.0, 3.0], [2.0, 2.0]], [[True, False], [False, False]])
    array([0, 1])
    """
    mse, complete = np.asarray(mse, np.float64), np.asarray(complete, bool)
    return best_indices(np.where(complete | ~complete.any(axis=0), mse, np.nan), "rmse")


class BestBaselines:
    """Finds the best baseline of each group and output by its area-weighted RMSE, and the cells that serve as a sample.

    It takes the first pass over the rows.
    """

    def __init__(self, area: FloatArray, *, n_groups: int, n_outputs: int, n_baselines: int) -> None:
        self._area = area
        shape = (n_baselines, n_groups, n_outputs)
        self._error, self._weight, self._missing = (np.zeros(shape) for _ in range(3))
        self._units: list[list[IntArray]] = [[] for _ in range(n_outputs)]

    def add(self, piece: Piece) -> None:
        """Take in a piece."""
        n_groups = self._error.shape[1]
        for output, rows, units in outputs_of(piece):
            area = self._area[units.cell]
            self._units[output].append(units.numbers(len(self._area))[units.count >= MIN_ROWS])
            for number, values in enumerate(piece.baselines[:, output]):
                error = values[rows].astype(np.float64) - piece.observed[output, rows]
                known = ~np.isnan(error)
                count = np.bincount(units.of_row, known, units.n)
                with np.errstate(over="ignore"):
                    square = np.bincount(units.of_row, np.where(known, error, 0.0) ** 2, units.n)
                filled = np.where(count > 0, area, 0.0)
                mean = square / np.maximum(count, 1)
                self._error[number, :, output] += np.bincount(units.group, filled * mean, n_groups)
                self._weight[number, :, output] += np.bincount(units.group, filled, n_groups)
                self._missing[number, :, output] += np.bincount(units.group, units.count - count, n_groups)

    def best(self) -> NDArray[np.intp]:
        """Return the index of the best, [groups, outputs], −1 without one; see `best_baselines`."""
        return best_baselines(divide(self._error, self._weight), (self._missing == 0) & (self._weight > 0))

    def sampled(self) -> list[IntArray]:
        """Return the cells of each group that serve for the intervals of medians, evenly taken from all.

        They are at most `MAX_CELLS`, of those that have enough rows.

        Returns
        -------
        list
            Of each output, group times the number of all cells plus cell, ascending.
        """
        return [self._sample(parts) for parts in self._units]

    def _sample(self, parts: list[IntArray]) -> IntArray:
        numbers = np.unique(np.concatenate([np.zeros(0, np.int64), *parts]))
        of_groups = np.split(numbers, np.flatnonzero(np.diff(numbers // len(self._area))) + 1)
        return np.concatenate([one[evenly(len(one), MAX_CELLS)] for one in of_groups])
