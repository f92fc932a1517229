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
    of_cluster = np.zeros(len(clusters), np.int64)
    of_cluster[place] = stratum
    return float(effective_of_sums(power_sums(values, place, len(clusters)), of_cluster))


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


def effective_of_sums(sums: Float64, stratum: NDArray[np.integer]) -> Float64:
    """Return the effective number of values from their sums over clusters; as `effective_number`.

    Parameters
    ----------
    sums
        As `power_sums` gives them, [5, ..., clusters].
    stratum
        Of each cluster, shape (clusters,).

    Returns
    -------
    numpy.ndarray
        Shape (...).
    """
    strata = np.unique(stratum)
    member = (stratum == strata[:, None]).astype(np.float64)  # [strata, clusters]
    finite = np.isfinite(sums).all(axis=(0, -1))
    s = np.where(np.isfinite(sums), sums, 0.0)
    count = s[0]
    of_strata = s @ member.T
    here = np.where(of_strata[0] > 0.5, of_strata[0], 1.0)
    clusters, used = (count > 0.5).sum(axis=-1), (of_strata[0] > 0.5).sum(axis=-1)
    freedom = clusters - used
    correction = clusters / np.maximum(freedom, 1)
    mean = (of_strata[1] / here) @ member
    squares = s[2] - 2 * mean * s[1] + mean**2 * count  # of deviations, in each cluster
    fourths = s[4] - 4 * mean * s[3] + 6 * mean**2 * s[2] - 4 * mean**3 * s[1] + mean**4 * count
    of_square = ((squares @ member.T) / here) @ member
    effects: list[Float64] = []
    constant = np.zeros(clusters.shape, bool)
    for deviation, variation, size in (
        (s[1] - mean * count, squares, s[2]),
        (squares - of_square * count, fourths - 2 * of_square * squares + of_square**2 * count, fourths),
    ):
        total = variation.sum(axis=-1)
        constant |= total <= _CONSTANT * size.sum(axis=-1)  # and so is what is made of it
        varies = ~constant
        effect = correction * (deviation**2).sum(axis=-1) / np.where(varies, total, 1.0)
        effects.append(np.where(varies, count.sum(axis=-1) / np.maximum(effect, 1.0), clusters))
    found = np.where(freedom < 1, clusters, np.minimum(*effects))
    return np.where(finite, found, 0.0)
