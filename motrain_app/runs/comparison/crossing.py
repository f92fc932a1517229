"""Predicting the rows that a run withheld by members that are not its own, fold by fold.

A row that fold k withheld is predicted by the other operator's member k, so that neither has seen the row's fold. The
inputs are read from staged rows, chunk after chunk, so that memory does not grow with the number of partitions.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds
from motrain_app.operators import AnyMember
from motrain_app.runs.predicting import predict_rows
from motrain_app.runs.staged_rows import StagedRows

READ_ROWS = 1 << 18  # at a time
Predict = Callable[[NDArray[np.float64], NDArray[np.int16]], NDArray[np.float64]]


def predict_by_members(members: Mapping[int, AnyMember], n_outputs: int) -> Predict:
    """Return the function that predicts each row by the member that withheld it, for `predict_withheld`.

    Parameters
    ----------
    members
        By fold, in physical units. Where there is none for a fold, its rows have no prediction.
    """
    return lambda inputs, fold: predict_rows(members, inputs, fold, n_outputs)


def read_withheld(staged: StagedRows, key: NDArray[np.int64], folds: Folds) -> NDArray[np.float64]:
    """Return the inputs of withheld rows in physical units, [n_inputs, rows]; the rest as in `predict_withheld`."""
    return predict_withheld(staged, key, folds, lambda inputs, fold: inputs, len(staged.inputs))


def predict_withheld(
    staged: StagedRows, key: NDArray[np.int64], folds: Folds, predict: Predict, n_values: int
) -> NDArray[np.float64]:
    """Predict withheld rows from their staged inputs.

    Parameters
    ----------
    staged
        With the inputs of the operator that predicts, on the same cells and times as the run.
    key
        int64, shape (rows,): cell × number of times + time, as in `motrain_app.runs.comparison.withheld.WithheldRows`.
    folds
        Of the run; a row that none of them withheld has no prediction.
    predict
        Given inputs in physical units, [n_inputs, rows], and the fold of each row; returns [n_values, rows].
    n_values
        Of a row.

    Returns
    -------
    numpy.ndarray
        [n_values, rows] in physical units; NaN where the staged store has no such row, or there is no member.
    """
    n_times = len(staged.time)
    order = np.argsort(key, kind="stable")
    ascending = key[order]
    found = np.full((n_values, len(key)), np.nan)
    wanted = np.flatnonzero(np.isin(staged.cell_at, np.unique(key // n_times)))
    rows_of = np.diff(staged.row_start)[wanted]
    chunk = (np.cumsum(rows_of) - 1) // READ_ROWS
    for positions in np.split(wanted, np.flatnonzero(np.diff(chunk)) + 1):
        rows = staged.read(positions)
        at = rows.cell.astype(np.int64) * n_times + rows.time
        place = np.minimum(np.searchsorted(ascending, at), max(len(ascending) - 1, 0))
        there = np.flatnonzero(ascending[place] == at) if len(ascending) else np.zeros(0, np.int64)
        fold = folds.fold_of_atom[folds.atom_of_time[rows.time[there]]].astype(np.int16)
        there, fold = there[fold >= 0], fold[fold >= 0]
        if len(there):
            inputs = rows.inputs[:, there] + staged.input_offset[:, None]
            found[:, order[place[there]]] = predict(inputs, fold)
    return found
