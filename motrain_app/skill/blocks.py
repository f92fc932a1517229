"""Blocks of rows that a bootstrap draws whole: stretches of time, or groups such as squares of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from motrain_app.skill.moments import FloatArray, Moments, divide
from motrain_app.skill.registry import Score

__all__ = [
    "Blocks",
    "DayBlocks",
    "Draws",
    "blocks_within",
    "bootstrap_moments",
    "even_number",
    "group_blocks",
    "influence",
    "shared_counts",
    "time_blocks",
]

Draws = np.random.Generator | int | tuple[int, ...]
"""A source of random draws; or a key, whose draws are made once for all that are cut into as many blocks."""

# Starts of blocks lie on a grid of a quarter of a block: nearly as good as every day, and few enough sums.
_PARTS = 4
_MAX_PARTS = 256
# Numbers of blocks in a replicate: few enough that most partitions share theirs, and so the draws.
_TENTH_MORE = (18, 20, 22, 24, 27, 30, 33, 36, 40, 44, 48, 54, 60, 66, 72, 80, 88, 96, 106, 116, 128, 140, 154, 170)
_NUMBERS = np.array([*range(1, 17), *_TENTH_MORE, 188, 206, 228, _MAX_PARTS])
# Relative step of a derivative by central differences: its error, of order 10⁻⁸, is far below the noise.
_STEP = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Moments of overlapping blocks, and how many make one replicate.

    Parameters
    ----------
    moments
        Moments of each block; shape (..., starts), blocks last.
    total
        Moments of all rows; shape (...).
    per_replicate
        Number of blocks that are drawn for one replicate.
    days
        Length of a block in days; NaN where blocks are no stretches of time.
    effective
        Number of blocks that an even spread of the rows would need for the same information:
        (Σn)²/Σn² over blocks. Empty winters and thin years count for less. Shape (...).
    """

    moments: Moments
    total: Moments
    per_replicate: int
    days: float
    effective: FloatArray


def influence(total: Moments, parts: Moments, statistics: Sequence[Score]) -> FloatArray:
    """What each part adds to each statistic, to first order (infinitesimal jackknife, Jaeckel 1972).

    A score is a smooth function of sums, so its derivative times the sums of a part is the part's influence:
    for a bias the centred sum of errors, for an RMSE that of squared errors, for a difference of two MSE that
    of loss differences. So one rule finds the block length of every score.

    Parameters
    ----------
    total
        Shape ().
    parts
        Shape (parts), about the shift of `total`: days, years, cells.
    statistics
        Functions of `Moments`.

    Returns
    -------
    numpy.ndarray
        Shape (statistics, parts), summing to 0; all 0 where a statistic has no derivative.
    """
    size = np.abs(parts.sums).sum(axis=-1)
    step = np.diag(np.where(size > 0, _STEP * size, 1.0))
    around = total.sums[:, None] + np.concatenate([step, -step], axis=1)
    shifted = Moments(around, np.broadcast_to(total.shift[:, None], (len(total.shift), around.shape[1])))
    values = np.stack([statistic(shifted) for statistic in statistics])
    above, below = np.split(values, 2, axis=1)
    slope = (above - below) / (2 * np.diag(step))
    change: FloatArray = np.where(np.isfinite(slope), slope, 0.0) @ parts.sums
    # A score of means does not change when all rows are doubled, so this removes rounding only.
    centred: FloatArray = change - change.sum(axis=-1, keepdims=True) * (parts.weight / parts.weight.sum())
    return centred


