"""Data for the tests of `motrain_app.data`."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr


@pytest.fixture
def make_points() -> Callable[..., xr.Dataset]:
    """Makes scattered cells as a scientist would write them: dims station and time, TG1 of known values."""

    def make(*, n_cells: int = 3, n_times: int = 800, start: str = "2007-01-01", name: str = "TG1") -> xr.Dataset:
        time = pd.date_range(start, periods=n_times, freq="D")
        season = 10 * np.sin(2 * np.pi * np.arange(n_times) / 365.25)
        noise = np.random.default_rng(0).normal(size=(n_cells, n_times))
        return xr.Dataset(
            {name: (("station", "time"), 280 + season + noise, {"units": "K"})},
            coords={
                "lat": ("station", 45.0 + np.arange(n_cells), {"units": "degrees_north"}),
                "lon": ("station", 5.0 + np.arange(n_cells), {"units": "degrees_east"}),
                "time": time,
            },
        )

    return make


@pytest.fixture
def make_grid() -> Callable[..., xr.Dataset]:
    """Makes a grid of dims time, lat, lon; every value tells its place: 10000 t + 100 row + column."""

    def make(*, n_times: int = 5, lat: object = (50.0, 49.0, 48.0), lon: object = (4.0, 5.0)) -> xr.Dataset:
        lats, lons = np.asarray(lat, dtype=float), np.asarray(lon, dtype=float)
        t, row, column = np.ogrid[:n_times, : len(lats), : len(lons)]
        return xr.Dataset(
            {"TG1": (("time", "lat", "lon"), (10000 * t + 100 * row + column).astype(np.float64))},
            coords={"time": pd.date_range("2007-12-30", periods=n_times), "lat": lats, "lon": lons},
        )

    return make
