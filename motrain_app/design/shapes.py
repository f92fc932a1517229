"""Drawn shapes: a region's GeoJSON geometry, checked and mended, and the cells within it."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.errors import DesignError

if TYPE_CHECKING:
    from motrain_app.design.regions import Region

_OUTERMOST = 720.0  # degrees of longitude: two turns, more than a map can be panned by mistake
_ROUNDING = 1e-6


def shape_of(region: "Region") -> Any:
    """Return the shapely polygon of a drawn region, valid and with an area.

    Edges are straight in lon/lat, and longitudes count on across the antimeridian (a box from 170 to 190).
    What crosses itself is mended as a person sees it: a bow-tie is its two triangles, overlapping parts are
    one.

    Raises
    ------
    DesignError
        Where the geometry is no polygon on the Earth; says why.
    """
    import shapely

    drawn = _polygon(region)
    mended = drawn if drawn.is_valid else shapely.make_valid(drawn, method="structure", keep_collapsed=False)
    if mended.area == 0:
        raise DesignError(
            f"The region {region.name!r} has no area. Draw at least three corners that are not on one line."
        )
    west, south, east, north = mended.bounds
    if south < -90 - _ROUNDING or north > 90 + _ROUNDING or west < -_OUTERMOST or east > _OUTERMOST:
        raise DesignError(
            f"The region {region.name!r} leaves latitudes of −90 to 90 or longitudes of −720 to 720. "
            "Are its coordinates (lon, lat) in degrees?"
        )
    if any(_runs_around_pole(ring) for ring in _outer_rings(drawn)):
        raise DesignError(
            f"The region {region.name!r} has an edge of more than 180 degrees and seems to run around a "
            "pole. Draw what lies around a pole as a band that ends at latitude 90 or −90."
        )
    return mended


def _polygon(region: "Region") -> Any:
    import shapely
    from shapely.geometry import shape

    try:
        with np.errstate(invalid="ignore"):  # corners without a position are told below
            drawn = shape(dict(region.geometry or {}))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, shapely.errors.ShapelyError):
        raise DesignError(
            f"The shape of region {region.name!r} is no GeoJSON polygon of at least three corners. Draw it again."
        ) from None
    if drawn.geom_type not in ("Polygon", "MultiPolygon"):
        raise DesignError(f"The region {region.name!r} is a {drawn.geom_type}; it must be a polygon.")
    if not np.isfinite(shapely.get_coordinates(drawn)).all():
        raise DesignError(f"The region {region.name!r} has a corner without a position (NaN). Draw it again.")
    return drawn


def _outer_rings(drawn: Any) -> list[NDArray[np.float64]]:
    return [np.asarray(part.exterior.coords)[:, :2] for part in getattr(drawn, "geoms", [drawn])]


def _runs_around_pole(ring: NDArray[np.float64]) -> bool:
    """Tell whether a ring of (lon, lat) goes once around the Earth by an edge that was meant to cross ±180.

    Drawn in lon/lat such a ring is a sliver on the wrong side. A band up to a pole has its long edges of 360
    degrees.
    """
    step = np.diff(ring[:, 0])
    short = step - 360 * np.round(step / 360)
    return bool(abs(short.sum()) > 180 and ((np.abs(step) > 180) & (np.abs(step) < 360 - _ROUNDING)).any())


def cells_inside(shape: Any, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which cells lie within a shape, its edge included.

    Parameters
    ----------
    shape
        As `shape_of` gave it.
    lat, lon
        Degrees, shape (n,), −180 ≤ lon ≤ 180.
    """
    import shapely

    west, south, east, north = shape.bounds
    shapely.prepare(shape)
    inside = np.zeros(len(lat), bool)
    at_latitude = np.flatnonzero((lat >= south) & (lat <= north))
    for turn in range(math.ceil((west - 180) / 360), math.floor((east + 180) / 360) + 1):
        x = lon[at_latitude] + 360.0 * turn
        near = (x >= west) & (x <= east)
        inside[at_latitude[near]] |= shapely.intersects_xy(shape, x[near], lat[at_latitude[near]])
    return inside
