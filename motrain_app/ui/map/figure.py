"""The Bokeh figure under a map: its layers from the sea up to the ring about the chosen cell, and its two themes.

Everything is made once. A recolouring, another view or another theme sets properties of what is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from bokeh.models import (
    AdaptiveTicker,
    ColumnDataSource,
    CompositeTicker,
    CustomJSTickFormatter,
    LinearColorMapper,
    PanTool,
    Range1d,
    WheelZoomTool,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from motrain_app.ui.map.colours import palette
from motrain_app.ui.map.extent import WORLD, Extent
from motrain_app.ui.map.outlines import Backdrop

_TURNS = (-360.0, 0.0, 360.0)  # what is drawn at one place is drawn wherever that place is in view again
_DEGREES = """
const turned = %s
const rounded = Math.abs(turned).toFixed(6).replace(/\\.?0+$/, "")
return rounded + "°" + (rounded == "0" || rounded == "180" ? "" : turned > 0 ? "%s" : "%s")
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """The colours of a theme that are no data."""

    sea: str
    land: str
    grid: str
    coast: str
    border: str
    beyond: str
    text: str
    ring: str
    halo: str


LIGHT = Ground(
    *("#e4eaf0", "#f6f5f2", "#cfd7df", "#46525d", "#8a949d", "#f3f5f7", "#4d5761", "#101418", "#ffffff"),
)
DARK = Ground(
    *("#171d23", "#262d34", "#2f3943", "#b4bec7", "#727d87", "#101418", "#aeb8c1", "#ffffff", "#101418"),
)


