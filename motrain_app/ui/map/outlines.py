"""Land, coastlines and borders for the part of the world in view: coarse and whole from afar, fine and cut close up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import shapely
from numpy.typing import NDArray

from motrain_app.data.assets import Layer, Resolution, land_polygons, load_outlines
from motrain_app.ui.map.extent import Extent

_FINE_BELOW = 70.0  # degrees of latitude in view: 1:110 million looks cut with scissors from there on
_TURNS = (-360.0, 0.0, 360.0)  # a view may go on over the antimeridian

Path = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """
    What is drawn under and over the cells, each as one path with NaN between its parts.

    Attributes
    ----------
    window
        The part of the world that it covers. A view inside needs no other backdrop.
    resolution
        Of the outlines.
    land, coastlines, borders
        Longitudes and latitudes. Land is to be filled by the even-odd rule: lakes are rings in it.
    """

    window: Extent
    resolution: Resolution
    land: Path
    coastlines: Path
    borders: Path

    def serves(self, extent: Extent) -> bool:
        """Tell whether this backdrop will do for a view."""
        lon0, lon1, lat0, lat1 = self.window
        inside = lon0 <= extent[0] and extent[1] <= lon1 and lat0 <= max(extent[2], -90) and min(extent[3], 90) <= lat1
        return inside and self.resolution == resolution_for(extent)


def resolution_for(extent: Extent) -> Resolution:
    """Return the resolution that suits a view."""
    return "50m" if extent[3] - extent[2] < _FINE_BELOW else "110m"


def backdrop_for(extent: Extent) -> Backdrop:
    """Return a backdrop for a view, with a view's width to spare on each side; 5 to 40 ms for the fine one."""
    if resolution_for(extent) == "110m":
        return _world()
    lon0, lon1, lat0, lat1 = extent
    window = (lon0 - (lon1 - lon0), lon1 + (lon1 - lon0), max(lat0 - (lat1 - lat0), -90.0), lat1 + (lat1 - lat0))
    lines = (_cut_lines(layer, window) for layer in ("coastlines", "borders"))
    return Backdrop(window, "50m", _cut_land(window), *lines)


@cache
def _world() -> Backdrop:
    paths = (_repeated(load_outlines(layer, "110m").nan_joined()) for layer in ("land", "coastlines", "borders"))
    return Backdrop((-540.0, 540.0, -90.0, 90.0), "110m", *paths)


def _repeated(path: Path) -> Path:
    return _joined([(path[0] + np.float32(turn), path[1]) for turn in _TURNS])


def _cut_lines(layer: Layer, window: Extent) -> Path:
    """Return the points in the window and the next one beyond it, by which a line leaves the window."""
    lon, lat = load_outlines(layer, "50m").nan_joined()
    parts = []
    for turn in _TURNS:
        turned = lon + np.float32(turn)
        inside = (turned >= window[0]) & (turned <= window[1]) & (lat >= window[2]) & (lat <= window[3])
        if not inside.any():
            continue
        kept = inside.copy()
        kept[1:] |= inside[:-1]
        kept[:-1] |= inside[1:]
        # NaN in the place of the first point that is left out of each run.
        ends = kept.copy()
        ends[1:] |= kept[:-1]
        parts.append((np.where(kept, turned, np.nan)[ends], np.where(kept, lat, np.nan)[ends]))
    return _joined(parts)


def _cut_land(window: Extent) -> Path:
    parts = []
    for turn in _TURNS:
        west, east = max(window[0] - turn, -180.0), min(window[1] - turn, 180.0)
        if west >= east:
            continue
        pieces = shapely.get_parts(shapely.clip_by_rect(land_polygons("50m"), west, window[2], east, window[3]))
        pieces = pieces[shapely.get_type_id(pieces) == shapely.GeometryType.POLYGON]
        pieces = pieces[~shapely.is_empty(pieces)]
        if len(pieces) == 0:
            continue  # open sea
        _, points, (rings, _) = shapely.to_ragged_array(pieces)
        lon, lat = points.T.astype(np.float32)
        parts.append((np.insert(lon + np.float32(turn), rings[1:-1], np.nan), np.insert(lat, rings[1:-1], np.nan)))
    return _joined(parts)


def _joined(parts: list[Path]) -> Path:
    """Return several paths as one."""
    gap = np.full(1, np.nan, np.float32)
    if not parts:
        return gap, gap
    lon, lat = (np.concatenate([piece for part in axis for piece in (part, gap)]) for axis in zip(*parts, strict=True))
    return lon.astype(np.float32), lat.astype(np.float32)
