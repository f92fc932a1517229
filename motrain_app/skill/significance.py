"""False discoveries among many tests, such as one in each partition of a map.

At a level of 5 % one test in twenty finds a difference where there is none: 500 of 10,000 partitions. The procedure of
Benjamini and Hochberg controls the share of false ones among the differences that are found. It holds for independent
tests, and is conservative for those of a field, where neighbours resemble each other (Wilks 2016).

References
----------
Benjamini, Y., Hochberg, Y. (1995): Controlling the false discovery rate: a practical and powerful approach to multiple
testing. J. R. Stat. Soc. B 57, 289–300, doi:10.1111/j.2517-6161.1995.tb02031.x.

Wilks, D. S. (2016): "The stippling shows statistically significant grid points": how research results are routinely
overstated and overinterpreted, and what to do about it. Bull. Amer. Meteor. Soc. 97, 2263–2273,
doi:10.1175/BAMS-D-15-00267.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.skill.moments import FloatArray

__all__ = ["adjusted_p", "discoveries"]


def adjusted_p(p: ArrayLike, *, axis: int = 0) -> FloatArray:
    """Adjust p-values for the number of tests along an axis (Benjamini and Hochberg 1995).

    Parameters
    ----------
    p
        p-values, 0 to 1, of any shape; NaN where there is no test, which then takes no part.
    axis
        Along which the tests stand that belong together: the partitions.

    Returns
    -------
    numpy.ndarray
        Of the shape of `p`: the lowest share of false discoveries at which a test is one; NaN stays NaN.

    Raises
    ------
    ValueError
        If a p-value is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> adjusted_p([0.01, 0.02, np.nan, 0.6])
    array([0.03, 0.03,  nan, 0.6 ])
    """
    from scipy.stats import false_discovery_control  # half a second, of which a worker needs nothing

    def of_known(tests: FloatArray) -> FloatArray:
        adjusted = np.full(tests.shape, np.nan)
        known = ~np.isnan(tests)
        if known.any():
            adjusted[known] = false_discovery_control(tests[known])
        return adjusted

    values = np.asarray(p, dtype=np.float64)
    # The function is called once for each output, and not at all where there are none.
    return np.apply_along_axis(of_known, axis, values) if values.size else values.copy()


def discoveries(p: ArrayLike, *, level: float = 0.05, axis: int = 0) -> NDArray[np.bool_]:
    """Tell which tests are discoveries, of which at most the share `level` is expected to be false.

    Parameters
    ----------
    p, axis
        As in `adjusted_p`.
    level
        Rate of false discoveries. For a field whose tests are strongly correlated, Wilks (2016) takes twice the level
        of a single test.

    Returns
    -------
    numpy.ndarray
        bool, of the shape of `p`; False where p is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> discoveries([0.001, 0.04, 0.045, 0.9, np.nan])
    array([ True, False, False, False, False])
    """
    found: NDArray[np.bool_] = adjusted_p(p, axis=axis) <= level
    return found
