"""Paired errors of two predictions of the same rows: summed by day as rows come in, judged by blocks of days."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.runs.comparison.run_comparison import LEVEL, Change
from motrain_app.runs.judging import REPLICATES
from motrain_app.skill import (
    Moments,
    bootstrap,
    discoveries,
    loss_difference,
    moments_by_group,
    rmse_change,
)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PairedRows:
    """Rows with two predictions.

    Attributes
    ----------
    observed, one, other
        Minus the output's offset, [n_outputs, rows]; a NaN in any of them leaves the row out for that output. An
        infinite prediction is no gap.
    time
        Index into the time axis, shape (rows,).
    """

    observed: NDArray[np.floating]
    one: NDArray[np.floating]
    other: NDArray[np.floating]
    time: NDArray[np.integer]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which rows count for which output, [n_outputs, rows]."""
        return np.asarray(~(np.isnan(self.observed) | np.isnan(self.one) | np.isnan(self.other)))

    @property
    def any(self) -> bool:
        """Whether any row counts for any output."""
        return bool(self.known.any())


class RowWeights:
    """What a row counts where the rows of many cells are judged together: its cell's area over the cell's rows.

    So each cell counts by its area, not by its rows, as in the scores of all partitions together. All rows of a cell
    are to be counted before its rows are weighed.

    Parameters
    ----------
    area
        Of each cell, relative to others; shape (n_cells,).
    n_outputs
        Each of which has its own rows.
    """

    def __init__(self, area: Array, n_outputs: int) -> None:
        self._area, self._count = area, np.zeros((n_outputs, len(area)), np.int64)

    def count(self, cell: NDArray[np.integer], known: NDArray[np.bool_]) -> None:
        """Take in rows: their cells, shape (rows,), and which of them count, [n_outputs, rows]; see `PairedRows`."""
        for count, there in zip(self._count, known, strict=True):
            np.add.at(count, cell[there], 1)

    def of(self, cell: NDArray[np.integer]) -> Array:
        """Return what rows of some cells count, [n_outputs, rows]."""
        return np.asarray(self._area[cell] / np.maximum(self._count[:, cell], 1))


class PairedErrors:
    """Takes in rows of both predictions, partition after partition or chunk after chunk.

    Parameters
    ----------
    time
        datetime64, shape (n_time,).
    seed
        Of the design: whatever is judged with it is judged on the same draws, as the scores of a run are.
    offset
        What was subtracted from the values of each output, shape (n_outputs,): beside whole values it shows what is but
        rounding.
    """

    def __init__(self, time: NDArray[np.datetime64], seed: int, offset: Array) -> None:
        day = time.astype("datetime64[D]").astype(np.int64)
        self._day, self._seed, self._offset = day - day.min(), seed, offset[:, None]
        # Errors are summed as they are: about a mean that one absurd row moves, those of all others would be rounded.
        shift = np.stack([offset, offset, np.zeros_like(offset), np.zeros_like(offset)])
        self._about = Moments(np.zeros((0, *offset.shape)), shift)
        self._daily: Array | None = None

    def daily(self, rows: PairedRows) -> Moments:
        """Return the moments of rows by output and day, from their first day to their last; there must be a row."""
        return self._moments(rows, None)[1]

    def add(self, rows: PairedRows, weight: Array) -> None:
        """Take in rows for the change over all of them.

        Parameters
        ----------
        weight
            What each row counts, [n_outputs, rows]; see `RowWeights`.
        """
        first, daily = self._moments(rows, weight)
        if self._daily is None:
            self._daily = np.zeros((*daily.sums.shape[:2], int(self._day.max()) + 1))
        self._daily[..., first : first + daily.shape[-1]] += daily.sums

    def change(self, daily: Moments | None = None) -> Change:
        """Return the change of some rows, shape (n_outputs,), by their moments; None: of all that were taken in."""
        if daily is None:
            assert self._daily is not None
            shift = np.broadcast_to(self._about.shift[..., None], (4, *self._daily.shape[1:]))
            daily = Moments(self._daily, shift)
        found = np.array([_change(daily[output], self._seed) for output in range(daily.shape[0])]).T
        n, rmse, other_rmse, value, low, high, p, blocks = found
        return Change(n.astype(np.int64), rmse, other_rmse, value, low, high, p, p <= LEVEL, blocks)

    def _moments(self, rows: PairedRows, weight: Array | None) -> tuple[int, Moments]:
        """Return the first day of rows, and their moments by output and day."""
        observed, one, other = (values + self._offset for values in (rows.observed, rows.one, rows.other))
        day = self._day[rows.time]
        first, last = int(day.min()), int(day.max())
        return first, moments_by_group(
            observed, one, day - first, last - first + 1, baseline=other, weight=weight, about=self._about
        )


