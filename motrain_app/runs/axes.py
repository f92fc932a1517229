"""Where and when the rows of a block are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill import day_of_year


@dataclass(frozen=True)
class Axes:
    """Where and when the rows of a block are.

    Attributes
    ----------
    cell, time
        int32, shape (rows,): indices into the dataset's `space` and `time`.
    times
        datetime64, shape (n_time,).
    """

    cell: NDArray[np.int32]
    time: NDArray[np.int32]
    times: NDArray[np.datetime64]

    @property
    def day_of_year(self) -> NDArray[np.float64]:
        """Day of the year, 1 to 366 with fractions, of each row."""
        return np.asarray(day_of_year(self.times)[self.time])

    def part(self, rows: slice | NDArray[np.integer]) -> "Axes":
        """Return the axes of some of the rows."""
        return Axes(self.cell[rows], self.time[rows], self.times)
