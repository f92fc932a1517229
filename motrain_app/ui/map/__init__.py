"""The map that every page of the app shows."""

from motrain_app.ui.map.colours import CATEGORICAL
from motrain_app.ui.map.extent import Extent
from motrain_app.ui.map.pixels import CellLocator, PixelIndex
from motrain_app.ui.map.view import MapView

__all__ = ["CATEGORICAL", "CellLocator", "Extent", "MapView", "PixelIndex"]
