"""Operators judged on each other's partitions: operator i on partition j, out-of-fold on both sides."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from motrain_app.data.matching import on_sphere
from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.comparison.crossing import Predict, predict_by_members, read_withheld
from motrain_app.runs.comparison.one_for_all import folds_of
from motrain_app.runs.comparison.paired import PairedErrors, PairedRows, with_rows
from motrain_app.runs.comparison.withheld import Withheld
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.given import checked_names
from motrain_app.runs.judging import REPLICATES
from motrain_app.runs.plan import Plan
from motrain_app.runs.staged_rows import StagedRows
from motrain_app.runs.store import PartitionRow
from motrain_app.skill import Moments, bias, bootstrap, get_metric, loss_difference, rmse, rmse_change

if TYPE_CHECKING:
    from motrain_app.runs.run import Run

MOST = 50  # partitions: 2,500 pairs are as many as a person can look at
NEIGHBOURS = 9  # that are taken with one that is named
_SAID = {
    "rmse": "root-mean-square error out-of-fold",
    "r2_pooled": "1 − MSE / variance of the observations, pooled over space and time",
    "change": "change of the RMSE to that of the partition's own operator, per cent",
}
_SCORES = [get_metric(name).function for name in ("rmse", "r2_pooled")]


def cross_operators(run: "Run", partitions: str | Sequence[str] | None = None) -> xr.Dataset:
    """Judge each operator on the withheld rows of each partition: whether one does for two, and where it does not.

    A row that fold k withheld is predicted by the operator's member k, which has not seen its fold either. The rows of
    one partition are in memory at a time.

    Parameters
    ----------
    partitions
        Names of at most 50 finished ones; one name for that partition and the nine nearest to it, by the middles of
        their cells; None: all, if they are no more than 50.

    Returns
    -------
    xarray.Dataset
        Over (operator, partition, output): rmse in the output's unit; r2_pooled, 1 − MSE / variance of observations;
        change of the RMSE to that of the partition's own operator in per cent, positive where the partition's own is
        better. Each has a 95 % interval beside it (rmse_low, rmse_high, …); n are the rows, which both operators
        predict.

    Raises
    ------
    RunError
        Where there are more than 50, one is not finished, or nothing was withheld.
    """
    folder = RunFolder(run.path)
    withheld, folds = Withheld(folder), folds_of(run)
    if not folds.jackknife:
        raise RunError(f"Nothing was withheld in {run.path.name}: no operator can be judged. Train with a jackknife.")
    chosen = _chosen(run, withheld, partitions)
    plan, staged, n = withheld.plan, StagedRows(folder.staged()), len(chosen)
    operators = [_of_partition(folder, row, plan) for row in chosen]
    shape = n, n, len(plan.outputs)
    found: dict[str, NDArray[np.generic]] = {name: np.full(shape, np.nan) for name in _names()}
    found["n"] = np.zeros(shape, np.int64)
    for place, row in enumerate(chosen):
        rows = withheld.of_partition(row)
        inputs = read_withheld(staged, rows.key, folds)
        fold = folds.fold_of_atom[folds.atom_of_time[rows.key % len(plan.time)]].astype(np.int16)
        for other, operator in enumerate(operators):
            # Its own as they are kept: without the rounding of computing them anew.
            predicted = rows.predicted if other == place else operator(inputs, fold) - plan.output_offset[:, None]
            both = PairedRows(rows.observed, predicted, rows.predicted, rows.key % len(plan.time))
            daily = PairedErrors(plan.time, run.design.seed, plan.output_offset).daily(both)
            for output in range(len(plan.outputs)):
                for name, value in _judged(daily[output], run.design.seed).items():
                    found[name][other, place, output] = value
    return _as_dataset(found, [row.name for row in chosen], withheld)


def _names() -> list[str]:
    return [f"{name}{end}" for name in _SAID for end in ("", "_low", "_high")]


def _judged(daily: Moments, seed: int) -> dict[str, float]:
    """Return what is said of one pair and output, by name, from moments by day; nothing where no row is common."""
    daily = with_rows(daily)
    if not daily.shape[0]:
        return {}
    # Errors that two operators share last longer than what tells these apart: each has blocks of its own length.
    scores = bootstrap(daily, _SCORES, length_from=[bias, rmse], replicates=REPLICATES, rng=seed)
    change = bootstrap(daily, [rmse_change, loss_difference], replicates=REPLICATES, rng=seed)
    ends = [
        np.stack([found.value[:n], found.low[:n], found.high[:n]], axis=1) * factor
        for found, n, factor in ((scores, len(_SCORES), 1), (change, 1, 100))
    ]
    return dict(zip(_names(), np.concatenate(ends).ravel().tolist(), strict=True)) | {"n": int(daily.merged().n)}


def _nearest(withheld: Withheld, name: str) -> list[str]:
    """Return a partition and those nearest to it: along the sphere, from the middle of its cells to that of theirs."""
    plan, rows = withheld.plan, withheld.rows
    region = np.array([row.number // plan.n_periods for row in rows])
    inside = plan.region_of_cell >= 0
    label, n = plan.region_of_cell[inside], int(plan.region_of_cell.max()) + 1
    at = on_sphere(plan.lat[inside], plan.lon[inside])
    total = np.stack([np.bincount(label, part, n) for part in at.T], axis=1)
    middle = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    mine = next((number for number, row in enumerate(rows) if row.name == name), None)
    if mine is None:
        return [name]
    distance = 1 - middle[region] @ middle[region[mine]]
    distance[mine] = -1
    return [rows[number].name for number in np.argsort(distance, kind="stable")[: 1 + NEIGHBOURS].tolist()]


def _chosen(run: "Run", withheld: Withheld, partitions: str | Sequence[str] | None) -> list[PartitionRow]:
    partitions = _nearest(withheld, partitions) if isinstance(partitions, str) else partitions
    names = [row.name for row in withheld.rows] if partitions is None else checked_names(partitions, "partitions")
    if len(names) > MOST:
        raise RunError(
            f"{len(names):,} partitions make {len(names) ** 2:,} pairs; at most {MOST} partitions can be crossed. "
            "Name those of interest: run.cross([...])."
        )
    finished = {row.name: row for row in withheld.rows}
    missing = [name for name in names if name not in finished]
    if missing:
        which = ", ".join(missing[:5])
        raise RunError(f"{run.path.name} has no finished operator of {which}. run.finished names those that it has.")
    if not names:
        raise RunError(
            f"There is nothing to cross: {withheld.why_no_rows() if not finished else 'no partition was named.'}"
        )
    return [finished[name] for name in names]


def _of_partition(folder: RunFolder, row: PartitionRow, plan: Plan) -> Predict:
    with BlockFile.open(folder.blocks / str(row.file)) as file:
        stack, numbers = file.stack(row.place)
    members = {number: stack.member(slot) for slot, number in enumerate(numbers.tolist())}
    return predict_by_members(members, len(plan.outputs))


def _as_dataset(found: dict[str, NDArray[np.generic]], names: list[str], withheld: Withheld) -> xr.Dataset:
    dims = ("operator", "partition", "output")
    said = _SAID | {"n": "rows"}
    for name in _SAID:
        said |= {f"{name}_low": f"lower end of the 95 % interval of {name}"}
        said |= {f"{name}_high": f"upper end of the 95 % interval of {name}"}
    return xr.Dataset(
        {name: (dims, values, {"long_name": said[name]}) for name, values in found.items()},
        coords={
            "operator": names,
            "partition": names,
            "output": [variable.name for variable in withheld.plan.outputs],
            "unit": ("output", [variable.unit for variable in withheld.plan.outputs]),
        },
        attrs={"rows": "out-of-fold", "partial": withheld.partial_words},
    )
