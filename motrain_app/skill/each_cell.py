"""Scores of each cell by itself, of many cells at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.skill.best_baselines import best_baselines
from motrain_app.skill.cell_bootstrap import CellIntervals, bootstrap_cells
from motrain_app.skill.cell_days import CellDays, days_of_cells
from motrain_app.skill.cell_lengths import CellLength, cell_lengths
from motrain_app.skill.metrics import skill
from motrain_app.skill.moments import FloatArray, Moments
from motrain_app.skill.registry import Metric, get_metric
from motrain_app.skill.scores import Scores
from motrain_app.skill.series import BEST, Kind, Observed, is_degenerate, kind_of, series_of
from motrain_app.skill.shifts import middles
from motrain_app.skill.summing import moments_by_group

__all__ = ["score_each_cell"]

IntArray = NDArray[np.integer[Any]]


@np.errstate(invalid="ignore", over="ignore")
def score_each_cell(
    observed: ArrayLike,
    predicted: ArrayLike,
    baselines: Mapping[str, ArrayLike],
    time: NDArray[np.datetime64],
    cell: IntArray,
    *,
    metrics: Sequence[str],
    key: int,
    within: ArrayLike | None = None,
    replicates: int = 1000,
    constant_baselines: Collection[str] = ("mean",),
    seasonal_baselines: Collection[str] = ("climatology", "shared_climatology"),
) -> tuple[IntArray, Scores]:
    """Score each cell as `motrain_app.skill.score_outputs` scores a partition; options as there.

    The blocks of the bootstrap are in each cell as long as its own errors, and comparisons, ask for, and reach from its
    own first day with a row to the last.

    Returns
    -------
    tuple
        The cells, ascending, and their scores, [cells, outputs, metrics]. p-values are those of the best baseline.
    """
    o, p = (np.atleast_2d(np.asarray(values, np.float64)) for values in (observed, predicted))
    others = [np.atleast_2d(np.asarray(values, np.float64)) for values in baselines.values()]
    hits = None if within is None else np.atleast_2d(np.asarray(within, np.float64))
    cells, place = np.unique(cell, return_inverse=True)
    order = np.argsort(place, kind="stable")
    chosen = [get_metric(name) for name in metrics]
    shape = (len(cells), len(o), len(chosen))
    value, low, high, best_value = (np.full(shape, np.nan) for _ in range(4))
    n, blocks, days = (np.zeros(shape[:2]) for _ in range(3))
    rows_scored = np.zeros(shape)
    p_values = np.full((len(cells), len(others), len(o)), np.nan)
    over_itself = np.zeros(p_values.shape)
    best = np.full(shape[:2], -1, np.intp)
    for output in range(len(o)):
        rows = order[~(np.isnan(o[output, order]) | np.isnan(p[output, order]))]
        beside = np.array([one[output, rows] for one in others]).reshape(len(others), len(rows))
        truth = Observed(o[output, rows], time[rows], place[rows])
        cut = _Cells(truth, p[output, rows], len(cells))
        n[:, output] = cut.count
        for number, one in enumerate(beside):
            itself = moments_by_group(o[output, rows], one, truth.cell, len(cells), baseline=one)
            over_itself[:, number, output] = skill(itself)  # 0, but of one without an error
        best[:, output] = cut.best_baseline(beside)
        reference = np.full(len(rows), np.nan)
        if len(beside) and len(rows):
            of_row = best[place[rows], output]
            picked = np.take_along_axis(beside, np.maximum(of_row, 0)[None], axis=0)[0]
            reference = np.where(of_row >= 0, picked, np.nan)
        opponents = {BEST: reference} | dict(zip(baselines, beside, strict=True))
        scored = cut.score(
            chosen,
            opponents,
            None if hits is None else hits[output, rows],
            best=best[:, output],
            replicates=replicates,
            key=key,
        )
        value[:, output], low[:, output], high[:, output] = scored.value, scored.low, scored.high
        rows_scored[:, output] = scored.rows
        blocks[:, output], days[:, output] = scored.blocks, scored.block_days
        for number, name in enumerate(baselines):
            of_name = scored.p.get(name, scored.p.get(BEST))
            if of_name is not None:
                its = (best[:, output] == number) | (name in scored.p)
                p_values[:, number, output] = np.where(its, of_name, np.nan)
        alone = _Cells(truth, reference, len(cells))
        of_best = alone.score(chosen, {BEST: reference}, None, best=best[:, output], replicates=0, key=key).value
        for number, name in enumerate(baselines):
            degenerate = [is_degenerate(metric, name, constant_baselines, seasonal_baselines) for metric in chosen]
            of_best[(best[:, output] == number)[:, None] & np.array(degenerate, bool)] = np.nan
        of_best[best[:, output] < 0] = np.nan
        of_best[:, [metric.of == "days" for metric in chosen]] = np.nan
        best_value[:, output] = of_best
    each = np.full((len(cells), len(others), len(o), len(chosen)), np.nan)
    for number in range(len(others)):
        each[:, number] = np.where((best == number)[..., None], best_value, np.nan)
    each[..., [metric.over != "" for metric in chosen]] = np.nan
    for number, metric in enumerate(chosen):
        if metric.over in baselines:
            its = list(baselines).index(metric.over)
            each[:, its, :, number] = over_itself[:, its]
    return cells, Scores(
        metrics=tuple(metrics),
        baselines=tuple(baselines),
        value=value,
        low=low,
        high=high,
        n=n,
        rows=rows_scored,
        baseline=best,
        baseline_value=best_value,
        baseline_values=each,
        p=p_values,
        block_days=days,
        blocks=blocks,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """Of one output: [cells, metrics], and [cells]."""

    value: FloatArray
    low: FloatArray
    high: FloatArray
    rows: FloatArray
    blocks: FloatArray
    block_days: FloatArray
    p: dict[str, FloatArray]  # by baseline

    @classmethod
    def empty(cls, n_cells: int, metrics: Sequence[Metric]) -> _Scored:
        """Nothing known yet, but that there are no rows."""
        value, low, high = (np.full((n_cells, len(metrics)), np.nan) for _ in range(3))
        value[:, [metric.name == "n" or metric.of == "days" for metric in metrics]] = 0.0
        return cls(value, low, high, np.zeros(value.shape), np.zeros(n_cells), np.full(n_cells, np.nan), {})

    def put(self, cells: IntArray, numbers: list[int], found: CellIntervals, over: str | None, *, plain: bool) -> None:
        """Write down the intervals of some metrics in some cells, beside a baseline or none."""
        self.low[cells[:, None], numbers], self.high[cells[:, None], numbers] = found.low, found.high
        if over is not None:
            self.p.setdefault(over, np.full(len(self.value), np.nan))[cells] = found.p
        elif plain:
            self.blocks[cells], self.block_days[cells] = found.blocks, found.block_days


@dataclass(frozen=True, eq=False)
class _Cells:
    """The rows of one output, cell after cell."""

    truth: Observed
    predicted: FloatArray
    n_cells: int

    @property
    def observed(self) -> FloatArray:
        return self.truth.values

    @property
    def time(self) -> NDArray[np.datetime64]:
        return self.truth.time

    @cached_property
    def day(self) -> IntArray:
        return self.time.astype("datetime64[D]").astype(np.int64)

    @property
    def place(self) -> IntArray:
        return self.truth.cell

    @property
    def count(self) -> FloatArray:
        return np.bincount(self.place, minlength=self.n_cells).astype(np.float64)

    def best_baseline(self, baselines: FloatArray) -> NDArray[np.intp]:
        """Index of the best in each cell; see `motrain_app.skill.best_baselines`."""
        of_cell = [moments_by_group(self.observed, one, self.place, self.n_cells) for one in baselines]
        shape = (len(baselines), self.n_cells)
        mse, count = (np.reshape([getattr(one, name) for one in of_cell], shape) for name in ("mse", "n"))
        return best_baselines(mse, count == self.count)

    def score(
        self,
        metrics: Sequence[Metric],
        opponents: Mapping[str, FloatArray],
        within: FloatArray | None,
        *,
        best: NDArray[np.intp],
        replicates: int,
        key: int,
    ) -> _Scored:
        found = _Scored.empty(self.n_cells, metrics)
        if not len(self.time):
            return found
        lengths = self._lengths(opponents, best) if replicates else {}
        for series, over, numbers in self._kinds(metrics, opponents, within):
            its, against = [metrics[number] for number in numbers], None if over is None else opponents[over]
            total = moments_by_group(*series, self.place, self.n_cells, baseline=against)
            for number in numbers:
                found.rows[:, number] = metrics[number].rows_of(total)
                if metrics[number].of != "days":
                    found.value[:, number] = metrics[number].of_cells(total)
            if not replicates and all(metric.of != "days" for metric in its):
                continue
            rows = np.arange(len(self.time)) if against is None else np.flatnonzero(~np.isnan(against))
            for days in days_of_cells(rows, self.day, self.place):
                daily = _daily(*series, against, days)
                for number in numbers:
                    if metrics[number].of == "days":
                        found.value[days.cells, number] = metrics[number].function(daily)
                if replicates:
                    of_some = bootstrap_cells(daily, its, lengths[over].of(days.cells), replicates=replicates, key=key)
                    found.put(days.cells, numbers, of_some, over, plain=series[1] is self.predicted)
        return found

    def _kinds(
        self, metrics: Sequence[Metric], opponents: Mapping[str, FloatArray], within: FloatArray | None
    ) -> list[tuple[tuple[FloatArray, FloatArray], str | None, list[int]]]:
        """Return the series to sum, beside a baseline or none, and the metrics that are taken of them."""
        series = series_of(metrics, self.truth, self.predicted, within)
        numbers: dict[Kind, list[int]] = {("values", None): []}
        for number, metric in enumerate(metrics):
            kind = ("values", None) if metric.of == "days" else kind_of(metric)
            numbers.setdefault(kind, []).append(number)
        found: list[tuple[tuple[FloatArray, FloatArray], str | None, list[int]]] = []
        for (of, over), mine in numbers.items():
            if over is not None and over in opponents:
                found.append((series["values", None], over, mine))
            elif over is None and (of, None) in series:
                found.append((series[of, None], None, mine))
        return found

    def _lengths(self, opponents: Mapping[str, FloatArray], best: NDArray[np.intp]) -> dict[str | None, CellLength]:
        """Return how long blocks must be in each cell: without a baseline, and beside each and the best."""
        others = {name: values - self.observed for name, values in opponents.items() if name != BEST}
        plain = self._length(others, np.arange(len(self.time)))
        lengths: dict[str | None, CellLength] = {None: plain, BEST: plain}
        for number, (name, other) in enumerate(others.items()):
            known = ~np.isnan(other)
            whole = np.bincount(self.place, known, self.n_cells) == self.count
            own = self._length({name: other}, np.flatnonzero(known & ~whole[self.place]))
            lengths[name] = plain.where(whole, own)
            lengths[BEST] = lengths[BEST].where(best != number, lengths[name])
        return lengths

    def _length(self, others: Mapping[str, FloatArray], rows: IntArray) -> CellLength:
        """Return how long blocks must be in each cell that has some of these rows, beside others."""
        found, error = CellLength.unknown(self.n_cells), self.predicted - self.observed
        for days in days_of_cells(rows, self.day, self.place):
            found.put(days.cells, cell_lengths(error, others, days))
        return found


def _daily(first: FloatArray, second: FloatArray, baseline: FloatArray | None, days: CellDays) -> Moments:
    """Moments of each day of each cell about the middle of some of its rows, [cells, days], from series over all."""
    first, second = first[days.rows], second[days.rows]
    baseline = None if baseline is None else baseline[days.rows]
    own = np.repeat(_shifts(first, second, baseline, days.some_rows), days.n_days, axis=1)
    about, n_groups = Moments(np.zeros((0, own.shape[1])), own), int(np.prod(days.shape))
    flat = moments_by_group(first, second, days.number, n_groups, baseline=baseline, about=about)
    return Moments(*(part.reshape(len(part), *days.shape) for part in (flat.sums, flat.shift)))


def _shifts(first: FloatArray, second: FloatArray, baseline: FloatArray | None, some: IntArray) -> FloatArray:
    """Return the shifts of cells, [shifts, cells], from some of their rows, [cells, rows]."""
    series = [first[some], second[some], second[some] - first[some]]
    return middles(np.stack(series if baseline is None else [*series, baseline[some] - first[some]]))
