"""Gram matrices of cells beside the staged rows they come from: built once, by a helper process, read by all.

A file is named by the staged rows and by what the folds and periods make of the time axis, so that a redrawn region, or
another learner, builds nothing anew.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from motrain_app.design import Folds, Labels
from motrain_app.learning.cell_gram_builder import CellGramBuilder
from motrain_app.learning.cell_grams import CellGrams
from motrain_app.learning.cell_vector import CellVector
from motrain_app.learning.time_classes import TimeClasses
from motrain_app.runs.durable import written_aside
from motrain_app.runs.errors import RunError
from motrain_app.runs.staged_rows import StagedRows
from motrain_app.runs.staging import CHUNK_ROWS

SCHEMA = 2
MOST_BYTES = 4 << 30  # in memory, where all outputs share their gaps; twice as much where they do not
KEPT = 4  # files of the same rows: whoever moves an embargo to and fro should not fill the disk
READ_ROWS = 8 * CHUNK_ROWS  # at a time: some 25 MB for eleven variables, and few chunks of the store are read twice


def load_or_build_grams(
    rows: StagedRows,
    folds: Folds,
    periods: Labels | None = None,
    *,
    progress: Callable[[float], None] = lambda share: None,
    stopped: Callable[[], bool] = lambda: False,
) -> CellGrams | None:
    """Return the Gram matrices of staged rows, built and kept where they are not there yet.

    Parameters
    ----------
    folds
        Of the design, on the staged time axis.
    periods
        Labels of time steps, as `Partitions.times`; None: all time.
    progress
        Called with the share of rows done, 0 to 1.
    stopped
        Asked between chunks of rows; where it says so, nothing is kept and None is returned.

    Raises
    ------
    RunError
        Where they would not fit in memory, or cannot be kept.
    """
    there = load_grams(rows, folds, periods)
    if there is not None:
        return there
    classes = TimeClasses.of(folds, periods)
    _refuse_too_many(rows, classes)
    grams = _build(rows, classes, progress, stopped)
    if grams is not None:
        path = grams_path(rows, folds, periods)
        try:
            with written_aside(path) as aside:
                # Straight from memory, which safetensors takes to be contiguous.
                save_file({name: np.ascontiguousarray(array) for name, array in grams.to_arrays().items()}, aside)
        except (OSError, SafetensorError) as error:
            raise RunError(
                f"The sums for the live skill cannot be written to {path.parent} ({error}). "
                "Free some disk, or choose another --runs."
            ) from None
        _forget_old(path)
    return grams


def load_grams(rows: StagedRows, folds: Folds, periods: Labels | None = None) -> CellGrams | None:
    """Return the Gram matrices that are kept, or None where there are none yet, or the file is damaged."""
    path = grams_path(rows, folds, periods)
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="np") as file:
            arrays: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError):
        return None
    return CellGrams.from_arrays(arrays, TimeClasses.of(folds, periods), len(rows.inputs))


def grams_path(rows: StagedRows, folds: Folds, periods: Labels | None = None) -> Path:
    """Return where Gram matrices are kept: named by all that decides them."""
    classes = TimeClasses.of(folds, periods)
    digest = hashlib.sha256(json.dumps([SCHEMA, classes.n_periods, folds.jackknife]).encode())
    for array in (classes.of_time, classes.atom, classes.period, classes.train, classes.held_out):
        digest.update(str((array.dtype, array.shape)).encode() + np.ascontiguousarray(array).tobytes())
    return rows.path.with_name(f"{rows.path.name}.{digest.hexdigest()[:16]}.grams.safetensors")


def _refuse_too_many(rows: StagedRows, classes: TimeClasses) -> None:
    packed = CellVector(len(rows.inputs), len(rows.outputs)).packed_size
    needed = 8 * len(rows.cell_at) * len(classes) * packed
    if needed > MOST_BYTES:
        raise RunError(
            f"The live skill of {len(rows.cell_at):,} cells in {len(classes)} classes of times (folds, embargo "
            f"margins, periods) would need {needed / 1e9:.0f} GB of memory; at most {MOST_BYTES / 1e9:.0f} GB are "
            "spent on it. Choose fewer cells, folds or variables, or train without it."
        )


def _forget_old(path: Path) -> None:
    """Remove what is kept of the same rows for folds and periods that were tried long ago."""
    alike = path.parent.glob(f"{path.name.split('.')[0]}.*.grams.safetensors")
    for old in sorted(alike, key=lambda other: other.stat().st_mtime, reverse=True)[KEPT:]:
        with contextlib.suppress(OSError):  # open elsewhere, on systems that mind; the next time, then
            old.unlink()


def _build(
    rows: StagedRows, classes: TimeClasses, progress: Callable[[float], None], stopped: Callable[[], bool]
) -> CellGrams | None:
    builder = CellGramBuilder(
        classes,
        rows.time,
        n_cells=len(rows.cell_at),
        n_inputs=len(rows.inputs),
        n_outputs=len(rows.outputs),
    )
    edges = _chunks(rows.row_start)
    starts = rows.row_start[edges].tolist()
    with ThreadPoolExecutor(1) as reader:  # a chunk is read while the one before is summed
        reading = [reader.submit(rows.read_rows, *starts[:2])] if len(edges) > 1 else []
        for number in range(len(edges) - 1):
            if stopped():
                return None
            inputs, outputs, time = reading.pop().result()
            if number + 2 < len(edges):
                reading.append(reader.submit(rows.read_rows, *starts[number + 1 : number + 3]))
            builder.add(inputs, outputs, time, np.diff(rows.row_start[edges[number] : edges[number + 1] + 1]))
            progress(starts[number + 1] / max(rows.n_rows, 1))
    return builder.finish(rows.cell_at)


def _chunks(row_start: NDArray[np.int64]) -> list[int]:
    """Return where chunks of whole cells begin, and the end: each of about `READ_ROWS` rows, or of one cell.

    Examples
    --------
    >>> _chunks(READ_ROWS * np.array([0.0, 0.4, 0.8, 1.2, 3.0, 3.0, 3.1]))
    [0, 2, 3, 4, 6]
    """
    edges, n = [0], len(row_start) - 1
    while edges[-1] < n:
        fitting = int(np.searchsorted(row_start, row_start[edges[-1]] + READ_ROWS, side="right")) - 1
        edges.append(max(fitting, edges[-1] + 1))
    return edges
