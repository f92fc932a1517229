"""Intervals of the scores of outputs by the block bootstrap, and p-values against their baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from motrain_app.skill.block_length import block_length
from motrain_app.skill.blocks import DayBlocks, even_number, shared_counts
from motrain_app.skill.bootstrap import MIN_BLOCKS, bootstrap_interval, bootstrap_p
from motrain_app.skill.cell_medians import median_replicates
from motrain_app.skill.comparison import loss_difference
from motrain_app.skill.evaluating import evaluate
from motrain_app.skill.moments import BASE, BASE2, ERR, ERR2, SHIFT_BASE, SHIFT_ERR, WEIGHT, FloatArray
from motrain_app.skill.near_days import near_days
from motrain_app.skill.output_sums import PredictionSums
from motrain_app.skill.registry import Metric
from motrain_app.skill.row_sums import Layout

__all__ = ["OutputIntervals", "bootstrap_outputs"]

_COLUMNS = 64  # resampled at a time: so many stay in the processor's cache
_LOSS_DIFFERENCE = Metric("loss_difference", loss_difference, 0.0, "min", "square", needs_baseline=True)


@dataclass(frozen=True, slots=True, eq=False)
class OutputIntervals:
    """Intervals of the scores of an output.

    Parameters
    ----------
    low, high
        Shape (metrics); NaN where there is none.
    p
        p-value of no difference in MSE from each baseline, shape (baselines); NaN of those that have no error.
    block_days, blocks
        Length of a block in days, NaN without a row, and the effective number of blocks.
    """

    low: FloatArray
    high: FloatArray
    p: FloatArray
    block_days: float
    blocks: float


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """How the days of an output are cut; `missing` is the share of the variance that blocks miss."""

    cut: DayBlocks
    effective: float
    missing: float
    pieces: FloatArray


def bootstrap_outputs(
    outputs: Sequence[PredictionSums],
    metrics: Sequence[Metric],
    baselines: Sequence[str],
    best: Sequence[str | None],
    *,
    replicates: int,
    key: int | tuple[int, ...],
) -> list[OutputIntervals]:
    """Bootstrap the scores of outputs over blocks of days, the cells of a day together.

    The length of the blocks comes from the errors, their squares, and the loss differences to each of the baselines, so
    that it does not depend on which metrics were asked for. A baseline with gaps has no part in it: what is compared
    with it is for `motrain_app.skill.incomplete`. A median over more than 64 cells has the interval of the median over
    64 of them, moved to its value.

    Parameters
    ----------
    outputs
        Sums of each output's prediction.
    baselines
        Names of those that decide the length, and that have a p-value.
    best
        Name of each output's best baseline, None without one.
    replicates
        Number of replicates; 0 for no intervals.
    key
        Of the random draws.
    """
    cuts = _cut(outputs, baselines) if replicates else [None] * len(outputs)
    able = [i for i, cut in enumerate(cuts) if cut is not None and cut.effective >= MIN_BLOCKS]
    found = [_without(len(metrics), len(baselines), cut) for cut in cuts]
    if not able:
        return found
    chosen, blocks = [outputs[i] for i in able], [cut for i in able if (cut := cuts[i]) is not None]
    counts = [shared_counts((one.cut.starts, one.cut.per_replicate), replicates, key) for one in blocks]
    drawn = [
        _resampled(count, one.cut.overlapping(one.pieces))[:, None] for count, one in zip(counts, blocks, strict=True)
    ]
    known = _known(chosen, metrics, [best[i] for i in able])
    values = _replicates(chosen, blocks, counts, drawn, metrics, [best[i] for i in able], known)
    # Of the losses of each baseline, whose null is a difference of zero.
    losses = [replace(_LOSS_DIFFERENCE, over=name) for name in baselines]
    layouts, whole = [one.layouts for one in chosen], [one.by_cell.sum(axis=1)[:, None] for one in chosen]
    compared = [evaluate(losses, layouts, sums, [None] * len(chosen)) for sums in (whole, drawn)]
    effective, missing = (np.array([getattr(one, name) for one in blocks]) for name in ("effective", "missing"))

    def of_each(statistics: FloatArray, known: FloatArray) -> FloatArray:
        """Return what is known of each output for each of [statistics, outputs, ...], in one row."""
        return np.broadcast_to(known, statistics.shape[:2]).ravel()

    ends = bootstrap_interval(
        values.reshape(-1, replicates), blocks=of_each(values, effective), missing=of_each(values, missing)
    )
    both = [end.reshape(values.shape[:2]) for end in ends]
    bounded = [metric.interval(*of_metric) for metric, *of_metric in zip(metrics, known, *both, strict=True)]
    low, high = np.array(bounded).reshape(len(metrics), 2, len(chosen)).T.swapaxes(0, 1)
    difference, differences = compared
    p = bootstrap_p(
        difference.ravel(),
        differences.reshape(-1, replicates),
        blocks=of_each(difference, effective),
        missing=of_each(difference, missing),
    ).reshape(difference.shape)
    for place, i in enumerate(able):
        one = blocks[place]
        found[i] = OutputIntervals(low[place], high[place], p[:, place], one.cut.days, one.effective)
    return found


def _known(outputs: Sequence[PredictionSums], metrics: Sequence[Metric], best: Sequence[str | None]) -> FloatArray:
    """Return scores, [metrics, outputs]: of time, and those that fall short; nobody asks for the others."""
    found = np.full((len(metrics), len(outputs)), np.nan)
    asked = [i for i, metric in enumerate(metrics) if metric.temporal or metric.falls_short]
    layouts, sums = [one.layouts for one in outputs], [one.by_cell for one in outputs]
    found[asked] = evaluate([metrics[i] for i in asked], layouts, sums, best)
    return found


def _without(n_metrics: int, n_baselines: int, blocks: _Blocks | None) -> OutputIntervals:
    nothing = np.full(n_metrics, np.nan)
    days, effective = (np.nan, 0.0) if blocks is None else (blocks.cut.days, blocks.effective)
    return OutputIntervals(nothing, nothing, np.full(n_baselines, np.nan), days, effective)


def _cut(outputs: Sequence[PredictionSums], baselines: Sequence[str]) -> list[_Blocks | None]:
    """Cut the days of outputs into blocks; None where there is nothing to resample."""
    cuts: list[_Blocks | None] = [None] * len(outputs)
    together: dict[int, list[int]] = {}  # most outputs have the same rows, and so the same days
    for i, one in enumerate(outputs):
        # Nor where a prediction is infinite, in whatever replicate it may fall.
        if one.rows.places.n_days and np.isfinite(one.by_cell[one.layouts["values", None].columns]).all():
            together.setdefault(id(one.rows.places), []).append(i)
    for alike in together.values():
        series = [_influences(outputs[i], baselines) for i in alike]
        plain = outputs[alike[0]]
        weight = plain.by_day(plain.layouts["values", None].columns[WEIGHT])
        length = block_length(np.concatenate(series), weight)
        ends = np.cumsum([len(one) for one in series])
        for i, start, end in zip(alike, [0, *ends[:-1].tolist()], ends.tolist(), strict=True):
            longest, leakage = (float(one[start:end].max()) for one in (length.days, length.leakage))
            cuts[i] = _cut_into(outputs[i], longest, leakage)
    return cuts


def _cut_into(one: PredictionSums, days: float, leakage: float) -> _Blocks:
    """Cut the days of an output into blocks of about so many days."""
    cut = DayBlocks.of_length(one.rows.places.n_days, days)
    pieces = one.over(cut.piece(one.rows.places.day), cut.starts)
    effective = float(even_number(pieces[one.layouts["values", None].columns[WEIGHT]])) / cut.parts
    return _Blocks(cut, effective, leakage / cut.days, pieces)


def _influences(one: PredictionSums, baselines: Sequence[str]) -> FloatArray:
    """Return what each day adds to bias, RMSE and skill over each baseline, up to a factor; shape (series, days).

    These are the derivatives of the scores by the sums (see `motrain_app.skill.blocks.influence`), written out: the
    error about its mean, its square about the MSE, and the difference of the losses, that of the baseline times the
    ratio of both; not of a baseline with gaps, which knows other rows. Absurd days are cut down.
    """
    plain = one.layouts["values", None]
    weight = one.by_day(plain.columns[WEIGHT])
    series = list(_errors_by_day(one, plain, ERR, ERR2, SHIFT_ERR))
    for name in baselines:
        layout = one.layouts["values", name]
        if layout.columns[WEIGHT] == plain.columns[WEIGHT]:
            series.append(_errors_by_day(one, layout, BASE, BASE2, SHIFT_BASE)[1])
    error, square, *others = near_days(np.stack(series), weight)
    rows = weight.sum()
    found = [error - weight * (error.sum() / rows), square - weight * (square.sum() / rows)]
    for theirs in others:
        if theirs.sum() > 0:
            found.append(square - (square.sum() / theirs.sum()) * theirs)
    influences = np.stack(found)
    return influences if np.isfinite(influences).all() else np.nan_to_num(influences)  # dear, and seldom needed


def _errors_by_day(
    one: PredictionSums, layout: Layout, first: int, second: int, shift: int
) -> tuple[FloatArray, FloatArray]:
    """Return the sums of errors, and of their squares, over each day."""
    about = layout.shift[shift]
    weight, e, ee = (one.by_day(layout.columns[place]) for place in (WEIGHT, first, second))
    with np.errstate(invalid="ignore", over="ignore"):
        return e + about * weight, ee + about * (2 * e + about * weight)


def _resampled(counts: Any, blocks: FloatArray) -> FloatArray:
    """Return the sums of replicates, [columns, replicates], from those of blocks."""
    found = np.empty((len(blocks), counts.shape[0]))
    for first in range(0, len(blocks), _COLUMNS):
        some = slice(first, first + _COLUMNS)
        found[some] = (counts @ np.ascontiguousarray(blocks[some].T)).T
    return found


def _replicates(
    outputs: Sequence[PredictionSums],
    blocks: Sequence[_Blocks],
    counts: Sequence[Any],
    drawn: Sequence[FloatArray],
    metrics: Sequence[Metric],
    best: Sequence[str | None],
    known: FloatArray,
) -> FloatArray:
    """Return the replicates of all scores, [metrics, outputs, replicates]; NaN for those that have no interval."""
    layouts, n_cells = [one.layouts for one in outputs], outputs[0].rows.places.n_cells
    found = np.full((len(metrics), len(outputs), drawn[0].shape[-1]), np.nan)
    of_cells = [i for i, metric in enumerate(metrics) if metric.temporal and n_cells > 1]
    pooled = [i for i, metric in enumerate(metrics) if metric.has_interval and i not in of_cells]
    found[pooled] = evaluate([metrics[i] for i in pooled], layouts, drawn, best)
    temporal = [metrics[i] for i in of_cells]
    for place, (one, cut, count, name) in enumerate(zip(outputs, blocks, counts, best, strict=True)):
        of_all = known[of_cells, place]
        if not np.isnan(of_all).all():
            about = median_replicates(one, temporal, cut.cut, partial(_resampled, count), name)
            found[of_cells, place] = of_all[:, None] + about
    return found
