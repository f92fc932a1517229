"""Nothing that a run tells before the test is opened depends on what test rows hold."""

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
import xarray as xr

from motrain_app.cli import main
from motrain_app.runs.scores.score_files import to_csv, to_dataset
from tests.runs.conftest import make_dataset
from tests.runs.takeovers import trained

GROUPS = (None, "season", "cell", "a", "all")
REGIONS = {"cells": "cells", "one for all": None}


def _told(run):
    """Return all that is told of a run, by what was asked."""
    frames = {f"skill by {by}": run.skill(by=by) for by in GROUPS}
    frames |= {f"coverage of {name}": run.coverage(name) for name in sorted(run.finished)}
    frames |= {f"trials of {name}": run.trials(name) for name in sorted(run.finished)}
    frames |= {"verdicts": run.verdicts(), "compare": run.compare(run).frame()}
    told = {name: frame.to_csv(float_format="%.17g") for name, frame in frames.items()}
    told["file"], told["remarks"] = to_csv(run, frames["skill by None"]), repr(run.remarks())
    told["compare in words"] = str(run.compare(run)).replace(run.path.name, "the run")
    datasets = {"years": run.years(), "map": run.by_cell("rmse"), "NetCDF": to_dataset(run, run.skill())}
    datasets |= {f"predictions of {name}": run.predictions(name) for name in sorted(run.finished)}
    if len(run.partitions) > 1:
        datasets["cross"] = run.cross()
    told |= {name: dataset.drop_attrs() for name, dataset in datasets.items()}
    with redirect_stdout(StringIO()) as said:
        assert main(["skill", str(run.path)]) == 0
    return told | {"terminal": said.getvalue()}


@pytest.mark.slow
@pytest.mark.parametrize("regions", REGIONS.values(), ids=REGIONS)
def test_whatever_test_rows_hold_the_same_is_told(design, tmp_path, regions):
    data, told = make_dataset(), []
    test = data["time"].values >= np.datetime64("2014-01-01")
    for factor in (1.0, 1e3):
        for name in ("a", "b", "y", "bend"):
            data[name] = data[name].where(~test, factor * data[name])
        run = trained(design(data=data, regions=regions), tmp_path / f"runs {factor}")
        told.append(_told(run))
        assert run.openings == []
    first, other = told
    assert first.keys() == other.keys()
    for name, one in first.items():
        same = one.identical(other[name]) if isinstance(one, xr.Dataset) else one == other[name]
        assert same, name
