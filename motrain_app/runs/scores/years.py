"""Years of a run: in which its operators fail, and which of them made the operators what they are."""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from motrain_app.design.splits import make_folds
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.given import checked_name
from motrain_app.runs.plan import Plan
from motrain_app.runs.scores.scoring import skill_frame
from motrain_app.runs.scores.verdicts import read_diagnoses
from motrain_app.runs.store import DONE, RunStore
from motrain_app.skill import get_metric

_DIMS = ("partition", "output", "fold")
_COLUMNS = {"difficulty": "value", "low": "low", "high": "high", "n": "n"}
_ABOUT = {
    "difficulty": "of the rows that the fold's member withheld",
    "low": "lower end of the 95 % interval of difficulty",
    "high": "upper end of the 95 % interval of difficulty",
    "n": "rows that difficulty is of",
    "influence": "root mean square change of h where the fold is left out of training",
}


def year_matrices(run: RunFolder, metric: str) -> xr.Dataset:
    """Return difficulty and influence of every fold; see `motrain_app.runs.run.Run.years`."""
    plan, design = Plan.load(run.plan), run.design()
    folds = make_folds(design.test, design.jackknife, plan.time)
    if not folds.jackknife:
        raise RunError("The run left no year out: there is nothing to tell years apart by. Train with a jackknife.")
    with RunStore(run.store) as store:
        rows = [row for row in store.partitions() if row.state == DONE]
    names = [[row.name for row in rows], [one.name for one in plan.outputs], list(folds.names)]
    scores = skill_frame(run, by="fold", metrics=[checked_name(metric, "metric")])
    columns = zip(("partition", "output", "group"), names, strict=True)
    at = tuple(pd.Index(known).get_indexer(pd.Index(scores[column])) for column, known in columns)
    values: dict[str, NDArray[np.generic]] = {}
    for name, column in _COLUMNS.items():
        values[name] = np.full([len(part) for part in names], 0 if name == "n" else np.nan)
        values[name][at] = scores[column]
    diagnoses = read_diagnoses(run, rows)
    values["n"] = values["n"].astype(np.int64)
    values["influence"] = np.array([diagnoses[row.number].influence.T for row in rows]).reshape(values["n"].shape)
    units = [one.unit for one in plan.outputs]
    about = _ABOUT | {"difficulty": f"{metric} {_ABOUT['difficulty']}"}
    return xr.Dataset(
        {name: (_DIMS, array, {"long_name": about[name]}) for name, array in values.items()},
        coords={
            **dict(zip(_DIMS, names, strict=True)),
            "unit": ("output", units, {"long_name": "unit of influence"}),
            "metric_unit": ("output", [get_metric(metric).unit_of(unit) for unit in units]),
        },
        attrs={"metric": metric, "rows": "out-of-fold", "partial": scores.attrs["partial"]},
    )
