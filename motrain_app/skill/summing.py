"""From rows to moments, of all rows or of groups of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.skill.moments import FloatArray, Moments, divide

__all__ = ["moments", "moments_by_group"]


def moments(
    observed: ArrayLike,
    predicted: ArrayLike,
    *,
    baseline: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> Moments:
    """Sum over the rows, which are the last axis; rows with a gap are left out.

    Parameters
    ----------
    observed, predicted, baseline
        Shape (..., rows), broadcast against each other, in the unit of the output. A NaN in any of them
        leaves the row out, so that a baseline is always judged on the rows of the prediction. An infinite
        value is no gap: it makes the scores infinite or NaN, so that it is seen.
    weight
        Weight of each row, at least 0, shape (..., rows). A row with weight 0 or NaN is left out.

    Returns
    -------
    Moments
        Shape (...), about the means.

    Raises
    ------
    ValueError
        If a weight is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from motrain_app.skill import moments, rmse
    >>> sums = moments([[1.0, 2.0, np.nan], [10.0, 20.0, 30.0]], [[1.0, 4.0, 9.0], [13.0, 16.0, 30.0]])
    >>> sums.n
    array([2., 3.])
    >>> rmse(sums).round(3)
    array([1.414, 2.887])
    """
    return _moments(
        _rows(observed, predicted, baseline, weight),
        gather=lambda values: np.asarray(values.sum(axis=-1)),
        spread=lambda means: means[..., None],
        about=None,
    )


def moments_by_group(
    observed: ArrayLike,
    predicted: ArrayLike,
    group: NDArray[np.integer[Any]],
    n_groups: int,
    *,
    baseline: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    about: Moments | None = None,
) -> Moments:
    """Sum over the rows of each group: days, years, seasons, cells, blocks.

    Parameters
    ----------
    observed, predicted, baseline, weight
        As in `moments`.
    group
        Group of each row, 0 … n_groups − 1; rows with a negative group are left out. Shape (rows), or one
        that broadcasts to that of the values.
    n_groups
        Number of groups.
    about
        Moments of shape (...) whose shift all groups take, which saves time where they will be merged or
        resampled; or of shape (..., n_groups), a shift for each. Without it every group has its own mean as shift.

    Returns
    -------
    Moments
        Shape (..., n_groups).

    Raises
    ------
    ValueError
        If a weight is negative, or a group is not below `n_groups`.

    Examples
    --------
    >>> import numpy as np
    >>> from motrain_app.skill import bias, moments_by_group
    >>> year = np.array([0, 0, 1, 1])
    >>> bias(moments_by_group([1.0, 2.0, 3.0, 4.0], [1.5, 2.5, 2.0, np.nan], year, 3))
    array([ 0.5, -1. ,  nan])
    """
    group = np.asarray(group)
    if group.size and group.max() >= n_groups:
        raise ValueError(f"a row has group {group.max()}, but there are only {n_groups} groups")
    rows = _rows(observed, predicted, baseline, weight)
    leading = rows.valid.shape[:-1]
    n_leading = int(np.prod(leading))
    rows.valid = rows.valid & (group >= 0)
    # One bin for every (leading index, group), so that all outputs are one call of bincount.
    bins = np.arange(n_leading).reshape(*leading, 1) * n_groups + np.maximum(group, 0)
    flat = bins.ravel()

    shift = None if about is None else about.shift
    if shift is not None and shift.ndim == 1 + len(leading):
        shift = np.repeat(shift[..., None], n_groups, axis=-1)

    def gather(values: FloatArray) -> FloatArray:
        sums = np.bincount(flat, weights=values.ravel(), minlength=n_leading * n_groups)
        return sums.reshape(*leading, n_groups).astype(np.float64, copy=False)

    return _moments(
        rows,
        gather=gather,
        spread=lambda means: means.ravel()[bins],
        about=shift,
    )


@dataclass(slots=True)
class _Rows:
    """Values as float64, and which rows count."""

    observed: FloatArray
    predicted: FloatArray
    baseline: FloatArray | None
    weight: FloatArray | None
    valid: NDArray[np.bool_]


def _rows(observed: ArrayLike, predicted: ArrayLike, baseline: ArrayLike | None, weight: ArrayLike | None) -> _Rows:
    o, p = np.asarray(observed, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    valid = ~(np.isnan(o) | np.isnan(p))
    b = None if baseline is None else np.asarray(baseline, dtype=np.float64)
    if b is not None:
        valid = valid & ~np.isnan(b)
    w = None if weight is None else np.asarray(weight, dtype=np.float64)
    if w is not None:
        if np.any(w < 0):
            raise ValueError("a weight is negative: weights are at least 0")
        valid = valid & (w > 0)
    return _Rows(o, p, b, w, np.asarray(valid))


def _moments(
    rows: _Rows,
    *,
    gather: Callable[[FloatArray], FloatArray],
    spread: Callable[[FloatArray], FloatArray],
    about: FloatArray | None,
) -> Moments:
    """Sum over rows with `gather`, and bring means back to the rows with `spread`."""
    valid = rows.valid
    count = gather(valid.astype(np.float64))
    weight = None if rows.weight is None else np.where(valid, rows.weight, 0.0)
    total = count if weight is None else gather(weight)

    def summed(values: FloatArray) -> FloatArray:
        # Values are zero on the rows that do not count, so without weights there is nothing to multiply.
        return gather(values if weight is None else values * weight)

    # Subtracting infinities is meant to give NaN, which the scores then show.
    with np.errstate(invalid="ignore", over="ignore"):
        raw = [np.where(valid, values, 0.0) for values in (rows.observed, rows.predicted)]
        raw.append(raw[1] - raw[0])
        if rows.baseline is not None:
            raw.append(np.where(valid, rows.baseline, 0.0) - raw[0])
        if about is None:
            mean = np.stack([divide(summed(values), total) for values in raw])
            about = np.where(np.isfinite(mean), mean, 0.0)
        o, p, e, *b = (np.where(valid, v - spread(c), 0.0) for v, c in zip(raw, about, strict=True))
        sums = [total, count, summed(o), summed(p), summed(e)]
        sums += [summed(o * o), summed(p * p), summed(o * p), summed(e * e), summed(np.abs(raw[2]))]
        if b:
            sums += [summed(b[0]), summed(b[0] * b[0]), summed(np.abs(raw[3]))]
    return Moments(np.stack(sums), about)
