"""Where the cells of a file lie, and how its variables come onto the dims space and time.

Three layouts are one here: the space dimensions are those of latitude and longitude together. None: a single
point; one: scattered cells; two: a grid, rectilinear or curvilinear, whose cells are stacked row by row.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from motrain_app.data.chunking import ChunkPlan, plan_chunks
from motrain_app.data.problems import DataError, Problem, listing, refuse
from motrain_app.data.remedies import Remedy
from motrain_app.data.selection import spread

Positions = npt.NDArray[np.float64]

# Coordinates are held in memory; a header that declares more is not believed.
MOST_CELLS = 100_000_000
_NO_POSITION = 1e15


@dataclass(frozen=True, slots=True)
class Cells:
    """Positions of the cells of a file.

    Parameters
    ----------
    lat, lon
        (n_cells,) degrees; longitudes −180 ≤ lon < 180.
    shape
        Rows and columns of the grid, or None for scattered cells.
    row, column
        (n_cells,) place of each cell on the grid, or None.
    """

    lat: Positions
    lon: Positions
    shape: tuple[int, int] | None = None
    row: npt.NDArray[np.int32] | None = None
    column: npt.NDArray[np.int32] | None = None

    def select(self, index: npt.NDArray[Any]) -> Cells:
        """Some of the cells, by position or mask."""
        grid = {} if self.row is None or self.column is None else {"row": self.row[index], "column": self.column[index]}
        return replace(self, lat=self.lat[index], lon=self.lon[index], **grid)


@dataclass(frozen=True, slots=True)
class Layout:
    """How variables of a file are stacked.

    Parameters
    ----------
    space_dims
        Dimensions of the file that make up `space`, in stacking order; at most two.
    stacked_shape
        Their lengths.
    cells
        The cells that are kept.
    keep
        Positions of those cells among all stacked ones, or None where all are kept.
    remedies, problems
        What was done to the positions.
    """

    space_dims: tuple[Hashable, ...]
    stacked_shape: tuple[int, ...]
    cells: Cells
    keep: npt.NDArray[np.intp] | None
    remedies: tuple[Remedy, ...] = ()
    problems: tuple[Problem, ...] = ()


def find_layout(lat: xr.Variable, lon: xr.Variable, *, time_dim: Hashable | None, where: str = "") -> Layout:
    """Read positions and find out how cells are laid out.

    Parameters
    ----------
    lat, lon
        Decoded but lazy; in degrees or radians (by their units), on at most two dimensions together. A time
        dimension is allowed where the positions do not change along it.
    time_dim
        Dimension of time, if any.
    where
        Name of the file, for messages.

    Raises
    ------
    DataError
        ``text_coordinates``, ``too_many_cells``, ``moving_grid``, ``trajectory``,
        ``too_many_space_dimensions``, ``coordinates_not_degrees`` or ``no_cells``.
    """
    for variable, word in ((lat, "latitudes"), (lon, "longitudes")):
        if variable.dtype.kind not in "fiu":
            raise refuse(
                "text_coordinates",
                f"Its {word} are not numbers but {variable.dtype}",
                where=where,
                remedy="Save them as numbers in degrees.",
            )
        if variable.size > MOST_CELLS:
            raise _too_many(variable.size, where)
    lat, lon = (_without_time(variable, time_dim, where) for variable in (lat, lon))
    sizes: dict[Hashable, int] = {**dict(lat.sizes), **dict(lon.sizes)}
    if len(sizes) > 2:
        raise refuse(
            "too_many_space_dimensions",
            f"Its latitudes and longitudes lie on {len(sizes)} dimensions: {listing(sizes)}",
            where=where,
            remedy="Save one tile or level as a file of its own.",
        )
    if math.prod(sizes.values()) > MOST_CELLS:
        raise _too_many(math.prod(sizes.values()), where)
    remedies: list[Remedy] = []
    problems: list[Problem] = []
    lats, lons = (
        _positions(xr.Variable(variable.dims, degrees), sizes)
        for variable, degrees in zip((lat, lon), _degrees(lat, lon, remedies, problems, where), strict=True)
    )
    cells = Cells(lats, lons)
    if len(sizes) == 2:
        rows, columns = sizes.values()
        row, column = np.divmod(np.arange(rows * columns, dtype=np.int64), columns)
        cells = Cells(lats, lons, (rows, columns), row.astype(np.int32), column.astype(np.int32))
    cells, keep = _placed(cells, remedies, problems, where)
    cells = _wrapped(cells, remedies, problems, where)
    return Layout(tuple(sizes), tuple(sizes.values()), cells, keep, tuple(remedies), tuple(problems))


def stack_variable(
    variable: xr.Variable, layout: Layout | None, *, time_dim: Hashable | None
) -> tuple[xr.Variable, ChunkPlan]:
    """A variable of the file on (space, time), (space) or (time), dask-backed; no value is read.

    Parameters
    ----------
    variable
        Decoded but lazy, on space dimensions, the time dimension, and any others of size one.
    layout
        From `find_layout`, or None for a file without positions.
    time_dim
        Dimension of time, if any.
    """
    space_dims = layout.space_dims if layout is not None else ()
    attributes, known = dict(variable.attrs), {*space_dims, time_dim}
    stored_chunks = variable.encoding.get("preferred_chunks", {})
    variable = variable.isel({dim: 0 for dim, size in variable.sizes.items() if size == 1 and dim not in known})
    plan = plan_chunks(
        variable.sizes,
        stored={dim: stored_chunks[dim] for dim in variable.dims if dim in stored_chunks},
        item_bytes=max(1, variable.dtype.itemsize),
        whole=space_dims[-1] if len(space_dims) == 2 else None,
    )
    variable = variable.chunk(plan.chunks)
    over_time = [dim for dim in variable.dims if dim == time_dim]
    if layout is None or (space_dims and not set(space_dims) & set(variable.dims)):
        return xr.Variable(["time"], variable.data, attributes), plan
    sizes = dict(zip(space_dims, layout.stacked_shape, strict=True))
    variable = spread(variable, sizes).transpose(*over_time, *space_dims)
    stacked = xr.Variable(
        ["time", "space"] if over_time else ["space"],
        variable.data.reshape(*variable.shape[: len(over_time)], math.prod(layout.stacked_shape)),
        attributes,
    )
    if layout.keep is not None:
        stacked = stacked.isel(space=layout.keep)
    return stacked.transpose("space", *(["time"] if over_time else [])), plan


def _too_many(count: int, where: str) -> DataError:
    return refuse(
        "too_many_cells",
        f"It declares {count:,} positions, more than {MOST_CELLS:,}",
        where=where,
        count=count,
        remedy="Open a part of it, or check that the file is what it should be.",
    )


def _positions(variable: xr.Variable, sizes: dict[Hashable, int]) -> Positions:
    """Values for every combination of the space dimensions, the last one fastest: (n_cells,)."""
    return np.array(spread(variable, sizes).transpose(*sizes).values, dtype=np.float64).reshape(-1)


def _without_time(variable: xr.Variable, time_dim: Hashable | None, where: str) -> xr.Variable:
    if time_dim not in variable.dims:
        return variable
    if variable.sizes[time_dim] == 1:
        return variable.isel({time_dim: 0})
    if variable.ndim == 1:
        raise refuse(
            "trajectory",
            "Its positions change with time: it is a track, or a table of single observations",
            where=where,
            remedy="Put it on fixed cells first: average the observations of each cell of a grid, and save that.",
        )
    values = variable.transpose(time_dim, ...).values
    if not np.array_equal(values, np.broadcast_to(values[:1], values.shape), equal_nan=True):
        raise refuse(
            "moving_grid",
            "Its grid moves with time",
            where=where,
            remedy="Interpolate it to a fixed grid first.",
        )
    return variable.isel({time_dim: 0})


def _degrees(
    lat: xr.Variable, lon: xr.Variable, remedies: list[Remedy], problems: list[Problem], where: str
) -> tuple[Positions, Positions]:
    degrees: list[Positions] = []
    for variable in (lat, lon):
        values = np.array(variable.values, dtype=np.float64)
        # What was never written holds NetCDF's default fill value, 9.97e36.
        values[np.abs(values) >= _NO_POSITION] = np.nan
        if str(variable.attrs.get("units", "")).strip().lower().startswith("rad"):
            values = np.rad2deg(values)
            if not remedies:
                remedies.append({"code": "radians_to_degrees"})
                what = "Its positions are in radians; they were converted to degrees"
                problems.append(Problem("note", "radians_to_degrees", what, where=where))
        degrees.append(values)
    furthest = [np.abs(values[np.isfinite(values)]).max(initial=0.0) for values in degrees]
    if furthest[0] > 360 or furthest[1] > 720:
        raise refuse(
            "coordinates_not_degrees",
            f"What it calls latitude reaches {furthest[0]:g}, longitude {furthest[1]:g}: these are no degrees",
            where=where,
            remedy="If they are metres of a map projection, add latitudes and longitudes of each cell as "
            "variables "
            "lat and lon with units degrees_north and degrees_east.",
        )
    return degrees[0], degrees[1]


def _placed(
    cells: Cells, remedies: list[Remedy], problems: list[Problem], where: str
) -> tuple[Cells, npt.NDArray[np.intp] | None]:
    """Without the cells that lie nowhere, such as those outside the disc of a satellite's view."""
    placed = np.isfinite(cells.lat) & np.isfinite(cells.lon)
    if not placed.any():
        raise refuse(
            "no_cells",
            f"None of its {placed.size:,} cells has a position" if placed.size else "It has no cells",
            where=where,
            remedy="Check how the coordinates were written.",
        )
    if placed.all():
        return cells, None
    lost = int((~placed).sum())
    remedies.append({"code": "drop_unplaced_cells", "count": lost})
    what = f"{lost:,} of {placed.size:,} cells have no finite latitude and longitude; they were left out"
    problems.append(Problem("warning", "drop_unplaced_cells", what, where=where, count=lost))
    keep = np.flatnonzero(placed)
    return cells.select(keep), keep


def _wrapped(cells: Cells, remedies: list[Remedy], problems: list[Problem], where: str) -> Cells:
    beyond = (cells.lon < -180) | (cells.lon >= 180)
    if not beyond.any():
        return cells
    # Only those beyond are touched: the others keep their last bit.
    wrapped = (cells.lon[beyond] + 180) % 360 - 180
    lon = cells.lon.copy()
    lon[beyond] = np.where(wrapped >= 180, -180.0, wrapped)
    count = int(beyond.sum())
    remedies.append({"code": "wrap_longitudes", "count": count})
    what = f"{count:,} longitudes lie outside −180…180; they were wrapped"
    problems.append(Problem("note", "wrap_longitudes", what, where=where, count=count))
    return replace(cells, lon=lon)
