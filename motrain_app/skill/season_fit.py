"""Mean and harmonics of the year from normal equations."""

from __future__ import annotations

import numpy as np

from motrain_app.skill.moments import FloatArray

__all__ = ["rows_needed", "solve_season"]

# A cell needs this many rows a coefficient for a season of its own; with fewer, the noise that a fit takes up
# (one part in twenty, were they independent) would make the baseline easy to beat.
_ROWS_PER_COEFFICIENT = 20
# Variance of a combination of harmonics over the training days (1/2 over full years) below which it is not
# seen well enough to be continued beyond them: with seven months of the year all stay above it, with six one
# falls below.
_SEEN = 0.01


def rows_needed(harmonics: int) -> int:
    """Return how many training rows a cell needs for coefficients of its own, and a partition for a season."""
    return _ROWS_PER_COEFFICIENT * (1 + 2 * harmonics)


def solve_season(gram: FloatArray, right: FloatArray, needed: int) -> FloatArray:
    """Return mean and harmonics from normal equations, as `fit_climatology` fits them.

    Parameters
    ----------
    gram
        Σ X Xᵀ of the features 1, cos θ, sin θ, …; shape (..., features, features).
    right
        Σ X y; shape (..., features).
    needed
        Sets with fewer rows get their mean and no season; NaN without a row.

    Returns
    -------
    numpy.ndarray
        Shape (..., features).
    """
    count = gram[..., 0, 0]
    rows = np.where(count > 0, count, np.nan)[..., None]
    mean = right[..., 0] / rows[..., 0]
    if right.shape[-1] == 1:
        return mean[..., None]
    centre = gram[..., 0, 1:] / rows
    covariance = gram[..., 1:, 1:] / rows[..., None] - centre[..., :, None] * centre[..., None, :]
    with np.errstate(invalid="ignore"):  # of a series with an infinite value, which gets no season
        with_output = right[..., 1:] / rows - centre * mean[..., None]
    # Systems without rows are solved as zeros: LAPACK does not promise to carry NaN through. Of series that share their
    # rows the axes are found once.
    enough = count >= needed
    variances, axes = np.linalg.eigh(np.where(enough[..., None, None], covariance, 0.0))
    seen = enough & np.isfinite(with_output).all(axis=-1)
    along = np.einsum("...ji,...j->...i", axes, np.where(seen[..., None], with_output, 0.0))
    season = np.einsum("...ij,...j->...i", axes, along / np.maximum(variances, _SEEN))
    constant = mean - np.where(seen, (centre * season).sum(axis=-1), 0.0)
    solution = np.concatenate([constant[..., None], season], axis=-1)
    return np.where(np.isfinite(constant)[..., None], solution, np.nan)
