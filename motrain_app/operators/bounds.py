"""Bounds of outputs: a last layer that no input can drive beyond what is physical."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Float64 = NDArray[np.float64]
BENDS_IN_WIDTH = 8.0  # two bounds this near to each other still leave a slope of nearly one, 0.96, in their middle
FELT_AT_MOST = 40.0  # bends beyond a bound, where e^-40 of one is left: less than rounding


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Bends values into their bounds: [n, 1] each, in the unit of the values [n, rows].

    With s(x) = log(1 + e^x) and the bend t, y becomes y + t s((low − y) / t) − t s((y − high) / t). Each bound acts in
    its neighbourhood alone, so that a value is left as it is where both are far, however wide they are.

    Attributes
    ----------
    low, high
        Infinite where there is none.
    scale
        Over how much a bound makes itself felt, where the other is far; less between narrow ones.
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
        >>> Bounds(0 * one, 100 * one, one).value(np.array([[-40.0, 0.0, 40.0, 1e9]])).round(3)
        array([[  0.   ,   0.693,  40.   , 100.   ]])
        """
        with np.errstate(invalid="ignore", over="ignore"):  # gaps, and bounds too wide for a difference
            bend = self._bend()
            near = np.clip(y, self.low - FELT_AT_MOST * bend, self.high + FELT_AT_MOST * bend)
            lifted, lowered = (np.logaddexp(0, gone / bend) for gone in (self.low - near, near - self.high))
            return np.clip(near + bend * lifted - bend * lowered, self.low, self.high)

    def slope(self, y: Float64) -> Float64:
        """Return the derivative of the bent values by the values."""
        with np.errstate(invalid="ignore", over="ignore"):  # gaps, and bounds too wide for a difference
            bend = self._bend()
            share = _logistic((y - self.low) / bend) * _logistic((self.high - y) / bend)
            return -share * np.expm1((self.low - self.high) / bend)

    def _bend(self) -> Array:
        return np.minimum(self.scale, (self.high - self.low) / BENDS_IN_WIDTH)


def _logistic(value: Float64) -> Float64:
    """Return 1 / (1 + exp(−value)) without overflow."""
    return np.exp(-np.logaddexp(0, -value))
