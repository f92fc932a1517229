"""Cells on rows and columns of a regular or stretched grid, with or without holes: found by two binary searches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SAME = 2e-4  # degrees: what float32 and text files make of one latitude differs by less
_WIDER_IS_A_GAP = 1.6  # times the spacing on the other side of a cell
_FARTHER_IS_ALONE = 3.0  # times the middle spacing


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """
    The rows (or columns) of a lattice, and how far the cells of each reach.

    Attributes
    ----------
    centres
        Degrees, ascending, shape (n,).
    low, high
        Degrees from the centre to the edges below and above, shape (n,).
    turn
        360 for longitude, which has no ends; 0 for latitude.
    """

    centres: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    turn: float

    @classmethod
    def through(cls, centres: NDArray[np.float64], *, turn: float) -> Axis:
        """
        Return the axis through these centres (two or more, ascending).

        A cell reaches half way to its neighbour. Where the neighbour is missing, as at the end of the axis or
        beside a gap, it reaches as far as on its other side; a cell alone among gaps, half the middle spacing.
        """
        gaps = np.diff(centres)
        usual = float(np.median(gaps))
        around = centres[0] + turn - centres[-1] if turn else np.inf
        before, after = np.concatenate([[around], gaps]), np.concatenate([gaps, [around]])
        near = np.minimum(before, after)
        near = np.where(near > _FARTHER_IS_ALONE * usual, usual, near)
        low, high = (np.where(gap > _WIDER_IS_A_GAP * near, near, gap) / 2 for gap in (before, after))
        return cls(centres, low, high, turn)

    @property
    def spacing(self) -> float:
        """Degrees between neighbours, in the middle of all."""
        return float(np.median(np.diff(self.centres)))

    def find(self, degrees: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return for each position the number of the row that reaches it, or −1."""
        centres, numbers = self.centres, np.arange(len(self.centres))
        if self.turn:
            degrees = np.mod(degrees - centres[0], self.turn) + centres[0]
            # The first cell once more after the last: what lies between them belongs to one of both.
            centres, numbers = np.append(centres, centres[0] + self.turn), np.append(numbers, 0)
        place = np.searchsorted((centres[:-1] + centres[1:]) / 2, degrees, side="right")
        # Half way between two neighbours lies at the edge of both; rounding must open no seam there.
        slack = 1e-9
        offset = degrees - centres[place]
        found = numbers[place]
        inside = (offset >= -self.low[found] - slack) & (offset <= self.high[found] + slack)
        inside &= np.isfinite(degrees)
        return np.where(inside, found, -1)


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """
    Rows and columns, and which cell stands where they cross.

    Attributes
    ----------
    rows, columns
        The axes of latitude and of longitude.
    table
        Cell numbers, int32, shape (n_rows, n_columns); −1 where there is no cell.
    """

    rows: Axis
    columns: Axis
    table: NDArray[np.int32]

    @classmethod
    def find(cls, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> Lattice | None:
        """
        Return the lattice on which the cells stand, or None if they stand anyhow.

        Few cells are only believed to be a lattice when they fill half of its places; many, also when they are
        the land (or the coast) of one. Places held by two cells go to the one with the lower number.

        Parameters
        ----------
        lat, lon
            Degrees, shape (n_cells,). Cells without a position have NaN and stand nowhere.
        """
        known = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon))
        if len(known) < 4:
            return None
        row_centres, row = _levels(lat[known])
        column_centres, column = _levels(_unrolled(lon[known]))
        places = len(row_centres) * len(column_centres)
        least = 0.5 if len(known) < 64 else 0.15 if len(known) < 1000 else 0.03
        if min(len(row_centres), len(column_centres)) < 2 or len(known) < least * places:
            return None
        table = np.full((len(row_centres), len(column_centres)), np.iinfo(np.int32).max, np.int32)
        np.minimum.at(table, (row, column), known.astype(np.int32))
        table[table == np.iinfo(np.int32).max] = -1
        if np.count_nonzero(table >= 0) < 0.9 * len(known):
            return None  # too many cells in one place: levels that are a smear of unequal positions
        return cls(Axis.through(row_centres, turn=0.0), Axis.through(column_centres, turn=360.0), table)

    def at(self, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the cell at each crossing of these rows and columns, shape (len(lat), len(lon)); −1 for none."""
        row, column = self.rows.find(lat), self.columns.find(lon)
        # One more row and column of −1, which the number −1 of what lies outside means.
        framed = np.pad(self.table, ((0, 1), (0, 1)), constant_values=-1)
        return framed[row[:, None], column[None, :]]


def _unrolled(lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitudes that begin after the widest gap, so that neighbours over the antimeridian are neighbours."""
    turned = np.mod(lon, 360.0)
    levels = np.unique(np.round(turned, 6))
    widest = int(np.argmax(np.diff(levels, append=levels[0] + 360.0)))
    first = levels[(widest + 1) % len(levels)] - _SAME
    return np.mod(turned - first, 360.0) + first


def _levels(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the distinct values, those that differ by rounding taken as one, and the level of each value."""
    ordered = np.unique(values)
    starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > _SAME)
    centres = ordered[starts]
    return centres, np.searchsorted(centres, values, side="right") - 1
