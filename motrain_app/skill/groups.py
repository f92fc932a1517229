"""Sums over groups of rows: of many columns at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.skill.moments import FloatArray

__all__ = ["evenly", "evenly_in_each", "scattered_in_each", "sum_groups"]

_GOLDEN = (5**0.5 - 1) / 2


def evenly(n: int, most: int) -> NDArray[np.int64]:
    """Return places of n things, at most so many, evenly taken from all; the first and the last among them.

    Examples
    --------
    >>> evenly(3, 5), evenly(10, 4)
    (array([0, 1, 2]), array([0, 3, 6, 9]))
    """
    return np.linspace(0, max(n - 1, 0), min(n, most)).round().astype(np.int64)


def evenly_in_each(count: NDArray[np.integer[Any]], most: int) -> NDArray[np.int64]:
    """Return places evenly taken from each of several stretches that follow each other, shape (stretches, most).

    Of a stretch of fewer things some are taken more often; one of none has places of others, if any.

    Parameters
    ----------
    count
        Things of each stretch, shape (stretches); some thing must be there.

    Examples
    --------
    >>> evenly_in_each(np.array([2, 9]), 3)
    array([[0, 1, 1],
           [3, 6, 9]])
    """
    count = count.astype(np.int64)
    end = np.cumsum(count)
    place = (end - count)[:, None] + count[:, None] * (2 * np.arange(most) + 1) // (2 * most)
    return np.asarray(np.minimum(place, end[-1] - 1), np.int64)


def scattered_in_each(count: NDArray[np.integer[Any]], most: int) -> NDArray[np.int64]:
    """Return places as `evenly_in_each` does, but of a long stretch not at the same distances: no period hides in them.

    Each is taken from somewhere in its equal part of the stretch, as the multiples of the golden ratio lie in 0 … 1, so
    that of what comes every so many places the same share is taken, wherever it begins.

    Examples
    --------
    >>> evenly_in_each(np.array([80]), 10) % 8, scattered_in_each(np.array([80]), 10) % 8
    (array([[4, 4, 4, 4, 4, 4, 4, 4, 4, 4]]), array([[0, 4, 1, 6, 3, 0, 5, 2, 7, 4]]))
    >>> scattered_in_each(np.array([2, 9]), 3)
    array([[0, 1, 1],
           [2, 6, 8]])
    """
    places, count = evenly_in_each(count, most), count.astype(np.int64)
    part = np.arange(most)
    inside = (count[:, None] * (part + part * _GOLDEN % 1.0) / most).astype(np.int64)
    return np.where(count[:, None] > most, (np.cumsum(count) - count)[:, None] + inside, places)


def sum_groups(
    columns: FloatArray | Sequence[FloatArray], group: NDArray[np.integer[Any]], n_groups: int
) -> FloatArray:
    """Return the sums of columns over groups of rows, shape (columns, groups); 0 of a group without rows.

    Parameters
    ----------
    columns
        Shape (columns, rows), or a list of such that stand apart in memory: they are not brought together.
    group
        0 … n_groups − 1, shape (rows). Where rows stand in the order of their groups, nothing is moved.

    Examples
    --------
    >>> sum_groups(np.array([[1.0, 2.0, 4.0]]), np.array([2, 0, 2]), 4)
    array([[2., 0., 5., 0.]])
    """
    order = None
    if np.any(group[1:] < group[:-1]):
        order = np.argsort(group, kind="stable")
        group = group[order]
    first = np.flatnonzero(np.diff(group, prepend=-1))
    there = group[first]
    found = np.zeros((len(columns), n_groups))
    if len(first):
        for number, column in enumerate(columns):
            found[number, there] = np.add.reduceat(column if order is None else column[order], first)
    return found
