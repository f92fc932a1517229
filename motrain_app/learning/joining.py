"""Joining sets of candidates two by two until few are left: each time the two whose common padding costs least.

What two of them cost together is kept, and taken anew for those only that a join has made.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def padded_cost(count: Array, hidden: Array) -> Array:
    """Return multiplications a row of all members, but for the first and last layer, which hardly differ.

    Parameters
    ----------
    count
        Members, shape (...).
    hidden
        Widths that their hidden layers are padded to, (..., layers); zeros at the end where there are fewer layers.

    Examples
    --------
    >>> padded_cost(np.array([1.0, 3.0]), np.array([[4.0, 8.0], [5.0, 0.0]]))
    array([44., 15.])
    """
    return np.asarray(count * (hidden.sum(axis=-1) + (hidden[..., :-1] * hidden[..., 1:]).sum(axis=-1)))


def join_cheapest(
    count: Sequence[int], hidden: Sequence[Sequence[int]], kind: Sequence[int], at_most: int
) -> list[list[int]]:
    """Return which sets are joined, as lists of their numbers; of joins that cost the same, the first pair's.

    It takes time with the square of the number of sets: some 40 ms for 500.

    Parameters
    ----------
    count
        Candidates of each set.
    hidden
        Widths of the hidden layers of each set.
    kind
        Of each set: only those of one kind may be joined. There are no more kinds than `at_most`.
    at_most
        So many sets are to be left.
    """
    n, layers = len(count), max(map(len, hidden))
    size = 2 * n - at_most  # each join makes one more, which stands behind all before
    if size <= n:
        return [[number] for number in range(n)]
    counts, kinds = np.zeros(size), np.full(size, -1)
    widths, rise = np.zeros((size, layers)), np.full((size, size), np.inf)
    counts[:n], kinds[:n] = count, kind
    for number, layer_widths in enumerate(hidden):
        widths[number, : len(layer_widths)] = layer_widths
    cost = padded_cost(counts, widths)

    def risen(one: int, others: NDArray[np.int64]) -> Array:
        """Return by how much the cost rises where one is joined with each of others."""
        together = padded_cost(counts[one] + counts[others], np.maximum(widths[one], widths[others]))
        return np.where(kinds[others] == kinds[one], together - cost[one] - cost[others], np.inf)

    for one in range(n):
        rise[one, one + 1 : n] = risen(one, np.arange(one + 1, n))
    mate = rise.argmin(axis=1)  # of each, the one behind it that it is best joined with
    least = rise[np.arange(size), mate]
    members = [[number] for number in range(n)]
    for made in range(n, size):
        first = int(least.argmin())
        second = int(mate[first])
        members.append(sorted(members[first] + members[second]))
        counts[made], kinds[made] = counts[first] + counts[second], kinds[first]
        widths[made] = np.maximum(widths[first], widths[second])
        cost[made] = padded_cost(counts[made], widths[made])
        kinds[[first, second]], least[[first, second]] = -1, np.inf
        left = np.flatnonzero(kinds[:made] >= 0)
        rise[left, made] = risen(made, left)
        lost = left[np.isfinite(least[left]) & ((mate[left] == first) | (mate[left] == second))]
        there = rise[np.ix_(lost, left)]
        mate[lost] = left[there.argmin(axis=1)] if len(lost) else 0
        least[lost] = rise[lost, mate[lost]]
        better = left[rise[left, made] < least[left]]
        mate[better], least[better] = made, rise[better, made]
    return [members[number] for number in np.flatnonzero(kinds >= 0).tolist()]
