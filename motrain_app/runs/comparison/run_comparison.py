"""What comes of comparing two runs: the changes of the RMSE, in a table and in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motrain_app.operators import Variable
from motrain_app.skill import MIN_BLOCKS

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
ALL = "all partitions"
LEVEL = 0.05  # share of false discoveries among the partitions that are told to differ
CHANGE_COLUMNS = (
    "partition",
    "output",
    "unit",
    "n",
    "rmse",
    "other_rmse",
    "change",
    "low",
    "high",
    "p",
    "significant",
)


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
        100 · (rmse / other_rmse − 1), in per cent: negative where the run is better. NaN without rows, and where the
        other RMSE is zero or both are infinite; −100 where the other alone is infinite.
    low, high
        95 % interval of `value`; NaN with fewer than ten blocks of days, beside an infinite RMSE, or where the other
        RMSE is zero in over a tenth of the draws of blocks.
    p
        Of no difference in mean squared error; NaN where there is no interval.
    significant
        bool; of partitions those that differ, with 5 % of false discoveries among them (Benjamini and Hochberg 1995),
        each output by itself. False without an interval.
    blocks
        How many blocks of days the rows are worth; 0 without rows, and beside an infinite RMSE.
    """

    n: NDArray[np.int64]
    rmse: Array
    other_rmse: Array
    value: Array
    low: Array
    high: Array
    p: Array
    significant: NDArray[np.bool_]
    blocks: Array


@dataclass(frozen=True, eq=False, repr=False)
class RunComparison:
    """A run compared with another on their common out-of-fold rows; it shows itself in words.

    Attributes
    ----------
    run, other
        Names of the runs' folders.
    outputs
        That both have, in the order of the first run.
    partitions
        Of the first run: those with a common row.
    pooled
        Over all partitions, each cell by its area, shape (n_outputs,).
    by_partition
        [n_partitions, n_outputs].
    differences
        In what the run's design differs from the other's, in words: other → run.
    partial
        How much of the runs is finished, in sentences; empty where that is all.
    weights
        In words: what cells count in `pooled`.
    notes
        What to know beside the numbers: that a run is partial, or that their files differ.
    """

    run: str
    other: str
    outputs: tuple[Variable, ...]
    partitions: tuple[str, ...]
    pooled: Change
    by_partition: Change
    differences: tuple[str, ...]
    partial: str
    weights: str
    notes: tuple[str, ...]

    @property
    def wins(self) -> NDArray[np.int64]:
        """Partitions in which the run's RMSE is the lower one, shape (n_outputs,)."""
        return np.asarray((self.by_partition.value < 0).sum(axis=0))

    @property
    def significant_wins(self) -> NDArray[np.int64]:
        """Partitions in which it is significantly lower, shape (n_outputs,)."""
        return np.asarray((self.by_partition.significant & (self.by_partition.value < 0)).sum(axis=0))

    @property
    def significant_losses(self) -> NDArray[np.int64]:
        """Partitions in which it is significantly higher, shape (n_outputs,)."""
        return np.asarray((self.by_partition.significant & (self.by_partition.value > 0)).sum(axis=0))

    def frame(self) -> "pd.DataFrame":
        """Return one line a partition and output, after those of all partitions together.

        Returns
        -------
        pandas.DataFrame
            Columns partition ("all partitions", then each), output, unit, n, rmse, other_rmse (in the output's unit),
            change of the RMSE in per cent, negative where the run is better, with its paired 95 % interval low, high;
            p, and significant: see `Change`. All partitions together count each cell by its area. Attributes: rows,
            partial, weights and notes.
        """
        frame = change_frame(self.partitions, self.outputs, self.pooled, self.by_partition, CHANGE_COLUMNS)
        frame.attrs |= {"partial": self.partial, "weights": self.weights, "notes": self.notes}
        return frame

    def sentence(self) -> str:
        """Say of each output how the RMSE changes, and in how many partitions it is lower."""
        return " ".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        wins, gains, losses = (each.tolist() for each in (self.wins, self.significant_wins, self.significant_losses))
        common = (self.by_partition.n > 0).sum(axis=0).tolist()
        for number, output in enumerate(self.outputs):
            if self.pooled.n[number] == 0:
                yield f"{output.name}: no common row."
                continue
            ends = (float(of[number]) for of in (self.pooled.value, self.pooled.low, self.pooled.high))
            rmse, other_rmse = (float(of[number]) for of in (self.pooled.rmse, self.pooled.other_rmse))
            blocks = float(self.pooled.blocks[number])
            change = change_words(*ends, rmse=rmse, other_rmse=other_rmse, blocks=blocks)
            where = (
                f"; lower in {wins[number]:,} of {common[number]:,} partitions, significantly lower in "
                f"{gains[number]:,} and higher in {losses[number]:,}"
            )
            several = len(self.partitions) > 1
            yield f"{output.name}: {change} on {self.pooled.n[number]:,} rows{where if several else ''}."

    def _lines(self) -> Iterator[str]:
        yield f"{self.run} beside {self.other}, on rows that members of both withheld; negative where it is better:"
        yield from self._sentences()
        yield from self.notes
        designs = "; ".join(self.differences) or "the same"
        yield f"Designs, {self.other} → {self.run}: {designs}."

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        words = "<br>".join(map(escape, self._lines()))
        return f"<p>{words}</p>{self.frame().to_html(max_rows=20, index=False)}"


