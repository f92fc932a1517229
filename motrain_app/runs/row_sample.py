"""A sample of a partition's rows, where a run takes no more than so many: the same whatever the workers.

Every (cell, time) draws one number, keyed by the design's seed and by where and when it is, never by what was observed.
The rows with the lowest numbers are the sample. How many those are is decided by training rows alone; of test rows the
same share is kept. Where a run is bound to the rows of another one, and that took a sample, this is drawn from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Layout
from motrain_app.design.identity import IdArray, combine_ids
from motrain_app.runs.staged_rows import StagedRows

if TYPE_CHECKING:
    from motrain_app.runs.claims import Claims

EVERY = np.iinfo(np.uint64).max
_WITHIN = "within."
_BITS = 12  # of a number that are counted: a sample is at most 1/4096 of all rows smaller than was asked for


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """Which rows of each partition are taken.

    Attributes
    ----------
    seed
        That keys what rows draw.
    limit
        uint64, shape (n_partitions,): rows that drew more than this are left out; `EVERY` where all are taken.
    within
        Rows that it leaves out are not taken either; None: it leaves out none.
    """

    seed: int
    limit: NDArray[np.uint64]
    within: "Claims | None" = None

    def keeps(
        self, partition: NDArray[np.integer], cell: NDArray[np.integer], time: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """Return which rows are taken; all shapes are (rows,), and no partition may be negative."""
        limit = self.limit[partition]
        kept = np.asarray((limit == EVERY) | (draw_rows(self.seed, cell, time) <= limit))
        return kept if self.within is None else kept & self.within.keeps(cell, time)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for a file."""
        arrays: dict[str, NDArray[Any]] = {"row_limit": self.limit, "sample_seed": np.array([self.seed], np.uint64)}
        within = {} if self.within is None else self.within.to_arrays()
        return arrays | {_WITHIN + name: array for name, array in within.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "RowSample | None":
        """Make a sample of what `to_arrays` gave, among other arrays; None where there is none."""
        from motrain_app.runs.claims import Claims  # which holds samples itself

        if "row_limit" not in arrays:
            return None
        inner = {name.removeprefix(_WITHIN): array for name, array in arrays.items() if name.startswith(_WITHIN)}
        within = Claims.from_arrays(inner) if inner else None
        return cls(int(arrays["sample_seed"][0]), arrays["row_limit"], within)


def draw_rows(seed: int, cell: NDArray[np.integer], time: NDArray[np.integer]) -> IdArray:
    """Return the number that each row draws, uint64, evenly from all.

    Parameters
    ----------
    cell, time
        Indices into the dataset's `space` and `time`, shape (rows,).
    """
    cells = combine_ids(seed, np.asarray(cell, np.uint64))
    return combine_ids(cells, np.asarray(time, np.uint64))


def rows_within(claims: "Claims | None", n_partitions: int, *, seed: int) -> RowSample | None:
    """Return the sample that takes all rows of partitions that another run's sample takes; None where it has none.

    Its rows draw anew: those that one more limit is to leave out must not follow from what they drew before.

    Parameters
    ----------
    claims
        Of the other run; None: nothing is bound to one.
    n_partitions
        Of the run that takes its rows.
    seed
        Of the design of that run.
    """
    if claims is None or claims.sample is None:
        return None
    again = int(combine_ids(claims.sample.seed, seed))
    return RowSample(again, np.full(n_partitions, EVERY, np.uint64), claims)


def sample_rows(
    layout: Layout,
    rows: StagedRows,
    training: NDArray[np.int64],
    *,
    most: int,
    seed: int,
    drawn_from: RowSample | None = None,
) -> RowSample | None:
    """Return the sample that leaves each partition at most so many training rows; `drawn_from` where none has more.

    Rows are read one piece after the other, and only their numbers are counted.

    Parameters
    ----------
    training
        Rows of each partition that may train, shape (n_partitions,).
    most
        That a partition may keep.
    seed
        Of the design.
    drawn_from
        As `rows_within` gives it; None: all rows may be taken.
    """
    large = np.flatnonzero(training > most)
    if not len(large):
        return drawn_from
    seed = seed if drawn_from is None else drawn_from.seed
    place = np.full(len(training), -1, np.int64)
    place[large] = np.arange(len(large))
    drawn = np.zeros((len(large), 1 << _BITS), np.int64)
    may_train = ~(layout.folds.test | layout.folds.near_test)[layout.folds.atom_of_time]
    for cell, time in rows.pieces():
        number = layout.partitions.number(cell, time)
        mine = np.flatnonzero((number >= 0) & may_train[time])
        mine = mine[place[number[mine]] >= 0]
        if drawn_from is not None:
            mine = mine[drawn_from.keeps(number[mine], cell[mine], time[mine])]
        part = draw_rows(seed, cell[mine], time[mine]) >> np.uint64(64 - _BITS)
        at = place[number[mine]] * drawn.shape[1] + part.astype(np.int64)
        drawn += np.bincount(at, minlength=drawn.size).reshape(drawn.shape)
    whole = (drawn.cumsum(axis=1) <= most).sum(axis=1)  # classes of numbers that fit as a whole
    limit = np.full(len(training), EVERY, np.uint64)
    limit[large] = (whole.astype(np.uint64) << np.uint64(64 - _BITS)) - np.uint64(1)
    return RowSample(seed, limit, None if drawn_from is None else drawn_from.within)
