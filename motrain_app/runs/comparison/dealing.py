"""Dealing cells or times at random to as many groups of the same sizes as a run has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds
from motrain_app.runs.errors import RunError
from motrain_app.runs.plan import Plan

What = Literal["cells", "times", "folds"]


@dataclass(frozen=True, slots=True, eq=False)
class Dealt:
    """Labels of cells and times; partition = region × n_periods + period.

    Attributes
    ----------
    region_of_cell, period_of_time
        int32, shapes (n_cells,) and (n_time,); −1 where no partition claims it.
    n_periods
        Number of periods.
    """

    region_of_cell: NDArray[np.int32]
    period_of_time: NDArray[np.int32]
    n_periods: int

    @classmethod
    def of_plan(cls, plan: Plan) -> "Dealt":
        """Return the labels of a run."""
        return cls(plan.region_of_cell, plan.period_of_time, plan.n_periods)

    def claims(self, cell: NDArray[np.integer], time: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return which rows lie in a partition."""
        return np.asarray((self.region_of_cell[cell] >= 0) & (self.period_of_time[time] >= 0))

    def number(self, cell: NDArray[np.integer], time: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the partition of rows that lie in one."""
        region, period = self.region_of_cell[cell].astype(np.int64), self.period_of_time[time]
        return np.asarray(region * self.n_periods + period)


def deal(
    plan: Plan, folds: Folds, cells: NDArray[np.integer], *, draws: int, seed: int
) -> tuple[What, tuple[Dealt, ...]]:
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
    own = Dealt.of_plan(plan)
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
            Dealt(_permuted(plan.region_of_cell, [claimed], one), plan.period_of_time, plan.n_periods) for one in random
        )
    if plan.n_periods == 1:
        raise RunError("There is one partition: nothing can be dealt at random. Leave the control out: control=0.")
    fold = folds.fold_of_atom[folds.atom_of_time]
    free = (own.period_of_time >= 0) & ~(folds.test | folds.near_test)[folds.atom_of_time]
    groups = [np.flatnonzero(free & (fold == number)) for number in np.unique(fold[free])]
    if all(np.ptp(plan.period_of_time[group]) == 0 for group in groups):
        return "folds", tuple(_deal_folds(plan, groups, np.random.default_rng((seed, draw))) for draw in range(draws))
    return "times", tuple(
        Dealt(
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


def _deal_folds(plan: Plan, groups: Sequence[NDArray[np.integer]], random: np.random.Generator) -> Dealt:
    dealt = plan.period_of_time.copy()
    labels = random.permutation([plan.period_of_time[group[0]] for group in groups])
    for group, label in zip(groups, labels.tolist(), strict=True):
        dealt[group] = label
    return Dealt(plan.region_of_cell, dealt, plan.n_periods)
