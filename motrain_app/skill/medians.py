"""The median over cells of what is scored over time."""

from __future__ import annotations

import numpy as np

from motrain_app.skill.moments import FloatArray

__all__ = ["median_of_cells"]


def median_of_cells(values: FloatArray) -> FloatArray:
    """Median over cells, the second axis, of those that have a value; NaN where none has.

    Examples
    --------
    >>> median_of_cells(np.array([[1.0, np.nan, 4.0], [np.nan] * 3]))
    array([2.5, nan])
    """
    if not values.shape[1]:
        return np.full((len(values), *values.shape[2:]), np.nan)
    ordered = np.sort(values, axis=1)  # NaN last
    number = (~np.isnan(values)).sum(axis=1, keepdims=True)
    middle = np.maximum(np.concatenate([(number - 1) // 2, number // 2], axis=1), 0)
    both = np.take_along_axis(ordered, middle, axis=1)
    return np.where(number[:, 0] > 0, both.mean(axis=1), np.nan)
