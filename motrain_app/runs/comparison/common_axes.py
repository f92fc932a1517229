"""Which cells and times of another run are those of a run, in whatever order their files hold them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from motrain_app.data.matching import on_sphere
from motrain_app.runs.errors import RunError
from motrain_app.runs.plan import Plan

Numbers = NDArray[np.int64]
EARTH_RADIUS = 6_371_000.0  # metres
SAME_PLACE = 1.0  # metres; the rounding of a longitude to float32 moves a cell by up to 0.85


@dataclass(frozen=True, eq=False)
class CommonAxes:
    """The cells and times of a run that another run has too.

    Attributes
    ----------
    cell, time
        int64, one entry a cell and a time of the run: which one of the other run it is, −1 where it has none.
    n_cells, n_times
        How many the other run has.
    """

    cell: Numbers
    time: Numbers
    n_cells: int
    n_times: int

    @cached_property
    def alike(self) -> bool:
        """Whether both have the same cells and times in the same order, so that a row has one key in both."""
        pairs = (self.cell, self.n_cells), (self.time, self.n_times)
        return all(np.array_equal(numbers, np.arange(n)) for numbers, n in pairs)

    def keys(self, key: Numbers) -> Numbers:
        """Return the keys by which the other run knows rows (cell × number of times + time), −1 where it cannot."""
        if self.alike:
            return key
        cell, time = self.cell[key // len(self.time)], self.time[key % len(self.time)]
        return np.where((cell >= 0) & (time >= 0), cell * self.n_times + time, -1)

    def words(self) -> str:
        """Say how much is common."""
        if self.alike:
            return "all cells and times are common"
        cells, times = (int((numbers >= 0).sum()) for numbers in (self.cell, self.time))
        return (
            f"{cells:,} of {len(self.cell):,} and {self.n_cells:,} cells and {times:,} of {len(self.time):,} and "
            f"{self.n_times:,} times are common"
        )


def match_axes(one: Plan, other: Plan, names: str) -> CommonAxes:
    """Find the cells of two runs that lie within a metre of each other, and the times that are equal.

    A cell that lies where another of its own file lies is common to nothing: which is which cannot be told.

    Parameters
    ----------
    one, other
        Plans of the runs.
    names
        Of the runs, for messages.

    Raises
    ------
    RunError
        Where no cell or no time is common.
    """
    axes = CommonAxes(_cells(one, other), _times(one.time, other.time), len(other.lat), len(other.time))
    if not (axes.cell >= 0).any():
        raise RunError(
            f"{names} have no cell in common: none of the {len(one.lat):,} and {len(other.lat):,} cells lies within "
            "a metre of one of the other run. Compare runs on the same cells."
        )
    if not (axes.time >= 0).any():
        raise RunError(
            f"{names} have no time in common: one has {_span(one.time)}, the other {_span(other.time)}. Compare runs "
            "on the same times."
        )
    return axes


def _cells(one: Plan, other: Plan) -> Numbers:
    if np.array_equal(one.lat, other.lat) and np.array_equal(one.lon, other.lon):
        return np.arange(len(one.lat))
    mine, theirs = on_sphere(one.lat, one.lon), on_sphere(other.lat, other.lon)
    there, back = _only_neighbours(mine, theirs), _only_neighbours(theirs, mine)
    return np.where((there >= 0) & (back[there] == np.arange(len(there))), there, -1)


def _only_neighbours(points: NDArray[np.float64], others: NDArray[np.float64]) -> Numbers:
    """Return the one point of others that lies within a metre of each; −1 where there is none, or several."""
    from scipy.spatial import cKDTree  # slow to import, and rarely needed

    distance, at = cKDTree(others).query(points, k=2, distance_upper_bound=SAME_PLACE / EARTH_RADIUS)
    found: Numbers = np.where(np.isfinite(distance[:, 0]) & np.isinf(distance[:, 1]), at[:, 0], -1).astype(np.int64)
    return found


def _times(one: NDArray[np.datetime64], other: NDArray[np.datetime64]) -> Numbers:
    found = np.full(len(one), -1, np.int64)
    _, mine, theirs = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    found[mine] = theirs
    return found


def _span(time: NDArray[np.datetime64]) -> str:
    first, last = time[[0, -1]].astype("datetime64[s]")
    return f"{len(time):,} times from {first} to {last}"
