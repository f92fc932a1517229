"""Few shapes for many sizes: what is stacked is padded to one of a handful of lengths."""

import numpy as np
from numpy.typing import NDArray


def pad_rows(rows: NDArray[np.int64], *, least: int = 256) -> NDArray[np.int64]:
    """Round row counts up to 2^k × (4, 5, 6 or 7), at least to `least`: few shapes, at most a quarter in vain.

    Examples
    --------
    >>> pad_rows(np.array([100, 1000, 3100, 4097]))
    array([ 256, 1024, 3584, 5120])
    """
    sizes = np.maximum(rows, least)
    unit = 2 ** (np.floor(np.log2(sizes)).astype(np.int64) - 2)
    return -(-sizes // unit) * unit
