"""Starting and resuming runs: from Python, where a driver process does the work, and in the driver process itself."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from motrain_app.data import fingerprint, open_dataset
from motrain_app.design import Design, DesignError
from motrain_app.learning import check_learner
from motrain_app.learning.registering import Registered, register_modules
from motrain_app.runs.cluster import Cluster, existing_cluster, local_cluster
from motrain_app.runs.control import Control
from motrain_app.runs.driver import Driver
from motrain_app.runs.environment import WORKER_ENVIRONMENT
from motrain_app.runs.errors import RunError
from motrain_app.runs.folder import RunFolder
from motrain_app.runs.lock import is_driven
from motrain_app.runs.own_metrics import check_metrics
from motrain_app.runs.progress import Progress, ProgressBar
from motrain_app.runs.rows_of import find_rows_of
from motrain_app.runs.run import Run
from motrain_app.runs.staging import staged_path
from motrain_app.skill import get_metric, metric_names

Watch = Callable[[Progress], None]
WATCH_SECONDS = 0.3


def create_run(
    design: Design,
    runs: str | Path = "runs",
    *,
    register: Sequence[str | Path] = (),
    take_over: bool = True,
    max_rows: int | None = None,
    rows_of: Run | str | Path | None = None,
) -> RunFolder:
    """Check a design against its data and make a run folder for it; nothing is trained yet.

    Parameters
    ----------
    register
        Modules with learners or metrics of the user's own, by name or as paths of ``.py`` files; they are imported.
    take_over, max_rows, rows_of
        As in `train`; the run remembers them.

    Raises
    ------
    DataError, DesignError
        Where the data or the design cannot be used, with every reason.
    RunError
        Where the limit of rows is no positive number, the rows of the other run cannot be taken, or a metric of a
        module fails.
    """
    if isinstance(max_rows, bool):
        raise RunError(f"max_rows is {max_rows}; it must be a number of rows, or None for all.")
    if max_rows is not None and max_rows < 1:
        raise RunError(f"At most {max_rows} rows of a partition leave nothing to train on. Leave max_rows out for all.")
    modules = register_modules(register)
    check_metrics(_metrics_of(modules))  # one that fails would fail every partition
    dataset = open_dataset(list(design.data), remedies=design.remedies)
    reasons: list[str] = []
    for check in (
        lambda: design.layout(dataset),
        lambda: check_learner(design.learner, len(design.outputs), design.seed),
    ):
        try:
            check()
        except DesignError as error:
            reasons += error.reasons
    if reasons:
        raise DesignError(reasons)
    other = None if rows_of is None else find_rows_of(_path(rows_of), dataset)
    mark = fingerprint(list(design.data))
    staged = staged_path(Path(runs), mark, design)
    return RunFolder.create(
        design,
        runs,
        fingerprint=mark,
        staged=staged,
        modules=modules,
        take_over=take_over,
        max_rows=max_rows,
        rows_of=other,
    )


def _metrics_of(modules: Sequence[Registered]) -> list[str]:
    """Return the names of the metrics that modules define."""
    defining = {module.name for module in modules}
    return [name for name in metric_names() if get_metric(name).function.__module__ in defining]


def drive_run(
    run: RunFolder,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    register: Sequence[str | Path] = (),
    watch: Watch = lambda progress: None,
) -> str:
    """Drive a run in this process and return how it ended: "done" or "stopped".

    Parameters
    ----------
    workers
        Processes on this machine; by default one a core.
    scheduler
        Address or scheduler file of a dask cluster to use in their place.
    register
        The modules that the run was created with, once more: a folder that somebody sent imports nothing.

    Raises
    ------
    RunError
        Where the run needs a module that is not named, or that changed.
    """
    modules = _registered(run, register)
    cluster: Cluster = existing_cluster(scheduler, run.path.resolve()) if scheduler else local_cluster(workers)
    return Driver(run, cluster, watch, modules).drive()


def _registered(run: RunFolder, register: Sequence[str | Path]) -> tuple[Registered, ...]:
    """Return the modules that were named, having imported them; RunError where a run needs others."""
    modules = register_modules(register)
    recorded = [Registered(**entry) for entry in run.info().get("register", ())]
    missing = [module for module in recorded if module.name not in {one.name for one in modules}]
    if missing:
        flags = " ".join(f"--register {module.given}" for module in missing)
        raise RunError(
            f"The run {run.path} was made with {flags}. What a run folder says is never imported by itself: look at "
            f"the module, then give it again with {flags}."
        )
    changed = [module.given for module in recorded if module not in modules]
    if changed:
        raise RunError(f"{', '.join(changed)} changed since the run was made. Train the design anew.")
    return modules


def start_driver(
    run: RunFolder,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    register: Sequence[str | Path] = (),
) -> subprocess.Popen[bytes]:
    """Start a driver process that outlives this one; what it says goes to ``driver.log`` in the run folder."""
    command = [sys.executable, "-m", "motrain_app", "resume", str(run.path.resolve()), "--quiet"]
    command += ["--workers", str(workers)] if workers else []
    command += ["--scheduler", scheduler] if scheduler else []
    command += [word for module in register for word in ("--register", str(module))]
    with open(run.path / "driver.log", "ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **WORKER_ENVIRONMENT},
        )


def train(
    design: Design,
    runs: str | Path = "runs",
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    register: Sequence[str | Path] = (),
    take_over: bool = True,
    max_rows: int | None = None,
    rows_of: Run | str | Path | None = None,
) -> Run:
    """Train a design and return its run; blocks until the run has ended.

    The work is done by a driver process, so that it survives the death of this one, and a script needs no
    ``if __name__ == "__main__"``. Ctrl-C stops the run: what is finished stays, and `resume` goes on.

    Parameters
    ----------
    workers, scheduler
        As in `drive_run`.
    register
        Modules with learners of your own (`motrain_app.learning.register_learner`), or metrics, by name or as paths of
        ``.py`` files. They are imported here, by the driver and by every worker.
    take_over
        Whether a partition that another run in the folder has trained already, with the same rows, split, learner, seed
        and versions, is taken over in place of being trained again; `Run.taken_over` says which were.
    max_rows
        Training rows that are taken of a partition at most, so that a worker's memory and time have a bound; None: all.
        Of a larger one a sample is taken, keyed by the design's seed, each cell and time, and of its test rows the same
        share.
    rows_of
        A run whose rows alone are taken: of each partition those that lie in a partition of that run too, and in its
        sample. So one operator for all can learn from what the partitions of a run learn from. None: all.

    Raises
    ------
    DataError, DesignError
        Where nothing was started, with every reason.
    RunError
        Where the run broke off.
    """
    folder = create_run(design, runs, register=register, take_over=take_over, max_rows=max_rows, rows_of=rows_of)
    return _follow(folder, start_driver(folder, workers=workers, scheduler=scheduler, register=register))


def resume(
    run: Run | str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    register: Sequence[str | Path] = (),
) -> Run:
    """Finish what is not finished of a run, nothing twice; blocks until it has ended. `register` as in `train`."""
    folder = RunFolder(_path(run))
    folder.info()
    if is_driven(folder.path):
        raise RunError(f"The run {folder.path} is being driven already. Wait for it, or stop it first.")
    return _follow(folder, start_driver(folder, workers=workers, scheduler=scheduler, register=register))


def _path(run: Run | str | Path) -> str | Path:
    return run.path if isinstance(run, Run) else run


def _follow(folder: RunFolder, driver: subprocess.Popen[bytes]) -> Run:
    """Watch a driver until it ends; its words are told where it could not finish."""
    run = Run(folder.path)
    with ProgressBar() as bar:
        while (code := _wait(folder, driver)) is None:
            bar.show(Progress.of_run(folder.path))
        if code in (0, 1):
            bar.show(Progress.of_run(folder.path, phase=run.state))
    if code not in (0, 1):
        said = (folder.path / "driver.log").read_text(encoding="utf-8", errors="replace")
        words = [line.removeprefix("motrain: ") for line in said.splitlines() if line.startswith("motrain: ")]
        raise RunError("\n".join(words) or f"The driver of {folder.path} died (exit code {code}). `resume` goes on.")
    return run


def _wait(folder: RunFolder, driver: subprocess.Popen[bytes]) -> int | None:
    """Wait a little for the driver's end; Ctrl-C asks it to stop, and goes on waiting."""
    try:
        return driver.wait(timeout=WATCH_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    except KeyboardInterrupt:
        Control(folder.path).ask("cancel" if Control(folder.path).asked("stop") else "stop")
        return None
