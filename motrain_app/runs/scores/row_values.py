"""Values of a variable at the rows of a run: from the staged rows where it is the run's, from the data where not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from motrain_app.data import DataError, fingerprint, open_dataset
from motrain_app.design.errors import did_you_mean
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.staged_rows import StagedRows

SLAB_BYTES = 64 << 20  # of dense values that are read at a time

Index = NDArray[np.integer[Any]]
ValuesAt = Callable[[Index, Index], NDArray[np.float64]]  # of cells and time steps, each of shape (rows,)


@dataclass(frozen=True)
class RowValues:
    """A variable that can be looked up at rows.

    Attributes
    ----------
    name, unit
        Of the variable.
    at
        Takes cell and time step of each row, as indices into the dataset, and returns float64 of shape (rows,), NaN
        where there is none.
    meanings
        What the values of a class variable mean, where its attributes say so.
    """

    name: str
    unit: str
    at: ValuesAt
    meanings: dict[float, str]


def row_values(folder: RunFolder, plan: Plan, name: str, *, others: tuple[str, ...] = ()) -> RowValues:
    """Find a variable of the run, or of its data.

    Parameters
    ----------
    others
        What else could have been meant, for the error.

    Raises
    ------
    RunError
        Where there is no such variable, or its values can no longer be had.
    """
    staged = _of_staged(folder, plan, name)
    return staged if staged is not None else _of_dataset(folder, plan, name, others)


def _of_staged(folder: RunFolder, plan: Plan, name: str) -> RowValues | None:
    """Return an input or output from the staged rows; None where it is neither, or they are gone."""
    names = {"inputs": [one.name for one in plan.inputs], "outputs": [one.name for one in plan.outputs]}
    kind = next((kind for kind, known in names.items() if name in known), None)
    if kind is None or not folder.staged().exists():
        return None
    rows, number = StagedRows(folder.staged()), names[kind].index(name)
    variable = (plan.inputs if kind == "inputs" else plan.outputs)[number]
    offset = (rows.input_offset if kind == "inputs" else rows.output_offset)[number]
    position = np.empty(len(rows.cell_at), np.int64)
    position[rows.cell_at] = np.arange(len(rows.cell_at))
    n_times = len(plan.time)

    def at(cell: Index, time: Index) -> NDArray[np.float64]:
        part = rows.read(np.unique(position[cell]))
        known = part.cell.astype(np.int64) * n_times + part.time
        order = np.argsort(known, kind="stable")
        wanted = cell.astype(np.int64) * n_times + time
        place = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(order) - 1)]
        values = getattr(part, kind)[number, place].astype(np.float64) + offset
        return np.where(known[place] == wanted, values, np.nan)

    return RowValues(name, variable.unit, at, {})


def _of_dataset(folder: RunFolder, plan: Plan, name: str, others: tuple[str, ...]) -> RowValues:
    dataset = _open_same(folder, name)
    if name not in dataset.data_vars:
        known = [*others, *map(str, dataset.data_vars)]
        raise RunError(f"Scores cannot be grouped by {name!r}: there is no such variable. {did_you_mean(name, known)}")
    variable = dataset[name]
    if variable.dtype.kind not in "biuf":
        raise RunError(f"{name} holds {variable.dtype}, no numbers. Group by a variable of numbers or classes.")
    same = all(np.array_equal(getattr(plan, axis), dataset[axis].values.astype(np.float64)) for axis in ("lat", "lon"))
    if not same or not np.array_equal(plan.time, dataset["time"].values.astype(plan.time.dtype)):
        raise RunError(f"The data open with other cells or times than when {folder.path} was trained.")
    return RowValues(name, str(variable.attrs.get("units", "")), _lookup(variable), _meanings(variable))


def _open_same(folder: RunFolder, name: str) -> xr.Dataset:
    """Open the data of a run; RunError where they are gone, or have changed."""
    design = folder.design()
    paths = ", ".join(map(str, design.data))
    try:
        mark = fingerprint(list(design.data))
        if mark == folder.info()["fingerprint"]:
            return open_dataset(list(design.data), remedies=design.remedies)
    except DataError as error:
        raise RunError(
            f"{name} does not stand in the run {folder.path}, and its data cannot be read: {error} Group by season, "
            "year, month, fold or cell, or bring the data back."
        ) from None
    raise RunError(
        f"{name} does not stand in the run {folder.path}, and {paths} changed since it was trained: its rows are no "
        "longer those. Train the design anew to group by it."
    )


def _lookup(variable: xr.DataArray) -> ValuesAt:
    if "space" not in variable.dims or "time" not in variable.dims:
        values = variable.values.astype(np.float64)
        along_time = "time" in variable.dims
        return lambda cell, time: values[time if along_time else cell]
    array = variable.transpose("space", "time")
    step = max(1, SLAB_BYTES // (8 * array.sizes["time"]))

    def at(cell: Index, time: Index) -> NDArray[np.float64]:
        found = np.full(len(cell), np.nan)
        slab = cell // step
        order = np.argsort(slab, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(slab[order])) + 1):
            if len(rows):
                # A slice costs dask and the file far less than a list of indices.
                first, last = int(cell[rows].min()), int(cell[rows].max())
                part = array.isel(space=slice(first, last + 1)).values
                found[rows] = part[cell[rows] - first, time[rows]]
        return found

    return at


def _meanings(variable: xr.DataArray) -> dict[float, str]:
    """Return the classes that CF's `flag_values` and `flag_meanings` name; empty where they do not fit together."""
    values = np.atleast_1d(variable.attrs.get("flag_values", []))
    meanings = str(variable.attrs.get("flag_meanings", "")).split()
    if values.dtype.kind not in "biuf" or len(values) != len(meanings) or len(set(meanings)) < len(meanings):
        return {}
    return dict(zip(values.astype(np.float64).tolist(), meanings, strict=True))
