"""Statistics of a variable, gathered block by block: memory stays bounded, each byte is read once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from dask.delayed import delayed

from motrain_app.data.chunking import plan_chunks
from motrain_app.data.metadata import number_or_none

# Bytes of blocks that are in memory at once; their statistics need a few times as much.
BATCH_BYTES = 64 * 2**20
# How many of the least and greatest distinct values are counted: sentinels are at the ends.
DISTINCT_KEPT = 8

_CANDIDATES = 64
_SEGMENT = 256
_MOST_JUMPS = 1000
_MOST_BLOCKS_AT_ONCE = 256

Values = npt.NDArray[Any]


@dataclass(slots=True)
class Tally:
    """What is known of the values seen so far.

    Parameters
    ----------
    count, missing, infinite
        Numbers of values: all, NaN, infinite.
    mean, squares
        Of the finite ones: mean and sum of squared deviations from it.
    lowest, highest
        The least and greatest distinct finite values with how often each occurs.
    beyond
        Finite values outside the valid range that the file declares.
    jumps
        Neighbours in time that lie more than half of the packed range apart: values before and after.
    """

    count: int = 0
    missing: int = 0
    infinite: int = 0
    mean: float = 0.0
    squares: float = 0.0
    lowest: dict[float, int] = field(default_factory=dict)
    highest: dict[float, int] = field(default_factory=dict)
    beyond: int = 0
    jumps: list[tuple[float, float]] = field(default_factory=list)

    @property
    def finite(self) -> int:
        """Number of finite values."""
        return self.count - self.missing - self.infinite

    @property
    def spread(self) -> float:
        """Standard deviation of the finite values."""
        return math.sqrt(self.squares / self.finite) if self.finite else 0.0

    def add(self, other: Tally) -> None:
        """Add what another tally knows (Chan, Golub and LeVeque 1983 for mean and squares)."""
        n, m = self.finite, other.finite
        if n + m:
            step = other.mean - self.mean
            self.squares += other.squares + step * step * n * m / (n + m)
            self.mean += step * m / (n + m)
        self.count += other.count
        self.missing += other.missing
        self.infinite += other.infinite
        self.beyond += other.beyond
        self.jumps = (self.jumps + other.jumps)[:_MOST_JUMPS]
        self.lowest = _merged(self.lowest, other.lowest, sign=1)
        self.highest = _merged(self.highest, other.highest, sign=-1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the file says about the values of a variable; infinite or zero where it says nothing."""

    low: float = -math.inf
    high: float = math.inf
    packed_range: float = 0.0

    @classmethod
    def of(cls, variable: xr.Variable) -> Limits:
        """From the attributes and encoding of a canonical variable."""
        low, high = (number_or_none(variable.attrs.get(name)) for name in ("valid_min", "valid_max"))
        step, bits = variable.encoding.get("packed_step", 0.0), variable.encoding.get("packed_bits", 0)
        return cls(
            -math.inf if low is None else low,
            math.inf if high is None else high,
            step * 2.0**bits if step else 0.0,
        )


def scan_variable(variable: xr.Variable, *, progress: Callable[[int], bool] = lambda done: True) -> tuple[Tally, bool]:
    """Read a variable once, in blocks, and tally its values.

    Parameters
    ----------
    variable
        Numeric, on any dimensions; dask-backed or in memory.
    progress
        Called with the bytes read so far after each batch of blocks; False stops.

    Returns
    -------
    tally : Tally
    complete : bool
        False where `progress` stopped it.
    """
    total, limits, done = Tally(), Limits.of(variable), 0
    time_axis = variable.dims.index("time") if "time" in variable.dims else None
    tally = delayed(tally_block, pure=False, traverse=False)
    for batch, batch_bytes in _batches(_chunked(variable)):
        # Threads: decompression and numpy release the interpreter; a file is read under xarray's own locks.
        results = delayed([tally(block, limits, time_axis) for block in batch]).compute(scheduler="threads")
        for result in results:
            total.add(result)
        done += batch_bytes
        if not progress(done):
            return total, False
    return total, True


