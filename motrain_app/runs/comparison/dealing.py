"""Dealing cells or times at random to as many groups of the same sizes as a run has."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds
from motrain_app.runs.claims import Claims
from motrain_app.runs.errors import RunError
from motrain_app.runs.plan import Plan

What = Literal["cells", "times", "folds"]


def deal(
    plan: Plan, folds: Folds, cells: NDArray[np.integer], *, draws: int, seed: int
) -> tuple[What, tuple[Claims, ...]]:
    """Deal at random what a run's partitions divide: cells; or times, where there is one region only.

    Times are dealt within each fold, so that each member sees as many rows as before. Where no fold holds times of two
    periods, whole folds are dealt. Times of the test stay where they are.

    Parameters
    ----------
    plan, folds
        Of the run.
    cells
        Those that have rows.
    draws
        Number of times.
    seed
        Of the design.

    Raises
    ------
    RunError
        Where dealing changes nothing, as there is one partition, or each holds one cell.
    """
    claimed = cells[plan.region_of_cell[cells] >= 0]
    sizes = np.bincount(plan.region_of_cell[claimed])
    if np.count_nonzero(sizes) > 1:
        if sizes.max() == 1:
            raise RunError(
                "Each region holds one cell: dealt at random they would be the same partitions. Leave the control out: "
                "control=0."
            )
        random = [np.random.default_rng((seed, draw)) for draw in range(draws)]
        return "cells", tuple(
            Claims(_permuted(plan.region_of_cell, [claimed], one), plan.period_of_time, plan.n_periods)
            for one in random
        )
    if plan.n_periods == 1:
        raise RunError("There is one partition: nothing can be dealt at random. Leave the control out: control=0.")
    fold = folds.fold_of_atom[folds.atom_of_time]
    free = (plan.period_of_time >= 0) & ~(folds.test | folds.near_test)[folds.atom_of_time]
    groups = [np.flatnonzero(free & (fold == number)) for number in np.unique(fold[free])]
    if all(np.ptp(plan.period_of_time[group]) == 0 for group in groups):
        return "folds", tuple(_deal_folds(plan, groups, np.random.default_rng((seed, draw))) for draw in range(draws))
    return "times", tuple(
        Claims(
            plan.region_of_cell,
            _permuted(plan.period_of_time, groups, np.random.default_rng((seed, draw))),
            plan.n_periods,
        )
        for draw in range(draws)
    )


def _permuted(
    label: NDArray[np.int32], groups: Sequence[NDArray[np.integer]], random: np.random.Generator
) -> NDArray[np.int32]:
    """Return labels permuted within each group of places."""
    dealt = label.copy()
    for places in groups:
        dealt[places] = random.permutation(label[places])
    return dealt


def _deal_folds(plan: Plan, groups: Sequence[NDArray[np.integer]], random: np.random.Generator) -> Claims:
    dealt = plan.period_of_time.copy()
    labels = random.permutation([plan.period_of_time[group[0]] for group in groups])
    for group, label in zip(groups, labels.tolist(), strict=True):
        dealt[group] = label
    return Claims(plan.region_of_cell, dealt, plan.n_periods)
