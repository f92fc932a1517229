"""How long the bootstrap's blocks must be in each of many cells, by the memory of its own errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.block_length import BlockLength, block_length
from motrain_app.skill.moments import FloatArray, divide

__all__ = ["CellDays", "CellLength", "cell_lengths"]


@dataclass(frozen=True, slots=True, eq=False)
class CellLength:
    """Length of blocks, and the days of which they miss the variance; each of shape (cells)."""

    days: FloatArray
    leakage: FloatArray

    @classmethod
    def longest(cls, found: BlockLength) -> CellLength:
        """That of the series that asks for most, which are the first axis."""
        return cls(found.days.max(axis=0), found.leakage.max(axis=0))

    def where(self, chosen: NDArray[np.bool_], other: CellLength) -> CellLength:
        """Lengths of which some cells have these, and those that are left have others."""
        pairs = (self.days, other.days), (self.leakage, other.leakage)
        return CellLength(*(np.where(chosen, *pair) for pair in pairs))


@dataclass(frozen=True, slots=True, eq=False)
class CellDays:
    """Which day of which cell a row belongs to.

    Parameters
    ----------
    number
        Cell times the number of days, plus day; shape (rows).
    n_cells, n_days
        How many there are.
    """

    number: NDArray[np.integer[Any]]
    n_cells: int
    n_days: int

    def sums(self, values: FloatArray | NDArray[np.bool_]) -> FloatArray:
        """Sums over each day, [cells, days]."""
        found = np.bincount(self.number, values, self.n_cells * self.n_days)
        return np.asarray(found, np.float64).reshape(self.n_cells, self.n_days)


def cell_lengths(
    error: FloatArray, others: Mapping[str, FloatArray], day: CellDays
) -> tuple[CellLength, dict[str, CellLength]]:
    """Return the lengths of scores, and of the comparisons with each baseline.

    They are those of `motrain_app.skill.score_outputs` of each cell by itself: from its errors, their squares and the
    loss differences to the baselines that have all its rows. A comparison with one that misses some has its own.

    Parameters
    ----------
    error
        Of the prediction, shape (rows).
    others
        Errors of the baselines, likewise; NaN for gaps.
    day
        Of the rows.
    """
    weight = day.sums(np.ones(len(error)))
    of_error, of_square = day.sums(error), day.sums(np.square(error))
    series = [_centred(of_error, weight), _centred(of_square, weight)]
    incomplete: dict[str, tuple[NDArray[np.bool_], CellLength]] = {}
    for name, other in others.items():
        known = ~np.isnan(other)
        theirs = day.sums(np.where(known, np.square(other), 0.0))
        if known.all():
            series.append(_difference(of_square, theirs))
            continue
        there = day.sums(known)
        mine, squared = (day.sums(np.where(known, one, 0.0)) for one in (error, np.square(error)))
        difference = _difference(squared, theirs)
        its = block_length(_finite([_centred(mine, there), _centred(squared, there), difference]), there > 0)
        whole = (there == weight).all(axis=1)
        series.append(np.where(whole[:, None], difference, 0.0))
        incomplete[name] = whole, CellLength.longest(its)
    plain = CellLength.longest(block_length(_finite(series), weight > 0))
    return plain, {name: plain.where(*incomplete[name]) if name in incomplete else plain for name in others}


def _centred(sums: FloatArray, weight: FloatArray) -> FloatArray:
    """Return what each day adds to a mean, up to a factor."""
    return sums - weight * divide(sums.sum(axis=1), weight.sum(axis=1))[:, None]


def _difference(mine: FloatArray, theirs: FloatArray) -> FloatArray:
    """Return what each day adds to the skill over a baseline, up to a factor; see `motrain_app.skill.intervals`."""
    return mine - theirs * divide(mine.sum(axis=1), theirs.sum(axis=1))[:, None]


def _finite(series: list[FloatArray]) -> FloatArray:
    """Bring series together, [series, cells, days]; an infinite error is a matter of its own cell, without a length."""
    return np.nan_to_num(np.stack(series), posinf=0.0, neginf=0.0)
