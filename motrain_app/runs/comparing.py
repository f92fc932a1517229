"""Two runs compared, row by row, on what members of both withheld: by how much the errors of one are lower.

Each row counts for both runs or for none, so that the interval is that of the paired difference: blocks of calendar
days are drawn with all their cells, for both runs the same. Test rows do not enter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators import Variable
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.judging import REPLICATES
from motrain_app.runs.withheld import Withheld, WithheldRows
from motrain_app.skill import Moments, bootstrap, moments, moments_by_group, rmse_change

if TYPE_CHECKING:
    import pandas as pd

    from motrain_app.runs.run import Run

Array = NDArray[np.float64]
ALL = "all partitions"
CHANGE_COLUMNS = ("partition", "output", "unit", "n", "rmse", "other_rmse", "change", "low", "high")


@dataclass(frozen=True, eq=False)
class Change:
    """How the RMSE of a run relates to that of another on the same rows; all arrays have one shape.

    Attributes
    ----------
    n
        Rows that both runs withheld.
    rmse, other_rmse
        Of the run and of the other, in the outputs' units; NaN without rows.
    value
        100 · (rmse / other_rmse − 1), in per cent: negative where the run is better. NaN without rows.
    low, high
        95 % interval of `value`; NaN with fewer than ten blocks of days.
    """

    n: NDArray[np.int64]
    rmse: Array
    other_rmse: Array
    value: Array
    low: Array
    high: Array


@dataclass(frozen=True, eq=False)
class RunComparison:
    """A run compared with another on their common out-of-fold rows.

    Attributes
    ----------
    run, other
        Names of the runs' folders.
    outputs
        That both have, in the order of the first run.
    partitions
        Of the first run: those with a common row.
    pooled
        Over all partitions, shape (n_outputs,).
    by_partition
        [n_partitions, n_outputs].
    """

    run: str
    other: str
    outputs: tuple[Variable, ...]
    partitions: tuple[str, ...]
    pooled: Change
    by_partition: Change

    @property
    def wins(self) -> NDArray[np.int64]:
        """Partitions in which the run's RMSE is the lower one, shape (n_outputs,)."""
        return np.asarray((self.by_partition.value < 0).sum(axis=0))

    def frame(self) -> "pd.DataFrame":
        """Return one line a partition and output, after those of all partitions together; see `CHANGE_COLUMNS`."""
        import pandas as pd

        names = [ALL, *self.partitions]
        columns: dict[str, NDArray[np.generic]] = {
            "partition": np.repeat(np.array(names, object), len(self.outputs)),
            "output": np.tile(np.array([output.name for output in self.outputs], object), len(names)),
            "unit": np.tile(np.array([output.unit for output in self.outputs], object), len(names)),
        }
        for column, field in zip(CHANGE_COLUMNS[3:], ("n", "rmse", "other_rmse", "value", "low", "high"), strict=True):
            parts = getattr(self.pooled, field)[None], getattr(self.by_partition, field)
            columns[column] = np.concatenate(parts).ravel()
        return pd.DataFrame(columns)


def compare_runs(run: "Run", other: "Run", *, progress: Callable[[float], None] = lambda share: None) -> RunComparison:
    """Compare the out-of-fold errors of two runs on the rows (cell and time) that members of both withheld.

    Partitions are read one block at a time, so that memory does not grow with their number.

    Parameters
    ----------
    run, other
        On the same data. They may differ in partitions, folds, learner, inputs and filters.
    progress
        Called with the share of the first run's partitions done, 0 to 1.

    Raises
    ------
    RunError
        Where their data, or what they read from them, differ, they share no output, or withheld no row in common.
    """
    first, second = Withheld(RunFolder(run.path)), Withheld(RunFolder(other.path))
    outputs = _common_outputs(run, other, first, second)
    judge = _Judge([output for output, _ in outputs], first.plan.time, run.design.seed)
    names: list[str] = []
    done = 0
    for block in first.blocks():
        theirs = _predictions(second, [rows for _, rows in block], [output for _, output in outputs])
        for (row, rows), predicted in zip(block, theirs, strict=True):
            if judge.add(rows, predicted, int(row.id, 16)):
                names.append(row.name)
        done += len(block)
        progress(done / len(first.rows))
    if not names:
        raise RunError(f"{run.path.name} and {other.path.name} withheld no row in common: there is nothing to compare.")
    variables = tuple(first.plan.outputs[output] for output, _ in outputs)
    return RunComparison(run.path.name, other.path.name, variables, tuple(names), judge.pooled(), judge.by_partition())


def _common_outputs(run: "Run", other: "Run", first: Withheld, second: Withheld) -> list[tuple[int, int]]:
    """Return the places of common outputs in both runs, or refuse what cannot be compared."""
    names = f"{run.path.name} and {other.path.name}"
    if RunFolder(run.path).info()["fingerprint"] != RunFolder(other.path).info()["fingerprint"]:
        raise RunError(f"{names} were trained on different data. Compare runs on the same files.")
    one, two = first.plan, second.plan
    axes = ((getattr(one, axis), getattr(two, axis)) for axis in ("lat", "lon", "time"))
    if not all(np.array_equal(mine, theirs) for mine, theirs in axes):
        raise RunError(f"{names} read their data in different ways: cells or times differ. Use the same remedies.")
    theirs = {output.name: number for number, output in enumerate(two.outputs)}
    common = [(number, theirs[output.name]) for number, output in enumerate(one.outputs) if output.name in theirs]
    if not common:
        raise RunError(
            f"{names} share no output: one predicts {_listed(one.outputs)}, the other {_listed(two.outputs)}."
        )
    for mine, other_one in ((one.outputs[a], two.outputs[b]) for a, b in common):
        if mine.unit != other_one.unit:
            raise RunError(f"{mine.name} is in {mine.unit!r} in one run and in {other_one.unit!r} in the other.")
    return common


