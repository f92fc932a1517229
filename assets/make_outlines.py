#!/usr/bin/env python3
"""Make the map outlines in ``outlines/`` from the npm package world-atlas (Natural Earth data).

    python assets/make_outlines.py             fetches the package with `npm pack`
    python assets/make_outlines.py PACKAGE     takes an unpacked package

Run again only to change source, version or format; the files it writes are part of the repository. Every
file holds what `motrain_app.data.assets.Outlines` documents, with `lon` and `lat` in thousandths of a degree
(finer than the source's own grid), each the difference to the point before it, because that halves the size.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

PACKAGE = "world-atlas@2.0.2"
RESOLUTIONS = ("110m", "50m")
UNITS_PER_DEGREE = 1000
POLE_EDGE_STEP = 90.0

Line = NDArray[np.float64]
"""Points (n, 2) in degrees: longitude, latitude."""


def main() -> None:
    """Write the three layers of each resolution."""
    parser = argparse.ArgumentParser(description="Make assets/outlines from npm's world-atlas.")
    parser.add_argument("package", type=Path, nargs="?", help="folder of the unpacked package")
    arguments = parser.parse_args()
    target = Path(__file__).parent / "outlines"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        package = arguments.package or fetch_package(Path(scratch))
        for resolution in RESOLUTIONS:
            # Not the land file: here land is merged from the countries, so that borders end on coasts.
            topology = json.loads((package / f"countries-{resolution}.json").read_text())
            write_layers(topology, target, resolution)


def fetch_package(folder: Path) -> Path:
    """Download and unpack the npm package into `folder`."""
    packed = subprocess.run(
        ["npm", "pack", PACKAGE, "--silent"], cwd=folder, check=True, capture_output=True, text=True
    )
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def write_layers(topology: dict, target: Path, resolution: str) -> None:
    """Write land, coastlines and borders of one resolution."""
    arcs = decode_arcs(topology)
    land = make_land(topology, arcs)
    rings = [[polygon.exterior, *polygon.interiors] for polygon in land]
    lines = [shapely.get_coordinates(ring) for polygon in rings for ring in polygon]
    polygon_starts = np.cumsum([0] + [len(polygon) for polygon in rings])
    write(target / f"land_{resolution}.npz", lines, polygon_starts)
    coastlines = [part for line in lines for part in without_seam(line)]
    write(target / f"coastlines_{resolution}.npz", coastlines)
    borders = [part for line in shared_arcs(topology, arcs) for part in cut_line(line)]
    write(target / f"borders_{resolution}.npz", borders)


def decode_arcs(topology: dict) -> list[Line]:
    """Turn TopoJSON's quantised differences into degrees."""
    scale, translate = topology["transform"]["scale"], topology["transform"]["translate"]
    return [np.cumsum(np.array(arc), axis=0) * scale + translate for arc in topology["arcs"]]


def join_arcs(arcs: list[Line], indices: list[int]) -> Line:
    """Return the ring of these arcs; a negative index is the complement of an arc that is run backwards."""
    parts = [arcs[index] if index >= 0 else arcs[~index][::-1] for index in indices]
    return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])


def make_land(topology: dict, arcs: list[Line]) -> list[shapely.Polygon]:
    """Return valid polygons within ±180°, cut at the antimeridian, on the grid that is written."""
    (collection,) = topology["objects"]["land"]["geometries"]
    pieces: list[shapely.Polygon] = []
    for polygon in collection["arcs"]:
        rings = [unwrap(join_arcs(arcs, indices)) for indices in polygon]
        rings = [close_at_pole(ring) for ring in rings if not is_pole(ring)]
        wrapped = cut_at_antimeridian(shapely.Polygon(rings[0], rings[1:]))
        pieces += polygons_of(shapely.set_precision(wrapped, 1 / UNITS_PER_DEGREE))
    return pieces


def unwrap(line: Line) -> Line:
    """Let longitudes run on over ±180°, so that no step is longer than half a turn."""
    return np.column_stack([np.unwrap(line[:, 0], period=360), line[:, 1]])


