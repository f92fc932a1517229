"""Back from cells to the grid they came from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from motrain_app.data.problems import refuse
from motrain_app.data.selection import take


def unstack_grid(dataset: xr.Dataset) -> xr.Dataset:
    """Put a dataset that came from a grid back onto it, lazily.

    Any selection of its cells is accepted; places of the grid without a cell become NaN (whole numbers then
    become float64).

    Parameters
    ----------
    dataset
        In canonical form, with the coordinates `grid_row` and `grid_column`.

    Returns
    -------
    xarray.Dataset
        On a rectilinear grid: dims `time`, `lat`, `lon`, with rows and columns in the order of the file and
        longitudes −180…180. On any other: dims `time`, `y`, `x` with `lat(y, x)` and `lon(y, x)`.

    Raises
    ------
    DataError
        ``not_a_grid``.
    """
    if "grid_row" not in dataset.coords or "grid_column" not in dataset.coords:
        raise refuse(
            "not_a_grid",
            "The cells of this dataset did not come from a grid",
            remedy="Draw them as points, by their lat and lon.",
        )
    rows, columns = (int(dataset[name].attrs["grid_size"]) for name in ("grid_row", "grid_column"))
    place = dataset["grid_row"].values.astype(np.intp) * columns + dataset["grid_column"].values
    cell = np.full(rows * columns, -1, dtype=np.intp)
    cell[place] = np.arange(len(place))
    lat, lon = (take(dataset[name].variable, "space", cell).values.reshape(rows, columns) for name in ("lat", "lon"))
    axes = _rectilinear_axes(lat, lon)
    dims = ("lat", "lon") if axes is not None else ("y", "x")
    variables = {
        name: _onto_grid(variable.variable, cell, dims, (rows, columns)) if "space" in variable.dims else variable
        for name, variable in dataset.drop_vars(["lat", "lon", "grid_row", "grid_column"]).data_vars.items()
    }
    if axes is not None:
        coords = {"lat": xr.Variable("lat", axes[0]), "lon": xr.Variable("lon", axes[1])}
    else:
        coords = {"lat": xr.Variable(dims, lat), "lon": xr.Variable(dims, lon)}
    for name, position in coords.items():
        position.attrs = dict(dataset[name].attrs)
    if "time" in dataset.coords:
        coords["time"] = dataset["time"].variable
    return xr.Dataset(variables, coords=coords, attrs=dataset.attrs)


def _onto_grid(
    variable: xr.Variable, cell: npt.NDArray[np.intp], dims: tuple[str, str], shape: tuple[int, int]
) -> xr.Variable:
    other = tuple(dim for dim in variable.dims if dim != "space")
    spread = take(variable, "space", cell).transpose(*other, "space")
    data = spread.data.reshape(*spread.shape[:-1], *shape)
    return xr.Variable((*other, *dims), data, dict(variable.attrs))


def _rectilinear_axes(
    lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """One latitude a row and one longitude a column, where that is so and none is unknown."""
    known = np.isfinite(lat)
    if not (known.any(axis=1).all() and known.any(axis=0).all()):
        return None
    rows = np.where(known, lat, -np.inf).max(axis=1)
    columns = np.where(known, lon, -np.inf).max(axis=0)
    same = (lat == rows[:, np.newaxis]) & (lon == columns)
    return (rows, columns) if same[known].all() else None
