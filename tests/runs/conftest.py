"""Small datasets on disk, designs for them, and drivers as processes of their own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster

from motrain_app.design import Design
from motrain_app.runs import Run
from motrain_app.runs.driver import Driver
from motrain_app.runs.folder import RunFolder
from tests.conftest import PATIENCE


def make_dataset(*, cells: int = 6, years: int = 5, seed: int = 0, step: int = 4) -> xr.Dataset:
    """Return a dataset whose output `y` is linear in `a` and `b`, with gaps; `bend` is not."""
    random = np.random.default_rng(seed)
    time = np.arange("2010-01-01", f"{2010 + years}-01-01", dtype="datetime64[D]")[::step].astype("datetime64[ns]")
    shape = (cells, len(time))
    a, b = random.normal(285, 8, shape), random.normal(0.3, 0.05, shape)
    slope = np.linspace(0.1, 0.3, cells)[:, None]
    y = slope * (a - 285) - 8 * (b - 0.3) + 0.3 * random.normal(size=shape)
    bend = np.tanh((a - 285) / 5) + 0.1 * random.normal(size=shape)
    y[random.random(shape) < 0.1] = np.nan
    bend[random.random(shape) < 0.05] = np.nan
    along = ("space", "time")
    return xr.Dataset(
        {
            "a": (along, a, {"units": "K"}),
            "b": (along, b, {"units": "m3 m-3"}),
            "y": (along, y, {"units": "dB"}),
            "bend": (along, bend, {"units": "1"}),
        },
        coords={
            "lat": ("space", 40 + np.arange(cells) % 3, {"units": "degrees_north"}),
            "lon": ("space", 5 + np.arange(cells) // 3, {"units": "degrees_east"}),
            "time": time,
        },
    )


@contextmanager
def thread_of_ours() -> Iterator[Client]:
    """Give the client of a cluster whose one worker is a thread of this process."""
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**options, silence_logs=50) as cluster, Client(cluster, set_as_default=False) as client:
        yield client


def drive_here(folder: RunFolder) -> str:
    """Carry a run through with a worker that is a thread of this process: for tests of what a run leaves behind."""
    return Driver(folder, thread_of_ours).drive()


@pytest.fixture
def dataset() -> Callable[..., xr.Dataset]:
    """Return the maker of small datasets."""
    return make_dataset


@pytest.fixture
def design(tmp_path: Path) -> Callable[..., Design]:
    """Return a maker of designs on a small dataset that it writes to the test's folder."""

    def make(*, data: xr.Dataset | None = None, **choices: object) -> Design:
        path = tmp_path / "cells.nc"
        if data is not None or not path.exists():
            (make_dataset() if data is None else data).to_netcdf(path)
        standard = {"regions": "cells", "test": "2014-01-01", "learner": "ridge"}
        return Design(path, ["a", "b"], ["y", "bend"], **{**standard, **choices})

    return make


@pytest.fixture
def motrain(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command `motrain` in the test's folder."""

    def run(*arguments: object, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "motrain_app", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, env=environment())

    return run


def environment() -> dict[str, str]:
    """Return the environment of child processes: the package of this checkout, one thread a process."""
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.fixture(scope="module")
def first_of(tmp_path_factory):
    """Return a function that gives the folder of the first run of some regions by a learner, and its design."""
    made = {}

    def make(regions, learner="ridge"):
        from tests.runs.takeovers import trained  # which itself needs what stands here

        if (regions, str(learner)) not in made:
            folder = tmp_path_factory.mktemp("first")
            make_dataset().to_netcdf(folder / "cells.nc")
            inputs, outputs = ["a", "b"], ["y", "bend"]
            design = Design(folder / "cells.nc", inputs, outputs, regions=regions, test="2014-01-01", learner=learner)
            made[regions, str(learner)] = design, trained(design, folder / "runs")
        return made[regions, str(learner)]

    return make


@pytest.fixture
def earlier(first_of, tmp_path):
    """Return a function that gives a design and a finished run of it, alone in the test's folder of runs."""

    def make(regions=None, learner="ridge"):
        from tests.runs.takeovers import THREE

        design, run = first_of(regions or THREE, learner)
        shutil.copytree(run.path.parent, tmp_path / "runs")
        return design, Run.open(tmp_path / "runs" / run.path.name)

    return make
