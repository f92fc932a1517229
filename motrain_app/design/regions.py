"""Regions: named parts of space, and the one label that they give to each cell.

A region is a GeoJSON feature. Drawn ones carry a geometry; rule regions ("each cell", "the rest") have a null
geometry and a kind that says how they find their cells. A kind is one function with the decorator
`region_kind`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.errors import DesignError, did_you_mean
from motrain_app.design.identity import IdArray, combine_ids, id_of_text, ids_of_positions
from motrain_app.design.plain import plain
from motrain_app.design.shapes import cells_inside, shape_of

if TYPE_CHECKING:
    import xarray as xr

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Region:
    """A named part of space.

    Parameters
    ----------
    name
        What the screen and the tables show; a label that may change.
    kind
        One of `region_kinds()`: how the region finds its cells.
    geometry
        GeoJSON geometry in degrees, for kinds that are drawn; None for rules.
    options
        What the kind needs beyond a geometry.
    id
        Never changes; the name where nothing else is given.
    """

    name: str
    kind: str = "polygon"
    geometry: Mapping[str, Any] | None = field(default=None, hash=False)
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    id: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise DesignError("A region has no name. Give it one.")
        object.__setattr__(self, "id", self.id or self.name)
        object.__setattr__(self, "geometry", plain(self.geometry, f"shape of region {self.name!r}"))
        object.__setattr__(self, "options", plain(self.options, f"region {self.name!r}"))

    def to_feature(self) -> dict[str, Any]:
        """Return the region as a GeoJSON feature."""
        properties = {"name": self.name, "kind": self.kind}
        properties |= {key: value for key, value in self.options.items() if key not in properties}
        return {"type": "Feature", "id": self.id, "properties": properties, "geometry": self.geometry}

    @classmethod
    def from_feature(cls, feature: Mapping[str, Any], *, number: int = 0) -> "Region":
        """Make a region of a GeoJSON feature; a foreign one is named by its `name`, its id, or its number."""
        properties, geometry = feature.get("properties") or {}, feature.get("geometry")
        if not isinstance(properties, Mapping) or not isinstance(geometry, Mapping | None):
            raise DesignError(f"The region number {number + 1} is no GeoJSON feature. Draw it again.")
        id_ = "" if feature.get("id") is None else str(feature["id"])
        options = {key: value for key, value in properties.items() if key not in ("name", "kind")}
        name = str(properties.get("name") or id_ or f"region {number + 1}")
        return cls(name, str(properties.get("kind") or "polygon"), geometry, options, id_)


def polygon(name: str, corners: Sequence[tuple[float, float]]) -> Region:
    """Return the region inside a ring of (lon, lat) corners in degrees; the ring closes itself.

    Edges are straight in lon/lat. A ring over the antimeridian counts on beyond 180 (or −180).

    Examples
    --------
    >>> polygon("alps", [(5.5, 44.0), (7.0, 43.9), (10.5, 46.0), (6.5, 47.2)]).kind
    'polygon'
    """
    try:
        ring = [[float(lon), float(lat)] for lon, lat in corners]
    except (TypeError, ValueError):
        raise DesignError(f"The corners of {name!r} must be pairs of numbers (lon, lat) in degrees.") from None
    if ring and ring[0] != ring[-1]:
        ring.append(list(ring[0]))
    return Region(name, "polygon", {"type": "Polygon", "coordinates": [ring]})


def box(name: str, west: float, south: float, east: float, north: float) -> Region:
    """Return the region of a rectangle in degrees; ``west > east`` crosses the antimeridian."""
    east = east + 360 if west > east else east
    corners = [(west, south), (east, south), (east, north), (west, north)]
    return Region(name, "box", polygon(name, corners).geometry)


def each_cell() -> Region:
    """Return the rule "one partition a cell"."""
    return Region("cell", "cells")


def Blocks(size: float, name: str = "block") -> Region:  # noqa: N802 - reads as a kind, like LeaveYearsOut
    """Return the rule "one partition a square of `size` degrees", counted from the equator and Greenwich."""
    return Region(name, "blocks", options={"size": size})


def the_rest(name: str = "the rest") -> Region:
    """Return the rule "every cell that no other region took"."""
    return Region(name, "rest")


_AS_GEOJSON = "Save the regions as GeoJSON in degrees (EPSG:4326)."


def regions_from_geojson(document: Mapping[str, Any]) -> tuple[Region, ...]:
    """Return the regions of a GeoJSON FeatureCollection (or single feature), in its order."""
    features = document.get("features", [document] if document.get("type") == "Feature" else None)
    if not isinstance(features, list) or not all(isinstance(feature, Mapping) for feature in features):
        raise DesignError(f"The regions are no GeoJSON FeatureCollection. {_AS_GEOJSON}")
    system = json.dumps(document.get("crs"))  # older files name a projection here
    if document.get("crs") and not ("CRS84" in system or "4326" in system):
        raise DesignError(f"The regions are in the projection {system[:100]}, not in degrees. {_AS_GEOJSON}")
    return tuple(Region.from_feature(feature, number=number) for number, feature in enumerate(features))


def read_regions(path: str | Path) -> tuple[Region, ...]:
    """Read regions from a GeoJSON file."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise DesignError(f"There is no file {path} with regions. Check the path, or use 'cells'.") from None
    except (ValueError, OSError, RecursionError) as error:
        raise DesignError(f"{path} cannot be read as GeoJSON ({error}). {_AS_GEOJSON}") from None
    if not isinstance(document, Mapping):
        raise DesignError(f"{path} holds JSON, but no GeoJSON FeatureCollection. {_AS_GEOJSON}")
    return regions_from_geojson(document)


