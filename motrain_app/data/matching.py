"""Whether files have the same cells, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from motrain_app.data.canonical import Piece
from motrain_app.data.layout import Cells
from motrain_app.data.problems import DataError, Problem, refuse
from motrain_app.data.selection import take

# Positions of the same grid in two files differ by the rounding of float32.
SAME_PLACE_DEGREES = 1e-3


def on_the_same_cells(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces with the cells of the first one that has any, in its order.

    Raises
    ------
    DataError
        ``grids_differ``.
    """
    first = next((piece for piece in pieces if piece.cells is not None), None)
    if first is None or first.cells is None:
        return list(pieces)
    return [piece if piece.cells is None else _aligned(piece, piece.cells, first, first.cells) for piece in pieces]


def _aligned(piece: Piece, cells: Cells, first: Piece, wanted: Cells) -> Piece:
    if len(cells.lat) != len(wanted.lat):
        raise _differ(piece, cells, first, wanted)
    if _same_places(cells, wanted):
        return replace(piece, cells=wanted)
    order = _nearest(cells, wanted)
    if len(np.unique(order)) != len(order) or not _same_places(cells.select(order), wanted):
        raise _differ(piece, cells, first, wanted)
    variables = {
        name: take(variable, "space", order) if "space" in variable.dims else variable
        for name, variable in piece.variables.items()
    }
    remedies = [*piece.remedies, {"code": "reorder_cells", "count": len(order)}]
    what = f"It has the cells of {first.where} in another order; they were reordered"
    problems = [*piece.problems, Problem("note", "reorder_cells", what, where=piece.where, count=len(order))]
    return replace(piece, cells=wanted, variables=variables, remedies=remedies, problems=problems)


def _same_places(cells: Cells, wanted: Cells) -> bool:
    north = np.abs(cells.lat - wanted.lat)
    east = np.abs((cells.lon - wanted.lon + 180) % 360 - 180)
    return bool((north <= SAME_PLACE_DEGREES).all() and (east <= SAME_PLACE_DEGREES).all())


def _nearest(cells: Cells, wanted: Cells) -> npt.NDArray[np.intp]:
    from scipy.spatial import cKDTree  # slow to import, and rarely needed

    _, order = cKDTree(on_sphere(cells.lat, cells.lon)).query(on_sphere(wanted.lat, wanted.lon))
    return np.asarray(order, dtype=np.intp)


def on_sphere(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Points of a sphere of radius 1, shape (cells, 3), from degrees: near ones are near across the date line too."""
    lat, lon = np.deg2rad(lat), np.deg2rad(lon)
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _differ(piece: Piece, cells: Cells, first: Piece, wanted: Cells) -> DataError:
    return refuse(
        "grids_differ",
        f"Its {_extent(cells)} are not the {_extent(wanted)} of {first.where}",
        where=piece.where,
        remedy="Bring both to the same cells first, e.g. cdo remapnn,first.nc second.nc out.nc.",
    )


def _extent(cells: Cells) -> str:
    return (
        f"{len(cells.lat):,} cells at {cells.lat.min():.3f}…{cells.lat.max():.3f} N, "
        f"{cells.lon.min():.3f}…{cells.lon.max():.3f} E"
    )
