"""Whether partitioning pays: a run beside one operator for all, trained on the same in the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from motrain_app.design import Design, DesignError
from motrain_app.operators import Variable
from motrain_app.runs.comparison.comparing import compare_runs
from motrain_app.runs.comparison.equal_rows import has_equal_rows
from motrain_app.runs.comparison.run_comparison import Change, change_words
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.siblings import runs_on

if TYPE_CHECKING:
    from motrain_app.runs.run import Run

MAX_ROWS = 1_000_000  # that one operator for all learns from, unless it is fitted from sums
Verdict = Literal["pays", "does not pay", "cannot be told"]


@dataclass(frozen=True, slots=True)
class Payoff:
    """What partitioning changes of one output, over all partitions and the rows that both runs withheld.

    Attributes
    ----------
    output
        Its name.
    change, low, high
        100 · (RMSE of the partitions / RMSE of one operator − 1), in per cent, with its 95 % interval; NaN where there
        is none; see `motrain_app.runs.comparison.run_comparison.Change`.
    n
        Rows.
    wins, partitions
        In how many of the partitions that have such rows the RMSE is the lower one.
    p
        Of no difference in mean squared error, two-sided; NaN without an interval.
    rmse, other_rmse, blocks
        RMSE of the partitions and of the one operator, in the output's unit, and how many blocks of days the rows are
        worth: they tell why there is no change, or interval.
    """

    output: str
    change: float
    low: float
    high: float
    n: int
    wins: int
    partitions: int
    p: float = float("nan")
    rmse: float = float("nan")
    other_rmse: float = float("nan")
    blocks: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """What the interval allows to say.

        It cannot be told where it includes zero, or there is none; nor where the change and the nearer end of the
        interval are both zero as they are written, as where one absurd row outweighs all others in both RMSE.
        """
        if self.high < 0:
            told: Verdict = "pays"
        else:
            told = "does not pay" if self.low > 0 else "cannot be told"
        return "cannot be told" if self._is_lost else told

    @property
    def _is_lost(self) -> bool:
        """Whether there is a change beyond zero, but too small to be written, and at one end of the interval too."""
        nearer = self.low if self.low > 0 else -self.high
        return bool(nearer > 0 and round(self.change, 1) == 0 == round(nearer, 1))

    def sentence(self, *, named: bool = True, verdict: Verdict | None = None) -> str:
        """Say it in one sentence, with or without the output's name; by another verdict where more is known.

        Examples
        --------
        >>> Payoff("slope", -12.34, -15.0, -9.06, 5000, 3, 3).sentence()
        'Partitioning pays for slope: RMSE −12.3 % [−15.0, −9.1].'
        >>> Payoff("slope", -0.5, -2.0, 1.1, 5000, 2, 3).sentence(named=False)
        'Whether partitioning pays cannot be told: RMSE −0.5 % [−2.0, +1.1].'
        >>> Payoff("slope", 1e-4, 2e-5, 46.1, 5000, 2, 3).sentence(named=False)
        'Whether partitioning pays cannot be told: RMSE +0.0 % [+0.0, +46.1], a change too small to be seen in it.'
        """
        of = f" for {self.output}" if named else ""
        verdict = verdict or self.verdict
        subject = f"Whether partitioning pays{of} cannot be told"
        subject = subject if verdict == "cannot be told" else f"Partitioning {verdict}{of}"
        ends = self.change, self.low, self.high
        change = change_words(*ends, rmse=self.rmse, other_rmse=self.other_rmse, blocks=self.blocks)
        lost = ", a change too small to be seen in it" if self._is_lost else ""
        return f"{subject}: {change + lost if self.n else 'no common row'}."


def pays(run: "Run", one_for_all: "Run") -> tuple[Payoff, ...]:
    """Return what the partitions of a run gain over one operator for all, for each output that both have.

    Raises
    ------
    RunError
        Where the two cannot be compared; see `motrain_app.runs.comparison.comparing.compare_runs`.
    """
    found = compare_runs(run, one_for_all)
    return payoffs_of(found.outputs, found.pooled, found.by_partition)


def payoffs_of(outputs: Sequence[Variable], pooled: Change, by_partition: Change) -> tuple[Payoff, ...]:
    """Return a payoff for each output, from the change over all partitions and that of each."""
    wins, partitions = (by_partition.value < 0).sum(axis=0), (by_partition.n > 0).sum(axis=0)
    columns = (
        pooled.value,
        pooled.low,
        pooled.high,
        pooled.n,
        wins,
        partitions,
        pooled.p,
        pooled.rmse,
        pooled.other_rmse,
        pooled.blocks,
    )
    numbers = zip(*(values.tolist() for values in columns), strict=True)
    return tuple(Payoff(output.name, *of_output) for output, of_output in zip(outputs, numbers, strict=True))


def find_one_for_all(
    runs: str | Path, run: "Run", *, same_rows: bool = False, design: Design | None = None, max_rows: int = MAX_ROWS
) -> "Run | None":
    """Return the newest finished run of one operator for all whose other choices are those of a run; None without.

    One that learnt from the rows of the run's partitions comes first: trained with `rows_of` that run, or everywhere,
    where partitions claim every row.

    Parameters
    ----------
    runs
        Folder of runs to look in.
    run
        Its data (by fingerprint), remedies, filters, variables, test, jackknife, learner and seed must be the same, and
        so must be the code: the version of this package, and the user's own modules.
    same_rows
        Return no other. Else one that was trained on all rows serves where there is none: what it knows from outside
        the partitions, `motrain_app.runs.comparison.equal_rows.row_words` says.
    design
        That the one operator must have, where it is to differ in more than regions and periods; None: the run's.
    max_rows
        The limit of rows that the one operator may have been trained with, if it had any.
    """
    from motrain_app.runs.run import Run

    own, wanted = RunFolder(run.path).info(), _alike(design or run.design)
    if _is_everywhere(run.design):
        return None
    everywhere = None
    for folder in runs_on(Path(runs), own["fingerprint"]):
        try:
            other, info = Run(folder.path), folder.info()
            alike = _is_everywhere(other.design) and _alike(other.design) == wanted
            alike = alike and info.get("max_rows") in (None, max_rows) and _code(info) == _code(own)
            if not (alike and other.state == "done" and other.counts.get("done")):
                continue
            if has_equal_rows(run, other):
                return other
            if everywhere is None and info.get("rows_of") is None:
                everywhere = other
        except (RunError, DesignError):
            continue
    return None if same_rows else everywhere


def _is_everywhere(design: Design) -> bool:
    return design.regions is None and design.periods is None


def _code(info: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what trained a run, as far as its results may depend on it."""
    modules = sorted((module["name"], module["sha256"]) for module in info.get("register", ()))
    return info.get("versions", {}).get("motrain_app"), modules


def _alike(design: Design) -> dict[str, Any]:
    """Return what two designs must share for the one to tell what partitions bring to the other."""
    document = design.to_json()
    document["filters"] = sorted(document["filters"])
    return {name: value for name, value in document.items() if name not in ("data", "references", "regions", "periods")}
