"""The rows that are to be scored, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.skill.moments import FloatArray

__all__ = ["GivenRows"]


@dataclass(frozen=True, slots=True, eq=False)
class GivenRows:
    """Rows of the outputs of one partition.

    Parameters
    ----------
    observed, predicted
        [outputs, rows], NaN for gaps.
    baselines
        By name, each likewise.
    time
        Shape (rows).
    cell
        0 … n_cells − 1, shape (rows).
    n_cells
        Number of cells; 1 without a row.
    within
        1 or 0, whether a row lies in its interval, NaN without one, [outputs, rows]; None where that is not known.
    """

    observed: FloatArray
    predicted: FloatArray
    baselines: Mapping[str, FloatArray]
    time: NDArray[np.datetime64]
    cell: NDArray[np.integer[Any]]
    n_cells: int
    within: FloatArray | None

    @classmethod
    def of(
        cls,
        observed: ArrayLike,
        predicted: ArrayLike,
        baselines: Mapping[str, ArrayLike],
        time: NDArray[np.datetime64],
        cell: NDArray[np.integer[Any]] | None,
        within: ArrayLike | None,
    ) -> GivenRows:
        """Take what `motrain_app.skill.sum_outputs` takes.

        Raises
        ------
        ValueError
            If shapes do not agree, or times or cells are none.
        """
        o, p = (np.atleast_2d(np.asarray(one, dtype=np.float64)) for one in (observed, predicted))
        others = {name: np.atleast_2d(np.asarray(b, dtype=np.float64)) for name, b in baselines.items()}
        hits = None if within is None else np.atleast_2d(np.asarray(within, dtype=np.float64))
        time, cell = np.asarray(time), np.zeros(o.shape[-1], np.int64) if cell is None else np.asarray(cell)
        shapes = [("predicted", p.shape), *((name, b.shape) for name, b in others.items())]
        shapes += [] if hits is None else [("within", hits.shape)]
        for name, shape in shapes:
            if shape != o.shape:
                raise ValueError(f"{name} has shape {shape}, but observed has {o.shape}: outputs × rows")
        for name, array, kind in (("time", time, np.datetime64), ("cell", cell, np.integer)):
            if array.shape != o.shape[1:] or not np.issubdtype(array.dtype, kind):
                raise ValueError(
                    f"{name} is {array.dtype} of shape {array.shape}: give {kind.__name__}, one for each of the "
                    f"{o.shape[1]} rows"
                )
        n_cells, place = _numbered(cell)
        return cls(o, p, others, time, place, n_cells, hits)

    def of_outputs(self, some: slice) -> GivenRows:
        """Return those of some outputs."""
        return replace(
            self,
            observed=self.observed[some],
            predicted=self.predicted[some],
            baselines={name: values[some] for name, values in self.baselines.items()},
            within=None if self.within is None else self.within[some],
        )


def _numbered(cell: NDArray[np.integer[Any]]) -> tuple[int, NDArray[np.integer[Any]]]:
    """Return the number of cells, and the cell of each row as 0 … n − 1."""
    if not len(cell) or (cell == cell[0]).all():
        return 1, np.zeros(len(cell), np.int64)
    cells, place = np.unique(cell, return_inverse=True)
    return len(cells), place
