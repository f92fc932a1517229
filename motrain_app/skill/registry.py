"""The registry of scores: a score is one decorated function of `Moments`, with its best value and its unit.

Colour maps, "better" arrows, table columns and the choice of a winner read what the decorator says; a new
score needs no edit elsewhere.

A score that measures variation in time is taken of each cell, and the partition's is the median over cells. Pooled over
space and time it goes by another name, such as ``r_pooled``; `get_metric` makes these, and ``skill_over_climatology``
and the like, of what is registered.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motrain_app.skill.moments import FloatArray, Moments

__all__ = [
    "MIN_ROWS",
    "OVER",
    "POOLED",
    "Metric",
    "Score",
    "best_index",
    "best_indices",
    "get_metric",
    "get_metric_or_stand_in",
    "metric",
    "metric_names",
]

Score = Callable[[Moments], FloatArray]
Direction = Literal["min", "max", "zero"]
Unit = Literal["output", "square", "none"]
Of = Literal["values", "ranks", "anomalies", "intervals", "days"]
# Rows under which a cell has no score over time: deviations are from means of the same rows, so that few flatter, in
# all cells and replicates alike. One row has ubRMSE 0, two have |r| = 1; of ten the ubRMSE is still 9 % too low.
MIN_ROWS = 10
POOLED = "_pooled"  # ends the name of a temporal score that is taken over space and time at once
OVER = "skill_over_"  # begins the name of the skill over one baseline


@dataclass(frozen=True, slots=True)
class Metric:
    """What is known about one score.

    Parameters
    ----------
    name
        The name people type, which is the function's.
    function
        Takes `Moments` of any shape and returns scores of that shape.
    best
        The value of a perfect prediction; infinite where more is always better.
    direction
        "min" and "max" say which of two values is better; with "zero" it is the one whose distance to `best`
        is nearer to zero, from either side.
    unit
        "output", "square" (of the output's unit) or "none".
    needs_baseline
        Whether the moments must hold the errors of a baseline.
    association
        Whether the score measures how two series vary together: it has no meaning for a prediction that is
        constant by construction, such as the mean that a fold leaves behind.
    temporal
        Whether it is taken of each cell over time; the score of several cells is then the median over those of
        `MIN_ROWS` rows or more.
    of
        What the moments are of: the "values"; pseudo-values of "ranks" (`motrain_app.skill.ranks`) as errors, of which
        there is but the mean; "anomalies" from the season (`motrain_app.skill.anomalies`); whether rows lie in their
        "intervals", likewise; or the errors summed over each of the "days", which the function reduces: such a score
        has no interval.
    bounds
        Lowest and highest value that it can take; no end of an interval lies beyond.
    falls_short
        Whether its value is lower in a sample than in truth; see `interval`.
    over
        The baseline that it is bound to; empty where that is the best one, or none.
    """

    name: str
    function: Score
    best: float
    direction: Direction
    unit: Unit
    needs_baseline: bool = False
    association: bool = False
    temporal: bool = False
    of: Of = "values"
    bounds: tuple[float, float] = (-np.inf, np.inf)
    falls_short: bool = False
    over: str = ""

    @property
    def title(self) -> str:
        """First line of the docstring, as the screen shows it."""
        title = (inspect.getdoc(self.function) or self.name).partition("\n")[0].removesuffix(".")
        if self.over:
            return title.replace("the baseline", self.over)
        return f"{title}, pooled over space and time" if self.name.endswith(POOLED) else title

    @property
    def has_interval(self) -> bool:
        """Whether an interval makes sense: a number of rows is no estimate."""
        return self.of != "days" and self.name != "n"

    def unit_of(self, output: str) -> str:
        """Unit of the score of an output with this unit.

        Examples
        --------
        >>> get_metric("rmse").unit_of("dB/deg"), get_metric("r").unit_of("dB/deg")
        ('dB/deg', '')
        """
        if self.unit == "none" or not output:
            return ""
        return output if self.unit == "output" else f"({output})²"

    def of_cells(self, m: Moments) -> FloatArray:
        """Return the scores of rows that are a cell's: where the score is of time, NaN of fewer than `MIN_ROWS`.

        Parameters
        ----------
        m
            Of all rows of each cell, any shape.

        Examples
        --------
        >>> from motrain_app.skill import moments
        >>> two = moments([1.0, 2.0], [1.5, 1.7])
        >>> float(get_metric("r").function(two)), float(get_metric("r").of_cells(two))
        (1.0, nan)
        """
        values = self.function(m)
        return np.where(m.n >= MIN_ROWS, values, np.nan) if self.temporal else values

    def rows_of(self, m: Moments) -> FloatArray:
        """Return of how many rows the score is that `of_cells` gives: none where a score of time has no value.

        Parameters
        ----------
        m
            Of all rows of each cell, any shape.
        """
        return np.where(np.isnan(self.of_cells(m)), 0.0, m.n) if self.temporal else m.n

    def interval(self, value: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the ends of an interval of the score from percentiles of its replicates.

        What is lower in a sample than in truth is lower once more in replicates of the sample, so that all percentiles
        may lie below the truth. So what is as far above the value as the lower percentile is below it belongs to the
        interval, too (the basic bootstrap interval; Davison and Hinkley 1997, section 5.2). A score of time has none
        where it has no value: a replicate of few rows may have one by chance. Nor has a share of rows that all rows
        have, or none: there is nothing to draw from.

        Parameters
        ----------
        value, low, high
            In all rows, and percentiles of the replicates; any shape.
        """
        high = np.maximum(high, 2 * value - low) if self.falls_short else high
        if self.temporal:
            low, high = (np.where(np.isnan(value), np.nan, end) for end in (low, high))
        if self.of == "intervals":
            low, high = (np.where(low < high, end, np.nan) for end in (low, high))
        return np.clip(low, *self.bounds), np.clip(high, *self.bounds)

    def badness(self, values: ArrayLike) -> FloatArray:
        """Return numbers that are smaller for better values and keep NaN."""
        values = np.asarray(values, dtype=np.float64)
        if self.direction == "zero":
            return np.abs(values - self.best)
        return values if self.direction == "min" else -values


_REGISTRY: dict[str, Metric] = {}


def metric(
    *,
    best: float,
    direction: Direction,
    unit: Unit,
    needs_baseline: bool = False,
    association: bool = False,
    temporal: bool = False,
    of: Of = "values",
    bounds: tuple[float, float] = (-np.inf, np.inf),
    falls_short: bool = False,
) -> Callable[[Score], Score]:
    """Register a function of `Moments` as a score under its own name; the options are those of `Metric`.

    Raises
    ------
    ValueError
        If another function already has the name, an option is unknown, or a baseline is needed beside what is not of
        the values: nothing but their errors is summed of baselines.
    """
    for value, allowed in ((direction, get_args(Direction)), (unit, get_args(Unit)), (of, get_args(Of))):
        if value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    if needs_baseline and of != "values":
        raise ValueError(f"a metric of {of!r} has no baseline beside it: needs_baseline goes with of='values' alone")

    def register(function: Score) -> Score:
        name = function.__name__
        known = _REGISTRY.get(name)
        # A notebook cell that is run again defines the same score again; only another one is an accident.
        if known is not None and _origin(known.function) != _origin(function):
            raise ValueError(f"there is already a metric {name!r}, from {known.function.__module__}")
        _REGISTRY[name] = Metric(
            name, function, best, direction, unit, needs_baseline, association, temporal, of, bounds, falls_short
        )
        return function

    return register


def _origin(function: Score) -> tuple[str, str]:
    return function.__module__, function.__qualname__


def metric_names() -> tuple[str, ...]:
    """Names of all metrics, in the order in which tables show them."""
    return tuple(_REGISTRY)


def get_metric(name: str) -> Metric:
    """Return the metric of this name.

    Raises
    ------
    ValueError
        If there is none; the message names those that exist.

    Examples
    --------
    >>> get_metric("rmse").direction
    'min'
    >>> get_metric("r_pooled").title, get_metric("skill_over_climatology").title
    ('Pearson correlation, pooled over space and time', 'Skill over climatology')
    >>> get_metric("RMSD")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: there is no metric 'RMSD'; there are bias, mae, rmse, ...
    """
    known = _REGISTRY.get(name)
    if known is not None:
        return known
    whole = _REGISTRY.get(name.removesuffix(POOLED))
    if whole is not None and whole.temporal and whole.of != "ranks":
        return replace(whole, name=name, temporal=False)
    if name.startswith(OVER) and len(name) > len(OVER):
        return replace(_REGISTRY["skill"], name=name, over=name.removeprefix(OVER))
    if whole is not None and whole.of == "ranks":
        raise ValueError(
            f"there is no metric {name!r}: ranks are taken within each cell, and those of all cells together are known "
            f"only where all rows are; ask for {whole.name!r}, its median over cells"
        )
    raise ValueError(f"there is no metric {name!r}; there are {', '.join(_REGISTRY)}")


def get_metric_or_stand_in(name: str) -> Metric:
    """Return the metric of this name, or one that only has the name: for tables of scores that were computed elsewhere.

    A person's own metric is known where the module that defines it was imported. Its scores can be read without.
    """
    try:
        return get_metric(name)
    except ValueError:
        return Metric(name, _not_imported, np.nan, "max", "none")


def _not_imported(m: Moments) -> FloatArray:
    """A metric of a module that is not imported."""
    raise ValueError("this metric is defined in a module that was not imported")


def best_index(values: ArrayLike, metric: str | Metric) -> int:
    """Index of the best of several values of one metric; NaN never wins, the first of equals does.

    Raises
    ------
    ValueError
        If no value is a number, or `values` has not one dimension.

    Examples
    --------
    >>> best_index([0.9, 0.5, 0.7, 0.85, 0.6], "rmse"), best_index([0.9, 0.5, 0.7], "r")
    (1, 0)
    >>> best_index([-0.2, 0.1, float("nan")], "bias")
    1
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"best_index takes one dimension, not {values.ndim}; best_indices takes more")
    index = int(best_indices(values, metric))
    if index < 0:
        name = metric if isinstance(metric, str) else metric.name
        raise ValueError(f"none of the {values.size} values of {name} is a number: nothing can be chosen")
    return index


def best_indices(values: ArrayLike, metric: str | Metric) -> NDArray[np.intp]:
    """Index of the best along the first axis, for each position of the others; −1 where all are NaN.

    Examples
    --------
    >>> import numpy as np
    >>> best_indices([[3.0, np.nan], [2.0, np.nan]], "rmse")
    array([ 1, -1])
    """
    chosen = get_metric(metric) if isinstance(metric, str) else metric
    badness = chosen.badness(values)
    missing = np.isnan(badness)
    if badness.shape[0] == 0:
        return np.full(badness.shape[1:], -1, dtype=np.intp)
    # An infinitely bad value still beats a missing one, which argmin alone would not see.
    order = np.lexsort((np.where(missing, 0.0, badness), missing), axis=0)
    return np.where(missing.all(axis=0), -1, order[0])
