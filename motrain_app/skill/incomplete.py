"""Comparisons with baselines that miss rows: their intervals and p-values are those of the rows that they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from motrain_app.skill.intervals import OutputIntervals, bootstrap_outputs
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.output_sums import OutputRows, PredictionSums, prepare, sum_prediction
from motrain_app.skill.registry import Metric

__all__ = ["beside_incomplete"]


def beside_incomplete(
    found: OutputIntervals,
    rows: OutputRows,
    predicted: FloatArray,
    incomplete: Mapping[str, FloatArray],
    metrics: Sequence[Metric],
    baselines: Sequence[str],
    best: str | None,
    *,
    replicates: int,
    key: int | tuple[int, ...],
) -> OutputIntervals:
    """Replace what an output's intervals say of baselines with gaps: these have days, blocks and lengths of their own.

    Parameters
    ----------
    found
        Intervals of the output.
    rows, predicted
        All of its rows.
    incomplete
        The baselines that miss some of them, NaN there; shape (rows).
    metrics, baselines, best, replicates, key
        As in `motrain_app.skill.intervals.bootstrap_outputs`.
    """
    if not (incomplete and replicates):
        return found
    low, high, p = found.low.copy(), found.high.copy(), found.p.copy()
    for name, baseline in incomplete.items():
        numbers = [i for i, metric in enumerate(metrics) if metric.needs_baseline and (metric.over or best) == name]
        shared = _shared_rows(rows, predicted, name, baseline)
        bound = [metrics[i] for i in numbers]
        (of_shared,) = bootstrap_outputs([shared], bound, [name], [name], replicates=replicates, key=key)
        low[numbers], high[numbers] = of_shared.low, of_shared.high
        p[baselines.index(name)] = of_shared.p[0]
    return replace(found, low=low, high=high, p=p)


def _shared_rows(rows: OutputRows, predicted: FloatArray, name: str, baseline: FloatArray) -> PredictionSums:
    """Sum a prediction and a baseline over the rows that both have; days count from the first of these."""
    kept = np.flatnonzero(~np.isnan(baseline))
    there = rows.alone(kept)
    beside = {name: prepare(there, baseline[kept])}
    return sum_prediction(there, there.places.centre(there.observed), prepare(there, predicted[kept]), beside)
