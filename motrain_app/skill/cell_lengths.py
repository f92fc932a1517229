"""How long the bootstrap's blocks must be in each of many cells, by the memory of its own errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.block_length import BlockLength, block_length
from motrain_app.skill.cell_days import CellDays
from motrain_app.skill.moments import FloatArray, divide
from motrain_app.skill.near_days import near_days

__all__ = ["CellLength", "cell_lengths"]


@dataclass(frozen=True, slots=True, eq=False)
class CellLength:
    """Length of blocks, and the days of which they miss the variance; each of shape (cells)."""

    days: FloatArray
    leakage: FloatArray

    @classmethod
    def unknown(cls, n_cells: int) -> CellLength:
        """None known yet."""
        return cls(*np.full((2, n_cells), np.nan))

    @classmethod
    def longest(cls, found: BlockLength) -> CellLength:
        """That of the series that asks for most, which are the first axis."""
        return cls(found.days.max(axis=0), found.leakage.max(axis=0))

    def where(self, chosen: NDArray[np.bool_], other: CellLength) -> CellLength:
        """Lengths of which some cells have these, and those that are left have others."""
        pairs = (self.days, other.days), (self.leakage, other.leakage)
        return CellLength(*(np.where(chosen, *pair) for pair in pairs))

    def of(self, cells: NDArray[np.integer[Any]]) -> CellLength:
        """Those of some cells."""
        return CellLength(self.days[cells], self.leakage[cells])

    def put(self, cells: NDArray[np.integer[Any]], found: CellLength) -> None:
        """Write down those of some cells."""
        self.days[cells], self.leakage[cells] = found.days, found.leakage


def cell_lengths(error: FloatArray, others: Mapping[str, FloatArray], days: CellDays) -> CellLength:
    """Return the lengths in some cells: those of `motrain_app.skill.score_outputs` of each cell by itself.

    They come from its errors, their squares and the loss differences to the baselines that have all its rows, with
    absurd days cut down. For a comparison with one that misses some, ask with the rows that it has, and it alone.

    Parameters
    ----------
    error
        Of the prediction, shape (all rows).
    others
        Errors of the baselines, likewise; NaN for gaps.
    days
        Of the cells.
    """
    error = error[days.rows]
    weight, *of_mine = (days.sums(one) for one in (np.ones(len(error)), error, np.square(error)))
    of_error, of_square = near_days(np.stack(of_mine), weight)
    series = [_centred(of_error, weight), _centred(of_square, weight)]
    for other in others.values():
        theirs = other[days.rows]
        known = ~np.isnan(theirs)
        whole = (days.sums(known) == weight).all(axis=1)
        of_theirs = near_days(days.sums(np.where(known, np.square(theirs), 0.0)), weight)
        series.append(np.where(whole[:, None], _difference(of_square, of_theirs), 0.0))
    return CellLength.longest(block_length(_finite(series), weight))


def _centred(sums: FloatArray, weight: FloatArray) -> FloatArray:
    """Return what each day adds to a mean, up to a factor."""
    return sums - weight * divide(sums.sum(axis=1), weight.sum(axis=1))[:, None]


def _difference(mine: FloatArray, theirs: FloatArray) -> FloatArray:
    """Return what each day adds to the skill over a baseline, up to a factor; see `motrain_app.skill.intervals`."""
    return mine - theirs * divide(mine.sum(axis=1), theirs.sum(axis=1))[:, None]


def _finite(series: list[FloatArray]) -> FloatArray:
    """Bring series together, [series, cells, days]; an infinite error is a matter of its own cell, without a length."""
    return np.nan_to_num(np.stack(series), posinf=0.0, neginf=0.0)
