"""The scores of a total over cells, with intervals, from what was summed of one output."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.block_length import BlockLength, block_length
from motrain_app.skill.bootstrap import Intervals, bootstrap, influences
from motrain_app.skill.comparison import loss_difference
from motrain_app.skill.day_sums import DaySums
from motrain_app.skill.medians import median_of_cells
from motrain_app.skill.metrics import bias, rmse, skill
from motrain_app.skill.moments import FloatArray, Moments
from motrain_app.skill.registry import Metric
from motrain_app.skill.scores import Scores, score_outputs
from motrain_app.skill.series import BEST, Kind, is_degenerate, kind_of

__all__ = ["OfCells", "TotalSums", "score_total"]

_ROUNDING = 1e-12  # of a score
# By metric: of some cells their groups, scores, and numbers of rows that these are of.
OfCells = dict[str, list[tuple[NDArray[np.integer[Any]], FloatArray, FloatArray]]]


@dataclass(frozen=True, slots=True, eq=False)
class TotalSums:
    """What is kept of one output.

    Parameters
    ----------
    n_days
        Days on which a row may fall.
    by_kind, best_by_kind
        Weighted sums over days, of the prediction and of the best baseline.
    n_beside
        Rows that have each baseline, too, [baselines, groups].
    unweighted
        Those of the prediction in which each row counts alike, for the effective number of rows.
    of_cells, of_cells_best
        Scores of each cell over time, of the prediction and of the best baseline.
    sample
        Rows of some cells of each group: observed, predicted, whether within the interval, and baselines,
        [3 + baselines, rows]; time, cell and group.
    """

    n_days: int
    unweighted: DaySums
    n_beside: FloatArray
    by_kind: dict[Kind, DaySums] = field(default_factory=dict)
    best_by_kind: dict[Kind, DaySums] = field(default_factory=dict)
    of_cells: OfCells = field(default_factory=dict)
    of_cells_best: OfCells = field(default_factory=dict)
    sample: list[tuple[FloatArray, NDArray[np.datetime64], NDArray[Any], NDArray[Any]]] = field(default_factory=list)

    @classmethod
    def empty(cls, n_days: int, n_baselines: int, n_groups: int) -> TotalSums:
        """Nothing summed yet."""
        return cls(n_days, DaySums(n_days), np.zeros((n_baselines, n_groups)))

    def daily(self, kind: Kind) -> DaySums:
        """Sums of the prediction."""
        return self.by_kind.setdefault(kind, DaySums(self.n_days))

    def best_daily(self, kind: Kind) -> DaySums:
        """Sums of the best baseline."""
        return self.best_by_kind.setdefault(kind, DaySums(self.n_days))


def score_total(
    sums: TotalSums,
    group: int,
    metrics: Sequence[Metric],
    baselines: Sequence[str],
    best: int,
    *,
    constant: Collection[str],
    seasonal: Collection[str],
    replicates: int,
    key: int,
) -> Scores:
    """Score a group of one output; options as in `motrain_app.skill.totals.Totals`.

    Returns
    -------
    Scores
        Of one output, shape (1, metrics).
    """
    n_metrics, n_baselines = len(metrics), len(baselines)
    daily = {kind: one.of_group(group) for kind, one in sums.by_kind.items()}
    plain = daily.get(("values", None))
    if best >= 0:
        daily["values", BEST] = daily.get(("values", baselines[best]))
    value = np.array([_value(metric, daily, sums, sums.of_cells, group) for metric in metrics])
    rows = np.array([_rows(metric, daily, sums, group) for metric in metrics])
    infinite = plain is not None and not np.isfinite(plain.sums).all()
    if infinite:  # a median over cells would hide the prediction that is
        hidden = [metric.temporal and metric.of != "ranks" for metric in metrics]
        value[hidden], rows[hidden] = np.nan, 0.0
    each = np.full((n_baselines, n_metrics), np.nan)
    if best >= 0:
        of_best = {kind: one.of_group(group) for kind, one in sums.best_by_kind.items()}
        of_best["values", BEST] = of_best.get(("values", None))
        each[best] = [_value(metric, of_best, sums, sums.of_cells_best, group) for metric in metrics]
        each[best, [is_degenerate(metric, baselines[best], constant, seasonal) for metric in metrics]] = np.nan
    for number, metric in enumerate(metrics):
        if metric.over in baselines:  # a baseline has no skill over itself
            each[:, number] = np.nan
            beside = daily.get(("values", metric.over))
            has_error = beside is not None and beside.merged().baseline_mse > 0
            each[baselines.index(metric.over), number] = 0.0 if has_error else np.nan
        elif metric.over or metric.of == "days":
            each[:, number] = np.nan
    low, high = np.full((2, n_metrics), np.nan)
    p = np.full(n_baselines, np.nan)
    cut = _uncut()
    if replicates and plain is not None and not infinite:
        complete = [name for name, n in zip(baselines, sums.n_beside[:, group], strict=True) if n == plain.n.sum()]
        run = _Bootstrap(replicates, key, _length(plain, [daily["values", name] for name in complete]))
        cut = run.of_values(daily, metrics, baselines, complete, best, low, high, p)
        _intervals_of_cells(sums, group, metrics, baselines, value, low, high, replicates=replicates, key=key)
    ends = [metric.interval(*one) for metric, *one in zip(metrics, value, low, high, strict=True)]
    low, high = np.array(ends).reshape(n_metrics, 2).T
    return Scores(
        metrics=tuple(metric.name for metric in metrics),
        baselines=tuple(baselines),
        value=value[None],
        low=low[None],
        high=high[None],
        n=np.array([0.0 if plain is None else float(plain.n.sum())]),
        rows=rows[None],
        baseline=np.array([best], np.intp),
        baseline_value=(each[best] if best >= 0 else np.full(n_metrics, np.nan))[None],
        baseline_values=each[:, None],
        p=p[:, None],
        block_days=np.array([cut.block_days]),
        blocks=np.array([cut.blocks]),
    )


def _value(metric: Metric, daily: dict[Kind, Moments | None], sums: TotalSums, of_cells: OfCells, group: int) -> float:
    """Return a score; NaN where nothing was summed that it could be taken of, 0 for a number of rows."""
    if metric.temporal:
        parts = [values[groups == group] for groups, values, _ in of_cells.get(metric.name, [])]
        return float(median_of_cells(np.concatenate([np.zeros(0), *parts])[None])[0])
    if metric.of == "days":
        rows = sums.unweighted.of_group(group)
        return 0.0 if rows is None else float(metric.function(rows))
    found = daily.get(kind_of(metric))
    if found is None:
        return 0.0 if metric.name == "n" else np.nan
    return float(metric.function(found.merged()))


def _rows(metric: Metric, daily: dict[Kind, Moments | None], sums: TotalSums, group: int) -> float:
    """Return of how many rows a score is."""
    if metric.temporal:
        return float(sum(rows[groups == group].sum() for groups, _, rows in sums.of_cells.get(metric.name, [])))
    found = daily.get(("values", None) if metric.of == "days" else kind_of(metric))
    return 0.0 if found is None else float(found.n.sum())


@np.errstate(invalid="ignore")
def _length(plain: Moments, beside: Sequence[Moments | None]) -> BlockLength:
    """Return the length of blocks as a partition's scores have it.

    From the errors, their squares, and the loss differences to baselines without a gap, so that an interval does not
    depend on which metrics were asked for.
    """
    known = [one for one in beside if one is not None and np.isfinite(one.sums).all() and one.merged().baseline_mse > 0]
    series = [influences(plain, [bias, rmse]), *(influences(one, [skill]) for one in known)]
    return block_length(np.concatenate(series), plain.weight)


@dataclass(frozen=True, slots=True)
class _Bootstrap:
    """Draws blocks of days; `length` is that of all rows."""

    replicates: int
    key: int
    length: BlockLength

    def __call__(
        self, daily: Moments, statistics: Sequence[Callable[[Moments], FloatArray]], *, with_gaps: bool
    ) -> Intervals:
        """Draw from the days of some moments; those beside a baseline with gaps have a length of their own."""
        length = None if with_gaps else self.length
        rng, own = np.random.default_rng(self.key), [bias, rmse, skill] if with_gaps else [bias, rmse]
        return bootstrap(daily, statistics, length_from=own, length=length, replicates=self.replicates, rng=rng)

    def of_values(
        self,
        daily: dict[Kind, Moments | None],
        metrics: Sequence[Metric],
        baselines: Sequence[str],
        complete: Sequence[str],
        best: int,
        low: FloatArray,
        high: FloatArray,
        p: FloatArray,
    ) -> Intervals:
        """Fill in the intervals of what is not of time, and the p-values; return how the rows were cut into blocks."""
        by_kind: dict[Kind, list[int]] = {("values", None): []}
        for number, metric in enumerate(metrics):
            if metric.has_interval and not metric.temporal:
                by_kind.setdefault(kind_of(metric), []).append(number)
        if best >= 0:
            by_kind.setdefault(("values", BEST), [])
        cut = _uncut()
        for kind, numbers in by_kind.items():
            moments = daily.get(kind)
            if moments is None:
                continue
            beside = baselines[best] if kind[1] == BEST else kind[1]
            statistics = [metrics[number].function for number in numbers] + ([loss_difference] if beside else [])
            found = self(moments, statistics, with_gaps=beside is not None and beside not in complete)
            low[numbers], high[numbers] = found.low[: len(numbers)], found.high[: len(numbers)]
            if beside is not None:
                p[baselines.index(beside)] = found.p[-1]
            if kind == ("values", None):
                cut = found
        return cut


def _uncut() -> Intervals:
    nothing = np.zeros(0)
    return Intervals(nothing, nothing, nothing, np.nan, 0.0, nothing)


def _intervals_of_cells(
    sums: TotalSums,
    group: int,
    metrics: Sequence[Metric],
    baselines: Sequence[str],
    value: FloatArray,
    low: FloatArray,
    high: FloatArray,
    *,
    replicates: int,
    key: int,
) -> None:
    """Fill in the intervals of medians over cells: those of the cells that were kept, moved to the median of all."""
    temporal = [number for number, metric in enumerate(metrics) if metric.temporal]
    parts = [[one[..., groups == group] for one in (rows, time, cell)] for rows, time, cell, groups in sums.sample]
    if not temporal or not parts:
        return
    rows, time, cell = (np.concatenate(one, axis=-1) for one in zip(*parts, strict=True))
    if not len(cell):
        return
    names = [metrics[number].name for number in temporal]
    observed, predicted, within, *others = rows
    beside = dict(zip(baselines, others, strict=True))  # they have a say in the length of the blocks
    found = score_outputs(
        observed, predicted, beside, time, metrics=names, key=key, cell=cell, within=within, replicates=replicates
    )
    move = value[temporal] - found.value[0]
    # Of the same cells it is rounding, which beside one absurd cell is more than what the ends of others are.
    move[np.abs(move) < _ROUNDING * np.abs(value[temporal])] = 0.0
    low[temporal], high[temporal] = found.low[0] + move, found.high[0] + move
