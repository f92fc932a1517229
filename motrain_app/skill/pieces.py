"""Rows that come piece by piece, each with all rows of its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray

__all__ = ["OfOutput", "Piece", "Units", "outputs_of"]

IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """All rows of some cells.

    Parameters
    ----------
    observed, predicted
        Shape (outputs, rows), in the units of the outputs, NaN for gaps.
    baselines
        Shape (baselines, outputs, rows).
    time
        datetime64, shape (rows).
    cell
        Of all cells, 0 … n − 1; shape (rows).
    group
        0 … n_groups − 1, −1 for rows of none; shape (rows).
    within
        1 or 0, whether a row lies in its prediction interval, NaN without one; shape (outputs, rows). None where
        nobody asks.
    """

    observed: NDArray[np.floating[Any]]
    predicted: NDArray[np.floating[Any]]
    baselines: NDArray[np.floating[Any]]
    time: NDArray[np.datetime64]
    cell: IntArray
    group: IntArray
    within: NDArray[np.floating[Any]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """A cell in a group is a unit.

    Parameters
    ----------
    of_row
        Place of each row's unit in what follows, shape (rows).
    group, cell, count
        Of each unit, and its number of rows.
    """

    of_row: IntArray
    group: IntArray
    cell: IntArray
    count: FloatArray

    @property
    def n(self) -> int:
        """Number of units."""
        return len(self.group)

    def numbers(self, n_cells: int) -> IntArray:
        """Group times the number of all cells, plus cell."""
        return self.group * n_cells + self.cell


OfOutput = tuple[int, IntArray, Units]


def outputs_of(piece: Piece) -> list[OfOutput]:
    """Return for each output that has any: its rows with observed, predicted and a group, and their units."""
    found: list[OfOutput] = []
    cells, place = np.unique(piece.cell, return_inverse=True)
    for output in range(len(piece.observed)):
        there = ~(np.isnan(piece.observed[output]) | np.isnan(piece.predicted[output])) & (piece.group >= 0)
        rows = np.flatnonzero(there)
        if not len(rows):
            continue
        number = piece.group[rows].astype(np.int64) * len(cells) + place[rows]
        all_counts = np.bincount(number)
        occurring = np.flatnonzero(all_counts)
        group, cell = np.divmod(occurring, len(cells))
        of_row = (np.cumsum(all_counts > 0) - 1)[number]
        found.append((output, rows, Units(of_row, group, cells[cell], all_counts[occurring].astype(np.float64))))
    return found
