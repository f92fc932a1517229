"""How much of the Earth a cell stands for, so that totals over cells are not those of where cells are dense."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray

__all__ = ["CellAreas", "cell_areas"]

# A gap between neighbouring rows of a grid is this near to a whole number of steps: Gaussian grids pass, and
# coordinates in float32.
_UNEVEN = 0.02
# A grid of which less than this share is there (a coast, a basin) cannot be told from stations with rounded places.
_FILLED = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class CellAreas:
    """Areas of cells relative to each other.

    Parameters
    ----------
    weight
        Shape (cells), without a unit.
    how
        In words: by what cells are weighted, and why.
    """

    weight: FloatArray
    how: str


def cell_areas(lat: NDArray[np.floating], lon: NDArray[np.floating]) -> CellAreas:
    """Return the areas of cells: cos(lat) where they lie on a regular grid of latitude and longitude, else equal ones.

    A grid is regular where its latitudes, and its longitudes, are whole steps apart, and a tenth of it is there.
    Latitudes that are not evenly spaced are taken for a grid of equal areas, such as EASE, or for stations.

    Parameters
    ----------
    lat, lon
        Degrees, shape (cells).

    References
    ----------
    Wilks, D. S. (2019): Statistical Methods in the Atmospheric Sciences, 4th ed., Elsevier, section 9.8.1 (weights by
    the cosine of the latitude).

    Examples
    --------
    >>> import numpy as np
    >>> lat, lon = (axis.ravel() for axis in np.meshgrid([0.0, 30.0, 60.0], [0.0, 30.0], indexing="ij"))
    >>> cell_areas(lat, lon).weight.round(3)
    array([1. , 1. , 0.866, 0.866, 0.5 , 0.5 ])
    >>> cell_areas(np.array([3.1, 4.9, 51.3]), np.array([7.2, 0.4, 11.9])).how
    'cells count alike (they are scattered)'
    """
    lat, lon = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
    rows, columns = np.unique(lat), np.unique(lon)
    filled = len(lat) >= max(_FILLED * len(rows) * len(columns), 4)
    # Few stations at rounded coordinates look even by chance, but hardly two of them share a row and two a column.
    repeat = len(rows) < len(lat) and len(columns) < len(lat)
    if len(rows) > 1 and filled and repeat and _is_even(rows) and _is_even(columns):
        return CellAreas(np.cos(np.deg2rad(lat)), "cells count by their area (cosine of the latitude)")
    return CellAreas(np.ones(len(lat)), "cells count alike (they are scattered)")


def _is_even(places: FloatArray) -> bool:
    """Whether places, ascending, are whole steps apart."""
    gaps = np.diff(places)
    if not len(gaps):
        return True
    steps = gaps / gaps.min()
    return bool((np.abs(steps - steps.round()) <= _UNEVEN * steps.round()).all())
