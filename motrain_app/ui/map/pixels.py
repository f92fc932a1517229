"""Which cell a pixel shows: one integer image a view, from which every map of these cells is one `take`.

Cells come in three kinds, found out from their positions alone:

lattice
    rows and columns, with or without holes (`lattice.py`). A pixel shows the cell in whose box it lies.
tiling
    a curvilinear or unstructured grid. A pixel shows the nearest cell, cut where the grid's spacing ends.
points
    stations, or few cells far apart. A pixel shows the nearest cell if it lies within its dot, whose radius is
    given in pixels, so that five cells are seen on a continent.

Nothing here changes after it is made, so that all sessions and pages share one `CellLocator` a dataset.
"""

from __future__ import annotations

import math
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter
from scipy.spatial import KDTree

from motrain_app.ui.map.extent import Extent, home_extent, stretch_at
from motrain_app.ui.map.lattice import Lattice
from motrain_app.ui.map.spacing import cell_reach, unit_vectors

Kind = Literal["lattice", "tiling", "points"]

# The radius of a dot in pixels, for at most so many cells: few are seen from afar, many do not run together.
_DOTS = ((60, 6.0), (1_000, 4.5), (10_000, 3.0))
_LEAST_DOT = 2.0
_ROUND = 500  # so many dots a browser draws as circles at no cost; more would stop it at every recolouring
_THREADS = min(4, os.cpu_count() or 1)  # of a search; a login node is not ours alone
_REMEMBERED = 8  # indexes of a locator: the pages of a session show the same extent in few sizes


