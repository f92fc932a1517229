"""Paired errors of two predictions of the same rows: summed by day as rows come in, judged by blocks of days."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motrain_app.runs.comparison.run_comparison import LEVEL, Change
from motrain_app.runs.judging import REPLICATES
from motrain_app.skill import (
    Moments,
    bootstrap,
    discoveries,
    moments,
    moments_by_group,
    mse_difference,
    rmse_change,
)

Array = NDArray[np.float64]


class PairedErrors:
    """Takes in rows of both predictions, partition after partition or chunk after chunk.

    Parameters
    ----------
    time
        datetime64, shape (n_time,).
    seed
        Of the design: whatever is judged with it is judged on the same draws, as the scores of a run are.
    """

    def __init__(self, time: NDArray[np.datetime64], seed: int) -> None:
        day = time.astype("datetime64[D]").astype(np.int64)
        self._day, self._seed = day - day.min(), seed
        self._about: Moments | None = None
        self._daily: Array | None = None

    def add(
        self,
        observed: NDArray[np.floating],
        one: NDArray[np.floating],
        other: NDArray[np.floating],
        time: NDArray[np.integer],
    ) -> Moments:
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
        if self._daily is None:
            self._daily = np.zeros((*daily.sums.shape[:2], int(self._day.max()) + 1))
        self._daily[..., first : last + 1] += daily.sums
        return daily

    def change(self, daily: Moments | None = None) -> Change:
        """Return the change of some rows, shape (n_outputs,), by the moments that `add` gave for them; None: of all."""
        if daily is None:
            assert self._about is not None
            assert self._daily is not None
            shift = np.broadcast_to(self._about.shift[..., None], (4, *self._daily.shape[1:]))
            daily = Moments(self._daily, shift)
        found = np.array([_change(daily[output], self._seed) for output in range(daily.shape[0])]).T
        n, rmse, other_rmse, value, low, high, p = found
        return Change(n.astype(np.int64), rmse, other_rmse, value, low, high, p, p <= LEVEL)


def stack_changes(changes: Sequence[Change]) -> Change:
    """Return the changes of several partitions as one, [n_partitions, n_outputs]; significant among them all."""
    fields = ("n", "rmse", "other_rmse", "value", "low", "high", "p")
    stacked = {field: np.stack([getattr(change, field) for change in changes]) for field in fields}
    return Change(**stacked, significant=discoveries(stacked["p"], level=LEVEL))


def _change(daily: Moments, seed: int) -> tuple[float, ...]:
    """Return n, both RMSE, change, its interval and p of one output from moments by day."""
    filled = np.flatnonzero(daily.weight > 0)
    if not len(filled):
        return (0.0, *[np.nan] * 6)
    daily = daily[filled[0] : filled[-1] + 1]
    total = daily.merged()
    result = bootstrap(daily, [rmse_change, mse_difference], replicates=REPLICATES, rng=seed)
    percent = [100 * float(end[0]) for end in (result.value, result.low, result.high)]
    rmse = (float(np.sqrt(mse)) for mse in (total.mse, total.baseline_mse))
    return (float(total.n), *rmse, *percent, float(result.p[1]))
