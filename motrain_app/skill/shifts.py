"""Shifts that sums are taken about: the middle of some rows, which takes no sum to find and no absurd row to lose.

About a mean that one absurd row has moved, all other rows lose their digits: a replicate of the bootstrap without that
row would have a variance that is but rounding, and a skill of 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.groups import evenly, evenly_in_each
from motrain_app.skill.moments import FloatArray

__all__ = ["SOME", "middle_of_cells", "middles", "some_rows"]

SOME = 15  # rows of a cell, and cells: up to seven absurd ones among them move nothing


def some_rows(cell: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return some rows of some cells, evenly taken, shape (cells, 15), of rows whose cells are given; none of none."""
    if not len(cell):
        return np.zeros((0, SOME), np.int64)
    order = np.arange(len(cell)) if (cell[1:] >= cell[:-1]).all() else np.argsort(cell, kind="stable")
    start = np.flatnonzero(np.diff(cell[order], prepend=-1))
    places = evenly_in_each(np.diff(start, append=len(cell)), SOME)
    return np.asarray(order[places[evenly(len(start), SOME)]])


def middles(values: FloatArray) -> FloatArray:
    """Return the middle of the last axis, of an even number the lower of two; 0 where that is not finite."""
    middle = np.sort(values, axis=-1)[..., (values.shape[-1] - 1) // 2]
    return np.where(np.isfinite(middle), middle, 0.0)


def middle_of_cells(values: FloatArray) -> float:
    """Return the middle over cells of their middles, of an even number the nearer to 0 of two: no cell moves it.

    Parameters
    ----------
    values
        Of some rows of some cells, shape (cells, rows).
    """
    if not len(values):
        return 0.0
    each = np.sort(middles(values))
    return float(min(each[(len(each) - 1) // 2], each[len(each) // 2], key=abs))
