"""The four seasons of meteorology; a season belongs to the year of its January."""

import numpy as np
from numpy.typing import NDArray

SEASONS = ("DJF", "MAM", "JJA", "SON")
WHOLE_YEAR = len(SEASONS)  # the place, behind the seasons, of what holds for all of them together


def season_of(time: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return the place in `SEASONS` of times of any shape.

    Examples
    --------
    >>> season_of(np.array(["2009-12-31", "2010-02-28", "2010-03-01", "2010-11-30"], "datetime64[D]"))
    array([0, 0, 1, 3])
    """
    return season_of_record(time) % len(SEASONS)


def season_of_record(time: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return numbers that are the same for times of one season of one year; seasons in a row have numbers in a row.

    Examples
    --------
    >>> season_of_record(np.array(["1969-12-31", "1970-02-28", "1970-03-01", "1970-12-01"], "datetime64[D]"))
    array([0, 0, 1, 4])
    """
    return (time.astype("datetime64[M]").astype(np.int64) + 1) // 3


def season_sets(season: NDArray[np.integer]) -> list[NDArray[np.bool_]]:
    """Return the rows of each season and, last, of the whole year, as masks of the shape of `season`."""
    return [*(season == number for number in range(WHOLE_YEAR)), np.ones(season.shape, bool)]
