"""Coverage of prediction intervals on rows that did not calibrate them.

The residuals of a fold are judged by quantiles of those of all other folds: leave one fold out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.calibration import offsets_without
from motrain_app.operators.effective import effective_number
from motrain_app.operators.interval import ResidualQuantiles
from motrain_app.operators.seasons import SEASONS, season_of, season_of_record, season_sets
from motrain_app.skill.bootstrap import bootstrap
from motrain_app.skill.metrics import bias
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.summing import moments, moments_by_group

__all__ = ["Coverage", "held_out_coverage", "judge_folds", "judge_rows"]

Times = NDArray[np.datetime64]
Residuals = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """How often intervals held what they were not calibrated on; each of shape (outputs, seasons + 1), the year last.

    Parameters
    ----------
    value
        Share of rows within their interval; NaN without a row.
    low, high
        95 % interval of `value` by a bootstrap over blocks of days; NaN with fewer than ten blocks, and where all rows
        lie within or none does, as then there is nothing to draw from.
    n
        Rows that have a residual and an interval.
    effective
        How many independent rows they are worth; see `motrain_app.operators.effective.effective_number`.
    pooled
        Share of the rows that were judged by quantiles of the whole year, as their season had too few residuals.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    n: NDArray[np.int64]
    effective: FloatArray
    pooled: FloatArray


def judge_folds(
    residual: Residuals, time: Times, fold: NDArray[np.integer[Any]], *, level: float
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Say of each row whether it lies within the interval that the other folds calibrated.

    Parameters
    ----------
    residual, time, fold
        As in `motrain_app.operators.calibration.offsets_without`.
    level
        As in `motrain_app.operators.interval.ResidualQuantiles.offsets`.

    Returns
    -------
    within : numpy.ndarray
        1 or 0, [outputs, rows]; NaN where there is no residual or no interval.
    pooled : numpy.ndarray
        Whether the interval is that of the whole year, [outputs, rows].
    """
    folds, offsets, whole_year = offsets_without(np.asarray(residual, np.float32), time, fold, level)
    if not folds:
        return np.full(residual.shape, np.nan), np.zeros(residual.shape, bool)
    # One gather for the rows of all folds: [ends, outputs, folds × seasons] holds what each row is judged by.
    of_row = np.searchsorted(folds, fold) * len(SEASONS) + season_of(time)
    low, high = offsets.transpose(3, 1, 0, 2).reshape(2, len(residual), -1)[..., of_row]
    return _within(low, high, residual), whole_year.swapaxes(0, 1).reshape(len(residual), -1)[:, of_row]


def judge_rows(
    quantiles: ResidualQuantiles, residual: Residuals, season: NDArray[np.integer[Any]], *, level: float
) -> FloatArray:
    """Say of each row whether it lies within the interval: 1 or 0, [outputs, rows]; NaN without residual or interval.

    Parameters
    ----------
    quantiles
        Of residuals of other rows.
    residual
        Observed − predicted, [outputs, rows].
    season
        Of each row, as `motrain_app.operators.seasons.season_of` gives it; shape (rows).
    level
        As in `motrain_app.operators.interval.ResidualQuantiles.offsets`.
    """
    low, high = np.moveaxis(quantiles.offsets(level)[:, season], -1, 0)
    return _within(low, high, residual)


def _within(low: FloatArray, high: FloatArray, residual: Residuals) -> FloatArray:
    judged = np.asarray(residual, np.float32)  # as the quantiles are kept
    known = ~(np.isnan(judged) | np.isnan(low))
    return np.where(known, (judged >= low) & (judged <= high), np.nan)


def held_out_coverage(
    residual: Residuals,
    time: Times,
    fold: NDArray[np.integer[Any]],
    *,
    level: float,
    key: int | Sequence[int] | np.random.SeedSequence,
) -> Coverage:
    """Return the coverage of intervals, each fold judged by quantiles of the others, pooled over folds.

    Parameters
    ----------
    residual, time, fold, level
        As in `judge_folds`.
    key
        Of the random numbers of the bootstrap.
    """
    within, pooled = judge_folds(residual, time, fold, level=level)
    day, cluster = time.astype("datetime64[D]").astype(np.int64), season_of_record(time)
    season = season_of(time)
    sets = season_sets(season)
    shape = (len(residual), len(sets))
    value, low, high, effective, share = (np.full(shape, np.nan) for _ in range(5))
    n = np.zeros(shape, np.int64)
    for place in np.ndindex(shape):
        output, number = place
        rows = np.flatnonzero(sets[number] & ~np.isnan(within[output]))
        judged = within[output, rows]
        n[place], effective[place] = len(rows), effective_number(judged, cluster[rows], season[rows])
        if len(rows):
            value[place], share[place] = judged.mean(), pooled[output, rows].mean()
        if 0 < value[place] < 1:
            low[place], high[place] = _interval_of_mean(judged, day[rows], key)
    return Coverage(value, low, high, n, effective, share)


def _interval_of_mean(
    values: FloatArray, day: NDArray[np.int64], key: int | Sequence[int] | np.random.SeedSequence
) -> tuple[float, float]:
    """Bootstrap the mean of values over blocks of days, as the bias of predictions where nothing was observed."""
    first, last = int(day.min()), int(day.max())
    nothing = np.zeros(len(values))
    daily = moments_by_group(nothing, values, day - first, last - first + 1, about=moments(nothing, values))
    found = bootstrap(daily, [bias], rng=np.random.default_rng(key))
    return float(found.low[0]), float(found.high[0])
