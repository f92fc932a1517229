"""Weighted sums over rows from which scores are computed: they add, they can be resampled.

A score over five thousand rows and the same score over a thousand bootstrap replicates are one function of
one `Moments`; only the leading shape differs. Scores of a season, a year or a cell are sums over groups.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["FloatArray", "Moments", "divide"]

FloatArray = NDArray[np.float64]

# Order of the sums along the first axis of `Moments.sums`; the last three exist only beside a baseline.
WEIGHT, COUNT, OBS, PRED, ERR, OBS2, PRED2, OBS_PRED, ERR2, ABS_ERR, BASE, BASE2, ABS_BASE = range(13)
# Order of the shifts along the first axis of `Moments.shift`; the last exists only beside a baseline.
SHIFT_OBS, SHIFT_PRED, SHIFT_ERR, SHIFT_BASE = range(4)

# A spread below this many units in the last place of the mean is rounding, not variation.
_ROUNDING = 64 * np.finfo(np.float64).eps
# An error below this share of the mean is what the fit of a constant rounds to, not an error.
_NO_ERROR = 1e-12
# A variance below this share of the second moment it was subtracted from has lost all its digits.
_CANCELLED = 1e-12


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over rows of observed, predicted and error about a shift; any shape, additive.

    With e = predicted − observed, and o, p, e taken relative to their `shift`, the first axis of `sums` holds
    Σw, n, Σwo, Σwp, Σwe, Σwo², Σwp², Σwop, Σwe², Σw|e| (the last of the error itself, unshifted) and, beside
    a baseline whose error is b, Σwb, Σwb², Σw|b|.

    The shift is near the mean, so that 285 ± 0.5 K loses no digits, and the error has sums of its own, so
    that it is never the small difference of large ones.

    Parameters
    ----------
    sums
        Shape (10, ...), or (13, ...) beside a baseline.
    shift
        Shape (3, ...), or (4, ...): of observed, predicted, error and error of the baseline, in the unit of
        the output.

    References
    ----------
    Chan, T. F., Golub, G. H., LeVeque, R. J. (1983): Algorithms for computing the sample variance. The
    American Statistician 37, 242–247, doi:10.1080/00031305.1983.10483115.
    """

    sums: FloatArray
    shift: FloatArray
    _means: dict[int, FloatArray] = field(default_factory=dict, init=False, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of every score computed from these moments."""
        return self.sums.shape[1:]

    @property
    def has_baseline(self) -> bool:
        """Whether the errors of a baseline on the same rows were summed too."""
        return len(self.sums) > BASE

    @property
    def n(self) -> FloatArray:
        """Number of rows."""
        return self._sum(COUNT)

    @property
    def weight(self) -> FloatArray:
        """Sum of weights; the number of rows where no weights were given."""
        return self._sum(WEIGHT)

    @property
    def observed_mean(self) -> FloatArray:
        """Mean of the observed values."""
        return self._mean(OBS, SHIFT_OBS)

    @property
    def predicted_mean(self) -> FloatArray:
        """Mean of the predicted values."""
        return self._mean(PRED, SHIFT_PRED)

    @property
    def error_mean(self) -> FloatArray:
        """Mean of predicted − observed."""
        return self._mean(ERR, SHIFT_ERR)

    def error_sum_about(self, value: FloatArray) -> FloatArray:
        """Weighted sum of predicted − observed − value."""
        with np.errstate(invalid="ignore", over="ignore"):
            return cast(FloatArray, self._sum(ERR) + self.weight * (self.shift[SHIFT_ERR] - value))

    def squared_error_sum_about(self, value: FloatArray) -> FloatArray:
        """Weighted sum of (predicted − observed − value)²."""
        with np.errstate(invalid="ignore", over="ignore"):
            move = self.shift[SHIFT_ERR] - value
            return cast(FloatArray, self._sum(ERR2) + move * (2 * self._sum(ERR) + self.weight * move))

    @property
    def absolute_error_mean(self) -> FloatArray:
        """Mean of |predicted − observed|."""
        return self._ratio(ABS_ERR)

    @property
    def observed_variance(self) -> FloatArray:
        """Variance of the observed values, divided by Σw; exactly 0 for a constant series."""
        return self._without_rounding(self._variance(OBS, OBS2), OBS2, self.observed_mean)

    @property
    def predicted_variance(self) -> FloatArray:
        """Variance of the predicted values, divided by Σw; exactly 0 for a constant series."""
        return self._without_rounding(self._variance(PRED, PRED2), PRED2, self.predicted_mean)

    @property
    def error_variance(self) -> FloatArray:
        """Variance of predicted − observed, divided by Σw."""
        return self._variance(ERR, ERR2)

    @property
    def covariance(self) -> FloatArray:
        """Covariance of observed and predicted, divided by Σw."""
        with np.errstate(invalid="ignore", over="ignore"):
            return self._ratio(OBS_PRED) - self._ratio(OBS) * self._ratio(PRED)

    @property
    def mse(self) -> FloatArray:
        """Mean squared error: variance plus squared mean of the error."""
        return self._mean_square(ERR, ERR2, SHIFT_ERR)

    @property
    def baseline_error_mean(self) -> FloatArray:
        """Mean of baseline − observed."""
        self._require_baseline()
        return self._mean(BASE, SHIFT_BASE)

    @property
    def baseline_absolute_error_mean(self) -> FloatArray:
        """Mean of |baseline − observed|."""
        self._require_baseline()
        return self._ratio(ABS_BASE)

    @property
    def baseline_mse(self) -> FloatArray:
        """Mean squared error of the baseline; exactly 0 where it is rounding beside the mean of the observed values.

        Values that an offset was taken from have too small a mean for that, unless it is added to them again.
        """
        self._require_baseline()
        mse = self._mean_square(BASE, BASE2, SHIFT_BASE)
        return np.where(mse <= (_NO_ERROR * np.abs(self.observed_mean)) ** 2, 0.0, mse)

    def __add__(self, other: Moments) -> Moments:
        """Moments of the rows of both, about their common mean; shapes broadcast."""
        first, second = self._aligned(other)
        if np.array_equal(first.shift, second.shift):
            return Moments(first.sums + second.sums, first.shift)
        return Moments(
            np.stack([first.sums, second.sums], axis=-1), np.stack([first.shift, second.shift], axis=-1)
        ).merged()

    def __sub__(self, other: Moments) -> Moments:
        """Moments without the rows of `other`, which must be among these rows; shapes broadcast."""
        first, second = self._aligned(other)
        return Moments(first.sums - second.rebased(first.shift).sums, first.shift)

    def __getitem__(self, index: Any) -> Moments:
        """Part of the moments; the index means the shape of the scores."""
        index = index if isinstance(index, tuple) else (index,)
        return Moments(self.sums[:, *index], self.shift[:, *index])

    def merged(self) -> Moments:
        """Moments of all groups of the last axis together, about their common shift or the middle of their means."""
        first = self.shift[..., :1]
        if first.size and np.array_equal(self.shift, np.broadcast_to(first, self.shift.shape)):
            with np.errstate(invalid="ignore", over="ignore"):
                return Moments(self.sums.sum(axis=-1), first[..., 0])
        weight = self.weight
        means = self.shift + np.stack([self._ratio(index) for index in self._firsts])
        common = _weighted_middle(means, weight)
        return Moments(self.rebased(common[..., None]).sums.sum(axis=-1), common)

    def rebased(self, shift: FloatArray) -> Moments:
        """The same moments about another shift, which may broadcast over the shape."""
        shift = np.broadcast_to(shift, self.shift.shape)
        if np.array_equal(shift, self.shift):
            return self
        weight = self.weight
        sums = self.sums.copy()
        firsts, seconds = self._firsts, [OBS2, PRED2, ERR2, BASE2][: len(self._firsts)]
        # Where nothing was summed the old shift is arbitrary; zero times it must stay zero. An infinite sum is so about
        # any shift: moved, its square would be the difference of infinite ones.
        move = np.where((weight > 0) & np.isfinite(self.sums[firsts]), self.shift - shift, 0.0)
        with np.errstate(invalid="ignore", over="ignore"):
            old = np.where(move == 0, 0.0, self.sums[firsts])
            of_obs, of_pred = move[SHIFT_OBS], move[SHIFT_PRED]
            sums[seconds] += move * (2 * old + weight * move)
            sums[OBS_PRED] += of_obs * self.sums[PRED] + of_pred * self.sums[OBS] + weight * of_obs * of_pred
            sums[firsts] += weight * move
        return Moments(sums, shift.copy())

    def resampled(self, counts: Any) -> Moments:
        """Moments of replicates that take group g of the last axis counts[..., g] times.

        Parameters
        ----------
        counts
            NumPy array or SciPy sparse array of shape (replicates, groups). Whole numbers for a bootstrap,
            any weights otherwise.

        Returns
        -------
        Moments
            Shape (..., replicates): one matrix product for all sums and outputs.
        """
        common = self.merged().shift[..., None]
        sums = self.rebased(common).sums
        product = counts @ np.ascontiguousarray(sums.reshape(-1, sums.shape[-1]).T)
        drawn = np.ascontiguousarray(product.T).reshape(*sums.shape[:-1], -1)
        return Moments(drawn, np.broadcast_to(common, (len(common), *drawn.shape[1:])))

    @cached_property
    def _divisor(self) -> FloatArray:
        return np.where(self.weight > 0, self.weight, np.nan)

    @property
    def _firsts(self) -> list[int]:
        """Sums of first order, in the order of the shifts."""
        return [OBS, PRED, ERR, BASE] if self.has_baseline else [OBS, PRED, ERR]

    def _aligned(self, other: Moments) -> tuple[Moments, Moments]:
        if self.has_baseline != other.has_baseline:
            raise ValueError("moments with a baseline and moments without one do not mix: give both the same")
        shape = np.broadcast_shapes(self.shape, other.shape)
        return self._broadcast(shape), other._broadcast(shape)

    def _broadcast(self, shape: tuple[int, ...]) -> Moments:
        # The first axis stays first, so new axes go behind it, before those of the scores.
        index = (slice(None), *(None,) * (len(shape) - len(self.shape)))
        sums, shift = self.sums[index], self.shift[index]
        return Moments(np.broadcast_to(sums, (len(sums), *shape)), np.broadcast_to(shift, (len(shift), *shape)))

    def _require_baseline(self) -> None:
        if not self.has_baseline:
            raise ValueError("this score compares with a baseline: compute the moments with baseline=...")

    def _sum(self, index: int) -> FloatArray:
        return cast(FloatArray, self.sums[index])

    def _ratio(self, index: int) -> FloatArray:
        """A sum divided by Σw, computed when first asked for: most scores share it."""
        if index not in self._means:
            with np.errstate(over="ignore"):
                self._means[index] = self.sums[index] / self._divisor
        return self._means[index]

    def _mean(self, index: int, shift: int) -> FloatArray:
        return cast(FloatArray, self.shift[shift] + self._ratio(index))

    def _variance(self, first: int, second: int) -> FloatArray:
        with np.errstate(invalid="ignore", over="ignore"):
            return np.maximum(self._ratio(second) - self._ratio(first) ** 2, 0.0)

    def _mean_square(self, first: int, second: int, shift: int) -> FloatArray:
        """Mean of squares without cancellation; infinite where a value was."""
        with np.errstate(invalid="ignore", over="ignore"):
            square = self._variance(first, second) + self._mean(first, shift) ** 2
        return np.where(np.isinf(self.sums[second]), np.inf, square)

    def _without_rounding(self, variance: FloatArray, second: int, mean: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", over="ignore"):
            floor = np.maximum((_ROUNDING * np.abs(mean)) ** 2, _CANCELLED * self._ratio(second))
        return np.where(variance <= floor, 0.0, variance)


def _weighted_middle(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the middle of values on the last axis: half of the weight is lower, half higher, whatever few groups hold.

    0 where it is not finite, as where there is no weight.
    """
    if not values.shape[-1]:
        return np.zeros(values.shape[:-1])
    order = np.argsort(values, axis=-1)  # NaN, of empty groups, last
    ordered = np.take_along_axis(np.broadcast_to(weight, values.shape), order, -1)
    reached = np.cumsum(ordered, axis=-1)
    place = np.argmax(2 * reached >= reached[..., -1:], axis=-1)[..., None]
    middle = np.take_along_axis(values, np.take_along_axis(order, place, -1), -1)[..., 0]
    return np.where(np.isfinite(middle), middle, 0.0)


def divide(numerator: FloatArray, weight: FloatArray) -> FloatArray:
    """Ratio that is NaN where nothing was summed; a NaN divides without a warning."""
    with np.errstate(over="ignore"):
        return numerator / np.where(weight > 0, weight, np.nan)
