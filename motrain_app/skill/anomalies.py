"""Departures from the season: a series without its own climatology."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.baselines import fit_climatology
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.season import day_of_year

__all__ = ["MIN_YEARS", "anomalies"]

MIN_YEARS = 3  # with rows, that a climatology needs


def anomalies(values: FloatArray, time: NDArray[np.datetime64], cell: NDArray[np.integer[Any]]) -> FloatArray:
    """Return series minus the mean and two harmonics of the year fitted to them, each cell for itself.

    Parameters
    ----------
    values
        Shape (series, rows), NaN for gaps.
    time
        Shape (rows).
    cell
        0 … n − 1, shape (rows).

    Returns
    -------
    numpy.ndarray
        Shape (series, rows); NaN in cells that have rows of the series in under three calendar years, or too few rows
        for a season.
    """
    n_cells = int(cell.max(initial=-1)) + 1
    day, atom = day_of_year(time), np.zeros(len(cell), np.intp)
    fit = fit_climatology(values, day, cell, atom, np.ones((1, 1), bool), n_cells)
    found = values - fit.predict(day, cell, 0)
    known = np.isfinite(values)
    unfit = fit.pooled[0] | (_years(known, time, cell, n_cells) < MIN_YEARS)
    found[unfit[:, cell]] = np.nan
    return found


def _years(
    known: NDArray[np.bool_], time: NDArray[np.datetime64], cell: NDArray[np.integer[Any]], n_cells: int
) -> NDArray[np.intp]:
    """Return in how many calendar years a cell has values, [series, cells]."""
    year = time.astype("datetime64[Y]").astype(np.int64)
    year -= year.min(initial=0)
    n_years = int(year.max(initial=-1)) + 1
    bins = cell * n_years + year
    rows = [np.bincount(bins, one, n_cells * n_years).reshape(n_cells, n_years) for one in known]
    return np.asarray([(one > 0).sum(axis=1) for one in rows]).reshape(len(known), n_cells)
