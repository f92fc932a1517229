"""Datasets that designs are laid over."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr


@pytest.fixture(scope="session")
def dataset_at() -> Callable[..., xr.Dataset]:
    """Makes a canonical dataset with cells at the given places; its values do not matter to a design."""

    def make(lat, lon, *, time=("2010-01-01",), variables=("TG1",)) -> xr.Dataset:
        lat, lon = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
        time = np.asarray(time, "datetime64[ns]")
        nothing = np.broadcast_to(np.float32(0), (len(lat), len(time)))
        return xr.Dataset(
            dict.fromkeys(variables, (("space", "time"), nothing)),
            coords={"lat": ("space", lat), "lon": ("space", lon), "time": time},
        )

    return make
