"""Between shapes, the columns that a browser holds, and the regions of a design. Knows neither Bokeh nor Panel."""

import re
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from motrain_app.design import Region
from motrain_app.ui.drawing.naming import colour_at
from motrain_app.ui.drawing.shape import Part, Ring, Shape, Utterance

VERBS = ("add", "change", "remove", "turn")
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")


def shape_from_region(region: Region) -> Shape | None:
    """Return a drawn region as a shape; None for a rule, and for what is no polygon.

    Examples
    --------
    >>> from motrain_app.design import box
    >>> shape_from_region(box("alps", 5, 44, 10, 47)).rings
    ((((5.0, 44.0), (10.0, 44.0), (10.0, 47.0), (5.0, 47.0)),),)
    """
    geometry = region.geometry or {}
    try:
        match geometry.get("type"):
            case "Polygon":
                parts = [geometry["coordinates"]]
            case "MultiPolygon":
                parts = geometry["coordinates"]
            case _:
                return None
        rings = tuple(tuple(_open(ring) for ring in part) for part in parts)
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    colour = region.options.get("colour")
    return Shape(region.id, region.name, region.kind, rings, colour if _is_colour(colour) else "")


def shapes_from_regions(regions: Iterable[Region] | None) -> tuple[Shape, ...]:
    """Return the shapes of all drawn regions, in order."""
    shapes = (shape_from_region(region) for region in regions or ())
    return tuple(shape for shape in shapes if shape is not None)


def region_from_shape(shape: Shape, region: Region | None = None) -> Region:
    """Return a shape as a region.

    Parameters
    ----------
    shape
        Whatever it holds replaces what the region holds.
    region
        The region as it was. What a shape does not know (further options) is kept; a region that already is
        this shape is returned as it is, so that what was not drawn anew (heights of corners, say) stays exact.
    """
    if region is not None and shape_from_region(region) == shape:
        return region
    options = dict(region.options) if region is not None else {}
    if shape.colour:
        options["colour"] = shape.colour
    elif _is_colour(options.get("colour")):
        del options["colour"]
    parts = [[[list(corner) for corner in (*ring, *ring[:1])] for ring in part] for part in shape.rings]
    geometry: dict[str, Any] = (
        {"type": "Polygon", "coordinates": parts[0]}
        if len(parts) == 1
        else {"type": "MultiPolygon", "coordinates": parts}
    )
    return Region(shape.name, shape.kind, geometry, options, shape.id)


def regions_with_shapes(regions: Iterable[Region] | None, shapes: Sequence[Shape]) -> tuple[Region, ...]:
    """Return the regions of a design after a person drew.

    Parameters
    ----------
    regions
        As they were: the earlier one wins where two overlap.
    shapes
        The drawn ones as they are now, in order. They take the places of the drawn regions; a new one stands after
        them, but before every rule, since a rule leaves few cells to what comes after it.
    """
    before = tuple(regions or ())
    known = {region.id: region for region in before}
    drawn = [region_from_shape(shape, known.get(shape.id)) for shape in shapes]
    still_there = {shape.id for shape in shapes}
    is_place = [region.id in still_there and shape_from_region(region) is not None for region in before]
    new = drawn[sum(is_place) :]
    after: list[Region] = []
    for region, place in zip(before, is_place, strict=True):
        if region.geometry is None:
            after += new
            new = []
        if place:
            after.append(drawn.pop(0))
        elif shape_from_region(region) is None:
            after.append(region)
    return (*after, *new)


def columns_from_shapes(shapes: Sequence[Shape], *, start: int = 0) -> dict[str, list[Any]]:
    """Return shapes as the columns of a data source, one row a shape.

    Rings are float64 arrays: they travel as bytes, ten times faster than lists and exactly.

    Parameters
    ----------
    shapes
        Rows in order.
    start
        Place of the first one in the set; decides the colour of a shape without one.
    """
    return {
        "id": [shape.id for shape in shapes],
        "name": [shape.name for shape in shapes],
        "kind": [shape.kind for shape in shapes],
        "colour": colours_of(shapes, start=start),
        "xs": [_axis(shape.rings, 0) for shape in shapes],
        "ys": [_axis(shape.rings, 1) for shape in shapes],
    }


def colours_of(shapes: Iterable[Shape], *, start: int = 0) -> list[str]:
    """Return the colours that shapes are shown in: their own, or by their place in the set."""
    return [shape.colour or colour_at(place) for place, shape in enumerate(shapes, start)]


def shapes_from_columns(columns: Mapping[str, Sequence[Any]]) -> tuple[Shape, ...]:
    """Return the shapes that columns hold; the inverse of `columns_from_shapes`."""
    rows = zip(*(columns[name] for name in ("id", "name", "kind", "xs", "ys", "colour")), strict=True)
    return tuple(Shape(id_, name, kind, _rings(xs, ys), colour) for id_, name, kind, xs, ys, colour in rows)


def utterance_from_columns(columns: Mapping[str, Sequence[Any]] | None) -> Utterance | None:
    """Return what the browser said; None where that says nothing (a source without rows, a broken row).

    Examples
    --------
    >>> utterance_from_columns({}) is None
    True
    """
    try:
        row = {name: values[0] for name, values in (columns or {}).items()}
        verb, id_ = str(row["verb"]), str(row["id"])
        rings = _rings(row["xs"], row["ys"]) if verb in ("add", "change") else ()
        said = Utterance(int(row["number"]), verb, id_, str(row["kind"]), rings, str(row["mode"]), str(row["selected"]))
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    whole = verb in VERBS and (verb == "turn" or 0 < len(id_) <= 64)
    if verb in ("add", "change"):
        outlines = [ring for part in rings for ring in part]
        whole = whole and bool(outlines) and all(_is_outline(ring) for ring in outlines)
    return said if whole else None


def _is_outline(ring: Ring) -> bool:
    return len(ring) >= 3 and all(isfinite(lon) and isfinite(lat) for lon, lat in ring)


def _is_colour(value: object) -> bool:
    return isinstance(value, str) and _COLOUR.fullmatch(value) is not None


def _open(ring: Sequence[Sequence[float]]) -> Ring:
    corners = tuple((float(corner[0]), float(corner[1])) for corner in ring)
    return corners[:-1] if len(corners) > 1 and corners[0] == corners[-1] else corners


def _axis(rings: Sequence[Part], axis: int) -> list[list[np.ndarray]]:
    return [[np.array([corner[axis] for corner in ring], np.float64) for ring in part] for part in rings]


def _rings(xs: Sequence[Any], ys: Sequence[Any]) -> tuple[Part, ...]:
    return tuple(
        tuple(
            tuple((float(x), float(y)) for x, y in zip(ring_x, ring_y, strict=True))
            for ring_x, ring_y in zip(part_x, part_y, strict=True)
        )
        for part_x, part_y in zip(xs, ys, strict=True)
    )
