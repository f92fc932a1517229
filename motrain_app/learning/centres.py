"""Centres of inputs: what is taken off them before their products are summed.

The square of an input of 35 ± 0.01 varies by a few parts in ten thousand, and of its fourth power, which quadratic
features need, float64 keeps too few digits to centre it afterwards. So each atom's products are summed about the mean
of its own rows, and moved to another centre, exactly but for rounding, where sums are added. No centre is shared by
atoms: a fold's rows, or those of its embargo, would then change bits of the member that must not see them.

Reference: Chan, Golub & LeVeque (1983): Algorithms for computing the sample variance. Am. Stat. 37, 242-247.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_VALUES_AT_ONCE = 1 << 20  # of Gram matrices that are moved: on the way there are three copies of them


def no_centres(n_atoms: int, n_inputs: int) -> Array:
    """Return centres, [n_atoms, n_inputs], of atoms of which no row is known yet: NaN."""
    return np.full((n_atoms, n_inputs), np.nan)


def find_centres(centres: Array, inputs: NDArray[np.floating], atom: NDArray[np.integer]) -> Array:
    """Return centres, [n_atoms, n_inputs], also of atoms that had none: the mean of their rows, as float32.

    Staged rows are float32, too, so that what is left of a value is exact, and of a constant nothing.

    Parameters
    ----------
    centres
        As known; NaN where an atom had no row. What is known stays: rows may come piece by piece.
    inputs
        [n_inputs, rows].
    atom
        Shape (rows,).

    Examples
    --------
    >>> first = find_centres(no_centres(3, 1), np.array([[1.0, 3.0, 7.0]]), np.array([0, 0, 2]))
    >>> find_centres(first, np.array([[8.0, 9.0]]), np.array([1, 2])).T
    array([[2., 8., 7.]])
    """
    rows = np.bincount(atom, minlength=len(centres))
    new = np.flatnonzero((rows > 0) & np.isnan(centres).all(axis=1))
    found = centres.copy()
    if len(new):
        totals = np.stack([np.bincount(atom, values, len(centres)) for values in inputs], axis=1)
        found[new] = (totals[new] / rows[new, None]).astype(np.float32)
    return found


def move_products(sums: Array, by: Array, features: str, output_mean: Array | None = None) -> Array:
    """Return sums of v vᵀ for inputs that are higher by a constant; v = [1, features of the inputs, outputs].

    Parameters
    ----------
    sums
        [n_sets, size, size].
    by
        [n_sets, n_inputs].
    features
        "linear" or "quadratic".
    output_mean
        What to take off the outputs, [n_sets, n_outputs]; by default nothing.

    Examples
    --------
    >>> one_two = np.array([[[2.0, 3.0], [3.0, 5.0]]])
    >>> move_products(one_two, np.array([[-1.0]]), "linear")
    array([[[2., 1.],
            [1., 1.]]])
    """
    moved, step = np.empty_like(sums), max(1, _VALUES_AT_ONCE // sums[0].size)
    for some in (slice(first, first + step) for first in range(0, len(sums), step)):
        mean = None if output_mean is None else output_mean[some]
        once = _move_rows(sums[some], by[some], features, mean)
        moved[some] = _move_rows(np.ascontiguousarray(once.swapaxes(1, 2)), by[some], features, mean)
    return moved


def move_coefficients(coefficients: Array, by: Array, features: str) -> Array:
    """Return coefficients of 1 and the features of inputs that are higher by a constant, for the same predictions.

    Parameters
    ----------
    coefficients
        [n_sets, n_fits, 1 + n_features].
    by
        [n_sets, n_inputs].

    Examples
    --------
    >>> squared = np.array([[[0.0, 0.0, 1.0]]])  # of x, and so (z − 3)² of z = x + 3
    >>> move_coefficients(squared, np.array([[3.0]]), "quadratic")
    array([[[ 9., -6.,  1.]]])
    """
    unit = np.tile(np.eye(coefficients.shape[-1]), (len(by), 1, 1))
    return np.asarray(coefficients @ _move_rows(unit, -by, features, None))


def _move_rows(sums: Array, by: Array, features: str, output_mean: Array | None) -> Array:
    """Replace rows that belong to features: (x_i + b_i)(x_j + b_j) = x_i x_j + b_i x_j + b_j (x_i + b_i)."""
    n = by.shape[1]
    moved = sums.copy()
    moved[:, 1 : 1 + n] += by[:, :, None] * sums[:, :1]
    if features == "quadratic":
        start = 1 + n
        for i in range(n):
            products = moved[:, start : start + n - i]
            products += by[:, i, None, None] * sums[:, 1 + i : 1 + n]
            products += by[:, i:, None] * moved[:, 1 + i, None]
            start += n - i
    if output_mean is not None:
        moved[:, moved.shape[1] - output_mean.shape[1] :] -= output_mean[:, :, None] * sums[:, :1]
    return moved