def _listed(outputs: tuple[Variable, ...]) -> str:
    return ", ".join(output.name for output in outputs)


@dataclass(frozen=True)
class _Theirs:
    """What the other run says of rows: observed and predicted, [n_outputs, rows]; NaN where it withheld none."""

    observed: NDArray[np.float32]
    predicted: NDArray[np.float32]


def _predictions(second: Withheld, parts: list[WithheldRows], outputs: list[int]) -> list[_Theirs]:
    """Return what the other run says of the rows of each partition."""
    key = np.concatenate([part.key for part in parts])
    order = np.argsort(key, kind="stable")
    ascending = key[order]
    found = np.full((2, len(outputs), len(key)), np.nan, np.float32)
    for rows in second.of_cells(np.unique(key // len(second.plan.time))):
        mine, theirs = _matches(ascending, rows.key)
        for number, values in enumerate((rows.observed, rows.predicted)):
            found[number][:, order[mine]] = values[outputs][:, theirs]
    edges = np.cumsum([len(part.key) for part in parts])[:-1]
    return [_Theirs(*both) for both in zip(*(np.split(one, edges, axis=1) for one in found), strict=True)]


def _matches(one: NDArray[np.int64], other: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where two ascending lists of unique keys agree; the shorter is looked up in the longer."""
    if len(one) > len(other):
        theirs, mine = _matches(other, one)
        return mine, theirs
    at = np.minimum(np.searchsorted(other, one), max(len(other) - 1, 0))
    same = np.flatnonzero(other[at] == one) if len(other) else np.zeros(0, np.int64)
    return same, at[same]


class _Judge:
    """Takes in partitions and gives their changes, and that of all together."""

    def __init__(self, outputs: list[int], time: NDArray[np.datetime64], seed: int) -> None:
        self._outputs, self._n_times, self._seed = outputs, len(time), seed
        day = time.astype("datetime64[D]").astype(np.int64)
        self._day = day - day.min()
        self._about: Moments | None = None
        self._daily: Array | None = None
        self._changes: list[list[tuple[float, ...]]] = []

    def add(self, rows: WithheldRows, theirs: _Theirs, partition: int) -> bool:
        """Take in a partition; says False where it has no common row."""
        observed, predicted = rows.observed[self._outputs], rows.predicted[self._outputs]
        common = np.isfinite(observed) & np.isfinite(predicted) & np.isfinite(theirs.predicted)
        kept = np.flatnonzero(common.any(axis=0))
        if not len(kept):
            return False
        if not np.array_equal(observed[common], theirs.observed[common]):
            raise RunError("The runs see different observations in the same rows. Use the same remedies in both.")
        observed, predicted, others = (values[:, kept] for values in (observed, predicted, theirs.predicted))
        if self._about is None:
            self._about = moments(observed, predicted, baseline=others)
        day = self._day[rows.key[kept] % self._n_times]
        first, last = int(day.min()), int(day.max())
        daily = moments_by_group(observed, predicted, day - first, last - first + 1, baseline=others, about=self._about)
        if self._daily is None:
            self._daily = np.zeros((*daily.sums.shape[:2], int(self._day.max()) + 1))
        self._daily[..., first : last + 1] += daily.sums
        self._changes.append(_changes(daily, (self._seed, partition)))
        return True

    def pooled(self) -> Change:
        """Return the change over all partitions, shape (n_outputs,)."""
        assert self._about is not None
        assert self._daily is not None
        shift = np.broadcast_to(self._about.shift[..., None], (4, *self._daily.shape[1:]))
        return _stacked(_changes(Moments(self._daily, shift), (self._seed,)))

    def by_partition(self) -> Change:
        """Return the change of each, [n_partitions, n_outputs]."""
        return _stacked(self._changes)


def _changes(daily: Moments, key: tuple[int, ...]) -> list[tuple[float, ...]]:
    """Return n, both RMSE, change and its interval of each output from moments by output and day."""
    found = []
    for output in range(daily.shape[0]):
        mine = daily[output]
        filled = np.flatnonzero(mine.weight > 0)
        if not len(filled):
            found.append((0, *[np.nan] * 5))
            continue
        mine = mine[filled[0] : filled[-1] + 1]
        total = mine.merged()
        result = bootstrap(mine, [rmse_change], replicates=REPLICATES, rng=np.random.default_rng(key))
        percent = [100 * float(end[0]) for end in (result.value, result.low, result.high)]
        found.append((float(total.n), float(np.sqrt(total.mse)), float(np.sqrt(total.baseline_mse)), *percent))
    return found


def _stacked(changes: list[tuple[float, ...]] | list[list[tuple[float, ...]]]) -> Change:
    n, *others = np.moveaxis(np.array(changes, np.float64), -1, 0)
    return Change(n.astype(np.int64), *others)
