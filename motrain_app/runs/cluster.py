"""Where blocks are trained: a cluster of our own on this machine, or one that somebody else runs and we never close."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster, WorkerPlugin

from motrain_app.runs.environment import MEMORY, WORKER_ENVIRONMENT
from motrain_app.runs.errors import RunError

CONNECT_SECONDS = 20
_CONFIG = {
    "distributed.worker.multiprocessing-method": "spawn",  # TensorFlow does not survive a fork
    "distributed.deploy.lost-worker-timeout": "600s",  # a shorter one closes a nanny in mid-restart, for ever
    "distributed.scheduler.allowed-failures": 0,  # the driver itself retries, each partition alone
    "distributed.scheduler.work-stealing": False,  # tasks are few and long; a stolen one starts anew
    "distributed.scheduler.worker-saturation": 1.0,  # a worker's death then takes few innocents along
    "distributed.comm.timeouts.connect": "20s",
    "distributed.admin.log-format": "%(message)s",
    "distributed.worker.profile.enabled": False,  # nobody reads it, and it stops the work a hundred times a second
    "distributed.nanny.pre-spawn-environ": {**MEMORY, **WORKER_ENVIRONMENT},
}


class _IgnoreInterrupt(WorkerPlugin):
    """A terminal's Ctrl-C reaches workers too; only the driver answers to it."""

    name = "motrain-ignore-interrupt"

    def setup(self, worker: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


Cluster = Callable[[], Any]  # returns a context manager that gives a Client


def local_cluster(workers: int | None = None) -> Cluster:
    """Return a maker of a cluster of `workers` processes on this machine; by default one a core."""

    @contextmanager
    def start() -> Iterator[Client]:
        with (
            dask.config.set(_CONFIG),
            LocalCluster(
                n_workers=workers or os.cpu_count() or 1,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # None would bind 8787, which a second run then lacks
                env=WORKER_ENVIRONMENT,
                silence_logs=50,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            client.register_plugin(_IgnoreInterrupt())
            yield client

    return start


def existing_cluster(scheduler: str, folder: Path) -> Cluster:
    """Return a maker of connections to a scheduler (an address, or a scheduler file), which is left as it is.

    Parameters
    ----------
    folder
        The run folder, which every worker must see.
    """

    @contextmanager
    def connect() -> Iterator[Client]:
        target = {"scheduler_file": scheduler} if scheduler.endswith(".json") else {"address": scheduler}
        with dask.config.set(_CONFIG):
            try:
                client = Client(**target, timeout=CONNECT_SECONDS, set_as_default=False)
            except (OSError, ValueError, TimeoutError) as error:
                raise RunError(
                    f"No dask scheduler answers at {scheduler} ({error}). Start one with `dask scheduler`."
                ) from None
            with client:
                _check_workers(client, scheduler, folder)
                yield client

    return connect


def _check_workers(client: Client, scheduler: str, folder: Path) -> None:
    """Refuse a cluster that could only fail: no worker, other versions, or workers that do not see the run."""
    try:
        client.wait_for_workers(1, timeout=60)
    except TimeoutError:
        raise RunError(
            f"The scheduler {scheduler} has no worker. Start one with `dask worker {scheduler} --nthreads 1`."
        ) from None
    sees = client.run(_sees, str(folder / "design.json"), on_error="return")
    blind = sorted(str(address) for address, seen in sees.items() if seen is not True)
    if blind:
        raise RunError(
            f"The workers {', '.join(blind[:5])} do not see {folder}, or lack motrain_app. Use a folder that all nodes "
            "share (--runs), and the same environment on the workers."
        )


def _sees(path: str) -> bool:
    import motrain_app.runs.task

    return bool(motrain_app.runs.task.train_block) and Path(path).exists()