@dataclass(frozen=True, slots=True, eq=False)
class PixelIndex:
    """
    The cell that each pixel of a view shows.

    Attributes
    ----------
    extent
        Outer edges of the image.
    cells
        int32, shape (height, width), −1 where there is none. Row 0 is the southernmost, as Bokeh draws.
    """

    extent: Extent
    cells: NDArray[np.int32]

    def cell_at(self, lon: float, lat: float) -> int:
        """Return the cell drawn at a place, or −1: exactly what the user sees there."""
        lon0, lon1, lat0, lat1 = self.extent
        height, width = self.cells.shape
        column, row = (lon - lon0) / (lon1 - lon0) * width, (lat - lat0) / (lat1 - lat0) * height
        return int(self.cells[int(row), int(column)]) if 0 <= column < width and 0 <= row < height else -1

    def image(self, levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the level of each pixel's cell, 0 where there is none; 1 to 7 ms for 900 × 450 pixels."""
        return np.append(levels, np.uint8(0)).take(self.cells)  # −1 takes the last


class CellLocator:
    """
    Finds the cells of a dataset on a map.

    Making it costs nothing; what it needs (for a million scattered cells a tree of 0.9 s) is made when the first
    index is asked for. It may be used from several threads.

    Parameters
    ----------
    lat, lon
        Degrees, shape (n_cells,), or of the grid's shape. Cells without a finite position are never found.
    grid_shape
        Rows and columns of the grid that the cells are the stack of, if known: the spacing of a curvilinear
        grid is then taken from the grid. A lattice is recognised without it.
    """

    def __init__(self, lat: ArrayLike, lon: ArrayLike, grid_shape: tuple[int, int] | None = None) -> None:
        self.lat = np.array(lat, np.float64).ravel()
        self.lon = np.array(lon, np.float64).ravel()
        if self.lat.shape != self.lon.shape:
            raise ValueError(f"{self.lat.size} latitudes and {self.lon.size} longitudes are not one of each a cell")
        if grid_shape is not None and np.prod(grid_shape) != self.lat.size:
            raise ValueError(f"a grid of {grid_shape} has not {self.lat.size} cells")
        unknown = ~(np.isfinite(self.lat) & np.isfinite(self.lon) & (np.abs(self.lat) <= 90))
        self.lat[unknown] = self.lon[unknown] = np.nan
        self.lon = np.mod(self.lon + 180.0, 360.0) - 180.0
        self._grid_shape = None if grid_shape is None else (int(grid_shape[0]), int(grid_shape[1]))
        self._lock = threading.Lock()
        self._indexes: OrderedDict[tuple[Extent, int, int], PixelIndex] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.lat)

    @cached_property
    def home(self) -> Extent:
        """The extent of all cells."""
        return home_extent(self.lon, self.lat)

    @property
    def stretch(self) -> float:
        """Width of a degree of longitude on maps of these cells, in degrees of latitude."""
        return stretch_at((self.home[2] + self.home[3]) / 2)

    @property
    def kind(self) -> Kind:
        """How the cells stand."""
        if self._lattice is not None:
            return "lattice"
        return "points" if self._reach is None else "tiling"

    @property
    def spacing(self) -> float | None:
        """Degrees of latitude between neighbours; None for points."""
        if self._lattice is not None:
            return min(self._lattice.rows.spacing, self._lattice.columns.spacing * self.stretch)
        return None if self._reach is None else float(np.degrees(np.median(self._reach)) / 0.75)

    @property
    def dot(self) -> float:
        """Radius in pixels of the dots of points."""
        return next((radius for most, radius in _DOTS if len(self) <= most), _LEAST_DOT)

    @property
    def draws_circles(self) -> bool:
        """Whether these are few points, which look better as circles than as pixels of an image."""
        return len(self) <= _ROUND and self.kind == "points"

    def index(self, extent: Extent, width: int, height: int) -> PixelIndex:
        """
        Return the cell of each pixel of a view.

        A lattice takes some milliseconds, 900 × 450 pixels of a million scattered cells 0.2 to 0.6 s: too
        long for an event loop.
        """
        key = (extent, width, height)
        with self._lock:  # two pages that ask for the same view wait for one answer
            if key not in self._indexes:
                self._indexes[key] = PixelIndex(extent, self._cells_of(extent, width, height))
                while len(self._indexes) > _REMEMBERED:
                    self._indexes.popitem(last=False)
            self._indexes.move_to_end(key)
            return self._indexes[key]

    @cached_property
    def _known(self) -> NDArray[np.intp]:
        return np.flatnonzero(np.isfinite(self.lat))

    @cached_property
    def _lattice(self) -> Lattice | None:
        return Lattice.find(self.lat, self.lon)

    @cached_property
    def _tree(self) -> KDTree:
        vectors = unit_vectors(self.lat[self._known], self.lon[self._known])
        # Half the time to build of a balanced tree, and no slower to ask.
        return KDTree(vectors, balanced_tree=False, compact_nodes=False)

    @cached_property
    def _reach(self) -> NDArray[np.float64] | None:
        """Per known cell, how far it is drawn, as an angle in radians; None for points."""
        return cell_reach(self.lat, self.lon, self._known, self._tree, self._grid_shape)

    def _cells_of(self, extent: Extent, width: int, height: int) -> NDArray[np.int32]:
        lon0, lon1, lat0, lat1 = extent
        lon = lon0 + (np.arange(width) + 0.5) * (lon1 - lon0) / width
        lat = lat0 + (np.arange(height) + 0.5) * (lat1 - lat0) / height
        if len(self._known) == 0:
            cells = np.full((height, width), -1, np.int32)
        elif self._lattice is not None:
            cells = self._lattice.at(lat, lon)
        elif self._reach is None:
            cells = self._dots(lat, lon, extent)
        else:
            cells = self._tiles(lat, lon, self._reach)
        cells[np.abs(lat) > 90] = -1
        if self._known.size and self.kind != "points":
            self._show_small_cells(cells, extent)
        cells.setflags(write=False)
        return cells

    def _show_small_cells(self, cells: NDArray[np.int32], extent: Extent) -> None:
        """Give a lone cell between the middles of pixels the pixel it lies in, where nothing else is shown."""
        height, width = cells.shape
        if (extent[3] - extent[2]) / height <= (self.spacing or 0.0) / 2:
            return  # every cell covers a pixel
        cell, row, column = self._on_screen(extent, width, height, margin=0)
        empty = cells[row, column] < 0
        cells[row[empty], column[empty]] = cell[empty]

    def _tiles(self, lat: NDArray[np.float64], lon: NDArray[np.float64], reach: NDArray[np.float64]) -> NDArray:
        pixels = unit_vectors(*np.meshgrid(lat, lon, indexing="ij"))
        # Chords instead of angles: 2 sin(angle / 2). What lies farther than any cell reaches need not be searched.
        chord = 2 * np.sin(np.minimum(reach, np.pi) / 2)
        distance, found = self._tree.query(pixels, distance_upper_bound=float(chord.max()) * 1.0001, workers=_THREADS)
        nothing = found == len(chord)
        found[nothing] = 0
        cells = np.where(nothing | (distance > chord[found]), -1, self._known[found])
        return cells.reshape(len(lat), len(lon)).astype(np.int32)

    def _dots(self, lat: NDArray[np.float64], lon: NDArray[np.float64], extent: Extent) -> NDArray[np.int32]:
        cells = np.full((len(lat), len(lon)), -1, np.int32)
        row, column = np.nonzero(self._near_dots(extent, len(lon), len(lat)))
        if len(row) == 0:
            return cells
        _, found = self._tree.query(unit_vectors(lat[row], lon[column]), workers=_THREADS)
        cell = self._known[found]
        across = np.mod(self.lon[cell] - lon[column] + 180, 360) - 180
        pixel = (extent[1] - extent[0]) / len(lon), (extent[3] - extent[2]) / len(lat)
        in_dot = np.hypot(across / pixel[0], (self.lat[cell] - lat[row]) / pixel[1]) <= self.dot
        cells[row[in_dot], column[in_dot]] = cell[in_dot]
        return cells

    def _near_dots(self, extent: Extent, width: int, height: int) -> NDArray[np.bool_]:
        """Return the pixels in squares about the dots: all that need a search."""
        margin = int(self.dot) + 1
        _, row, column = self._on_screen(extent, width, height, margin=margin)
        near = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
        near[row + margin, column + margin] = 1
        near = maximum_filter(near, 2 * margin + 1, mode="constant")
        return near[margin : margin + height, margin : margin + width] > 0

    def _on_screen(self, extent: Extent, width: int, height: int, *, margin: int) -> tuple[NDArray[np.intp], ...]:
        """Return cell, row and column of each cell in view, once for each time that the world is."""
        lon0, lon1, lat0, lat1 = extent
        row = np.floor((self.lat - lat0) / (lat1 - lat0) * height)
        seen = np.flatnonzero((row >= -margin) & (row < height + margin))  # not those without a position
        found = []
        spare = margin * (lon1 - lon0) / width
        for turn in range(math.ceil((lon0 - spare - 180) / 360), math.floor((lon1 + spare + 180) / 360) + 1):
            column = np.floor((self.lon[seen] + 360.0 * turn - lon0) / (lon1 - lon0) * width)
            here = (column >= -margin) & (column < width + margin)
            found.append((seen[here], row[seen[here]].astype(np.intp), column[here].astype(np.intp)))
        cell, rows, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return cell, rows, columns
