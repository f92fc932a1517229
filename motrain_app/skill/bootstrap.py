"""Intervals of scores by a block bootstrap over calendar days, the cells of a block together.

Errors of one day resemble those of the next and of the neighbouring cell, so rows are no independent draws.
Whole blocks of days, with all their cells, are drawn with replacement; within a block the dependence stays as
it is. Rows are summed to days once, days to blocks; a replicate is a sum of block moments, so that a thousand
replicates of all scores are one matrix product.

Percentiles of the replicates alone cover too little: 90–95 % where 95 % are claimed. They are widened

* by the quantiles of Student's t for the number of blocks in place of the normal ones (Hesterberg 2015);
* for the covariance between neighbouring blocks, which a block bootstrap misses; its share of the variance is
  estimated from the autocovariances that also give the block length.

On AR(1) errors with 45 to 220 blocks the intervals of bias and RMSE then cover 93–97 %. Of few rows they cover less:
of ten independent ones that of the RMSE covers 90 %, of thirty 94 %. Worse, the memory of errors that last longer than
a tenth of the series is often estimated too short, and then there is an interval where none should be: of 365 days of
AR(1) errors with φ = 0.95, worth nine independent rows, half have one, which covers 84 % (bias) and 82 % (RMSE). A
higher limit to the number of blocks, or of independent rows, leaves the worst of these: the shorter memory seems, the
more there seem to be. Corrections for bias
and skewness (BCa) were tried: they changed the coverage by less than 1 %, but made intervals of a few
heavy-tailed groups lopsided.

References
----------
Künsch, H. R. (1989): The jackknife and the bootstrap for general stationary observations. Ann. Stat. 17,
1217–1241, doi:10.1214/aos/1176347265.

Politis, D. N., Romano, J. P. (1992): A circular block-resampling procedure for stationary data. In LePage,
R., Billard, L. (eds): Exploring the Limits of Bootstrap, Wiley, 263–270.

Hesterberg, T. C. (2015): What teachers should know about the bootstrap. The American Statistician 69,
371–386, doi:10.1080/00031305.2015.1089789.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit

from motrain_app.skill.block_length import BlockLength, block_length
from motrain_app.skill.blocks import Draws, bootstrap_moments, group_blocks, influence, time_blocks
from motrain_app.skill.moments import FloatArray, Moments
from motrain_app.skill.near_days import near_moments
from motrain_app.skill.registry import Score

__all__ = [
    "MIN_BLOCKS",
    "Intervals",
    "bootstrap",
    "bootstrap_groups",
    "bootstrap_interval",
    "bootstrap_p",
    "influences",
    "widening",
]

MIN_BLOCKS = 10.0
# A missing share of the variance over one half is a guess; the blocks are too short to be mended.
_MAX_MISSING = 0.5
# Where more replicates than this have no value, an interval of the others would claim too much.
_MAX_UNDEFINED = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Statistics with their intervals; NaN where there are too few blocks.

    Parameters
    ----------
    value, low, high
        Shape (statistics), each in the unit of its statistic.
    block_days
        Length of a block in days; NaN without a row.
    blocks
        Effective number of blocks.
    p
        Two-sided p-value of each statistic being 0; shape (statistics), NaN where there is no interval. It tells
        something of statistics that are 0 where nothing is to be found: a bias, a difference, a skill.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    block_days: float
    blocks: float
    p: FloatArray


def bootstrap_interval(
    replicates: FloatArray, *, blocks: FloatArray | float, missing: FloatArray | float = 0.0, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Widened percentile intervals of statistics.

    The percentiles are those of Φ(±t √(B/(B − 1)/(1 − missing))), with B the effective number of blocks and t
    the quantile of Student's distribution with B − 1 degrees of freedom.

    Parameters
    ----------
    replicates
        Values in the replicates, NaN where there is none; shape (statistics, replicates).
    blocks
        Effective number of blocks, of all or of each, shape (statistics); under 10 there is no interval.
    missing
        Share of the variance that the blocks miss, likewise; taken as at most one half.
    level
        Nominal coverage.

    Returns
    -------
    tuple
        Lower and upper ends, each of shape (statistics); NaN where there is no interval, also where over a
        tenth of the replicates have no value.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = bootstrap_interval(np.arange(1000.0)[None], blocks=1e6)
    >>> low.round(), high.round()
    (array([24.]), array([975.]))
    """
    n_statistics, n_replicates = replicates.shape
    enough = np.asarray(blocks) >= MIN_BLOCKS
    if not enough.any():
        return np.full(n_statistics, np.nan), np.full(n_statistics, np.nan)
    blocks = np.where(enough, blocks, MIN_BLOCKS)
    ordered = np.sort(replicates, axis=-1)  # NaN last
    known = (~np.isnan(ordered)).sum(axis=-1)
    enough = enough & ~np.isinf(ordered).any(axis=-1)
    reach = stdtrit(blocks - 1, (1 + level) / 2) * np.sqrt(widening(blocks, missing))
    ends = []
    for share in (ndtr(-reach), ndtr(reach)):
        position = np.clip(share * (known + 1) - 1, 0, np.maximum(known - 1, 0))
        first = position.astype(np.intp)
        both = np.minimum(np.stack([first, first + 1], axis=-1), np.maximum(known - 1, 0)[:, None])
        before, after = np.take_along_axis(ordered, both, axis=-1).T
        end = before + (position - first) * (after - before)
        ends.append(np.where(enough & (known >= (1 - _MAX_UNDEFINED) * n_replicates), end, np.nan))
    return ends[0], ends[1]


