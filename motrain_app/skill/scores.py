"""Scores of one partition, with intervals and baselines, and their tables over many.

A worker calls `score_outputs` once for a partition and stores `Scores.pack()`; whoever reads a run stacks the
packed rows of its partitions, unpacks them and asks `score_table` for the columns. Each output has its own
rows, its own unit and its own numbers: nothing is ever summed over outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.skill.intervals import bootstrap_outputs
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.output_sums import OutputRows, Places, PredictionSums, Series, evaluate, prepare, sum_prediction
from motrain_app.skill.ranks import Ranked, rank_products
from motrain_app.skill.ranks import rank_correlation_parts as rank_parts
from motrain_app.skill.registry import Metric, best_index, get_metric
from motrain_app.skill.row_sums import centre
from motrain_app.skill.series import is_degenerate

__all__ = ["Scores", "score_outputs", "unpack_scores"]

# Columns of a packed row before the metrics': n, index of the best baseline, length and number of blocks.
_HEAD = 4
ROWS_TOGETHER = 100_000  # up to which all outputs are scored in one go, which saves time where rows are few


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
    baseline: NDArray[np.intp]
    baseline_value: FloatArray
    baseline_values: FloatArray
    p: FloatArray
    block_days: FloatArray
    blocks: FloatArray

    def pack(self) -> FloatArray:
        """All numbers as one float64 array of shape (..., outputs, 4 + baselines + metrics · (4 + baselines))."""
        head = np.stack([self.n, self.baseline.astype(np.float64), self.block_days, self.blocks], axis=-1)
        each = np.moveaxis(self.baseline_values, -3, -2)
        parts = [head, np.moveaxis(self.p, -2, -1), self.value, self.low, self.high, self.baseline_value]
        return np.concatenate([*parts, each.reshape(*each.shape[:-2], -1)], axis=-1)


def unpack_scores(packed: ArrayLike, *, metrics: Sequence[str], baselines: Sequence[str]) -> Scores:
    """Scores from `Scores.pack()`, or from packed scores of many partitions stacked along leading axes.

    Parameters
    ----------
    packed
        Shape (..., outputs, 4 + baselines + metrics · (4 + baselines)).
    metrics, baselines
        The names given to `score_outputs`, in its order.

    Raises
    ------
    ValueError
        If the width is not that of so many metrics and baselines.
    """
    packed = np.asarray(packed, dtype=np.float64)
    m, b = len(metrics), len(baselines)
    width = _HEAD + b + m * (4 + b)
    if packed.shape[-1] != width:
        raise ValueError(
            f"packed scores of {m} metrics and {b} baselines are {width} numbers wide, "
            f"not {packed.shape[-1]}: they were stored under other names"
        )
    p, value, low, high, best, each = np.split(packed[..., _HEAD:], b + m * np.arange(5), axis=-1)
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
        p=np.moveaxis(p, -1, -2),
        block_days=packed[..., 2],
        blocks=packed[..., 3],
    )


@np.errstate(invalid="ignore", over="ignore")  # an infinite prediction is told by its scores, not by warnings
def score_outputs(
    observed: ArrayLike,
    predicted: ArrayLike,
    baselines: Mapping[str, ArrayLike],
    time: NDArray[np.datetime64],
    *,
    metrics: Sequence[str],
    key: int | Sequence[int],
    cell: NDArray[np.integer[Any]] | None = None,
    within: ArrayLike | None = None,
    replicates: int = 1000,
    constant_baselines: Collection[str] = ("mean",),
    seasonal_baselines: Collection[str] = ("climatology",),
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
    time
        datetime64 of each row, shape (rows): its calendar day for the blocks of the bootstrap, which cells share, and
        its season for anomalies.
    metrics
        Names of the registry, and what `get_metric` makes of them: ``r_pooled``, ``skill_over_climatology``.
    key
        Entropy of the random draws, such as the seed of a run. Outputs, and partitions, that are cut into as many
        blocks share their draws, so that it does not matter which others there are.
    cell
        Cell of each row, for what is scored over time: whole numbers, shape (rows). By default all rows are one cell's.
    within
        Whether a row lies in its prediction interval, 1 or 0, NaN without one: what `coverage` counts. Shape (outputs,
        rows).
    replicates
        Number of bootstrap replicates; 0 for no intervals.
    constant_baselines
        Baselines that are one number in each fold and cell: what correlates in them is only that a fold
        without high values has a lower mean, so their correlations are NaN.
    seasonal_baselines
        Baselines that are one season in each fold and cell: so it is with the correlations of their anomalies.

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
    o = np.atleast_2d(np.asarray(observed, dtype=np.float64))
    p = np.atleast_2d(np.asarray(predicted, dtype=np.float64))
    others = {name: np.atleast_2d(np.asarray(b, dtype=np.float64)) for name, b in baselines.items()}
    hits = None if within is None else np.atleast_2d(np.asarray(within, dtype=np.float64))
    time, cell = np.asarray(time), np.zeros(o.shape[-1], np.int64) if cell is None else np.asarray(cell)
    shapes = [("predicted", p.shape), *((name, b.shape) for name, b in others.items())]
    shapes += [] if hits is None else [("within", hits.shape)]
    for name, shape in shapes:
        if shape != o.shape:
            raise ValueError(f"{name} has shape {shape}, but observed has {o.shape}: outputs × rows")
    for name, array, kind in (("time", time, np.datetime64), ("cell", cell, np.integer)):
        if array.shape != o.shape[1:] or not np.issubdtype(array.dtype, kind):
            raise ValueError(
                f"{name} is {array.dtype} of shape {array.shape}: give {kind.__name__}, one for each of the "
                f"{o.shape[1]} rows"
            )
    if len(o) > 1 and o.shape[1] > ROWS_TOGETHER:
        return _one_after_the_other(
            o, p, others, hits, time, cell=cell, metrics=metrics, key=key, replicates=replicates,
            constant_baselines=constant_baselines, seasonal_baselines=seasonal_baselines,
        )  # fmt: skip
    chosen = [get_metric(name) for name in metrics]
    wanted = frozenset(metric.of for metric in chosen)
    n_cells, place = _numbered(cell)
    outputs = []
    places: dict[bytes, Places] = {}  # most outputs miss the same rows
    for i in range(len(o)):
        present = ~(np.isnan(o[i]) | np.isnan(p[i]))
        kept, mark = np.flatnonzero(present), present.tobytes()
        if mark not in places:
            places[mark] = Places.of(time[kept], place[kept], n_cells)
        rows = OutputRows(o[i, kept], places[mark])
        beside = {name: b[i, kept] for name, b in others.items()}
        within_here = None if hits is None else hits[i, kept]
        outputs.append(_sum_output(rows, p[i, kept], beside, within_here, wanted, resampled=replicates > 0))
    value, each = _values(outputs, chosen, tuple(others))
    for number, name in enumerate(others):
        each[number][:, [is_degenerate(m, name, constant_baselines, seasonal_baselines) for m in chosen]] = np.nan
    found = bootstrap_outputs(
        [one.prediction for one in outputs],
        chosen,
        tuple(others),
        [one.best_name for one in outputs],
        replicates=replicates,
        key=int(key) if isinstance(key, int | np.integer) else tuple(int(part) for part in key),
    )
    best = np.array([one.best for one in outputs], dtype=np.intp)
    baseline_value = np.full(value.shape, np.nan)
    has_best = np.flatnonzero(best >= 0)
    baseline_value[has_best] = each[best[has_best], has_best]
    return Scores(
        metrics=tuple(metrics),
        baselines=tuple(others),
        value=value,
        low=np.reshape([one.low for one in found], value.shape),
        high=np.reshape([one.high for one in found], value.shape),
        n=np.array([len(one.prediction.rows.observed) for one in outputs], dtype=np.float64),
        baseline=best,
        baseline_value=baseline_value,
        baseline_values=each,
        p=np.reshape([one.p for one in found], (len(o), len(others))).T,
        block_days=np.array([one.block_days for one in found]),
        blocks=np.array([one.blocks for one in found]),
    )


def _one_after_the_other(
    observed: FloatArray,
    predicted: FloatArray,
    baselines: Mapping[str, FloatArray],
    within: FloatArray | None,
    time: NDArray[Any],
    **choices: Any,
) -> Scores:
    """Score each output by itself, to the same bits: of many rows, those of one output at a time are in memory."""
    each = [
        score_outputs(
            observed[i : i + 1],
            predicted[i : i + 1],
            {name: values[i : i + 1] for name, values in baselines.items()},
            time,
            within=None if within is None else within[i : i + 1],
            **choices,
        )
        for i in range(len(observed))
    ]
    first, *others = [one.pack() for one in each]
    packed = np.concatenate([first, *others], axis=0)
    return unpack_scores(packed, metrics=each[0].metrics, baselines=each[0].baselines)


@dataclass(frozen=True, slots=True, eq=False)
class _Output:
    """Sums of an output's prediction and baselines; index and name of the best baseline, −1 and None without one."""

    prediction: PredictionSums
    baselines: tuple[PredictionSums, ...]
    best: int
    best_name: str | None


