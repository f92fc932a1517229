"""Paired errors of two predictions of the same rows: summed by day as rows come in, judged by blocks of days."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from motrain_app.runs.judging import REPLICATES
from motrain_app.skill import Moments, bootstrap, moments, moments_by_group, rmse_change
from motrain_app.skill.bootstrap import Intervals

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PairedChange:
    """How the RMSE of one prediction relates to that of another on the same rows; shape (n_outputs,) each.

    Attributes
    ----------
    n
        Rows that both predict.
    rmse, other_rmse
        Of the two, in the outputs' units; NaN without rows.
    change, low, high
        100 · (rmse / other_rmse − 1), in per cent, with its 95 % interval; NaN with fewer than ten blocks of days.
    p
        p-value of no change, two-sided; NaN without an interval.
    """

    n: NDArray[np.int64]
    rmse: Array
    other_rmse: Array
    change: Array
    low: Array
    high: Array
    p: Array


def stack_changes(changes: Sequence[PairedChange]) -> PairedChange:
    """Return several changes as one, its arrays [n_changes, n_outputs]."""
    names = [field.name for field in fields(PairedChange)]
    return PairedChange(*(np.stack([getattr(change, name) for change in changes]) for name in names))


class PairedErrors:
    """Takes in rows of both predictions, partition after partition or chunk after chunk.

    Parameters
    ----------
    time
        datetime64, shape (n_time,).
    n_outputs
        Of the rows.
    seed
        Of the design: all that is judged with it is judged on the same draws.
    """

    def __init__(self, time: NDArray[np.datetime64], n_outputs: int, seed: int) -> None:
        day = time.astype("datetime64[D]").astype(np.int64)
        self._day, self._seed = day - day.min(), seed
        self._about: Moments | None = None
        self._daily = np.zeros((13, n_outputs, int(self._day.max()) + 1))

    def add(self, observed: NDArray[np.floating], one: Array, other: Array, time: NDArray[np.integer]) -> Moments:
        """Take in rows and return their moments by output and day, from their first day to their last.

        Parameters
        ----------
        observed, one, other
            [n_outputs, rows]; a NaN in any of them leaves the row out for that output. There must be a row.
        time
            Index into the time axis, shape (rows,).
        """
        if self._about is None:
            self._about = moments(observed, one, baseline=other)
        day = self._day[time]
        first, last = int(day.min()), int(day.max())
        daily = moments_by_group(observed, one, day - first, last - first + 1, baseline=other, about=self._about)
        self._daily[..., first : last + 1] += daily.sums
        return daily

    def change(self, daily: Moments | None = None) -> PairedChange:
        """Return the change of some rows, by the moments that `add` gave for them; None: of all."""
        if daily is None:
            about = np.zeros((4, self._daily.shape[1])) if self._about is None else self._about.shift
            daily = Moments(self._daily, np.broadcast_to(about[..., None], (4, *self._daily.shape[1:])))
        found = [_change(daily[output], self._seed) for output in range(daily.shape[0])]
        n, *others = np.array(found, np.float64).T
        return PairedChange(n.astype(np.int64), *others)


def _change(daily: Moments, seed: int) -> tuple[float, ...]:
    filled = np.flatnonzero(daily.weight > 0)
    if not len(filled):
        return (0, *[np.nan] * 6)
    daily = daily[filled[0] : filled[-1] + 1]
    total = daily.merged()
    result = bootstrap(daily, [rmse_change], replicates=REPLICATES, rng=np.random.default_rng(seed))
    percent = [100 * float(end[0]) for end in (result.value, result.low, result.high)]
    return (float(total.n), float(np.sqrt(total.mse)), float(np.sqrt(total.baseline_mse)), *percent, _p_value(result))


def _p_value(result: Intervals) -> float:
    """Return the p-value of zero that goes with a 95 % interval: Student's t with as many degrees of freedom.

    The interval was widened for few blocks and for what blocks miss, and so is the spread that is read off it.
    """
    spread = float(result.high[0] - result.low[0]) / (2 * stdtrit(result.blocks - 1, 0.975)) if result.blocks > 1 else 0
    if not spread > 0:
        return np.nan
    return float(2 * stdtr(result.blocks - 1, -abs(float(result.value[0])) / spread))
