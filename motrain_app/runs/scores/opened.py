"""The scores of test rows, which are made when the test is opened and kept from then on."""

from itertools import chain

from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.opening import record_opening
from motrain_app.runs.own_metrics import check_metrics
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.entries import grouping_for, reader_for
from motrain_app.runs.scores.group_scores import score_portions
from motrain_app.runs.scores.grouping import Grouping
from motrain_app.runs.scores.judged_rows import OF_TEST, JudgedReader
from motrain_app.runs.scores.portions import cut_portions
from motrain_app.runs.scores.question import ScoreQuestion
from motrain_app.runs.store import RunStore

_TOGETHER = 64  # portions: half a minute of a core's work, and all that is scored again where the opening is cut off


def open_test(folder: RunFolder, *, workers: int | None = None) -> None:
    """Record an opening, then score the test rows of every finished partition that has none yet.

    Parameters
    ----------
    workers
        Processes that score; see `motrain_app.runs.Run.skill`.

    Raises
    ------
    RunError
        Where the design holds no test back, the run is not staged yet, a metric of it is unknown here, no test row
        could be scored, or the run folder cannot be written: an opening that leaves no trace is none.
    """
    design = folder.design()
    if design.test is None:
        raise RunError("The design of this run has no test rows. Give it a test date, and train again.")
    plan = Plan.load(folder.plan)
    check_metrics(plan.metrics)  # an opening that ends in the middle would still be one
    question = ScoreQuestion(by=(), metrics=plan.metrics, partitions=None, rows=OF_TEST)
    grouping = grouping_for(folder, design, plan, question, None)
    check_test_rows(folder, question, grouping)
    reader = reader_for(folder, plan, question)
    record_opening(folder)
    reader = reader.only([row.number for row in reader.partitions if row.test_scores is None])
    portions = cut_portions(reader, question, grouping)
    with RunStore(folder.store, write=True) as store:
        for some in (portions[first : first + _TOGETHER] for first in range(0, len(portions), _TOGETHER)):
            part = reader.only(list(chain.from_iterable(some)))
            found = score_portions(some, part, folder, question, grouping, design.seed, workers=workers)
            if found is not None:
                store.put_test_scores(dict(zip(found.number.tolist(), found.packed, strict=True)))


def check_test_rows(folder: RunFolder, question: ScoreQuestion, grouping: Grouping) -> None:
    """Raise RunError where no test row could be scored, so that an opening would be for nothing.

    All that is read of test rows is which there are, and in which group.
    """
    reader = JudgedReader(folder, OF_TEST)
    if not reader.partitions:
        raise RunError(f"No partition is finished yet, so no test row can be scored: motrain resume {folder.path}")
    if any((grouping.label(part) >= 0).any() for chunk in reader.chunks() for part in chunk):
        return
    if question.grouped_by is None:
        raise RunError("No finished partition has a test row: there would be no score.")
    within = "" if question.bins is None else f", whose bins are {', '.join(f'{end:g}' for end in question.bins)}"
    group = f"a group of {question.grouped_by}{within}"
    raise RunError(f"No test row of a finished partition lies in {group}: there would be no score.")
