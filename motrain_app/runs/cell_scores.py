"""Scores of each cell, from the stored predictions of a run: what the maps of a partition's inside show."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from motrain_app.runs.blockfile import BlockFile
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan
from motrain_app.runs.store import DONE, RunStore
from motrain_app.skill import get_metric, moments_by_group


def score_cells(run: RunFolder, metric: str, partitions: Sequence[str] | None = None) -> xr.Dataset:
    """Score the out-of-fold predictions of each cell.

    Parameters
    ----------
    metric
        Name of a metric that needs no baseline, such as "bias" or "rmse".
    partitions
        Names of the partitions to look into; by default all that are finished.

    Returns
    -------
    xarray.Dataset
        One variable an output and ``n_<output>``, over space, with lat and lon; NaN where a cell has no such row.

    Notes
    -----
    A cell that several partitions share (seasons) is scored over all of them together.
    """
    plan, score = Plan.load(run.plan), get_metric(metric)
    n_cells, n_outputs = len(plan.lat), len(plan.outputs)
    total = None
    with RunStore(run.store) as store:
        rows = [row for row in store.partitions() if row.state == DONE and (not partitions or row.name in partitions)]
    for name in dict.fromkeys(row.file for row in rows):
        positions = [int(row.position or 0) for row in rows if row.file == name]
        with BlockFile.open(run.blocks / str(name)) as file:
            parts = [file.rows(position) for position in positions]
        held = [part["fold"] >= 0 for part in parts]
        cell = np.concatenate([part["cell"][keep] for part, keep in zip(parts, held, strict=True)])
        observed, predicted = (
            np.concatenate([part[which][:, keep] for part, keep in zip(parts, held, strict=True)], axis=1)
            for which in ("observed", "predicted")
        )
        found = moments_by_group(observed, predicted, cell, n_cells)
        total = found if total is None else total + found
    values = np.full((n_outputs, n_cells), np.nan) if total is None else score.function(total)
    count = np.zeros((n_outputs, n_cells)) if total is None else total.n
    unit = [score.unit_of(variable.unit) for variable in plan.outputs]
    fields = {
        variable.name: ("space", values[number], {"units": unit[number], "long_name": f"{metric} of {variable.name}"})
        for number, variable in enumerate(plan.outputs)
    }
    counts = {f"n_{variable.name}": ("space", count[number]) for number, variable in enumerate(plan.outputs)}
    return xr.Dataset(fields | counts, coords={"lat": ("space", plan.lat), "lon": ("space", plan.lon)})
