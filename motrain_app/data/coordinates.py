"""Which variables of a file are latitude, longitude and time, by CF attributes and customary names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import xarray as xr

from motrain_app.data.calendars import STANDARD_CALENDARS
from motrain_app.data.problems import DataError, listing, refuse

_DEGREES_NORTH = {"degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn"}
_DEGREES_EAST = {"degrees_east", "degree_east", "degree_e", "degrees_e", "degreee", "degreese"}
_ANGLES = {"", "1", "degree", "degrees", "deg", "°", "radian", "radians", "rad"}
_LATITUDES = {
    "lat",
    "latitude",
    "lats",
    "latitudes",
    "nav_lat",
    "xlat",
    "tlat",
    "ulat",
    "glat",
    "gphit",
    "clat",
}
_LONGITUDES = {
    "lon",
    "longitude",
    "lons",
    "longitudes",
    "long",
    "nav_lon",
    "xlong",
    "xlon",
    "tlong",
    "tlon",
    "ulong",
}
_LONGITUDES |= {"ulon", "glon", "glamt", "clon"}
_TIMES = {"t", "date", "dates", "datetime", "times", "valid_time", "time_counter", "timestamp", "xtime"}
# Times of something else: when a forecast began, how far it reaches.
FORECAST_NAMES = {"forecast_reference_time", "forecast_period"}
_BOUNDS_NAME = re.compile(r"(_bnds|_bounds|_bnd|_vertices)$|^(bounds|bnds)_", re.IGNORECASE)
_MOST_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class CoordinateNames:
    """Names of the coordinate variables of a file; None for what it does not have."""

    lat: Hashable | None
    lon: Hashable | None
    time: Hashable | None


def find_coordinates(raw: xr.Dataset, *, where: str = "") -> CoordinateNames:
    """Find latitude, longitude and time among all variables of an undecoded file.

    Attributes that CF defines count more than names: a variable called ``lat`` with units ``degrees_east`` is
    a longitude. Of several candidates those win that most variables lie on.

    Raises
    ------
    DataError
        ``one_coordinate_missing`` where there is a latitude without a longitude or the reverse.
    """
    helpers = helper_names(raw)
    names = [name for name in raw.variables if name not in helpers]
    lats = _best((name, _position_score(raw, name, north=True)) for name in names)
    lons = _best((name, _position_score(raw, name, north=False)) for name in names)
    times = {name: score for name in names if (score := _time_score(raw, name)) > 0}
    time = max(times, key=lambda name: times[name]) if times else None
    if bool(lats) != bool(lons):
        raise _one_missing(raw, next(iter(lats or lons)), lat_found=bool(lats), where=where)
    if not lats:
        return CoordinateNames(None, None, time)
    fields = [
        raw.variables[name].dims for name in names if name not in lats and name not in lons and raw.variables[name].ndim
    ]
    time_dims = set(raw.variables[time].dims) if time is not None else set()

    def merit(pair: tuple[Hashable, Hashable]) -> tuple[bool, int, int]:
        dims = set(raw.variables[pair[0]].dims) | set(raw.variables[pair[1]].dims)
        carried = sum(dims - time_dims <= set(field) for field in fields)
        return (
            carried > 0,
            lats[pair[0]] + lons[pair[1]] + (raw.variables[pair[0]].dims == raw.variables[pair[1]].dims),
            carried,
        )

    lat, lon = max((pair for pair in itertools.product(lats, lons) if pair[0] != pair[1]), key=merit)
    return CoordinateNames(lat, lon, time)


def names_contradict(names: CoordinateNames) -> bool:
    """Whether what the attributes call a latitude is named like a longitude, or the reverse."""
    return str(names.lat).lower() in _LONGITUDES or str(names.lon).lower() in _LATITUDES


def helper_names(raw: xr.Dataset) -> set[Hashable]:
    """Variables that describe others: cell bounds, grid mappings, mesh topologies."""
    helpers: set[Hashable] = set()
    for name, variable in raw.variables.items():
        for attribute in ("bounds", "climatology", "grid_mapping"):
            helpers.update(word.rstrip(":") for word in str(variable.attrs.get(attribute, "")).split())
        if "grid_mapping_name" in variable.attrs or variable.attrs.get("cf_role") == "mesh_topology":
            helpers.add(name)
        if _BOUNDS_NAME.search(str(name)) and variable.ndim:
            helpers.add(name)
    return helpers & set(raw.variables)


def is_moment(variable: xr.Variable) -> bool:
    """Whether a variable holds moments of the standard calendar: ``days since …``, or datetime64."""
    counted = has_start(variable) and variable.attrs.get("calendar", "standard") in STANDARD_CALENDARS
    return counted or variable.dtype.kind == "M"


def is_time_like(variable: xr.Variable) -> bool:
    """Whether a variable holds moments or spans of any kind, or belongs to the making of a forecast."""
    of_forecast = variable.attrs.get("standard_name") in FORECAST_NAMES
    return has_start(variable) or of_forecast or variable.dtype.kind in "mM"


def has_start(variable: xr.Variable) -> bool:
    """Whether the units count from a moment, such as ``days since 2000-01-01``."""
    return " since " in f"{variable.attrs.get('units', '')} "


def _best(scored: Iterable[tuple[Hashable, int]]) -> dict[Hashable, int]:
    found = sorted(((name, score) for name, score in scored if score > 0), key=lambda pair: -pair[1])
    return dict(found[:_MOST_CANDIDATES])


def _position_score(raw: xr.Dataset, name: Hashable, *, north: bool) -> int:
    attributes = raw.variables[name].attrs
    standard = str(attributes.get("standard_name", "")).lower()
    units = str(attributes.get("units", "")).strip().lower().replace(" ", "_")
    word = "latitude" if north else "longitude"
    own_units, other_units = (_DEGREES_NORTH, _DEGREES_EAST) if north else (_DEGREES_EAST, _DEGREES_NORTH)
    # Another standard name (grid_latitude, projection_y_coordinate) or unit says that it is something else.
    if (standard and standard != word) or (units not in own_units | _ANGLES and standard != word):
        return 0
    if units in other_units and standard != word:
        return 0
    score = 8 * (standard == word) + 4 * (units in own_units)
    score += 2 * (str(attributes.get("long_name", "")).lower() == word)
    score += 4 * (attributes.get("_CoordinateAxisType") == word[:3].capitalize())
    score += 3 * (attributes.get("axis") == ("Y" if north else "X") and units.startswith("deg"))
    lowered = str(name).lower()
    if lowered in (_LATITUDES if north else _LONGITUDES):
        score += 5 if lowered in ("lat", "latitude", "lon", "longitude") else 4
    return score


def _time_score(raw: xr.Dataset, name: Hashable) -> int:
    variable = raw.variables[name]
    attributes = variable.attrs
    # Text stored as characters has one more dimension, its length.
    if variable.ndim - (variable.dtype == "S1") > 1:
        return 0
    standard = str(attributes.get("standard_name", "")).lower()
    if standard and standard != "time":
        return 0
    lowered = str(name).lower()
    named = 4 if lowered == "time" else 2 if lowered in _TIMES else 0
    score = 8 * (standard == "time") + named + 3 * (attributes.get("axis") == "T")
    decodable = has_start(variable) or variable.dtype.kind == "M"
    if score or (decodable and variable.dims == (name,)):
        score += 6 * decodable + 2 * (variable.dims == (name,))
    return score


def _one_missing(raw: xr.Dataset, found: Hashable, *, lat_found: bool, where: str) -> DataError:
    has, lacks = ("latitude", "longitude") if lat_found else ("longitude", "latitude")
    return refuse(
        "one_coordinate_missing",
        f"There is a {has} ({listing([found])}) but no {lacks} among the variables {listing(raw.variables)}",
        where=where,
        remedy=f"Give the {lacks} the attribute standard_name = '{lacks}', or name it {lacks[:3]}.",
    )
