"""What a run will take, told before it begins: trials, epochs, and minutes on so many workers.

Of a design with P partitions of M members, C candidates each, and rungs r of which the first n_r candidates are trained
until epoch e_r:

* model-epochs ≤ P M Σ_r n_r (e_r − e_{r−1})
* steps of a candidate's epoch = ⌈rows to learn from / batch⌉ + ⌈rows to be judged on / batch⌉, in calls of 8,192 rows,
  of which the last that trains also judges
* CPU-seconds ≤ Σ over members and rungs of (e_r − e_{r−1}) × Σ over the n_r dearest candidates of
  (calls × s_call + steps × s_step), and what stacks that are not full do in vain
* minutes on W workers = CPU-seconds × ⌈B / W⌉ / B of B blocks, and the starting and compiling of every worker

with s_call and s_step, the seconds of a call and of a step, from `motrain_app.runs.paces`. All are upper bounds, as
members that no longer get better stop early. Staging the rows, where they are not, comes on top.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from motrain_app.data import open_dataset
from motrain_app.design import Design, Layout
from motrain_app.learning import resolve_learner
from motrain_app.learning.network_work import Pace, ProgramShape, Work, usual_pace
from motrain_app.runs.cutting import cut, needs
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.member_rows import Array, MemberRows, count_member_rows, finite_share
from motrain_app.runs.paces import PaceStore
from motrain_app.runs.progress import duration
from motrain_app.runs.rows_of import claims_of
from motrain_app.runs.staged_rows import StagedRows

STARTING_SECONDS = 10  # of driver and workers, with TensorFlow: measured 10 to 14 on two busy cores
MEASURED_AT_MOST = 2  # programs of a search: those that do most of the work; the others are as much faster or slower


@dataclass(frozen=True)
class Budget:
    """What a run will take at most.

    Attributes
    ----------
    partitions, members, candidates
        Partitions with anything to train on, members of each at most, candidates of each member.
    model_epochs, steps
        Epochs of all candidates together, and steps of the optimiser; None where the learner counts none.
    cpu_seconds
        Of one core, but for compiling; None where they cannot be told.
    compiling_seconds
        Of each worker.
    blocks
        Pieces of work that workers share.
    unmeasured
        Programs that do most of the work and whose pace was never measured on this machine.
    measured
        Whether any pace was.
    """

    partitions: int
    members: int
    candidates: int
    model_epochs: int | None = None
    steps: int | None = None
    cpu_seconds: float | None = None
    compiling_seconds: float = 0.0
    blocks: int = 0
    unmeasured: tuple[ProgramShape, ...] = ()
    measured: bool = False

    def seconds(self, workers: int) -> float | None:
        """Return how long so many workers take at most; None where it cannot be told."""
        if self.cpu_seconds is None or not self.blocks:
            return None
        return (
            self.cpu_seconds * math.ceil(self.blocks / workers) / self.blocks
            + self.compiling_seconds
            + STARTING_SECONDS
        )

    def words(self, workers: int | None) -> tuple[str, ...]:
        """Say what is trained, how many epochs that are, and how long it takes; as much of it as can be told.

        Parameters
        ----------
        workers
            Processes that train; None where that is not known.

        Examples
        --------
        >>> budget = Budget(300, 10, 12, 516_000, 9_000_000, cpu_seconds=446, blocks=300, measured=True)
        >>> budget.words(workers=2)
        ('12 candidates × 10 members × 300 partitions', 'at most 516,000 model-epochs', 'about 4 min on 2 workers')
        >>> Budget(5, 10, 1).words(workers=2)
        ('10 members × 5 partitions',)
        """
        counts = [(self.candidates, "candidate"), (self.members, "member"), (self.partitions, "partition")]
        what = " × ".join(_counted(*pair) for pair in counts if pair != (1, "candidate"))
        if self.model_epochs is None:
            return (what,)
        epochs = f"at most {_rounded_up(self.model_epochs):,} model-epochs"
        seconds = self.cpu_seconds if workers is None else self.seconds(workers)
        if seconds is None:
            return what, epochs
        where = "of one core" if workers is None else f"on {_counted(workers, 'worker')}"
        return what, epochs, f"{'about' if self.measured else 'roughly'} {duration(seconds)} {where}"


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _rounded_up(number: int, digits: int = 3) -> int:
    """Round up to so many significant digits, so that "at most" stays true.

    Examples
    --------
    >>> _rounded_up(172_013), _rounded_up(40)
    (173000, 40)
    """
    unit: int = 10 ** max(0, len(str(number)) - digits)
    return -(-number // unit) * unit


def make_budget(
    design: Design,
    layout: Layout,
    paces: Mapping[ProgramShape, Pace] | None = None,
    *,
    share: Array | None = None,
    max_rows: int | None = None,
) -> Budget:
    """Say what training a design takes at most; no row is read.

    Parameters
    ----------
    layout
        Of the design.
    paces
        Those that were measured; the others are assumed.
    share
        Of each cell's times that are rows, where that is known, as `motrain_app.runs.member_rows.finite_share` gives
        it: without it, every time of a cell counts as a row.
    max_rows
        Training rows that are taken of a partition at most; None: all.

    Raises
    ------
    DesignError
        Where the learner makes no sense.
    """
    kind, options = resolve_learner(design.learner)
    kind.check(options, len(design.outputs), design.seed)
    rows, members = count_member_rows(layout, share, max_rows=max_rows), layout.folds.n_members
    partitions = int(rows.trained.sum())
    if kind.work is None or not partitions:
        return Budget(partitions, members, candidates=1)
    sizes = {"n_inputs": len(design.inputs), "n_outputs": len(design.outputs)}
    training = rows.training * rows.trained
    need = needs(kind, options, training, members=members, atoms=layout.folds.n_atoms, seed=design.seed, **sizes)
    block_of, _, slots = cut(training, rows.test, need, kind)
    work = kind.work(options, design.seed, slots=slots, **sizes)
    return _of_work(work, rows, paces or {}, members=members, blocks=int(block_of.max()) + 1)


def _of_work(work: Work, rows: MemberRows, paces: Mapping[ProgramShape, Pace], *, members: int, blocks: int) -> Budget:
    there = rows.fit > 0
    fit, judge = rows.fit[there], rows.judge[there]
    used = [_pace(shape, work, paces) for shape in work.shapes]
    share = [0.0] * len(work.shapes)
    for number in work.program:
        share[number] += used[number].of_epochs(work.shapes[number].batch, fit, judge)
    most = sorted(range(len(share)), key=lambda number: -share[number])[:MEASURED_AT_MOST]
    return Budget(
        partitions=int(rows.trained.sum()),
        members=members,
        candidates=len(work.program),
        model_epochs=int(work.at_most([len(fit)] * len(work.program))),
        steps=work.steps(fit, judge),
        cpu_seconds=work.seconds(fit, judge, used, blocks=blocks),
        compiling_seconds=sum(pace.compiling for pace in used),
        blocks=blocks,
        unmeasured=tuple(work.shapes[number] for number in most if work.shapes[number] not in paces),
        measured=any(shape in paces for shape in work.shapes),
    )


def _pace(shape: ProgramShape, work: Work, paces: Mapping[ProgramShape, Pace]) -> Pace:
    """Return a measured pace, or the usual one, as much faster or slower as those of the same search that were."""
    if shape in paces:
        return paces[shape]
    usual, known = usual_pace(shape), [other for other in work.shapes if other in paces]
    if not known:
        return usual
    call, step, compiling = (
        sum(getattr(paces[other], name) for other in known) / sum(getattr(usual_pace(other), name) for other in known)
        for name in ("call", "step", "compiling")
    )
    return Pace(usual.call * call, usual.step * step, usual.compiling * compiling)


def budget_of_run(run: RunFolder) -> Budget:
    """Return the budget of a run that has not begun, with what is known of this machine and of its rows."""
    design = run.design()
    dataset = open_dataset(list(design.data), remedies=design.remedies)
    staged = run.staged()
    share = finite_share(StagedRows(staged), dataset.sizes["time"]) if staged.exists() else None
    known = PaceStore(run.path.parent).known()
    layout, bound = design.layout(dataset), claims_of(run)
    layout = layout if bound is None else bound.restrict(layout)
    return make_budget(design, layout, known, share=share, max_rows=run.info().get("max_rows"))


def workers_of(workers: int | None, scheduler: Any) -> int | None:
    """Return how many workers will train: those asked for, one a core, or None on a cluster that somebody else runs."""
    return None if scheduler else workers or os.cpu_count() or 1
