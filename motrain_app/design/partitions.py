"""Partitions: region × period. One operator is trained in each, and every row is in at most one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.identity import IdArray, combine_ids
from motrain_app.design.regions import Labels


@dataclass(frozen=True, eq=False)
class Partitions:
    """All partitions of a design, numbered region after region, within a region period after period.

    Attributes
    ----------
    cells
        Label of each cell: its region.
    times
        Label of each time step: its period.
    """

    cells: Labels
    times: Labels

    def __len__(self) -> int:
        return len(self.cells) * len(self.times)

    @cached_property
    def ids(self) -> IdArray:
        """uint64, shape (n_partitions,): they never change, and key random numbers, files and scores."""
        return combine_ids(self.cells.ids[:, None], self.times.ids[None, :]).reshape(-1)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """One label a partition: the region's, with the period's where there are several."""
        if len(self.times) == 1:
            return self.cells.names
        return tuple(f"{region} · {period}" for region in self.cells.names for period in self.times.names)

    def number(self, cell: NDArray[np.integer], time: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the partition of each row.

        Parameters
        ----------
        cell, time
            Indices into `space` and `time`, shapes that broadcast.

        Returns
        -------
        numpy.ndarray
            Partition numbers; -1 for rows that no partition claims.
        """
        region = self.cells.label[cell].astype(np.int64)
        period = self.times.label[time].astype(np.int64)
        return np.where((region >= 0) & (period >= 0), region * len(self.times) + period, -1)

    def regions_of(self, partitions: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the numbers of the regions that the given partitions need, sorted and unique."""
        return np.unique(np.asarray(partitions, np.int64) // len(self.times))
