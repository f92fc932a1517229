"""Scores of one partition, with intervals and baselines, and their tables over many.

A worker calls `score_outputs` once for a partition and stores `Scores.pack()`; whoever reads a run stacks the
packed rows of its partitions, unpacks them and asks `score_table` for the columns. Each output has its own
rows, its own unit and its own numbers: nothing is ever summed over outputs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.skill.bootstrap import Intervals, bootstrap
from motrain_app.skill.metrics import bias, rmse, skill
from motrain_app.skill.moments import FloatArray, Moments
from motrain_app.skill.registry import Metric, best_indices, get_metric
from motrain_app.skill.summing import moments, moments_by_group

__all__ = ["Scores", "score_outputs", "unpack_scores"]

# Columns of a packed row before the metrics': n, index of the best baseline, length and number of blocks.
_HEAD = 4


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of the outputs of one partition, or of many (leading shape).

    Parameters
    ----------
    metrics, baselines
        Names, in the order of the axes below.
    value, low, high
        Score and its 95 % interval; shape (..., outputs, metrics). NaN in low and high where there is no
        interval: under 10 blocks, no value, or n itself.
    n
        Rows with observed and predicted; shape (..., outputs).
    baseline
        Index of the best baseline by RMSE, −1 without one; shape (..., outputs).
    baseline_value
        Scores of that baseline; shape (..., outputs, metrics).
    baseline_values
        Scores of every baseline; shape (..., baselines, outputs, metrics).
    block_days
        Length of the bootstrap's blocks in days; shape (..., outputs).
    blocks
        Effective number of blocks; shape (..., outputs).
    """

    metrics: tuple[str, ...]
    baselines: tuple[str, ...]
    value: FloatArray
    low: FloatArray
    high: FloatArray
    n: FloatArray
    baseline: NDArray[np.intp]
    baseline_value: FloatArray
    baseline_values: FloatArray
    block_days: FloatArray
    blocks: FloatArray

    def pack(self) -> FloatArray:
        """All numbers as one float64 array of shape (..., outputs, 4 + metrics · (4 + baselines))."""
        head = np.stack([self.n, self.baseline.astype(np.float64), self.block_days, self.blocks], axis=-1)
        each = np.moveaxis(self.baseline_values, -3, -2)
        parts = [head, self.value, self.low, self.high, self.baseline_value]
        return np.concatenate([*parts, each.reshape(*each.shape[:-2], -1)], axis=-1)


def unpack_scores(packed: ArrayLike, *, metrics: Sequence[str], baselines: Sequence[str]) -> Scores:
    """Scores from `Scores.pack()`, or from packed scores of many partitions stacked along leading axes.

    Parameters
    ----------
    packed
        Shape (..., outputs, 4 + metrics · (4 + baselines)).
    metrics, baselines
        The names given to `score_outputs`, in its order.

    Raises
    ------
    ValueError
        If the width is not that of so many metrics and baselines.
    """
    packed = np.asarray(packed, dtype=np.float64)
    m, b = len(metrics), len(baselines)
    if packed.shape[-1] != _HEAD + m * (4 + b):
        raise ValueError(
            f"packed scores of {m} metrics and {b} baselines are {_HEAD + m * (4 + b)} numbers wide, "
            f"not {packed.shape[-1]}: they were stored under other names"
        )
    value, low, high, best, each = np.split(packed[..., _HEAD:], [m, 2 * m, 3 * m, 4 * m], axis=-1)
    return Scores(
        metrics=tuple(metrics),
        baselines=tuple(baselines),
        value=value,
        low=low,
        high=high,
        n=packed[..., 0],
        baseline=packed[..., 1].astype(np.intp),
        baseline_value=best,
        baseline_values=np.moveaxis(each.reshape(*each.shape[:-1], b, m), -2, -3),
        block_days=packed[..., 2],
        blocks=packed[..., 3],
    )


