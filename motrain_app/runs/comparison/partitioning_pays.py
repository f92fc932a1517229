"""Whether partitioning pays, measured: a run's partitions against one operator for all, on every row it withheld."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from motrain_app.design import Folds
from motrain_app.learning import resolve_learner
from motrain_app.operators import Variable
from motrain_app.runs.comparison.crossing import predict_by_members, predict_withheld
from motrain_app.runs.comparison.one_for_all import OneForAll, Train, fit_for_all, folds_of, one_for_all, ridge_like
from motrain_app.runs.comparison.paired import PairedErrors, PairedPartition, PairedRows, RowWeights, judge_partitions
from motrain_app.runs.comparison.paying import MAX_ROWS, Payoff, Verdict, payoffs_of
from motrain_app.runs.comparison.random_partitions import Control, judge_random_partitions
from motrain_app.runs.comparison.run_comparison import Change, change_frame
from motrain_app.runs.comparison.withheld import Withheld
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.given import is_whole
from motrain_app.runs.staged_rows import StagedRows
from motrain_app.skill import cell_areas

if TYPE_CHECKING:
    import pandas as pd

    from motrain_app.runs.run import Run

PAYS_COLUMNS = ("partition", "output", "unit", "n", "rmse", "one_for_all", "change", "low", "high", "p", "significant")
DRAWS = 39  # the fewest with which one in forty can be told
FITS_AT_MOST = 20_000  # in all draws together: about a minute


@dataclass(frozen=True, slots=True, eq=False)
class PartitioningPays:
    """What partitioning gains over one operator for all; paired, on rows that neither had seen.

    Attributes
    ----------
    outputs
        With units.
    partitions
        Names of those that are finished and withheld a row that both predict.
    pooled
        Change over all partitions, each cell by its area, shape (n_outputs,).
    by_partition
        Change of each, [n_partitions, n_outputs].
    one_for_all
        What they were held against.
    control
        Random partitions of the same sizes; None where they were left out.
    partial
        How much of the run is finished, in a sentence; empty where that is all.
    weights
        In words: what cells count in `pooled`.
    notes
        What else has to be known: that the run is partial, why no random partitions were tried.
    """

    outputs: tuple[Variable, ...]
    partitions: tuple[str, ...]
    pooled: Change
    by_partition: Change
    one_for_all: OneForAll
    control: Control | None
    partial: str
    weights: str
    notes: tuple[str, ...]

    @property
    def payoffs(self) -> tuple[Payoff, ...]:
        """The change over all partitions in words, one an output."""
        return payoffs_of(self.outputs, self.pooled, self.by_partition)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What can be said of each output: that partitioning pays only where it does so beyond random partitions."""
        return tuple(verdict_beyond(payoff, self.control) for payoff in self.payoffs)

    def sentence(self) -> str:
        """Say whether partitioning pays, and how random partitions fare."""
        named = len(self.outputs) > 1
        each = zip(self.payoffs, self.verdicts, strict=True)
        said = [payoff.sentence(named=named, verdict=verdict) for payoff, verdict in each]
        if self.control is not None:
            said += [self.control.sentence(number, named=named) for number in range(len(self.outputs))]
        return " ".join([*said, *self.notes])

    def __repr__(self) -> str:
        return self.sentence()

    def frame(self) -> "pd.DataFrame":
        """Return one line a partition and output, after those of all partitions together; see `PAYS_COLUMNS`."""
        frame = change_frame(self.partitions, self.outputs, self.pooled, self.by_partition, PAYS_COLUMNS)
        frame.attrs |= {"partial": self.partial, "weights": self.weights, "notes": self.notes}
        return frame


def verdict_beyond(payoff: Payoff, control: Control | None) -> Verdict:
    """Return what can be said of an output: that partitioning pays only where it does so beyond random partitions."""
    if payoff.verdict != "pays" or control is None:
        return payoff.verdict
    return "pays" if control.beyond().high[control.outputs.index(payoff.output)] < 0 else "cannot be told"


