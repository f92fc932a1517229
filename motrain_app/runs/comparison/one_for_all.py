"""One operator for all rows, trained as the partitions of a run are: what partitions have to beat.

Equal learner, budget, filters, folds, seed and rows: those that lie in a partition of the run, and in its sample where
it took one. Ridge is fitted exactly, from sums over them. Any other learner trains an ordinary run of one partition
beside the run, on a sample of at most 1,000,000 of them: memory and time are bounded however large the dataset is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motrain_app.data import fingerprint, open_dataset
from motrain_app.design import Design, Folds, Learner
from motrain_app.design.splits import make_folds
from motrain_app.learning import resolve_learner
from motrain_app.learning.ridge import RidgeOptions, fit_ridge_of_sums
from motrain_app.operators import AnyMember, Variable
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.claims import Claims
from motrain_app.runs.comparison.paying import MAX_ROWS, find_one_for_all
from motrain_app.runs.comparison.row_sums import sum_rows
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.staged_rows import StagedRows
from motrain_app.runs.staging import stage_design
from motrain_app.runs.store import DONE, RunStore
from motrain_app.runs.task import add_offsets

if TYPE_CHECKING:
    import xarray as xr

    from motrain_app.runs.run import Run

Train = Callable[[Design, Path, int, "Run"], "Run"]


@dataclass(frozen=True, slots=True, eq=False)
class OneForAll:
    """The members of one operator for all, and where its inputs are read.

    Attributes
    ----------
    members
        By fold, in physical units. A fold without enough rows has none.
    staged
        The rows that hold its inputs.
    learner
        Kind of it.
    run
        Name of the run that trained it; None where it was fitted from sums.
    """

    members: Mapping[int, AnyMember]
    staged: StagedRows
    learner: str
    run: str | None = None

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """Its inputs, static ones last."""
        return self.staged.inputs


def one_for_all(run: "Run", *, static: bool = False, max_rows: int = MAX_ROWS, train: Train | None = None) -> OneForAll:
    """Return one operator for all rows that a run's partitions claim, trained as they are.

    Parameters
    ----------
    static
        Give it also what lies over space only, so that it can tell places apart; see `static_inputs`.
    max_rows
        Training rows that it may learn from at most, unless it is ridge.
    train
        Trains a design in a folder of runs, with a limit of rows, on those of a run; None: `motrain_app.train`, with a
        worker a core. It is asked only where no such run is in the folder yet.

    Raises
    ------
    RunError
        Where it cannot be trained, or the data changed since the run was made.
    """
    design = _design(run, static=static)
    _, options = resolve_learner(design.learner)
    if isinstance(options, RidgeOptions):
        return fit_for_all(run, design)
    other = find_one_for_all(run.path.parent, run, same_rows=True, design=design, max_rows=max_rows)
    if other is None:
        _refuse_changed(run)
        other = (train or train_with())(design, run.path.parent, max_rows, run)
    return _of_run(other)


def fit_for_all(run: "Run", design: Design) -> OneForAll:
    """Fit ridge on the rows that a run's partitions claim, from sums over them, exactly.

    Parameters
    ----------
    design
        Of one operator for all; its learner is "ridge" or "ridge2".

    Raises
    ------
    RunError
        Where the rows train no member.
    """
    _, options = resolve_learner(design.learner)
    assert isinstance(options, RidgeOptions)
    staged, folds = _staged(run, design), folds_of(run)
    claims = Claims.of_plan(Plan.load(RunFolder(run.path).plan))
    fitted = fit_ridge_of_sums(sum_rows(staged, claims, folds, options.features), folds, options)
    if fitted.errors:
        raise RunError(f"One operator for all cannot be trained. {fitted.errors[0]}")
    stack = add_offsets(fitted, staged)
    members = {number: stack.member(number) for number in np.flatnonzero(fitted.present[0]).tolist()}
    return OneForAll(members, staged, design.learner.kind)


def folds_of(run: "Run") -> Folds:
    """Return the folds of a run, on the time axis of its staged rows."""
    return make_folds(run.design.test, run.design.jackknife, StagedRows(RunFolder(run.path).staged()).time)


def is_fitted_at_once(design: Design) -> bool:
    """Say whether one operator for all needs no training, as its learner is ridge."""
    return isinstance(resolve_learner(design.learner)[1], RidgeOptions)


def ridge_like(design: Design) -> Learner:
    """Return the ridge learner that stands in for a design's: its own where it is one, else the quadratic one."""
    return design.learner if is_fitted_at_once(design) else Learner("ridge2")


