"""What a worker does with a block: read its rows, train, judge out-of-fold, write one file."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from motrain_app.design import Design, Folds
from motrain_app.design.splits import make_folds
from motrain_app.learning import Block, Fitted, Stopped, resolve_learner
from motrain_app.learning.registering import Registered
from motrain_app.operators import AnyStack
from motrain_app.runs.axes import Axes
from motrain_app.runs.baselines import Baselines
from motrain_app.runs.blockfile import write_block
from motrain_app.runs.control import Control
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.judging import judge
from motrain_app.runs.lacking import find_lacking
from motrain_app.runs.plan import Plan
from motrain_app.runs.staged_rows import Rows, StagedRows

SAMPLED_FROM = 1 << 20  # rows read at a time, where a sample of them is taken


@dataclass(frozen=True)
class Task:
    """One attempt at a block.

    Attributes
    ----------
    block
        Number of the block.
    only
        Partitions to train; the others keep their slots, masked. None: all of them.
    attempt
        0 at first; part of the file's name.
    """

    block: int
    only: tuple[int, ...] | None = None
    attempt: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a task: the file that holds its results; None where the learner was stopped."""

    file: str | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Workbench:
    """What all tasks of a run share; a worker opens it once."""

    design: Design
    plan: Plan
    rows: StagedRows
    folds: Folds


@lru_cache(maxsize=4)
def open_workbench(folder: str) -> Workbench:
    """Open a run's design, plan and staged rows."""
    run = RunFolder(folder)
    design, rows = run.design(), StagedRows(run.staged())
    return Workbench(design, Plan.load(run.plan), rows, make_folds(design.test, design.jackknife, rows.time))


def train_block(folder: str, task: Task, modules: tuple[Registered, ...] = ()) -> Outcome:
    """Train a block and write its file; whatever a learner raises passes on to the driver.

    Parameters
    ----------
    folder
        The run folder.
    modules
        Those that the person who started the driver named: they may hold the learner.
    """
    for module in modules:
        module.load()
    run, bench, control = RunFolder(folder), open_workbench(folder), Control(Path(folder))
    numbers = bench.plan.partitions(task.block)
    kind, options = resolve_learner(bench.design.learner)
    with threadpool_limits(1):  # one process a core; and the same sums in the same order everywhere
        block, axes, references = read_block(bench, task, numbers, control)
        try:
            learnt = block.without_test()
            fitted = kind.fit(learnt, options)
            baselines = Baselines.fit(bench.plan.baselines, learnt, references)
        except Stopped:
            return Outcome()
    with threadpool_limits(1):  # once more: it holds for what is loaded, and the learner has loaded more
        judged = judge(block, fitted, baselines, axes, bench.plan.metrics)
    lacking = find_lacking(learnt, fitted)
    fitted = replace(fitted, stack=add_offsets(fitted, bench.rows))
    name = f"{task.block:06d}-{task.attempt}.safetensors"
    return Outcome(name, write_block(run.blocks / name, numbers, block, fitted, judged, lacking))


def read_block(
    bench: Workbench, task: Task, numbers: np.ndarray, control: Control
) -> tuple[Block, Axes, NDArray[np.float32] | None]:
    """Read the rows of a block's partitions that are not masked, partition after partition.

    Rows near the test are left out: they are neither learnt from nor judged.

    Returns
    -------
    block : Block
        All that is learnt from or judged.
    axes : Axes
        Where and when its rows are.
    references : numpy.ndarray, optional
        What else the file says of the outputs, [n_outputs, rows]: beside the block, so that no fit comes near it.
    """
    plan = bench.plan
    masked = np.zeros(len(numbers), bool) if task.only is None else ~np.isin(numbers, task.only)
    slot_of = np.full(plan.n_partitions + 1, -1, np.int64)  # the last entry serves rows of no partition
    slot_of[numbers[~masked]] = np.flatnonzero(~masked)
    regions = np.unique(numbers[~masked] // plan.n_periods)
    positions = np.flatnonzero(np.isin(plan.region_of_cell[bench.rows.cell_at], regions))
    rows = _read_rows(bench, positions)
    near = bench.folds.near_test[bench.folds.atom_of_time[rows.time]]
    slot = np.where(near, -1, slot_of[_partition_of(plan, rows)])
    order = np.argsort(slot, kind="stable")
    order = order[np.searchsorted(slot[order], 0) :]
    row_start = np.searchsorted(slot[order], np.arange(len(numbers) + 1)).astype(np.int64)
    of_partitions = np.split(rows.time[order], row_start[1:-1])
    block = Block(
        ids=plan.ids[numbers],
        row_start=row_start,
        inputs=rows.inputs[:, order],
        outputs=rows.outputs[:, order],
        atom=np.concatenate([bench.folds.atoms_of_partition(time) for time in of_partitions]),
        folds=bench.folds,
        seed=bench.design.seed,
        padded_rows=plan.padded_rows,
        stack_slots=plan.stack_slots,
        output_offset=plan.output_offset,
        masked=masked,
        stopped=lambda: control.asked("cancel"),
    )
    references = None if rows.references is None else rows.references[:, order]
    return block, Axes(rows.cell[order], rows.time[order], bench.rows.time), references


def _partition_of(plan: Plan, rows: Rows) -> NDArray[np.int64]:
    """Return the partition of each row of cells that lie in a region; −1 where no period claims its time."""
    region, period = plan.region_of_cell[rows.cell].astype(np.int64), plan.period_of_time[rows.time]
    return np.where(period >= 0, region * plan.n_periods + period, -1)


def _read_rows(bench: Workbench, positions: NDArray[np.int64]) -> Rows:
    """Read the rows of cells at staged positions; of those that the plan leaves out, never many at a time."""
    plan = bench.plan
    if plan.sample is None:
        return bench.rows.read(positions)
    before = np.r_[0, np.cumsum(np.diff(bench.rows.row_start)[positions])]
    step = np.searchsorted(before, np.arange(0, before[-1], SAMPLED_FROM), side="left")
    pieces = []
    for some in np.split(positions, np.unique(step)[1:]):
        rows = bench.rows.read(some)
        number = _partition_of(plan, rows)
        kept = np.flatnonzero(number >= 0)
        kept = kept[plan.sample.keeps(number[kept], rows.cell[kept], rows.time[kept])]
        pieces.append(rows.take(kept))
    return Rows.concatenate(pieces)


def add_offsets(fitted: Fitted, rows: StagedRows) -> AnyStack:
    """Return members in physical units; the range of an input holds what was rounded when its offset was taken off."""
    stack = fitted.stack
    offset = {"input": rows.input_offset, "output": rows.output_offset}
    moved = ("input_mean", "input_low", "input_high", "output_mean", "output_low", "output_high")
    arrays = {n: a + offset[n.split("_")[0]] if n in moved else a for n, a in stack.arrays.items()}
    for name, outwards in (("input_low", -1.0), ("input_high", 1.0)):
        rounding = np.spacing(np.abs(stack.arrays[name]).astype(np.float32)).astype(np.float64)
        arrays[name] = arrays[name] + outwards * np.where(rows.input_offset != 0, rounding, 0.0)
    return replace(stack, arrays={**arrays, **fitted.physical})
