"""The series of one cell: what was observed there, beside what members that had not seen it predicted."""

import numpy as np
import xarray as xr

from motrain_app.runs.run import Run


def cell_series(run: Run, cell: int) -> xr.Dataset | None:
    """Return observed and predicted (output, time) of one cell, over all its partitions.

    Parameters
    ----------
    cell
        Number in the dataset's `space`.

    Returns
    -------
    xarray.Dataset or None
        As `Run.predictions` gives them for a single cell, sorted by time; None where no finished partition has a row
        there.
    """
    finished = run.finished
    rows = [_rows_at(run.predictions(name), cell) for name in run.partitions_of(cell) if name in finished]
    parts = [part for part in rows if part.sizes.get("time")]
    return xr.concat(parts, dim="time").sortby("time") if parts else None


def _rows_at(rows: xr.Dataset, cell: int) -> xr.Dataset:
    """Return the rows of one cell, over time."""
    if "row" not in rows.dims:
        other = "cell" in rows.coords and int(rows["cell"]) != cell
        return rows.isel(time=slice(0)) if other else rows
    here = rows.isel(row=np.flatnonzero(rows["cell"].values == cell))
    return here.swap_dims(row="time").drop_vars(["cell", "lat", "lon"]).assign_coords(cell=cell)
