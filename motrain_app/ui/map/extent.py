"""The part of the world that a map shows: four numbers, and how they fit the frame of a figure.

The map draws longitude and latitude on plain axes, one degree of longitude `stretch` times as wide as one of
latitude. The stretch is the cosine of the middle latitude of the data, so that shapes and distances are true
there, and it never changes while one looks around: panning does not bend the map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Extent = tuple[float, float, float, float]
"""lon0, lon1, lat0, lat1 in degrees. lon1 > lon0, so an extent over the antimeridian ends beyond 180."""

WORLD: Extent = (-180.0, 180.0, -90.0, 90.0)
_NARROWEST = 0.002  # degrees of latitude, 200 m: below it rounding shows
_MARGIN = 0.06  # of the data's span, so that no cell touches the frame
_MEASURED_AS_WORLD = 300.0  # degrees of longitude: data that go round so far are shown as the whole world


def check_extent(extent: Sequence[float]) -> Extent:
    """
    Return the extent as four floats, moved by whole turns until its middle lies in (−180, 180].

    Raises
    ------
    ValueError
        If it is not four finite numbers with lon0 < lon1 and lat0 < lat1.
    """
    lon0, lon1, lat0, lat1 = (float(value) for value in extent)
    if not all(map(math.isfinite, (lon0, lon1, lat0, lat1))) or lon0 >= lon1 or lat0 >= lat1:
        raise ValueError(f"an extent is lon0 < lon1, lat0 < lat1, not {tuple(extent)}")
    turns = 360 * math.ceil(((lon0 + lon1) / 2 - 180) / 360)
    return lon0 - turns, lon1 - turns, lat0, lat1


def home_extent(lon: ArrayLike, lat: ArrayLike, *, least: float = 3.0) -> Extent:
    """
    Return the extent of all cells with a margin; over the antimeridian where that is the shorter way round.

    Parameters
    ----------
    lon, lat
        Degrees, shape (n_cells,). Cells without a position are left out; without any, it is the world.
    least
        Degrees of latitude that are shown at least, so that a single cell is seen among its surroundings.

    Examples
    --------
    >>> home_extent([0, 10], [40, 50])
    (-0.6, 10.6, 39.4, 50.6)
    >>> home_extent([175, -175], [-1, 1])[:2]
    (174.4, 185.6)
    """
    lon, lat = np.asarray(lon, float).ravel(), np.asarray(lat, float).ravel()
    known = np.isfinite(lon) & np.isfinite(lat)
    if not known.any():
        return WORLD
    lat0, lat1 = _widened(float(lat[known].min()), float(lat[known].max()), least)
    first, last = _shortest_arc(lon[known])
    if last - first > _MEASURED_AS_WORLD:
        return WORLD[0], WORLD[1], max(lat0, -90.0), min(lat1, 90.0)
    stretch = stretch_at((lat0 + lat1) / 2)
    lon0, lon1 = _widened(first, last, least / stretch)
    return check_extent((lon0, lon1, max(lat0, -90.0), min(lat1, 90.0)))


def _shortest_arc(lon: NDArray[np.float64]) -> tuple[float, float]:
    """Return where the cells begin and end when one goes round the other way than over their widest gap."""
    turned = np.mod(lon, 360.0)
    # The gap is looked for in tenths of a degree: sorting a million longitudes would keep others waiting.
    tenths = np.flatnonzero(np.bincount((turned * 10).astype(np.intp), minlength=3600))
    widest = int(np.argmax(np.diff(tenths, append=tenths[0] + 3600)))
    start = tenths[(widest + 1) % len(tenths)] / 10
    beyond = np.mod(turned - start, 360.0)
    first = start + float(beyond.min())
    # Written as the cells have it: 10° W is −10, not 350.
    first = first - 360.0 if first >= 180.0 else first
    return first, first + float(np.ptp(beyond))


def _widened(low: float, high: float, least: float) -> tuple[float, float]:
    half = max((high - low) * (0.5 + _MARGIN), least / 2)
    middle = (low + high) / 2
    return round(middle - half, 6), round(middle + half, 6)


def stretch_at(lat: float) -> float:
    """
    Return how wide a degree of longitude is drawn, in degrees of latitude, on a map with this middle latitude.

    Near a pole the cosine goes to nothing; a fifth is the least that is drawn.

    Examples
    --------
    >>> stretch_at(60)
    0.5
    >>> stretch_at(90)
    0.2
    """
    return max(round(math.cos(math.radians(lat)), 6), 0.2)


def fit_extent(extent: Extent, width: float, height: float, stretch: float) -> Extent:
    """
    Return the least extent of the frame's shape that holds the wanted one, about the same middle.

    The browser does the same whenever the frame changes its size (`map_frame.js`); this one is for what
    happens before a browser looks.

    Examples
    --------
    >>> fit_extent((0, 10, 0, 10), 200, 100, 1.0)
    (-5.0, 15.0, 0.0, 10.0)
    """
    lon0, lon1, lat0, lat1 = extent
    scale = max((lon1 - lon0) * stretch / width, (lat1 - lat0) / height, _NARROWEST / height)
    lon, lat = (lon0 + lon1) / 2, (lat0 + lat1) / 2
    half_lon, half_lat = scale * width / stretch / 2, scale * height / 2
    return lon - half_lon, lon + half_lon, lat - half_lat, lat + half_lat


def extent_about(lon: float, lat: float, span: float, stretch: float) -> Extent:
    """Return the extent of `span` degrees of latitude, and as much in width, about a place."""
    return check_extent((lon - span / stretch / 2, lon + span / stretch / 2, lat - span / 2, lat + span / 2))


def same_extent(one: Extent | None, other: Extent | None) -> bool:
    """Tell whether two extents differ by less than a thousandth of their size: nothing one could see."""
    if one is None or other is None:
        return one is other
    allowed = 1e-3 * (one[3] - one[2])
    return all(abs(a - b) <= allowed for a, b in zip(one, other, strict=True))
