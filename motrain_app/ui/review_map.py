"""A map of cells in an equal-area projection, for looking and for papers; GeoViews draws it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from motrain_app.data.assets import Resolution, load_outlines
from motrain_app.ui.map.colours import robust_limits, value_colours
from motrain_app.ui.map.outlines import resolution_for
from motrain_app.ui.theme import INK, plot_style

MARGIN = 2.0  # degrees around the cells


def review_map(
    lat: ArrayLike, lon: ArrayLike, values: ArrayLike, *, label: str, unit: str, diverging: bool, dark: bool
) -> Any:
    """Return a GeoViews overlay in Lambert's azimuthal equal-area projection, centred on the cells.

    GeoViews takes a second to be imported and a second to draw: call it in a thread.

    Parameters
    ----------
    lat, lon
        Degrees, shape (n_cells,).
    values
        Shape (n_cells,); cells without a value are left out.
    label, unit
        Of the colour bar; harmless text.
    diverging
        Whether colours are symmetric about 0.
    """
    import cartopy.crs as ccrs
    import geoviews as gv

    gv.extension("bokeh")
    lat, lon, values = (np.asarray(one, float) for one in (lat, lon, values))
    there = np.isfinite(values)
    palette = "diverging" if diverging else "sequential"
    extent = _extent(lat, lon)
    projection = ccrs.LambertAzimuthalEqualArea(
        central_longitude=round((extent[0] + extent[1]) / 2), central_latitude=round((extent[2] + extent[3]) / 2)
    )
    points = gv.Points((lon[there], lat[there], values[there]), ["lon", "lat"], "value", crs=ccrs.PlateCarree()).opts(
        color="value",
        cmap=list(value_colours(palette)),
        clim=robust_limits(values, palette) if there.any() else (0.0, 1.0),
        colorbar=True,
        clabel=f"{label} ({unit})" if unit else label,
        size=_size(len(lat)),
        marker="square",
        line_alpha=0,
        tools=["hover"],
    )
    ink = INK["dark" if dark else "light"]
    outlines = [
        gv.Path([_cut(layer, resolution_for(extent), extent)], crs=ccrs.PlateCarree()).opts(color=ink, line_width=width)
        for layer, width in (("coastlines", 1.0), ("borders", 0.5))
    ]
    overlay = points
    for path in outlines:
        overlay = overlay * path
    return overlay.opts(
        projection=projection,
        responsive=True,
        xaxis=None,
        yaxis=None,
        toolbar="above",
        active_tools=[],
        hooks=[plot_style(dark=dark)],
    )


def _extent(lat: np.ndarray, lon: np.ndarray) -> tuple[float, float, float, float]:
    there = np.isfinite(lat) & np.isfinite(lon)
    west, east, south, north = lon[there].min(), lon[there].max(), lat[there].min(), lat[there].max()
    return (west - MARGIN, east + MARGIN, max(south - MARGIN, -90.0), min(north + MARGIN, 90.0))


def _cut(layer: Any, resolution: Resolution, extent: Sequence[float]) -> np.ndarray:
    """Return a layer's lines, NaN between them, as far as they lie about the cells: shape (n, 2)."""
    lon, lat = load_outlines(layer, resolution).nan_joined()
    west, east, south, north = extent
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return np.column_stack([np.where(inside, lon, np.nan), np.where(inside, lat, np.nan)])


def _size(n_cells: int) -> float:
    """Return the side of a cell's square in pixels, so that they touch on a map of some 600 pixels."""
    return float(np.clip(600 / np.sqrt(max(n_cells, 1)), 2, 16))
