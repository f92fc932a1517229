"""Which rows (cell, time) lie in a partition of a run: what its partitions together could learn from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Layout, Partitions
from motrain_app.runs.row_sample import RowSample

if TYPE_CHECKING:
    from motrain_app.runs.plan import Plan

Mask = NDArray[np.bool_]
_LABELS = ("region_of_cell", "period_of_time")


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """Labels of cells and times, and the sample that is taken of rows; partition = region × n_periods + period.

    Attributes
    ----------
    region_of_cell, period_of_time
        int32, shapes (n_cells,) and (n_time,); −1 where no partition claims it.
    n_periods
        Number of periods.
    sample
        Which rows of each partition are taken; None: all of them.
    """

    region_of_cell: NDArray[np.int32]
    period_of_time: NDArray[np.int32]
    n_periods: int
    sample: RowSample | None = None

    @classmethod
    def of_plan(cls, plan: "Plan") -> "Claims":
        """Return the claims of a run."""
        return cls(plan.region_of_cell, plan.period_of_time, plan.n_periods, plan.sample)

    @property
    def cells(self) -> Mask:
        """Which cells a region claims, shape (n_cells,)."""
        return np.asarray(self.region_of_cell >= 0)

    @property
    def times(self) -> Mask:
        """Which times a period claims, shape (n_time,)."""
        return np.asarray(self.period_of_time >= 0)

    def number(self, cell: NDArray[np.integer], time: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the partition of rows that lie in one."""
        region, period = self.region_of_cell[cell].astype(np.int64), self.period_of_time[time]
        return np.asarray(region * self.n_periods + period)

    def keeps(self, cell: NDArray[np.integer], time: NDArray[np.integer]) -> Mask:
        """Return which rows lie in a partition, and in its sample; all shapes are (rows,)."""
        there = self.cells[cell] & self.times[time]
        if self.sample is not None:
            cell, time = cell[there], time[there]
            there[there] = self.sample.keeps(self.number(cell, time), cell, time)
        return np.asarray(there)

    def restrict(self, layout: Layout) -> Layout:
        """Return a layout less the cells and times that are not claimed here; its partitions keep ids and names."""
        mine = layout.partitions
        cells, times = (
            replace(labels, label=np.where(claimed, labels.label, -1).astype(np.int32))
            for labels, claimed in ((mine.cells, self.cells), (mine.times, self.times))
        )
        return Layout(Partitions(cells, times), layout.folds)

    def digest(self) -> bytes:
        """Return a sha256 of all that decides which rows are kept."""
        digest = hashlib.sha256()
        for name, array in sorted(self.to_arrays().items()):
            digest.update(f"{name} {array.shape}".encode() + np.ascontiguousarray(array, "<i8").tobytes())
        return digest.digest()

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for a file."""
        arrays: dict[str, NDArray[Any]] = {name: np.ascontiguousarray(getattr(self, name)) for name in _LABELS}
        arrays["n_periods"] = np.array([self.n_periods], np.int64)
        return arrays if self.sample is None else arrays | self.sample.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Claims":
        """Make claims of what `to_arrays` gave."""
        region, period = (arrays[name] for name in _LABELS)
        return cls(region, period, int(arrays["n_periods"][0]), RowSample.from_arrays(arrays))
