"""What a pointed-at place means: the words beside the mouse, and the extent that a double click shows."""

from __future__ import annotations

from motrain_app.ui.map.extent import Extent, extent_about
from motrain_app.ui.map.layers import ClassLayer, ValueLayer
from motrain_app.ui.map.pixels import CellLocator

_CELLS_ACROSS = 24  # what a double click on a cell shows
_LEAST_ACROSS = 1.0  # degrees


def read_out(locator: CellLocator, layer: ValueLayer | ClassLayer | None, cell: int) -> tuple[str, list[str]]:
    """Return the first line and the further ones for a cell, plain text; nothing where there is none."""
    if cell < 0:
        return "", []
    place = f"{place_text(locator.lon[cell], locator.lat[cell])} · cell {cell}"
    if layer is None:
        return place, []
    head, rows = layer.read_out(cell)
    return head, [*rows, place]


def closer_extent(locator: CellLocator, view: Extent, cell: int, lon: float, lat: float) -> Extent:
    """
    Return what to show after a double click: a cell and its neighbourhood, or what lies about a place.

    Never farther out than the view, and never so much closer that one is lost.
    """
    span = view[3] - view[2]
    wanted = max(_CELLS_ACROSS * (locator.spacing or 0.0), _LEAST_ACROSS)
    if cell >= 0:
        lon, lat = locator.lon[cell], locator.lat[cell]
    return extent_about(lon, lat, min(span / 2, max(span / 6, wanted)), locator.stretch)


def place_text(lon: float, lat: float) -> str:
    """
    Return a place in degrees.

    Examples
    --------
    >>> place_text(-12.5, 48.25)
    '48.25° N, 12.5° W'
    """
    north, east = (f"{abs(degrees):.3f}".rstrip("0").rstrip(".") for degrees in (lat, lon))
    return f"{north}° {'S' if lat < 0 else 'N'}, {east}° {'W' if lon < 0 else 'E'}"
