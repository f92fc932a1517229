"""Departures from the season: series without their own climatology."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.baselines import rows_needed, solve_season
from motrain_app.skill.groups import sum_groups
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.season import day_of_year, season_harmonics

__all__ = ["MIN_YEARS", "anomalies"]

MIN_YEARS = 3  # with rows, that a climatology needs
_HARMONICS = 2


def anomalies(values: FloatArray, time: NDArray[np.datetime64], cell: NDArray[np.integer[Any]]) -> FloatArray:
    """Return series minus the mean and two harmonics of the year fitted to them, each cell for itself.

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
        Shape (series, rows); NaN in cells that have rows in under three calendar years, or too few for a season.
    """
    n_cells = int(cell.max(initial=0)) + 1
    features = season_harmonics(day_of_year(time), _HARMONICS)
    n = len(features)
    first, second = np.tril_indices(n)
    if n_cells == 1:
        gram, right = (features @ features.T)[None], (values @ features.T)[None]
    else:
        columns = [*(features[first] * features[second]), *(values[:, None] * features).reshape(-1, len(cell))]
        sums = sum_groups(np.array(columns).reshape(-1, len(cell)), cell, n_cells).T
        gram = np.empty((n_cells, n, n))
        gram[:, first, second] = gram[:, second, first] = sums[:, : len(first)]
        right = sums[:, len(first) :].reshape(n_cells, len(values), n)
    needed = rows_needed(_HARMONICS)
    fit = solve_season(gram[:, None], right, needed)
    fit[(gram[:, 0, 0] < needed) | (_years(time, cell, n_cells) < MIN_YEARS)] = np.nan
    if n_cells == 1:
        return np.asarray(values - fit[0] @ features)
    found = values.copy()
    for number, feature in enumerate(features):
        found -= fit[cell, :, number].T * feature
    return found


def _years(time: NDArray[np.datetime64], cell: NDArray[np.integer[Any]], n_cells: int) -> NDArray[np.intp]:
    """Return in how many calendar years each cell has rows."""
    year = time.astype("datetime64[Y]").astype(np.int64)
    year -= year.min(initial=0)
    n_years = int(year.max(initial=-1)) + 1
    rows = np.bincount(cell * n_years + year, minlength=n_cells * n_years).reshape(n_cells, n_years)
    return np.asarray((rows > 0).sum(axis=1))
