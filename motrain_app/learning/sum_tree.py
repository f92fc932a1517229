"""Sums over changing sets of things that stand in order: whole neighbourhoods are taken at once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FAN = 8  # leaves a branch; an eighth more memory, and a compact set of 3,000 cells is read as some 600 sums
_GATHER = 64  # sums gathered at a time: they stay in the cache until they are added


class SumTree:
    """Leaves, and sums of every eight in a row, of every eight of these, and so on.

    A sum depends on the set alone, never on what was summed before. Nothing is ever subtracted: a leaf that is not in
    the set cannot change a bit of the result.

    Parameters
    ----------
    leaves
        [n, ...]; they should stand so that sets are mostly runs (cells along a space-filling curve). Kept, not copied.

    Examples
    --------
    >>> SumTree(np.arange(100.0)).total(np.arange(3, 90)) == np.arange(3, 90).sum()
    np.True_
    """

    def __init__(self, leaves: Array) -> None:
        self._levels = [leaves]
        while len(self._levels[-1]) > FAN:
            below = self._levels[-1]
            self._levels.append(np.add.reduceat(below, np.arange(0, len(below), FAN), axis=0))

    @property
    def leaves(self) -> Array:
        """What the tree was made of."""
        return self._levels[0]

    def total(self, numbers: NDArray[np.integer]) -> Array:
        """Return the sum over a set of leaves, given by unique numbers."""
        total = np.zeros(self.leaves.shape[1:])
        for level in self._levels:
            whole = np.zeros(0, np.int64)
            if len(numbers) >= FAN and level is not self._levels[-1]:
                numbers, whole = _whole_branches(numbers, len(level))
            for first in range(0, len(numbers), _GATHER):
                total += level[numbers[first : first + _GATHER]].sum(axis=0)
            numbers = whole
        return total


def _whole_branches(numbers: NDArray[np.integer], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers that stand alone, and the branches of which all leaves are there."""
    chosen = np.zeros(-(-n // FAN) * FAN, bool)
    chosen[n:] = True  # the last branch may have fewer leaves
    chosen[numbers] = True
    branches = chosen.reshape(-1, FAN)
    whole = branches.all(axis=1)
    branches[whole] = False
    return np.flatnonzero(chosen[:n]), np.flatnonzero(whole)
