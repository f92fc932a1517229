"""Scores by group: of seasons, years, folds, cells, classes or ranges of a variable; of each partition, or of all.

Everything is computed from the predictions that block files hold, read a few partitions at a time, so that memory does
not grow with their number; also metrics that were registered after the run was trained. Partitions are scored on all
cores by processes. All of them together are summed in one order, which decides the last bits: threads take one output
each, and read what comes next.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from motrain_app.design import Design
from motrain_app.runs.environment import processes
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.judging import REPLICATES
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.entries import Entries, grouping_for, reader_for, score_entries
from motrain_app.runs.scores.grouping import ALL, KEYWORDS, Cuts, Grouping, find_cuts
from motrain_app.runs.scores.judged_rows import CHUNK_ROWS, OF_TEST, JudgedReader, JudgedRows, joined
from motrain_app.runs.scores.portions import Portion, cut_portions, process_count
from motrain_app.runs.scores.question import ScoreQuestion, check_scores
from motrain_app.runs.scores.row_values import row_values
from motrain_app.runs.scores.score_processes import score_in_processes
from motrain_app.skill import (
    BestBaselines,
    Piece,
    Scores,
    Totals,
    cell_areas,
    score_frame,
    score_outputs,
    unpack_scores,
)

if TYPE_CHECKING:
    import pandas as pd

TOTAL = "all partitions"  # in the column `partition`


def score_groups(
    folder: RunFolder, design: Design, question: ScoreQuestion, *, workers: int | None = None
) -> "pd.DataFrame":
    """Answer a question; see `motrain_app.runs.Run.skill` for the columns.

    Parameters
    ----------
    workers
        Processes that score partitions, at most; by default one a core.

    Raises
    ------
    RunError
        Where it cannot be answered, with the reason.
    """
    plan = Plan.load(folder.plan)
    check_scores(folder, plan, question)
    reader = reader_for(folder, plan, question)
    cuts = cuts_of(folder, plan, question)
    grouping = grouping_for(folder, design, plan, question, cuts)
    if question.pooled:
        return _of_all(reader, design, question, grouping, threads=processes(workers))
    portions = cut_portions(reader, question, grouping)
    found = score_portions(portions, reader, folder, question, grouping, design.seed, cuts=cuts, workers=workers)
    return _frame_of(found, reader, question, grouping)


def score_portions(
    portions: Sequence[Portion],
    reader: JudgedReader,
    folder: RunFolder,
    question: ScoreQuestion,
    grouping: Grouping,
    seed: int,
    *,
    cuts: Cuts | None = None,
    workers: int | None = None,
) -> Entries | None:
    """Score all partitions of a reader, of which portions are made, in as many processes as are worth while."""
    number = process_count(portions, question, workers)
    if number > 1:
        return score_in_processes(folder, question, cuts, portions, workers=number)
    return score_entries(reader, question, grouping, seed)


def cuts_of(folder: RunFolder, plan: Plan, question: ScoreQuestion) -> Cuts | None:
    """Return how the variable that a question groups by is cut; None where it groups by none."""
    by = question.grouped_by or ALL
    if by in KEYWORDS:
        return None
    values = row_values(folder, plan, by, others=KEYWORDS)
    if question.partitions == () and question.bins is None:
        raise RunError(f"No partition was named, of whose rows ranges of {by} could be made. Give their ends as bins.")
    withheld = JudgedReader(folder, partitions=question.partitions)
    others = JudgedReader(folder, OF_TEST, partitions=question.partitions) if question.rows == OF_TEST else None
    return find_cuts(
        values,
        (part for chunk in withheld.chunks() for part in chunk),
        withheld.most_rows,
        bins=question.bins,
        others=() if others is None else (part for chunk in others.chunks() for part in chunk),
    )


def _frame_of(
    found: Entries | None, reader: JudgedReader, question: ScoreQuestion, grouping: Grouping
) -> "pd.DataFrame":
    scores, partitions, groups = None, list[str](), list[str]()
    if found is not None:
        scores = unpack_scores(found.packed, metrics=question.metrics, baselines=reader.baselines)
        names = {row.number: row.name for row in reader.partitions}
        partitions = [names[number] for number in found.number.tolist()]
        groups = [grouping.names[group] for group in found.group.tolist()]
    return _frame(scores, reader, question, partitions, groups if question.grouped_by is not None else None)


def _of_all(
    reader: JudgedReader, design: Design, question: ScoreQuestion, grouping: Grouping, *, threads: int
) -> "pd.DataFrame":
    """Score all partitions together, in two passes: which baseline is best, then the scores."""
    plan = reader.plan
    areas = cell_areas(plan.lat, plan.lon)
    sizes = {"n_groups": len(grouping.names)}
    finder = BestBaselines(areas.weight, n_outputs=len(plan.outputs), n_baselines=len(reader.baselines), **sizes)
    with ThreadPoolExecutor(min(threads, len(plan.outputs) + 1), "motrain-totals") as pool:
        for piece in _read_ahead(_pieces(reader.without_intervals(), grouping), pool):
            finder.add(piece)
        totals = Totals(
            areas.weight,
            (plan.time.min(), plan.time.max()),
            metrics=question.metrics,
            baselines=reader.baselines,
            best=finder.best(),
            sampled=finder.sampled(),
            **sizes,
        )
        for piece in _read_ahead(_pieces(reader, grouping), pool):
            # Of one large region alone, the rows of one output at a time are in memory.
            totals.add(piece, pool.map if len(piece.time) <= 2 * CHUNK_ROWS else map)
    scores = totals.scores(key=design.seed, replicates=REPLICATES)
    there = np.flatnonzero((scores.n > 0).any(axis=1))
    kept = unpack_scores(scores.pack()[there], metrics=question.metrics, baselines=reader.baselines)
    names = [grouping.names[group] for group in there.tolist()]
    frame = _frame(kept if names else None, reader, question, [TOTAL] * len(names), names)
    frame.attrs["weights"] = areas.how
    return frame


def _read_ahead(pieces: Iterator[Piece], pool: Executor) -> Iterator[Piece]:
    """Yield pieces, of which the next is being read meanwhile."""
    coming = pool.submit(next, pieces, None)
    while (piece := coming.result()) is not None:
        coming = pool.submit(next, pieces, None)
        yield piece


def _pieces(reader: JudgedReader, grouping: Grouping) -> Iterator[Piece]:
    return (_piece(chunk, reader.plan, grouping) for chunk in reader.chunks())


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
