"""Replicates of medians over cells: in each replicate the score of each cell, to first order in its sums.

A score of a cell is a smooth function of its sums, so what a replicate changes in it is the sum, over the blocks that
were drawn, of what each adds (infinitesimal jackknife, Jaeckel 1972; see `motrain_app.skill.blocks.influence`). That
takes one column for each score and cell, in place of all sums from which it would be computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from motrain_app.skill.blocks import DayBlocks
from motrain_app.skill.groups import evenly
from motrain_app.skill.medians import median_of_cells
from motrain_app.skill.moments import COUNT, FloatArray, Moments
from motrain_app.skill.output_sums import PredictionSums
from motrain_app.skill.registry import MIN_ROWS, Metric
from motrain_app.skill.row_sums import Layout
from motrain_app.skill.series import BEST, Kind, kind_of

__all__ = ["MAX_CELLS", "median_replicates"]

# Cells whose replicates an interval of a median over cells is made of, at most, evenly taken from all.
MAX_CELLS = 64
# Relative step of a derivative by central differences: so small that a correlation of 0.99999 is not pushed beyond 1.
_STEP = 1e-6


def median_replicates(
    one: PredictionSums,
    metrics: Sequence[Metric],
    cut: DayBlocks,
    draw: Callable[[FloatArray], FloatArray],
    best: str | None,
) -> FloatArray:
    """Return replicates of the medians of some cells about the median of these, [metrics, replicates].

    Parameters
    ----------
    one
        Sums of a prediction, of which some cell has enough rows.
    metrics
        Those that are of time.
    cut
        How its days are cut into blocks.
    draw
        Returns the sums of replicates, [columns, replicates], from those of blocks, [columns, blocks].
    best
        Name of the best baseline, None without one.
    """
    pieces = _pieces_of_cells(one, cut)
    value, change = np.full((len(metrics), pieces.shape[1]), np.nan), np.zeros((len(metrics), *pieces.shape[1:]))
    together: dict[Kind, list[int]] = {}
    for number, metric in enumerate(metrics):
        together.setdefault(kind_of(metric), []).append(number)
    for (of, over), numbers in together.items():
        layout = one.layouts.get((of, best if over == BEST else over))
        if layout is not None:
            value[numbers], change[numbers] = _first_order([metrics[i] for i in numbers], layout, pieces)
    drawn = draw(cut.overlapping(change).reshape(-1, cut.starts)).reshape(*value.shape, -1)
    of_each = drawn + (value - change.sum(axis=-1))[..., None]
    return median_of_cells(of_each) - median_of_cells(value)[:, None]


def _pieces_of_cells(one: PredictionSums, cut: DayBlocks) -> FloatArray:
    """Return the sums over the pieces of blocks, of some cells of enough rows, [columns, cells, pieces]."""
    rows = one.rows.places
    able = np.flatnonzero(one.by_cell[one.layouts["values", None].columns[COUNT]] >= MIN_ROWS)
    chosen = able[evenly(len(able), MAX_CELLS)]
    place = np.full(rows.n_cells, len(chosen), np.int64)  # the last serves all others
    place[chosen] = np.arange(len(chosen))
    group = place[rows.cell] * cut.starts + cut.piece(rows.day)
    sums = one.columns.over(group, (len(chosen) + 1) * cut.starts)
    return sums.reshape(-1, len(chosen) + 1, cut.starts)[:, :-1]


def _first_order(metrics: Sequence[Metric], layout: Layout, pieces: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return scores of cells, [metrics, cells], and what each piece adds to them, [metrics, cells, pieces]."""
    total = layout.moments(pieces.sum(axis=-1))
    known = [place for place, column in enumerate(layout.columns) if column >= 0]
    parts = pieces[[layout.columns[place] for place in known]]
    size = np.abs(parts).sum(axis=-1)
    step = np.where(size > 0, _STEP * size, 1.0)
    around = np.repeat(total.sums[:, None], 2 * len(known), axis=1)
    for number, place in enumerate(known):
        around[place, number] += step[number]
        around[place, len(known) + number] -= step[number]
    shifted = Moments(around, np.broadcast_to(total.shift[:, None], (len(total.shift), *around.shape[1:])))
    above, below = np.split(np.stack([metric.function(shifted) for metric in metrics]), 2, axis=1)
    slope = (above - below) / (2 * step)
    change = np.einsum("mkc,kcp->mcp", np.where(np.isfinite(slope), slope, 0.0), parts)
    return np.stack([metric.of_cells(total) for metric in metrics]), change
