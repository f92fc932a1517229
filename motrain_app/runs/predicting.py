"""Predictions of members on rows that they have not seen."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning import Fitted
from motrain_app.operators import AnyMember
from motrain_app.operators.together import mean_of_members
from motrain_app.runs.blockfile import TEST


def members_of(fitted: Fitted, partition: int) -> dict[int, AnyMember]:
    """Return the members of a partition by the fold that each left out."""
    n = fitted.present.shape[1]
    return {m: fitted.stack.member(partition * n + m) for m in np.flatnonzero(fitted.present[partition]).tolist()}


def predict_rows(
    members: Mapping[int, AnyMember], inputs: NDArray[np.floating], fold: NDArray[np.int16], n_outputs: int
) -> NDArray[np.float64]:
    """Predict each row by the member that withheld it, and test rows by the mean of all that have the output.

    Parameters
    ----------
    members
        By fold.
    inputs
        [n_inputs, rows].
    fold
        Shape (rows,): the member that withheld each row, or `motrain_app.runs.blockfile.TEST`.

    Returns
    -------
    numpy.ndarray
        [n_outputs, rows]; NaN where there is no such member, or it lacks the output.
    """
    predicted = np.full((n_outputs, inputs.shape[1]), np.nan)
    for number, member in members.items():
        mine = np.flatnonzero(fold == number)
        predicted[:, mine] = member.predict(inputs[:, mine])
    if members:
        test = np.flatnonzero(fold == TEST)
        of_test = (member.predict(inputs[:, test]) for member in members.values())
        predicted[:, test] = mean_of_members(members.values(), of_test)
    return predicted