def regions_to_geojson(regions: Sequence[Region]) -> dict[str, Any]:
    """Return regions as a GeoJSON FeatureCollection, which QGIS reads."""
    return {"type": "FeatureCollection", "features": [region.to_feature() for region in regions]}


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """One integer label for each cell, or each time step; -1 where nothing claims it.

    Attributes
    ----------
    label
        int32, shape (n,).
    ids
        uint64, one a label.
    names
        One a label, unique.
    """

    label: NDArray[np.int32]
    ids: IdArray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


# What a kind returns: for each cell the number of its part within the region (-1: not in it), the parts' ids
# and their names.
Parts = tuple[NDArray[np.int32], IdArray, list[str]]
FindParts = Callable[[Region, "xr.Dataset", Mask], Parts]


@dataclass(frozen=True, slots=True)
class _Kind:
    find_parts: FindParts
    check: Callable[[Region], object]


_KINDS: dict[str, _Kind] = {}


def region_kind(
    name: str, *, check: Callable[[Region], object] = lambda region: None
) -> Callable[[FindParts], FindParts]:
    """Register a kind of region: a function of (region, dataset, cells still free) that returns its parts.

    Parameters
    ----------
    name
        As regions name their kind.
    check
        Raises DesignError where a region of this kind cannot be understood, whatever the dataset.
    """

    def register(function: FindParts) -> FindParts:
        _KINDS[name] = _Kind(function, check)
        return function

    return register


def region_kinds() -> tuple[str, ...]:
    """Names of the kinds of regions there are."""
    return tuple(_KINDS)


def check_regions(regions: Sequence[Region]) -> None:
    """Raise DesignError with every reason why regions cannot be used that can be told without a dataset."""
    reasons = _repeated(regions)
    for region in regions:
        try:
            _kind_of(region).check(region)
        except DesignError as error:
            reasons += error.reasons
    if reasons:
        raise DesignError(reasons)


def label_cells(regions: Sequence[Region] | None, dataset: "xr.Dataset") -> Labels:
    """Label each cell with the region it belongs to; where regions overlap, the earlier one wins.

    Parameters
    ----------
    regions
        In order of precedence; "the rest" takes what is left wherever it stands, and is labelled last. None:
        one region with all cells.
    dataset
        Canonical; only its coordinates are read, and the variables that a rule names.

    Raises
    ------
    DesignError
        With one reason for each region that finds no cell, cannot be understood, or shares its id or name.
    """
    n_cells = dataset.sizes["space"]
    if regions is None:
        everywhere = np.zeros(n_cells, np.int32)
        return Labels(everywhere, np.array([id_of_text("everywhere")], np.uint64), ("everywhere",))
    label = np.full(n_cells, -1, np.int32)
    ids: list[IdArray] = [np.zeros(0, np.uint64)]
    names: list[str] = []
    reasons: list[str] = _repeated(regions)
    for region in sorted(regions, key=lambda region: region.kind == "rest"):
        try:
            part, part_ids, part_names = _own_parts(region, dataset, label < 0)
        except DesignError as error:
            reasons += error.reasons
            continue
        mine = part >= 0
        label[mine] = part[mine] + len(names)
        ids.append(part_ids)
        names += part_names
    if not reasons:
        reasons = _twins("partitions of cells", "name", names)
    if reasons:
        raise DesignError(reasons)
    return Labels(label, np.concatenate(ids), tuple(names))


def _repeated(regions: Sequence[Region]) -> list[str]:
    if not regions:
        return ["The design has no region. Draw one, or leave regions empty for one operator everywhere."]
    return [
        reason
        for what in ("id", "name")
        for reason in _twins("regions", what, (getattr(region, what) for region in regions))
    ]


