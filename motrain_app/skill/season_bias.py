"""Whether biases of seasons cancel over the year: of two seasons, or of one and all others together.

The interval of a season's bias is that of a mean over its years, each of which is one draw: however long errors last
within a season, another year's are independent of them. So it is with the three other seasons of a year, which follow
each other and share errors. Years with few rows count for less, as (Σw)²/Σw² in place of
their number. A season needs five of them, worth four. A bias that one season has, and the three others balance, may be
too small to be told in any of these alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from motrain_app.operators.seasons import SEASONS
from motrain_app.skill.moments import FloatArray, divide

__all__ = ["CHANCE", "PARTS", "SeasonBias", "cancels", "opposite_parts", "season_bias"]

PARTS = (*SEASONS, *("the other seasons" for _ in SEASONS))  # of a year: each season, then all but each
_PAIRS = np.array([*combinations(range(len(SEASONS)), 2), *((s, s + len(SEASONS)) for s in range(len(SEASONS)))])
_MIN_YEARS, _MIN_WORTH = 5, 4.0
CHANCE = 2 * len(_PAIRS) * 0.025**2  # that two parts seem to have biases of opposite sign, where none has one
_SHARE = 0.5  # of a season's bias, below which that of the year hides it


@dataclass(frozen=True, slots=True, eq=False)
class SeasonBias:
    """Bias of the parts of a year, in the unit of the output.

    Parameters
    ----------
    value, low, high
        Bias and its 95 % interval; shape (..., 8), see `PARTS`. NaN without a row, and in low and high where a season
        has rows in under five years, or in years so uneven that they are worth under four.
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
        Which of the four each is, as `motrain_app.operators.seasons.season_of` numbers them; shape (season-years), in
        the order of time.

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
    years, total, sums = (weight > 0).astype(np.float64) @ of_season, weight @ of_season, error @ of_season
    mean = np.nan_to_num(divide(sums, total))
    departure = np.where(weight > 0, error - mean[..., season] * weight, 0.0)
    worth = np.nan_to_num(divide(total**2, weight**2 @ of_season))
    few = (years > 0) & ((years < _MIN_YEARS) | (worth < _MIN_WORTH))
    half = np.stack([_half_width(departure @ draws, weight @ draws) for draws in _draws_of_parts(season)], axis=-1)
    others = 1 - np.eye(len(SEASONS))

    def with_others(of_seasons: FloatArray) -> FloatArray:
        return np.concatenate([of_seasons, of_seasons @ others], axis=-1)

    whole = with_others(total)
    value = divide(with_others(sums), whole)
    half = np.where(with_others(few.astype(np.float64)) > 0, np.nan, divide(half, whole))
    return SeasonBias(value, value - half, value + half)


def _draws_of_parts(season: NDArray[np.integer[Any]]) -> list[FloatArray]:
    """Return which season-years are one draw, 1 or 0, of each part: [season-years, draws]."""
    seasons = [season == number for number in range(len(SEASONS))]
    own = [np.eye(len(season))[:, of_season] for of_season in seasons]
    # All but one season of a year are those between two of that one.
    between = [np.eye(len(season) + 1)[np.cumsum(of_season)] * ~of_season[:, None] for of_season in seasons]
    return [*own, *between]


def _half_width(departure: FloatArray, weight: FloatArray) -> FloatArray:
    """Half the width of the interval of a sum over draws, [..., draws], from what each departs by."""
    worth = np.nan_to_num(divide(weight.sum(axis=-1) ** 2, (weight**2).sum(axis=-1)))
    free = np.maximum(worth - 1, 1)
    return np.asarray(stdtrit(free, 0.975) * np.sqrt((departure**2).sum(axis=-1) * (1 + 1 / free)))


def opposite_parts(seasons: SeasonBias) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return the two parts with the most opposite biases: the smaller of the two, and which they are.

    Parameters
    ----------
    seasons
        Shape (..., 8).

    Returns
    -------
    size : numpy.ndarray
        Shape (...); 0 where no two parts have biases of opposite sign whose intervals do not hold zero.
    parts : numpy.ndarray
        Places in `PARTS`, [..., 2].
    """
    sign = (seasons.low > 0).astype(np.int8) - (seasons.high < 0)
    opposite = sign[..., _PAIRS].prod(axis=-1) < 0
    size = np.where(opposite, np.abs(seasons.value[..., _PAIRS]).min(axis=-1), 0.0)
    most = size.argmax(axis=-1)
    return np.take_along_axis(size, most[..., None], axis=-1)[..., 0], _PAIRS[most]


def cancels(seasons: SeasonBias, year: FloatArray) -> NDArray[np.bool_]:
    """Say where biases of seasons cancel over the year.

    Two seasons, or one and all others together, have biases of opposite sign whose intervals do not hold zero, and the
    bias of the year is under half of either. Errors without bias do so in at most `CHANCE` of all cases.

    Parameters
    ----------
    seasons
        Shape (..., 8).
    year
        Bias of the whole year, shape (...).
    """
    size, _ = opposite_parts(seasons)
    return np.asarray((size > 0) & (np.abs(year) < _SHARE * size))
