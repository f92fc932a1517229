"""Files that come with the package: where they lie, and the outlines of the map among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import shapely
from numpy.typing import NDArray

Layer = Literal["land", "coastlines", "borders"]
Resolution = Literal["110m", "50m"]

_UNITS_PER_DEGREE = 1000  # of the files, see assets/make_outlines.py
_PACKAGE = Path(__file__).parents[1]
# A wheel holds the assets inside the package; a checkout and an editable install beside it.
_FOLDERS = (_PACKAGE / "assets", _PACKAGE.parent / "assets")


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """
    Lines of a map, one after another in flat arrays (the layout of GeoArrow).

    No line crosses the antimeridian: what does in nature is cut there, and both ends lie at ±180°. The
    arrays are read-only, because every session shares them.

    Attributes
    ----------
    lon, lat
        Degrees, shape (n_points,), float32; lon in −180…180.
    starts
        Shape (n_lines + 1,). Line i holds the points ``starts[i]:starts[i + 1]``. A line that returns to
        its first point is a ring.
    polygon_starts
        Shape (n_polygons + 1,), for land; empty for layers of lines. Polygon p has the rings
        ``polygon_starts[p]:polygon_starts[p + 1]``: the first is its shell, further ones are its holes.
        Rings of land also run along the antimeridian and along latitude −90, where coastlines have nothing
        to draw.
    """

    lon: NDArray[np.float32]
    lat: NDArray[np.float32]
    starts: NDArray[np.int32]
    polygon_starts: NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.starts) - 1

    def nan_joined(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """
        Return all lines as one path, which draws far faster than one path a line.

        Returns
        -------
        lon, lat
            Shape (n_points + n_lines − 1,): the points with one NaN between two lines.

        Examples
        --------
        >>> lon, lat = load_outlines("coastlines", "110m").nan_joined()
        >>> int(np.isnan(lon).sum()) == len(load_outlines("coastlines", "110m")) - 1
        True
        """
        gaps = self.starts[1:-1]
        return np.insert(self.lon, gaps, np.nan), np.insert(self.lat, gaps, np.nan)


def asset_path(name: str) -> Path:
    """
    Return the path of a file that comes with the package.

    Parameters
    ----------
    name
        Path below ``assets/``, with forward slashes.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message tells where it was looked for.
    ValueError
        If the name leads out of the folder.

    Examples
    --------
    >>> asset_path("outlines/land_110m.npz").name
    'land_110m.npz'
    """
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"{name!r} leads out of the assets folder; give a path below it")
    for folder in _FOLDERS:
        if (folder / name).is_file():
            return folder / name
    places = " or ".join(str(folder) for folder in _FOLDERS)
    raise FileNotFoundError(f"motrain_app's file {name!r} is not in {places}; install the package again")


@cache
def load_outlines(layer: Layer, resolution: Resolution) -> Outlines:
    """
    Return the outlines of land, its coastlines or the borders between countries.

    The data are Natural Earth's, at 1:110 million for the world and 1:50 million for a region. They lie in
    the package, so nothing is downloaded. A layer is read once per process (0.01 s).

    Raises
    ------
    ValueError
        For a layer or a resolution that does not exist.

    Examples
    --------
    >>> borders = load_outlines("borders", "110m")
    >>> borders.lon.dtype, len(borders) > 300
    (dtype('float32'), True)
    """
    for value, known in ((layer, get_args(Layer)), (resolution, get_args(Resolution))):
        if value not in known:
            raise ValueError(f"no outlines {value!r}; there are {', '.join(known)}")
    with np.load(asset_path(f"outlines/{layer}_{resolution}.npz"), allow_pickle=False) as file:
        # The file holds differences; their sums stay whole numbers until the last step, so no error adds up.
        lon, lat = (
            (np.cumsum(file[axis], dtype=np.int64) / _UNITS_PER_DEGREE).astype(np.float32) for axis in ("lon", "lat")
        )
        outlines = Outlines(lon, lat, file["starts"], file["polygon_starts"])
    for array in (outlines.lon, outlines.lat, outlines.starts, outlines.polygon_starts):
        array.setflags(write=False)
    return outlines


@cache
def land_polygons(resolution: Resolution) -> shapely.MultiPolygon:
    """
    Return all land as one prepared shape, for land masks.

    Ask with `shapely.intersects_xy`, which counts the boundary as land: with `contains_xy` a cell at exactly
    ±180° in Chukotka or at the South Pole would lie in the sea. For 100,000 cells 0.1 s.

    Examples
    --------
    >>> lon, lat = [2.35, -30.0], [48.86, 40.0]  # Paris, the Atlantic
    >>> shapely.intersects_xy(land_polygons("110m"), lon, lat)
    array([ True, False])
    """
    land = load_outlines("land", resolution)
    points = np.column_stack([land.lon, land.lat]).astype(np.float64)
    polygons = shapely.from_ragged_array(shapely.GeometryType.POLYGON, points, (land.starts, land.polygon_starts))
    whole = shapely.multipolygons(polygons)
    shapely.prepare(whole)
    return whole
