"""What the rows of a partition come to: few numbers, which are kept until they are evaluated with those of others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.skill.best_baselines import best_baselines
from motrain_app.skill.given_rows import GivenRows
from motrain_app.skill.incomplete import beside_incomplete
from motrain_app.skill.intervals import OutputIntervals, bootstrap_outputs
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.output_sums import (
    OutputRows,
    Places,
    PredictionSums,
    Series,
    daily_moments,
    prepare,
    sum_prediction,
)
from motrain_app.skill.ranks import Ranked, rank_products
from motrain_app.skill.ranks import rank_correlation_parts as rank_parts
from motrain_app.skill.registry import Metric, get_metric
from motrain_app.skill.row_sums import Layout
from motrain_app.skill.series import Kind, is_degenerate

__all__ = ["SummedOutput", "SummedOutputs", "sum_outputs"]

ROWS_TOGETHER = 100_000  # up to which all outputs are summed in one go, which saves time where rows are few
_OF_LAYOUTS = 4096  # numbers that take about the memory of an output's layouts


@dataclass(frozen=True, slots=True, eq=False)
class SummedOutput:
    """Sums over the rows of one output.

    Parameters
    ----------
    layouts
        Where the moments of each kind stand among the sums: of the prediction, and of each baseline.
    by_cell
        Likewise the sums over each cell, [columns, cells]; the same array for all that have the same rows.
    n
        Rows.
    best, best_name
        Index and name of the best baseline; −1 and None without one.
    of_days
        Scores of errors summed over days, in the order of such metrics.
    intervals
        Of all scores.
    """

    layouts: tuple[Mapping[Kind, Layout], ...]
    by_cell: tuple[FloatArray, ...]
    n: int
    best: int
    best_name: str | None
    of_days: FloatArray
    intervals: OutputIntervals


@dataclass(frozen=True, slots=True, eq=False)
class SummedOutputs:
    """Sums over the rows of a partition.

    Parameters
    ----------
    names, metrics
        What is to be evaluated.
    baselines
        Names.
    degenerate
        Which scores of a baseline mean nothing, [baselines, metrics].
    outputs
        One an output.
    """

    names: tuple[str, ...]
    metrics: tuple[Metric, ...]
    baselines: tuple[str, ...]
    degenerate: NDArray[np.bool_]
    outputs: tuple[SummedOutput, ...]

    @property
    def size(self) -> int:
        """As many numbers take about the same memory."""
        arrays = {id(sums): sums.size for one in self.outputs for sums in one.by_cell}
        return _OF_LAYOUTS * len(self.outputs) + sum(arrays.values())


@np.errstate(invalid="ignore", over="ignore")  # an infinite prediction is told by its scores, not by warnings
def sum_outputs(
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
    seasonal_baselines: Collection[str] = ("climatology", "shared_climatology"),
) -> SummedOutputs:
    """Sum the rows of the outputs of one partition, all that are given: all held-out rows pooled, or all test rows.

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
    """
    rows = GivenRows.of(observed, predicted, baselines, time, cell, within)
    chosen = tuple(get_metric(name) for name in metrics)
    key = int(key) if isinstance(key, int | np.integer) else tuple(int(part) for part in key)
    n_outputs, n_rows = rows.observed.shape
    # Of many rows, those of one output at a time are in memory.
    step = 1 if n_rows > ROWS_TOGETHER else max(n_outputs, 1)
    outputs: list[SummedOutput] = []
    for first in range(0, n_outputs, step):
        outputs += _sum_some(rows.of_outputs(slice(first, first + step)), chosen, key, replicates)
    names = tuple(baselines)
    degenerate = [[is_degenerate(m, name, constant_baselines, seasonal_baselines) for m in chosen] for name in names]
    return SummedOutputs(
        tuple(metrics), chosen, names, np.reshape(degenerate, (len(names), len(chosen))).astype(bool), tuple(outputs)
    )


def _sum_some(
    rows: GivenRows, metrics: Sequence[Metric], key: int | tuple[int, ...], replicates: int
) -> list[SummedOutput]:
    """Sum the rows of some outputs; nothing that is as long as these is kept."""
    wanted = frozenset(metric.of for metric in metrics)
    outputs = []
    places: dict[bytes, Places] = {}  # most outputs miss the same rows
    for i, (observed, predicted) in enumerate(zip(rows.observed, rows.predicted, strict=True)):
        present = ~(np.isnan(observed) | np.isnan(predicted))
        kept, mark = np.flatnonzero(present), present.tobytes()
        if mark not in places:
            places[mark] = Places.of(rows.time[kept], rows.cell[kept], rows.n_cells)
        here = OutputRows(observed[kept], places[mark])
        beside = {name: values[i, kept] for name, values in rows.baselines.items()}
        within = None if rows.within is None else rows.within[i, kept]
        outputs.append(_sum_output(here, predicted[kept], beside, within, wanted, resampled=replicates > 0))
    best = [one.best_name for one in outputs]
    intervals = bootstrap_outputs(
        [one.prediction for one in outputs], metrics, tuple(rows.baselines), best, replicates=replicates, key=key
    )
    own: dict[str, Any] = {"replicates": replicates, "key": key}
    for i, one in enumerate(outputs):
        its = one.prediction.rows, one.predicted, one.incomplete
        intervals[i] = beside_incomplete(intervals[i], *its, metrics, tuple(rows.baselines), one.best_name, **own)
    of_days = _of_days([one.prediction for one in outputs], metrics)
    return [one.kept(days, ends) for one, days, ends in zip(outputs, of_days, intervals, strict=True)]


def _of_days(predictions: Sequence[PredictionSums], metrics: Sequence[Metric]) -> list[FloatArray]:
    """Return the scores of errors summed over days of each output, in one go of those that miss the same rows."""
    wanted = [metric.function for metric in metrics if metric.of == "days"]
    found = [np.zeros(len(wanted)) for _ in predictions]
    together: dict[int, list[int]] = {}
    for number, one in enumerate(predictions if wanted else ()):
        together.setdefault(id(one.rows.places), []).append(number)
    for alike in together.values():
        daily = daily_moments([predictions[number] for number in alike])
        for number, values in zip(alike, np.stack([function(daily) for function in wanted], axis=1), strict=True):
            found[number][:] = values
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Output:
    """Sums of an output's prediction and baselines, with its rows, and the baselines that miss some of these."""

    prediction: PredictionSums
    predicted: FloatArray
    incomplete: Mapping[str, FloatArray]
    baselines: tuple[PredictionSums, ...]
    best: int
    best_name: str | None

    def kept(self, of_days: FloatArray, intervals: OutputIntervals) -> SummedOutput:
        """Return what is kept of it: not its rows."""
        series = (self.prediction, *self.baselines)
        return SummedOutput(
            layouts=tuple(one.layouts for one in series),
            by_cell=tuple(one.by_cell for one in series),
            n=len(self.prediction.rows.observed),
            best=self.best,
            best_name=self.best_name,
            of_days=of_days,
            intervals=intervals,
        )


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
    observed, shares_rows = rows.places.centre(rows.observed), best_series is not None and best_series.valid is None
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
        scored.append(
            sum_prediction(there, there.places.centre(there.observed), prepare(there, raw), opponents, **more)
        )
    incomplete = {name: one.raw for name, one in others.items() if one.valid is not None}
    return _Output(sums, predicted, incomplete, tuple(scored), best, best_name)


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


def _best_baseline(baselines: Mapping[str, Series]) -> int:
    """Index of the best, −1 without one; see `motrain_app.skill.best_baselines`."""
    series = baselines.values()
    return int(best_baselines([_mse(one) for one in series], [one.valid is None for one in series]))


def _mse(series: Series) -> float:
    count = len(series.raw) if series.valid is None else np.count_nonzero(series.valid)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.square(series.error.series).sum() / count) if count else np.nan