def _numbered(cell: NDArray[np.integer[Any]]) -> tuple[int, NDArray[np.integer[Any]]]:
    """Return the number of cells, and the cell of each row as 0 … n − 1."""
    if not len(cell) or (cell == cell[0]).all():
        return 1, np.zeros(len(cell), np.int64)
    cells, place = np.unique(cell, return_inverse=True)
    return len(cells), place


def _sum_output(
    rows: OutputRows,
    predicted: FloatArray,
    baselines: Mapping[str, FloatArray],
    within: FloatArray | None,
    wanted: frozenset[str],
    *,
    resampled: bool,
) -> _Output:
    prediction, others = prepare(rows, predicted), {name: prepare(rows, b) for name, b in baselines.items()}
    best = _best_baseline(others)
    best_name = list(baselines)[best] if best >= 0 else None
    best_series = None if best_name is None else others[best_name]
    observed, shares_rows = centre(rows.observed), best_series is not None and best_series.valid is None
    # What orders rows, or takes the season from them, is dear: the best baseline alone is compared in that.
    shared = baselines[best_name] if best_name is not None and shares_rows else None
    costly = _costly(rows, predicted, shared, wanted, rank_parts if resampled else rank_products)
    sums = sum_prediction(rows, observed, prediction, others, **costly[0], within=within)
    scored = []
    for name, one in others.items():
        more = costly[1] if name == best_name else {}
        if one.valid is None:
            scored.append(sum_prediction(rows, observed, one, others, **more, beside=sums))
            continue
        # On the rows that it has, and with its opponents there: so the best baseline has skill 0.
        kept = np.flatnonzero(one.valid)
        there, raw = rows.take(kept), baselines[name][kept]
        opponents = {other: prepare(there, values[kept]) for other, values in baselines.items()}
        more = _costly(there, raw, None, wanted, rank_products)[0] if name == best_name else {}
        scored.append(sum_prediction(there, centre(there.observed), prepare(there, raw), opponents, **more))
    return _Output(sums, tuple(scored), best, best_name)


