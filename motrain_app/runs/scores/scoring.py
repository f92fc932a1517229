"""Scores of a run as tables: those that were stored as they stand, others computed from what the run predicted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.errors import did_you_mean
from motrain_app.runs.environment import processes
from motrain_app.runs.errors import RunError
from motrain_app.runs.given import checked_names
from motrain_app.runs.opening import openings
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.entries import grouping_for
from motrain_app.runs.scores.group_scores import cuts_of, no_scores, score_groups
from motrain_app.runs.scores.grouping import CELL, checked_bins
from motrain_app.runs.scores.judged_rows import HELD_OUT, OF_TEST
from motrain_app.runs.scores.opened import check_test_rows
from motrain_app.runs.scores.question import ScoreQuestion, check_scores
from motrain_app.runs.store import DONE, PartitionRow, RunStore, check_done, failed_words, finished_and_trainable
from motrain_app.skill import discoveries, score_frame, unpack_scores

if TYPE_CHECKING:
    import pandas as pd

    from motrain_app.runs.folder import RunFolder

_ROWS = {HELD_OUT: "out-of-fold", OF_TEST: "test"}  # in the attributes of a table


def skill_frame(
    folder: "RunFolder",
    *,
    by: str | Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    partitions: Sequence[str] | None = None,
    rows: str = HELD_OUT,
    bins: Sequence[float] | None = None,
    workers: int | None = None,
) -> "pd.DataFrame":
    """Return scores as a table; see `motrain_app.runs.Run.skill`."""
    _check_rows(folder, rows)
    processes(workers)  # refuses none at all, also where none is needed
    states = _states(folder)
    plan = Plan.load(folder.plan)
    if rows == OF_TEST and not openings(folder):
        raise RunError("The test is sealed. run.open_test() opens it, and records that.")
    question = _question(plan, by, metrics, partitions, rows, bins)
    if question.partitions is not None:
        check_partitions(question.partitions, states)
    if (
        not question.by
        and bins is None
        and set(question.metrics) <= set(plan.metrics)
        and _all_stored(states, question)
    ):
        frame = _stored(plan, states, question)
    else:
        frame = score_groups(folder, folder.design(), question, workers=workers)
    frame["significant"] = _significant(frame)
    frame.attrs |= {"rows": _ROWS[rows], "partial": partial_words(folder, states)}
    return frame


def _all_stored(states: Sequence[PartitionRow], question: ScoreQuestion) -> bool:
    """Say whether the store has the scores of every finished partition: not where one ended after an opening."""
    if question.rows == HELD_OUT:
        return True
    wanted = None if question.partitions is None else set(question.partitions)
    asked = [row for row in states if row.state == DONE and (wanted is None or row.name in wanted)]
    return all(row.test_scores is not None for row in asked)


def _significant(frame: "pd.DataFrame") -> NDArray[np.bool_]:
    """Say which differences from a baseline remain when false discoveries are controlled at 5 %.

    They are controlled over partitions, in each group by itself; over cells, where these are the groups.
    """
    found = np.zeros(len(frame), bool)
    tested = frame[frame["p"].notna()]
    of_cells = "by" in frame and (frame["by"] == CELL).all()
    together = ["output", "metric", *(["group"] if "group" in frame and not of_cells else [])]
    for places in tested.groupby(together, sort=False, observed=True).indices.values():
        at = tested.index[places]
        found[at] = discoveries(tested["p"].to_numpy()[places])
    return found


def check_question(
    folder: "RunFolder",
    *,
    by: str | Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    rows: str = HELD_OUT,
    bins: Sequence[float] | None = None,
) -> None:
    """Raise RunError where `skill_frame` would refuse to answer, or find no test row; nothing is scored.

    Be the test sealed or not: all that is read of its rows is which there are, and in which group.
    """
    _check_rows(folder, rows)
    _states(folder)
    plan = Plan.load(folder.plan)
    question = _question(plan, by, metrics, None, rows, bins)
    check_scores(folder, plan, question)
    cuts = cuts_of(folder, plan, question)
    if rows == OF_TEST:
        check_test_rows(folder, question, grouping_for(folder, folder.design(), plan, question, cuts))


def _question(
    plan: Plan,
    by: str | Sequence[str] | None,
    metrics: str | Sequence[str] | None,
    partitions: str | Sequence[str] | None,
    rows: str,
    bins: Sequence[float] | None,
) -> ScoreQuestion:
    return ScoreQuestion(
        by=() if by is None else checked_names(by, "by"),
        metrics=plan.metrics if metrics is None else _some_metrics(metrics),
        partitions=None if partitions is None else checked_names(partitions, "partitions"),
        rows=rows,
        bins=None if bins is None else checked_bins(bins),
    )


def _some_metrics(metrics: str | Sequence[str]) -> tuple[str, ...]:
    found = checked_names(metrics, "metrics")
    if not found:
        raise RunError("No metric was named. Give one or more names, or leave metrics out for those of the run.")
    return found


def partial_words(folder: "RunFolder", states: Sequence[PartitionRow] | None = None) -> str:
    """Say how much of a run is finished, where that is not all that has something to train, and how much failed."""
    states = _states(folder) if states is None else states
    done, trainable = finished_and_trainable(states)
    return "" if done == trainable else f"{done:,} of {trainable:,} partitions{failed_words(states)}"


def _states(folder: "RunFolder") -> list[PartitionRow]:
    with RunStore(folder.store) as store:
        return store.partitions()


def _check_rows(folder: "RunFolder", rows: str) -> None:
    if rows not in tuple(_ROWS):
        raise RunError(f"rows is {rows!r}: give {HELD_OUT!r} or {OF_TEST!r}.")
    if rows == OF_TEST and folder.design().test is None:
        raise RunError("The design of this run has no test rows. Give it a test date, and train again.")


def check_partitions(names: Sequence[str], states: Sequence[PartitionRow]) -> None:
    """Raise RunError where a run has no partition of some name, or it is not finished."""
    known = {row.name: row for row in states}
    missing = sorted(set(names) - set(known))
    if missing:
        raise RunError(f"The run has no partition {missing[0]!r}. {did_you_mean(missing[0], known)}")
    for name in names:
        check_done(known[name])


def _stored(plan: Plan, states: Sequence[PartitionRow], question: ScoreQuestion) -> "pd.DataFrame":
    """Return the scores that were stored when the partitions were trained, or the test was opened."""
    wanted = None if question.partitions is None else set(question.partitions)
    found = {row.name: row.scores if question.rows == HELD_OUT else row.test_scores for row in states}
    packed = {
        name: scores for name, scores in found.items() if scores is not None and (wanted is None or name in wanted)
    }
    outputs = [variable.name for variable in plan.outputs]
    if packed:
        stacked = np.array(list(packed.values())).reshape(len(packed), len(outputs), -1)
        scores = unpack_scores(stacked, metrics=plan.metrics, baselines=plan.baselines)
    else:
        scores = no_scores(plan.metrics, plan.baselines, len(outputs))
    frame = score_frame(scores, partitions=list(packed), outputs=outputs)
    places = [plan.metrics.index(name) for name in question.metrics]
    lines = np.arange(len(packed) * len(outputs))[:, None] * len(plan.metrics) + places
    return frame.iloc[lines.ravel()].reset_index(drop=True)
