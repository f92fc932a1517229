"""Gram matrices of cells from their rows, chunk by chunk; no loop runs over cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.cell_grams import CellGrams, OutputGroup
from motrain_app.learning.cell_seasons import CellSeasons
from motrain_app.learning.cell_vector import HARMONICS, CellVector
from motrain_app.learning.padding import pad_rows
from motrain_app.learning.ridge import outputs_with_equal_gaps
from motrain_app.learning.sum_tree import SumTree
from motrain_app.learning.time_classes import TimeClasses
from motrain_app.skill import day_of_year, season_harmonics

Array = NDArray[np.float64]
_BATCH = 1 << 18  # entries of v worked on at a time: 2 MiB stay in the cache between their gathering and the product


class CellGramBuilder:
    """Sums the rows of cells, which come in staged order.

    Parameters
    ----------
    classes
        Of times.
    time
        datetime64, shape (n_time,).
    n_cells, n_inputs, n_outputs
        Of the staged store.
    """

    def __init__(
        self, classes: TimeClasses, time: NDArray[np.datetime64], *, n_cells: int, n_inputs: int, n_outputs: int
    ) -> None:
        self._classes = classes
        # Behind the last time stand zeros: what rows that only pad are taken from.
        self._season = np.pad(season_harmonics(day_of_year(time), HARMONICS), ((0, 0), (0, 1)))
        self._values = np.zeros((n_inputs + n_outputs, 0), np.float32)
        vector = CellVector(n_inputs, n_outputs)
        # Until rows prove the contrary all outputs share their gaps.
        everything = np.zeros((n_cells, len(classes), vector.packed_size))
        self._groups = [(list(range(n_outputs)), vector, everything)]
        self._inputs: Array | None = None
        self._filled = 0

    def add(
        self,
        inputs: NDArray[np.float32],
        outputs: NDArray[np.float32],
        time: NDArray[np.integer],
        counts: NDArray[np.integer],
    ) -> None:
        """Add all rows of the next cells, cell after cell.

        Parameters
        ----------
        inputs, outputs
            [n, rows], as staged; missing outputs are NaN.
        time
            Index into the time axis, shape (rows,).
        counts
            Rows of each cell, shape (cells of this chunk,).
        """
        n_places, classes = len(counts) * len(self._classes), self._classes.of_time[time]
        rows = np.flatnonzero(classes >= 0)
        place = np.repeat(np.arange(len(counts)) * len(self._classes), counts)[rows] + classes[rows]
        order = np.argsort(place, kind="stable")
        rows, place = rows[order], place[order]
        there = np.isfinite(outputs)[:, rows]
        self._divide(there)

        values, time = self._with_zeros(inputs, outputs), np.append(time, self._season.shape[1] - 1)
        known = [Entry(self._season[0], time), *map(Entry, values[: len(inputs)])]
        season = [Entry(harmonic, time) for harmonic in self._season[1:]]
        cells = slice(self._filled, self._filled + len(counts))
        for shared, vector, sums in self._groups:
            mine = there[shared[0]]
            entries = [*known, *season, *map(Entry, values[len(inputs) :][shared])]
            packed = packed_grams(entries, rows[mine], place[mine], n_places, vector.pairs)
            sums[cells] = packed.reshape(len(counts), -1, vector.packed_size)
        if self._inputs is not None:
            packed = packed_grams(known, rows, place, n_places)
            self._inputs[cells] = packed.reshape(len(counts), -1, packed.shape[-1])
        self._filled += len(counts)

    def finish(self, cell_at: NDArray[np.int32]) -> CellGrams:
        """Return the Gram matrices of all cells.

        Parameters
        ----------
        cell_at
            The dataset's cell at each position, shape (n_cells,).
        """
        groups = tuple(
            OutputGroup(tuple(shared), vector, SumTree(sums), CellSeasons.of_sums(sums, vector, self._classes))
            for shared, vector, sums in self._groups
        )
        inputs = None if self._inputs is None else SumTree(self._inputs)
        return CellGrams(self._classes, cell_at, groups, inputs)

    def _divide(self, there: NDArray[np.bool_]) -> None:
        """Divide groups whose outputs turn out to differ in their gaps; up to here they did not."""
        groups = []
        for shared, vector, sums in self._groups:
            parts = outputs_with_equal_gaps(there[shared])
            if len(parts) == 1:
                groups.append((shared, vector, sums))
                continue
            if self._inputs is None:
                self._inputs = np.take(sums, vector.inputs[np.triu_indices(1 + vector.n_inputs)], axis=-1)
            for part in parts:
                narrow = CellVector(vector.n_inputs, len(part))
                narrowed = np.take(sums, vector.narrowed(part), axis=-1)
                groups.append(([shared[number] for number in part], narrow, narrowed))
        self._groups = groups

    def _with_zeros(self, inputs: NDArray[np.float32], outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values with a row of zeros behind the last; in the same memory each time."""
        n = inputs.shape[1]
        if self._values.shape[1] <= n:
            self._values = np.zeros((len(self._values), n + 1), np.float32)
        values = self._values[:, : n + 1]
        values[: len(inputs), :n], values[len(inputs) :, :n], values[:, n] = inputs, outputs, 0
        return values


