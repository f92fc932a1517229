"""What intervals must be, written out: order statistics of residuals, corrected for their number."""

from fractions import Fraction
from math import ceil, floor

import numpy as np

from motrain_app.operators.interval import PERCENTS


def order_statistics(residual):
    """Return the lower and upper ends for `PERCENTS`, [2, levels]; NaN where there are too few residuals.

    Of n residuals in ascending order, the level p takes those numbered ⌊(n + 1)(1 − p)/2⌋ and ⌈(n + 1)(1 + p)/2⌉,
    counted from 1.
    """
    ascending = np.sort(residual[~np.isnan(residual)]).astype(np.float32)
    n = len(ascending)
    ends = np.full((2, len(PERCENTS)), np.nan, np.float32)
    for level, percent in enumerate(PERCENTS.tolist()):
        tail = Fraction(100 - percent, 200)
        below, above = floor((n + 1) * tail), ceil((n + 1) * (1 - tail))
        if below >= 1 and above <= n:
            ends[:, level] = ascending[below - 1], ascending[above - 1]
    return ends
