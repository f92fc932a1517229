"""The board of folds: for each fold, what the rows of each time are to it."""

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds

# Okabe & Ito (2008): told apart with any colour vision.
ROLE_COLOURS = {"train": "#0072b2", "held out": "#e69f00", "embargo": "#999999", "test": "#cc79a7"}
TRAIN, HELD_OUT, EMBARGO, TEST = range(4)


def roles(folds: Folds) -> NDArray[np.int8]:
    """Return what each atom is to each member, [n_members, n_atoms]: index into `ROLE_COLOURS`."""
    role = np.full((folds.n_members, folds.n_atoms), EMBARGO, np.int8)
    role[folds.train] = TRAIN
    role[folds.held_out] = HELD_OUT
    role[:, folds.test] = TEST
    return role


def fold_board(folds: Folds, time: NDArray[np.datetime64]) -> dict[str, list[object]]:
    """Return bars, one for each stretch of time in which a fold's rows have the same role.

    Parameters
    ----------
    time
        Shape (n_time,), sorted.

    Returns
    -------
    dict
        left and right (milliseconds since 1970), fold, role and colour of each bar.
    """
    of_time = roles(folds)[:, folds.atom_of_time]
    ms = time.astype("datetime64[ms]").astype(np.int64)
    names, colours = list(ROLE_COLOURS), list(ROLE_COLOURS.values())
    bars: dict[str, list[object]] = {"left": [], "right": [], "fold": [], "role": [], "colour": []}
    for member, name in enumerate(folds.names):
        begins = np.r_[0, np.flatnonzero(np.diff(of_time[member])) + 1]
        ends = np.r_[begins[1:], len(ms) - 1]
        role = of_time[member][begins]
        bars["left"] += ms[begins].tolist()
        bars["right"] += ms[ends].tolist()
        bars["fold"] += [name] * len(begins)
        bars["role"] += [names[number] for number in role]
        bars["colour"] += [colours[number] for number in role]
    return bars
