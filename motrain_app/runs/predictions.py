"""Predictions of a partition as its owner sees them: in physical units, on axes that say where and when."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from motrain_app.data.calendars import to_nanoseconds
from motrain_app.design import Folds
from motrain_app.runs.blockfile import TEST
from motrain_app.runs.plan import Plan


def predictions_dataset(values: Mapping[str, NDArray[Any]], plan: Plan, folds: Folds) -> xr.Dataset:
    """Return the rows of a partition over time; see `motrain_app.runs.run.Run.predictions`.

    Parameters
    ----------
    values
        cell, time, fold, observed and predicted, as `motrain_app.runs.blockfile.BlockFile.rows` gives them.
    """
    offset = plan.output_offset[:, None]
    cells, time = np.unique(values["cell"]), plan.time[values["time"]]
    order = np.argsort(time, kind="stable")
    values = {name: array[..., order] for name, array in values.items()}
    time, cell = time[order], values["cell"]
    dim = "time" if len(cells) <= 1 else "row"
    names = np.array([*folds.names, ""])
    along: dict[str, Any] = {"time": (dim, to_nanoseconds(time))}
    if len(cells):
        cell, of = (cell, (dim,)) if dim == "row" else (cells[0], ())
        along |= {"cell": (of, cell), "lat": (of, plan.lat[cell]), "lon": (of, plan.lon[cell])}
    observed, predicted = (values[name].astype(np.float64) + offset for name in ("observed", "predicted"))
    return xr.Dataset(
        {
            "observed": (("output", dim), observed, {"long_name": "observed"}),
            "predicted": (("output", dim), predicted, {"long_name": "predicted, by what had not seen the row"}),
            "fold": (dim, names[values["fold"]], {"long_name": "fold that withheld the row"}),
            "rows": (dim, np.where(values["fold"] == TEST, "test", "held-out"), {"long_name": "kind of row"}),
        },
        coords={
            **along,
            "output": [variable.name for variable in plan.outputs],
            "unit": ("output", [variable.unit for variable in plan.outputs]),
        },
    )
