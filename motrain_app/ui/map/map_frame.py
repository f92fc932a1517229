"""The place of the map on the page: the figure, the buttons over it, and the talk with the browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import Child, JSComponent

Message = dict[str, Any]


class MapFrame(JSComponent):
    """
    A figure with buttons to zoom, a scale bar and a read-out beside the mouse.

    The browser keeps the scale equal and knows the frame's size; it sends messages of four kinds: ``view``
    (extent, width and height of the frame in pixels, whether a gesture chose it, and whether the drawing is a new one),
    ``hover`` (lon, lat and a number, which the answer repeats), ``tap`` (lon, lat, the place in pixels, and whether it
    is the second of two quick ones) and ``hidden``. Clicks come this way, too, as Panel has a figure that leaves the
    page forget who listens to it.

    The name must not end like that of a Bokeh model (Legend, Axis, Figure…): panel-material-ui themes by endings.
    """

    figure = Child(doc="The Bokeh figure.")
    home = param.List(default=[-180.0, 180.0, -90.0, 90.0], doc="Extent that the home button shows.")
    want = param.List(
        default=[-180.0, 180.0, -90.0, 90.0, 0], doc="Extent to show, and a number that is new where it must be shown."
    )
    stretch = param.Number(default=1.0, doc="Width of a degree of longitude, in degrees of latitude.")
    picking = param.Boolean(default=True, doc="Whether the cell under the mouse is told.")

    _esm = Path(__file__).with_name("map_frame.js")
    _stylesheets: ClassVar[list[str]] = [Path(__file__).with_name("map_frame.css").read_text(encoding="utf-8")]

    def __init__(self, *, receive: Callable[[Message], None], **params: Any) -> None:
        self._receive = receive
        super().__init__(**params)

    def ask_for(self, extent: tuple[float, float, float, float]) -> None:
        """Have the browser show an extent."""
        self.want = [*extent, self.want[4] + 1]

    def remember(self, extent: tuple[float, float, float, float]) -> None:
        """Keep the extent that the user chose, for the day when the page is left and comes back."""
        self.want = [*extent, self.want[4]]

    def send(self, message: Message) -> None:
        """Send a message to the browser."""
        self._send_msg(message)

    def _handle_msg(self, data: Message) -> None:
        self._receive(data)
