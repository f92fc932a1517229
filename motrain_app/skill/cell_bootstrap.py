"""Intervals of scores of many cells, each resampled by blocks of a length of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from motrain_app.skill.blocks import blocks_within, shared_counts, time_blocks
from motrain_app.skill.bootstrap import bootstrap_interval, bootstrap_p
from motrain_app.skill.cell_lengths import CellLength
from motrain_app.skill.comparison import loss_difference
from motrain_app.skill.moments import FloatArray, Moments
from motrain_app.skill.registry import Metric

__all__ = ["CellIntervals", "bootstrap_cells"]


@dataclass(frozen=True, slots=True, eq=False)
class CellIntervals:
    """Intervals of some scores of cells.

    Parameters
    ----------
    low, high
        Shape (cells, metrics); NaN where there is none.
    p
        Of no difference in MSE from the baseline, shape (cells); NaN without one.
    block_days, blocks
        Length of a block in days, and the effective number of blocks; shape (cells).
    """

    low: FloatArray
    high: FloatArray
    p: FloatArray
    block_days: FloatArray
    blocks: FloatArray

    @classmethod
    def empty(cls, n_cells: int, n_metrics: int) -> CellIntervals:
        """None known yet."""
        low, high = np.full((2, n_cells, n_metrics), np.nan)
        p, block_days = np.full((2, n_cells), np.nan)
        return cls(low, high, p, block_days, np.zeros(n_cells))


def bootstrap_cells(
    daily: Moments, metrics: Sequence[Metric], length: CellLength, *, replicates: int, key: int
) -> CellIntervals:
    """Bootstrap cells; those that are cut into as many blocks have their draws in common.

    Parameters
    ----------
    daily
        Moments of each day of each cell, [cells, days], beside a baseline or none; no cell has an empty day at an end.
    metrics
        What is taken of them.
    length
        Of the blocks of each cell.
    replicates, key
        As in `motrain_app.skill.score_outputs`.
    """
    n_cells, n_days = daily.shape
    found = CellIntervals.empty(n_cells, len(metrics))
    numbers = blocks_within(n_days, length.days)
    for number in np.unique(numbers).tolist():
        mine = np.flatnonzero(numbers == number)
        cut = time_blocks(daily[mine], days=float(length.days[mine[0]]))
        drawn = cut.moments.resampled(shared_counts((cut.moments.shape[-1], cut.per_replicate), replicates, key))
        effective, missing = cut.effective, length.leakage[mine] / cut.days
        found.block_days[mine], found.blocks[mine] = cut.days, effective
        for place, metric in enumerate(metrics):
            if metric.has_interval:
                ends = bootstrap_interval(metric.function(drawn), blocks=effective, missing=missing)
                found.low[mine, place], found.high[mine, place] = metric.interval(metric.of_cells(cut.total), *ends)
        if daily.has_baseline:
            of_all, of_drawn = loss_difference(cut.total), loss_difference(drawn)
            found.p[mine] = bootstrap_p(of_all, of_drawn, blocks=effective, missing=missing)
    return found
