"""From out-of-fold residuals to the quantiles that intervals are made of."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.effective import effective_of_sums, power_sums
from motrain_app.operators.interval import ResidualQuantiles, ends_of_ranks
from motrain_app.operators.seasons import SEASONS, season_of_record, season_sets

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
    place = _numbered(fold, folds)
    record = season_of_record(time)
    sets = season_sets(record % len(SEASONS))
    ascending = []
    for one in residual:
        known = ~np.isnan(one)
        there = [np.flatnonzero(rows & known) for rows in sets]
        ascending.append([_Ascending(one[rows], place[rows], len(folds)) for rows in there])
    effective, count = _effective(residual, record, place, len(folds))
    for number in range(len(folds)):
        knots = [np.stack([one.ends_without(number) for one in of_sets]) for of_sets in ascending]
        yield ResidualQuantiles(np.stack(knots), count[:, :, number], effective[:, :, number])


def _numbered(fold: NDArray[np.integer], folds: list[int]) -> NDArray[np.int16]:
    """Return the place of each row's fold in an ascending list; its length for a fold that is not in it."""
    place = np.searchsorted(folds, fold)
    found = np.take(folds, np.minimum(place, len(folds) - 1)) == fold if folds else np.zeros(0, bool)
    return np.where(found, place, len(folds)).astype(np.int16)


class _Ascending:
    """Residuals in ascending order, and where those of each fold stand among them.

    Parameters
    ----------
    values
        Shape (rows,), without NaN.
    fold
        0 … n_folds − 1, or n_folds for rows of none of them; shape (rows,).
    n_folds
        Number of folds that may be left out.
    """

    def __init__(self, values: Residual, fold: NDArray[np.int16], n_folds: int) -> None:
        order = np.argsort(values)
        self._values, fold = values[order].astype(np.float32), fold[order]
        count = np.bincount(fold, minlength=n_folds + 1)
        begin = np.cumsum(count) - count
        # The place of the r-th residual of the others is r, and as many of the fold as stand before it.
        before = np.argsort(fold, kind="stable") - (np.arange(len(fold)) - np.repeat(begin, count))
        self._before = [
            before[start : start + n]
            for start, n in zip(begin[:n_folds].tolist(), count[:n_folds].tolist(), strict=True)
        ]

    def ends_without(self, fold: int) -> NDArray[np.float32]:
        """Return the ends of intervals of the residuals of all other folds, in no way touched by those of this one."""
        before = self._before[fold]
        return ends_of_ranks(
            len(self._values) - len(before),
            lambda ranks: self._values[ranks + before.searchsorted(ranks, side="right")],
        )


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
