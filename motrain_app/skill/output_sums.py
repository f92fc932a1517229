"""What is summed over the rows of one output to score one prediction, and the scores that come of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.anomalies import Season
from motrain_app.skill.medians import median_of_cells
from motrain_app.skill.moments import FloatArray, Moments
from motrain_app.skill.registry import Metric
from motrain_app.skill.row_sums import UNKNOWN, ZERO, Centred, Layout, RowSums, centre
from motrain_app.skill.series import BEST, Kind, kind_of
from motrain_app.skill.shifts import middle_of_cells, some_rows

__all__ = [
    "OutputRows",
    "Places",
    "PredictionSums",
    "Series",
    "count_rows",
    "daily_moments",
    "evaluate",
    "prepare",
    "sum_prediction",
]

IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Places:
    """Where and when rows are; outputs that miss the same rows share it.

    Parameters
    ----------
    day
        0 … n_days − 1, shape (rows).
    n_days
        From the first day with a row to the last; 0 without a row.
    time
        datetime64, shape (rows).
    cell
        0 … n_cells − 1, shape (rows).
    n_cells
        Number of cells.
    """

    day: IntArray
    n_days: int
    time: NDArray[np.datetime64]
    cell: IntArray
    n_cells: int

    @classmethod
    def of(cls, time: NDArray[np.datetime64], cell: IntArray, n_cells: int) -> Places:
        """Count days from the first with a row."""
        day = time.astype("datetime64[D]").astype(np.int64)
        first, last = (int(day.min()), int(day.max())) if len(day) else (0, -1)
        return cls(day - first, last - first + 1, time, cell, n_cells)

    @cached_property
    def season(self) -> Season:
        """What the season is fitted with."""
        return Season(self.time, self.cell)

    def centre(self, series: FloatArray, valid: NDArray[np.bool_] | None = None) -> Centred:
        """Return a series over the rows, or over those that count, about a shift that no row or cell can spoil."""
        rows = self._some_rows
        if valid is not None:
            known = np.flatnonzero(valid)
            rows = known[some_rows(self.cell[known])]
        return centre(series, middle_of_cells(series[rows]), valid)

    @cached_property
    def _some_rows(self) -> IntArray:
        return some_rows(self.cell)

    @cached_property
    def ones(self) -> FloatArray:
        """A weight of 1 for each row."""
        return np.ones(len(self.day))


@dataclass(frozen=True, slots=True, eq=False)
class OutputRows:
    """The rows of one output that have observed and predicted values.

    Parameters
    ----------
    observed
        Shape (rows), in the unit of the output.
    places
        Of the rows.
    """

    observed: FloatArray
    places: Places

    def take(self, kept: IntArray) -> OutputRows:
        """Some of the rows; days and cells keep their numbers."""
        there = self.places
        places = Places(there.day[kept], there.n_days, there.time[kept], there.cell[kept], there.n_cells)
        return OutputRows(self.observed[kept], places)

    def alone(self, kept: IntArray) -> OutputRows:
        """Some of the rows as if there were no others: days count from their first; cells keep their numbers."""
        there = self.places
        return OutputRows(self.observed[kept], Places.of(there.time[kept], there.cell[kept], there.n_cells))


@dataclass(frozen=True, eq=False)
class PredictionSums:
    """Sums from which all scores of a prediction follow.

    Parameters
    ----------
    rows
        That are summed.
    columns
        What is summed, also of other predictions of the same rows.
    n_columns
        The first so many of them hold all that this prediction needs.
    layouts
        Where the moments of each kind stand among the columns.
    """

    rows: OutputRows
    columns: RowSums
    n_columns: int
    layouts: Mapping[Kind, Layout]
    _daily: dict[int, FloatArray] = field(default_factory=dict, init=False, repr=False)

    @property
    def by_cell(self) -> FloatArray:
        """Sums over the rows of each cell, [columns, cells]."""
        return self.columns.by_cell(self.rows.places.cell, self.rows.places.n_cells)

    def over(self, group: IntArray, n_groups: int) -> FloatArray:
        """Sums over groups of rows, 0 … n_groups − 1; [columns, groups]."""
        return self.columns.over(group, n_groups, self.n_columns)

    def by_day(self, column: int) -> FloatArray:
        """Sums of one column over each day: of most columns they are never needed."""
        if column not in self._daily:
            sums = np.bincount(self.rows.places.day, self.columns.column(column), self.rows.places.n_days)
            self._daily[column] = np.asarray(sums, np.float64)
        return self._daily[column]


def daily_moments(predictions: Sequence[PredictionSums]) -> Moments:
    """Return the moments of each day, shape (predictions, days): of errors alone, in first and second order.

    Parameters
    ----------
    predictions
        At least one, over rows of the same places.
    """
    layouts = [one.layouts["values", None].of_errors() for one in predictions]
    n_days = predictions[0].rows.places.n_days
    sums = np.empty((len(layouts[0].columns), len(predictions), n_days))
    for number, (layout, one) in enumerate(zip(layouts, predictions, strict=True)):
        layout.put(sums[:, number], one.by_day)
    shift = np.transpose([layout.shift for layout in layouts])[..., None]
    return Moments(sums, np.broadcast_to(shift, (*shift.shape[:-1], n_days)))


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A prediction of an output, or a baseline, about a shift, and its error.

    Parameters
    ----------
    raw
        Shape (rows), NaN where a baseline has a gap.
    values, error
        Where it has none; over the rows without a gap otherwise.
    valid
        Rows without a gap; None where there is none.
    """

    raw: FloatArray
    values: Centred
    error: Centred
    valid: NDArray[np.bool_] | None