@dataclass(frozen=True, slots=True)
class DayBlocks:
    """How a stretch of days is cut into overlapping blocks; the end of the record joins its beginning.

    Parameters
    ----------
    n_days
        Days of the record.
    per_replicate
        Blocks that make one replicate.
    parts
        Pieces that make a block: a block begins at every piece.
    """

    n_days: int
    per_replicate: int
    parts: int

    @classmethod
    def of_length(cls, n_days: int, days: float) -> DayBlocks:
        """Cut a record into blocks of at least so many days.

        They are as much longer as makes the record a whole number of blocks, one of some sixty such numbers, and at
        least 1/256 of it.
        """
        per_replicate = int(blocks_within(n_days, days))
        return cls(
            n_days, per_replicate, min(_PARTS, max(1, _MAX_PARTS // per_replicate), max(1, n_days // per_replicate))
        )

    @property
    def days(self) -> float:
        """Length of a block in days."""
        return self.n_days / self.per_replicate

    @property
    def starts(self) -> int:
        """Number of blocks, one a piece."""
        return self.per_replicate * self.parts

    @property
    def edges(self) -> NDArray[np.int64]:
        """First day of each piece, shape (starts)."""
        return -(-np.arange(self.starts) * self.n_days // self.starts)

    def piece(self, day: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the piece that each day, 0 … n_days − 1, lies in."""
        return np.searchsorted(self.edges, day, "right") - 1

    def overlapping(self, pieces: FloatArray) -> FloatArray:
        """Return the sums of blocks from those of pieces, which are the last axis."""
        sums = pieces.copy()
        for later in range(1, self.parts):
            sums += np.roll(pieces, -later, axis=-1)
        return sums


def blocks_within(n_days: int, days: FloatArray | float) -> NDArray[np.int64]:
    """Return into how many blocks of at least so many days `DayBlocks` cuts a record; the shape of `days`."""
    most = np.clip(n_days // np.asarray(days), 1, _MAX_PARTS)
    return np.asarray(_NUMBERS[np.searchsorted(_NUMBERS, most, "right") - 1])


def time_blocks(daily: Moments, *, days: float) -> Blocks:
    """Overlapping blocks of at least `days` calendar days; see `DayBlocks.of_length`.

    Parameters
    ----------
    daily
        Shape (..., days), one entry a calendar day, without empty days at either end.
    days
        Length asked for.
    """
    cut = DayBlocks.of_length(daily.shape[-1], days)
    total = daily.merged()
    pieces = np.add.reduceat(daily.rebased(total.shift[..., None]).sums, cut.edges, axis=-1)
    shift = np.broadcast_to(total.shift[..., None], (*total.shift.shape, cut.starts))
    effective = even_number(pieces[0]) / cut.parts
    return Blocks(Moments(cut.overlapping(pieces), shift), total, cut.per_replicate, cut.days, effective)


def group_blocks(groups: Moments) -> Blocks:
    """Blocks that are groups of rows, such as squares of ten degrees or years, drawn independently.

    Parameters
    ----------
    groups
        Shape (..., groups). Groups that are empty everywhere are left out.
    """
    filled = groups.weight.reshape(-1, groups.shape[-1]).any(axis=0)
    kept = groups[..., filled]
    total = kept.merged()
    common = kept.rebased(total.shift[..., None])
    return Blocks(common, total, kept.shape[-1], np.nan, even_number(kept.weight))


def even_number(weight: FloatArray) -> FloatArray:
    """Return how many equal weights, on the last axis, would tell as much: (Σw)²/Σw²."""
    return np.nan_to_num(divide(weight.sum(axis=-1) ** 2, (weight**2).sum(axis=-1)), nan=0.0)


def bootstrap_moments(blocks: Blocks, *, replicates: int, rng: Draws) -> Moments:
    """Moments of replicates that draw blocks with replacement; shape (..., replicates)."""
    cut = blocks.moments.shape[-1], blocks.per_replicate
    if isinstance(rng, np.random.Generator):
        return blocks.moments.resampled(_counts(*cut, replicates, rng))
    return blocks.moments.resampled(shared_counts(cut, replicates, rng))


def _counts(starts: int, per_replicate: int, replicates: int, rng: np.random.Generator) -> csr_array:
    """Draw how often each block stands in each replicate, one row a replicate.

    As a sparse matrix it is never written out, and the order of its sums depends neither on the linear algebra library
    nor on its threads.
    """
    drawn = rng.integers(0, starts, size=replicates * per_replicate, dtype=np.int32)
    ends = np.arange(replicates + 1, dtype=np.int32) * per_replicate
    return csr_array((np.ones(drawn.size), drawn, ends), shape=(replicates, starts))


@lru_cache(maxsize=64)  # a few MB each; thousands of partitions share them
def shared_counts(cut: tuple[int, int], replicates: int, key: int | tuple[int, ...]) -> csr_array:
    """Return the draws of a key: the same for all that are cut into as many blocks.

    Parameters
    ----------
    cut
        Number of blocks, and how many make a replicate.
    key
        Entropy of the random numbers.
    """
    return _counts(*cut, replicates, np.random.default_rng(key))
