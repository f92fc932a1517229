"""Scores, and of how many rows they are, from the sums over rows of several predictions at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.medians import median_of_cells
from motrain_app.skill.moments import FloatArray, Moments
from motrain_app.skill.registry import Metric
from motrain_app.skill.row_sums import UNKNOWN, ZERO, Layout
from motrain_app.skill.series import BEST, Kind, kind_of

__all__ = ["count_rows", "evaluate"]


def evaluate(
    metrics: Sequence[Metric],
    layouts: Sequence[Mapping[Kind, Layout]],
    sums: Sequence[FloatArray],
    best: Sequence[str | None],
) -> FloatArray:
    """Return scores of several predictions, or their replicates.

    Parameters
    ----------
    metrics
        Those of days are left NaN.
    layouts
        One mapping a prediction.
    sums
        [columns, cells, ...] of each prediction; all but the first axis are the same.
    best
        Name of each prediction's best baseline, None without one.

    Returns
    -------
    numpy.ndarray
        [metrics, predictions, ...]; NaN where a prediction lacks what the metric is of, and for the median over cells
        of one that is infinite in any, unless of ranks. What is of time is NaN of cells with too few rows.
    """
    shape = sums[0].shape[1:]
    found = np.full((len(metrics), len(sums), *shape[1:]), np.nan)
    for number, (metric, stacked) in enumerate(zip(metrics, _moments_of(metrics, layouts, sums, best), strict=True)):
        if stacked is not None:
            by_cell = _is_by_cell(metric, sums)
            # A replicate has rows more than once: whether they are too few is told by those that there are.
            values = metric.of_cells(stacked) if len(shape) == 1 else metric.function(stacked)
            found[number] = median_of_cells(values) if by_cell else values
            if by_cell and metric.of != "ranks" and len(shape) == 1:  # a median would hide the cell
                found[number, _are_infinite(layouts, sums)] = np.nan
    return found


def count_rows(
    metrics: Sequence[Metric],
    layouts: Sequence[Mapping[Kind, Layout]],
    sums: Sequence[FloatArray],
    best: Sequence[str | None],
) -> FloatArray:
    """Return of how many rows each score is, [metrics, predictions]; see `Metric.rows_of`. Options as in `evaluate`."""
    found = np.zeros((len(metrics), len(sums)))
    for number, (metric, stacked) in enumerate(zip(metrics, _moments_of(metrics, layouts, sums, best), strict=True)):
        if stacked is not None:
            rows, by_cell = metric.rows_of(stacked), _is_by_cell(metric, sums)
            found[number] = rows.sum(axis=1) if by_cell else rows
            if by_cell and metric.of != "ranks":  # of none, as there is no score then
                found[number, _are_infinite(layouts, sums)] = 0.0
    return found


def _is_by_cell(metric: Metric, sums: Sequence[FloatArray]) -> bool:
    """Say whether a score is taken of each cell and not of all rows; of one cell alone it is the same."""
    return metric.temporal and sums[0].shape[1] > 1


def _moments_of(
    metrics: Sequence[Metric],
    layouts: Sequence[Mapping[Kind, Layout]],
    sums: Sequence[FloatArray],
    best: Sequence[str | None],
) -> Iterator[Moments | None]:
    """Yield the moments that each metric takes, [predictions, ...] or [predictions, cells, ...]; None without any."""
    sources: dict[bool, _Source] = {}
    known: dict[tuple[Kind, bool], Moments | None] = {}
    for metric in metrics:
        kind, by_cell = kind_of(metric), _is_by_cell(metric, sums)
        if by_cell not in sources:
            sources[by_cell] = _Source.of(sums, by_cell=by_cell)
        if (kind, by_cell) not in known:
            known[kind, by_cell] = sources[by_cell].moments(_of_kind(layouts, kind, best))
        yield known[kind, by_cell]


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """Sums of columns of several predictions, from which their moments of each kind are gathered.

    Parameters
    ----------
    sums
        [columns + 2, arrays, ...]; behind the columns of an array stand NaN and, last, 0, for those that nobody made.
    place
        Which of the arrays has the sums of each prediction.
    """

    sums: FloatArray
    place: NDArray[np.intp]

    @classmethod
    def of(cls, sums: Sequence[FloatArray], *, by_cell: bool) -> _Source:
        """Bring the sums of predictions, [columns, cells, ...], together, or those over all cells."""
        different = {id(one): one for one in sums}
        number = {name: place for place, name in enumerate(different)}
        first = sums[0]
        shape = first.shape[1:] if by_cell else first.shape[2:]
        found = np.zeros((max(map(len, sums)) + 2, len(different), *shape))
        found[UNKNOWN] = np.nan
        for place, one in enumerate(different.values()):
            if by_cell:
                found[: len(one), place] = one
            else:
                found[: len(one), place] = one[:, 0] if one.shape[1] == 1 else one.sum(axis=1)
        return cls(found, np.array([number[id(one)] for one in sums], np.intp))

    def moments(self, layouts: Sequence[Layout | None]) -> Moments | None:
        """Gather the moments of all predictions, [predictions, ...], 0 where one has none; None where none has any."""
        known = next((layout for layout in layouts if layout is not None), None)
        if known is None:
            return None
        nothing = Layout([ZERO] * len(known.columns), [0.0] * len(known.shift))
        each = [nothing if layout is None else layout for layout in layouts]
        sums = self.sums[np.transpose([layout.columns for layout in each]), self.place]
        shift = np.transpose([layout.shift for layout in each]).reshape(-1, len(each), *(1,) * (sums.ndim - 2))
        return Moments(sums, np.broadcast_to(shift, (len(shift), *sums.shape[1:])))


def _are_infinite(layouts: Sequence[Mapping[Kind, Layout]], sums: Sequence[FloatArray]) -> list[bool]:
    """Say of each prediction whether it is infinite in any row."""
    plain = [one["values", None].columns for one in layouts]
    return [not np.isfinite(one[columns]).all() for columns, one in zip(plain, sums, strict=True)]


def _of_kind(layouts: Sequence[Mapping[Kind, Layout]], kind: Kind, best: Sequence[str | None]) -> list[Layout | None]:
    """Pick the layout of a kind of each prediction; None where it has none, as where nothing is its best baseline."""
    of, over = kind
    if over == BEST:
        return [None if name is None else one.get((of, name)) for one, name in zip(layouts, best, strict=True)]
    return [one.get(kind) for one in layouts]
