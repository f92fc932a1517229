"""Scalers and ranges of training rows, from sums by atom: rows outside a set cannot change a bit of them."""

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.splits import Folds

Array = NDArray[np.float64]


def mean_and_scale(
    values: NDArray[np.floating], atom: NDArray[np.integer], which: NDArray[np.bool_], *, min_rows: int = 1
) -> tuple[Array, Array]:
    """Return mean and population standard deviation of several sets of rows.

    Parameters
    ----------
    values
        [n, rows]; missing values are NaN and do not count.
    atom
        Shape (rows,).
    which
        bool, [n_sets, n_atoms].
    min_rows
        Sets with fewer values have a NaN mean.

    Returns
    -------
    mean, scale : numpy.ndarray
        [n_sets, n]; the scale is 1 where the values are constant or there are too few.
    """
    there = np.isfinite(values)
    filled = np.where(there, values, 0.0).astype(np.float64)
    n_atoms = which.shape[1]
    sums = [np.stack([np.bincount(atom, row, n_atoms) for row in rows]) for rows in (there, filled, filled**2)]
    weights = which.astype(np.float64)
    count, first, second = (weights @ by_atom.T for by_atom in sums)
    enough = count >= max(min_rows, 1)
    count = np.where(enough, count, 1)
    mean, square = first / count, second / count
    variance = square - mean**2
    varies = enough & (variance > 1e-12 * square)
    scale = np.where(varies, np.sqrt(np.where(varies, variance, 1.0)), 1.0)
    return np.where(enough, mean, np.nan), scale


def input_range(inputs: NDArray[np.floating], atom: NDArray[np.integer], folds: Folds) -> tuple[Array, Array]:
    """Return the lowest and highest training value of each member and input, [n_members, n_inputs] each."""
    low = np.full((folds.n_atoms, len(inputs)), np.inf)
    high = np.full((folds.n_atoms, len(inputs)), -np.inf)
    order = np.argsort(atom, kind="stable")
    edges = np.searchsorted(atom[order], np.arange(folds.n_atoms))
    filled = np.flatnonzero(np.bincount(atom, minlength=folds.n_atoms))
    if len(filled):
        ordered = inputs[:, order]
        low[filled] = np.minimum.reduceat(ordered, edges[filled], axis=1).T
        high[filled] = np.maximum.reduceat(ordered, edges[filled], axis=1).T
    train = folds.train[:, :, None]
    return np.where(train, low, np.inf).min(axis=1), np.where(train, high, -np.inf).max(axis=1)
