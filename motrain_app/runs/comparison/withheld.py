"""The rows that members of a run withheld, read back from its block files: some partitions at a time, or one by one."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import DONE, WAITING, PartitionRow, RunStore, by_file, failed_words, finished_and_trainable

CHUNK_ROWS = 1 << 18  # read at a time, unless one partition alone has more
KEPT_BYTES = 1 << 30  # of partitions that were read; one operator everywhere is asked for by every block of another run


@dataclass(frozen=True, eq=False)
class WithheldRows:
    """Out-of-fold rows, in ascending order of their keys.

    Attributes
    ----------
    key
        int64, shape (rows,): cell × number of times + time; a row has the same key in every run on the same data.
    observed, predicted
        float32 minus the output's offset, [n_outputs, rows].
    """

    key: NDArray[np.int64]
    observed: NDArray[np.float32]
    predicted: NDArray[np.float32]

    @property
    def n_bytes(self) -> int:
        """Memory that they take."""
        return int(self.key.nbytes + self.observed.nbytes + self.predicted.nbytes)


class Withheld:
    """Reads the rows that members of a run withheld; test rows are passed over.

    Parameters
    ----------
    folder
        Of the run; what is finished of it is read.

    Attributes
    ----------
    rows
        The finished partitions.
    trainable
        How many partitions have something to train, finished or not.
    waiting
        How many of them are still to be trained.
    plan
        Of the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        with RunStore(folder.store) as store:
            known = store.partitions()
        self.rows = [row for row in known if row.state == DONE]
        _, self.trainable = finished_and_trainable(known)
        self._failed = failed_words(known)
        self.waiting = sum(row.state == WAITING for row in known)
        self.plan = Plan.load(folder.plan)
        self._by_number = {row.number: row for row in self.rows}
        self._kept: OrderedDict[int, WithheldRows] = OrderedDict()
        self._kept_bytes = 0

    @property
    def partial_words(self) -> str:
        """Say how much of the run is finished, where that is not all; else empty."""
        if len(self.rows) == self.trainable:
            return ""
        name = self._folder.path.name
        return f"{name} is partial: {len(self.rows):,} of {self.trainable:,} partitions are finished{self._failed}."

    def why_no_rows(self) -> str:
        """Say why nothing was withheld that is finished, and what to do."""
        name, path = self._folder.path.name, self._folder.path
        if self.waiting:
            return f"no partition of {name} is finished. Wait for it, or go on with: motrain resume {path}"
        return f"no partition of {name} could be trained; run.failures says why."

    def chunks(self) -> Iterator[list[tuple[PartitionRow, WithheldRows]]]:
        """Yield finished partitions with their rows, some at a time, in their order.

        It does not depend on the files in which they lie: one that was taken over, or trained once more, has another.
        """
        counts = self.plan.training_rows[[row.number for row in self.rows]]
        chunk = (np.cumsum(counts) - counts) // CHUNK_ROWS
        for some in np.split(np.arange(len(counts)), np.flatnonzero(np.diff(chunk)) + 1):
            rows = [self.rows[number] for number in some]
            found: dict[int, WithheldRows] = {}
            for mine in by_file(rows).values():
                found |= zip((row.number for row in mine), self._read(mine), strict=True)
            yield [(row, found[row.number]) for row in rows]

    def of_partition(self, row: PartitionRow) -> WithheldRows:
        """Return the rows of a finished partition."""
        return next(self._read([row]))

    def of_cells(self, cells: NDArray[np.integer]) -> Iterator[WithheldRows]:
        """Yield the rows of every finished partition in which any of the cells lies; also those of its other cells."""
        plan = self.plan
        regions = np.unique(plan.region_of_cell[cells])
        numbers = (regions[regions >= 0, None].astype(np.int64) * plan.n_periods + np.arange(plan.n_periods)).ravel()
        wanted = [self._by_number[number] for number in numbers.tolist() if number in self._by_number]
        for row in wanted:
            if row.number in self._kept:
                self._kept.move_to_end(row.number)
                yield self._kept[row.number]
        missing = [row for row in wanted if row.number not in self._kept]
        for mine in by_file(missing).values():
            for row, rows in zip(mine, self._read(mine), strict=True):
                self._keep(row.number, rows)
                yield rows

    def _keep(self, number: int, rows: WithheldRows) -> None:
        self._kept[number] = rows
        self._kept_bytes += rows.n_bytes
        while len(self._kept) > 1 and self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= self._kept.popitem(last=False)[1].n_bytes

    def _read(self, rows: list[PartitionRow]) -> Iterator[WithheldRows]:
        """Yield the rows of partitions of one block file."""
        n_times = len(self.plan.time)
        with BlockFile.open(self._folder.blocks / str(rows[0].file)) as file:
            for row in rows:
                values = file.rows(row.place)
                key = values["cell"].astype(np.int64) * n_times + values["time"]
                order = np.argsort(key, kind="stable")
                order = order[values["fold"][order] >= 0]
                yield WithheldRows(key[order], values["observed"][:, order], values["predicted"][:, order])
