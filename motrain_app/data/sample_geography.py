"""Geography of the sample dataset: a regular grid of land cells, regimes, altitude and soil texture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from motrain_app.data.sample_truth import REGIMES

Floats = NDArray[np.float64]

WEST, SOUTH, EAST, NORTH = -10.0, 36.0, 18.0, 59.0
"""Edges of the sample dataset in degrees: western Europe."""

# The southern edge steps around Africa.
_WINDOW = [
    (WEST, SOUTH),
    (-0.6, SOUTH),
    (0.4, 38.0),
    (11.4, 38.0),
    (11.9, 36.3),
    (EAST, 36.3),
    (EAST, NORTH),
    (WEST, NORTH),
]

CENTRE = (4.0, 48.0)
"""Middle (lon, lat), from which distances in km are counted."""

_RINGS: dict[str, list[tuple[float, float]]] = {
    # The Alps, with the Jura, from the Rhône to the Danube; few corners, for a person is to outline them.
    "mountain": [(4.7, 43.4), (5.3, 46.9), (10.9, 48.55), (18.6, 48.5), (17.4, 45.55), (9.3, 45.05)],
    # From the Rhine to the Oder and the Baltic; the eastern corners lie outside the data.
    "forest": [(7.1, 49.25), (18.7, 49.3), (18.7, 54.1), (11.6, 54.6), (7.7, 52.4)],
}

# Hills outside the mountain regime: lon, lat, half-widths along and across, turn from east (degrees), metres.
_HILLS = np.array(
    [
        (0.6, 42.7, 2.0, 0.55, -8.0, 950.0),  # Pyrenees
        (3.2, 45.0, 0.9, 1.1, 0.0, 700.0),  # Massif Central
        (-3.8, 40.9, 2.8, 2.0, 15.0, 640.0),  # Meseta
        (-5.2, 43.0, 2.2, 0.5, 0.0, 550.0),  # Cantabria
        (13.3, 42.6, 2.2, 0.6, -48.0, 700.0),  # Apennines
        (17.0, 44.0, 2.4, 0.9, -40.0, 750.0),  # Dinarides
        (7.4, 48.2, 0.5, 0.9, 0.0, 380.0),  # Vosges and Black Forest
        (13.5, 49.4, 2.8, 0.9, -20.0, 420.0),  # Bohemia
        (10.0, 50.8, 2.2, 0.9, 0.0, 300.0),  # German uplands
        (-4.3, 57.0, 1.2, 0.8, 35.0, 420.0),  # Highlands
        (-2.3, 54.6, 0.5, 1.0, 0.0, 220.0),  # Pennines
        (-3.6, 52.4, 0.6, 0.8, 0.0, 260.0),  # Wales
        (9.2, 42.1, 0.4, 0.5, 0.0, 700.0),  # Corsica
        (9.1, 40.1, 0.5, 0.8, 0.0, 400.0),  # Sardinia
        (16.3, 39.2, 0.4, 0.7, 0.0, 600.0),  # Calabria
    ]
)


@dataclass(frozen=True, slots=True)
class Geography:
    """What does not change with time; arrays over cells.

    Attributes
    ----------
    lat, lon
        Degrees.
    altitude
        Metres.
    texture
        Clay content as a number around 0 (sandy below, clayey above), without unit.
    regime
        Code of the regime: position in `REGIMES`.
    """

    lat: Floats
    lon: Floats
    altitude: Floats
    texture: Floats
    regime: NDArray[np.int8]

    def of(self, cells: range) -> Geography:
        """The same for consecutive cells only."""
        part = slice(cells.start, cells.stop)
        return Geography(self.lat[part], self.lon[part], self.altitude[part], self.texture[part], self.regime[part])


def sample_regions() -> dict[str, Any]:
    """Regions that follow the true regimes cell by cell, as a GeoJSON FeatureCollection.

    Two polygons, "mountain" and "forest", and a rule "cropland" for the rest (null geometry). These polygons
    define the regimes of the sample dataset, so the labels agree for any number of cells.
    """
    features: list[dict[str, Any]] = [
        {
            "type": "Feature",
            "id": name,
            "properties": {"name": name, "kind": "polygon"},
            "geometry": {"type": "Polygon", "coordinates": [[list(corner) for corner in [*ring, ring[0]]]]},
        }
        for name, ring in _RINGS.items()
    ]
    features.append(
        {
            "type": "Feature",
            "id": "cropland",
            "properties": {"name": "cropland", "kind": "rest"},
            "geometry": None,
        }
    )
    return {"type": "FeatureCollection", "features": features}


def regime_codes(lat: Floats, lon: Floats, *, regimes: Literal[1, 2, 3] = 3) -> NDArray[np.int8]:
    """Code of the regime at each place; one regime: all is cropland, two: the forest is cropland too."""
    codes = np.full(lat.shape, REGIMES.index("cropland"), dtype=np.int8)
    for name in ("forest", "mountain")[3 - regimes :]:
        codes[shapely.contains_xy(shapely.Polygon(_RINGS[name]), lon, lat)] = REGIMES.index(name)
    return codes


def land_grid(cells: int) -> tuple[Floats, Floats]:
    """Centres of a regular grid of land cells that fills the map; lat, lon in degrees, each (cells,).

    The spacing is the largest, in steps of 0.2 %, that leaves at least the number wanted on land; what is
    over is taken from the eastern edge. Cells go row by row from the south-west.
    """
    from motrain_app.data.assets import land_polygons

    land = shapely.intersection(land_polygons("50m"), shapely.Polygon(_WINDOW))
    shapely.prepare(land)
    # Coarse grids hit land by chance, so their search starts well above the mean area of a cell.
    spacing = np.sqrt(land.area / cells) * (1.0 + 1.0 / np.sqrt(cells))
    while True:
        spacing = np.floor(spacing * 1e5) / 1e5  # exact in the file, so that the grid can be told from points
        lon, lat = np.meshgrid(_centres(WEST, EAST, spacing), _centres(SOUTH, NORTH, spacing))
        on_land = shapely.contains_xy(land, lon, lat)
        if np.count_nonzero(on_land) >= cells:
            break
        spacing *= 0.998
    lon, lat = lon[on_land], lat[on_land]
    kept = np.sort(np.argsort(lon, kind="stable")[:cells])
    return lat[kept], lon[kept]


def geography(cells: int, *, regimes: Literal[1, 2, 3] = 3) -> Geography:
    """Land cells with altitude, soil texture and regime.

    Altitude agrees with the regimes: it rises inwards from the edge of the mountain polygon, and nothing
    outside is as high as its middle. It depends on the place alone, not on the seed.
    """
    lat, lon = land_grid(cells)
    east, north = kilometres(lat, lon)
    ripple = _ripple(east, north, key=1, length=110.0)
    alps = shapely.Polygon(_RINGS["mountain"])
    points = shapely.points(lon, lat)
    inward = np.where(shapely.contains(alps, points), 1.0, -1.0) * shapely.distance(alps.exterior, points)
    rise = np.where(inward > 0, 500.0 + 1500.0 * (1.0 - np.exp(-inward / 0.7)), 500.0 * np.exp(-((inward / 0.6) ** 2)))
    along, across = _hill_axes(lat, lon)
    hills = (_HILLS[:, 5] * np.exp(-0.5 * (along**2 + across**2))).sum(axis=1)
    hills = np.where(inward > 0, 0.0, hills * (1.0 - np.exp(-((inward / 0.5) ** 2))))
    altitude = np.maximum(5.0, 90.0 + 50.0 * ripple + (rise + hills) * (1.0 + 0.12 * ripple))
    texture = _ripple(east, north, key=2, length=180.0)
    return Geography(lat, lon, altitude, texture, regime_codes(lat, lon, regimes=regimes))


def kilometres(lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """Kilometres east and north of the middle, on a plane that is good enough for smooth random fields."""
    return (lon - CENTRE[0]) * 111.2 * np.cos(np.radians(CENTRE[1])), (lat - CENTRE[1]) * 111.2


def _centres(first: float, last: float, spacing: float) -> Floats:
    """Centres of equal steps that fit between two edges, the remainder shared by both ends."""
    count = max(1, int((last - first) / spacing))
    start = np.round((first + last - (count - 1) * spacing) / 2, 5)
    return np.asarray(np.round(start + spacing * np.arange(count), 5))


def _hill_axes(lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """Distance of each cell along and across each hill, in the hill's half-widths; each (cells, hills)."""
    turn = np.radians(_HILLS[:, 4])
    dx = lon[:, None] - _HILLS[:, 0]
    dy = lat[:, None] - _HILLS[:, 1]
    return (dx * np.cos(turn) + dy * np.sin(turn)) / _HILLS[:, 2], (dy * np.cos(turn) - dx * np.sin(turn)) / _HILLS[
        :, 3
    ]


def _ripple(east: Floats, north: Floats, *, key: int, length: float) -> Floats:
    """Fixed smooth pattern of unit variance and given correlation length (km); no user's seed enters."""
    rng = np.random.default_rng([20100101, key])
    waves = rng.standard_normal((40, 2)) / length
    phases = rng.uniform(0.0, 2.0 * np.pi, 40)
    pattern = np.zeros(east.shape)
    for (kx, ky), phase in zip(waves, phases, strict=True):
        pattern += np.cos(kx * east + ky * north + phase)
    return np.asarray(pattern * np.sqrt(2.0 / 40))
