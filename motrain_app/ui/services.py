"""What all sessions of one server share, and what outlives each of them. Nothing here knows the screen.

Bokeh wipes the names of a served script when its session ends; this module is imported, and stays.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from motrain_app.data import DataError, Opened
from motrain_app.design import Design
from motrain_app.runs import Run, RunError, create_run, start_driver
from motrain_app.runs.control import Control, Request
from motrain_app.ui.datasets import Datasets
from motrain_app.ui.helper import Helper, Job
from motrain_app.ui.recent import RecentPaths
from motrain_app.ui.roots import Roots
from motrain_app.ui.run_list import RunEntry, RunList
from motrain_app.ui.targets import Target, recognise, sample_target


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where runs are trained that the screen starts.

    Attributes
    ----------
    workers
        Processes on this machine; None for one a core.
    scheduler
        Address or scheduler file of a dask cluster to use in their place.
    """

    workers: int | None = None
    scheduler: str | None = None


class Services:
    """Datasets, runs and the helper processes of one server.

    Every method may be called from any thread. Those that say so take longer than the event loop of the server can
    wait; a page calls them with ``await asyncio.to_thread(services.start, design)``.

    Parameters
    ----------
    runs
        The folder of runs; made when the first one starts.
    roots
        What may be read, besides the folder of runs.
    cluster
        Where runs are trained.
    target
        What a new session opens with; None for the page that asks for a file.
    """

    def __init__(
        self,
        runs: str | Path,
        roots: Roots | Iterable[str | Path] = (),
        cluster: Cluster | None = None,
        target: Target | None = None,
    ) -> None:
        self.runs_folder = Path(os.path.realpath(os.path.expanduser(runs)))
        given = roots.paths if isinstance(roots, Roots) else tuple(roots)
        self.roots = Roots([*given, self.runs_folder])
        self.cluster = cluster or Cluster()
        self.target = target
        self.recent = RecentPaths(self.runs_folder / ".recent.json", self.roots)
        self._datasets = Datasets()
        self._runs = RunList(self.runs_folder)
        self._helper, self._slow_helper = Helper(), Helper()
        self._starting = threading.Lock()

    # Data

    def open(self, paths: str | Path | Sequence[str | Path], remedies: Iterable[Mapping[str, Any]] = ()) -> Opened:
        """Open data below the roots, or return what another session opened; may take seconds.

        Raises
        ------
        DataError
            Where they lie elsewhere, or cannot be used.
        """
        several = [paths] if isinstance(paths, str | os.PathLike) else paths
        return self._datasets.open([self.roots.resolve_tree(path) for path in several], remedies)

    def dataset(self, design: Design) -> xr.Dataset:
        """Return the canonical dataset of a design; as `open`."""
        return self.open(design.data, design.remedies).dataset

    # Runs

    def runs(self) -> tuple[RunEntry, ...]:
        """Return the runs in the folder, the newest first; cheap, and equal to the last answer if nothing changed."""
        return self._runs.entries()

    def entry(self, run: str | Path) -> RunEntry:
        """Return how one run is now."""
        return self._runs.entry(self._path(run))

    def run(self, run: str | Path) -> Run:
        """Open a run, by its name in the folder or by its path."""
        return Run.open(self._path(run))

    def run_of(self, design: Design) -> Run | None:
        """Return the newest run on the data, inputs and outputs of a design, that began at least; None without one."""
        for entry in self.runs():
            if entry.state in ("refused", "unreadable", "not started"):
                continue
            run = self.run(entry.path)
            if _subject(run.design) == _subject(design):
                return run
        return None

    def start(self, design: Design) -> Path:
        """Make a run of a design and start its driver, which outlives this server; may take seconds.

        Returns
        -------
        pathlib.Path
            The run folder.

        Raises
        ------
        DataError, DesignError, RunError
            Where nothing was started, with every reason.
        """
        for path in design.data:
            self.roots.resolve_tree(path)
        with self._starting:  # two clicks in one second
            folder = create_run(design, self.runs_folder)
        self._drive(folder.path)
        return folder.path

    def resume(self, run: str | Path) -> None:
        """Start a driver for what a run has not finished.

        Raises
        ------
        RunError
            Where it is being driven already.
        """
        with self._starting:
            path = self._path(run)
            if self._runs.entry(path).state in ("running", "starting"):
                raise RunError(f"The run {path.name} is being driven already. Stop it first, or wait.")
            Control(path).forget()
            self._drive(path)

    def stop(self, run: str | Path) -> None:
        """Ask a run to end after what runs now."""
        self._ask(run, "stop")

    def cancel(self, run: str | Path) -> None:
        """Ask a run to end at once; what is finished stays."""
        self._ask(run, "cancel")

    def pause(self, run: str | Path) -> None:
        """Ask a run to begin nothing new until `go_on`."""
        self._ask(run, "pause")

    def go_on(self, run: str | Path) -> None:
        """Take back a `pause`."""
        Control(self._path(run)).forget("pause")

    def _ask(self, run: str | Path, request: Request) -> None:
        path = self._path(run)
        driver = self._runs.starting(path)
        if driver is not None and request != "pause":
            driver.terminate()  # a driver forgets, as it begins, what was asked before; nothing is lost by this
        Control(path).ask(request)

    def _drive(self, path: Path) -> None:
        from motrain_app.runs import RunFolder

        driver = start_driver(RunFolder(path), workers=self.cluster.workers, scheduler=self.cluster.scheduler)
        self._runs.adopt(path, driver)

    def _path(self, run: str | Path) -> Path:
        """Return the folder of a run, which lies in the folder of runs or is what the server was started with."""
        try:
            path = self.roots.resolve(self.runs_folder / run)
        except DataError as error:
            raise RunError(str(error)) from None
        if not (path / "run.json").is_file():
            raise RunError(f"There is no run {run} in {self.runs_folder}.")
        return path

    # Work for pages

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Job:
        """Call a function of a module in the helper process; returns a future that can be cancelled at any time."""
        return self._helper.submit(function, *arguments)

    def submit_slow(self, function: Callable[..., Any], *arguments: Any) -> Job:
        """Do the same in a process of its own for what takes over a second: nobody's drawing waits for it."""
        return self._slow_helper.submit(function, *arguments)

    def close(self) -> None:
        """End the helper processes; drivers go on."""
        self._helper.close()
        self._slow_helper.close()


def _subject(design: Design) -> tuple[Any, ...]:
    """Return what makes the results of two designs comparable on one screen."""
    return tuple(os.path.realpath(path) for path in design.data), design.inputs, design.outputs


def open_services(
    target: str | Path | None = None,
    *,
    runs: str | Path = "runs",
    roots: Sequence[str | Path] = (),
    cluster: Cluster | None = None,
) -> Services:
    """Return the services of a server that opens with a target.

    Parameters
    ----------
    target
        Data, a design or a run; None for the sample dataset with its ready design.
    runs
        Folder of runs. A run that is the target brings its own, unless another folder than ``runs`` is named.
    roots
        Folders that may be read; none for the present one. The target may be read in any case.

    Raises
    ------
    DataError, DesignError, RunError
        Where the target cannot be used.
    """
    recognised = sample_target() if target is None else recognise(target)
    if recognised.kind == "run" and Path(runs) == Path("runs"):
        runs = recognised.path.parent
    services = Services(runs, [*(roots or (Path.cwd(),)), *recognised.files()], cluster, recognised)
    if recognised.kind == "data":
        services.open(recognised.path)  # told now and in the terminal, rather than later and on the screen
    return services
