"""A sample of a partition's rows, where a run takes no more than so many: the same whatever the workers.

Every (cell, time) draws one number, keyed by the design's seed and by where and when it is, never by what was observed.
The rows with the lowest numbers are the sample. How many those are is decided by training rows alone; of test rows the
same share is kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Layout
from motrain_app.design.identity import IdArray, combine_ids
from motrain_app.runs.staged_rows import StagedRows

EVERY = np.iinfo(np.uint64).max
_BITS = 12  # of a number that are counted: a sample is at most 1/4096 of all rows smaller than was asked for


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """Which rows of each partition are taken.

    Attributes
    ----------
    seed
        Of the design.
    limit
        uint64, shape (n_partitions,): rows that drew more than this are left out; `EVERY` where all are taken.
    """

    seed: int
    limit: NDArray[np.uint64]

    def keeps(
        self, partition: NDArray[np.integer], cell: NDArray[np.integer], time: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """Return which rows are taken; all shapes are (rows,), and no partition may be negative."""
        limit = self.limit[partition]
        return np.asarray((limit == EVERY) | (draw_rows(self.seed, cell, time) <= limit))


def draw_rows(seed: int, cell: NDArray[np.integer], time: NDArray[np.integer]) -> IdArray:
    """Return the number that each row draws, uint64, evenly from all.

    Parameters
    ----------
    cell, time
        Indices into the dataset's `space` and `time`, shape (rows,).
    """
    cells = combine_ids(seed, np.asarray(cell, np.uint64))
    return combine_ids(cells, np.asarray(time, np.uint64))


def sample_rows(
    layout: Layout, rows: StagedRows, training: NDArray[np.int64], *, most: int, seed: int
) -> RowSample | None:
    """Return the sample that leaves each partition at most so many training rows; None where none has more.

    Rows are read one piece after the other, and only their numbers are counted.

    Parameters
    ----------
    training
        Rows of each partition that may train, shape (n_partitions,).
    most
        That a partition may keep.
    seed
        Of the design.
    """
    large = np.flatnonzero(training > most)
    if not len(large):
        return None
    place = np.full(len(training), -1, np.int64)
    place[large] = np.arange(len(large))
    drawn = np.zeros((len(large), 1 << _BITS), np.int64)
    may_train = ~(layout.folds.test | layout.folds.near_test)[layout.folds.atom_of_time]
    for cell, time in rows.pieces():
        number = layout.partitions.number(cell, time)
        mine = np.flatnonzero((number >= 0) & may_train[time])
        mine = mine[place[number[mine]] >= 0]
        part = draw_rows(seed, cell[mine], time[mine]) >> np.uint64(64 - _BITS)
        at = place[number[mine]] * drawn.shape[1] + part.astype(np.int64)
        drawn += np.bincount(at, minlength=drawn.size).reshape(drawn.shape)
    whole = (drawn.cumsum(axis=1) <= most).sum(axis=1)  # classes of numbers that fit as a whole
    limit = np.full(len(training), EVERY, np.uint64)
    limit[large] = (whole.astype(np.uint64) << np.uint64(64 - _BITS)) - np.uint64(1)
    return RowSample(seed, limit)
