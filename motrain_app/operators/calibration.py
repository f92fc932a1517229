"""From out-of-fold residuals to the quantiles that intervals are made of."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.effective import effective_of_sums, power_sums
from motrain_app.operators.interval import ResidualQuantiles, ends_of_ascending
from motrain_app.operators.seasons import SEASONS, season_of, season_of_record, season_sets

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
    return next(_leave_out(residual, time, nobody, [0]))


def calibrate_without(
    residual: Residual, time: Times, fold: NDArray[np.integer]
) -> Iterator[tuple[int, ResidualQuantiles]]:
    """Give each fold with the quantiles of the residuals of all others.

    Parameters
    ----------
    residual, time
        As in `calibrate`.
    fold
        Of each row, from 0 on; shape (rows,).
    """
    folds = np.unique(fold).tolist()
    yield from zip(folds, _leave_out(residual, time, fold, folds), strict=True)


def _leave_out(
    residual: Residual, time: Times, fold: NDArray[np.integer], folds: list[int]
) -> Iterator[ResidualQuantiles]:
    """Give the quantiles without the rows of each of the folds: rows are sorted, and summed, once for all."""
    season = season_of(time)
    sets = [np.flatnonzero(rows) for rows in season_sets(season)]
    ascending = [[_ascending(one[rows], fold[rows]) for rows in sets] for one in residual]
    effective, count = _effective(residual, time, fold, folds)
    for number, left_out in enumerate(folds):
        knots = [
            np.stack([ends_of_ascending(values[of_fold != left_out]) for values, of_fold in of_sets])
            for of_sets in ascending
        ]
        yield ResidualQuantiles(np.stack(knots), count[:, :, number], effective[:, :, number])


def _ascending(values: Residual, fold: NDArray[np.integer]) -> tuple[Residual, NDArray[np.integer]]:
    """Return values in ascending order, with their folds."""
    order = np.argsort(values)
    return values[order].astype(np.float32), fold[order]


def _effective(
    residual: Residual, time: Times, fold: NDArray[np.integer], folds: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return effective and plain numbers of residuals, each [outputs, seasons + 1, folds left out]."""
    record, cluster = np.unique(season_of_record(time), return_inverse=True)
    stratum, n = record % len(SEASONS), len(record)
    place = np.searchsorted(folds, fold)
    known = (place < len(folds)) & (np.take(folds, np.minimum(place, len(folds) - 1)) == fold)
    group = np.where(known, place, len(folds)) * n + cluster
    of_set = np.stack([*(stratum == season for season in range(len(SEASONS))), np.ones(n, bool)])[:, None]
    effective, count = [], []
    for one in residual:
        rest = _of_others(power_sums(one, group, (len(folds) + 1) * n).reshape(5, len(folds) + 1, n))
        of_sets = np.where(of_set, rest[:, None], 0.0)  # [powers, sets, folds left out, clusters]
        effective.append(effective_of_sums(of_sets, stratum))
        count.append(np.rint(np.where(np.isfinite(of_sets[0]), of_sets[0], 0.0).sum(axis=-1)).astype(np.int64))
    return np.stack(effective), np.stack(count)


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
