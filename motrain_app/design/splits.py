"""What is held out: the folds of a record, and the embargo around them and around the test.

`make_folds` turns the intervals that splitters give into *atoms*: classes of time steps that every fold treats alike.
A row knows its atom; all else is a small boolean matrix, fold × atom. So no fold ever needs a list of rows, and sums
over a fold's training rows are sums over atoms.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.errors import DesignError
from motrain_app.design.intervals import Intervals, as_intervals
from motrain_app.design.periods import Times
from motrain_app.design.splitters import Holdout, Jackknife, Mask, Split

Numbers = int | NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Folds:
    """Which rows each member may see, holdout × atom.

    Without a jackknife there is one member; it leaves nothing out, and the last fifth of the training time validates:
    of the record, or of a partition that asks for its own (`atoms_of_partition`).

    Attributes
    ----------
    holdouts
        The folds, or the one validation interval where there is no jackknife. They end where the test, or its
        embargo, begins.
    atom_of_time
        int32, shape (n_time,): the atom of each time step.
    held, near
        bool, shape (n_holdouts, n_atoms): rows in the holdout; rows within its embargo.
    test, near_test
        bool, shape (n_atoms,): test rows; rows within the embargo of the test.
    jackknife
        False where nothing is left out.
    """

    holdouts: tuple[Holdout, ...]
    atom_of_time: NDArray[np.int32]
    held: Mask
    near: Mask
    test: Mask
    near_test: Mask
    jackknife: bool = True

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.test)

    @property
    def n_members(self) -> int:
        """Number of members an operator has at most."""
        return len(self.holdouts) if self.jackknife else 1

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The members' names: of the fold each leaves out."""
        return tuple(holdout.name for holdout in self.holdouts) if self.jackknife else ("all",)

    @cached_property
    def open(self) -> Mask:
        """bool, shape (n_holdouts, n_atoms): rows that may train when this holdout is withheld."""
        return np.asarray(~(self.held | self.near | self.test | self.near_test))

    @cached_property
    def train(self) -> Mask:
        """bool, shape (n_members, n_atoms): what a member may learn from, validation rows included."""
        return self.open if self.jackknife else ~(self.test | self.near_test)[None]

    @cached_property
    def held_out(self) -> Mask:
        """bool, shape (n_members, n_atoms): the rows on which a member is judged out-of-fold."""
        return self.held if self.jackknife else np.zeros((1, self.n_atoms), bool)

    @cached_property
    def fold_of_atom(self) -> NDArray[np.int32]:
        """int32, shape (n_atoms,): the member that withheld the atom's rows; -1 where none did."""
        return np.where(self.held_out.any(axis=0), self.held_out.argmax(axis=0), -1).astype(np.int32)

    def atoms_of_partition(self, time: NDArray[np.integer]) -> NDArray[np.int32]:
        """Return the atom of each row of a partition, shape (rows,).

        Without a jackknife the last fifth of its own training times validates: a partition may end long before the
        record does, and would have no row to be judged on.

        Parameters
        ----------
        time
            Number of the time step of each row, shape (rows,).
        """
        atom: NDArray[np.int32] = self.atom_of_time[time]
        if self.jackknife:
            return atom
        training = self.train[0][atom]
        if not training.any() or not self.open[0].any():
            return atom
        times = np.unique(time[training])
        validates = time >= times[-max(1, len(times) // 5)]
        own = np.where(validates, self.held[0].argmax(), self.open[0].argmax())
        return np.where(training, own, atom).astype(np.int32)

    def without(self, members: NDArray[np.integer]) -> Intervals | None:
        """Return the intervals of the folds that none of these members left out; None where each has one."""
        absent = set(range(self.n_members if self.jackknife else 0)) - set(members.tolist())
        intervals = [self.holdouts[number].intervals for number in absent]
        return as_intervals(np.sort(np.concatenate(intervals), axis=0)) if intervals else None

    def validators(self, member: int) -> NDArray[np.int64]:
        """Return the holdouts that may validate a member's choices: the others, the next first (cyclic)."""
        if not self.jackknife:
            return np.zeros(1, np.int64)
        n = len(self.holdouts)
        return np.asarray((member + 1 + np.arange(n - 1)) % n)

    def validation(self, member: Numbers, holdout: Numbers) -> Mask:
        """bool, shape (n_atoms,): training rows of a member on which a choice may be judged; or of several members."""
        return np.asarray(self.held[holdout] & self.train[member])

    def fit(self, member: Numbers, holdout: Numbers) -> Mask:
        """bool, shape (n_atoms,): training rows of a member outside a validating holdout and its embargo; likewise."""
        return np.asarray(self.train[member] & self.open[holdout])


def make_folds(test: Split | None, jackknife: Jackknife | None, time: Times) -> Folds:
    """Return the folds of a record.

    Parameters
    ----------
    test, jackknife
        None where nothing is held out.
    time
        datetime64, shape (n_time,), sorted.

    Raises
    ------
    DesignError
        Where no training time is left, the jackknife has fewer than three folds (one is withheld, one
        validates, and at least one must be left to learn from), or its embargo leaves a member nothing to
        learn from.
    """
    time = time.astype("datetime64[us]")
    is_test, near_test = _test_times(test, time)
    training = time[~is_test & ~near_test]
    if not len(training):
        raise DesignError(_no_training(test, time))
    if jackknife is not None:
        holdouts, embargo = jackknife.holdouts(training), _days(jackknife.embargo)
        if len(holdouts) < 3:
            raise DesignError(_too_few(holdouts, training))
    else:
        start = training[-max(1, len(training) // 5)]
        last_fifth = as_intervals([[start, training[-1] + np.timedelta64(1, "us")]])
        holdouts, embargo = [Holdout("last fifth", last_fifth)], _days(0)
    folds = _by_atom(_before_test(holdouts, test), embargo, test, time, jackknife=jackknife is not None)
    if jackknife is not None:
        _check_members(folds, jackknife.embargo)
    return folds


def _days(number: float) -> np.timedelta64:
    return np.timedelta64(round(number * 86_400_000_000), "us")


def _test_times(test: Split | None, time: Times) -> tuple[Mask, Mask]:
    if test is None:
        return np.zeros(len(time), bool), np.zeros(len(time), bool)
    is_test = test.holdout().contains(time)
    if len(time) and not is_test.any():
        raise DesignError(
            f"The test date {test.date} lies after the last time ({str(time[-1])[:10]}): there is no test "
            "row. Choose an earlier date, or test=None."
        )
    return is_test, test.holdout().contains(time, _days(test.embargo)) & ~is_test


def _before_test(holdouts: list[Holdout], test: Split | None) -> tuple[Holdout, ...]:
    """End holdouts where the test or its embargo begins: no member withheld what all of them withhold."""
    if test is None:
        return tuple(holdouts)
    latest = test.holdout().start - _days(test.embargo)
    return tuple(holdout.before(latest) for holdout in holdouts)


def _by_atom(
    holdouts: tuple[Holdout, ...],
    embargo: np.timedelta64,
    test: Split | None,
    time: Times,
    *,
    jackknife: bool,
) -> Folds:
    """Divide time at every edge of an interval, and unite the pieces that no fold tells apart."""
    edges = np.concatenate([holdout.intervals.reshape(-1) for holdout in holdouts])
    edges = np.concatenate([edges, edges - embargo, edges + embargo])
    if test is not None:
        edges = np.append(edges, [test.holdout().start, test.holdout().start - _days(test.embargo)])
    piece_of_time = np.searchsorted(np.unique(edges), time, side="right")
    _, first, piece_of_time = np.unique(piece_of_time, return_index=True, return_inverse=True)
    some = time[first]  # one time of each piece
    is_test, near_test = _test_times(test, some)
    held = np.stack([holdout.contains(some) for holdout in holdouts])
    near = np.stack([holdout.contains(some, embargo) for holdout in holdouts]) & ~held & ~is_test
    classes, atom = np.unique(np.vstack([held, near, is_test, near_test]), axis=1, return_inverse=True)
    n = len(holdouts)
    return Folds(
        holdouts=holdouts,
        atom_of_time=atom.reshape(-1)[piece_of_time.reshape(-1)].astype(np.int32),
        held=classes[:n],
        near=classes[n : 2 * n],
        test=classes[-2],
        near_test=classes[-1],
        jackknife=jackknife,
    )


def _check_members(folds: Folds, embargo: float) -> None:
    """Refuse folds without rows to learn from once another fold validates."""
    train, open_, held = (mask.astype(np.float32) for mask in (folds.train, folds.open, folds.held))
    usable = (train @ open_.T > 0) & (train @ held.T > 0)  # never by its own fold
    without = [folds.names[member] for member in np.flatnonzero(~usable.any(axis=1))]
    if without:
        folds_named = ", ".join(without[:5]) + (" and others" if len(without) > 5 else "")
        raise DesignError(
            f"The embargo of {embargo:g} days leaves nothing to learn from, or nothing to validate on, when "
            f"{folds_named} is held out. Make it shorter."
        )


def _no_training(test: Split | None, time: Times) -> str:
    if test is None or not len(time):
        return "The dataset has no time. Check it with `motrain check`."
    if test.embargo:
        return (
            f"No training time is left before the test date {test.date} and its embargo of {test.embargo:g} "
            f"days; the record begins on {str(time[0])[:10]}. Choose a later date or a shorter embargo."
        )
    return (
        f"No training time is left: the record begins on {str(time[0])[:10]}, not before the test date "
        f"{test.date}. Choose a later date."
    )


def _too_few(holdouts: list[Holdout], training: Times) -> str:
    names = ", ".join(holdout.name for holdout in holdouts)
    plural = "s" if len(holdouts) != 1 else ""
    return (
        f"The jackknife has only {len(holdouts)} fold{plural} ({names}) between {str(training[0])[:10]} and "
        f"{str(training[-1])[:10]}. It needs three: one held out, one to validate, one to learn from. "
        "Move the test date, use LeaveBlocksOut(days=90), or jackknife=None."
    )
