"""Scores of one partition, with intervals and baselines, and their tables over many.

A worker sums the rows of each partition by `sum_outputs`, evaluates what comes of some of them together by `scores_of`,
and stores `Scores.pack()`; whoever reads a run stacks the packed rows of its partitions, unpacks them and asks
`score_table` for the columns. Each output has its own
rows, its own unit and its own numbers: nothing is ever summed over outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.skill.evaluating import count_rows, evaluate
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.summed import SummedOutputs, sum_outputs

__all__ = ["Scores", "score_outputs", "scores_of", "unpack_scores"]

# Columns of a packed row before the metrics': n, index of the best baseline, length and number of blocks.
_HEAD = 4
_NUMBERS_TOGETHER = 1 << 20  # of the sums of some partitions, which are evaluated in one go


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of the outputs of one partition, or of many (leading shape).

    Parameters
    ----------
    metrics, baselines
        Names, in the order of the axes below.
    value, low, high
        Score and its 95 % interval; shape (..., outputs, metrics). NaN in low and high where there is no
        interval: under 10 blocks, no value, or a number of rows.
    n
        Rows with observed and predicted; shape (..., outputs).
    rows
        Those that each score is of; shape (..., outputs, metrics). Beside a baseline they have that, too; of what is
        taken of each cell over time they are those of the cells that have the score; of coverage, those with an
        interval.
    baseline
        Index of the best baseline by RMSE, −1 without one; shape (..., outputs).
    baseline_value
        Scores of that baseline; shape (..., outputs, metrics).
    baseline_values
        Scores of every baseline; shape (..., baselines, outputs, metrics). Those of ranks and anomalies only of the
        best one, NaN of others; coverage and effective number of none.
    p
        p-value of no difference in MSE from each baseline, two-sided; shape (..., baselines, outputs). NaN where there
        is no interval.
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
    rows: FloatArray
    baseline: NDArray[np.intp]
    baseline_value: FloatArray
    baseline_values: FloatArray
    p: FloatArray
    block_days: FloatArray
    blocks: FloatArray

    def pack(self) -> FloatArray:
        """All numbers as one float64 array of shape (..., outputs, 4 + baselines + metrics · (5 + baselines))."""
        head = np.stack([self.n, self.baseline.astype(np.float64), self.block_days, self.blocks], axis=-1)
        each = np.moveaxis(self.baseline_values, -3, -2)
        parts = [head, np.moveaxis(self.p, -2, -1), self.value, self.low, self.high, self.rows, self.baseline_value]
        return np.concatenate([*parts, each.reshape(*each.shape[:-2], -1)], axis=-1)


def unpack_scores(packed: ArrayLike, *, metrics: Sequence[str], baselines: Sequence[str]) -> Scores:
    """Scores from `Scores.pack()`, or from packed scores of many partitions stacked along leading axes.

    Parameters
    ----------
    packed
        Shape (..., outputs, 4 + baselines + metrics · (5 + baselines)).
    metrics, baselines
        The names given to `score_outputs`, in its order.

    Raises
    ------
    ValueError
        If the width is not that of so many metrics and baselines.
    """
    packed = np.asarray(packed, dtype=np.float64)
    m, b = len(metrics), len(baselines)
    width = _HEAD + b + m * (5 + b)
    if packed.shape[-1] != width:
        raise ValueError(
            f"packed scores of {m} metrics and {b} baselines are {width} numbers wide, "
            f"not {packed.shape[-1]}: they were stored under other names, or by another version; train again"
        )
    p, value, low, high, rows, best, each = np.split(packed[..., _HEAD:], b + m * np.arange(6), axis=-1)
    return Scores(
        metrics=tuple(metrics),
        baselines=tuple(baselines),
        value=value,
        low=low,
        high=high,
        n=packed[..., 0],
        rows=rows,
        baseline=packed[..., 1].astype(np.intp),
        baseline_value=best,
        baseline_values=np.moveaxis(each.reshape(*each.shape[:-1], b, m), -2, -3),
        p=np.moveaxis(p, -1, -2),
        block_days=packed[..., 2],
        blocks=packed[..., 3],
    )


def score_outputs(
    observed: ArrayLike,
    predicted: ArrayLike,
    baselines: Mapping[str, ArrayLike],
    time: NDArray[np.datetime64],
    **choices: Any,
) -> Scores:
    """Score the outputs of one partition over all rows given: all held-out rows pooled, or all test rows.

    Parameters
    ----------
    observed, predicted, baselines, time, choices
        As in `motrain_app.skill.sum_outputs`.

    Raises
    ------
    ValueError
        If shapes do not agree, or a metric is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(3)
    >>> time = np.datetime64("2010-01-01") + np.arange(2000)
    >>> observed = np.stack([rng.standard_normal(2000), 0.01 * rng.standard_normal(2000)])
    >>> predicted = observed + [[0.5], [0.002]] * rng.standard_normal((2, 2000))
    >>> scores = score_outputs(
    ...     observed, predicted, {"mean": np.zeros((2, 2000))}, time, metrics=["rmse", "skill"], key=0
    ... )
    >>> scores.value.round(3)
    array([[0.506, 0.741],
           [0.002, 0.961]])
    >>> bool(((scores.low < scores.value) & (scores.value < scores.high)).all())
    True
    """
    return next(scores_of([sum_outputs(observed, predicted, baselines, time, **choices)]))


def scores_of(summed: Iterable[SummedOutputs]) -> Iterator[Scores]:
    """Evaluate the scores of partitions, in their order, some at a time: to the bit as if each were the only one.

    Parameters
    ----------
    summed
        Of each partition, with the same metrics and baselines; memory does not grow with their number.
    """
    pending: list[SummedOutputs] = []
    size = 0
    for one in summed:
        pending.append(one)
        size += one.size
        if size > _NUMBERS_TOGETHER:
            yield from _evaluated(pending)
            pending, size = [], 0
    yield from _evaluated(pending)


@np.errstate(invalid="ignore", over="ignore")  # an infinite prediction is told by its scores, not by warnings
def _evaluated(summed: Sequence[SummedOutputs]) -> list[Scores]:
    together: dict[int, list[int]] = {}  # arrays of as many cells fit together
    for place, part in enumerate(summed):
        together.setdefault(part.outputs[0].by_cell[0].shape[1] if part.outputs else 0, []).append(place)
    found: dict[int, Scores] = {}
    for alike in together.values():
        some = [summed[place] for place in alike]
        each = zip(alike, some, _values(some), _rows(some), strict=True)
        found |= {place: _scores(one, values, rows) for place, one, values, rows in each}
    return [found[place] for place in range(len(summed))]


def _values(summed: Sequence[SummedOutputs]) -> list[FloatArray]:
    """Return the scores of the prediction and each baseline, [outputs, 1 + baselines, metrics], of each partition."""
    metrics, n_series = summed[0].metrics, 1 + len(summed[0].baselines)
    outputs = [one for part in summed for one in part.outputs]
    values = np.empty((len(outputs), n_series, len(metrics)))
    if values.size:
        layouts = [layout for one in outputs for layout in one.layouts]
        sums = [by_cell for one in outputs for by_cell in one.by_cell]
        best = [one.best_name for one in outputs for _ in range(n_series)]
        values = np.moveaxis(evaluate(metrics, layouts, sums, best).reshape(len(metrics), len(outputs), -1), 0, -1)
        of_days = [number for number, metric in enumerate(metrics) if metric.of == "days"]
        values[:, 0, of_days] = [one.of_days for one in outputs]
    return _by_partition(values, summed)


def _rows(summed: Sequence[SummedOutputs]) -> list[FloatArray]:
    """Return of how many rows each score of the prediction is, [outputs, metrics], of each partition."""
    metrics = summed[0].metrics
    outputs = [one for part in summed for one in part.outputs]
    rows = np.zeros((len(outputs), len(metrics)))
    if rows.size:
        layouts, sums = [one.layouts[0] for one in outputs], [one.by_cell[0] for one in outputs]
        rows[:] = count_rows(metrics, layouts, sums, [one.best_name for one in outputs]).T
        of_days = [number for number, metric in enumerate(metrics) if metric.of == "days"]
        rows[:, of_days] = np.array([one.n for one in outputs])[:, None]
    return _by_partition(rows, summed)


def _by_partition(of_outputs: FloatArray, summed: Sequence[SummedOutputs]) -> list[FloatArray]:
    return np.split(of_outputs, np.cumsum([len(part.outputs) for part in summed])[:-1])


def _scores(summed: SummedOutputs, values: FloatArray, rows: FloatArray) -> Scores:
    """Return the scores of a partition, of whose prediction and baselines the values are known."""
    outputs, value, each = summed.outputs, values[:, 0], values[:, 1:].swapaxes(0, 1).copy()
    for of_baseline, degenerate in zip(each, summed.degenerate, strict=True):
        of_baseline[:, degenerate] = np.nan
    best = np.array([one.best for one in outputs], dtype=np.intp)
    baseline_value = np.full(value.shape, np.nan)
    has_best = np.flatnonzero(best >= 0)
    baseline_value[has_best] = each[best[has_best], has_best]
    found = [one.intervals for one in outputs]
    return Scores(
        metrics=summed.names,
        baselines=summed.baselines,
        value=value,
        low=np.reshape([one.low for one in found], value.shape),
        high=np.reshape([one.high for one in found], value.shape),
        n=np.array([one.n for one in outputs], dtype=np.float64),
        rows=rows,
        baseline=best,
        baseline_value=baseline_value,
        baseline_values=each,
        p=np.reshape([one.p for one in found], (len(outputs), len(summed.baselines))).T,
        block_days=np.array([one.block_days for one in found]),
        blocks=np.array([one.blocks for one in found]),
    )
