"""Departures from the season: series without their own climatology."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.groups import sum_groups
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.season import day_of_year, season_harmonics
from motrain_app.skill.season_fit import rows_needed, solve_season

__all__ = ["MIN_YEARS", "Season", "anomalies"]

MIN_YEARS = 3  # in which a climatology must have seen a month
_SHARE = 4 / 5  # of the months that have rows must have been seen so often: the first and the last may be cut off
_HARMONICS = 2
# Root-mean-square anomalies below this share of the values' are what the fit of a constant, or of a season, rounds to.
_ROUNDING = 1e-12


class Season:
    """The season as rows see it: what fits mean and harmonics of the year to any series over them, cell by cell.

    Parameters
    ----------
    time
        Shape (rows).
    cell
        0 … n − 1, shape (rows).
    """

    def __init__(self, time: NDArray[np.datetime64], cell: NDArray[np.integer[Any]]) -> None:
        self._cell, self._n_cells = cell, int(cell.max(initial=0)) + 1
        self._features = season_harmonics(day_of_year(time), _HARMONICS)
        n = len(self._features)
        if self._n_cells == 1:
            self._gram = (self._features @ self._features.T)[None]
        else:
            first, second = np.tril_indices(n)
            sums = sum_groups(self._features[first] * self._features[second], cell, self._n_cells)
            self._gram = np.empty((self._n_cells, n, n))
            self._gram[:, first, second] = self._gram[:, second, first] = sums.T
        needed = rows_needed(_HARMONICS)
        self._unseen = (self._gram[:, 0, 0] < needed) | ~_recurs(time, cell, self._n_cells)

    def anomalies(self, values: FloatArray) -> FloatArray:
        """Return series, shape (series, rows), without gaps, minus their own season; see `anomalies`."""
        features = self._features
        if self._n_cells == 1:
            right = (values @ features.T)[None]
        else:
            products = (values[:, None] * features).reshape(-1, values.shape[1])
            right = sum_groups(products, self._cell, self._n_cells).T.reshape(self._n_cells, len(values), -1)
        fit = solve_season(self._gram[:, None], right, rows_needed(_HARMONICS))
        fit[self._unseen] = np.nan
        if self._n_cells == 1:
            found = np.asarray(values - fit[0] @ features)
            found[self._is_rounding(found, values)[:, 0]] = 0.0
            return found
        found = values.copy()
        for number, feature in enumerate(features):
            found -= fit[self._cell, :, number].T * feature
        rounding = self._is_rounding(found, values)
        if rounding.any():
            found[rounding[:, self._cell]] = 0.0
        return found

    def _is_rounding(self, left: FloatArray, values: FloatArray) -> NDArray[np.bool_]:
        """Say of each series and cell whether what is left is nothing beside the values, [series, cells]."""
        with np.errstate(invalid="ignore", over="ignore"):
            if self._n_cells == 1:
                small, large = (np.einsum("sr,sr->s", one, one)[:, None] for one in (left, values))
            else:
                small, large = (sum_groups(one**2, self._cell, self._n_cells) for one in (left, values))
            return np.asarray(small < _ROUNDING**2 * large)


def anomalies(values: FloatArray, time: NDArray[np.datetime64], cell: NDArray[np.integer[Any]]) -> FloatArray:
    """Return series minus the mean and two harmonics of the year fitted to them, each cell for itself.

    Anomalies that are rounding beside the values, as those of a constant, are 0.

    Parameters
    ----------
    values
        Shape (series, rows), without gaps.
    time
        Shape (rows).
    cell
        0 … n − 1, shape (rows).

    Returns
    -------
    numpy.ndarray
        Shape (series, rows); NaN in cells that have too few rows for a season, or under three years of it: of the
        months of the year that have rows, over a fifth in fewer than three. So a record of three years may lack its
        first or last days, and one of three summers is long enough, but not two years that touch three calendar years.
    """
    return Season(time, cell).anomalies(values)


def _recurs(time: NDArray[np.datetime64], cell: NDArray[np.integer[Any]], n_cells: int) -> NDArray[np.bool_]:
    """Say of each cell whether nearly all months of the year that have rows have them in enough years."""
    month = time.astype("datetime64[M]").astype(np.int64)
    month -= month.min() if len(month) else 0
    n_years = int(month.max(initial=0)) // 12 + 1
    seen = np.zeros(n_cells * n_years * 12, bool)
    seen[cell * (n_years * 12) + month] = True
    years = seen.reshape(n_cells, n_years, 12).sum(axis=1)
    return np.asarray((years >= MIN_YEARS).sum(axis=1) >= _SHARE * (years > 0).sum(axis=1))
