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
    sets, cluster = season_sets(season_of(time)), season_of_record(time)
    return ResidualQuantiles(
        knots=np.stack([np.stack([order_statistics(one[rows]) for rows in sets]) for one in residual]),
        n=np.array([[np.count_nonzero(~np.isnan(one[rows])) for rows in sets] for one in residual], np.int64),
        effective=np.array([[effective_number(one[rows], cluster[rows]) for rows in sets] for one in residual]),
    )


def effective_number(values: NDArray[np.floating], cluster: NDArray[np.integer]) -> float:
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

    Returns
    -------
    float
        At most n; the number of clusters where values are constant, or lie in one cluster alone, as then nothing tells
        how dependent they are; 0 where one is infinite.

    References
    ----------
    Kish, L. (1965): Survey Sampling. Wiley, sections 5.4 and 8.2.

    Examples
    --------
    >>> winters = np.repeat(np.arange(100), 50)
    >>> noise = np.random.default_rng(0).standard_normal(5000)
    >>> effective_number(noise, winters) > 3000, effective_number(noise[winters], winters)
    (True, 99.0)
    """
    known = ~np.isnan(values)
    values, cluster = values[known].astype(np.float64), cluster[known]
    if not np.isfinite(values).all():
        return 0.0  # an infinite prediction leaves nothing to count on
    first = cluster.min(initial=np.iinfo(np.int64).max)
    n_clusters = int(np.count_nonzero(np.bincount(cluster - first)))
    if n_clusters < 2:
        return float(n_clusters)
    squares = np.asarray((values - values.mean()) ** 2)
    return min(_over_design_effect(one, cluster - first, n_clusters) for one in (np.asarray(values), squares))


def _over_design_effect(values: NDArray[np.float64], cluster: NDArray[np.integer], n_clusters: int) -> float:
    deviation = values - values.mean()
    variation = float(deviation @ deviation)
    if variation <= _CONSTANT * float(values @ values):
        return float(n_clusters)
    of_clusters = np.bincount(cluster, deviation)
    between = float(of_clusters @ of_clusters) * n_clusters / (n_clusters - 1)
    return len(values) * min(1.0, variation / between) if between > 0 else float(len(values))
