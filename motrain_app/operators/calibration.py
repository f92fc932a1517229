"""From out-of-fold residuals to the quantiles that intervals are made of."""

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.effective import effective_of_sums, power_sums
from motrain_app.operators.interval import PERCENTS, ResidualQuantiles, offsets_of_ends, place_of_level, ranks_of_ends
from motrain_app.operators.seasons import SEASONS, season_of_record

Residual = NDArray[np.floating]
Times = NDArray[np.datetime64]


def calibrate(residual: Residual, time: Times) -> ResidualQuantiles:
    """Return the quantiles of residuals by output and season.

    Parameters
    ----------
    residual
        Observed − predicted of rows that the predicting member withheld, [n_outputs, rows], in the outputs' units; NaN
        where an output is missing.
    time
        Shape (rows,).

    Examples
    --------
    >>> time = np.arange("2000-01-01", "2010-01-01", dtype="datetime64[D]")
    >>> noise = np.random.default_rng(0).standard_normal((1, len(time)))
    >>> calibrate(noise, time).offsets(0.9)[0].round(1)
    array([[-1.6,  1.6],
           [-1.6,  1.6],
           [-1.6,  1.6],
           [-1.7,  1.7]])
    """
    nobody = np.full(len(time), -1)
    ends, effective, count = _leave_out(residual, time, nobody, [0], PERCENTS)
    return ResidualQuantiles(ends[0], count[0], effective[0])


def offsets_without(
    residual: Residual, time: Times, fold: NDArray[np.integer], level: float
) -> tuple[list[int], NDArray[np.float64], NDArray[np.bool_]]:
    """Return what `ResidualQuantiles.offsets` and `pooled` say for a level, by the residuals of all folds but one.

    Parameters
    ----------
    residual, time
        As in `calibrate`.
    fold
        Of each row, from 0 on; shape (rows,).
    level
        As in `ResidualQuantiles.offsets`.

    Returns
    -------
    folds : list
        That are left out, ascending.
    offsets : numpy.ndarray
        [folds, outputs, seasons, 2].
    pooled : numpy.ndarray
        [folds, outputs, seasons].
    """
    folds = np.unique(fold).tolist()
    place = place_of_level(level)
    ends, effective, _ = _leave_out(residual, time, fold, folds, PERCENTS[place : place + 1])
    return folds, *offsets_of_ends(ends[..., 0], effective)


def _leave_out(
    residual: Residual, time: Times, fold: NDArray[np.integer], folds: list[int], percents: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]:
    """Return ends, effective and plain numbers of residuals without the rows of each fold, of each output and season.

    Rows are sorted, and summed, once for all folds.
    """
    place = _numbered(fold, folds)
    record = season_of_record(time)
    season = (record % len(SEASONS)).astype(np.int8)
    ends = np.empty((len(folds), len(residual), len(SEASONS) + 1, 2, len(percents)), np.float32)
    for output, one in enumerate(residual):
        order = np.argsort(one)[: np.count_nonzero(~np.isnan(one))]  # NaN last
        ascending, of_fold, of_season = one[order].astype(np.float32), place[order], season[order]
        for number in range(len(SEASONS)):
            mine = np.flatnonzero(of_season == number)
            ends[:, output, number] = _ends_without_each(ascending[mine], of_fold[mine], len(folds), percents)
        ends[:, output, -1] = _ends_without_each(ascending, of_fold, len(folds), percents)
    effective, count = _effective(residual, record, place, len(folds))
    return ends, np.moveaxis(effective, -1, 0), np.moveaxis(count, -1, 0)


def _numbered(fold: NDArray[np.integer], folds: list[int]) -> NDArray[np.int16]:
    """Return the place of each row's fold in an ascending list; its length for a fold that is not in it."""
    place = np.searchsorted(folds, fold)
    found = np.take(folds, np.minimum(place, len(folds) - 1)) == fold if folds else np.zeros(0, bool)
    return np.where(found, place, len(folds)).astype(np.int16)


def _ends_without_each(
    ascending: NDArray[np.float32], fold: NDArray[np.int16], n_folds: int, percents: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the ends of intervals of the residuals of all folds but one, for each that is left out.

    They are in no way touched by the residuals of the one.

    Parameters
    ----------
    ascending
        The residuals in ascending order, shape (rows,).
    fold
        0 … n_folds − 1, or n_folds for rows of none of them; shape (rows,).
    n_folds
        Number of folds that may be left out.
    percents
        Levels of the intervals.

    Returns
    -------
    numpy.ndarray
        [n_folds, 2, levels]; NaN where there are too few residuals for the level.
    """
    n = len(ascending)
    count = np.bincount(fold, minlength=n_folds + 1)
    begin = np.cumsum(count) - count
    exists, ranks = ranks_of_ends(n - count[:n_folds], percents)
    if not n:
        return np.full(ranks.shape, np.nan, np.float32)
    # The place of the r-th residual of the others is r, and as many of the fold as stand before it. How many others
    # stand before each of a fold ascends, so that one search does for all folds, each in a range of its own.
    others_before = np.argsort(fold, kind="stable") - (np.arange(n) - np.repeat(begin, count))
    own_range = (n + 1) * np.arange(n_folds + 1)
    searched = others_before + np.repeat(own_range, count)
    wanted = ranks + own_range[:n_folds, None, None]
    before = searched.searchsorted(wanted, side="right") - begin[:n_folds, None, None]
    place = np.minimum(ranks + before, n - 1)  # beyond only where nothing is wanted
    return np.where(exists[:, None], ascending[place], np.float32(np.nan))


def _effective(
    residual: Residual, record: NDArray[np.int64], place: NDArray[np.int16], n_folds: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return effective and plain numbers of residuals, each [outputs, seasons + 1, folds left out]."""
    clusters, cluster = np.unique(record, return_inverse=True)
    stratum, n = clusters % len(SEASONS), len(clusters)
    group = place.astype(np.int64) * n + cluster
    effective, count = [], []
    for one in residual:
        rest = _of_others(power_sums(one, group, (n_folds + 1) * n).reshape(5, n_folds + 1, n))
        effective.append(effective_of_sums(rest, stratum, len(SEASONS)).T)
        known = np.where(np.isfinite(rest[0]), rest[0], 0.0)
        count.append([known[:, stratum == season].sum(axis=1) for season in range(len(SEASONS))] + [known.sum(axis=1)])
    return np.stack(effective), np.rint(count).astype(np.int64)


def _of_others(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of all but one of the first n − 1 parts, [..., n, clusters], to the bit as if it were not there.

    Examples
    --------
    >>> _of_others(np.array([[1.0], [np.inf], [5.0]]))
    array([[inf],
           [ 6.]])
    """
    n = sums.shape[-2]
    kept = 1.0 - np.eye(n)[:-1]
    lost = ~np.isfinite(sums)
    found = kept @ np.where(lost, 0.0, sums)
    return np.where(kept @ lost > 0, np.inf, found)
