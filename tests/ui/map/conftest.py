"""A map of a hundred cells, and a client that tells it what a browser would."""

from typing import Any

import numpy as np
import pytest

from motrain_app.ui.map import MapView

LAT, LON = (axis.ravel() for axis in np.meshgrid(np.arange(40.0, 50.0), np.arange(0.0, 10.0), indexing="ij"))
VALUES = np.linspace(-3, 5, LAT.size)
CLOSE = (-1.0, 11.0, 39.0, 51.0)


class Client:
    """Tells a map what a browser would, and keeps what the map answers."""

    def __init__(self, view: MapView, monkeypatch: pytest.MonkeyPatch) -> None:
        self.view, self.heard = view, []
        monkeypatch.setattr(view._frame, "send", self.heard.append)

    def look(self, extent=CLOSE, width=120, height=60, *, gesture=False, fresh=False):
        self._tell(kind="view", extent=list(extent), width=width, height=height, gesture=gesture, fresh=fresh)

    def hover(self, lon, lat):
        self._tell(kind="hover", lon=lon, lat=lat, number=7)
        return self.heard[-1]

    def hide(self):
        self._tell(kind="hidden")

    def type_limits(self, limits):
        self.view._key._handle_msg({"kind": "limits", "limits": limits})

    def tap(self, lon, lat, *, twice=False, at=(0, 0)):
        self._tell(kind="tap", lon=lon, lat=lat, sx=at[0], sy=at[1], twice=twice)

    @property
    def wanted(self):
        return self.view._frame.want

    def _tell(self, **message):
        self.view._frame._handle_msg(message)

    @property
    def image(self):
        return self.view._map.image.data["image"][0]


def show(view: MapView, values: Any = VALUES, **options: Any) -> None:
    """Show the bias, unless something else is said."""
    view.show(values, **{"label": "Bias", "unit": "dB", **options})


@pytest.fixture
def view() -> MapView:
    return MapView(LAT, LON)


@pytest.fixture
def client(view: MapView, monkeypatch: pytest.MonkeyPatch) -> Client:
    return Client(view, monkeypatch)


@pytest.fixture
def make_client(monkeypatch: pytest.MonkeyPatch):
    """Return a maker of clients of other maps."""
    return lambda view: Client(view, monkeypatch)