def static_inputs(dataset: "xr.Dataset", design: Design, used: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return what tells places apart: variables over space only that are no input, output or reference yet.

    Left out are those that are no numbers, or codes (they have `flag_values` or `flag_meanings`: their size says
    nothing), and those missing at, or the same in, all cells used. Where none is left, latitude and longitude.

    Parameters
    ----------
    dataset
        Canonical.
    used
        bool, shape (n_cells,): the cells that must have them.
    """
    names = [str(name) for name, variable in dataset.data_vars.items() if variable.dims == ("space",)]
    taken = {*design.inputs, *design.outputs, *design.references.values()}
    found = [name for name in names if name not in taken and _tells_apart(dataset[name], used)]
    return tuple(found) or tuple(name for name in ("lat", "lon") if name not in taken)


def _tells_apart(variable: "xr.DataArray", used: NDArray[np.bool_]) -> bool:
    if variable.dtype.kind not in "fiu" or {"flag_values", "flag_meanings"} & set(variable.attrs):
        return False
    values = variable.values[used].astype(np.float64)
    return bool(len(values) and np.isfinite(values).all() and np.ptp(values) > 0)


def _design(run: "Run", *, static: bool) -> Design:
    """Return the design of one operator for all that is like a run's in all else."""
    design = run.design.change(regions=None, periods=None)
    if not static:
        return design
    _refuse_changed(run)
    dataset = open_dataset(list(design.data), remedies=design.remedies)
    staged = StagedRows(RunFolder(run.path).staged())
    used = np.zeros(len(staged.cell_at), bool)
    used[staged.cell_at] = np.diff(staged.row_start) > 0
    used &= Claims.of_plan(Plan.load(RunFolder(run.path).plan)).cells
    return design.change(inputs=(*design.inputs, *static_inputs(dataset, design, used)))


def _refuse_changed(run: "Run") -> None:
    if fingerprint(list(run.design.data)) != RunFolder(run.path).info()["fingerprint"]:
        raise RunError(
            f"The data {', '.join(run.design.data)} changed since {run.path.name} was made. Train its design anew."
        )


def _staged(run: "Run", design: Design) -> StagedRows:
    """Return the staged rows of a design on a run's data: the run's own where it reads the same variables."""
    if design.inputs == run.design.inputs:
        return StagedRows(RunFolder(run.path).staged())
    return stage_design(design, open_dataset(list(design.data), remedies=design.remedies), run.path.parent)


def _of_run(run: "Run") -> OneForAll:
    """Return the members of a finished run of one partition."""
    folder = RunFolder(run.path)
    with RunStore(folder.store) as store:
        (row,) = store.partitions()
    if row.state != DONE:
        why = f": {row.error}" if row.error else f"; it is {row.state}. `motrain resume {run.path}` goes on."
        raise RunError(f"One operator for all was not trained in {run.path}{why}")
    with BlockFile.open(folder.blocks / str(row.file)) as file:
        stack, numbers = file.stack(row.place)
    members = {number: stack.member(slot) for slot, number in enumerate(numbers.tolist())}
    return OneForAll(members, StagedRows(folder.staged()), run.design.learner.kind, run.path.name)


def train_with(
    *, workers: int | None = None, scheduler: str | None = None, register: Sequence[str | Path] = ()
) -> Train:
    """Return the function that trains one operator for all by `motrain_app.train` with these options."""

    def train(design: Design, runs: Path, max_rows: int, rows_of: "Run") -> "Run":
        from motrain_app.runs import launch  # which itself needs runs

        return launch.train(
            design, runs, workers=workers, scheduler=scheduler, register=register, max_rows=max_rows, rows_of=rows_of
        )

    return train
