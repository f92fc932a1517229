"""Which scores of a run are asked for, and whether they can be had."""

from collections.abc import Sequence
from dataclasses import dataclass

from motrain_app.design.errors import did_you_mean
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.own_metrics import check_metrics
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.grouping import ALL, CELL, FOLD, KEYWORDS
from motrain_app.runs.scores.judged_rows import OF_TEST
from motrain_app.runs.scores.row_values import row_values
from motrain_app.skill import get_metric


@dataclass(frozen=True)
class ScoreQuestion:
    """Which scores are asked for.

    Attributes
    ----------
    by
        What rows are grouped by: `KEYWORDS` or a variable's name; none: each partition as a whole. "all" is of all
        partitions together, alone or beside another.
    metrics
        Names.
    partitions
        Names; None for all.
    rows
        `motrain_app.runs.scores.judged_rows.HELD_OUT` or `OF_TEST`.
    bins
        Ends of the ranges of a variable.
    """

    by: tuple[str, ...]
    metrics: tuple[str, ...]
    partitions: tuple[str, ...] | None
    rows: str
    bins: tuple[float, ...] | None = None

    @property
    def pooled(self) -> bool:
        """Whether all partitions are scored together."""
        return ALL in self.by

    @property
    def grouped_by(self) -> str | None:
        """What rows are grouped by in each partition, or in all of them together; None for nothing."""
        others = [one for one in self.by if one != ALL]
        if not all(name.strip() for name in others):
            raise RunError(f"Scores cannot be grouped by nothing: give {', '.join(KEYWORDS)}, or a variable's name.")
        if len(others) > 1:
            raise RunError(f"Scores are grouped by one thing, beside 'all': give {' or '.join(others)}.")
        if CELL in others and self.pooled:
            raise RunError("A cell lies in one region: group by 'cell' alone.")
        return others[0] if others else None


def check_scores(folder: RunFolder, plan: Plan, question: ScoreQuestion) -> None:
    """Raise RunError where a question cannot be answered, whatever the rows hold."""
    _check_metrics(question.metrics, plan.baselines)
    by = question.grouped_by or ALL
    if by not in KEYWORDS:
        row_values(folder, plan, by, others=KEYWORDS)
    elif question.bins is not None:
        raise RunError("bins are the ends of ranges of a variable: give its name as `by`.")
    if by == FOLD and question.rows == OF_TEST:
        raise RunError("Test rows belong to no fold. Group them by season, year, month, cell or a variable.")


def _check_metrics(metrics: Sequence[str], baselines: Sequence[str]) -> None:
    check_metrics(metrics)
    for name in metrics:
        over = get_metric(name).over
        if over and over not in baselines:
            raise RunError(f"The run knows no baseline {over!r}. {did_you_mean(over, baselines)}")
