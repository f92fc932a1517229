"""The climatology that runs are compared with, and its out-of-fold errors, from Gram matrices of cells.

It is fitted for each cell alone, so its errors add over cells and do not depend on the partition, with one exception: a
cell with too few training rows takes the climatology of its partition. Which cells these are does not depend on the
partition; their held-out rows are kept apart as Gram matrices until the partition is known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.cell_vector import HARMONICS, CellVector
from motrain_app.learning.time_classes import TimeClasses
from motrain_app.skill.season_fit import rows_needed, solve_season

Array = NDArray[np.float64]
_FEATURES = 1 + 2 * HARMONICS
_CELLS_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class CellSeasons:
    """Errors of the climatology of each cell on held-out rows, for outputs that share their gaps.

    Attributes
    ----------
    vector, classes
        What the Gram matrices are made of.
    squares
        Summed squared errors, [n_cells, n_periods, n_members, n_outputs]; 0 where the cell takes the partition's.
    pooled
        bool, [n_cells, n_periods, n_members]: cells with too few training rows for a season of their own.
    """

    vector: CellVector
    classes: TimeClasses
    squares: Array
    pooled: NDArray[np.bool_]

    @classmethod
    def of_sums(cls, packed: Array, vector: CellVector, classes: TimeClasses) -> "CellSeasons":
        """Fit the climatology of each cell, period and member, and judge it on what the member withheld.

        Parameters
        ----------
        packed
            Gram matrices, [n_cells, n_classes, packed size].
        """
        shape = (len(packed), classes.n_periods, classes.folds.n_members)
        squares, pooled = np.zeros((*shape, vector.n_outputs)), np.zeros(shape, bool)
        for period in range(classes.n_periods):
            mine = classes.of_period(period)
            for first in range(0, len(packed), _CELLS_AT_ONCE):
                cells = slice(first, first + _CELLS_AT_ONCE)
                sums = packed[cells][:, mine[:, None, None], vector.season]
                train, held = (_by_member(which[:, mine], sums) for which in (classes.train, classes.held_out))
                few = train[..., 0, 0] < rows_needed(HARMONICS)
                pooled[cells, period] = few
                squares[cells, period] = np.where(few[..., None], 0.0, _squared_errors(_solve(train), held))
        return cls(vector, classes, squares, pooled)

    def errors(self, region: Array, cells: NDArray[np.integer], packed: Array) -> Array:
        """Return the summed squared errors of the climatology in the partitions of a region.

        Parameters
        ----------
        region
            Gram matrices of the region, [n_classes, packed size].
        cells
            Its cells.
        packed
            Gram matrices of all cells, [n_cells, n_classes, packed size].

        Returns
        -------
        numpy.ndarray
            [n_periods, n_members, n_outputs], in the outputs' squared units.
        """
        squares: Array = self.squares[cells].sum(axis=0)
        few = cells[self.pooled[cells].any(axis=(1, 2))]
        for period in range(self.classes.n_periods if len(few) else 0):
            mine = self.classes.of_period(period)
            train = _by_member(self.classes.train[:, mine], region[None, mine[:, None, None], self.vector.season])[0]
            held = self._left_to_partition(few, period, packed)
            squares[period] += np.where(held[:, :1, 0] > 0, _squared_errors(_solve(train), held), 0.0)
        return squares

    def _left_to_partition(self, cells: NDArray[np.integer], period: int, packed: Array) -> Array:
        """Return the Gram matrices of held-out rows, [n_members, s, s], that the partition's climatology predicts."""
        mine = self.classes.of_period(period)
        held_out = self.classes.held_out[:, mine]
        by_class = np.zeros((len(mine), *self.vector.season.shape))
        for first in range(0, len(cells), _CELLS_AT_ONCE):
            some = cells[first : first + _CELLS_AT_ONCE]
            left = self.pooled[some, period].astype(np.float64) @ held_out  # a class is held out by one member at most
            sums = packed[some][:, mine[:, None, None], self.vector.season]
            by_class += np.einsum("ck,ckij->kij", left, sums)
        return np.tensordot(held_out, by_class, 1)


def _by_member(which: Array, sums: Array) -> Array:
    """Return sums over the classes of each member: [members, classes] and [cells, classes, s, s]."""
    flat = which @ sums.reshape(*sums.shape[:2], -1)
    return flat.reshape(*flat.shape[:2], *sums.shape[2:])


def _solve(sums: Array) -> Array:
    """Return the coefficients, [..., n_outputs, 5], that follow from sums of [1, harmonics, outputs]."""
    gram, needed = sums[..., :_FEATURES, :_FEATURES], rows_needed(HARMONICS)
    outputs = range(_FEATURES, sums.shape[-1])
    return np.stack([solve_season(gram, sums[..., :_FEATURES, output], needed) for output in outputs], axis=-2)


def _squared_errors(coefficients: Array, sums: Array) -> Array:
    """Return Σ (y − c · x)², [..., n_outputs], from sums of [1, harmonics, outputs]."""
    gram, right = sums[..., :_FEATURES, :_FEATURES], sums[..., _FEATURES:, :_FEATURES]
    squares = np.diagonal(sums, axis1=-2, axis2=-1)[..., _FEATURES:]
    fitted = ((coefficients @ gram - 2 * right) * coefficients).sum(axis=-1)
    return np.asarray(np.maximum(squares + fitted, 0))
