"""Staging: the rows of a dataset, written once per data, filters and variables, and shared by all runs.

Partitions, splits and folds are labels on top, so that a redrawn region stages nothing anew. A staged store is a Zarr
group with the rows of each cell in one piece, cells along a space-filling curve, so that a region is few long reads.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from motrain_app.data import fingerprint
from motrain_app.design import Design
from motrain_app.runs.errors import RunError
from motrain_app.runs.staged_rows import StagedRows, offset_of

SCHEMA = 1
CHUNK_ROWS = 1 << 16
SLAB_BYTES = 256 << 20  # dense values held in memory at a time; cells are ordered along the curve within a slab


def stage_design(design: Design, dataset: xr.Dataset, runs: str | Path) -> StagedRows:
    """Stage the rows of a design below a folder of runs, unless they are there, and return them; as `stage_rows`."""
    path = staged_path(Path(runs), fingerprint(list(design.data)), design)
    rows = stage_rows(dataset, design, path)
    assert rows is not None  # nobody asked to stop
    return rows


def staged_path(runs: Path, mark: str, design: Design) -> Path:
    """Return where the rows of a design are staged: named by all that decides their values, the data by their mark."""
    decides: list[Any] = [
        SCHEMA,
        mark,
        design.remedies,
        sorted(str(rule) for rule in design.filters),
        design.inputs,
        design.outputs,
    ]
    if design.references:  # without, a store keeps the name that it had before there were any
        decides.append(design.references)
    return runs / ".staged" / hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:24]


def stage_rows(
    dataset: xr.Dataset,
    design: Design,
    path: Path,
    *,
    progress: Callable[[float], None] = lambda share: None,
    stopped: Callable[[], bool] = lambda: False,
) -> StagedRows | None:
    """Write the rows of a dataset; nothing is read again where they are staged already.

    Parameters
    ----------
    dataset
        Canonical.
    path
        As `staged_path` gave it.
    progress
        Called with the share done, 0 to 1.
    stopped
        Asked between slabs; where it says so, nothing is kept and None is returned.
    """
    if path.exists():
        return StagedRows(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    slabs = _slabs(dataset, design)
    _check_disk(dataset, design, path.parent)
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        writer = _Writer(aside, dataset, design)
        for number, cells in enumerate(slabs):
            if stopped():
                return None
            writer.add(_rows_of_slab(dataset, design, cells))
            progress((number + 1) / len(slabs))
        writer.finish()
        try:
            os.rename(aside, path)
        except OSError:  # another driver was faster; its rows are the same
            if not path.exists():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return StagedRows(path)


def _slabs(dataset: xr.Dataset, design: Design) -> list[NDArray[np.int64]]:
    """Cut the cells into slabs that fit in memory, each in the order of a space-filling curve."""
    per_cell = 8 * dataset.sizes["time"] * (len(design.variables) + 2)
    step = max(1, SLAB_BYTES // max(per_cell, 1))
    order = morton_order(dataset["lat"].values, dataset["lon"].values)
    if dataset.sizes["space"] <= step:
        return [order]
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    ranges = [np.arange(start, min(start + step, len(order))) for start in range(0, len(order), step)]
    return [cells[np.argsort(rank[cells], kind="stable")] for cells in ranges]


def morton_order(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return cells along a Z-order curve, so that near ones stand near each other.

    References
    ----------
    Morton (1966): A computer oriented geodetic data base and a new technique in file sequencing. IBM.
    """
    x = ((np.asarray(lon) + 180) / 360 * 0xFFFF).astype(np.uint64)
    y = ((np.asarray(lat) + 90) / 180 * 0xFFFF).astype(np.uint64)
    return np.argsort(_spread(x) | (_spread(y) << np.uint64(1)), kind="stable")


