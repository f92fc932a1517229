"""Scores in words: a value never stands without its interval, its n and the baseline that it must beat."""

from typing import Any

import numpy as np
import pandas as pd

from motrain_app.ui.escape import safe_text


def interval_words(row: Any) -> str:
    """Return the interval of a row of scores, or that there is none and, where there is a value, why.

    Examples
    --------
    >>> from types import SimpleNamespace as Row
    >>> interval_words(Row(value=0.7512, low=0.7081, high=0.7923))
    '[0.708, 0.792]'
    >>> [interval_words(Row(value=value, low=np.nan, high=np.nan)) for value in (0.75, np.inf, np.nan)]
    ['none: too little to draw from', 'none: not finite', 'none']
    """
    if not np.isnan(row.low):
        return f"[{row.low:.3g}, {row.high:.3g}]"
    if np.isnan(row.value):
        return "none"
    return "none: too little to draw from" if np.isfinite(row.value) else "none: not finite"


def baseline_words(row: Any) -> str:
    """Return the best baseline of a row of scores and its score.

    Examples
    --------
    >>> from types import SimpleNamespace as Row
    >>> baseline_words(Row(baseline="climatology", baseline_value=1.2431)), baseline_words(Row(baseline=""))
    ('climatology 1.24', '')
    """
    return f"{safe_text(row.baseline.replace('_', ' '))} {row.baseline_value:.3g}" if row.baseline else ""


def beating_words(skill: pd.DataFrame) -> str:
    """Say how many operators beat their best baseline, and how many of these beyond chance.

    Parameters
    ----------
    skill
        Lines of the score `skill` of one output, as `Run.skill` returns them.

    Examples
    --------
    >>> beating_words(pd.DataFrame({"value": [0.4, 0.1, -0.2, np.nan], "significant": [True, False, True, False]}))
    '2 of 3 operators have a lower RMSE than their best baseline, 1 of them significantly'
    """
    better = skill["value"] > 0
    sure = (better & skill["significant"]).sum()
    which = f"{better.sum():,} of {skill['value'].notna().sum():,} operators have a lower RMSE than their best baseline"
    return f"{which}, {sure:,} of them significantly" if better.any() else which


def score_words(row: Any) -> str:
    """Say all of one row of scores.

    Examples
    --------
    >>> from types import SimpleNamespace as Row
    >>> row = Row(partition="alps", value=0.7261, low=0.69, high=0.77, n=8493, baseline="mean", baseline_value=1.2)
    >>> score_words(row)
    'alps 0.726 [0.69, 0.77] (mean 1.2), n = 8,493'
    """
    baseline = f" ({words})" if (words := baseline_words(row)) else ""
    interval = "without interval" if np.isnan(row.low) else interval_words(row)
    return f"{safe_text(row.partition)} {row.value:.3g} {interval}{baseline}, n = {row.n:,}"