def is_pole(ring: Line) -> bool:
    """Tell whether the ring is the South Pole itself, drawn in the 50m file as a hole without area."""
    return bool(ring[:, 1].max() < -89.9)


def close_at_pole(ring: Line) -> Line:
    """Close a ring that goes once around the Earth (Antarctica) along latitude −90°."""
    first, last = ring[0, 0], ring[-1, 0]
    if abs(last - first) < 180:
        return ring
    back = np.arange(last, first, -np.sign(last - first) * POLE_EDGE_STEP)
    pole = [(lon, -90.0) for lon in (*back, first)]
    return np.concatenate([ring, pole, ring[:1]])


def cut_at_antimeridian(shape: shapely.Geometry) -> shapely.Geometry:
    """Bring a shape with unwrapped longitudes back into −180…180°, cut where it crosses."""
    west, _, east, _ = shape.bounds
    turns = range(int(np.floor((west + 180) / 360)), int(np.ceil((east - 180) / 360)) + 1)
    pieces = []
    for turn in turns:
        window = shapely.box(360 * turn - 180, -91, 360 * turn + 180, 91)
        moved = shapely.transform(shape.intersection(window), lambda xy, turn=turn: xy - [360 * turn, 0])
        pieces.append(moved)
    return shapely.union_all(pieces)


def polygons_of(shape: shapely.Geometry) -> list[shapely.Polygon]:
    """Return the polygons of a shape; what only touches the antimeridian became a line and goes."""
    return [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and part.area > 0]


def without_seam(ring: Line) -> list[Line]:
    """Return the coast of a ring: its runs without the edges along the antimeridian and the pole."""
    on_seam = (np.abs(ring[:, 0]) == 180) | (ring[:, 1] == -90)
    drawn = ~(on_seam[:-1] & on_seam[1:])
    if drawn.all():
        return [ring]
    # Start behind a dropped edge, so that no coast is broken where the ring happens to begin.
    start = int(np.flatnonzero(~drawn)[0]) + 1
    points, drawn = np.roll(ring[:-1], -start, axis=0), np.roll(drawn, -start)
    points = np.concatenate([points, points[:1]])
    edges = np.flatnonzero(drawn)
    runs = np.split(edges, np.flatnonzero(np.diff(edges) > 1) + 1) if edges.size else []
    return [points[run[0] : run[-1] + 2] for run in runs]


def shared_arcs(topology: dict, arcs: list[Line]) -> list[Line]:
    """Return the arcs that belong to two different countries; by place in the file, as some have no id."""
    owners: dict[int, set[int]] = {}
    for country, geometry in enumerate(topology["objects"]["countries"]["geometries"]):
        for index in flatten(geometry["arcs"]):
            owners.setdefault(index if index >= 0 else ~index, set()).add(country)
    return [arcs[index] for index, countries in sorted(owners.items()) if len(countries) > 1]


def flatten(nested: list) -> Iterable[int]:
    """Yield the arc indices of a geometry of any type."""
    for item in nested:
        if isinstance(item, list):
            yield from flatten(item)
        else:
            yield item


def cut_line(line: Line) -> list[Line]:
    """Cut a border at the antimeridian and round it to the grid that is written."""
    wrapped = cut_at_antimeridian(shapely.LineString(unwrap(line)))
    rounded = shapely.set_precision(wrapped, 1 / UNITS_PER_DEGREE)
    return [shapely.get_coordinates(part) for part in shapely.get_parts(rounded)]


def write(path: Path, lines: list[Line], polygon_starts: NDArray[np.int64] | None = None) -> None:
    """Write the lines as differences of whole units."""
    points = np.rint(np.concatenate(lines) * UNITS_PER_DEGREE).astype(np.int32)
    steps = np.diff(points, axis=0, prepend=np.zeros((1, 2), np.int32))
    starts = np.cumsum([0] + [len(line) for line in lines], dtype=np.int32)
    polygons = np.zeros(0) if polygon_starts is None else polygon_starts
    np.savez_compressed(path, lon=steps[:, 0], lat=steps[:, 1], starts=starts, polygon_starts=polygons.astype(np.int32))
    print(f"{path.name}: {len(lines)} lines, {len(points)} points, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
