"""From out-of-fold residuals to the quantiles that intervals are made of."""

from dataclasses import dataclass

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
        year = np.argsort(one)[: np.count_nonzero(~np.isnan(one))]  # NaN last
        seasons = year[np.argsort(season[year], kind="stable")]
        in_season = np.bincount(season[year], minlength=len(SEASONS))
        for sets, rows, size in ((slice(-1), seasons, in_season), (slice(-1, None), year, np.array([len(year)]))):
            those = _Sets(one[rows].astype(np.float32), place[rows], size)
            ends[:, output, sets] = those.ends_without_each(len(folds), percents)
    effective, count = _effective(residual, record, place, len(folds))
    return ends, np.moveaxis(effective, -1, 0), np.moveaxis(count, -1, 0)


def _numbered(fold: NDArray[np.integer], folds: list[int]) -> NDArray[np.int16]:
    """Return the place of each row's fold in an ascending list; its length for a fold that is not in it."""
    place = np.searchsorted(folds, fold)
    found = np.take(folds, np.minimum(place, len(folds) - 1)) == fold if folds else np.zeros(0, bool)
    return np.where(found, place, len(folds)).astype(np.int16)


@dataclass(frozen=True, slots=True, eq=False)
class _Sets:
    """Sets of residuals that each make intervals of their own, one after another.

    Parameters
    ----------
    residual
        In ascending order within each set, shape (rows,).
    fold
        0 … n_folds − 1, or n_folds for rows of none of them; shape (rows,).
    size
        Rows of each set, shape (sets,).
    """

    residual: NDArray[np.float32]
    fold: NDArray[np.int16]
    size: NDArray[np.int64]

    def ends_without_each(self, n_folds: int, percents: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the ends of intervals of the residuals of all folds but one, for each that is left out.

        They are in no way touched by the residuals of the one.

        Parameters
        ----------
        n_folds
            Number of folds that may be left out.
        percents
            Levels of the intervals.

        Returns
        -------
        numpy.ndarray
            [n_folds, sets, 2, levels]; NaN where there are too few residuals for the level.
        """
        n, n_sets = len(self.residual), len(self.size)
        kind = np.min_scalar_type(n_sets * (n_folds + 1))  # of 16 bits they are sorted fast
        own = np.repeat(np.arange(n_sets, dtype=kind), self.size)
        group = own * kind.type(n_folds + 1) + self.fold.astype(kind)
        count = np.bincount(group, minlength=n_sets * (n_folds + 1))
        begin, begin_of_set = np.cumsum(count) - count, np.cumsum(self.size) - self.size

        def of_folds(of_groups: NDArray[np.int64]) -> NDArray[np.int64]:
            """Bring what belongs to a set and a fold into the form of what is returned."""
            return of_groups.reshape(n_sets, n_folds + 1)[:, :n_folds].T[..., None, None]

        exists, ranks = ranks_of_ends(self.size - of_folds(count)[..., 0, 0], percents)
        if not n:
            return np.full(ranks.shape, np.nan, np.float32)
        # The place of the r-th residual of the others is r, and as many of the fold as stand before it. How many others
        # stand before each of a fold ascends, so that one search does for all folds, each in a range of its own.
        place = np.arange(n)
        others_before = (place - begin_of_set[own])[np.argsort(group, kind="stable")]
        others_before -= place - np.repeat(begin, count)
        own_range = (n + 1) * np.arange(len(count))
        searched = others_before + np.repeat(own_range, count)
        before = searched.searchsorted(ranks + of_folds(own_range), side="right") - of_folds(begin)
        within = np.minimum(ranks + before, self.size[:, None, None] - 1)  # beyond only where nothing is wanted
        ends = self.residual[np.maximum(begin_of_set[:, None, None] + within, 0)]
        return np.where(exists[..., None, :], ends, np.float32(np.nan))


def _effective(
    residual: Residual, record: NDArray[np.int64], place: NDArray[np.int16], n_folds: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return effective and plain numbers of residuals, each [outputs, seasons + 1, folds left out]."""
    clusters, cluster = np.unique(record, return_inverse=True)
    stratum, n = clusters % len(SEASONS), len(clusters)
    group = place.astype(np.int64) * n + cluster
    sums = np.stack([power_sums(one, group, (n_folds + 1) * n) for one in residual], axis=1)
    rest = _of_others(sums.reshape(*sums.shape[:2], n_folds + 1, n))
    effective = effective_of_sums(rest, stratum, len(SEASONS)).swapaxes(1, 2)
    known = np.where(np.isfinite(rest[0]), rest[0], 0.0)
    seasons = [known[..., stratum == season].sum(axis=-1) for season in range(len(SEASONS))]
    count = np.stack([*seasons, known.sum(axis=-1)], axis=1)
    return effective, np.rint(count).astype(np.int64)


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
