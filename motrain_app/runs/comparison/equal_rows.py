"""Whether one operator for all could learn from what the partitions of a run could learn from; how not, in words."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds
from motrain_app.design.splits import make_folds
from motrain_app.runs.claims import Claims
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.staged_rows import StagedRows

if TYPE_CHECKING:
    from motrain_app.runs.run import Run

Mask = NDArray[np.bool_]


def has_equal_rows(run: "Run", other: "Run") -> bool:
    """Say whether the partition of another run claims the rows that the partitions of a run claim, and no others.

    Cells without a row do not count, nor times that no member learns from or is judged on. That the other run took a
    sample of these rows, so that its budget has a bound, does not count either.

    Parameters
    ----------
    other
        Of one operator for all, on the same data, with the same folds.
    """
    if not (run.has_store and other.has_store):
        return False  # which rows they have is not known before they are started
    plan, there = _plan(run), _plan(other)
    if len(plan.lat) != len(there.lat) or len(plan.time) != len(there.time):
        return False
    mine, theirs = Claims.of_plan(plan), Claims.of_plan(there)
    cells, times = _cells_with_rows(run), _times_that_count(run, plan)
    if not np.array_equal(mine.cells[cells], theirs.cells[cells]):
        return False
    if not np.array_equal(mine.times[times], theirs.times[times]):
        return False
    bound = None if there.sample is None else there.sample.within
    if plan.sample is None or bound is None:
        return plan.sample is None and bound is None
    return mine.digest() == bound.digest()


def _cells_with_rows(run: "Run") -> NDArray[np.integer]:
    """Return the cells that have a row; all of them where the staged rows did not come with the run folder."""
    try:
        rows = StagedRows(RunFolder(run.path).staged())
    except RunError:
        return np.arange(len(_plan(run).lat))
    return np.asarray(rows.cell_at[np.diff(rows.row_start) > 0])


def _times_that_count(run: "Run", plan: Plan) -> Mask:
    """Return at which times a row may train a member, or is held out from one, shape (n_time,)."""
    folds = _folds(run, plan)
    return np.asarray((~folds.test & (folds.train | folds.held_out).any(axis=0))[folds.atom_of_time])


def row_words(run: "Run", other: "Run") -> str:
    """Say how the rows that another run could learn from differ from a run's; empty where they are the same.

    Parameters
    ----------
    other
        Of one operator, on the same data, with the same folds.

    Raises
    ------
    RunError
        Where they may differ, and the staged rows did not come with the run folder.

    Examples
    --------
    >>> _words(all_of=100, outside=12, left_out=0, missing=0)
    'It learnt from 12 % more rows, outside every partition.'
    >>> _words(all_of=100, outside=12, left_out=0, missing=70)
    'It learnt from a sample: 30 % of the rows of the partitions, and 12 % more, outside every partition.'
    """
    plan, there = _plan(run), _plan(other)
    if there.training_rows.sum() == plan.training_rows.sum() and has_equal_rows(run, other):
        return ""
    rows, folds = StagedRows(RunFolder(run.path).staged()), _folds(run, plan)
    mine, theirs = Claims.of_plan(plan), Claims.of_plan(there)
    may_train = ~(folds.test | folds.near_test)[folds.atom_of_time]
    both = outside = all_of = all_of_other = 0
    for cell, time in rows.pieces():
        some = may_train[time]
        cell, time = cell[some], time[some]
        own, other_own = mine.keeps(cell, time), theirs.keeps(cell, time)
        all_of, all_of_other = all_of + int(own.sum()), all_of_other + int(other_own.sum())
        both += int((own & other_own).sum())
        outside += int((other_own & ~(mine.cells[cell] & mine.times[time])).sum())
    return _words(all_of=all_of, outside=outside, left_out=all_of_other - both - outside, missing=all_of - both)


def _words(*, all_of: int, outside: int, left_out: int, missing: int) -> str:
    """Say it of counts of training rows.

    Parameters
    ----------
    all_of
        That the run's partitions learn from.
    outside, left_out
        That only the other learns from: in no partition, and in one whose sample leaves them out.
    missing
        That the other does not learn from.
    """
    more = [
        f"{_percent(n, all_of)} more{{}}, {where}"
        for n, where in ((outside, "outside every partition"), (left_out, "left out by the partitions' samples"))
        if n
    ]
    if not missing:
        return f"It learnt from {' and '.join(more).format(' rows', '')}." if more else ""
    words = [f"{_percent(all_of - missing, all_of)} of the rows of the partitions", *(one.format("") for one in more)]
    return f"It learnt from a sample: {', and '.join(words)}."


def _percent(n: int, of: int) -> str:
    share = 100 * n / max(of, 1)
    return "under 1 %" if 0 < share < 1 else f"{share:,.0f} %"


def _folds(run: "Run", plan: Plan) -> Folds:
    return make_folds(run.design.test, run.design.jackknife, plan.time)


def _plan(run: "Run") -> Plan:
    return Plan.load(RunFolder(run.path).plan)
