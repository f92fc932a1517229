"""Blocks of rows that a bootstrap draws whole: stretches of time, or groups such as squares of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from motrain_app.skill.moments import FloatArray, Moments, divide
from motrain_app.skill.registry import Score

__all__ = ["Blocks", "bootstrap_moments", "group_blocks", "influence", "time_blocks"]

# Starts of blocks lie on a grid of a quarter of a block: nearly as good as every day, and few enough sums.
_PARTS = 4
_MAX_PARTS = 256
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


def time_blocks(daily: Moments, *, days: float) -> Blocks:
    """Overlapping blocks of at least `days` calendar days; the end of the record joins its beginning.

    Parameters
    ----------
    daily
        Shape (..., days), one entry a calendar day, without empty days at either end.
    days
        Length asked for. The blocks are as much longer as makes the record a whole number of blocks, and at
        least 1/256 of it.
    """
    n_days = daily.shape[-1]
    per_replicate = int(np.clip(n_days // days, 1, _MAX_PARTS))
    parts = min(_PARTS, max(1, _MAX_PARTS // per_replicate), max(1, n_days // per_replicate))
    starts = per_replicate * parts
    edges = -(-np.arange(starts) * n_days // starts)
    total = daily.merged()
    common = daily.rebased(total.shift[..., None])
    pieces = np.add.reduceat(common.sums, edges, axis=-1)
    sums = pieces.copy()
    for later in range(1, parts):
        sums += np.roll(pieces, -later, axis=-1)
    shift = np.broadcast_to(total.shift[..., None], (*total.shift.shape, starts))
    effective = _even_number(pieces[0]) / parts
    return Blocks(Moments(sums, shift), total, per_replicate, n_days / per_replicate, effective)


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
    return Blocks(common, total, kept.shape[-1], np.nan, _even_number(kept.weight))


def _even_number(weight: FloatArray) -> FloatArray:
    return np.nan_to_num(divide(weight.sum(axis=-1) ** 2, (weight**2).sum(axis=-1)), nan=0.0)


def bootstrap_moments(blocks: Blocks, *, replicates: int, rng: np.random.Generator) -> Moments:
    """Moments of replicates that draw blocks with replacement; shape (..., replicates)."""
    starts = blocks.moments.shape[-1]
    drawn = rng.integers(0, starts, size=replicates * blocks.per_replicate, dtype=np.int32)
    # One row a replicate. As a sparse matrix it is never written out, and the order of its sums does not
    # depend on the linear algebra library or its threads.
    ends = np.arange(replicates + 1, dtype=np.int32) * blocks.per_replicate
    counts = csr_array((np.ones(drawn.size), drawn, ends), shape=(replicates, starts))
    return blocks.moments.resampled(counts)