def change_frame(
    partitions: Sequence[str], outputs: Sequence[Variable], pooled: Change, by_partition: Change, columns: Sequence[str]
) -> "pd.DataFrame":
    """Return one line a partition and output, after those of all partitions together.

    Parameters
    ----------
    pooled, by_partition
        Of shape (n_outputs,) and [n_partitions, n_outputs].
    columns
        Names in the order of `CHANGE_COLUMNS`.
    """
    import pandas as pd

    names = [ALL, *partitions]
    named: list[NDArray[np.generic]] = [
        np.repeat(np.array(names, object), len(outputs)),
        np.tile(np.array([output.name for output in outputs], object), len(names)),
        np.tile(np.array([output.unit for output in outputs], object), len(names)),
    ]
    fields = ("n", "rmse", "other_rmse", "value", "low", "high", "p", "significant")
    numbers = [np.concatenate([getattr(pooled, field)[None], getattr(by_partition, field)]).ravel() for field in fields]
    frame = pd.DataFrame(dict(zip(columns, [*named, *numbers], strict=True)))
    frame.attrs["rows"] = "out-of-fold"
    return frame


def change_words(change: float, low: float, high: float, *, rmse: float, other_rmse: float, blocks: float) -> str:
    """Say a change of the RMSE in per cent, with its interval, or why there is none.

    Parameters
    ----------
    change, low, high, rmse, other_rmse, blocks
        As in `Change`.

    Examples
    --------
    >>> change_words(-12.34, -15.0, -9.06, rmse=0.8766, other_rmse=1.0, blocks=40)
    'RMSE −12.3 % [−15.0, −9.1]'
    >>> nan, inf = float("nan"), float("inf")
    >>> change_words(3.0, nan, nan, rmse=1.03, other_rmse=1.0, blocks=9)
    'RMSE +3.0 % (no interval: by how long errors last the days are worth fewer than ten blocks)'
    >>> change_words(3.0, nan, nan, rmse=1.03, other_rmse=1.0, blocks=40)
    'RMSE +3.0 % (no interval, as the other one is zero in over a tenth of the draws of days)'
    >>> change_words(inf, nan, nan, rmse=inf, other_rmse=1.0, blocks=0)
    'RMSE infinite (some predictions are)'
    >>> change_words(-100.0, nan, nan, rmse=1.0, other_rmse=inf, blocks=0)
    'no change of the RMSE can be told (the other one is infinite, as some predictions are)'
    >>> change_words(nan, nan, nan, rmse=1.0, other_rmse=0.0, blocks=40)
    'no change of the RMSE can be told (the other one is zero)'
    """
    if why := _why_none(rmse, other_rmse):
        return f"no change of the RMSE can be told ({why})"
    if rmse == float("inf"):
        return "RMSE infinite (some predictions are)"
    interval = f"[{_signed(low)}, {_signed(high)}]" if low == low else f"({_why_no_interval(blocks)})"
    return f"RMSE {_signed(change)} % {interval}"


def _why_no_interval(blocks: float) -> str:
    """Say why a change has no interval, where both RMSE are numbers: draws in which the other one is zero have none."""
    if blocks < MIN_BLOCKS:
        return "no interval: by how long errors last the days are worth fewer than ten blocks"  # be they few or many
    return "no interval, as the other one is zero in over a tenth of the draws of days"


def _why_none(rmse: float, other_rmse: float) -> str:
    """Say why two RMSE have no ratio that means anything; empty where they have one."""
    if other_rmse == float("inf"):
        return f"{'both are' if rmse == other_rmse else 'the other one is'} infinite, as some predictions are"
    if other_rmse == 0:
        return "both are zero" if rmse == 0 else "the other one is zero"
    return ""


def _signed(percent: float) -> str:
    return f"{percent:+.1f}".replace("-", "−")
