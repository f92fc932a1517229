"""Sums over staged rows, from which ridge of one operator for all follows: no limit of rows, and little memory."""

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds
from motrain_app.learning.centres import find_centres, no_centres
from motrain_app.learning.gram import GramLayout, Grams, gram_by_atom
from motrain_app.learning.ridge import RowSums
from motrain_app.learning.scalers import input_range
from motrain_app.runs.claims import Claims
from motrain_app.runs.staged_rows import StagedRows

PIECE = 1 << 16  # rows summed at a time: 30 entries of v in float64 are 16 MB


def sum_rows(rows: StagedRows, claims: Claims, folds: Folds, features: str) -> RowSums:
    """Sum the products of the rows that a member may learn from or is judged on; test rows are in no sum.

    Parameters
    ----------
    claims
        Of a run on the same cells and times: rows that lie in none of its partitions are left out.
    folds
        Of the design, on the staged time axis.
    features
        "linear" or "quadratic".
    """
    n_inputs, n_outputs, n_atoms = len(rows.inputs), len(rows.outputs), folds.n_atoms
    layout = GramLayout(n_inputs, 1, features)
    grams = np.zeros((n_outputs, n_atoms, layout.size, layout.size))
    input_sums = np.zeros((n_atoms, 1 + n_inputs, 1 + n_inputs))
    centres = no_centres(n_atoms, n_inputs)
    low, high = np.full((2, folds.n_members, n_inputs), [[[np.inf]], [[-np.inf]]])
    seen = ~folds.test & (folds.train | folds.held_out).any(axis=0)
    for start in range(0, rows.n_rows, PIECE):
        inputs, outputs, atom = _some_rows(rows, claims, folds, seen, start, min(start + PIECE, rows.n_rows))
        lower, upper = input_range(inputs, atom, folds)
        low, high = np.minimum(low, lower), np.maximum(high, upper)
        if features == "quadratic":
            centres = find_centres(centres, inputs, atom)
            inputs = inputs - centres.T[:, atom]
        ones = np.ones((1, inputs.shape[1]))
        input_sums += gram_by_atom(np.concatenate([ones, inputs]), atom, n_atoms)
        for number in range(n_outputs):  # each for itself: only at the end is it known which share their gaps
            there = np.flatnonzero(np.isfinite(outputs[number]))
            vectors = layout.vectors(inputs[:, there], outputs[number : number + 1, there])
            grams[number] += gram_by_atom(vectors, atom[there], n_atoms)
    taken_off = np.nan_to_num(centres) if features == "quadratic" else None
    by_output = [([number], Grams(layout, grams[number], input_sums, taken_off)) for number in range(n_outputs)]
    return RowSums(n_inputs, n_outputs, by_output, low, high)


def _some_rows(
    rows: StagedRows, claims: Claims, folds: Folds, seen: NDArray[np.bool_], start: int, stop: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    inputs, outputs, time = rows.read_rows(start, stop)
    atom = folds.atom_of_time[time]
    kept = np.flatnonzero(seen[atom] & claims.keeps(_cells_of_rows(rows, start, stop), time))
    return inputs[:, kept].astype(np.float64), outputs[:, kept].astype(np.float64), atom[kept]


def _cells_of_rows(rows: StagedRows, start: int, stop: int) -> NDArray[np.int32]:
    first = int(np.searchsorted(rows.row_start, start, side="right")) - 1
    last = int(np.searchsorted(rows.row_start, stop, side="left"))
    edges = np.clip(rows.row_start[first : last + 1], start, stop)
    return np.repeat(rows.cell_at[first:last], np.diff(edges))
