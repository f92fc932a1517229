"""Taking over many partitions: fingerprints, links, hashes and records; nothing is trained."""

import json
import time

import numpy as np
import pytest
import xarray as xr
from safetensors.numpy import save

from motrain_app.design import Design
from motrain_app.runs import Run, RunFolder, create_run
from motrain_app.runs.blockfile import sha256_of
from motrain_app.runs.driver import Driver
from motrain_app.runs.durable import write_durably
from motrain_app.runs.plan import Plan
from motrain_app.runs.recovery import record_file
from motrain_app.runs.store import RunStore
from motrain_app.runs.takeover import take_over

pytestmark = pytest.mark.benchmark

TITLE = "Taking over"
COLUMNS = ["partitions", "block files", "MB in them", "seconds on the clock"]
BYTES_A_PARTITION = 20_000  # weights and predictions of a small network


def _make_design(folder, cells):
    """Write a dataset of many cells with few times, and return a design of one partition a cell."""
    random, days = np.random.default_rng(0), np.arange("2010", "2015", 45, dtype="datetime64[D]")
    values = {name: (("space", "time"), random.normal(size=(cells, len(days)))) for name in ("a", "y")}
    side = int(np.ceil(np.sqrt(cells)))
    place = {"lat": ("space", 0.1 * (np.arange(cells) // side)), "lon": ("space", 0.1 * (np.arange(cells) % side))}
    data = xr.Dataset(values, coords={**place, "time": days.astype("datetime64[ns]")})
    data.to_netcdf(folder / "cells.nc")
    return Design(folder / "cells.nc", ["a"], ["y"], regions="cells", test="2014-01-01", learner="network")


def _pretend(folder: RunFolder) -> int:
    """Fill a run with block files of a usual size, as if it had been trained; return the number of files."""
    driver = Driver(folder, lambda: None)
    assert driver._prepare()
    plan = Plan.load(folder.plan)
    header = json.dumps({"errors": {}})
    with RunStore(folder.store, write=True) as store:
        take_over(folder, store)
        for block in range(plan.n_blocks):
            numbers = plan.partitions(block)
            arrays = {
                "numbers": numbers,
                "ids": plan.ids[numbers],
                "present": np.ones((len(numbers), 4), bool),
                "scores": np.zeros((len(numbers), 40)),
                "rows": np.zeros(len(numbers) * BYTES_A_PARTITION, np.uint8),
            }
            path = folder.blocks / f"{block:06d}-0.safetensors"
            write_durably(path, save(arrays, metadata={"motrain_block": header}))
            record_file(folder, store, path.name, sha256_of(path))
        store.put("state", "done")
    return plan.n_blocks


@pytest.mark.parametrize("cells", [10_000, 100_000])
def test_taking_over_many_partitions(cells, tmp_path, table):
    design = _make_design(tmp_path, cells)
    n_files = _pretend(create_run(design, tmp_path / "runs"))
    folder = create_run(design, tmp_path / "runs")
    driver = Driver(folder, lambda: pytest.fail("something is left to train"))
    assert driver._prepare()
    begin = time.perf_counter()
    assert driver.drive() == "done"
    seconds = time.perf_counter() - begin
    assert Run.open(folder.path).counts == {"done": cells}
    assert len(Run.open(folder.path).taken_over) == cells
    table(TITLE, COLUMNS).add(f"{cells:,}", n_files, f"{cells * BYTES_A_PARTITION / 1e6:,.0f}", f"{seconds:.1f}")
    assert seconds < cells / 500
