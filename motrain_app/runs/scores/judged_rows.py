"""The rows that a run was judged on, read back from its block files: all partitions of a region together."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.seasons import season_of
from motrain_app.runs.blockfile import TEST, BlockFile
from motrain_app.runs.calibration import Residuals
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import DONE, PartitionRow, RunStore, by_file
from motrain_app.skill import COVERAGE_LEVEL, judge_folds, judge_rows

HELD_OUT, OF_TEST = "held-out", "test"  # which rows; the words of `Run.predictions`
CHUNK_ROWS = 1 << 18  # read at a time, unless one region alone has more


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """Rows of one partition, with what was observed, predicted, and said by each baseline.

    Attributes
    ----------
    number, name
        Of the partition.
    cell, time, fold
        Shape (rows,): indices into the dataset's `space` and `time`, and the member that withheld the row.
    observed, predicted
        float32 minus the output's offset, [n_outputs, rows].
    baselines
        float32 minus the output's offset, [n_baselines, n_outputs, rows]: those that the reader was asked for.
    within
        Whether the row lies in its interval of 90 %, 1 or 0, NaN without one, [n_outputs, rows]; None where it was not
        asked for.
    """

    number: int
    name: str
    cell: NDArray[np.int32]
    time: NDArray[np.int32]
    fold: NDArray[np.int16]
    observed: NDArray[np.float32]
    predicted: NDArray[np.float32]
    baselines: NDArray[np.float32]
    within: NDArray[np.float64] | None


def joined(parts: Sequence[JudgedRows]) -> JudgedRows:
    """Return the rows of several partitions as if they were one, which has the name and number of the first."""
    if len(parts) == 1:
        return parts[0]
    fields = ("cell", "time", "fold", "observed", "predicted", "baselines")
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in fields
    }
    within = [part.within for part in parts if part.within is not None]
    whole = np.concatenate(within, axis=-1) if len(within) == len(parts) else None
    return replace(parts[0], **columns, within=whole)


class JudgedReader:
    """Reads the rows of finished partitions; memory does not grow with their number.

    Parameters
    ----------
    folder
        Of the run.
    rows
        `HELD_OUT`: out-of-fold; `OF_TEST`: rows of the test, which must have been opened.
    partitions
        Names of those to read; by default all.
    baselines
        Names of those to read, of the plan's; by default none.
    with_intervals
        Whether to say which rows lie within their interval.
    """

    def __init__(
        self,
        folder: RunFolder,
        rows: str = HELD_OUT,
        *,
        partitions: Sequence[str] | None = None,
        baselines: Sequence[str] = (),
        with_intervals: bool = False,
    ) -> None:
        self._folder, self._rows, self._with_intervals = folder, rows, with_intervals
        self.plan, self.baselines = Plan.load(folder.plan), tuple(baselines)
        with RunStore(folder.store) as store:
            done = [row for row in store.partitions() if row.state == DONE]
        wanted = None if partitions is None else set(partitions)
        self.partitions = [row for row in done if wanted is None or row.name in wanted]

    def without_intervals(self) -> "JudgedReader":
        """Return a reader of the same rows that does not look for intervals."""
        other = copy(self)
        other._with_intervals = False
        return other

    def only(self, numbers: Sequence[int]) -> "JudgedReader":
        """Return a reader of the partitions of these numbers alone."""
        other, wanted = copy(self), set(numbers)
        other.partitions = [row for row in self.partitions if row.number in wanted]
        return other

    @property
    def rows_of(self) -> NDArray[np.int64]:
        """At least as many rows as each of the partitions has, in their order."""
        counts = self.plan.training_rows if self._rows == HELD_OUT else self.plan.test_rows
        return counts[[row.number for row in self.partitions]]

    @property
    def most_rows(self) -> int:
        """At least as many rows as there are."""
        return int(self.rows_of.sum())

    def chunks(self) -> Iterator[list[JudgedRows]]:
        """Yield some partitions at a time, with all that a cell has: those of the periods of a region stay together."""
        pending: list[PartitionRow] = []
        n_rows = 0
        counts = self.plan.training_rows + self.plan.test_rows
        for row in self.partitions:
            n_periods = self.plan.n_periods
            new_region = bool(pending) and row.number // n_periods != pending[-1].number // n_periods
            if new_region and n_rows + counts[row.number] > CHUNK_ROWS:
                yield self._read(pending)
                pending, n_rows = [], 0
            pending.append(row)
            n_rows += int(counts[row.number])
        if pending:
            yield self._read(pending)

    def _read(self, partitions: list[PartitionRow]) -> list[JudgedRows]:
        found: dict[int, JudgedRows] = {}
        for name, rows in by_file(partitions).items():
            with BlockFile.open(self._folder.blocks / name) as file:
                found |= {row.number: self._read_one(file, row) for row in rows}
        return [found[row.number] for row in partitions]

    def _read_one(self, file: BlockFile, row: PartitionRow) -> JudgedRows:
        position = row.place
        values = file.rows(position)
        kept = np.flatnonzero(values["fold"] >= 0 if self._rows == HELD_OUT else values["fold"] == TEST)
        beside = np.zeros((0, len(self.plan.outputs), len(kept)), np.float32)
        if self.baselines:
            places = [self.plan.baselines.index(name) for name in self.baselines]
            beside = file.baselines(position)[places][..., kept]
        one = JudgedRows(
            number=row.number,
            name=row.name,
            cell=values["cell"][kept],
            time=values["time"][kept],
            fold=values["fold"][kept],
            observed=values["observed"][:, kept],
            predicted=values["predicted"][:, kept],
            baselines=beside,
            within=None,
        )
        return replace(one, within=self._within(file, position, one)) if self._with_intervals else one

    def _within(self, file: BlockFile, position: int, one: JudgedRows) -> NDArray[np.float64]:
        """Say which rows lie in intervals that other folds calibrated; of test rows, all folds."""
        residual, time = one.observed - one.predicted, self.plan.time[one.time]
        if self._rows == HELD_OUT:
            return judge_folds(residual, time, one.fold, level=COVERAGE_LEVEL)[0]
        quantiles = Residuals.read(file, position, self.plan).quantiles()
        if quantiles is None:
            return np.full(residual.shape, np.nan)
        return judge_rows(quantiles, residual, season_of(time), level=COVERAGE_LEVEL)
