"""Measuring, and the tables in which a session of benchmarks ends: Markdown, ready for the README."""

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from motrain_app.design import Design, LeaveYearsOut, Split
from motrain_app.design.splits import make_folds
from motrain_app.learning import Block

collect_ignore = ["peer.py", "warm_blocks.py"]  # scripts, the first of which needs an environment of its own

ROOT = Path(__file__).parents[2]
INPUTS = ("TG1", "TG2", "TG3", "WG1", "WG2", "WG3", "BIOMA1", "BIOMA2")
OUTPUTS = ("sig", "slop", "curv")
UNITS = ("K",) * 3 + ("m3 m-3",) * 3 + ("kg m-2",) * 2 + ("dB", "dB/deg", "dB/deg2")


# Tables


@dataclass
class Table:
    """A Markdown table that grows while benchmarks run."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """Add a row; numbers that mean something else than themselves come as text."""
        self.rows.append(tuple(map(str, cells)))

    def lines(self) -> list[str]:
        """Return the table as Markdown."""
        words = [any(cell[:1].isalpha() for cell in column) for column in zip(*self.rows, strict=True)]
        ruler = ["---" if word else "---:" for word in words]
        return [f"| {' | '.join(cells)} |" for cells in (self.columns, ruler, *self.rows)]


_TABLES = pytest.StashKey[dict[str, Table]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLES] = {}


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Callable[[str, Sequence[str]], Table]:
    """Return a function that gives the table of a title, which is printed when the session ends."""

    def of_title(title: str, columns: Sequence[str]) -> Table:
        return pytestconfig.stash[_TABLES].setdefault(title, Table(title, tuple(columns)))

    return of_title


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tables = [one for one in config.stash[_TABLES].values() if one.rows]
    if not tables:
        return
    terminalreporter.section("benchmarks")
    terminalreporter.write_line(f"{_machine()}. CPU-seconds on a busy machine vary by a third.")
    for one in tables:
        for line in ("", f"**{one.title}**", "", *one.lines()):
            terminalreporter.write_line(line)


def _machine() -> str:
    processor = platform.processor() or platform.machine()
    try:
        words = [line.split(":")[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
        processor = words[0].strip()
    except (OSError, IndexError):
        pass
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}"


# Measuring


@dataclass(frozen=True)
class Seconds:
    """Of the processor, in all threads, and of the clock on the wall."""

    cpu: float
    wall: float


@pytest.fixture(scope="session")
def seconds() -> Callable[..., Seconds]:
    """Return a function that measures another one in this process: of several calls, the least disturbed one."""

    def measure(function: Callable[[], object], *, repeats: int = 1) -> Seconds:
        taken = []
        for _ in range(repeats):
            cpu, wall = time.process_time(), time.perf_counter()
            function()
            taken.append(Seconds(time.process_time() - cpu, time.perf_counter() - wall))
        return min(taken, key=lambda one: one.cpu)

    return measure


@dataclass(frozen=True)
class Finished:
    """What a command printed, and the CPU-seconds of all its processes."""

    output: str
    cpu: float


@pytest.fixture(scope="session")
def python() -> Callable[..., Finished]:
    """Return a function that runs ``python ARGUMENTS`` and counts what it and everything it starts cost."""

    def run(*arguments: object) -> Finished:
        before = _cpu_of_children()
        # The driver waits for its workers, so that the system adds their time to its own.
        done = subprocess.run(
            [sys.executable, *map(str, arguments)], capture_output=True, text=True, env=_environment(), timeout=3600
        )
        assert done.returncode == 0, done.stderr
        return Finished(done.stdout, _cpu_of_children() - before)

    return run


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


# Data in the shape of the real cells: eight inputs, three outputs, two passes on many days of 2007 to 2019


def _times() -> np.ndarray:
    days = np.arange("2007-01-01", "2020-01-01", dtype="datetime64[D]").astype("datetime64[h]")
    both = np.sort(np.concatenate([days, days[np.arange(len(days)) % 5 < 4] + np.timedelta64(1, "h")]))
    return both.astype("datetime64[ns]")


def _values(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs [8, ...] and outputs [3, ...] that are a quadratic of them with noise, in float32."""
    z = random.standard_normal((len(INPUTS), *shape), np.float32)
    unit = np.array([8, 7, 5, 0.05, 0.04, 0.03, 0.2, 0.2], np.float32).reshape(-1, *[1] * len(shape))
    mean = np.array([285, 284, 283, 0.3, 0.3, 0.3, 0.5, 0.6], np.float32).reshape(-1, *[1] * len(shape))
    noise = random.standard_normal((len(OUTPUTS), *shape), np.float32)
    outputs = np.stack([z[0] - 0.5 * z[3] + 0.4 * z[0] * z[3], 0.01 * (z[6] - 0.3 * z[1]), 1e-3 * z[4] * z[7]])
    return unit * z + mean, outputs + np.array([0.5, 0.006, 5e-4], np.float32).reshape(-1, *[1] * len(shape)) * noise


@pytest.fixture(scope="session")
def make_cells() -> Callable[..., xr.Dataset]:
    """Return a maker of datasets of so many cells, each with 92 % of the times (or of each n-th) as the real cells."""

    def make(cells: int, *, every: int = 1) -> xr.Dataset:
        random, time = np.random.default_rng(cells), _times()[::every]
        inputs, outputs = _values(random, (cells, len(time)))
        outputs[:, random.random(outputs.shape[1:]) > 0.92] = np.nan
        columns = zip((*INPUTS, *OUTPUTS), UNITS, (*inputs, *outputs), strict=True)
        side = int(np.ceil(np.sqrt(cells)))
        return xr.Dataset(
            {name: (("space", "time"), values, {"units": unit}) for name, unit, values in columns},
            coords={
                "lat": ("space", 36 + 24 * (np.arange(cells) // side) / side, {"units": "degrees_north"}),
                "lon": ("space", -10 + 40 * (np.arange(cells) % side) / side, {"units": "degrees_east"}),
                "time": time,
            },
        )

    return make


@pytest.fixture(scope="session")
def make_design() -> Callable[..., Design]:
    """Return a maker of the design of the real cells for any dataset of their form: one partition a cell."""

    def make(data: Path | str, **choices: object) -> Design:
        return Design(data, INPUTS, OUTPUTS, regions="cells", test="2017-01-01", jackknife="year", **choices)

    return make


@pytest.fixture(scope="session")
def make_block() -> Callable[[int], Block]:
    """Return a maker of blocks of partitions that each have the rows of a real cell: 5,400 to train on, ten folds."""

    def make(partitions: int) -> Block:
        random, time = np.random.default_rng(partitions), _times()
        folds = make_folds(Split("2017-01-01"), LeaveYearsOut(), time)
        n = 5400 * len(time) // (time < np.datetime64("2017-01-01")).sum()
        rows = np.concatenate([np.sort(random.choice(len(time), n, replace=False)) for _ in range(partitions)])
        inputs, outputs = _values(random, (len(rows),))
        return Block(
            ids=np.arange(partitions, dtype=np.uint64),
            row_start=n * np.arange(partitions + 1),
            inputs=inputs - np.array([273.15] * 3 + [0] * 5, np.float32)[:, None],
            outputs=outputs,
            atom=folds.atom_of_time[rows],
            folds=folds,
            seed=0,
            padded_rows=8192 * partitions,
            masked=np.zeros(partitions, bool),
        )

    return make
