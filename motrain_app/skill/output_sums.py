"""What is summed over the rows of one output to score one prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.anomalies import Season
from motrain_app.skill.moments import FloatArray, Moments
from motrain_app.skill.row_sums import Centred, Layout, RowSums, centre
from motrain_app.skill.series import Kind
from motrain_app.skill.shifts import middle_of_cells, some_rows

__all__ = ["OutputRows", "Places", "PredictionSums", "Series", "daily_moments", "prepare", "sum_prediction"]

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
