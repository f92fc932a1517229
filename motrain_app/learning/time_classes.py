"""Classes of time steps that neither a fold nor a period divides: the finest sums that any partition needs."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds, Labels


@dataclass(frozen=True, eq=False)
class TimeClasses:
    """Atoms of folds (embargo margins are atoms of their own), divided by periods.

    Attributes
    ----------
    folds
        Which member may see which atom.
    of_time
        int32, shape (n_time,): the class of each time step; −1 where no member learns from it or is judged on it (test
        rows, and those near them), or no period claims it.
    atom, period
        int32, shape (n_classes,).
    n_periods
        Number of periods.
    """

    folds: Folds
    of_time: NDArray[np.int32]
    atom: NDArray[np.int32]
    period: NDArray[np.int32]
    n_periods: int

    @classmethod
    def of(cls, folds: Folds, periods: Labels | None = None) -> "TimeClasses":
        """Return the classes of a design.

        Parameters
        ----------
        periods
            Labels of time steps, as `Partitions.times`; None: one period with all times.

        Examples
        --------
        >>> from motrain_app.design import LeaveYearsOut, Split
        >>> from motrain_app.design.splits import make_folds
        >>> time = np.arange("2010-01-01", "2014-01-01", dtype="datetime64[D]")
        >>> classes = TimeClasses.of(make_folds(Split("2013-01-01"), LeaveYearsOut(), time))
        >>> len(classes), np.bincount(classes.of_time + 1)  # the first is the test
        (3, array([365, 366, 365, 365]))
        """
        atom = folds.atom_of_time.astype(np.int64)
        period = np.zeros(len(atom), np.int64) if periods is None else periods.label.astype(np.int64)
        n_periods = 1 if periods is None else len(periods)
        seen = (folds.train | folds.held_out).any(axis=0) & ~folds.test
        counts = seen[atom] & (period >= 0)
        code, of_counted = np.unique((atom * n_periods + period)[counts], return_inverse=True)
        of_time = np.full(len(atom), -1, np.int32)
        of_time[counts] = of_counted
        return cls(folds, of_time, (code // n_periods).astype(np.int32), (code % n_periods).astype(np.int32), n_periods)

    def __len__(self) -> int:
        return len(self.atom)

    def of_period(self, period: int) -> NDArray[np.int64]:
        """Return the numbers of the classes of a period."""
        return np.flatnonzero(self.period == period)

    @cached_property
    def train(self) -> NDArray[np.float64]:
        """0 or 1, [n_members, n_classes]: what each member may learn from."""
        return self.folds.train[:, self.atom].astype(np.float64)

    @cached_property
    def held_out(self) -> NDArray[np.float64]:
        """0 or 1, [n_members, n_classes]: what each member is judged on."""
        return self.folds.held_out[:, self.atom].astype(np.float64)
