"""What ridge reaches in the partitions of one region, and beside it one operator for all, from Gram matrices alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.cell_grams import CellGrams, RegionSums
from motrain_app.learning.gram import Grams
from motrain_app.learning.membership import why_untrained
from motrain_app.learning.ridge_members import RidgeMembers, fit_members

Array = NDArray[np.float64]
_NOTHING_HELD_OUT = "Nothing is held out, so no skill can be claimed: choose a jackknife."


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows that the members of one partition withheld, for outputs that share their gaps.

    Attributes
    ----------
    period
        Number of the partition's period.
    outputs
        Numbers of the outputs.
    members
        Numbers of the members.
    grams
        One set a member.
    """

    period: int
    outputs: tuple[int, ...]
    members: NDArray[np.int64]
    grams: Grams


@dataclass(frozen=True, eq=False)
class RegionFit:
    """Out-of-fold errors in the partitions of a region, one a period.

    Attributes
    ----------
    rows
        Out-of-fold rows, [n_periods, n_members, n_outputs]: those whose member exists.
    ridge, climatology
        Squared errors summed over these rows, the same shape, in the outputs' squared units.
    held_out
        The same rows as Gram matrices, for judging another operator on them.
    reasons
        By period: why nothing could be trained or judged; empty where there is skill.
    """

    rows: Array
    ridge: Array
    climatology: Array
    held_out: tuple[HeldOut, ...]
    reasons: tuple[str, ...]


def fit_region(grams: CellGrams, positions: NDArray[np.int64], strengths: Sequence[float]) -> RegionFit:
    """Fit ridge in every partition of a region, each fold with its own strength as `fit_ridge` chooses it.

    Parameters
    ----------
    positions
        Of the region's cells, as `CellGrams.positions` gives them.
    """
    folds, sums = grams.classes.folds, grams.region(positions)
    shape = (grams.classes.n_periods, folds.n_members, grams.n_outputs)
    rows, ridge, climatology = (np.zeros(shape) for _ in range(3))
    held_out, reasons = [], []
    for period in range(grams.classes.n_periods):
        trained = False
        for group in sums.groups:
            by_atom = sums.grams(group, period)
            members = fit_members(by_atom, folds, strengths)
            if members is None:
                continue
            trained = True
            judged = by_atom.union(folds.held_out[members.numbers])
            put = np.ix_(np.array([period]), members.numbers, np.array(group.outputs))
            rows[put] = judged.count[:, None]
            ridge[put] = members.squared_errors(judged, np.arange(len(members.numbers)))
            climatology[put] = group.climatology[period, members.numbers]
            held_out.append(HeldOut(period, group.outputs, members.numbers, judged))
        reasons.append(_why_no_skill(sums, period, trained=trained))
    return RegionFit(rows, ridge, climatology, tuple(held_out), tuple(reasons))


def _why_no_skill(sums: RegionSums, period: int, *, trained: bool) -> str:
    folds = sums.classes.folds
    counts = sums.counts(period)
    if not folds.jackknife and counts.any():
        return _NOTHING_HELD_OUT
    return "" if trained else why_untrained(counts, folds)


@dataclass(frozen=True, eq=False)
class OneForAll:
    """One operator, trained on the rows of all partitions together, or of more; by group of outputs."""

    members: dict[tuple[int, ...], RidgeMembers]

    def squared_errors(self, fit: RegionFit) -> Array:
        """Return the squared errors on the held-out rows of a region, [n_periods, n_members, n_outputs].

        A member that a partition has, it has too: it learnt from the same rows, and from more.
        """
        squares = np.zeros(fit.rows.shape)
        for held in fit.held_out:
            members = self.members[held.outputs]
            which = np.searchsorted(members.numbers, held.members)
            put = np.ix_(np.array([held.period]), held.members, np.array(held.outputs))
            squares[put] = members.squared_errors(held.grams, which)
        return squares


def fit_one_for_all(grams: CellGrams, positions: NDArray[np.int64], strengths: Sequence[float]) -> OneForAll:
    """Fit ridge on the rows of a set of cells, all their periods together."""
    sums = grams.region(positions)
    fitted = {group.outputs: fit_members(sums.grams(group), grams.classes.folds, strengths) for group in sums.groups}
    return OneForAll({outputs: members for outputs, members in fitted.items() if members is not None})