def _twins(things: str, what: str, values: Iterable[str]) -> list[str]:
    return [f"Two {things} have the same {what} {twice!r}. Give each its own {what}." for twice in repeated(values)]


def repeated(values: Iterable[str]) -> list[str]:
    """Return the values that occur more than once, sorted."""
    return sorted(value for value, count in Counter(values).items() if count > 1)


def _kind_of(region: Region) -> _Kind:
    if region.kind not in _KINDS:
        help_ = did_you_mean(region.kind, region_kinds())
        raise DesignError(f"The region {region.name!r} is of the unknown kind {region.kind!r}. {help_}")
    return _KINDS[region.kind]


def _own_parts(region: Region, dataset: "xr.Dataset", free: Mask) -> Parts:
    """Return the parts of a region on free cells; a part whose cells all belong to others is no part."""
    part, ids, names = _kind_of(region).find_parts(region, dataset, free)
    if not np.any(part >= 0):
        raise DesignError(
            f"The region {region.name!r} contains no cell of the dataset ({_extent(dataset)}). Move or remove it."
        )
    part = np.where(free, part, -1).astype(np.int32)
    kept = np.flatnonzero(np.bincount(part[part >= 0], minlength=len(names)))
    if not len(kept):
        raise DesignError(
            f"Every cell of the region {region.name!r} belongs to regions above it. Reorder or remove it."
        )
    if len(kept) < len(names):
        renumbered = np.full(len(names) + 1, -1, np.int32)  # the last entry serves cells outside
        renumbered[kept] = np.arange(len(kept))
        part, ids, names = renumbered[part], ids[kept], [names[number] for number in kept.tolist()]
    return part, ids, names


def _extent(dataset: "xr.Dataset") -> str:
    lat, lon = dataset["lat"].values, dataset["lon"].values
    if not len(lat):
        return "which has none"
    return f"which lies at {lat.min():.2f} to {lat.max():.2f} N, {lon.min():.2f} to {lon.max():.2f} E"


def _one_part(region: Region, inside: Mask) -> Parts:
    part = np.where(inside, 0, -1).astype(np.int32)
    return part, np.array([id_of_text(region.id)], np.uint64), [region.name]


@region_kind("rest")
def _rest(region: Region, dataset: "xr.Dataset", free: Mask) -> Parts:
    if not free.any():
        raise DesignError(f"No cell is left for {region.name!r}: the other regions take them all. Remove it.")
    return _one_part(region, free)


@region_kind("cells")
def _cells(region: Region, dataset: "xr.Dataset", free: Mask) -> Parts:
    lat, lon = dataset["lat"].values, dataset["lon"].values
    ids = combine_ids(id_of_text(region.id), ids_of_positions(lat, lon))
    return np.arange(len(lat), dtype=np.int32), ids, [f"{region.name}-{number}" for number in range(len(lat))]


def _size_of_blocks(region: Region) -> float:
    size = region.options.get("size")
    if not isinstance(size, int | float) or isinstance(size, bool) or not 0.001 <= size <= 180:
        raise DesignError(f"The blocks of {region.name!r} have the size {size!r}; it must be 0.001 to 180 degrees.")
    return float(size)


@region_kind("blocks", check=_size_of_blocks)
def _blocks(region: Region, dataset: "xr.Dataset", free: Mask) -> Parts:
    """Squares that begin at the equator and Greenwich, so that a block never depends on the data's edge.

    A cell within a metre of an edge lies on it, and so in the block to its north or east: otherwise the
    rounding of a file's coordinates would decide. The poles belong to the block below them.
    """
    size, metre = _size_of_blocks(region), 1e-5
    lat, lon = dataset["lat"].values, dataset["lon"].values
    row = np.minimum(np.floor((lat + metre) / size), np.ceil(90 / size - metre) - 1)
    column = np.floor(((lon + metre + 180) % 360 - 180) / size)
    corners, part = np.unique(np.stack([row, column]).astype(np.int64), axis=1, return_inverse=True)
    at = [f"{south * size:.10g}N {west * size:.10g}E" for south, west in corners.T.tolist()]
    ids = np.array([id_of_text(f"{region.id}|{size:.10g}|{place}") for place in at], np.uint64)
    return part.reshape(-1).astype(np.int32), ids, [f"{region.name} {place}" for place in at]


@region_kind("box", check=shape_of)
@region_kind("polygon", check=shape_of)
def _drawn(region: Region, dataset: "xr.Dataset", free: Mask) -> Parts:
    return _one_part(region, cells_inside(shape_of(region), dataset["lat"].values, dataset["lon"].values))
