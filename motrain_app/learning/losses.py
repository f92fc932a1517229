"""The squared error Σ e^{b·y^c} (ŷ − y)² that counts some values of an output more than others: its weights."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.design.errors import DesignError

Float64 = NDArray[np.float64]


def log_emphasis(observed: ArrayLike, emphasis: float, power: float) -> Float64:
    """Return the logarithm b·y^c of the weight of each value; a caller that normalises subtracts its maximum first.

    With b > 0 large values count more, with b < 0 small ones; b = 0 leaves the plain sum of squared errors. The weight
    is that of the observed value, so that a prediction cannot lower its loss by its own weight.

    Parameters
    ----------
    observed
        y, any shape, in the output's unit: y^c depends on unit and offset. NaN where a value is missing, and so its
        weight.
    emphasis
        b; 0 gives every value the weight 1, also where y^c is not defined.
    power
        c.

    Raises
    ------
    DesignError
        Where y^c is no finite number: of negative values with a power that is no whole number, of zeros with a negative
        one, and where b·y^c is beyond what float32 holds, in which networks compute.

    Examples
    --------
    >>> log_emphasis([0.0, 1.0, 2.0, np.nan], 0.5, 2)
    array([0. , 0.5, 2. , nan])
    """
    y = np.asarray(observed, np.float64)
    if not np.isfinite(emphasis) or not np.isfinite(power):
        raise DesignError(f"emphasis is {emphasis!r} and power is {power!r}; both must be finite numbers.")
    if emphasis == 0:
        return np.where(np.isnan(y), np.nan, 0.0)
    if not float(power).is_integer() and (y < 0).any():
        raise DesignError(
            f"{np.count_nonzero(y < 0)} observed values are negative (the lowest is {np.nanmin(y):g}), and y^{power:g} "
            "is not defined for them. Choose a whole number as power, or emphasis=0."
        )
    if power < 0 and (y == 0).any():
        raise DesignError(
            f"{np.count_nonzero(y == 0)} observed values are zero, and y^{power:g} is infinite there. Choose a power "
            "above zero, or emphasis=0."
        )
    with np.errstate(over="ignore"):
        weights = np.asarray(emphasis * y**power)
    beyond = np.abs(weights) > np.finfo(np.float32).max
    if beyond.any():
        raise DesignError(
            f"Of {np.count_nonzero(beyond)} observed values, the first of which is {y[beyond].flat[0]:g}, "
            f"{emphasis:g}·y^{power:g} is too large to compute with. Choose a smaller emphasis, a power nearer to "
            "zero, or emphasis=0."
        )
    return weights
