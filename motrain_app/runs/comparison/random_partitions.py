"""Random partitions of the same sizes: the control that tells what partitioning gains from what dividing alone does.

Dealing at random is trained and judged as the partitions are, by ridge from Gram matrices, beside ridge of one operator
for all. What is dealt are cells, within each period; where there is one region only, times, within each fold; and whole
folds, where no fold has times of two periods. So the number of groups, and the cells or times of each, stay the same.

Random partitions are not expected to gain exactly nothing:

* The price of dividing. A member that learns from n/G of the rows in place of n has G times the variance of
  estimation. With p coefficients and n_e independent training rows, the mean squared error out-of-fold grows by the
  factor 1 + (G - 1) p / n_e. As each draw pays it, the mean change of many draws is above zero, however small.
* What a group of few cells knows about them. Where the true operator differs between cells, or their states do and the
  learner bends too little, the best fit to N/G cells differs from that to all N, and rows of the same cells are held
  out. Of what one operator a cell would gain, G groups of random cells gain about the share (G - 1) / (N - 1). This is
  no artefact, but it says nothing for the partitions.

On the sample dataset (100 cells, five years, ridge; 100 draws of three groups) the second outweighs the first where
the truth has regimes: the RMSE of `backscatter` changes by -0.8 % on average and that of `slope` by -1.1 %, and 81 and
89 of 100 intervals lie below zero, while the regimes themselves bring -21 % and -53 %. Where its truth is the same
everywhere, only the price is left for `slope`, which is as linear as ridge: +0.12 % on average, no interval below
zero, 69 that hold it and 31 above. Backscatter bends more than ridge can, and the fit to fewer cells misses less of
that: -0.16 % on average, and 24 of 100 intervals still lie below zero. By quadratic ridge none does: +0.22 % on
average.

So "one operator for all" is too low a bar where places differ: partitions are to be held against their random
counterparts. If it does not matter which cells are put together, the run's partitions are one more draw: the chance
that they are better than the best of 39 is one in forty (Phipson & Smyth 2010). `Control.beyond` adds this to the
interval of the change.

References
----------
Phipson & Smyth (2010): Permutation p-values should never be zero. Stat. Appl. Genet. Mol. Biol. 9, 39,
doi:10.2202/1544-6115.1585.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds
from motrain_app.learning.ridge import RidgeOptions
from motrain_app.operators.features import FEATURE_MAPS
from motrain_app.runs.claims import Claims
from motrain_app.runs.comparison.crossing import predict_by_members
from motrain_app.runs.comparison.dealing import What, deal
from motrain_app.runs.comparison.dealt_ridge import fit_dealt
from motrain_app.runs.comparison.one_for_all import OneForAll
from motrain_app.runs.comparison.paired import PairedErrors, PairedRows, RowWeights
from motrain_app.runs.comparison.row_sums import PIECE
from motrain_app.runs.comparison.run_comparison import Change
from motrain_app.runs.comparison.withheld import Withheld
from motrain_app.skill import cell_areas

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
CONTROL_COLUMNS = ("draw", "output", "n", "rmse", "one_for_all", "change", "low", "high", "p")


@dataclass(frozen=True, slots=True, eq=False)
class Beyond:
    """What partitions change of the RMSE beyond random ones of the same sizes, shape (n_outputs,) each.

    Attributes
    ----------
    change, low, high
        100 · (RMSE / mean RMSE of random partitions − 1), in per cent, with an interval of at least 95 %; the ends are
        NaN with under 39 draws.
    """

    change: Array
    low: Array
    high: Array


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """Random partitions beside those of a run, all by the same ridge and against the same one operator for all.

    Attributes
    ----------
    learner
        "ridge" or "ridge2"; where the run has another one, this stands in for it.
    dealt
        What was dealt at random: "cells" (within each period), "times" (within each fold) or whole "folds".
    outputs
        Names.
    own
        The run's own partitions by this learner.
    draws
        One a draw.
    """

    learner: str
    dealt: What
    outputs: tuple[str, ...]
    own: Change
    draws: tuple[Change, ...]

    @property
    def paying(self) -> Array:
        """Share of draws that claim to pay, their interval being wholly below zero, shape (n_outputs,)."""
        return np.asarray(np.mean([draw.high < 0 for draw in self.draws], axis=0))

    @property
    def within(self) -> Array:
        """Share of draws whose interval holds zero, shape (n_outputs,)."""
        return np.asarray(np.mean([(draw.low <= 0) & (draw.high >= 0) for draw in self.draws], axis=0))

    @property
    def p(self) -> Array:
        """p-value that which ones are put together does not matter, one-sided, shape (n_outputs,): by rank.

        NaN where the partitions themselves have no change.
        """
        as_good = sum((draw.value <= self.own.value).astype(np.int64) for draw in self.draws)
        return np.where(np.isnan(self.own.value), np.nan, (1 + as_good) / (1 + len(self.draws)))

    def beyond(self) -> "Beyond":
        """Return what the partitions change beyond random ones of the same sizes.

        The interval is that of the change, moved by the outermost of those draws that lie between the 2.5th and the
        97.5th percentile: a claim is wrong at most once in forty times, were the partitions random themselves. Where
        an RMSE is infinite, or that of one operator for all is zero, nothing can be told.
        """
        told = np.array([not self._untold(output) for output in range(len(self.outputs))])

        def logs(changes: Array) -> Array:
            return np.log1p(np.where(told, changes, np.nan) / 100)

        own, draws = logs(np.array([self.own.value, self.own.low, self.own.high])), np.sort(logs(self._changes), axis=0)
        outer = int((len(draws) + 1) * 0.025)  # so many draws lie beyond each end
        ends = (draws[-outer], draws[outer - 1]) if outer else np.full((2, len(self.outputs)), np.nan)
        moved = (own[0] - draws.mean(axis=0), own[1] - ends[0], own[2] - ends[1])
        return Beyond(*(100 * np.expm1(values) for values in moved))

    @property
    def _changes(self) -> Array:
        """Of each draw, [draws, n_outputs]."""
        return np.array([draw.value for draw in self.draws])

    def _untold(self, output: int) -> str:
        """Say why nothing can be told of an output; empty where it can."""
        one_for_all, every = self.own.other_rmse[output], [change.rmse[output] for change in (self.own, *self.draws)]
        if np.isnan([one_for_all, *every]).any():
            return "there is no row"
        if np.isinf([one_for_all, *every]).any():
            return "an RMSE is infinite, as some predictions are"
        return "one operator for all has no error" if one_for_all == 0 else ""

    def beyond_words(self, output: int = 0) -> str:
        """Say what the partitions change beyond random ones, such as "−12.3 % [−15.0, −9.1]", or why none can tell."""
        if why := self._untold(output):
            return f"cannot be told, as {why}"
        beyond = self.beyond()
        change, low, high = (values[output] for values in (beyond.change, beyond.low, beyond.high))
        words = f"{change:+.1f} % [{low:+.1f}, {high:+.1f}]" if np.isfinite(low) else f"{change:+.1f} %"
        return words.replace("-", "−")

    def sentence(self, output: int = 0, *, named: bool = False) -> str:
        """Say how random partitions fare for one output, with or without its name."""
        of = f" for {self.outputs[output]}" if named else ""
        dealt = f"Control by {self.learner}{of}, {self.dealt} dealt at random {len(self.draws)} times"
        if self._untold(output):
            return f"{dealt}: what the partitions change beyond them {self.beyond_words(output)}."
        changes = self._changes[:, output]
        paying = round(len(self.draws) * float(self.paying[output]))
        numbers = [f"{number:+.2f}".replace("-", "−") for number in (changes.mean(), changes.min(), changes.max())]
        return (
            f"{dealt}: RMSE {numbers[0]} % on average ({numbers[1]} to {numbers[2]}), {paying} of {len(self.draws)} "
            f"claim to pay; the partitions beyond them {self.beyond_words(output)}."
        )

    def frame(self) -> "pd.DataFrame":
        """Return one line a draw and output, after those of the partitions themselves, which are draw −1."""
        import pandas as pd

        changes = (self.own, *self.draws)
        columns: dict[str, NDArray[np.generic]] = {
            "draw": np.repeat(np.arange(-1, len(self.draws)), len(self.outputs)),
            "output": np.tile(np.array(self.outputs, object), len(changes)),
        }
        fields = ("n", "rmse", "other_rmse", "value", "low", "high", "p")
        for column, field in zip(CONTROL_COLUMNS[2:], fields, strict=True):
            columns[column] = np.concatenate([getattr(change, field) for change in changes])
        return pd.DataFrame(columns)


def judge_random_partitions(
    one: OneForAll, options: RidgeOptions, withheld: Withheld, folds: Folds, *, draws: int, seed: int
) -> Control:
    """Train and judge random partitions, and a run's own, by ridge against one operator for all.

    Rows are read in pieces, twice, unless there are very many partitions. Only those count that the run's partitions
    could learn from, for its own, for random ones and for the one operator alike.

    Parameters
    ----------
    one
        By the same ridge.
    withheld, folds
        Of the run.
    draws
        Number of random partitions.
    seed
        Of the design: the same draws result each time.

    Raises
    ------
    RunError
        Where each partition holds one cell or time only, so that dealing changes nothing.
    """
    staged, plan = one.staged, withheld.plan
    what, dealt = deal(plan, folds, staged.cells_with_rows, draws=draws, seed=seed)
    claims = Claims.of_plan(plan)
    ways = (claims, *dealt)
    coefficients = fit_dealt(
        staged, ways, folds, options, claims=claims, by_time=what != "cells", n_partitions=plan.n_partitions
    )
    judges = [PairedErrors(plan.time, seed, plan.output_offset) for _ in ways]
    area = cell_areas(plan.lat, plan.lon).weight
    finished = np.zeros(plan.n_partitions, bool)
    finished[[row.number for row in withheld.rows]] = True
    predict = predict_by_members(one.members, len(plan.outputs))
    fold_of_time = folds.fold_of_atom[folds.atom_of_time].astype(np.int16)
    for first, last in staged.chunks(PIECE):
        rows = staged.read(np.arange(first, last))
        rows = rows.take(np.flatnonzero(claims.keeps(rows.cell, rows.time) & (fold_of_time[rows.time] >= 0)))
        rows = rows.take(np.flatnonzero(finished[claims.number(rows.cell, rows.time)]))
        if not len(rows.cell):
            continue
        fold, inputs = fold_of_time[rows.time], rows.inputs.astype(np.float64)
        theirs = predict(inputs + staged.input_offset[:, None], fold) - staged.output_offset[:, None]
        cells, place = np.unique(rows.cell, return_inverse=True)
        features = np.vstack([np.ones(len(fold)), FEATURE_MAPS[options.features].values(inputs)])
        for way, of_way, judge in zip(ways, coefficients, judges, strict=True):
            mine = np.einsum("rof,fr->or", of_way[way.number(rows.cell, rows.time), fold], features)
            if way is claims:  # what the run's own cannot predict counts for none
                theirs = np.where(np.isnan(mine), np.nan, theirs)
            paired = PairedRows(rows.outputs, mine, theirs, rows.time)
            weights = RowWeights(area[cells], len(plan.outputs))  # a piece has all rows of its cells
            weights.count(place, paired.known)
            judge.add(paired, weights.of(place))
    own, *random = (judge.change() for judge in judges)
    return Control(one.learner, what, tuple(output.name for output in plan.outputs), own, tuple(random))