def measure_partitioning(
    run: "Run",
    *,
    static: bool = False,
    control: int | None = None,
    max_rows: int = MAX_ROWS,
    train: Train | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> PartitioningPays:
    """Measure what the partitions of a run gain over one operator for all; as `motrain_app.Run.pays`.

    Each row that a partition's member withheld is predicted by that member, and by the member of the one operator that
    withheld the same fold. Partitions are read one block at a time, so that memory does not grow with their number;
    twice, as a cell counts by its area however many of its rows both predict.

    Parameters
    ----------
    static, max_rows, train
        As in `motrain_app.runs.comparison.one_for_all.one_for_all`.
    control
        Random partitions to judge; see `try_random_partitions`, also for None. They are held against an operator
        without static inputs also where `static` is asked for.
    progress
        Called with the share of the work done, 0 to 1.

    Raises
    ------
    RunError
        Where the run is one operator for all itself, or has one partition; nothing was withheld; one operator for all
        cannot be trained; or `control` is no number of draws.
    """
    if control is not None and not is_whole(control, least=0):
        raise RunError(f"control is {control!r}: give a number of draws, 0 for none, or leave it out.")
    withheld = Withheld(RunFolder(run.path))
    plan, folds = withheld.plan, folds_of(run)
    _refuse(run, withheld, jackknife=folds.jackknife)
    one = one_for_all(run, static=static, max_rows=max_rows, train=train)
    areas = cell_areas(plan.lat, plan.lon)
    judge = PairedErrors(plan.time, run.design.seed, plan.output_offset)
    found = judge_partitions(
        lambda: _partitions(withheld, one, folds),
        judge,
        RowWeights(areas.weight, len(plan.outputs)),
        n_partitions=len(withheld.rows),
        progress=progress,
    )
    if found is None:
        raise RunError(f"The members of {run.path.name} and of one operator for all withheld no row in common.")
    random = try_random_partitions(run, draws=control, one=None if static else one)
    notes = [withheld.partial_words] if withheld.partial_words else []
    if random is None:
        why = "none were asked for (control=0)" if control == 0 else why_none_at_random(run)
        notes.append(f"No random partitions were tried: {why}.")
    judged = found.names, found.pooled, found.by_partition
    return PartitioningPays(plan.outputs, *judged, one, random, withheld.partial_words, areas.how, tuple(notes))


def _partitions(withheld: Withheld, one: OneForAll, folds: Folds) -> Iterator[list[PairedPartition | None]]:
    """Yield the partitions of a run beside what one operator for all predicts, block by block; None without a row."""
    plan = withheld.plan
    n_outputs, n_times = len(plan.outputs), len(plan.time)
    predict = predict_by_members(one.members, n_outputs)
    for block in withheld.chunks():
        parts = [rows for _, rows in block]
        key = np.concatenate([rows.key for rows in parts])
        theirs = predict_withheld(one.staged, key, folds, predict, n_outputs) - plan.output_offset[:, None]
        edges = np.cumsum([len(rows.key) for rows in parts])[:-1]
        some: list[PairedPartition | None] = []
        for (row, rows), other in zip(block, np.split(theirs, edges, axis=1), strict=True):
            cell, time = np.divmod(rows.key, n_times)
            paired = PairedRows(rows.observed, rows.predicted.astype(np.float64), other, time)
            some.append(PairedPartition(row.name, cell, paired) if paired.any else None)
        yield some


def payoffs_over_sums(run_folder: str) -> tuple[Payoff, ...]:
    """Return what the partitions of a run by ridge gain over one operator for all; for another process to call."""
    from motrain_app.runs.run import Run

    return measure_partitioning(Run(run_folder), control=0).payoffs


def random_partitions_of(run_folder: str) -> Control | str:
    """Judge random partitions beside those of a run, or say why there are none; for another process to call."""
    from motrain_app.runs.run import Run

    run = Run(run_folder)
    return why_none_at_random(run) or try_random_partitions(run) or ""


def _refuse(run: "Run", withheld: Withheld, *, jackknife: bool) -> None:
    """Raise RunError where there is nothing to measure."""
    if run.design.regions is None and run.design.periods is None:
        raise RunError(f"{run.path.name} is one operator for all itself: there is no partition that could pay.")
    if not jackknife:
        raise RunError(
            f"Nothing was withheld in {run.path.name}, so whether partitioning pays cannot be told. Train with a "
            "jackknife."
        )
    if withheld.trainable == 1:
        raise RunError(
            f"{run.path.name} has one partition with rows, and an operator for all of these rows is that of the "
            "partition. Give the other places or times a partition too, or compare the run with one of one operator "
            "everywhere, which learns from more rows: run.compare(other)."
        )
    if not withheld.rows:
        raise RunError(f"Whether partitioning pays cannot be told: {withheld.why_no_rows()}")


def try_random_partitions(run: "Run", *, draws: int | None = None, one: OneForAll | None = None) -> Control | None:
    """Judge random partitions beside those of a run, by ridge; see `motrain_app.runs.comparison.random_partitions`.

    Parameters
    ----------
    draws
        How many; None: 39, or none where `why_none_at_random` has a reason. Nor are there any while partitions wait to
        be trained, as the run's own are not all judged yet.
    one
        One operator for all of the run's learner, where there is one already; it serves if that is ridge.
    """
    if draws is None:
        draws = 0 if why_none_at_random(run) else DRAWS
    withheld = Withheld(RunFolder(run.path))
    if not draws or withheld.waiting:
        return None
    learner = ridge_like(run.design)
    _, options = resolve_learner(learner)
    if one is None or learner != run.design.learner:
        one = fit_for_all(run, run.design.change(regions=None, periods=None, learner=learner))
    return judge_random_partitions(one, options, withheld, folds_of(run), draws=draws, seed=run.design.seed)


def why_none_at_random(run: "Run") -> str:
    """Say why partitions of a run are not held against random ones unless that is asked for; empty where they are."""
    folder = RunFolder(run.path)
    withheld = Withheld(folder)
    plan = withheld.plan
    if withheld.waiting:
        return "partitions are still to be trained"
    if withheld.trainable == 1:
        return "one partition alone cannot be dealt in another way"
    region = plan.region_of_cell[StagedRows(folder.staged()).cells_with_rows]
    cells = np.bincount(region[region >= 0])
    if np.count_nonzero(cells) > 1 and cells.max() == 1:
        return "cells can only be dealt in one way where each region is one"
    if DRAWS * plan.n_partitions * len(plan.outputs) > FITS_AT_MOST:
        return "that takes minutes for so many partitions; run.pays(control=39) does it"
    return ""