def _spread(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Put a zero between the bits of 16-bit numbers."""
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        word = (word | (word << np.uint64(shift))) & np.uint64(mask)
    return word


def _unit(dataset: xr.Dataset, name: str) -> str:
    return str(dataset[name].attrs.get("units", ""))


@dataclass(frozen=True)
class _Slab:
    """Rows of some cells.

    Attributes
    ----------
    cells, counts
        The cells, and how many rows each has.
    by_row
        Arrays of the store by name, rows along their last axis.
    """

    cells: NDArray[np.int64]
    counts: NDArray[np.int64]
    by_row: dict[str, NDArray[Any]]


def _rows_of_slab(dataset: xr.Dataset, design: Design, cells: NDArray[np.int64]) -> _Slab:
    """Return the rows of cells; which these are, references have no say in."""
    values = _dense(dataset, design.variables, cells)
    inputs = np.stack([_centred(values[name], _unit(dataset, name)) for name in design.inputs])
    outputs = np.stack([_centred(values[name], _unit(dataset, name)) for name in design.outputs])
    outputs = np.where(np.isfinite(outputs), outputs, np.float32(np.nan))
    keep = np.isfinite(inputs).all(axis=0) & np.isfinite(outputs).any(axis=0)
    for rule in design.filters:
        keep &= rule(values)
    time = np.broadcast_to(np.arange(keep.shape[1], dtype=np.int32), keep.shape)[keep]
    by_row = {"inputs": inputs[:, keep], "outputs": outputs[:, keep], "time_of_row": time}
    if design.references:
        by_row["references"] = _references(dataset, design, values)[:, keep]
    return _Slab(cells, keep.sum(axis=1), by_row)


def _references(dataset: xr.Dataset, design: Design, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Return the reference of each output, minus the output's offset; NaN where there is none."""
    found = np.full((len(design.outputs), *values[design.outputs[0]].shape), np.nan, np.float32)
    for number, output in enumerate(design.outputs):
        if output in design.references:
            found[number] = _centred(values[design.references[output]], _unit(dataset, output))
    found[~np.isfinite(found)] = np.nan
    return found


def _dense(dataset: xr.Dataset, names: Sequence[str], cells: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Load variables as [cells, times]; what lies on one of the two is broadcast."""
    shape = (len(cells), dataset.sizes["time"])
    in_order = np.sort(cells)  # files are read forwards; the curve's order is made in memory
    place = np.searchsorted(in_order, cells)
    # A slab is a contiguous range of cells: a slice costs dask and the file far less than a list of indices.
    part = dataset[list(names)].isel(space=slice(int(in_order[0]), int(in_order[-1]) + 1)).load()
    values: dict[str, NDArray[Any]] = {}
    for name in names:
        array = part[name]
        dense = array.values if "space" in array.dims else array.values[None]
        dense = dense[place] if "space" in array.dims else dense
        values[name] = np.broadcast_to(dense if "time" in array.dims else dense[:, None], shape)
    return values


def _centred(values: NDArray[Any], unit: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and so no row
        return (values.astype(np.float64) - offset_of(unit)).astype(np.float32)


def _sweep(folder: Path) -> None:
    """Remove what drivers that were killed while staging have left, a day later."""
    for left in folder.glob("*.new"):
        if time.time() - left.stat().st_mtime > 86400:
            shutil.rmtree(left, ignore_errors=True)


def _check_disk(dataset: xr.Dataset, design: Design, folder: Path) -> None:
    """Refuse to begin what the disk cannot hold: the dense form is an upper bound."""
    values = len(design.inputs) + len(design.outputs) * (2 if design.references else 1) + 1
    dense = dataset.sizes["space"] * dataset.sizes["time"] * 4 * values
    free = shutil.disk_usage(folder).free
    if dense > free:
        raise RunError(
            f"Staging may need {dense / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB free. "
            "Free some, or choose another --runs."
        )


class _Writer:
    """Writes slabs of rows one after the other."""

    def __init__(self, path: Path, dataset: xr.Dataset, design: Design) -> None:
        self.group = zarr.open_group(path, mode="w")
        self.dataset, self.design = dataset, design
        sizes = {"inputs": len(design.inputs), "outputs": len(design.outputs)}
        if design.references:
            sizes["references"] = len(design.outputs)
        self.arrays = {
            name: self.group.create_array(name, shape=(n, 0), chunks=(n, CHUNK_ROWS), dtype="float32")
            for name, n in sizes.items()
        }
        self.arrays["time_of_row"] = self.group.create_array(
            "time_of_row", shape=(0,), chunks=(CHUNK_ROWS,), dtype="int32"
        )
        self.cells: list[NDArray[np.int64]] = []
        self.counts: list[NDArray[np.int64]] = []

    def add(self, slab: _Slab) -> None:
        """Append the rows of a slab."""
        self.cells.append(slab.cells)
        self.counts.append(slab.counts)
        for name, values in slab.by_row.items():
            self.arrays[name].append(values, axis=values.ndim - 1)

    def finish(self) -> None:
        """Write the index, and the axes and names that make the store readable by itself."""
        index = {
            "cell_at": np.concatenate(self.cells).astype(np.int32),
            "row_start": np.r_[0, np.cumsum(np.concatenate(self.counts))].astype(np.int64),
            "lat": self.dataset["lat"].values.astype(np.float64),
            "lon": self.dataset["lon"].values.astype(np.float64),
            "time": self.dataset["time"].values.astype("datetime64[us]").astype(np.int64),
        }
        for name, values in index.items():
            self.group.create_array(name, data=values)
        self.group.attrs.update(
            {
                "schema": SCHEMA,
                "inputs": [[name, _unit(self.dataset, name)] for name in self.design.inputs],
                "outputs": [[name, _unit(self.dataset, name)] for name in self.design.outputs],
                "references": dict(self.design.references),
                "filters": [str(rule) for rule in self.design.filters],
            }
        )
