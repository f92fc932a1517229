"""The rows that members of two runs withheld, side by side, and whether both runs observed the same in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators import Variable
from motrain_app.runs.comparison.common_axes import CommonAxes
from motrain_app.runs.comparison.withheld import Withheld, WithheldRows
from motrain_app.runs.errors import RunError

Values = NDArray[np.float32]
# Observations of two files agree where no more than the rounding to a float32 in each tells them apart.
_ROUNDING = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, eq=False)
class Pair:
    """The rows of a partition that both runs withheld; NaN where only one did so of an output.

    Attributes
    ----------
    key
        int64, shape (rows,): of the first run.
    observed, predicted
        Of the first run, minus the output's offset; [n_outputs, rows].
    other_observed, other_predicted
        Of the other, likewise: outputs of one unit have one offset.
    """

    key: NDArray[np.int64]
    observed: Values
    predicted: Values
    other_observed: Values
    other_predicted: Values


def pair_rows(
    parts: Sequence[WithheldRows], second: Withheld, axes: CommonAxes, outputs: Sequence[tuple[int, int]]
) -> list[Pair | None]:
    """Set what another run says of rows beside what a run says.

    Parameters
    ----------
    parts
        Rows of partitions of the run.
    second
        The other run.
    axes
        Where it has the run's cells and times.
    outputs
        Place of each common output in both runs.

    Returns
    -------
    list
        One entry a partition, None where no row is common.
    """
    mine, theirs = (list(places) for places in zip(*outputs, strict=True))
    key = axes.keys(np.concatenate([part.key for part in parts]))
    order = np.argsort(key, kind="stable")
    ascending = key[order]
    found = np.full((2, len(theirs), len(key)), np.nan, np.float32)
    for rows in second.of_cells(np.unique(key[key >= 0] // axes.n_times)):
        here, there = _matches(ascending, rows.key)
        for number, values in enumerate((rows.observed, rows.predicted)):
            found[number][:, order[here]] = values[theirs][:, there]
    edges = np.cumsum([len(part.key) for part in parts])[:-1]
    return [_paired(part, mine, *both) for part, both in zip(parts, np.split(found, edges, axis=2), strict=True)]


def _paired(rows: WithheldRows, outputs: list[int], other_observed: Values, other_predicted: Values) -> Pair | None:
    four = (rows.observed[outputs], rows.predicted[outputs], other_observed, other_predicted)
    common = ~np.logical_or.reduce([np.isnan(values) for values in four])  # infinite predictions count, and are seen
    kept = np.flatnonzero(common.any(axis=0))
    if not len(kept):
        return None
    return Pair(rows.key[kept], *(np.where(common, values, np.float32(np.nan))[:, kept] for values in four))


def _matches(one: NDArray[np.int64], other: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where two ascending lists of keys, unique but for −1, agree: the shorter is looked up in the longer."""
    if len(one) > len(other):
        theirs, mine = _matches(other, one)
        return mine, theirs
    at = np.minimum(np.searchsorted(other, one), max(len(other) - 1, 0))
    same = np.flatnonzero(other[at] == one) if len(other) else np.zeros(0, np.int64)
    return same, at[same]


class Observations:
    """Whether both runs observed the same, counted over all partitions before it is told.

    Parameters
    ----------
    outputs
        That both have.
    offset
        What was subtracted from each, shape (n_outputs,): the rounding is that of whole values.
    """

    def __init__(self, outputs: Sequence[Variable], offset: NDArray[np.float64]) -> None:
        self._outputs, self._offset = outputs, np.abs(offset)[:, None]
        self._rows, self._differing = np.zeros((2, len(outputs)), np.int64)
        self._largest = np.zeros(len(outputs))

    def agree(self, pair: Pair) -> bool:
        """Take in a partition; says False once any row differed: then nothing need be judged any more."""
        one, other = pair.observed.astype(np.float64), pair.other_observed.astype(np.float64)
        known = np.isfinite(one)
        apart = np.abs(one - other)
        differing = known & (apart > _ROUNDING * (np.abs(one) + np.abs(other) + self._offset))
        self._rows += known.sum(axis=1)
        self._differing += differing.sum(axis=1)
        self._largest = np.maximum(self._largest, np.where(known, apart, 0).max(axis=1))
        return not self._differing.any()

    def refuse_where_they_differ(self, names: str) -> None:
        """Raise RunError with how many rows differ, and by how much at most."""
        numbers = (values.tolist() for values in (self._differing, self._rows, self._largest))
        told = [
            f"{output.name} in {differing:,} of {rows:,} common rows, by up to {f'{largest:.3g} {output.unit}'.strip()}"
            for output, differing, rows, largest in zip(self._outputs, *numbers, strict=True)
            if differing
        ]
        if told:
            raise RunError(
                f"{names} observed different values: {'; '.join(told)}. Compare runs on the same observations, read "
                "with the same remedies."
            )
