"""How many rows each member will have, before any row is read: from the labels of cells and times alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Layout
from motrain_app.learning.membership import wanted_members
from motrain_app.learning.places import member_atoms
from motrain_app.runs.staged_rows import StagedRows

Counts = NDArray[np.int64]
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MemberRows:
    """Rows of members, an upper bound where the share of finite rows is not known.

    Attributes
    ----------
    training, test
        Rows of each partition, shape (n_partitions,); those near the test are neither.
    fit, judge
        Rows that a member learns from and is judged on, [n_partitions, n_members]; zero where there is no member.
    """

    training: Counts
    test: Counts
    fit: Counts
    judge: Counts

    @property
    def trained(self) -> NDArray[np.bool_]:
        """Partitions that will have a member, shape (n_partitions,)."""
        return np.asarray((self.fit > 0).any(axis=1))


def finite_share(rows: StagedRows, n_times: int) -> Array:
    """Return the share of a cell's times that are rows, shape (n_cells,): of those with all inputs and an output.

    Parameters
    ----------
    rows
        Staged for the design's variables and filters.
    n_times
        Of the dataset.
    """
    share = np.zeros(len(rows.cell_at))
    share[rows.cell_at] = np.diff(rows.row_start) / n_times
    return share


def count_member_rows(layout: Layout, share: Array | None = None, *, max_rows: int | None = None) -> MemberRows:
    """Count cells × times of each partition and member.

    Parameters
    ----------
    share
        As `finite_share` gives it; None counts every time of a cell as a row.
    max_rows
        Training rows that are taken of a partition at most; None: all.
    """
    partitions, folds = layout.partitions, layout.folds
    claimed = partitions.cells.label >= 0
    weights = None if share is None else share[claimed]
    cells = np.bincount(partitions.cells.label[claimed], weights=weights, minlength=len(partitions.cells))
    shape = (len(cells), len(partitions.times))
    training, test = np.zeros(shape), np.zeros(shape)
    fit, judge = (np.zeros((*shape, folds.n_members)) for _ in range(2))
    may_train, taken = ~(folds.test | folds.near_test), np.ones(shape)
    for period in range(shape[1]):
        atoms = folds.atoms_of_partition(np.flatnonzero(partitions.times.label == period))
        times = np.bincount(atoms, minlength=folds.n_atoms)
        training[:, period], test[:, period] = cells * (may_train @ times), cells * (folds.test @ times)
        if max_rows is not None:
            taken[:, period] = np.minimum(1.0, max_rows / np.maximum(training[:, period], 1))
        most = np.ceil(times * cells.max(initial=0)).astype(np.int64)  # which fold validates, the largest region says
        members = np.flatnonzero(wanted_members(most > 0, folds))
        fits, judges = member_atoms(folds, members, most[None])
        fit[:, period, members], judge[:, period, members] = (cells[:, None] * (of @ times) for of in (fits, judges))
    of_partitions = (_whole(rows * taken).reshape(-1) for rows in (training, test))
    of_members = (_whole(rows * taken[..., None]).reshape(-1, folds.n_members) for rows in (fit, judge))
    return MemberRows(*of_partitions, *of_members)


def _whole(rows: Array) -> Counts:
    return np.ceil(rows - 1e-6).astype(np.int64)  # shares of cells add up to a whole number, but for rounding
