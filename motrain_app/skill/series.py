"""The two series whose moments a metric takes: the values, or what is made of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.anomalies import Season
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.ranks import Ranked, rank_correlation_parts
from motrain_app.skill.registry import Metric

__all__ = ["BEST", "Kind", "Observed", "is_degenerate", "kind_of", "series_of"]

BEST = ""  # the baseline of a score that is bound to none
Kind = tuple[str, str | None]  # what moments are of, and the baseline beside it


def kind_of(metric: Metric) -> Kind:
    """Return the kind of moments that a metric takes."""
    return metric.of, (metric.over or BEST) if metric.needs_baseline else None


def is_degenerate(metric: Metric, baseline: str, constant: Collection[str], seasonal: Collection[str]) -> bool:
    """Say whether all that a score tells of a baseline is how folds differ."""
    return metric.association and (baseline in constant or (baseline in seasonal and metric.of == "anomalies"))


@dataclass(frozen=True, eq=False)
class Observed:
    """What was observed, cell by cell: predictions of the same rows share its ranks and the season's features.

    Parameters
    ----------
    values
        Shape (rows), without gaps.
    time
        Shape (rows).
    cell
        0 … n − 1, shape (rows): within each, ranks are taken and the season is fitted.
    """

    values: FloatArray
    time: NDArray[np.datetime64]
    cell: NDArray[np.integer[Any]]

    @cached_property
    def ranked(self) -> Ranked:
        """Ranks within each cell."""
        return Ranked.of(self.values, self.cell)

    @cached_property
    def season(self) -> Season:
        """What fits the season of each cell."""
        return Season(self.time, self.cell)

    def take(self, rows: NDArray[np.intp]) -> Observed:
        """Some of the rows, ascending; itself where that is all."""
        if len(rows) == len(self.values):
            return self
        return Observed(self.values[rows], self.time[rows], self.cell[rows])


def series_of(
    metrics: Sequence[Metric], observed: Observed, predicted: FloatArray, within: FloatArray | None = None
) -> dict[Kind, tuple[FloatArray, FloatArray]]:
    """Return the series by kind, as far as metrics ask for them; the values always.

    Parameters
    ----------
    predicted
        Shape (rows), NaN for gaps.
    within
        1 or 0, whether a row lies in its interval, NaN without one; shape (rows).
    """
    n = len(predicted)
    found: dict[Kind, tuple[FloatArray, FloatArray]] = {("values", None): (observed.values, predicted)}
    wanted, nothing = {metric.of for metric in metrics}, np.zeros(n)
    known = np.flatnonzero(~np.isnan(predicted))
    there, told = observed.take(known), predicted[known]
    if "ranks" in wanted:
        parts = np.full(n, np.nan)
        parts[known] = rank_correlation_parts(there.ranked, Ranked.of(told, there.cell))
        found["ranks", None] = nothing, parts
    if "anomalies" in wanted:
        both = np.full((2, n), np.nan)
        # Picked when stacked: another layout in memory would change the last bits of the sums.
        both[:, known] = there.season.anomalies(np.stack([observed.values, predicted])[:, known])
        found["anomalies", None] = both[0], both[1]
    if "intervals" in wanted and within is not None:
        found["intervals", None] = nothing, within
    return found
