"""The one map of the app: cells in colours on coasts and borders, the same on every page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn
import param
from bokeh.plotting import figure as bokeh_figure
from numpy.typing import ArrayLike
from panel.viewable import Viewer

from motrain_app.ui.map.colours import Limits, Palette
from motrain_app.ui.map.extent import Extent, check_extent, fit_extent, same_extent
from motrain_app.ui.map.figure import MapFigure, image_data
from motrain_app.ui.map.layers import ClassLayer, Describe, ValueLayer, class_layer, value_layer
from motrain_app.ui.map.map_frame import MapFrame, Message
from motrain_app.ui.map.map_key import MapKey
from motrain_app.ui.map.pixels import CellLocator, PixelIndex
from motrain_app.ui.map.pointing import closer_extent, read_out
from motrain_app.ui.map.survey import Sight, Survey
from motrain_app.ui.ready import one_message

_SAME_PLACE_PIXELS = 12  # Bokeh takes any two quick clicks for a double one, however far apart


class MapView(Viewer):
    """
    A map of cells.

    Pages give it values or classes and bind to `cell` and `extent`. What is drawn follows from a pixel → cell
    index of the view, made anew in a thread when the view changes; a recolouring is one `take` and one message.

    Parameters
    ----------
    lat, lon
        Degrees, shape (n_cells,).
    grid_shape
        Rows and columns, if the cells are the stack of a curvilinear grid.

    Examples
    --------
    >>> view = MapView([50.0, 52.0], [5.0, 7.0])
    >>> view.show([0.1, 0.4], label="RMSE", unit="dB")
    >>> view.limits
    (0.106, 0.394)
    """

    extent = param.Tuple(None, length=4, allow_None=True, doc="lon0, lon1, lat0, lat1 to show; None for all cells.")
    cell = param.Integer(default=None, allow_None=True, doc="The chosen cell, marked by a ring.")
    dark = param.Boolean(default=False, doc="Whether the page is dark.")
    limits = param.Tuple(None, length=2, allow_None=True, doc="Values of the outermost colours; None: automatic.")
    picking = param.Boolean(default=True, doc="Whether clicks choose cells and the mouse reads them out.")
    zoom_target = param.Callable(None, allow_None=True, doc="Gives what a double click on a cell shows, or None.")

    def __init__(
        self,
        lat: ArrayLike,
        lon: ArrayLike,
        grid_shape: tuple[int, int] | None = None,
        *,
        locator: CellLocator | None = None,
        **params: Any,
    ) -> None:
        self.locator = CellLocator(lat, lon, grid_shape) if locator is None else locator
        self._layer: ValueLayer | ClassLayer | None = None
        self._levels = np.zeros(len(self.locator), np.uint8)
        self._index: PixelIndex | None = None
        self._hidden = False
        self._tapped_at = (0.0, 0.0)  # on the screen
        self._view = fit_extent(self.locator.home, 900, 450, self.locator.stretch)  # until a browser tells its size
        self._map = MapFigure(self._view, dot=self.locator.dot)
        self._survey = Survey(self.locator, lambda: self.figure.document, self._see)
        super().__init__(**params)
        self._frame = MapFrame(
            figure=self.figure,
            receive=self._hear,
            home=list(self.locator.home),
            want=[*check_extent(self.extent or self.locator.home), 0],
            stretch=self.locator.stretch,
            picking=self.picking,
            sizing_mode="stretch_both",
            min_height=160,
            margin=0,
        )
        self._key = MapKey(receive=self._hear, sizing_mode="stretch_width", height=46, margin=0)
        self._follow_dark()
        self._follow_cell()

    @classmethod
    def of(cls, locator: CellLocator, **params: Any) -> MapView:
        """Return a map of cells that other maps show too: they share what finds them."""
        return cls((), (), locator=locator, **params)

    def __panel__(self) -> pn.Column:
        """Return the map with its key."""
        return pn.Column(self._frame, self._key, sizing_mode="stretch_both", margin=0, css_classes=["mt-map"])

    # What pages call

    @property
    def figure(self) -> bokeh_figure:
        """The Bokeh figure, for layers of others; its axes are degrees, and may go on over ±180."""
        return self._map.figure

    @property
    def view(self) -> Extent:
        """The extent in sight: the wanted one, grown to the shape of the frame."""
        return self._view

    def show(
        self,
        values: ArrayLike,
        *,
        label: str,
        unit: str,
        limits: Limits | None = None,
        palette: Palette = "sequential",
        describe: Describe | None = None,
    ) -> None:
        """
        Show a number of each cell.

        Limits that the user typed stay while label, unit and palette stay the same.

        Parameters
        ----------
        values
            Shape (n_cells,); NaN where there is none, drawn as "no data".
        label, unit
            Of the key and the read-out; any text is harmless.
        limits
            Values of the outermost colours; by default 96 % of the values lie between.
        palette
            "diverging" is symmetric about 0, for differences and bias.
        describe
            Gives further lines of the read-out for a cell.

        Raises
        ------
        ValueError
            If there is not one number a cell, or if the limits are none.
        """
        self._set_layer(
            value_layer(
                values,
                n_cells=len(self.locator),
                label=label,
                unit=unit,
                limits=limits,
                palette=palette,
                describe=describe,
                before=self._layer,
            )
        )

    def show_classes(
        self,
        codes: ArrayLike,
        names: Sequence[str],
        colours: Sequence[str] | None = None,
        *,
        label: str = "",
        describe: Describe | None = None,
    ) -> None:
        """
        Show the class of each cell.

        Parameters
        ----------
        codes
            Integers, shape (n_cells,); negative for cells in no class.
        names
            Of the classes; any text is harmless.
        colours
            Of the classes, as ``#rrggbb``; by default `colours.CATEGORICAL`, again and again.
        label
            What the classes are.
        describe
            As for `show`.

        Raises
        ------
        ValueError
            If there is not one integer a cell, a class has no name, or a colour is none.
        """
        self._set_layer(
            class_layer(codes, names, n_cells=len(self.locator), colours=colours, label=label, describe=describe)
        )

    def zoom_to(self, extent: Sequence[float]) -> None:
        """Show an extent, here and on all maps that share theirs with this one."""
        self.extent = check_extent(extent)

    def zoom_home(self) -> None:
        """Show all cells."""
        self.zoom_to(self.locator.home)

    # What follows a change of a parameter: nothing where all is so already, as changes also come from here

    @param.depends("extent", watch=True)
    def _follow_extent(self) -> None:
        wanted = self.locator.home if self.extent is None else check_extent(self.extent)
        if not same_extent(wanted, self._view):
            self._frame.ask_for(wanted)

    @param.depends("cell", watch=True)
    def _follow_cell(self) -> None:
        if self.cell is not None and not 0 <= self.cell < len(self.locator):
            raise ValueError(f"there is no cell {self.cell}; there are {len(self.locator)}")
        known = self.cell is not None and np.isfinite(self.locator.lat[self.cell])
        self._map.set_ring((self.locator.lon[self.cell], self.locator.lat[self.cell]) if known else None)

    @param.depends("limits", watch=True)
    def _follow_limits(self) -> None:
        if isinstance(self._layer, ValueLayer) and self.limits != self._layer.limits:
            self._set_layer(self._layer.with_limits(self.limits))

    @param.depends("picking", watch=True)
    def _follow_picking(self) -> None:
        self._frame.picking = self.picking

    @param.depends("dark", watch=True)
    def _follow_dark(self) -> None:
        theme = ["mt-dark"] if self.dark else ["mt-light"]
        self._frame.css_classes, self._key.css_classes = theme, theme
        self._map.set_ground(dark=self.dark)
        self._set_colours()

    # Colours

    def _set_layer(self, layer: ValueLayer | ClassLayer) -> None:
        self._layer, before = layer, self._layer
        self._levels = layer.levels()
        with one_message():
            if before is None or before.colours != layer.colours:
                self._map.set_colours(layer.colours, dark=self.dark)
            self._key.content = layer.key(self._levels, dark=self.dark)
            self._paint()
        self.limits = layer.limits if isinstance(layer, ValueLayer) else None

    def _set_colours(self) -> None:
        self._map.set_colours(self._layer.colours if self._layer else (), dark=self.dark)
        if self._layer:
            self._key.content = self._layer.key(self._levels, dark=self.dark)

    def _paint(self) -> None:
        if self._index is None or self._hidden:
            return
        if self.locator.draws_circles:
            self._map.paint_dots(self.locator.lon, self.locator.lat, self._levels)
        else:
            self._map.image.data = image_data(self._index.image(self._levels), self._index.extent)
        self._frame.send({"kind": "painted"})

    # What the browser tells

    def _hear(self, message: Message) -> None:
        kind = message["kind"]
        if kind == "view":
            self._look(message)
        elif kind == "hover":
            head, rows = read_out(self.locator, self._layer, self._cell_at(message["lon"], message["lat"]))
            self._frame.send({"kind": "hover", "number": message["number"], "head": head, "rows": rows})
        elif kind == "tap":
            self._tapped(message["lon"], message["lat"], at=(message["sx"], message["sy"]), twice=message["twice"])
        elif kind == "hidden":
            self._hidden = True
        elif kind == "limits" and isinstance(self._layer, ValueLayer):
            self._set_layer(self._layer.with_limits(message["limits"]))

    def _look(self, message: Message) -> None:
        self._hidden = False
        lon0, lon1, lat0, lat1 = (float(degrees) for degrees in message["extent"])
        self._view = (lon0, lon1, lat0, lat1)
        if message["fresh"]:
            self._map.forget_backdrop()
        if message["gesture"]:
            self._frame.remember(self._view)
            self.extent = self._view
        self._survey.look(self._view, round(message["width"]), round(message["height"]))

    def _see(self, sight: Sight) -> None:
        self._index = sight.index
        with one_message():
            self._map.set_backdrop(sight.backdrop)
            self._paint()

    def _cell_at(self, lon: float, lat: float) -> int:
        return -1 if self._index is None else self._index.cell_at(lon, lat)

    def _tapped(self, lon: float, lat: float, *, at: tuple[float, float], twice: bool) -> None:
        far, self._tapped_at = math.dist(self._tapped_at, at) > _SAME_PLACE_PIXELS, at
        if not self.picking:
            return
        cell = self._cell_at(lon, lat)
        if twice and not far:
            target = self.zoom_target(cell) if self.zoom_target is not None and cell >= 0 else None
            self.zoom_to(target or closer_extent(self.locator, self._view, cell, lon, lat))
        else:
            self.cell = cell if cell >= 0 else None
