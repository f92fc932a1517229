"""Binding a run to the rows of another: whatever its regions and periods say, it learns from no other row.

So can one operator for all be trained on what the partitions of a run learnt from, and on nothing else. What the other
run claims is copied when the run is made: it may go on, or be deleted.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from motrain_app.runs.claims import Claims
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.plan import Plan

if TYPE_CHECKING:
    import xarray as xr


def find_rows_of(run: str | Path, dataset: "xr.Dataset") -> RunFolder:
    """Return the folder of a run whose rows another one is to take.

    Parameters
    ----------
    run
        Its folder.
    dataset
        Canonical; of the other run. Rows are known by cell and time, so both must have the same, in the same order.

    Raises
    ------
    RunError
        Where it is no run, was not started yet, or has other cells or times.
    """
    folder = RunFolder(run)
    folder.info()
    if not folder.plan.exists():
        raise RunError(
            f"Which rows {folder.path} has is not known before it is started: `motrain resume {folder.path}`, then "
            "train on its rows."
        )
    plan = Plan.load(folder.plan)
    for name, what in (("lat", "cells"), ("lon", "cells"), ("time", "times")):
        there, here = getattr(plan, name), dataset[name].values
        if not np.array_equal(there, here.astype(there.dtype)):
            raise RunError(
                f"The rows of {folder.path} cannot be taken: the design's data have other {what} ({len(here):,} in "
                f"place of {len(there):,}), or hold them in another order. Train on the data of that run."
            )
    return folder


def claims_of(run: RunFolder) -> Claims | None:
    """Return the rows that a run is bound to, those of another one; None where its regions and periods decide alone.

    Raises
    ------
    RunError
        Where they are missing in its folder.
    """
    other = run.info().get("rows_of")
    if other is None:
        return None
    if not run.rows_of.exists():
        raise RunError(
            f"{run.path} takes the rows of {other}, but {run.rows_of.name}, which says which these are, is gone. "
            "Train the design anew."
        )
    return Claims.of_plan(Plan.load(run.rows_of))
