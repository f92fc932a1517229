"""Scores by group: of seasons, years, folds, cells, classes or ranges of a variable; of each partition, or of all.

Everything is computed from the predictions that block files hold, read a few partitions at a time, so that memory does
not grow with their number; also metrics that were registered after the run was trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Design
from motrain_app.design.errors import did_you_mean
from motrain_app.design.splits import make_folds
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.judging import REPLICATES
from motrain_app.runs.opening import check_metrics
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.grouping import (
    ALL,
    CELL,
    FOLD,
    KEYWORDS,
    Grouping,
    check_bins,
    group_by_axis,
    group_by_variable,
)
from motrain_app.runs.scores.judged_rows import OF_TEST, JudgedReader, JudgedRows, joined
from motrain_app.runs.scores.row_values import row_values
from motrain_app.skill import (
    BestBaselines,
    Piece,
    Scores,
    Totals,
    cell_areas,
    get_metric,
    score_each_cell,
    score_frame,
    score_outputs,
    unpack_scores,
)

if TYPE_CHECKING:
    import pandas as pd

TOTAL = "all partitions"  # in the column `partition`


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
        if len(others) > 1:
            raise RunError(f"Scores are grouped by one thing, beside 'all': give {' or '.join(others)}.")
        if CELL in others and self.pooled:
            raise RunError("A cell lies in one region: group by 'cell' alone.")
        return others[0] if others else None


def score_groups(folder: RunFolder, design: Design, question: ScoreQuestion) -> "pd.DataFrame":
    """Answer a question; see `motrain_app.runs.Run.skill` for the columns.

    Raises
    ------
    RunError
        Where it cannot be answered, with the reason.
    """
    plan = Plan.load(folder.plan)
    check_scores(folder, plan, question)
    by = question.grouped_by
    intervals = any(get_metric(name).of == "intervals" for name in question.metrics)
    reader = JudgedReader(
        folder,
        question.rows,
        partitions=question.partitions,
        baselines=plan.baselines,
        with_intervals=intervals,
    )
    grouping = _grouping(folder, design, plan, question)
    if question.pooled:
        return _of_all(reader, design, question, grouping)
    if by == CELL:
        return _of_cells(reader, design, question)
    return _of_partitions(reader, design, question, grouping, named=by is not None)


def check_scores(folder: RunFolder, plan: Plan, question: ScoreQuestion) -> None:
    """Raise RunError where a question cannot be answered, whatever the rows hold."""
    _check_metrics(question.metrics, plan.baselines)
    by = question.grouped_by or ALL
    if by not in KEYWORDS:
        row_values(folder, plan, by, others=KEYWORDS)
        check_bins(question.bins)
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


def _grouping(folder: RunFolder, design: Design, plan: Plan, question: ScoreQuestion) -> Grouping:
    by = question.grouped_by or ALL
    if by in KEYWORDS:
        return group_by_axis(by, plan, make_folds(design.test, design.jackknife, plan.time).names)
    values = row_values(folder, plan, by, others=KEYWORDS)
    withheld = JudgedReader(folder, partitions=question.partitions)
    others = JudgedReader(folder, OF_TEST, partitions=question.partitions) if question.rows == OF_TEST else None
    return group_by_variable(
        values,
        (part for chunk in withheld.chunks() for part in chunk),
        withheld.most_rows,
        bins=question.bins,
        others=() if others is None else (part for chunk in others.chunks() for part in chunk),
    )


def _of_partitions(
    reader: JudgedReader, design: Design, question: ScoreQuestion, grouping: Grouping, *, named: bool
) -> "pd.DataFrame":
    """Score each group of each partition; groups without a row are left out."""
    partitions: list[str] = []
    groups: list[str] = []
    packed = []
    for chunk in reader.chunks():
        for part in chunk:
            label = grouping.label(part)
            order = np.argsort(label, kind="stable")
            there, first = np.unique(label[order], return_index=True)
            ends = [*first[1:].tolist(), len(order)]
            for group, start, end in zip(there.tolist(), first.tolist(), ends[: len(there)], strict=True):
                if group < 0:
                    continue
                packed.append(_score(part, order[start:end], reader, design, question).pack())
                partitions.append(part.name)
                groups.append(grouping.names[group])
    shape = (len(packed), len(reader.plan.outputs), -1)
    scores = (
        unpack_scores(np.array(packed).reshape(shape), metrics=question.metrics, baselines=reader.baselines)
        if packed
        else None
    )
    return _frame(scores, reader, question, partitions, groups if named else None)


def _score(
    part: JudgedRows, rows: NDArray[np.integer[Any]], reader: JudgedReader, design: Design, question: ScoreQuestion
) -> Scores:
    every = len(rows) == len(part.time)
    kept = slice(None) if every else rows
    return score_outputs(
        part.observed[:, kept],
        part.predicted[:, kept],
        dict(zip(reader.baselines, part.baselines[..., kept], strict=True)),
        reader.plan.time[part.time[kept]],
        metrics=question.metrics,
        key=design.seed,
        cell=part.cell[kept],
        within=None if part.within is None else part.within[:, kept],
        replicates=REPLICATES,
    )


def _of_cells(reader: JudgedReader, design: Design, question: ScoreQuestion) -> "pd.DataFrame":
    """Score each cell of each partition."""
    plan = reader.plan
    partitions: list[str] = []
    groups: list[str] = []
    packed = []
    for chunk in reader.chunks():
        for part in chunk:
            if not len(part.time):
                continue
            cells, scores = score_each_cell(
                part.observed,
                part.predicted,
                dict(zip(reader.baselines, part.baselines, strict=True)),
                plan.time[part.time],
                part.cell,
                metrics=question.metrics,
                key=design.seed,
                within=part.within,
                replicates=REPLICATES,
            )
            packed.append(scores.pack())
            partitions += [part.name] * len(cells)
            groups += map(str, cells.tolist())
    scores_of_all = (
        unpack_scores(np.concatenate(packed), metrics=question.metrics, baselines=reader.baselines) if packed else None
    )
    return _frame(scores_of_all, reader, question, partitions, groups)


def _of_all(reader: JudgedReader, design: Design, question: ScoreQuestion, grouping: Grouping) -> "pd.DataFrame":
    """Score all partitions together, in two passes: which baseline is best, then the scores."""
    plan = reader.plan
    areas = cell_areas(plan.lat, plan.lon)
    sizes = {"n_groups": len(grouping.names)}
    finder = BestBaselines(areas.weight, n_outputs=len(plan.outputs), n_baselines=len(reader.baselines), **sizes)
    if reader.baselines:
        for chunk in reader.without_intervals().chunks():
            finder.add(_piece(chunk, plan, grouping))
    totals = Totals(
        areas.weight,
        (plan.time.min(), plan.time.max()),
        metrics=question.metrics,
        baselines=reader.baselines,
        best=finder.best(),
        sampled=reader.cells,
        **sizes,
    )
    for chunk in reader.chunks():
        totals.add(_piece(chunk, plan, grouping))
    scores = totals.scores(key=design.seed, replicates=REPLICATES)
    there = np.flatnonzero((scores.n > 0).any(axis=1))
    kept = unpack_scores(scores.pack()[there], metrics=question.metrics, baselines=reader.baselines)
    names = [grouping.names[group] for group in there.tolist()]
    frame = _frame(kept if names else None, reader, question, [TOTAL] * len(names), names)
    frame.attrs["weights"] = areas.how
    return frame


def _piece(chunk: list[JudgedRows], plan: Plan, grouping: Grouping) -> Piece:
    rows = joined(chunk)
    return Piece(
        observed=rows.observed,
        predicted=rows.predicted,
        baselines=rows.baselines,
        time=plan.time[rows.time],
        cell=rows.cell,
        group=grouping.label(rows),
        within=rows.within,
    )


def _frame(
    scores: Scores | None,
    reader: JudgedReader,
    question: ScoreQuestion,
    partitions: list[str],
    groups: list[str] | None,
) -> "pd.DataFrame":
    outputs = [variable.name for variable in reader.plan.outputs]
    if scores is None:
        scores = no_scores(question.metrics, reader.baselines, len(outputs))
    frame = score_frame(scores, partitions=partitions, outputs=outputs)
    if groups is not None:
        each = len(outputs) * len(question.metrics)
        frame.insert(1, "by", question.grouped_by or ALL)
        frame.insert(2, "group", np.repeat(np.array(groups, dtype=str), each))
    return frame


def no_scores(metrics: Sequence[str], baselines: Sequence[str], n_outputs: int) -> Scores:
    """Return scores of no partition, so that an empty table has its columns."""
    nothing = np.zeros((n_outputs, 0))
    none = dict.fromkeys(baselines, nothing)
    one = score_outputs(nothing, nothing, none, np.zeros(0, "datetime64[D]"), metrics=metrics, key=0, replicates=0)
    return unpack_scores(one.pack()[None][:0], metrics=metrics, baselines=baselines)
