"""What processes of our own are started with, and how many of them: one a core."""

import os
from pathlib import Path

from motrain_app.runs.errors import RunError
from motrain_app.runs.given import is_whole

# One thread a process: a stack keeps a core busy, and spinning helpers cost nine times what they bring.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # the same sums on every processor, and no banner on the terminal
}
# dask has each freed page handed back at once, and fetching it again costs a fifth of the training that it serves.
MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 28),
    "MALLOC_TOP_PAD_": str(1 << 26),
}


def own_environment() -> dict[str, str]:
    """Return the environment of a process of ours beside this one, which finds the package where this one found it."""
    root = Path(__file__).resolve().parents[2]
    paths = [path for path in [os.environ.get("PYTHONPATH", "")] if path]
    if root.name not in ("site-packages", "dist-packages"):  # a checkout, which a script may have put on its own path
        paths.append(str(root))
    found = {**os.environ, **WORKER_ENVIRONMENT, **MEMORY}
    return found | ({"PYTHONPATH": os.pathsep.join(paths)} if paths else {})


def processes(workers: int | None) -> int:
    """Return how many processes are meant: as many as asked for, or one for each core that this one may use.

    Raises
    ------
    RunError
        Where fewer than one is asked for, or no whole number.
    """
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not is_whole(workers, least=1):
        raise RunError(f"workers is {workers!r}: give 1 or more, or leave it out for one a core.")
    return int(workers)
