"""Scores over all cells together, group by group: each cell counts by its area, not by its number of rows.

Rows are taken in piece by piece, each with all rows of its cells; what stays are sums over days, the scores of each
cell over time, and the rows of a few cells for the intervals of medians.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.day_sums import Slots
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.pieces import OfOutput, Piece, Units, outputs_of
from motrain_app.skill.registry import Metric, get_metric
from motrain_app.skill.scores import Scores, unpack_scores
from motrain_app.skill.series import BEST, Kind, Observed, kind_of, series_of
from motrain_app.skill.summing import moments_by_group
from motrain_app.skill.total_scores import OfCells, TotalSums, score_total

__all__ = ["Totals"]

IntArray = NDArray[np.integer[Any]]
ForEach = Callable[[Callable[[OfOutput], None], Iterable[OfOutput]], Iterable[None]]


class Totals:
    """Takes in pieces, and gives the scores of all of them together: the second pass over the rows.

    Parameters
    ----------
    area
        Of each cell, relative to others; shape (cells).
    days
        First and last day on which a row may fall.
    n_groups
        Number of groups.
    metrics, baselines
        Names.
    best
        Index of the best baseline, [groups, outputs]; see `BestBaselines`.
    sampled
        Units that serve for the intervals of medians; see `BestBaselines.sampled`.
    """

    def __init__(
        self,
        area: FloatArray,
        days: tuple[np.datetime64, np.datetime64],
        *,
        n_groups: int,
        metrics: Sequence[str],
        baselines: Sequence[str],
        best: NDArray[np.intp],
        sampled: Sequence[IntArray],
    ) -> None:
        self._area, self._baselines, self._best = area, tuple(baselines), best
        self._first = days[0].astype("datetime64[D]").astype(np.int64)
        self._n_days = int(days[1].astype("datetime64[D]").astype(np.int64) - self._first) + 1
        self._names, self._metrics = tuple(metrics), [get_metric(name) for name in metrics]
        self._n_groups = n_groups
        self._sampled = sampled
        self._sums = [TotalSums.empty(self._n_days, len(baselines), n_groups) for _ in range(best.shape[1])]

    def add(self, piece: Piece, each: ForEach = map) -> None:
        """Take in a piece.

        Parameters
        ----------
        piece
            All rows of some cells.
        each
            Calls a function with each output: they have nothing in common, so that threads may do so.
        """
        for _ in each(partial(self._add, piece), outputs_of(piece)):
            pass

    def _add(self, piece: Piece, of_output: OfOutput) -> None:
        output, rows, units = of_output
        day = piece.time.astype("datetime64[D]").astype(np.int64)[rows] - self._first
        sums = self._sums[output]
        observed, predicted = (values[output, rows].astype(np.float64) for values in (piece.observed, piece.predicted))
        time, group = piece.time[rows], piece.group[rows]
        weight = partial(_weights, self._area[units.cell], units)
        best = self._best[group, output]
        others = piece.baselines[:, output, rows].astype(np.float64)
        reference = np.full(len(rows), np.nan)
        if len(others):
            picked = np.take_along_axis(others, np.maximum(best, 0)[None], axis=0)[0]
            reference = np.where(best >= 0, picked, np.nan)
        for number, one in enumerate(others):
            sums.n_beside[number] += np.bincount(group, ~np.isnan(one), self._n_groups)
        within = None if piece.within is None else piece.within[output, rows].astype(np.float64)
        slots = Slots(group, day, self._n_groups, self._n_days)
        truth = Observed(observed, time, units.of_row)
        series = series_of(self._metrics, truth, predicted, within)
        for kind, (first, second) in series.items():
            sums.daily(kind).add(slots, first, second, weight=weight(first, second))
        for name, one in zip(self._baselines, others, strict=True):
            sums.daily(("values", name)).add(slots, observed, predicted, baseline=one, weight=weight(one))
        if any(metric.of == "days" for metric in self._metrics):
            sums.unweighted.add(slots, observed, predicted)
        opponents = {BEST: reference} | dict(zip(self._baselines, others, strict=True))
        self._score_cells(sums.of_cells, series, opponents, units)
        if len(others):
            of_best = series_of(self._metrics, truth, reference)
            self._score_cells(sums.of_cells_best, of_best, opponents, units)
            for kind, (first, second) in of_best.items():
                # The best baseline beside itself, so that its skill is 0.
                beside = second if kind == ("values", None) else None
                sums.best_daily(kind).add(slots, first, second, baseline=beside, weight=weight(first, second))
        kept = np.flatnonzero(np.isin(units.numbers(len(self._area)), self._sampled[output])[units.of_row])
        if len(kept):
            columns = [observed, predicted, np.full(len(rows), np.nan) if within is None else within, *others]
            sums.sample.append((np.stack(columns)[:, kept], time[kept], piece.cell[rows][kept], group[kept]))

    def _score_cells(
        self,
        into: OfCells,
        series: dict[Kind, tuple[FloatArray, FloatArray]],
        opponents: Mapping[str, FloatArray],
        units: Units,
    ) -> None:
        """Score each cell over time, in each group, by the metrics that are of time, beside a baseline or none."""
        temporal: dict[Kind, list[Metric]] = {}
        for metric in self._metrics:
            if metric.temporal and (metric.of, None) in series:
                temporal.setdefault(kind_of(metric), []).append(metric)
        for (of, over), metrics in temporal.items():
            beside = None if over is None else opponents[over]
            by_unit = moments_by_group(*series[of, None], units.of_row, units.n, baseline=beside)
            for metric in metrics:
                rows = metric.rows_of(by_unit)
                into.setdefault(metric.name, []).append((units.group, metric.of_cells(by_unit), rows))

    @np.errstate(invalid="ignore", over="ignore")
    def scores(
        self,
        *,
        key: int,
        replicates: int = 1000,
        constant_baselines: Collection[str] = ("mean",),
        seasonal_baselines: Collection[str] = ("climatology", "shared_climatology"),
    ) -> Scores:
        """Return the scores, [groups, outputs, metrics]; options as in `motrain_app.skill.score_outputs`.

        What is not of time is taken of all rows, weighted so that each cell counts by its area: the RMSE is the root of
        the area-weighted mean over cells of each cell's MSE. What is of time is the median over cells. n counts rows.
        """
        found = [
            [
                score_total(
                    self._sums[output],
                    group,
                    self._metrics,
                    self._baselines,
                    int(self._best[group, output]),
                    constant=constant_baselines,
                    seasonal=seasonal_baselines,
                    replicates=replicates,
                    key=key,
                ).pack()
                for output in range(len(self._sums))
            ]
            for group in range(self._n_groups)
        ]
        shape = (self._n_groups, len(self._sums), -1)
        return unpack_scores(np.array(found).reshape(shape), metrics=self._names, baselines=self._baselines)


def _weights(area: FloatArray, units: Units, *series: FloatArray) -> FloatArray:
    """Return what rows count, shape (rows): their unit's area over its rows without a gap in any of some series.

    Parameters
    ----------
    area
        Of each unit.
    series
        Shape (rows) each.
    """
    known = ~np.isnan(series).any(axis=0)
    count = np.bincount(units.of_row, known, units.n)
    return np.asarray((area / np.maximum(count, 1))[units.of_row])
