"""Whether biases of seasons cancel over the year.

The interval of a season's bias is that of a mean over season-years, each of which counts as one draw: however long
errors last within a season, another year's are independent of them. A season needs five of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from motrain_app.operators.seasons import SEASONS
from motrain_app.skill.moments import FloatArray, divide

__all__ = ["CHANCE", "SeasonBias", "cancels", "season_bias"]

_MIN_YEARS = 5
CHANCE = 12 * 0.025**2  # that two of four seasons seem to have biases of opposite sign, where none has one
_SHARE = 0.5  # of a season's bias, below which that of the year hides it


@dataclass(frozen=True, slots=True, eq=False)
class SeasonBias:
    """Bias of each season, in the unit of the output.

    Parameters
    ----------
    value, low, high
        Bias and its 95 % interval; shape (..., 4). NaN without a row, and in low and high under five season-years.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray


def season_bias(error: FloatArray, weight: FloatArray, season: NDArray[np.integer[Any]]) -> SeasonBias:
    """Return the bias of each season with an interval over its years.

    Parameters
    ----------
    error, weight
        Weighted sum of the errors of each season of each year, and sum of the weights; shape (..., season-years).
    season
        Which of the four each is, as `motrain_app.operators.seasons.season_of` numbers them; shape (season-years).

    References
    ----------
    Cochran, W. G. (1977): Sampling Techniques, 3rd ed., Wiley, section 6.3 (the variance of a ratio, here of clusters).

    Examples
    --------
    >>> import numpy as np
    >>> error = np.array([1.0, -2.0] * 6) + np.linspace(-0.1, 0.1, 12)
    >>> found = season_bias(error, np.ones(12), np.array([0, 1] * 6))
    >>> np.stack([found.low, found.value, found.high])[:, :2].round(2)
    array([[ 0.92, -2.06],
           [ 0.99, -1.99],
           [ 1.06, -1.92]])
    """
    of_season = (season[:, None] == np.arange(len(SEASONS))).astype(np.float64)
    years, total = (weight > 0).astype(np.float64) @ of_season, weight @ of_season
    value = divide(error @ of_season, total)
    departure = np.where(weight > 0, error - np.nan_to_num(value)[..., season] * weight, 0.0)
    enough = years >= _MIN_YEARS
    spread = divide(np.sqrt(departure**2 @ of_season * years / np.maximum(years - 1, 1)), total)
    half = np.where(enough, stdtrit(np.maximum(years - 1, 1), 0.975) * spread, np.nan)
    return SeasonBias(value, value - half, value + half)


def cancels(seasons: SeasonBias, year: FloatArray) -> NDArray[np.bool_]:
    """Say where biases of seasons cancel over the year.

    Two seasons have biases of opposite sign whose intervals do not hold zero, and the bias of the year is under half of
    either. Errors without bias do so in at most `CHANCE` of all cases, less than one in a hundred.

    Parameters
    ----------
    seasons
        Shape (..., 4).
    year
        Bias of the whole year, shape (...).
    """
    above = np.max(np.where(seasons.low > 0, seasons.value, 0.0), axis=-1)
    below = np.max(np.where(seasons.high < 0, -seasons.value, 0.0), axis=-1)
    smaller = np.minimum(above, below)
    return np.asarray((smaller > 0) & (np.abs(year) < _SHARE * smaller))