def bootstrap_p(
    value: FloatArray,
    replicates: FloatArray,
    *,
    blocks: FloatArray | float,
    missing: FloatArray | float = 0.0,
) -> FloatArray:
    """Two-sided p-values of statistics being 0.

    The value over the standard deviation of its replicates, widened as the interval is, against Student's distribution
    with B − 1 degrees of freedom: for a difference of losses the test of Diebold and Mariano (1995), with the variance
    of the bootstrap.

    Parameters
    ----------
    value
        Values in all rows; shape (statistics).
    replicates, blocks, missing
        As in `bootstrap_interval`.

    Returns
    -------
    numpy.ndarray
        Shape (statistics); 1 where value and replicates are all 0, NaN where there is no interval.

    References
    ----------
    Diebold, F. X., Mariano, R. S. (1995): Comparing predictive accuracy. J. Bus. Econ. Stat. 13, 253–263,
    doi:10.1080/07350015.1995.10524599.

    Examples
    --------
    >>> import numpy as np
    >>> replicates = np.array([np.linspace(-1, 1, 1000)])
    >>> [round(float(bootstrap_p(np.array([v]), replicates, blocks=30.0)[0]), 3) for v in (0.0, 0.5, 1.2, 2.5)]
    [1.0, 0.402, 0.05, 0.0]
    """
    known = ~np.isnan(replicates)
    blocks, missing = (np.broadcast_to(one, value.shape) for one in (blocks, missing))
    usable = (known.sum(axis=-1) >= (1 - _MAX_UNDEFINED) * replicates.shape[-1]) & np.isfinite(value)
    usable &= (blocks >= MIN_BLOCKS) & ~np.isinf(replicates).any(axis=-1)
    p = np.full(len(value), np.nan)
    if not usable.any():
        return p
    spread = np.nanstd(replicates[usable], axis=-1) * np.sqrt(widening(blocks[usable], missing[usable]))
    with np.errstate(divide="ignore", invalid="ignore"):  # without any spread a value is nothing, or certain
        distance = np.where(value[usable] == 0, 0.0, np.abs(value[usable]) / spread)
    p[usable] = 2 * stdtr(blocks[usable] - 1, -distance)
    return p


def widening(blocks: FloatArray | float, missing: FloatArray | float) -> FloatArray:
    """Return by how much the variance of replicates is too small: for few blocks, and for what blocks miss.

    Parameters
    ----------
    blocks
        Effective number of blocks, over 1.
    missing
        Share of the variance that the blocks miss; taken as at most one half.
    """
    return np.asarray(blocks / ((blocks - 1) * (1 - np.minimum(missing, _MAX_MISSING))))


