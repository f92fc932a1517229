"""How a dataset is told and a variable is shown before anything is trained."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from motrain_app.ui.escape import safe_text

TIMES_SHOWN = 64  # of a variable's mean on the map: enough for a look, read in a moment


def mean_in_time(dataset: xr.Dataset, name: str) -> NDArray[np.float64] | None:
    """Return the mean of a few times, evenly spread, of each cell; None for a variable of time alone."""
    field = dataset[name]
    if "space" not in field.dims:
        return None
    if "time" in field.dims:
        step = max(1, dataset.sizes["time"] // TIMES_SHOWN)
        field = field.isel(time=slice(None, None, step)).mean("time")
    return np.asarray(field.values, float)


def describe_dataset(name: str, dataset: xr.Dataset) -> str:
    """Say how large a dataset is and when it begins and ends; harmless text."""
    time = dataset["time"].values
    span = f", {str(time[0])[:10]} to {str(time[-1])[:10]}" if len(time) else ""
    return f"{safe_text(name)}: {dataset.sizes['space']:,} cells × {len(time):,} times{span}"