@dataclass(frozen=True)
class Entry:
    """One entry of v for all rows of a chunk, and behind them a zero: table[row], or table[index[row]].

    Attributes
    ----------
    table, index
        The index has one entry a row, and one that points to a zero in the table.
    """

    table: NDArray[np.floating]
    index: NDArray[np.integer] | None = None

    def __len__(self) -> int:
        return len(self.table if self.index is None else self.index) - 1

    def __getitem__(self, rows: NDArray[np.integer]) -> NDArray[np.floating]:
        return np.asarray(self.table[rows if self.index is None else self.index[rows]])


def packed_grams(
    entries: Sequence[Entry],
    rows: NDArray[np.integer],
    place: NDArray[np.integer],
    n_places: int,
    pairs: tuple[NDArray[np.integer], NDArray[np.integer]] | None = None,
) -> Array:
    """Return the packed Gram matrix of the rows at each place.

    How the rows of a place are padded, and so every bit of its sums, depends on their number alone.

    Parameters
    ----------
    entries
        Of v.
    rows, place
        Rows to sum, and the place of each, ascending.
    pairs
        Numbers of the entries whose products are wanted; by default all, as in the upper triangle.

    Returns
    -------
    numpy.ndarray
        [n_places, pairs].

    Examples
    --------
    >>> entries = [Entry(np.array([1.0, 1.0, 1.0, 0.0])), Entry(np.array([2.0, 3.0, 4.0, 0.0]))]
    >>> packed_grams(entries, np.arange(3), np.array([0, 1, 1]), 2)
    array([[ 1.,  2.,  4.],
           [ 2.,  7., 25.]])
    """
    size, edges = len(entries), np.searchsorted(place, np.arange(n_places + 1))
    first, second = np.triu_indices(size) if pairs is None else pairs
    sums = np.zeros((n_places, len(first)))
    filled = np.flatnonzero(np.diff(edges))
    width = pad_rows(np.diff(edges)[filled], least=8)
    with_zero = np.append(rows, len(entries[0]))
    for wide in np.unique(width).tolist():
        alike = filled[width == wide]
        step = max(1, _BATCH // (size * wide))
        for start in range(0, len(alike), step):
            some = alike[start : start + step]
            index = edges[some, None] + np.arange(wide)
            taken = with_zero[np.where(index < edges[some + 1, None], index, len(rows))]
            vectors = np.empty((len(some), size, wide))
            for number, entry in enumerate(entries):
                vectors[:, number] = entry[taken]
            sums[some] = (vectors @ vectors.swapaxes(1, 2))[:, first, second]
    return sums