def tally_block(block: Values, limits: Limits, time_axis: int | None) -> Tally:
    """Tally the values of one block.

    Examples
    --------
    >>> tally = tally_block(np.array([1.0, 2.0, 3.0, np.nan, -999.0, -999.0]), Limits(), None)
    >>> tally.missing, tally.lowest[-999.0], tally.highest[3.0]
    (1, 2, 1)
    """
    values = np.asarray(block)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    tally = Tally(count=values.size)
    flat = values.reshape(-1)
    if values.dtype.kind == "f":
        finite = np.isfinite(flat)
        present = int(np.count_nonzero(finite))
        if present < flat.size:
            tally.missing = int(np.count_nonzero(np.isnan(flat)))
            tally.infinite = flat.size - present - tally.missing
            flat = flat[finite]
    if limits.packed_range and time_axis is not None:
        tally.jumps = _jumps(values, limits.packed_range, time_axis)
    if not flat.size:
        return tally
    with np.errstate(over="ignore", invalid="ignore"):
        tally.mean = float(flat.mean(dtype=np.float64))
        # In the precision of the values: subtracting a number near them all loses nothing, and it is three
        # times as fast. What the rounded mean is off is corrected.
        centre = flat.dtype.type(tally.mean) if flat.dtype.kind == "f" else np.float64(tally.mean)
        deviations = flat - centre
        off = float(deviations.mean(dtype=np.float64))
        tally.squares = max(0.0, float(np.square(deviations).sum(dtype=np.float64)) - flat.size * off * off)
    tally.lowest, tally.highest = _ends(flat)
    if limits.low > -math.inf or limits.high < math.inf:
        tally.beyond = int(np.count_nonzero((flat < limits.low) | (flat > limits.high)))
    return tally


def _ends(flat: Values) -> tuple[dict[float, int], dict[float, int]]:
    lowest: dict[float, int] = {}
    highest: dict[float, int] = {}
    if flat.size <= _SEGMENT * _CANDIDATES:
        below, above = flat.max(), flat.min()
    else:
        # The candidates-th of the segments' extremes has at least so many values beyond it, and rarely many
        # more: far cheaper than a partition of all values.
        segments = flat[: flat.size // _SEGMENT * _SEGMENT].reshape(-1, _SEGMENT)
        below = np.partition(segments.min(axis=1), _CANDIDATES - 1)[_CANDIDATES - 1]
        above = np.partition(segments.max(axis=1), -_CANDIDATES)[-_CANDIDATES]
    _collect(lowest, flat[flat <= below], flat, sign=1)
    _collect(highest, flat[flat >= above], flat, sign=-1)
    return lowest, highest


def _collect(found: dict[float, int], candidates: Values, flat: Values, *, sign: int) -> None:
    """The most extreme distinct values with their counts.

    `candidates` hold every copy of each of their values. Where one value is so frequent that it fills them
    (zero rain), the rest is searched step by step.
    """
    distinct, counts = np.unique(candidates, return_counts=True)
    for value, count in list(zip(distinct.tolist(), counts.tolist(), strict=True))[::sign][:DISTINCT_KEPT]:
        found[value] = count
    while len(found) < DISTINCT_KEPT:
        last = list(found)[-1]
        flat = flat[flat > last] if sign > 0 else flat[flat < last]
        if not flat.size:
            return
        nearest = flat.min() if sign > 0 else flat.max()
        found[float(nearest)] = int(np.count_nonzero(flat == nearest))


def _merged(one: dict[float, int], other: dict[float, int], *, sign: int) -> dict[float, int]:
    # Exact: a value among the most extreme of all is among the most extreme of every part that has it.
    merged = dict(one)
    for value, count in other.items():
        merged[value] = merged.get(value, 0) + count
    return {value: merged[value] for value in sorted(merged)[::sign][:DISTINCT_KEPT]}


def _jumps(values: Values, packed_range: float, time_axis: int) -> list[tuple[float, float]]:
    series = np.moveaxis(values, time_axis, -1)
    before, after = series[..., :-1], series[..., 1:]
    far = np.abs(after - before) > 0.5 * packed_range
    return list(zip(before[far][:_MOST_JUMPS].tolist(), after[far][:_MOST_JUMPS].tolist(), strict=True))


def _chunked(variable: xr.Variable) -> xr.Variable:
    if hasattr(variable.data, "dask"):
        return variable
    plan = plan_chunks(variable.sizes, stored={}, item_bytes=max(1, variable.dtype.itemsize))
    return variable.chunk(plan.chunks)


def _batches(variable: xr.Variable) -> Iterator[tuple[list[Any], int]]:
    """Blocks of a dask-backed variable with their bytes, as many together as memory allows."""
    array = variable.data
    lengths = itertools.product(*array.chunks)
    batch: list[Any] = []
    size = 0
    # The graph is built once: slicing each block out of a series of thousand files takes longer than reading it.
    for block, shape in zip(array.to_delayed().ravel(), lengths, strict=True):
        block_bytes = math.prod(shape) * array.dtype.itemsize
        if batch and (size + block_bytes > BATCH_BYTES or len(batch) >= _MOST_BLOCKS_AT_ONCE):
            yield batch, size
            batch, size = [], 0
        batch.append(block)
        size += block_bytes
    if batch:
        yield batch, size
