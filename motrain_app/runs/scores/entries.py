"""Scores of groups of rows of each partition, one after the other: what one process makes of some partitions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Design
from motrain_app.design.splits import make_folds
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.judging import REPLICATES
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.grouping import ALL, CELL, KEYWORDS, Cuts, Grouping, group_by_axis, group_by_variable
from motrain_app.runs.scores.judged_rows import JudgedReader, JudgedRows
from motrain_app.runs.scores.question import ScoreQuestion
from motrain_app.runs.scores.row_values import row_values
from motrain_app.skill import SummedOutputs, get_metric, score_each_cell, scores_of, sum_outputs


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Scores of groups of partitions, in the order of partitions and, in each, of groups.

    Attributes
    ----------
    number, group
        int64, shape (entries,): of the partition, and the place of the group among the names of the grouping.
    packed
        float64, [entries, n_outputs, width], as `motrain_app.skill.Scores.pack` makes it.
    """

    number: NDArray[np.int64]
    group: NDArray[np.int64]
    packed: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence["Entries"]) -> "Entries | None":
        """Return several as one, in their order; None where there is no score."""
        filled = [part for part in parts if len(part.number)]
        if not filled:
            return None
        number, group, packed = (
            np.concatenate([getattr(part, name) for part in filled]) for name in ("number", "group", "packed")
        )
        return cls(number, group, packed)


def reader_for(folder: RunFolder, plan: Plan, question: ScoreQuestion) -> JudgedReader:
    """Return a reader of all rows that a question is about."""
    return JudgedReader(
        folder,
        question.rows,
        partitions=question.partitions,
        baselines=plan.baselines,
        with_intervals=any(get_metric(name).of == "intervals" for name in question.metrics),
    )


def grouping_for(folder: RunFolder, design: Design, plan: Plan, question: ScoreQuestion, cuts: Cuts | None) -> Grouping:
    """Return the groups of a question; `cuts` are those of the variable that it groups by, if it is one."""
    by = question.grouped_by or ALL
    if cuts is None:
        return group_by_axis(by, plan, make_folds(design.test, design.jackknife, plan.time).names)
    return group_by_variable(row_values(folder, plan, by, others=KEYWORDS), cuts)


def score_entries(reader: JudgedReader, question: ScoreQuestion, grouping: Grouping, seed: int) -> Entries | None:
    """Score each group of each partition of a reader; groups without a row are left out.

    What comes of a partition depends on no other one, nor on which are read together.
    """
    parts = (part for chunk in reader.chunks() for part in chunk)
    if question.grouped_by == CELL:
        return Entries.joined([_score_cells(part, reader, question, seed) for part in parts])
    number: list[int] = []
    groups: list[int] = []

    def summed() -> Iterator[SummedOutputs]:
        for part in parts:
            for group, rows in _groups(part, question, grouping):
                number.append(part.number)
                groups.append(group)
                yield _sum(part, rows, reader, question, seed)

    packed = [scores.pack() for scores in scores_of(summed())]
    return Entries(np.array(number, np.int64), np.array(groups, np.int64), np.array(packed)) if packed else None


def _groups(
    part: JudgedRows, question: ScoreQuestion, grouping: Grouping
) -> Iterator[tuple[int, NDArray[np.integer[Any]]]]:
    """Yield the groups that have rows of a partition, and these rows; of a partition as a whole, also none."""
    if question.grouped_by is None and not len(part.time):
        yield 0, np.zeros(0, np.int64)
        return
    label = grouping.label(part)
    order = np.argsort(label, kind="stable")
    there, first = np.unique(label[order], return_index=True)
    for group, rows in zip(there.tolist(), np.split(order, first[1:]), strict=False):  # without a row there is no group
        if group >= 0:
            yield group, rows


def _sum(
    part: JudgedRows, rows: NDArray[np.integer[Any]], reader: JudgedReader, question: ScoreQuestion, seed: int
) -> SummedOutputs:
    every = len(rows) == len(part.time)
    kept = slice(None) if every else rows
    return sum_outputs(
        part.observed[:, kept],
        part.predicted[:, kept],
        dict(zip(reader.baselines, part.baselines[..., kept], strict=True)),
        reader.plan.time[part.time[kept]],
        metrics=question.metrics,
        key=seed,
        cell=part.cell[kept],
        within=None if part.within is None else part.within[:, kept],
        replicates=REPLICATES,
    )


def _score_cells(part: JudgedRows, reader: JudgedReader, question: ScoreQuestion, seed: int) -> Entries:
    if not len(part.time):
        return Entries(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    cells, scores = score_each_cell(
        part.observed,
        part.predicted,
        dict(zip(reader.baselines, part.baselines, strict=True)),
        reader.plan.time[part.time],
        part.cell,
        metrics=question.metrics,
        key=seed,
        within=part.within,
        replicates=REPLICATES,
    )
    return Entries(np.full(len(cells), part.number), cells.astype(np.int64), scores.pack())
