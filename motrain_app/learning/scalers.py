"""Scalers and ranges of training rows, from sums by atom: rows outside a set cannot change a bit of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.splits import Folds

Array = NDArray[np.float64]
_CONSTANT = 1e-12  # of the mean square; float32, in which values may have been kept, tells no more


@dataclass(frozen=True)
class Scaler:
    """Mean and population standard deviation of several sets of rows.

    Attributes
    ----------
    mean
        [n_sets, n]; NaN where there are too few values.
    scale
        Likewise; 1 where the values are constant or there are too few.
    varies
        bool, likewise: whether there are enough, and they are not constant.
    """

    mean: Array
    scale: Array
    varies: NDArray[np.bool_]


def scaler_of(
    values: NDArray[np.floating], atom: NDArray[np.integer], which: NDArray[np.bool_], *, min_rows: int = 1
) -> Scaler:
    """Return the scaler of several sets of rows.

    Squares are summed about the mean of their atom, so that a constant is one however many rows there are.

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
    """
    there = np.isfinite(values)
    filled = np.where(there, values, 0.0).astype(np.float64)
    n_atoms = which.shape[1]

    def by_atom(rows: NDArray[np.generic]) -> Array:
        return np.stack([np.bincount(atom, row, n_atoms) for row in rows])

    count_of, sum_of = by_atom(there), by_atom(filled)
    mean_of = sum_of / np.maximum(count_of, 1)
    square_of = by_atom(np.where(there, filled - mean_of[:, atom], 0.0) ** 2)
    weights = which.astype(np.float64)
    count = weights @ count_of.T
    enough = count >= max(min_rows, 1)
    count = np.where(enough, count, 1)
    mean = weights @ sum_of.T / count
    apart = (mean_of - mean[:, :, None]) ** 2  # [n_sets, n, n_atoms]: of an atom's mean from that of the set
    variance = (weights @ square_of.T + np.einsum("sa,na,sna->sn", weights, count_of, apart)) / count
    varies = enough & (variance > _CONSTANT * (variance + mean**2))
    scale = np.where(varies, np.sqrt(np.where(varies, variance, 1.0)), 1.0)
    return Scaler(np.where(enough, mean, np.nan), scale, varies)


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
