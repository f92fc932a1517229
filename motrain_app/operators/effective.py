"""How many independent values some dependent ones are worth, from sums of powers over clusters, which add."""

import numpy as np
from numpy.typing import NDArray

_CONSTANT = 1e-12  # a variance below this share of the mean square is rounding
_POWERS = 5
Float64 = NDArray[np.float64]


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
        Shape (rows,), the same for all rows of a cluster: what differs between strata, such as the seasons, is no
        dependence; each has a mean of its own.

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
    clusters, place = np.unique(cluster, return_inverse=True)
    strata, of_row = np.unique(stratum, return_inverse=True)
    of_cluster = np.zeros(len(clusters), np.int64)
    of_cluster[place] = of_row
    return float(effective_of_sums(power_sums(values, place, len(clusters)), of_cluster, len(strata))[-1])


def power_sums(values: NDArray[np.floating], group: NDArray[np.integer], n_groups: int) -> Float64:
    """Return the sums of the powers 0 to 4 of values over groups.

    Parameters
    ----------
    values
        Shape (rows,), whose mean is not far larger than their spread, such as residuals; NaN does not count.
    group
        0 … n_groups − 1, shape (rows,).

    Returns
    -------
    numpy.ndarray
        [5, n_groups]; infinite or NaN where a value is infinite.
    """
    known = np.flatnonzero(~np.isnan(values))
    kept, place = values[known].astype(np.float64), group[known]
    found, power = np.empty((_POWERS, n_groups)), np.ones(len(kept))
    with np.errstate(over="ignore", invalid="ignore"):
        for number in range(_POWERS):
            found[number] = np.bincount(place, power, n_groups)
            power = power * kept
    return found


def effective_of_sums(sums: Float64, stratum: NDArray[np.integer], n_strata: int) -> Float64:
    """Return the effective number of the values of each stratum, and of all, from their sums over clusters.

    Parameters
    ----------
    sums
        As `power_sums` gives them, [5, ..., clusters].
    stratum
        Of each cluster, 0 … n_strata − 1, shape (clusters,).

    Returns
    -------
    numpy.ndarray
        [..., n_strata + 1]; as `effective_number`.
    """
    member = (stratum == np.arange(n_strata)[:, None]).astype(np.float64)  # [strata, clusters]

    def over_strata(of_clusters: Float64) -> Float64:
        """Sum over the clusters of each stratum, and over those of all."""
        each = of_clusters @ member.T
        return np.concatenate([each, each.sum(axis=-1, keepdims=True)], axis=-1)

    def mean_of(of_clusters: Float64) -> Float64:
        """Give each cluster the mean of its stratum."""
        return np.asarray(((of_clusters @ member.T) / here) @ member)

    lost = np.asarray(~np.isfinite(sums).all(axis=0))
    s = np.where(lost, 0.0, sums)
    count = s[0]
    rows = count @ member.T
    here = np.where(rows > 0.5, rows, 1.0)
    mean = mean_of(s[1])
    squares = s[2] - 2 * mean * s[1] + mean**2 * count  # of deviations, in each cluster
    fourths = s[4] - 4 * mean * s[3] + 6 * mean**2 * s[2] - 4 * mean**3 * s[1] + mean**4 * count
    of_square = mean_of(squares)

    clusters = over_strata((count > 0.5).astype(np.float64))
    used = (rows > 0.5).astype(np.float64)
    freedom = clusters - np.concatenate([used, used.sum(axis=-1, keepdims=True)], axis=-1)
    correction = clusters / np.maximum(freedom, 1)
    n, effects, constant = over_strata(count), [], np.zeros(clusters.shape, bool)
    orders: list[tuple[Float64, Float64, Float64]] = [
        (s[1] - mean * count, squares, s[2]),
        (squares - of_square * count, fourths - 2 * of_square * squares + of_square**2 * count, fourths),
    ]
    for deviation, variation, size in orders:
        total = over_strata(variation)
        constant |= total <= _CONSTANT * over_strata(size)  # and so is what is made of it
        effect = correction * over_strata(deviation**2) / np.where(constant, 1.0, total)
        effects.append(np.where(constant, clusters, n / np.maximum(effect, 1.0)))
    found = np.where(freedom < 1, clusters, np.minimum(*effects))
    return np.where(over_strata(lost.astype(np.float64)) > 0, 0.0, found)
