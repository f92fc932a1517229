"""Partitions in portions that take about as long to score as each other, for several processes; and how many of these.

Portions are cut from the design and the counts of rows, never from timing, and each partition is scored by itself, so
that scores depend neither on the portions nor on who takes which.
"""

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motrain_app.runs.environment import processes
from motrain_app.runs.scores.grouping import CELL, Grouping
from motrain_app.runs.scores.judged_rows import JudgedReader
from motrain_app.runs.scores.question import ScoreQuestion
from motrain_app.skill import get_metric

Portion = list[int]  # numbers of partitions

GROUP_ROWS = 2048  # a group takes as long as so many rows more, be it ever so small
PORTION_ROWS = 1 << 17  # about half a second
_PORTIONS_EACH = 4  # that a process must have at least: it takes a second to start


def cut_portions(reader: JudgedReader, question: ScoreQuestion, grouping: Grouping) -> list[Portion]:
    """Cut the partitions of a reader, in their order, into portions that can be scored apart."""
    rows = reader.rows_of
    cost = rows + GROUP_ROWS * np.minimum(_groups_of(reader, question, grouping), np.maximum(rows, 1))
    portion = (np.cumsum(cost) - cost) // PORTION_ROWS
    numbers = np.array([row.number for row in reader.partitions], np.int64)
    edges = np.flatnonzero(np.diff(portion)) + 1
    return [part.tolist() for part in np.split(numbers, edges)] if len(numbers) else []


def _groups_of(reader: JudgedReader, question: ScoreQuestion, grouping: Grouping) -> NDArray[np.int64]:
    """Return at most how many groups each partition has, shape (partitions,)."""
    numbers = np.array([row.number for row in reader.partitions], np.int64)
    if question.grouped_by != CELL:
        return np.full(len(numbers), len(grouping.names))
    plan = reader.plan
    regions = plan.region_of_cell[plan.region_of_cell >= 0]
    return np.bincount(regions, minlength=plan.n_partitions // plan.n_periods + 1)[numbers // plan.n_periods]


def process_count(portions: Sequence[Portion], question: ScoreQuestion, workers: int | None) -> int:
    """Return in how many processes portions are to be scored; 1: in this one, as where they are few.

    Other processes of ours know the package's own metrics. One that was registered in this process, as in a notebook,
    is known to this one alone.
    """
    ours = all(get_metric(name).function.__module__.startswith("motrain_app.") for name in question.metrics)
    if not ours or not sys.executable:
        return 1
    return max(1, min(processes(workers), len(portions) // _PORTIONS_EACH))
