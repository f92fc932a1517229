"""Differences between two predictions of the same rows, as statistics for the bootstrap.

The second prediction stands in the place of the baseline: `moments(observed, first, baseline=second)`. Each
replicate draws the same rows for both, so the interval is that of the paired difference. Negative differences
mean that the first is better.
"""

from __future__ import annotations

import numpy as np

from motrain_app.skill.moments import FloatArray, Moments, divide

__all__ = ["loss_difference", "mae_difference", "mse_difference", "rmse_change", "rmse_difference"]


def mae_difference(m: Moments) -> FloatArray:
    """⟨|e₁|⟩ − ⟨|e₂|⟩, in the unit of the output; NaN without a row."""
    return m.absolute_error_mean - m.baseline_absolute_error_mean


def mse_difference(m: Moments) -> FloatArray:
    """⟨e₁²⟩ − ⟨e₂²⟩, in the square of the unit of the output; NaN without a row."""
    return m.mse - m.baseline_mse


def loss_difference(m: Moments) -> FloatArray:
    """⟨e₁²⟩ − ⟨e₂²⟩ of which the p-value of a skill is: NaN, as the skill, where the second has no error."""
    return np.where(m.baseline_mse > 0, mse_difference(m), np.nan)


def rmse_difference(m: Moments) -> FloatArray:
    """√⟨e₁²⟩ − √⟨e₂²⟩, in the unit of the output; NaN without a row.

    Examples
    --------
    >>> from motrain_app.skill import moments, rmse_difference
    >>> float(rmse_difference(moments([1.0, 2.0], [2.0, 3.0], baseline=[4.0, 5.0])))
    -2.0
    """
    return np.sqrt(m.mse) - np.sqrt(m.baseline_mse)


def rmse_change(m: Moments) -> FloatArray:
    """√⟨e₁²⟩ / √⟨e₂²⟩ − 1, without a unit; NaN without a row, and where the second prediction has no error.

    Examples
    --------
    >>> from motrain_app.skill import moments, rmse_change
    >>> float(rmse_change(moments([1.0, 2.0], [2.0, 3.0], baseline=[5.0, 6.0])))
    -0.75
    """
    return divide(np.sqrt(m.mse), np.sqrt(m.baseline_mse)) - 1
