"""The season: day of the year and its harmonics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray

__all__ = ["DAYS_PER_YEAR", "day_of_year", "season_harmonics"]

DAYS_PER_YEAR = 365.2425


def day_of_year(times: NDArray[np.datetime64]) -> FloatArray:
    """Return the day of the year, 1 to 366 with fractions, of times of shape (n,).

    Examples
    --------
    >>> day_of_year(np.array(["2016-01-01T12:00", "2016-12-31"], "datetime64[s]"))
    array([  1.5, 366. ])
    """
    since = times.astype("datetime64[s]") - times.astype("datetime64[Y]").astype("datetime64[s]")
    return np.asarray(1 + since.astype(np.int64) / 86400.0)


def season_harmonics(day_of_year: FloatArray, harmonics: int) -> FloatArray:
    """Return 1, cos θ, sin θ, cos 2θ, sin 2θ, … with θ = 2π · day of year / 365.2425.

    Parameters
    ----------
    day_of_year
        Shape (rows), in days.
    harmonics
        Number of harmonics.

    Returns
    -------
    numpy.ndarray
        Shape (1 + 2 harmonics, rows).

    Examples
    --------
    >>> import numpy as np
    >>> season_harmonics(np.array([0.0, 365.2425 / 4]), 1).round(6)
    array([[1., 1.],
           [1., 0.],
           [0., 1.]])
    """
    day_of_year = np.asarray(day_of_year, dtype=np.float64)
    phase = (2 * np.pi / DAYS_PER_YEAR) * day_of_year
    columns = [np.ones_like(phase)]
    for k in range(1, harmonics + 1):
        columns += [np.cos(k * phase), np.sin(k * phase)]
    return np.stack(columns)