@dataclass(frozen=True, slots=True, eq=False)
class PairedPartition:
    """The rows of a partition that have two predictions.

    Attributes
    ----------
    name
        Of the partition.
    cell
        Of each row, shape (rows,).
    rows
        Of which at least one counts.
    """

    name: str
    cell: NDArray[np.integer]
    rows: PairedRows


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Partitions that have rows with two predictions: names, and the change over all of them and of each."""

    names: tuple[str, ...]
    pooled: Change
    by_partition: Change


def judge_partitions(
    read: Callable[[], Iterable[Sequence[PairedPartition | None]]],
    judge: PairedErrors,
    weights: RowWeights,
    *,
    n_partitions: int,
    progress: Callable[[float], None],
) -> Judged | None:
    """Judge the rows of partitions, all together and each alone; None where no partition has any.

    They are read twice, as a row can only be weighed when it is known how many of its cell count: a cell may lie in
    several partitions, and memory is not to grow with their number.

    Parameters
    ----------
    read
        Yields partitions some at a time, None in place of one without a row.
    judge, weights
        Into which nothing was taken yet.
    n_partitions
        That are read each time.
    progress
        Called with the share of both readings done, 0 to 1.
    """

    def parts(before: int) -> Iterator[PairedPartition]:
        done = before
        for some in read():
            yield from (one for one in some if one is not None)
            done += len(some)
            progress(done / (2 * n_partitions))

    for part in parts(0):
        weights.count(part.cell, part.rows.known)
    names: list[str] = []
    changes: list[Change] = []
    for part in parts(n_partitions):
        judge.add(part.rows, weights.of(part.cell))
        changes.append(judge.change(judge.daily(part.rows)))
        names.append(part.name)
    return Judged(tuple(names), judge.change(), stack_changes(changes)) if names else None


def stack_changes(changes: Sequence[Change]) -> Change:
    """Return the changes of several partitions as one, [n_partitions, n_outputs]; significant among them all."""
    fields = ("n", "rmse", "other_rmse", "value", "low", "high", "p", "blocks")
    stacked = {field: np.stack([getattr(change, field) for change in changes]) for field in fields}
    return Change(**stacked, significant=discoveries(stacked["p"], level=LEVEL))


def with_rows(daily: Moments) -> Moments:
    """Return the moments of an output from its first day with a row to its last; of no day where there is none."""
    filled = np.flatnonzero(daily.weight > 0)
    return daily[filled[0] : filled[-1] + 1] if len(filled) else daily[:0]


def _change(daily: Moments, seed: int) -> tuple[float, ...]:
    """Return n, both RMSE, change, its interval, p and the number of blocks of one output from moments by day."""
    daily = with_rows(daily)
    if not daily.shape[0]:
        return (0.0, *[np.nan] * 6, 0.0)
    total = daily.merged()
    result = bootstrap(daily, [rmse_change, loss_difference], replicates=REPLICATES, rng=seed)
    percent = [100 * float(end[0]) for end in (result.value, result.low, result.high)]
    rmse = (float(np.sqrt(mse)) for mse in (total.mse, total.baseline_mse))
    return (float(total.n), *rmse, *percent, float(result.p[1]), result.blocks)
