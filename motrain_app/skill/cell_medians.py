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
from motrain_app.skill.moments import (
    BASE,
    BASE2,
    COUNT,
    ERR,
    ERR2,
    OBS,
    OBS2,
    OBS_PRED,
    PRED,
    PRED2,
    SHIFT_OBS,
    SHIFT_PRED,
    WEIGHT,
    FloatArray,
    Moments,
    divide,
)
from motrain_app.skill.output_sums import PredictionSums
from motrain_app.skill.registry import MIN_ROWS, Metric
from motrain_app.skill.row_sums import Layout
from motrain_app.skill.series import BEST, Kind, kind_of

__all__ = ["MAX_CELLS", "median_replicates"]

# Cells whose replicates an interval of a median over cells is made of, at most, evenly taken from all.
MAX_CELLS = 64
# Step of a derivative by central differences, relative to the cell's own spread, which neither its mean nor other cells
# change: so small that a correlation of 0.99999 is not pushed beyond 1.
_STEP = 1e-6
_FIRSTS, _SECONDS = [OBS, PRED, ERR, BASE], [OBS2, PRED2, ERR2, BASE2]


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
    sums = one.over(group, (len(chosen) + 1) * cut.starts)
    return sums.reshape(-1, len(chosen) + 1, cut.starts)[:, :-1]


def _first_order(metrics: Sequence[Metric], layout: Layout, pieces: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return scores of cells, [metrics, cells], and what each piece adds to them, [metrics, cells, pieces]."""
    total = layout.moments(pieces.sum(axis=-1))
    known = [place for place, column in enumerate(layout.columns) if column >= 0]
    parts = pieces[[layout.columns[place] for place in known]]
    change = np.einsum("mkc,kcp->mcp", _slopes(metrics, total, known)[:, known], parts)
    return np.stack([metric.of_cells(total) for metric in metrics]), change


def _slopes(metrics: Sequence[Metric], total: Moments, known: list[int]) -> FloatArray:
    """Return derivatives of scores of cells by their sums, [metrics, sums, cells]; 0 by those that nobody made.

    Steps are taken about the cell's own mean: about another one that lies far off they would reach beyond its spread.
    """
    firsts, seconds = _FIRSTS[: len(total.shift)], _SECONDS[: len(total.shift)]
    mean = total.shift + divide(total.sums[firsts], total.weight)
    own = total.rebased(np.where(np.isfinite(mean), mean, total.shift))
    step = _steps(own, firsts, seconds)[known]
    around = np.repeat(own.sums[:, None], 2 * len(known), axis=1)
    for number, place in enumerate(known):
        around[place, number] += step[number]
        around[place, len(known) + number] -= step[number]
    shifted = Moments(around, np.broadcast_to(own.shift[:, None], (len(own.shift), *around.shape[1:])))
    above, below = np.split(np.stack([metric.function(shifted) for metric in metrics]), 2, axis=1)
    slope = np.zeros((len(metrics), *own.sums.shape))
    slope[:, known] = np.nan_to_num((above - below) / (2 * step), nan=0.0, posinf=0.0, neginf=0.0)
    # By the chain rule through `Moments.rebased`, they are of the sums as these stand.
    move = total.shift - own.shift
    slope[:, WEIGHT] += (move * (slope[:, firsts] + move * slope[:, seconds])).sum(axis=1)
    slope[:, WEIGHT] += move[SHIFT_OBS] * move[SHIFT_PRED] * slope[:, OBS_PRED]
    slope[:, firsts] += 2 * move * slope[:, seconds]
    slope[:, OBS] += move[SHIFT_PRED] * slope[:, OBS_PRED]
    slope[:, PRED] += move[SHIFT_OBS] * slope[:, OBS_PRED]
    return slope


def _steps(own: Moments, firsts: list[int], seconds: list[int]) -> FloatArray:
    """Return a step of each sum about the own mean of each cell, in the shape of the sums."""
    size = np.abs(own.sums)
    size[firsts] = np.sqrt(own.weight * size[seconds])
    size[OBS_PRED] = np.sqrt(size[OBS2] * size[PRED2])
    return np.asarray(_STEP * np.where(size > 0, size, np.maximum(own.weight, 1.0)))
