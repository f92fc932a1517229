"""How far the cells of a grid without rows and columns reach, so that gaps in it stay empty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

_FEWEST = 16  # cells from which one may tell a grid from stations
_SAMPLE = 20_000  # cells whose neighbours are looked up: all of a million would take seconds
_BOX = 2.0  # degrees; within it the spacing of the sampled cells stands for all
# On a square or hexagonal grid the fourth neighbour is as far as the first; of points strewn by chance, 2.2 times.
_STREWN = 1.75
# A corner of a square cell lies 0.71 of the spacing from its centre; a little more lets no seams open.
_CORNER = 0.75
_WIDER_IS_A_GAP = 1.6
_ALONE = 4.0  # times the middle reach: no cell is drawn farther


def unit_vectors(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return places on the unit sphere, shape (lat.size, 3): distances there know no antimeridian and no pole."""
    phi, lam = np.radians(lat).ravel(), np.radians(lon).ravel()
    across = np.cos(phi)
    return np.stack([across * np.cos(lam), across * np.sin(lam), np.sin(phi)], axis=-1)


def cell_reach(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    known: NDArray[np.intp],
    tree: KDTree,
    grid_shape: tuple[int, int] | None,
) -> NDArray[np.float64] | None:
    """
    Return how far each known cell is drawn from its centre, as an angle in radians; None if they are no grid.

    Parameters
    ----------
    lat, lon
        Degrees, shape (n_cells,).
    known
        Numbers of the cells with a position; the result and the tree have their order.
    tree
        Of the unit vectors of the known cells.
    grid_shape
        Rows and columns, if the cells are the stack of a grid.
    """
    if grid_shape is not None and min(grid_shape) > 1:
        return _reach_in_grid(unit_vectors(lat, lon).reshape(*grid_shape, 3)).ravel()[known]
    if len(known) < _FEWEST:
        return None
    sample = np.arange(len(known))
    if len(known) > _SAMPLE:
        sample = np.random.default_rng(0).choice(len(known), _SAMPLE, replace=False)
    distance, number = (found[:, 1:] for found in tree.query(tree.data[sample], k=5))
    apart = distance[:, 0] > 0  # two cells in one place tell nothing
    if not apart.any() or np.median(distance[apart, 3] / distance[apart, 0]) > _STREWN:
        return None
    reach = _CORNER * distance.mean(axis=1)
    if len(sample) == len(known):
        # At the edge of the grid the fourth neighbour is far; those within know better.
        reach = np.minimum(reach, np.median(reach[number], axis=1))
        return np.minimum(reach, _ALONE * np.median(reach))
    return _spread_over_boxes(reach, lat[known], lon[known], sample)


def _reach_in_grid(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half the diagonal of each cell of a grid, shape as the grid's; what lies beyond a gap is no neighbour."""
    sides = []
    for axis in (0, 1):
        step = np.linalg.norm(np.diff(vectors, axis=axis), axis=-1)
        before = np.insert(step, 0, np.nan, axis=axis)
        after = np.insert(step, step.shape[axis], np.nan, axis=axis)
        near = np.fmin(before, after)
        far = np.fmax(before, after)
        # Grids that widen are followed; where rows are torn (a seam, a missing part) the near side counts.
        sides.append(np.where(far > _WIDER_IS_A_GAP * near, near, far))
    usual = [np.nanmedian(side) if np.isfinite(side).any() else 0.0 for side in sides]
    rows, columns = (np.where(np.isfinite(side), side, middle) for side, middle in zip(sides, usual, strict=True))
    return _CORNER / np.sqrt(2) * np.hypot(rows, columns)


def _spread_over_boxes(
    reach: NDArray[np.float64], lat: NDArray[np.float64], lon: NDArray[np.float64], sample: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return for all cells the mean reach of the sampled cells in their box; where there is none, the middle one."""
    width = int(360 / _BOX)
    box = np.floor((lat + 90) / _BOX).astype(np.intp) * width + np.floor((lon + 180) / _BOX).astype(np.intp) % width
    count = np.bincount(box[sample], minlength=box.max() + 1)
    total = np.bincount(box[sample], weights=reach, minlength=box.max() + 1)
    usual = float(np.median(reach))
    mean = np.where(count > 0, total / np.maximum(count, 1), usual)
    return np.minimum(mean, _ALONE * usual)[box]