def score_outputs(
    observed: ArrayLike,
    predicted: ArrayLike,
    baselines: Mapping[str, ArrayLike],
    day: NDArray[np.integer[Any]],
    *,
    metrics: Sequence[str],
    key: int | Sequence[int] | np.random.SeedSequence,
    replicates: int = 1000,
    constant_baselines: Collection[str] = ("mean",),
) -> Scores:
    """Score the outputs of one partition over all rows given: all held-out rows pooled, or all test rows.

    Parameters
    ----------
    observed, predicted
        Shape (outputs, rows), in the units of the outputs, NaN for gaps. Each output has its own rows.
    baselines
        Predictions of the baselines, each of the same shape. A baseline is scored on the rows that also have
        a prediction. The best by RMSE is what `skill` is measured against; one that misses some of these
        rows is chosen only where every baseline does.
    day
        Days since 1970 of each row, for the blocks of the bootstrap; shape (rows). Cells share days.
    metrics
        Names of the registry.
    key
        Entropy of the random draws, such as (seed, partition id). Every output draws from the same key, so
        that it does not matter which others there are.
    replicates
        Number of bootstrap replicates; 0 for no intervals.
    constant_baselines
        Baselines that are one number in each fold and cell: what correlates in them is only that a fold
        without high values has a lower mean, so their correlations are NaN.

    Raises
    ------
    ValueError
        If shapes do not agree, or a metric is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(3)
    >>> day = np.arange(2000)
    >>> observed = np.stack([rng.standard_normal(2000), 0.01 * rng.standard_normal(2000)])
    >>> predicted = observed + [[0.5], [0.002]] * rng.standard_normal((2, 2000))
    >>> scores = score_outputs(
    ...     observed, predicted, {"mean": np.zeros((2, 2000))}, day, metrics=["rmse", "skill"], key=0
    ... )
    >>> scores.value.round(3)
    array([[0.506, 0.741],
           [0.002, 0.961]])
    >>> bool(((scores.low < scores.value) & (scores.value < scores.high)).all())
    True
    """
    o = np.atleast_2d(np.asarray(observed, dtype=np.float64))
    p = np.atleast_2d(np.asarray(predicted, dtype=np.float64))
    others = {name: np.atleast_2d(np.asarray(b, dtype=np.float64)) for name, b in baselines.items()}
    day = np.asarray(day)
    for name, shape in (("predicted", p.shape), *((name, b.shape) for name, b in others.items())):
        if shape != o.shape:
            raise ValueError(f"{name} has shape {shape}, but observed has {o.shape}: outputs × rows")
    if day.shape != o.shape[1:] or not np.issubdtype(day.dtype, np.integer):
        raise ValueError(
            f"day is {day.dtype} of shape {day.shape}: give whole days since 1970, one for each of the "
            f"{o.shape[1]} rows"
        )
    chosen = [get_metric(name) for name in metrics]

    paired = [moments(o, np.where(np.isnan(p), np.nan, b)) for b in others.values()]
    plain = moments(o, p)
    best = _best_baseline(plain, paired)
    has_best = np.flatnonzero(best >= 0)
    reference = np.full(o.shape, np.nan)
    for index, b in enumerate(others.values()):
        reference[best == index] = b[best == index]

    def values(scored: Moments, prediction: FloatArray) -> FloatArray:
        against = moments(o, prediction, baseline=reference) if comparing else scored
        columns = [m.function(against if m.needs_baseline else scored) for m in chosen]
        return np.stack(columns, axis=-1) if columns else np.empty((len(o), 0))

    comparing = any(metric.needs_baseline for metric in chosen)
    value = values(plain, p)
    each = np.full((len(others), *value.shape), np.nan)
    for i, (name, b) in enumerate(others.items()):
        # The rows of the prediction, and its opponent in `skill`: so the best baseline has skill 0.
        each[i] = values(paired[i], np.where(np.isnan(p), np.nan, b))
        if name in constant_baselines:
            each[i][:, [metric.association for metric in chosen]] = np.nan
    baseline_value = np.full(value.shape, np.nan)
    baseline_value[has_best] = each[best[has_best], has_best]

    intervals = [
        _intervals(day, o[i], p[i], reference[i], chosen, replicates=replicates, key=key) for i in range(len(o))
    ]
    return Scores(
        metrics=tuple(metrics),
        baselines=tuple(others),
        value=value,
        low=np.reshape([i.low for i in intervals], value.shape),
        high=np.reshape([i.high for i in intervals], value.shape),
        n=plain.n,
        baseline=best,
        baseline_value=baseline_value,
        baseline_values=each,
        block_days=np.array([i.block_days for i in intervals]),
        blocks=np.array([i.blocks for i in intervals]),
    )


def _best_baseline(prediction: Moments, baselines: Sequence[Moments]) -> NDArray[np.intp]:
    """Index of the baseline with the lowest RMSE for each output, −1 without one."""
    if not baselines:
        return np.full(prediction.shape, -1, dtype=np.intp)
    complete = np.stack([m.n for m in baselines]) == prediction.n
    error = np.stack([m.mse for m in baselines])
    return best_indices(np.where(complete | ~complete.any(axis=0), error, np.nan), "rmse")


def _intervals(
    day: NDArray[np.integer[Any]],
    observed: FloatArray,
    predicted: FloatArray,
    reference: FloatArray,
    metrics: Sequence[Metric],
    *,
    replicates: int,
    key: int | Sequence[int] | np.random.SeedSequence,
) -> Intervals:
    """Intervals of one output, one for each metric; NaN for the number of rows, which is no estimate."""
    rows = ~(np.isnan(observed) | np.isnan(predicted))
    shared = rows & ~np.isnan(reference)
    plain = [i for i, m in enumerate(metrics) if not m.needs_baseline and m.name != "n"]
    comparing = [i for i, m in enumerate(metrics) if m.needs_baseline]
    low, high, p = np.full((3, len(metrics)), np.nan)
    if replicates == 0:
        return Intervals(value=low, low=low, high=high, block_days=np.nan, blocks=0.0, p=low)
    # What compares with a baseline that lacks rows has replicates of its own, of the rows they share.
    groups = [(rows, plain, False), (shared, comparing, True)]
    if rows.any() and (rows == shared).all():
        groups = [(shared, [*plain, *comparing], True)]
    results = []
    for kept, indices, beside in groups:
        baseline = reference[kept] if beside else None
        result = bootstrap(
            _daily_moments(day[kept], observed[kept], predicted[kept], baseline),
            [metrics[i].function for i in indices],
            # Always these, so that an interval does not depend on the other metrics that were asked for.
            length_from=[bias, rmse, skill] if beside else [bias, rmse],
            replicates=replicates,
            rng=np.random.default_rng(key),
        )
        low[indices], high[indices], p[indices] = result.low, result.high, result.p
        results.append(result)
    return Intervals(low, low, high, results[0].block_days, results[0].blocks, p)


def _daily_moments(
    day: NDArray[np.integer[Any]], observed: FloatArray, predicted: FloatArray, baseline: FloatArray | None
) -> Moments:
    """Moments of each calendar day from the first with rows to the last; shape (days)."""
    first, last = (int(day.min()), int(day.max())) if day.size else (0, 0)
    return moments_by_group(
        observed,
        predicted,
        day - first,
        last - first + 1,
        baseline=baseline,
        about=moments(observed, predicted, baseline=baseline),
    )
