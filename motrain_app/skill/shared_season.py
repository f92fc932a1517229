"""The season that the cells of a partition share, about a level of each: what is known of them without any input.

A season of each cell takes up more noise, the fewer rows there are, and so does its level; what takes up least of it is
the hardest to beat.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray
from motrain_app.skill.registry import MIN_ROWS
from motrain_app.skill.season import season_harmonics
from motrain_app.skill.season_fit import solve_season

__all__ = ["explained_beyond_season", "share_season"]

_HARMONICS = 2
_AT_ONCE = 1 << 20  # sums over (member, cell, atom)


def share_season(
    gram: FloatArray, right: FloatArray, of_atoms: FloatArray, train: NDArray[np.bool_], *, level: int, season: int
) -> FloatArray:
    """Return mean and harmonics of each cell, where all cells share the harmonics.

    They are fitted by least squares beside a level of each cell, as `motrain_app.skill.fit_climatology` fits them. The
    levels are then drawn to their mean, as far as they differ by chance: by the variance of levels that follows from
    how the atoms of a cell differ, beyond what they share with those of others, over the variance that levels have.

    Parameters
    ----------
    gram, right
        Σ X Xᵀ and Σ X y over the training rows, with the features 1, cos θ, sin θ, …; [members, cells, features,
        features] and [members, cells, features].
    of_atoms
        Σ X over the rows of each atom and, last, Σ y; [features + 1, cells, atoms].
    train
        Whether a member trains on an atom; [members, atoms].
    level, season
        How many rows a cell needs for a level of its own, and all together for a season.

    Returns
    -------
    numpy.ndarray
        [members, cells, features]; NaN of members without a training row.

    References
    ----------
    Efron, B., Morris, C. (1975): Data analysis using Stein's estimator and its generalizations. J. Am. Stat. Assoc. 70,
    311–319, doi:10.1080/01621459.1975.10479864.
    """
    count = gram[..., 0, 0]
    rows = np.where(count > 0, count, 1.0)
    with np.errstate(invalid="ignore", over="ignore"):
        centre, mean = gram[..., 0, 1:] / rows[..., None], right[..., 0] / rows
        within, with_output = np.zeros((*gram.shape[:1], *gram.shape[2:])), np.zeros((*gram.shape[:1], gram.shape[-1]))
        within[:, 0, 0], with_output[:, 0] = count.sum(axis=1), right[..., 0].sum(axis=1)
        of_centres = rows[..., None, None] * centre[..., :, None] * centre[..., None, :]
        within[:, 1:, 1:] = (gram[..., 1:, 1:] - of_centres).sum(axis=1)
        with_output[:, 1:] = (right[..., 1:] - centre * right[..., :1]).sum(axis=1)
        harmonics = solve_season(within, with_output, season)[:, 1:]
        levels = mean - (centre * harmonics[:, None]).sum(axis=-1)
        common = (count * levels).sum(axis=1) / np.where(within[:, 0, 0] > 0, within[:, 0, 0], np.nan)
        own = count >= level
        kept = _not_by_chance(levels, harmonics, of_atoms, train, own)
        drawn = common[:, None] + kept[:, None] * (levels - common[:, None])
    found = np.empty((*count.shape, gram.shape[-1]))
    found[..., 0], found[..., 1:] = np.where(own, drawn, common[:, None]), harmonics[:, None]
    return found


def _not_by_chance(
    levels: FloatArray, harmonics: FloatArray, of_atoms: FloatArray, train: NDArray[np.bool_], own: NDArray[np.bool_]
) -> FloatArray:
    """Return which share of the differences between the levels of cells is none of chance, of each member; 0 … 1."""
    n_members = len(levels)
    kept = np.ones(n_members)
    step = max(1, _AT_ONCE // max(of_atoms[0].size, 1))
    for first in range(0, n_members, step):
        some = slice(first, first + step)
        here = train[some, None, :] & own[some, :, None]
        count = np.where(here, of_atoms[0], 0.0)
        season = np.einsum("mk,kca->mca", harmonics[some], of_atoms[1:-1])
        left = np.where(here, of_atoms[-1] - levels[some, :, None] * of_atoms[0] - season, 0.0)
        shared = left.sum(axis=1) / np.maximum(count.sum(axis=1), 1.0)
        apart = left - count * shared[:, None]
        n_atoms = (count > 0).sum(axis=2)
        told = n_atoms >= 2
        n_told = told.sum(axis=1)
        variance = (apart**2).sum(axis=2) / np.maximum(count.sum(axis=2), 1.0) ** 2
        by_chance = np.where(told, variance * n_atoms / np.maximum(n_atoms - 1, 1), 0.0).sum(axis=1)
        known = np.where(told, levels[some], 0.0)
        mean = known.sum(axis=1) / np.maximum(n_told, 1)
        all_of = np.where(told, (known - mean[:, None]) ** 2, 0.0).sum(axis=1)
        share = 1 - np.divide(by_chance, all_of, out=np.zeros_like(all_of), where=all_of > 0)
        kept[some] = np.where((n_told >= 2) & np.isfinite(share), np.clip(share, 0.0, 1.0), 1.0)
    return kept


def explained_beyond_season(
    observed: NDArray[np.floating[Any]],
    predicted: NDArray[np.floating[Any]],
    day_of_year: FloatArray,
    cell: NDArray[np.integer[Any]],
) -> FloatArray:
    """Return R² about the mean of each cell and the season that all share, both fitted to these same rows.

    Who knows but the place and the day of the year cannot be better than that, and has 0 at most. It is the median over
    the cells of ten rows or more, as scores over time are.

    Parameters
    ----------
    observed, predicted
        NaN for gaps; [outputs, rows].
    day_of_year, cell
        Shape (rows).

    Returns
    -------
    numpy.ndarray
        Shape (outputs); NaN without a cell of ten rows, or where nothing is left beside the season.

    Examples
    --------
    >>> day = np.arange(1.0, 731)
    >>> season, weather = np.cos(2 * np.pi * day / 365.2425), np.random.default_rng(0).standard_normal(730)
    >>> said = np.stack([season, season + 0.5 * weather])
    >>> explained_beyond_season(np.stack([season + weather] * 2), said, day, np.zeros(730, int)).round(3)
    array([-0.005,  0.749])
    """
    harmonics = season_harmonics(day_of_year, _HARMONICS)[1:]
    return np.array(
        [_explained(one, other, harmonics, cell) for one, other in zip(observed, predicted, strict=True)], np.float64
    )


def _explained(
    observed: NDArray[np.floating[Any]],
    predicted: NDArray[np.floating[Any]],
    harmonics: FloatArray,
    cell: NDArray[np.integer[Any]],
) -> float:
    known = np.isfinite(observed) & ~np.isnan(predicted)
    place = np.unique(cell[known], return_inverse=True)[1].reshape(-1)
    many = np.bincount(place)[place] >= MIN_ROWS
    kept = np.flatnonzero(known)[many]
    if not len(kept):
        return np.nan
    place = np.unique(place[many], return_inverse=True)[1].reshape(-1)
    count = np.bincount(place)

    def about_cells(series: FloatArray) -> FloatArray:
        return np.asarray(series - (np.bincount(place, series) / count)[place])

    left = about_cells(observed[kept].astype(np.float64))
    along = np.stack([about_cells(one[kept]) for one in harmonics])
    with np.errstate(over="ignore", invalid="ignore"):
        left = left - np.linalg.lstsq(along @ along.T, along @ left)[0] @ along
        error = np.bincount(place, (predicted[kept] - observed[kept]) ** 2)
        total = np.bincount(place, left**2)
    varies = total > 0
    return float(np.median(1 - error[varies] / total[varies])) if varies.any() else np.nan