class MapFigure:
    """
    A Bokeh figure in longitude and latitude with the layers of a map.

    Attributes
    ----------
    figure
        To which others may add renderers; those at level "overlay" lie above all of the map but the ring.
    image
        Source of the one image: ``image`` (uint8, row 0 in the south), ``x``, ``y``, ``dw``, ``dh``.
    """

    def __init__(self, extent: Extent, *, dot: float) -> None:
        self.figure = figure(
            x_range=Range1d(extent[0], extent[1], min_interval=1e-3),
            y_range=Range1d(extent[2], extent[3], min_interval=1e-3),
            tools=[],
            toolbar_location=None,
            output_backend="canvas",
            sizing_mode="stretch_both",
            name="mt-map-figure",
            css_classes=["mt-map-figure"],
            # No frame about the whole canvas after each click.
            stylesheets=[".bk-Canvas { --outline-style: none; }"],
            min_width=160,
            min_height=120,
        )
        self.image = ColumnDataSource(image_data(np.zeros((1, 1), np.uint8), extent))
        self._mapper = LinearColorMapper(palette=palette((), dark=False), low=-0.5, high=255.5)
        self._dots = ColumnDataSource({"lon": [], "lat": [], "level": []})
        self._ring_source = _paths()
        self._backdrop: Backdrop | None = None
        self._add_layers(dot)
        self._add_gestures()
        self._add_axes()

    def _add_layers(self, dot: float) -> None:
        fig = self.figure
        world = {"left": [-540.0], "right": [540.0], "bottom": [WORLD[2]], "top": [WORLD[3]]}
        # pmui gives every figure the background of its page, so the sea is a rectangle of its own.
        self._sea = fig.quad(**world, line_color=None, level="image")
        self._land = fig.patches("lon", "lat", source=_paths(), line_color=None, level="image")
        fig.image(source=self.image, color_mapper=self._mapper, name="mt-map-cells")
        self._borders = fig.multi_line("lon", "lat", source=_paths(), line_width=0.8)
        outline = _paths()
        # Coasts stay seen on dark and on bright colours: each line has a faint one of the other kind under it.
        self._shore = fig.multi_line("lon", "lat", source=outline, line_width=2.6, line_alpha=0.35)
        self._coast = fig.multi_line("lon", "lat", source=outline, line_width=1.0, name="mt-map-coast")
        level = {"field": "level", "transform": self._mapper}
        self._points = fig.scatter("lon", "lat", source=self._dots, size=2 * dot, fill_color=level, line_width=1)
        # A dark line between two light ones (or the reverse) is seen on any colour.
        self._halo = fig.scatter("lon", "lat", source=self._ring_source, size=17, line_width=5, level="overlay")
        self._ring = fig.scatter("lon", "lat", source=self._ring_source, size=17, line_width=2, level="overlay")
        for ring in (self._halo, self._ring):
            ring.glyph.fill_color = None

    def _add_gestures(self) -> None:
        wheel = WheelZoomTool(zoom_on_axis=False)
        self.figure.add_tools(PanTool(), wheel)
        self.figure.toolbar.active_scroll = wheel
        self.figure.subscribed_events.update(("tap", "doubletap"))  # which the frame passes on
        # While it is dragged a plot leaves out points of long lines; coasts are to stay whole.
        self.figure.lod_threshold = None

    def _add_axes(self) -> None:
        fig = self.figure
        signs = {"x": ("((tick % 360) + 540) % 360 - 180", "E", "W"), "y": ("tick", "N", "S")}
        for name, axis in (("x", fig.xaxis[0]), ("y", fig.yaxis[0])):
            axis.ticker = _degrees_ticker()
            axis.formatter = CustomJSTickFormatter(code=_DEGREES % signs[name])
            axis.major_tick_in, axis.major_tick_out = 0, 4
            axis.major_label_text_font_size = "11px"
            axis.major_label_standoff = 3
        # Wider than any label: a frame that changed its size with the labels would move under the mouse.
        fig.min_border_left, fig.min_border_right, fig.min_border_top, fig.min_border_bottom = 52, 8, 8, 24

    def set_colours(self, colours: tuple[str, ...], *, dark: bool) -> None:
        """Set the colours of the cells."""
        self._mapper.palette = palette(colours, dark=dark)

    def set_ground(self, *, dark: bool) -> None:
        """Set the colours of all but the cells."""
        ground, fig = (DARK if dark else LIGHT), self.figure
        self._sea.glyph.fill_color = ground.sea
        self._land.glyph.fill_color = ground.land
        self._borders.glyph.line_color = ground.border
        self._coast.glyph.line_color = self._points.glyph.line_color = ground.coast
        self._shore.glyph.line_color = ground.halo
        self._halo.glyph.line_color, self._ring.glyph.line_color = ground.halo, ground.ring
        fig.background_fill_color = fig.border_fill_color = ground.beyond
        fig.outline_line_color = ground.grid
        for grid in fig.grid:
            grid.grid_line_color = ground.grid
        for axis in fig.axis:
            axis.major_label_text_color = ground.text
            axis.axis_line_color = axis.major_tick_line_color = ground.grid

    def set_backdrop(self, backdrop: Backdrop) -> None:
        """Draw land, coasts and borders."""
        if backdrop is self._backdrop:
            return
        self._backdrop = backdrop
        layers = ((self._land, backdrop.land), (self._borders, backdrop.borders), (self._coast, backdrop.coastlines))
        for renderer, (lon, lat) in layers:
            renderer.data_source.data = {"lon": [lon.copy()], "lat": [lat.copy()]}  # Bokeh sends no array twice

    def forget_backdrop(self) -> None:
        """Have the next backdrop sent, be it the same: a browser that made its drawing anew may have missed it."""
        self._backdrop = None

    @property
    def backdrop(self) -> Backdrop | None:
        """What is drawn as land, coasts and borders."""
        return self._backdrop

    def paint_dots(self, lon: NDArray[np.float64], lat: NDArray[np.float64], levels: NDArray[np.uint8]) -> None:
        """Draw few cells as round dots, not as pixels of the image."""
        turned = np.concatenate([lon + turn for turn in _TURNS])
        self._dots.data = {"lon": turned, "lat": np.tile(lat, len(_TURNS)), "level": np.tile(levels, len(_TURNS))}

    def set_ring(self, place: tuple[float, float] | None) -> None:
        """Draw the ring about a place (lon, lat), or none."""
        lon, lat = place if place is not None else (0.0, 0.0)
        turns = _TURNS if place is not None else ()
        self._ring_source.data = {"lon": [lon + turn for turn in turns], "lat": [lat for _ in turns]}


def image_data(levels: NDArray[np.uint8], extent: Extent) -> dict[str, list]:
    """Return the columns of the image source."""
    lon0, lon1, lat0, lat1 = extent
    return {"image": [levels], "x": [lon0], "y": [lat0], "dw": [lon1 - lon0], "dh": [lat1 - lat0]}


def _degrees_ticker() -> CompositeTicker:
    """Return a ticker at 1, 2, 5 below ten degrees and at parts of a circle above."""
    common = {"desired_num_ticks": 6, "num_minor_ticks": 0}
    near = AdaptiveTicker(mantissas=[1, 2, 5], base=10, min_interval=0, max_interval=5, **common)
    # Its mantissas are counted in its least interval.
    far = AdaptiveTicker(mantissas=[1, 2, 3, 6], base=36, min_interval=10, max_interval=60, **common)
    return CompositeTicker(tickers=[near, far], **common)


def _paths() -> ColumnDataSource:
    return ColumnDataSource({"lon": [], "lat": []})
