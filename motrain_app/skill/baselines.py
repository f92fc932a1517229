"""Predictions that need no model: the mean and the day-of-year climatology of each cell.

A score means little without them. They are fitted like the members they are compared with: one for each fold,
on the rows that this fold trains on, and for each output on its own rows. All folds and cells come from one
pass: sums over (cell, atom) are combined to folds by a matrix product, and the small systems are solved in a
batch. The atoms are the smallest sets of rows that folds keep or withhold whole, such as years.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray
from motrain_app.skill.season import season_harmonics
from motrain_app.skill.season_fit import rows_needed, solve_season
from motrain_app.skill.shared_season import share_season

__all__ = ["Climatology", "fit_climatology"]

IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Climatology:
    """Mean and harmonics of the year, for each member, output and cell.

    Parameters
    ----------
    coefficients
        Mean, cos θ, sin θ, cos 2θ, sin 2θ, … with θ = 2π · day of year / 365.2425; shape (members, outputs,
        cells, 1 + 2 harmonics), in the units of the outputs.
    partition
        The same of all cells together; shape (members, outputs, 1 + 2 harmonics). NaN without a training row.
    pooled
        Where a cell had too few training rows and took those of `partition`; shape (members, outputs, cells).
    shared
        As `coefficients`, of cells that share the harmonics; see `motrain_app.skill.shared_season.share_season`.
    """

    coefficients: FloatArray
    partition: FloatArray
    pooled: NDArray[np.bool_]
    shared: FloatArray

    @property
    def harmonics(self) -> int:
        """Number of harmonics of the year; 0 for the mean alone."""
        return int(self.coefficients.shape[-1] - 1) // 2

    def predict(
        self, day_of_year: FloatArray, cell: IntArray, member: IntArray | int, *, shared: bool = False
    ) -> FloatArray:
        """Values of the climatology at rows.

        Parameters
        ----------
        day_of_year
            Day of the year, 1 … 366 with fractions; shape (rows).
        cell
            Cell of each row, or −1 for a cell outside the training rows, which takes the whole partition's;
            shape (rows).
        member
            Member of each row, or −1 for the mean over members; shape (rows), or one for all.
        shared
            Whether cells share the harmonics.

        Returns
        -------
        numpy.ndarray
            Shape (outputs, rows), in the units of the outputs.

        Raises
        ------
        ValueError
            If there is no such cell or member.
        """
        n_members, n_outputs, n_cells, _ = self.coefficients.shape
        cell = _checked("cell", cell, n_cells, lowest=-1)
        member = _checked("member", member, n_members, lowest=-1)
        # Both −1 address what is appended last: all cells together, and the mean over members.
        coefficients = self.shared if shared else self.coefficients
        by_cell = np.concatenate([coefficients, self.partition[:, :, None]], axis=2)
        table = np.concatenate([by_cell, _mean_over_members(by_cell)])
        features = season_harmonics(day_of_year, self.harmonics)
        values = np.empty((n_outputs, features.shape[1]))
        for output in range(n_outputs):
            # Coefficient by coefficient: a table of (rows, coefficients) would be several times the data.
            values[output] = table[member, output, cell, 0]
            for i in range(1, len(features)):
                values[output] += table[member, output, cell, i] * features[i]
        return values


def fit_climatology(
    values: FloatArray,
    day_of_year: FloatArray,
    cell: IntArray,
    atom: IntArray,
    train: NDArray[np.bool_],
    n_cells: int,
    *,
    harmonics: int = 2,
    min_rows: int | None = None,
) -> Climatology:
    """Fit mean and harmonics of the year by least squares, for each member, output and cell.

    Where the training days see a combination of harmonics badly, because a season is missing or all days of
    the year are equal, its coefficient is drawn towards zero (the eigenvalues of the covariance of the
    harmonics are raised to 0.01): the climatology does not run away in a season without data. Elsewhere the
    fit is that of least squares.

    A cell with fewer than `min_rows` training rows of an output takes the coefficients of the whole
    partition; a partition with fewer has its mean and no season. A member's coefficients depend on its
    training rows alone, to the last bit.

    Parameters
    ----------
    values
        Outputs, with NaN for gaps; shape (outputs, rows).
    day_of_year
        Day of the year, 1 … 366 with fractions; shape (rows).
    cell
        0 … n_cells − 1; shape (rows).
    atom
        0 … atoms − 1, the set that each row belongs to; shape (rows).
    train
        Whether a member trains on an atom; shape (members, atoms).
    n_cells
        Number of cells.
    harmonics
        Number of harmonics of the year; 0 is the mean baseline.
    min_rows
        By default twenty a coefficient.

    Raises
    ------
    ValueError
        If shapes do not agree, a number of cell or atom is out of range, or an option is negative.

    References
    ----------
    Narapusetty, B., DelSole, T., Tippett, M. K. (2009): Optimal estimation of the climatological mean. J.
    Climate 22, 4845–4859, doi:10.1175/2009JCLI2944.1.

    Examples
    --------
    >>> import numpy as np
    >>> year, day = np.divmod(np.arange(4 * 365), 365)
    >>> season = 10 + 3 * np.cos(2 * np.pi * day / 365.2425)
    >>> leave_one_out = ~np.eye(4, dtype=bool)
    >>> fit = fit_climatology(season[None], day, np.zeros_like(day), year, leave_one_out, 1, harmonics=1)
    >>> fit.coefficients[0, 0, 0].round(6) + 0.0
    array([10., 3., 0.])
    """
    values = np.atleast_2d(np.asarray(values, dtype=np.float64))
    train = np.atleast_2d(np.asarray(train, dtype=bool))
    if harmonics < 0:
        raise ValueError(f"harmonics is {harmonics}: give 0 for the mean, or more")
    n_outputs, n_rows = values.shape
    n_members, n_atoms = train.shape
    cell = _checked("cell", cell, n_cells, lowest=0)
    atom = _checked("atom", atom, n_atoms, lowest=0)
    features = season_harmonics(day_of_year, harmonics)
    if not cell.shape == atom.shape == (n_rows,) == features.shape[1:]:
        raise ValueError(
            f"values have {n_rows} rows, but day_of_year, cell and atom have shapes "
            f"{features.shape[1:]}, {cell.shape} and {atom.shape}"
        )
    needed = rows_needed(harmonics) if min_rows is None else max(min_rows, 1)

    shape = (n_members, n_outputs, n_cells, len(features))
    coefficients, partition = np.empty(shape), np.empty((n_members, n_outputs, len(features)))
    shared = coefficients if n_cells <= 1 or not harmonics else np.empty(shape)
    pooled = np.empty(shape[:-1], dtype=bool)
    weights = train.astype(np.float64)
    bins = cell * n_atoms + atom
    present = np.isfinite(values)
    for output in range(n_outputs):
        if output == 0 or not np.array_equal(present[output], present[output - 1]):  # most outputs share their gaps
            gram = _gram(present[output], features, bins, n_cells, weights)
        filled = np.where(present[output], values[output], 0.0)
        right = _right(filled, features, bins, n_cells, weights)
        partition[:, output] = solve_season(gram.sum(axis=1), right.sum(axis=1), needed)
        own = solve_season(gram, right, needed)
        pooled[:, output] = gram[..., 0, 0] < needed
        coefficients[:, output] = np.where(pooled[:, output, :, None], partition[:, output, None], own)
        if shared is not coefficients:
            columns = [*np.where(present[output], features, 0.0), filled]
            of_atoms = np.stack([_by_atom(column, bins, n_cells, n_atoms) for column in columns])
            level = min(needed, rows_needed(0))
            shared[:, output] = share_season(gram, right, of_atoms, train, level=level, season=needed)
    return Climatology(coefficients, partition, pooled, shared)


def _gram(
    present: NDArray[np.bool_], features: FloatArray, bins: NDArray[np.intp], n_cells: int, weights: FloatArray
) -> FloatArray:
    """Σ X Xᵀ over the training rows of each (member, cell)."""
    gram = np.empty((len(weights), n_cells, len(features), len(features)))
    there = np.where(present, features, 0.0)
    for i in range(len(features)):
        for j in range(i + 1):
            gram[..., i, j] = gram[..., j, i] = _by_member(there[i] * features[j], bins, n_cells, weights)
    return gram


def _right(
    filled: FloatArray, features: FloatArray, bins: NDArray[np.intp], n_cells: int, weights: FloatArray
) -> FloatArray:
    """Σ X y over the training rows of each (member, cell); y is 0 in its gaps."""
    with np.errstate(over="ignore"):
        return np.stack([_by_member(one * filled, bins, n_cells, weights) for one in features], axis=-1)


def _by_member(column: FloatArray, bins: NDArray[np.intp], n_cells: int, weights: FloatArray) -> FloatArray:
    """Sum a column over the training rows of each (member, cell)."""
    with np.errstate(over="ignore"):
        sums = _by_atom(column, bins, n_cells, weights.shape[1])
        # Zero times a finite sum is exactly zero, so what a member does not train on leaves no trace; a sum
        # that overflowed would leave NaN, and is kept from those that do not train on it.
        lost = ~np.isfinite(sums)
        if not lost.any():
            return np.asarray(weights @ sums.T)
        kept = weights @ np.where(lost, 0.0, sums).T
        return np.where(weights @ lost.T.astype(np.float64) > 0, np.nan, kept)


def _by_atom(column: FloatArray, bins: NDArray[np.intp], n_cells: int, n_atoms: int) -> FloatArray:
    """Sum a column over the rows of each (cell, atom)."""
    return np.asarray(np.bincount(bins, weights=column, minlength=n_cells * n_atoms).reshape(n_cells, n_atoms))


def _mean_over_members(coefficients: FloatArray) -> FloatArray:
    """Mean over the members that have coefficients; shape (1, ...)."""
    known = np.isfinite(coefficients)
    number = known.sum(axis=0, keepdims=True)
    total = np.where(known, coefficients, 0.0).sum(axis=0, keepdims=True)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _checked(name: str, index: IntArray | int, stop: int, *, lowest: int) -> NDArray[np.intp]:
    """Index as an array, refused where it would silently address something else."""
    array = np.asarray(index)
    if array.size and (array.min() < lowest or array.max() >= stop):
        raise ValueError(f"{name} runs from {array.min()} to {array.max()}, but only {lowest} … {stop - 1} exist")
    return array.astype(np.intp, copy=False)