def bootstrap(
    daily: Moments,
    statistics: Sequence[Score],
    *,
    length_from: Sequence[Score] | None = None,
    length: BlockLength | None = None,
    replicates: int = 1000,
    level: float = 0.95,
    rng: Draws,
) -> Intervals:
    """Intervals of statistics of one prediction, or of the comparison of two, from daily moments.

    All come from the same replicates, with the longest block that any of `length_from` needs. Beside a
    baseline, statistics such as the skill compare row by row (paired).

    Parameters
    ----------
    daily
        Shape (days), one entry a calendar day, from the first day with rows to the last.
    statistics
        Functions of `Moments`: metrics, or those of `motrain_app.skill.comparison`.
    length_from
        Statistics whose influence sets the length of the blocks and the widening; by default `statistics`.
    length
        The length itself, where it is known from more than these moments.
    replicates
        Number of replicates.
    level
        Nominal coverage.
    rng
        Source of the draws; the result depends on nothing else. With a whole number, or several, they are those of
        ``numpy.random.default_rng`` of it, made once and shared by all that are cut alike.

    Examples
    --------
    >>> import numpy as np
    >>> from motrain_app.skill import bias, bootstrap, moments_by_group
    >>> rng = np.random.default_rng(7)
    >>> observed = rng.standard_normal(1000)
    >>> daily = moments_by_group(observed, observed + 0.5 + rng.standard_normal(1000), np.arange(1000), 1000)
    >>> result = bootstrap(daily, [bias], rng=rng)
    >>> np.stack([result.low, result.value, result.high]).round(2)
    array([[0.42],
           [0.49],
           [0.57]])
    """
    total = daily.merged()
    daily = daily.rebased(total.shift[..., None])
    value = np.array([float(statistic(total)) for statistic in statistics])
    low, high, p = np.full((3, len(value)), np.nan)
    # Nothing to resample; nor where a prediction is infinite, in whatever replicate it may fall.
    if total.weight == 0 or not np.isfinite(total.sums).all():
        return Intervals(value, low, high, np.nan, 0.0, p)
    if length is None:
        deciding = statistics if length_from is None else length_from
        length = block_length(influences(daily, deciding), daily.weight)
    blocks = time_blocks(daily, days=float(length.days.max()))
    effective = float(blocks.effective)
    if statistics and effective >= MIN_BLOCKS:
        drawn = bootstrap_moments(blocks, replicates=replicates, rng=rng)
        values = np.stack([statistic(drawn) for statistic in statistics])
        missing = float(length.leakage.max()) / blocks.days
        low, high = bootstrap_interval(values, blocks=effective, missing=missing, level=level)
        p = bootstrap_p(value, values, blocks=effective, missing=missing)
    return Intervals(value, low, high, blocks.days, effective, p)


def influences(daily: Moments, statistics: Sequence[Score]) -> FloatArray:
    """Return what each day adds to statistics, [statistics, days], from which `block_length` follows.

    Absurd days are cut down; see `motrain_app.skill.near_days`.
    """
    near = near_moments(daily.rebased(daily.merged().shift[..., None]))
    return influence(near.merged(), near, statistics)


def bootstrap_groups(
    groups: Moments,
    statistics: Sequence[Score],
    *,
    replicates: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator,
) -> Intervals:
    """Intervals of statistics where what is drawn are groups of rows, such as squares of a map, in place of days.

    The groups must be so large that their errors hardly depend on each other: nothing is added for what they miss.

    Parameters
    ----------
    groups
        Shape (groups); empty ones are left out.
    statistics, replicates, level, rng
        As in `bootstrap`.

    Returns
    -------
    Intervals
        `block_days` is NaN.

    Examples
    --------
    Two predictions compared by squares that hold four rows each:

    >>> import numpy as np
    >>> from motrain_app.skill import bootstrap_groups, mse_difference, moments_by_group
    >>> rng = np.random.default_rng(1)
    >>> square = np.arange(400) // 4
    >>> first, second = rng.standard_normal((2, 400)) * [[1.0], [1.5]]
    >>> found = bootstrap_groups(
    ...     moments_by_group(np.zeros(400), first, square, 100, baseline=second), [mse_difference], rng=rng
    ... )
    >>> bool(found.high[0] < 0), bool(found.p[0] < 0.001), found.blocks
    (True, True, 100.0)
    """
    blocks = group_blocks(groups)
    value = np.array([float(statistic(blocks.total)) for statistic in statistics])
    low, high, p = np.full((3, len(value)), np.nan)
    effective = float(blocks.effective)
    if statistics and effective >= MIN_BLOCKS and np.isfinite(blocks.total.sums).all():
        drawn = bootstrap_moments(blocks, replicates=replicates, rng=rng)
        values = np.stack([statistic(drawn) for statistic in statistics])
        low, high = bootstrap_interval(values, blocks=effective, level=level)
        p = bootstrap_p(value, values, blocks=effective)
    return Intervals(value, low, high, np.nan, effective, p)
