"""A sample of a partition's rows, where a run takes no more than so many: the same whatever the workers.

Every (cell, time) draws one number, keyed by the design's seed and by where and when it is, never by what was observed.
The rows with the lowest numbers are the sample. How many those are is decided by training rows alone; of test rows the
same share is kept. Where a run is bound to the rows of another one, and that took a sample, this is drawn from it.
"""

from collections.abc import Callable, Iterator, Mapping
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
_BITS = 24  # of a number that decide: a sample is hardly ever a row smaller than was asked for
_TABLE_ENTRIES = 1 << 23  # counted in one pass over the rows: 64 MB


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
    may_train = ~(layout.folds.test | layout.folds.near_test)[layout.folds.atom_of_time]

    def numbers() -> Iterator[tuple[NDArray[np.int64], IdArray]]:
        for cell, time in rows.pieces():
            number = layout.partitions.number(cell, time)
            mine = np.flatnonzero((number >= 0) & may_train[time])
            mine = mine[place[number[mine]] >= 0]
            if drawn_from is not None:
                mine = mine[drawn_from.keeps(number[mine], cell[mine], time[mine])]
            yield place[number[mine]], draw_rows(seed, cell[mine], time[mine])

    limit = np.full(len(training), EVERY, np.uint64)
    limit[large] = _limits(numbers, len(large), most)
    return RowSample(seed, limit, None if drawn_from is None else drawn_from.within)


def _limits(
    numbers: Callable[[], Iterator[tuple[NDArray[np.int64], IdArray]]], n_sets: int, most: int
) -> NDArray[np.uint64]:
    """Return the limit that leaves each set of rows `most` of the lowest numbers, shape (n_sets,).

    Bits are settled a few at a time, the highest first, by counting; how many at a time changes no limit.

    Parameters
    ----------
    numbers
        Yields the set of each row and its number, piece after piece, the same each time it is called.
    """
    bits = next(one for one in (12, 8, 6, 4) if n_sets << one <= _TABLE_ENTRIES or one == 4)
    settled, room = np.zeros(n_sets, np.uint64), np.full(n_sets, most, np.int64)
    for shift in range(64 - bits, 63 - _BITS, -bits):
        counts = np.zeros((n_sets, 1 << bits), np.int64)
        for of_set, number in numbers():
            part = number >> np.uint64(shift)
            here = part >> np.uint64(bits) == settled[of_set]
            at = of_set[here] * counts.shape[1] + (part[here] & np.uint64((1 << bits) - 1)).astype(np.int64)
            np.add.at(counts.reshape(-1), at, 1)
        total = counts.cumsum(axis=1)
        whole = (total <= room[:, None]).sum(axis=1)  # classes of numbers that fit; never all, or they had been settled
        room -= np.where(whole > 0, np.take_along_axis(total, np.maximum(whole - 1, 0)[:, None], axis=1)[:, 0], 0)
        settled = (settled << np.uint64(bits)) | whole.astype(np.uint64)
    return (np.maximum(settled, np.uint64(1)) << np.uint64(64 - _BITS)) - np.uint64(1)
