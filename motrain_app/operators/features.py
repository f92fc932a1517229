"""Feature maps and activations: the elementwise parts of a member, each with its derivative.

Arrays are feature-major: [features, rows].
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """A map from n standardised inputs to features.

    Attributes
    ----------
    size
        Number of features for n inputs.
    values
        Features of inputs: [n, rows] -> [size(n), rows].
    slope
        Derivative of coefficients · features by the inputs:
        coefficients [k, size(n)], inputs [n, rows] -> [k, n, rows].
    """

    size: Callable[[int], int]
    values: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]


def _linear_slope(coefficients: Array, z: Array) -> Array:
    return np.repeat(coefficients[:, :, None], z.shape[1], axis=2)


def _quadratic_values(z: Array) -> Array:
    """Stack z and the products z_i z_j, i ≤ j."""
    n = len(z)
    values = np.empty((n + n * (n + 1) // 2, *z.shape[1:]), z.dtype)
    values[:n] = z
    start = n
    for number in range(n):
        np.multiply(z[number], z[number:], out=values[start : start + n - number])
        start += n - number
    return values


def _quadratic_slope(coefficients: Array, z: Array) -> Array:
    n = len(z)
    first, second = np.triu_indices(n)
    matrix = np.zeros((len(coefficients), n, n), coefficients.dtype)
    matrix[:, first, second] += coefficients[:, n:]
    matrix[:, second, first] += coefficients[:, n:]  # twice on the diagonal: d(z²) = 2z
    slope: Array = coefficients[:, :n, None] + matrix @ z
    return slope


FEATURE_MAPS = {
    "linear": FeatureMap(size=lambda n: n, values=lambda z: z, slope=_linear_slope),
    "quadratic": FeatureMap(size=lambda n: n + n * (n + 1) // 2, values=_quadratic_values, slope=_quadratic_slope),
}


@dataclass(frozen=True, slots=True)
class Activation:
    """A nonlinearity: its value, and its derivative expressed by the value."""

    value: Callable[[Array], Array]
    slope_of_value: Callable[[Array], Array]


ACTIVATIONS = {
    "relu": Activation(lambda a: np.maximum(a, 0), lambda v: (v > 0).astype(v.dtype)),
    "tanh": Activation(np.tanh, lambda v: 1 - v**2),
}
