"""Which variables of a file can be used, and why the others cannot."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import xarray as xr

from motrain_app.data.coordinates import CoordinateNames, helper_names, is_moment, is_time_like
from motrain_app.data.layout import Layout
from motrain_app.data.problems import DataError, listing, refuse, shorten

# The true time of each observation (DESIGN.md, "dataset").
OBSERVATION_TIME = "obs_time"


@dataclass(slots=True)
class Sorted:
    """Variables of a file by what becomes of them.

    Parameters
    ----------
    usable
        Numbers in space, time or both.
    moments
        Those of them that hold moments, not numbers.
    helpers, text, elsewhere
        Left out: describing others, not numeric, neither in space nor time.
    further
        Left out for the dimensions named with each.
    """

    usable: list[Hashable] = field(default_factory=list)
    moments: set[Hashable] = field(default_factory=set)
    helpers: list[Hashable] = field(default_factory=list)
    text: list[Hashable] = field(default_factory=list)
    elsewhere: list[Hashable] = field(default_factory=list)
    further: dict[Hashable, list[Hashable]] = field(default_factory=dict)


def sort_out(dataset: xr.Dataset, names: CoordinateNames, layout: Layout | None, time_dim: Hashable | None) -> Sorted:
    """Sort the variables of an undecoded file by what becomes of them."""
    found = Sorted()
    helpers = helper_names(dataset)
    known = {*(layout.space_dims if layout is not None else ()), *(() if time_dim is None else (time_dim,))}
    at_one_point = layout is not None and not layout.space_dims
    for name, variable in dataset.variables.items():
        if name in (names.lat, names.lon, names.time) or variable.dims == (name,):
            continue  # coordinates, and those of dimensions such as depth or the x of a projection
        dims = [dim for dim in variable.dims if variable.sizes[dim] != 1 or dim in known]
        inside = [dim for dim in dims if dim in known]
        further = [dim for dim in dims if dim not in known]
        moment = name == OBSERVATION_TIME and is_moment(variable) and not further and len(inside) > 1
        if name in helpers or (is_time_like(variable) and not moment):
            found.helpers.append(name)
        elif variable.dtype.kind not in "fiubM":
            found.text.append(name)
        elif not inside and not (at_one_point and variable.ndim):
            found.elsewhere.append(name)
        elif further:
            found.further[name] = further
        else:
            found.usable.append(name)
            if moment:
                found.moments.add(name)
    return found


def why_ragged(dataset: xr.Dataset, where: str) -> DataError | None:
    """Why a file with ragged arrays (CF conventions, chapter 9) cannot be used; None for any other."""
    if any({"sample_dimension", "instance_dimension"} & set(v.attrs) for v in dataset.variables.values()):
        return refuse(
            "ragged",
            "Its series are stored one after the other with different lengths (a ragged array)",
            where=where,
            remedy="Save them on the dimensions station and time, with gaps where a station has no value.",
        )
    return None


def why_no_positions(dataset: xr.Dataset, *, has_time: bool, where: str) -> DataError | None:
    """Why a file without latitudes and longitudes cannot be used; None where it may add series over time."""
    standard = {str(variable.attrs.get("standard_name", "")) for variable in dataset.variables.values()}
    how = "add latitudes and longitudes of each cell as variables lat and lon on the same dimensions"
    if standard & {"grid_latitude", "grid_longitude"}:
        return refuse(
            "rotated_grid",
            "Its grid has a rotated pole, and the true latitudes and longitudes are not in the file",
            where=where,
            remedy=f"Before opening, {how}: cdo setgridtype,curvilinear in.nc out.nc does it.",
        )
    if standard & {"projection_x_coordinate", "projection_y_coordinate"}:
        return refuse(
            "projected_grid",
            "Its grid has x and y of a map projection, and latitudes and longitudes are not in the file",
            where=where,
            remedy=f"Before opening, {how}, e.g. with pyproj.",
        )
    if has_time:
        return None
    return refuse(
        "no_coordinates",
        f"No latitude, longitude or time was found among its variables: {listing(dataset.variables)}",
        where=where,
        remedy="Name them lat, lon and time, or give them the attribute standard_name (latitude, longitude, time).",
    )


def why_nothing_usable(dataset: xr.Dataset, found: Sorted, where: str) -> DataError:
    """Why a file holds no variable that can be used."""
    if found.further:
        dims = {dim: dataset.sizes[dim] for further in found.further.values() for dim in further}
        sized = listing(f"{shorten(dim)} ({size:,})" for dim, size in dims.items())
        return refuse(
            "further_dimensions",
            f"Its variables ({listing(found.further)}) have dimensions besides space and time: {sized}",
            where=where,
            count=len(found.further),
            remedy="Choose one entry of each further dimension, average over it, or make each entry a "
            "variable of its "
            "own, and save that: "
            f"xarray.open_dataset('in.nc').isel({shorten(next(iter(dims)))}=0).to_netcdf('out.nc').",
        )
    left = [*found.text, *found.elsewhere, *found.helpers]
    return refuse(
        "no_variables",
        f"It holds no numbers in space or time; its other variables: {listing(left)}"
        if left
        else "It holds no variables besides its coordinates",
        where=where,
        remedy="Open the file that holds the measurements or the model's states.",
    )
