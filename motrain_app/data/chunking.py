"""How a stored array is cut into dask chunks: whole stored chunks, of a size that memory can hold."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

# Chunks below the first are joined up to the second, since a dask task costs 3 ms. Not further: a map at one
# time and a series at one cell both read whole chunks.
SMALL_BYTES = 2**20
TARGET_BYTES = 8 * 2**20
LARGEST_BYTES = 256 * 2**20
# A header may declare any size; the graph of its chunks must still fit in memory.
MOST_CHUNKS = 50_000


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """Chunk lengths of an array.

    Parameters
    ----------
    chunks
        Length by dimension.
    repeated_reads
        How often each stored chunk is read to see the whole array once; 1 is best.
    """

    chunks: dict[Hashable, int]
    repeated_reads: int


def plan_chunks(
    sizes: Mapping[Hashable, int],
    *,
    stored: Mapping[Hashable, int],
    item_bytes: int,
    whole: Hashable | None = None,
    largest: int = LARGEST_BYTES,
) -> ChunkPlan:
    """Chunks that are multiples of the stored ones and complete along `whole`.

    Parameters
    ----------
    sizes
        Length of each dimension, in stored order.
    stored
        Lengths of the chunks in the file; empty where it is stored in one piece.
    item_bytes
        Bytes of one value.
    whole
        A dimension to keep in one piece: the inner one of a grid, so that stacking it needs no second cut.
    largest
        Bytes that a chunk should not exceed: above, stored chunks are cut and so read repeatedly.

    Examples
    --------
    >>> sizes = {"time": 1000, "y": 100, "x": 100}
    >>> plan_chunks(sizes, stored={"time": 1, "y": 50, "x": 50}, item_bytes=4, whole="x").chunks
    {'time': 256, 'y': 50, 'x': 100}
    """
    if not all(sizes.values()):
        return ChunkPlan({dim: max(1, size) for dim, size in sizes.items()}, 1)
    units = {dim: min(stored.get(dim, 1 if not stored else size), size) for dim, size in sizes.items()}
    chunks = dict(units)
    if whole in chunks:
        chunks[whole] = sizes[whole]
    if stored:
        _grow_evenly(chunks, sizes, item_bytes)
    else:
        _grow_from_the_last(chunks, sizes, item_bytes)
    while math.prod(-(-sizes[dim] // length) for dim, length in chunks.items()) > MOST_CHUNKS:
        dim = max(chunks, key=lambda d: sizes[d] / chunks[d])
        chunks[dim] = min(sizes[dim], 2 * chunks[dim])
        largest = max(largest, _bytes(chunks, item_bytes))
    return ChunkPlan(chunks, _cut(chunks, units, whole, item_bytes, largest))


def _bytes(chunks: Mapping[Hashable, int], item_bytes: int) -> int:
    return item_bytes * math.prod(chunks.values())


def _grow_evenly(chunks: dict[Hashable, int], sizes: Mapping[Hashable, int], item_bytes: int) -> None:
    if _bytes(chunks, item_bytes) >= SMALL_BYTES:
        return
    while 2 * _bytes(chunks, item_bytes) <= TARGET_BYTES:
        growing = [dim for dim, length in chunks.items() if length < sizes[dim]]
        if not growing:
            return
        dim = min(growing, key=lambda d: chunks[d] / sizes[d])
        chunks[dim] = min(sizes[dim], 2 * chunks[dim])


def _grow_from_the_last(chunks: dict[Hashable, int], sizes: Mapping[Hashable, int], item_bytes: int) -> None:
    """What is stored in one piece is contiguous along its last dimensions."""
    for dim in reversed(list(sizes)):
        factor = max(1, TARGET_BYTES // _bytes(chunks, item_bytes))
        chunks[dim] = min(sizes[dim], chunks[dim] * factor)


def _cut(
    chunks: dict[Hashable, int],
    units: Mapping[Hashable, int],
    whole: Hashable | None,
    item_bytes: int,
    largest: int,
) -> int:
    """Cut chunks that are too large, in place; how often each stored chunk is then read."""
    repeated = 1
    others = [dim for dim in chunks if dim != whole]
    while _bytes(chunks, item_bytes) > largest and any(chunks[dim] > 1 for dim in others):
        dim = max(others, key=lambda d: chunks[d])
        if chunks[dim] <= units[dim]:
            repeated *= 2
        chunks[dim] = -(-chunks[dim] // 2)
    return repeated
