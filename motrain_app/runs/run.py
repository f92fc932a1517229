"""A run as its owner sees it: scores, predictions, operators, the sealed test. It reads the run folder alone."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from motrain_app.design import Design, Folds
from motrain_app.design.splits import make_folds
from motrain_app.operators import Operator, Variable
from motrain_app.runs.blockfile import TEST, BlockFile
from motrain_app.runs.calibration import Residuals, coverage_frame
from motrain_app.runs.comparison.comparing import compare_runs
from motrain_app.runs.comparison.run_comparison import RunComparison
from motrain_app.runs.environment import processes
from motrain_app.runs.errors import RunError
from motrain_app.runs.exporting import export_operators, read_operator
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.given import checked_name, is_whole
from motrain_app.runs.lock import is_driven
from motrain_app.runs.opening import openings
from motrain_app.runs.origins import Origins
from motrain_app.runs.plan import Plan
from motrain_app.runs.predictions import predictions_dataset
from motrain_app.runs.scores.cell_scores import score_cells
from motrain_app.runs.scores.judged_rows import OF_TEST
from motrain_app.runs.scores.lacking_words import lacking_remarks
from motrain_app.runs.scores.opened import open_test
from motrain_app.runs.scores.remarks import run_remarks
from motrain_app.runs.scores.scoring import partial_words, skill_frame
from motrain_app.runs.scores.verdicts import verdict_frame
from motrain_app.runs.scores.years import year_matrices
from motrain_app.runs.store import DONE, PartitionRow, RunStore, check_done
from motrain_app.runs.trials import trial_frame

if TYPE_CHECKING:
    from motrain_app.runs.comparison.partitioning_pays import PartitioningPays


class Run:
    """One execution of a design.

    Examples
    --------
    ``run = Run.open("runs/20261121-101500-network")`` at any later time, also while it is being trained.
    """

    def __init__(self, path: str | Path) -> None:
        self._folder = RunFolder(path)
        self._folder.info()  # says what is wrong where this is no run

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """Open the run in a folder; RunError where it is none."""
        return cls(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The run folder."""
        return self._folder.path

    @cached_property
    def design(self) -> Design:
        """The design that was trained."""
        return self._folder.design()

    @property
    def has_store(self) -> bool:
        """Whether the rows are staged and partitions are known: before, there is nothing to show."""
        return self._folder.store.exists() and self._folder.plan.exists()

    @property
    def state(self) -> str:
        """How the run is: running; done or stopped; crashed (its driver died; resume it), or broken with the reason."""
        if is_driven(self.path):
            return "running"
        if not self._folder.store.exists():
            return "not started"
        with self._store() as store:
            state = store.get("state", "not started")
        return "crashed" if state == "running" else state

    @property
    def counts(self) -> dict[str, int]:
        """Partitions by state: waiting, done, failed, skipped."""
        with self._store() as store:
            return store.counts()

    @property
    def partial(self) -> str:
        """How many partitions are finished, and how many failed, in words, where not all are finished; else empty."""
        return partial_words(self._folder)

    @cached_property
    def partitions(self) -> list[str]:
        """Names of all partitions, in order."""
        return [row.name for row in self._rows()]

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """Inputs with units, in the order of an operator's columns."""
        return self._plan.inputs

    @property
    def outputs(self) -> tuple[Variable, ...]:
        """Outputs with units."""
        return self._plan.outputs

    @property
    def finished(self) -> frozenset[str]:
        """Names of the partitions that have an operator."""
        return frozenset(row.name for row in self._rows() if row.state == DONE)

    def partitions_of(self, cell: int) -> list[str]:
        """Return the partitions that a cell of the dataset lies in, one a period; empty where it lies in none.

        Raises
        ------
        RunError
            Where the dataset has no such cell.
        """
        n_cells = len(self._plan.region_of_cell)
        if not is_whole(cell, least=0) or cell >= n_cells:
            raise RunError(f"The dataset has no cell {cell!r}: give a whole number from 0 to {n_cells - 1}.")
        region, periods = int(self._plan.region_of_cell[cell]), self._plan.n_periods
        return self.partitions[region * periods : (region + 1) * periods] if region >= 0 else []

    @property
    def failures(self) -> dict[str, str]:
        """Why partitions failed or were skipped, by name."""
        return {row.name: row.error for row in self._rows() if row.error is not None}

    @property
    def taken_over(self) -> dict[str, str]:
        """Names of the partitions that were not trained in this run, each with that of the run that trained it."""
        with self._store() as store:
            return Origins(store).taken_over()

    def skill(
        self,
        *,
        by: str | Sequence[str] | None = None,
        metrics: Sequence[str] | None = None,
        partitions: Sequence[str] | None = None,
        rows: str = "held-out",
        bins: Sequence[float] | None = None,
        workers: int | None = None,
    ) -> pd.DataFrame:
        """Return out-of-fold scores: of members, on the rows each withheld, pooled over folds.

        Parameters
        ----------
        by
            What rows are grouped by: "season" (DJF, MAM, JJA, SON), "year", "month", "fold", "cell", or the name of a
            variable of the data. "all" takes all partitions together; ("all", "season") does so season by season. By
            default every partition is scored as a whole.
        metrics
            Names, also of metrics that were registered since the run was trained; by default those that it stored.
        partitions
            Names of finished ones; by default all of them.
        rows
            "held-out", or "test" once the test was opened.
        bins
            Ends of the ranges of the variable that `by` names, ascending, in its unit. By default its whole numbers are
            classes, where there are at most 50, and other variables have five ranges with about equally many withheld
            rows, cut at the rounded numbers that their names show.
        workers
            Processes on this machine that score what was not stored; by default one a core, and fewer for few rows. The
            scores are the same, to the last bit. Metrics of your own are scored in this process alone, and all
            partitions together by threads of it.

        Returns
        -------
        pandas.DataFrame
            Columns partition, output, metric, value, low, high (95 % interval), n, baseline, baseline_value, p,
            significant; one row a partition, output and metric. Values have the output's unit, where the metric has
            one. p is the p-value of no difference in mean squared error from the baseline, for skills alone;
            significant are those that remain when false discoveries over the partitions are controlled at 5 %
            (Benjamini and Hochberg). Grouped scores have the columns by and group behind partition; a group is scored
            by its rows alone, also its best baseline and its season. Rows that are in no group, as the variable is
            missing there, are left out.

            Of all partitions together (partition "all partitions") each cell counts by its area, not by its number of
            rows: the RMSE is the root of the area-weighted mean over cells of each cell's mean squared error.
            ``frame.attrs["weights"]`` says whether areas differ, and ``frame.attrs["partial"]`` how many partitions are
            finished, where that is not all.

        Raises
        ------
        RunError
            Where the test is sealed, a name is unknown, a partition is not finished, no metric is named, or a variable
            can no longer be had.

        Notes
        -----
        `baseline` is the best by RMSE of those that the run is compared with and that lack no row; of a
        ``skill_over_…`` it is the one named. Baselines are fitted as the members are, on the training rows of each
        fold: "mean" and "climatology" (the day of the year, two harmonics) of each cell, "shared_climatology" with the
        season of all cells of the partition about a level of each, which is drawn to their mean as far as it differs by
        chance, and "ridge" (linear; not where the learner is just that). A cell with too few training rows in a fold
        (20 for a mean or level, 100 for the climatology), such as one that the fold's members have never seen, takes
        those of its partition. "reference" is the variable of the file that the design names for the output, as it
        stands.

        Scores over time (ubrmse, r, spearman, r2, kge, sd_ratio, anomaly_r) of several cells are the median over those
        of ten rows or more, NaN where there is none.

        `n` counts the rows that a score is of: with an observation and a prediction, of a skill with the baseline, too.
        Scores over time are of the cells that have one: not of those with fewer than ten rows; anomaly_r, also pooled,
        not of those whose season cannot be told (under three years of it, or too few rows). Coverage is of rows with an
        interval, not of those for which too few rows of other folds calibrate one.
        """
        return skill_frame(
            self._folder, by=by, metrics=metrics, partitions=partitions, rows=rows, bins=bins, workers=workers
        )

    def remarks(self) -> list[str]:
        """Return what the scores hide, as sentences.

        Of which outputs bias cancels over the year; where cells are compared with their partition's climatology, as
        they have too few training rows for one of their own; and what members `lack`. The last says so where the run
        is partial.
        """
        return run_remarks(self._folder)

    def lack(self) -> list[str]:
        """Return in how many partitions folds have no member, or outputs none at all, and why, as sentences.

        Rows of a fold without a member are neither scored nor cross-fitted; the operator is the mean of the others.
        """
        return lacking_remarks(self._folder)

    def open_test(self, *, workers: int | None = None) -> pd.DataFrame:
        """Open the test: return the scores of the members' mean on the test rows. The opening is recorded, dated.

        Parameters
        ----------
        workers
            As in `skill`.

        Returns
        -------
        pandas.DataFrame
            As `skill`.
        """
        open_test(self._folder, workers=workers)
        return self.test_skill()

    def test_skill(self) -> pd.DataFrame:
        """Return the scores on the test rows once more, as `open_test` did; RunError while the test is sealed."""
        return skill_frame(self._folder, rows=OF_TEST)

    @property
    def openings(self) -> list[str]:
        """When the test was opened, as ISO times in UTC; empty while it is sealed."""
        return [str(entry["opened"]) for entry in openings(self._folder)]

    def verdicts(self) -> pd.DataFrame:
        """Say of each operator and output whether it is to be used, from the rows that its members withheld.

        Returns
        -------
        pandas.DataFrame
            Columns partition, output, verdict, reason (a sentence), n, n_effective (how many independent rows it was
            judged on), skill, low, high (over the climatology, with its 95 % interval) and outside (share of its rows
            with an input beyond what the predicting member learned from). Kinds of verdicts, of which the first that
            holds is told, and their limits are those of `motrain_app.operators.verdict`. Test rows do not enter.
        """
        return verdict_frame(self._folder)

    def years(self, metric: str = "rmse") -> xr.Dataset:
        """Tell in which years operators fail, and which years made them what they are: two matrices.

        Parameters
        ----------
        metric
            By which difficulty is told.

        Returns
        -------
        xarray.Dataset
            Over (partition, output, fold); with a jackknife by year a fold is a year. ``difficulty`` is the score of
            the rows that a fold's member withheld, with its 95 % interval ``low``, ``high`` and ``n``. ``influence`` is
            the change when that year is left out of training: the root mean square of that member minus the mean of all
            members, in the output's unit, over at most 500 rows, evenly taken from those withheld in all years. Test
            rows are in neither. Where the run is partial, the attribute of that name says so.

        Raises
        ------
        RunError
            Where the run has no jackknife, or the metric is unknown.
        """
        return year_matrices(self._folder, metric)

    def by_cell(self, metric: str = "bias", *, partitions: str | Sequence[str] | None = None) -> xr.Dataset:
        """Return an out-of-fold score of each cell, for maps; see `motrain_app.runs.scores.cell_scores.score_cells`."""
        return score_cells(self._folder, metric, partitions)

    def compare(self, other: "Run") -> RunComparison:
        """Compare with another run on the rows that members of both withheld; test rows do not enter.

        Returns
        -------
        RunComparison
            Shows itself in words: the change of the RMSE with its paired interval, wins, and what differs in the
            designs. Its `frame()` is the table of partitions.

        Raises
        ------
        RunError
            Where the runs cannot be compared, with the reason.
        """
        if not isinstance(other, Run):
            raise RunError(f"other is {other!r}: give a run, as Run.open(folder) returns it.")
        return compare_runs(self, other)

    def pays(
        self,
        *,
        static: bool = False,
        control: int | None = None,
        workers: int | None = None,
        scheduler: str | None = None,
        register: Sequence[str | Path] = (),
    ) -> "PartitioningPays":
        """Measure whether partitioning pays: against one operator for all, on the rows that members of both withheld.

        The one operator has the run's learner, budget, filters, folds and seed, and learns from the rows of its
        partitions, and no others. Ridge is fitted exactly, from sums. Any other learner trains a run of its own beside
        this one, on a sample of at most 1,000,000 rows, unless there is one already. Test rows enter nowhere.

        Parameters
        ----------
        static
            Give it also what lies over space only (altitude, soil), or else latitude and longitude.
        control
            How many times cells, or times, are dealt at random to partitions of the same sizes, by ridge (of a run by
            another learner: by quadratic ridge, as a stand-in). By default 39, or none where that takes minutes, or
            each region is one cell, which the notes tell; 0: none.
        workers, scheduler, register
            As in `motrain_app.train`, where something is to be trained.

        Raises
        ------
        RunError
            Where the run is one operator for all itself, or has one partition; nothing was withheld; the one cannot be
            trained; or `control` is no number of draws, or `workers` none of processes.
        """
        from motrain_app.runs.comparison.one_for_all import train_with
        from motrain_app.runs.comparison.partitioning_pays import measure_partitioning

        processes(workers)  # refuses none at all before anything is measured
        train = train_with(workers=workers, scheduler=scheduler, register=register)
        return measure_partitioning(self, static=static, control=control, train=train)

    def cross(self, partitions: str | Sequence[str] | None = None) -> xr.Dataset:
        """Judge each operator on each partition; see `motrain_app.runs.comparison.operator_matrix.cross_operators`."""
        from motrain_app.runs.comparison.operator_matrix import cross_operators

        return cross_operators(self, partitions)

    def predictions(self, partition: str) -> xr.Dataset:
        """Return observations beside what members that had not seen them predicted.

        Parameters
        ----------
        partition
            Name of a finished partition.

        Returns
        -------
        xarray.Dataset
            observed and predicted (output, time) in the outputs' units, fold and rows ("held-out" or "test") over time.
            Test rows are there once the test was opened. A partition of several cells has the dimension `row` in
            place of `time`, with time, cell, lat and lon along it; one of a single cell has these as scalars.
        """
        row = self._finished(partition)
        with BlockFile.open(self._folder.blocks / str(row.file)) as file:
            values = dict(file.rows(row.place))
        if not self.openings:
            sealed = values["fold"] == TEST
            values = {name: array[..., ~sealed] for name, array in values.items()}
        return predictions_dataset(values, self._plan, self._folds)

    def trials(self, partition: str) -> pd.DataFrame:
        """Return what was tried for each member of a partition, and how it was judged on validation rows.

        Validation rows are training rows of the member: neither rows that it withheld nor test rows enter.

        Parameters
        ----------
        partition
            Name of a finished partition.

        Returns
        -------
        pandas.DataFrame
            One row a fold and candidate, and output where each output has a choice of its own, as in ridge. Columns
            fold, output (there only), candidate (its number), the hyper-parameters in which candidates differ (the
            strength of ridge), validation_loss, epochs (trained, of networks) and chosen. The validation loss of
            networks is the mean squared error in units of each output's standard deviation in the member's training
            rows, the mean over outputs; the best of all epochs, infinite where it never was a number: without another
            candidate such a member does not exist. That of ridge is the mean squared error in the output's squared
            unit, over all folds that may validate. Members for which nothing could be tried have no rows. Learners that
            choose nothing, such as scikit-learn's, have an empty table.

        Raises
        ------
        RunError
            Where the partition is not finished.
        """
        row = self._finished(partition)
        with BlockFile.open(self._folder.blocks / str(row.file)) as file:
            outputs = [variable.name for variable in self._plan.outputs]
            return trial_frame(file, row.place, self.design, folds=self._folds.names, outputs=outputs)

    def coverage(self, partition: str, *, level: float = 0.9) -> pd.DataFrame:
        """Check an operator's intervals on rows that did not calibrate them, fold by fold; test rows do not enter.

        The rows that each member withheld are judged by quantiles of the residuals of all other folds. So is `skill`'s
        "coverage", of level 0.9; its 95 % interval differs a little, as its blocks are long enough for errors, too.

        Parameters
        ----------
        partition
            Name of a finished partition.
        level
            As in `motrain_app.operators.Operator.interval`.

        Returns
        -------
        pandas.DataFrame
            Columns output, season ("year": all of them), level (that was used: a whole per cent), coverage (the share
            of rows within their interval; NaN without a row), low, high (its 95 % interval over blocks of days), n,
            effective (how many independent rows they are worth) and pooled (the share of rows judged by the whole
            year's residuals, as their season had too few).

        Raises
        ------
        RunError
            Where the partition is not finished, or nothing was withheld.
        OperatorError
            Where the level is none.
        """
        row = self._finished(partition)
        with BlockFile.open(self._folder.blocks / str(row.file)) as file:
            residuals = Residuals.read(file, row.place, self._plan)
        if not len(residuals.time):
            raise RunError(
                f"No member of {partition!r} withheld a row, so there is nothing to check intervals on. Train with a "
                "jackknife."
            )
        return coverage_frame(residuals, self._plan, level=level, key=(self.design.seed, int(row.id, 16)))

    def operator(self, partition: str) -> Operator:
        """Return the operator of a finished partition, in physical units."""
        row = self._finished(partition)
        return read_operator(self._folder, row, plan=self._plan, folds=self._folds, design=self.design)

    def export(self, to: str | Path) -> list[Path]:
        """Write the operator of every finished partition to a folder, one file each, with an index ``operators.json``.

        `motrain_app.Operator.load` reads them without this run and without the data.

        Raises
        ------
        RunError
            Where nothing is finished, or the folder holds other files.
        """
        done = [row for row in self._rows() if row.state == DONE]
        return export_operators(self._folder, done, Path(to), plan=self._plan, folds=self._folds, design=self.design)

    # Reading

    def _store(self) -> RunStore:
        return RunStore(self._folder.store)

    def _rows(self) -> list[PartitionRow]:
        with self._store() as store:
            return store.partitions()

    def _finished(self, partition: str) -> PartitionRow:
        with self._store() as store:
            row = store.partition(checked_name(partition, "partition"))
        check_done(row)
        return row

    @cached_property
    def _plan(self) -> Plan:
        return Plan.load(self._folder.plan)

    @cached_property
    def _folds(self) -> Folds:
        return make_folds(self.design.test, self.design.jackknife, self._plan.time)
