"""Ridge in many ways to divide the same rows: their Gram matrices are summed once, and added up for each way."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds
from motrain_app.learning.cell_gram_builder import Entry, packed_grams
from motrain_app.learning.cell_vector import packed_products
from motrain_app.learning.centres import find_centres, no_centres
from motrain_app.learning.gram import GramLayout, Grams
from motrain_app.learning.ridge import RidgeOptions
from motrain_app.learning.ridge_members import fit_members
from motrain_app.runs.claims import Claims
from motrain_app.runs.comparison.row_sums import PIECE
from motrain_app.runs.staged_rows import StagedRows

Array = NDArray[np.float64]
MOST_BYTES = 1 << 29  # of sums held at a time; ways beyond that read the rows once more


def fit_dealt(
    staged: StagedRows,
    ways: Sequence[Claims],
    folds: Folds,
    options: RidgeOptions,
    *,
    claims: Claims,
    by_time: bool,
    n_partitions: int,
) -> list[Array]:
    """Fit ridge in every partition of every way to divide the rows.

    Parameters
    ----------
    staged
        Of a run.
    ways
        They divide the same rows, and differ in the labels of cells; or, `by_time`, in those of times.
    claims
        Of the run: the rows that are divided.
    n_partitions
        Of each.

    Returns
    -------
    list of numpy.ndarray
        For each way the coefficients of [1, features] of staged inputs, [n_partitions, n_members, n_outputs,
        1 + n_features], NaN where there is no member; outputs are minus their offset.
    """
    layout = GramLayout(len(staged.inputs), 1, options.features)
    packed = layout.size * (layout.size + 1) // 2
    at_once = max(1, MOST_BYTES // (8 * n_partitions * folds.n_atoms * packed * (len(staged.outputs) + 1)))
    found = []
    for start in range(0, len(ways), at_once):
        some = ways[start : start + at_once]
        sums, input_sums, centres = _sum_up(
            staged, some, folds, layout, claims, by_time=by_time, n_partitions=n_partitions
        )
        found += [_fit(*of_way, centres, layout, folds, options) for of_way in zip(sums, input_sums, strict=True)]
    return found


def _sum_up(
    staged: StagedRows,
    ways: Sequence[Claims],
    folds: Folds,
    layout: GramLayout,
    claims: Claims,
    *,
    by_time: bool,
    n_partitions: int,
) -> tuple[Array, Array, Array | None]:
    """Return packed Gram matrices, [ways, outputs, partitions × atoms, size], those of [1, inputs], and their centres.

    Rows are first summed over what no way divides: those of a cell that lie in one atom and period, or of a time.
    """
    n_outputs, n_atoms, n_inputs = len(staged.outputs), folds.n_atoms, layout.n_inputs
    places = n_partitions * n_atoms
    sums = np.zeros((len(ways), n_outputs, places, layout.size * (layout.size + 1) // 2))
    input_sums = np.zeros((len(ways), places, (1 + n_inputs) * (2 + n_inputs) // 2))
    centres = no_centres(n_atoms, n_inputs)
    seen = ~folds.test & (folds.train | folds.held_out).any(axis=0)
    for first, last in staged.chunks(PIECE):
        rows = staged.read(np.arange(first, last))
        rows = rows.take(np.flatnonzero(claims.keeps(rows.cell, rows.time) & seen[folds.atom_of_time[rows.time]]))
        if not len(rows.cell):
            continue
        atom = folds.atom_of_time[rows.time].astype(np.int64)
        within = (rows.cell.astype(np.int64) * n_atoms + atom) * claims.n_periods + claims.period_of_time[rows.time]
        _, example, unit = np.unique(rows.time if by_time else within, return_index=True, return_inverse=True)
        cell, time, of_atom = rows.cell[example], rows.time[example], atom[example]
        targets = [way.number(cell, time) * n_atoms + of_atom for way in ways]
        inputs = rows.inputs.astype(np.float64)
        if layout.features == "quadratic":
            centres = find_centres(centres, inputs, atom)
            inputs = inputs - centres.T[:, atom]
        known = layout.vectors(inputs, rows.outputs[:1])[:-1]
        parts = [(input_sums[:, :], known[: 1 + n_inputs], np.arange(len(unit)))]
        for number in range(n_outputs):
            there = np.flatnonzero(np.isfinite(rows.outputs[number]))
            parts.append((sums[:, number], np.vstack([known, rows.outputs[number]]), there))
        for totals, vectors, mine in parts:
            order = mine[np.argsort(unit[mine], kind="stable")]
            entries = [Entry(np.append(entry, 0.0)) for entry in vectors]
            of_units = packed_grams(entries, order, unit[order], len(example))
            for total, target in zip(totals, targets, strict=True):
                _add(total, target, of_units)
    return sums, input_sums, np.nan_to_num(centres) if layout.features == "quadratic" else None


def _add(total: Array, target: NDArray[np.int64], values: Array) -> None:
    """Add each value to its target; several may have the same."""
    order = np.argsort(target, kind="stable")
    places, start = np.unique(target[order], return_index=True)
    total[places] += np.add.reduceat(values[order], start, axis=0)


def _fit(
    sums: Array,
    input_sums: Array,
    centres: Array | None,
    layout: GramLayout,
    folds: Folds,
    options: RidgeOptions,
) -> Array:
    whole = packed_products(np.arange(layout.size), layout.size)
    of_inputs = packed_products(np.arange(1 + layout.n_inputs), 1 + layout.n_inputs)
    n_outputs, n_atoms = len(sums), folds.n_atoms
    n = sums.shape[1] // n_atoms
    found = np.full((n, folds.n_members, n_outputs, 1 + layout.n_features), np.nan)
    for partition in range(n):
        atoms = slice(partition * n_atoms, (partition + 1) * n_atoms)
        for output in range(n_outputs):
            grams = Grams(layout, sums[output, atoms][:, whole], input_sums[atoms][:, of_inputs], centres)
            members = fit_members(grams, folds, options.strengths)
            if members is not None:
                found[partition, members.numbers, output] = members.coefficients[:, 0]
    return found
