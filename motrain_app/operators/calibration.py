"""From out-of-fold residuals to the quantiles that intervals are made of."""

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators.interval import ResidualQuantiles, order_statistics
from motrain_app.operators.seasons import season_of, season_of_record, season_sets

_CONSTANT = 1e-12  # a variance below this share of the mean square is rounding


def calibrate(residual: NDArray[np.floating], time: NDArray[np.datetime64]) -> ResidualQuantiles:
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
    season, cluster = season_of(time), season_of_record(time)
    sets = season_sets(season)
    return ResidualQuantiles(
        knots=np.stack([np.stack([order_statistics(one[rows]) for rows in sets]) for one in residual]),
        n=np.array([[np.count_nonzero(~np.isnan(one[rows])) for rows in sets] for one in residual], np.int64),
        effective=np.array([[effective_number(one[r], cluster[r], season[r]) for r in sets] for one in residual]),
    )


def effective_number(values: NDArray[np.floating], cluster: NDArray[np.integer], stratum: NDArray[np.integer]) -> float:
    """Return how many independent values some dependent ones are worth.

    It is n over the design effect: the variance of a mean, were its values independent, over that which the sums of
    clusters show, be they dependent within clusters in whatever way (neighbours in time, cells of one day). Taken for
    the mean of the values and that of their squares, and the lower of both.

    Parameters
    ----------
    values
        Shape (rows,); NaN does not count.
    cluster
        Shape (rows,): rows of different clusters, such as the winters of different years, are taken as independent.
    stratum
        Shape (rows,): what differs between strata, such as the seasons, is no dependence; each has a mean of its own.

    Returns
    -------
    float
        At most n; the number of clusters where values are constant, or strata have one cluster each, as then nothing
        tells how dependent they are; 0 where one is infinite.

    References
    ----------
    Kish, L. (1965): Survey Sampling. Wiley, section 8.2.

    Examples
    --------
    >>> winter = np.repeat(np.arange(100), 50)
    >>> noise = np.random.default_rng(0).standard_normal(5000)
    >>> effective_number(noise, winter, 0 * winter) > 3000, effective_number(noise[winter], winter, 0 * winter)
    (True, 99.0)
    """
    known = ~np.isnan(values)
    values = values[known].astype(np.float64)
    if not np.isfinite(values).all():
        return 0.0  # an infinite prediction leaves nothing to count on
    clusters, cluster = np.unique(cluster[known], return_inverse=True)
    strata, stratum = np.unique(stratum[known], return_inverse=True)
    freedom = len(clusters) - len(strata)
    if freedom < 1:
        return float(len(clusters))
    squares = _centred(values, stratum) ** 2
    effects = (_design_effect(one, cluster, stratum, len(clusters) / freedom) for one in (values, squares))
    return min(len(values) / max(1.0, effect) if effect is not None else float(len(clusters)) for effect in effects)


def _centred(values: NDArray[np.floating], stratum: NDArray[np.integer]) -> NDArray[np.float64]:
    mean = np.bincount(stratum, values) / np.bincount(stratum)
    return np.asarray(values - mean[stratum])


def _design_effect(
    values: NDArray[np.floating], cluster: NDArray[np.integer], stratum: NDArray[np.integer], correction: float
) -> float | None:
    """Return by how much dependence within clusters raises the variance of a mean; None where nothing varies."""
    deviation = _centred(values, stratum)
    variation = float(deviation @ deviation)
    if variation <= _CONSTANT * float(values @ values):
        return None
    of_clusters = np.bincount(cluster, deviation)
    return correction * float(of_clusters @ of_clusters) / variation