def prepare(rows: OutputRows, series: FloatArray) -> Series:
    """Centre a prediction or a baseline, and its error."""
    there = ~np.isnan(series)
    valid = None if there.all() else there
    with np.errstate(invalid="ignore", over="ignore"):
        error = series - rows.observed
    return Series(series, rows.places.centre(series, valid), rows.places.centre(error, valid), valid)


def sum_prediction(
    rows: OutputRows,
    observed: Centred,
    predicted: Series,
    baselines: Mapping[str, Series],
    *,
    ranks: FloatArray | None = None,
    anomalies: tuple[FloatArray, FloatArray] | None = None,
    within: FloatArray | None = None,
    beside: PredictionSums | None = None,
) -> PredictionSums:
    """Make the columns of a prediction.

    Parameters
    ----------
    rows
        Of the output.
    observed
        Of the same rows.
    predicted
        Without a gap.
    baselines
        By name.
    ranks
        Pseudo-values of the rank correlation; see `motrain_app.skill.ranks`.
    anomalies
        Of observed and predicted.
    within
        1 or 0, whether a row lies in its interval, NaN without one.
    beside
        Of another prediction of the same rows, so that what both need is summed once.
    """
    columns, ones = RowSums() if beside is None else beside.columns, rows.places.ones
    plain = columns.add_pair(ones, observed, predicted.values, predicted.error)
    layouts: dict[Kind, Layout] = {("values", None): plain}
    for name, baseline in baselines.items():
        pair = plain
        if baseline.valid is not None:
            kept = baseline.valid
            parts = (rows.observed, predicted.raw, predicted.raw - rows.observed)
            pair = columns.add_pair(kept.astype(np.float64), *(rows.places.centre(part, kept) for part in parts))
        layouts["values", name] = columns.add_baseline(pair, baseline.error)
    if ranks is not None:
        layouts["ranks", None] = columns.add_mean(*_where_known(rows.places, ranks))
    if within is not None:
        layouts["intervals", None] = columns.add_mean(*_where_known(rows.places, within))
    if anomalies is not None:
        of_observed, of_predicted = anomalies
        layouts["anomalies", None] = columns.add_pair(
            *_where_known(rows.places, of_observed),
            *(_where_known(rows.places, x)[1] for x in (of_predicted, of_predicted - of_observed)),
        )
    return PredictionSums(rows, columns, len(columns), layouts)


def _where_known(places: Places, series: FloatArray) -> tuple[FloatArray, Centred]:
    """Return the weights of rows, 0 where a series has no value, and the series about a shift."""
    known = ~np.isnan(series)
    if known.all():
        return places.ones, places.centre(series)
    return known.astype(np.float64), places.centre(series, known)


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
