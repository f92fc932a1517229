"""Bounds of outputs: a last layer that no input can drive beyond what is physical."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Bends values into their bounds: [n, 1] each, in the unit of the values [n, rows].

    Between two bounds a logistic curve with slope one in their middle; above or below a single one a softplus, which
    far from it leaves a value as it is.

    Attributes
    ----------
    low, high
        Infinite where there is none.
    scale
        Over how much a single bound makes itself felt.
    """

    low: Array
    high: Array
    scale: Array

    def value(self, y: Float64) -> Float64:
        """Return the bent values; rounding does not carry them beyond a bound.

        Examples
        --------
        >>> one = np.ones((1, 1))
        >>> Bounds(0 * one, np.inf * one, one).value(np.array([[-40.0, 0.0, 40.0]])).round(3)
        array([[ 0.   ,  0.693, 40.   ]])
        """
        two, low, high = self._kinds()
        with np.errstate(invalid="ignore", over="ignore"):
            inside = self.low + (self.high - self.low) * self._share(y)
            over = self.low + self.scale * np.logaddexp(0, (y - self.low) / self.scale)
            under = self.high - self.scale * np.logaddexp(0, (self.high - y) / self.scale)
        bent = np.where(two, inside, np.where(low, over, np.where(high, under, y)))
        return np.clip(bent, self.low, self.high)

    def slope(self, y: Float64) -> Float64:
        """Return the derivative of the bent values by the values."""
        two, low, high = self._kinds()
        with np.errstate(invalid="ignore", over="ignore"):
            share = self._share(y)
            over, under = (_logistic(distance / self.scale) for distance in (y - self.low, self.high - y))
        one_sided = np.where(low, over, np.where(high, under, 1.0))
        return np.where(np.isnan(y), np.nan, np.where(two, 4 * share * (1 - share), one_sided))

    def _kinds(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        low, high = np.isfinite(self.low), np.isfinite(self.high)
        return low & high, low & ~high, high & ~low

    def _share(self, y: Float64) -> Float64:
        return _logistic(4 * (y - (self.low + self.high) / 2) / (self.high - self.low))


def _logistic(value: Float64) -> Float64:
    """Return 1 / (1 + exp(−value)) without overflow."""
    return np.exp(-np.logaddexp(0, -value))