def _costly(
    rows: OutputRows,
    predicted: FloatArray,
    baseline: FloatArray | None,
    wanted: frozenset[str],
    correlate: Callable[[Ranked, Ranked], FloatArray],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return pseudo-values of ranks, and anomalies, as far as they are wanted: of a prediction, and of a baseline."""
    of_prediction: dict[str, Any] = {}
    of_baseline: dict[str, Any] = {}
    if "ranks" in wanted:
        observed = Ranked.of(rows.observed, rows.places.cell)
        of_prediction["ranks"] = correlate(observed, Ranked.of(predicted, rows.places.cell))
        if baseline is not None:
            of_baseline["ranks"] = rank_products(observed, Ranked.of(baseline, rows.places.cell))
    if "anomalies" in wanted:
        series = [rows.observed, predicted, *([] if baseline is None else [baseline])]
        left, *others = rows.places.season.anomalies(np.stack(series))
        of_prediction["anomalies"] = left, others[0]
        if baseline is not None:
            of_baseline["anomalies"] = left, others[1]
    return of_prediction, of_baseline


def _values(
    outputs: Sequence[_Output], metrics: Sequence[Metric], baselines: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """Return the scores of the predictions, [outputs, metrics], and of the baselines, [baselines, outputs, metrics]."""
    of_all = [[one.prediction, *one.baselines] for one in outputs]
    flat = [sums for row in of_all for sums in row]
    best = [one.best_name for one, row in zip(outputs, of_all, strict=True) for _ in row]
    if not metrics or not flat:
        return np.empty((len(outputs), len(metrics))), np.empty((len(baselines), len(outputs), len(metrics)))
    found = evaluate(metrics, [one.layouts for one in flat], [one.by_cell for one in flat], best)
    scores = np.moveaxis(found.reshape(len(metrics), len(outputs), -1), 0, -1)
    for number, metric in enumerate(metrics):
        if metric.of == "days":
            scores[:, 0, number] = [metric.function(one.prediction.daily()) for one in outputs]
    return scores[:, 0], scores[:, 1:].swapaxes(0, 1)


def _best_baseline(baselines: Mapping[str, Series]) -> int:
    """Index of the baseline with the lowest RMSE, −1 without one; one that misses rows gives way to complete ones."""
    complete = any(one.valid is None for one in baselines.values())
    mse = [np.nan if complete and one.valid is not None else _mse(one) for one in baselines.values()]
    return -1 if np.isnan(mse).all() else best_index(mse, "rmse")


def _mse(series: Series) -> float:
    count = len(series.raw) if series.valid is None else np.count_nonzero(series.valid)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(series.error.squares.sum() / count + np.square(series.error.shift)) if count else np.nan
