"""What is learnt of an operator beside scores: how alike its members are, how far they extrapolate, what they know."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators import AnyMember
from motrain_app.operators.together import mean_of_members
from motrain_app.runs.axes import Axes
from motrain_app.skill import evenly, explained_beyond_season

ROWS = 500  # at which members are compared, evenly taken from those withheld
DERIVED_ROWS = 200  # at which they are derived
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Diagnosis:
    """Of one partition; test rows do not enter. NaN where there is no member, or nothing withheld.

    Attributes
    ----------
    influence
        float32, [members, n_outputs]: root mean square of what leaving out a member's fold changes: that member minus
        the mean of all that have the output, in the outputs' units, over at most 500 rows, evenly taken from those
        withheld in all folds.
    sensitivity
        float32, [members, n_outputs, n_inputs]: mean derivative, in standard deviations of the output for a standard
        deviation of the input, over at most 200 rows taken likewise. NaN of members that have no derivatives.
    outside
        float32, [n_inputs + 1]: share of withheld rows whose input lies outside the training rows of the member that
        predicts them: of each input, and last of any.
    beyond_season
        float32, [n_outputs]: R² of the withheld rows about the mean of each cell and the season that they share; see
        `motrain_app.skill.explained_beyond_season`.
    """

    influence: NDArray[np.float32]
    sensitivity: NDArray[np.float32]
    outside: NDArray[np.float32]
    beyond_season: NDArray[np.float32]


def diagnose(
    members: Mapping[int, AnyMember],
    inputs: Array,
    observed: Array,
    predicted: Array,
    axes: Axes,
    fold: NDArray[np.integer],
    *,
    n_members: int,
) -> Diagnosis:
    """Compare the members of a partition on the rows that they withheld.

    Parameters
    ----------
    members
        By fold.
    inputs, observed, predicted
        [n_inputs, rows] and twice [n_outputs, rows], in the members' units.
    axes
        Of these rows.
    fold
        Shape (rows,); negative for rows that no member withheld, such as test rows.
    n_members
        Number of folds.
    """
    n_inputs, n_outputs = len(inputs), len(observed)
    influence = np.full((n_members, n_outputs), np.nan, np.float32)
    sensitivity = np.full((n_members, n_outputs, n_inputs), np.nan, np.float32)
    outside = np.full(n_inputs + 1, np.nan, np.float32)
    beyond_season = np.full(n_outputs, np.nan, np.float32)
    withheld = np.flatnonzero(fold >= 0)
    if members and len(withheld):
        outside[:] = _outside(members, inputs[:, withheld], fold[withheld])
        there = axes.part(withheld)
        of_rows = observed[:, withheld], predicted[:, withheld]
        with np.errstate(over="ignore"):
            beyond_season[:] = explained_beyond_season(*of_rows, there.day_of_year, there.cell)
        sample = inputs[:, withheld[evenly(len(withheld), ROWS)]]
        said = {number: member.predict(sample) for number, member in members.items()}
        mean = mean_of_members(members.values(), said.values())
        few = inputs[:, withheld[evenly(len(withheld), DERIVED_ROWS)]]
        with np.errstate(divide="ignore", invalid="ignore"):  # what does not vary has no derivative in its own units
            unit = _spread(observed[:, withheld])[:, None] / _spread(inputs[:, withheld])
            for number, member in members.items():
                influence[number] = np.sqrt(np.mean((said[number] - mean) ** 2, axis=1))
                if member.differentiable:
                    sensitivity[number] = member.jacobian(few).mean(axis=-1) / unit
    return Diagnosis(influence, np.where(np.isfinite(sensitivity), sensitivity, np.nan), outside, beyond_season)


def _spread(values: Array) -> NDArray[np.float64]:
    """Standard deviation of each series of what is known of it; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    mean = np.where(known, values, 0).sum(axis=1, dtype=np.float64) / count
    return np.asarray(np.sqrt((np.where(known, values - mean[:, None], 0) ** 2).sum(axis=1) / count))


def _outside(members: Mapping[int, AnyMember], inputs: Array, fold: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the share of rows outside their member's range, by each input and by any of them."""
    beyond = np.zeros(inputs.shape, bool)
    for number, member in members.items():
        mine = np.flatnonzero(fold == number)
        x = inputs[:, mine]
        beyond[:, mine] = (x < member.input_low[:, None]) | (x > member.input_high[:, None])
    return np.append(beyond.mean(axis=1), beyond.any(axis=0).mean())
