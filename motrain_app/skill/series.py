"""The two series whose moments a metric takes: the values, or what is made of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.anomalies import anomalies
from motrain_app.skill.moments import FloatArray
from motrain_app.skill.ranks import Ranked, rank_correlation_parts
from motrain_app.skill.registry import Metric

__all__ = ["BEST", "Kind", "is_degenerate", "kind_of", "series_of"]

BEST = ""  # the baseline of a score that is bound to none
Kind = tuple[str, str | None]  # what moments are of, and the baseline beside it


def kind_of(metric: Metric) -> Kind:
    """Return the kind of moments that a metric takes."""
    return metric.of, (metric.over or BEST) if metric.needs_baseline else None


def is_degenerate(metric: Metric, baseline: str, constant: Collection[str], seasonal: Collection[str]) -> bool:
    """Say whether all that a score tells of a baseline is how folds differ."""
    return metric.association and (baseline in constant or (baseline in seasonal and metric.of == "anomalies"))


def series_of(
    metrics: Sequence[Metric],
    observed: FloatArray,
    predicted: FloatArray,
    time: NDArray[np.datetime64],
    cell: NDArray[np.integer[Any]],
    within: FloatArray | None = None,
) -> dict[Kind, tuple[FloatArray, FloatArray]]:
    """Return the series by kind, as far as metrics ask for them; the values always.

    Parameters
    ----------
    observed, predicted
        Shape (rows); the latter NaN for gaps.
    time
        Shape (rows).
    cell
        0 … n − 1, shape (rows): within each, ranks are taken and the season is fitted.
    within
        1 or 0, whether a row lies in its interval, NaN without one; shape (rows).
    """
    found: dict[Kind, tuple[FloatArray, FloatArray]] = {("values", None): (observed, predicted)}
    wanted, nothing = {metric.of for metric in metrics}, np.zeros(len(observed))
    known = np.flatnonzero(~np.isnan(predicted))
    of = cell[known]
    if "ranks" in wanted:
        parts = np.full(len(observed), np.nan)
        parts[known] = rank_correlation_parts(Ranked.of(observed[known], of), Ranked.of(predicted[known], of))
        found["ranks", None] = nothing, parts
    if "anomalies" in wanted:
        both = np.full((2, len(observed)), np.nan)
        both[:, known] = anomalies(np.stack([observed, predicted])[:, known], time[known], of)
        found["anomalies", None] = both[0], both[1]
    if "intervals" in wanted and within is not None:
        found["intervals", None] = nothing, within
    return found
