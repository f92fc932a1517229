"""Gram matrices of each cell: from their sums follows what ridge would reach in any partition, without its rows.

For v = [1, inputs, season harmonics, outputs] the Gram matrix Σ v vᵀ of a partition is the sum over its cells, one for
each class of times. Rows that no member may see or be judged on, those of the test above all, are in no sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.cell_seasons import CellSeasons
from motrain_app.learning.cell_vector import CellVector, packed_products
from motrain_app.learning.gram import Grams
from motrain_app.learning.sum_tree import SumTree
from motrain_app.learning.time_classes import TimeClasses

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OutputGroup:
    """Gram matrices of outputs that are missing in the same rows, cell by cell.

    Attributes
    ----------
    outputs
        Numbers of the outputs.
    vector
        Where things stand.
    sums
        Its leaves are packed upper triangles: float64, [n_cells, n_classes, packed size].
    seasons
        Errors of the climatology of each cell.
    """

    outputs: tuple[int, ...]
    vector: CellVector
    sums: SumTree
    seasons: CellSeasons


@dataclass(frozen=True, eq=False)
class GroupSums:
    """Of a region: one entry of its `RegionSums`.

    Attributes
    ----------
    outputs, vector
        As in `OutputGroup`.
    packed
        [n_classes, packed size].
    climatology
        Summed squared errors of the cells' climatologies out-of-fold, [n_periods, n_members, n_outputs].
    """

    outputs: tuple[int, ...]
    vector: CellVector
    packed: Array
    climatology: Array


@dataclass(frozen=True, eq=False)
class RegionSums:
    """All that ridge and its baselines need to know of a region.

    Attributes
    ----------
    classes
        Of times.
    groups
        Outputs by their gaps.
    inputs
        Gram matrices of [1, inputs] over rows with any output, [n_classes, 1 + n_inputs, 1 + n_inputs].
    """

    classes: TimeClasses
    groups: tuple[GroupSums, ...]
    inputs: Array

    def grams(self, group: GroupSums, period: int | None = None) -> Grams:
        """Return the Gram matrices of a period by atom, as `grams_of_outputs` gives them; None: of all periods."""
        return Grams(
            group.vector.layout,
            self._by_atom(group.packed[:, group.vector.ridge], period),
            self._by_atom(self.inputs, period),
        )

    def counts(self, period: int) -> NDArray[np.int64]:
        """Return the rows with the outputs of each group by atom, [n_groups, n_atoms]."""
        of_groups = [self.grams(group, period).count for group in self.groups]
        return np.rint(np.stack(of_groups)).astype(np.int64)

    def _by_atom(self, sums: Array, period: int | None) -> Array:
        classes = self.classes
        by_atom = np.zeros((classes.folds.n_atoms, *sums.shape[1:]))
        for number in range(classes.n_periods) if period is None else [period]:
            mine = classes.of_period(number)
            by_atom[classes.atom[mine]] += sums[mine]
        return by_atom


@dataclass(frozen=True, eq=False)
class CellGrams:
    """Gram matrices of all cells of a staged store.

    Attributes
    ----------
    classes
        Of times: of the folds and periods for which they were made.
    cell_at
        int32, shape (n_cells,): the dataset's cell at each position; cells stand as staged, near ones together.
    groups
        Outputs by their gaps.
    inputs
        Of [1, inputs] over rows with any output, packed as in the groups. None where all outputs share their gaps: the
        only group holds them.
    """

    classes: TimeClasses
    cell_at: NDArray[np.int32]
    groups: tuple[OutputGroup, ...]
    inputs: SumTree | None

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return sum(len(group.outputs) for group in self.groups)

    def positions(self, label: NDArray[np.integer], n_labels: int) -> list[NDArray[np.int64]]:
        """Return the positions, ascending, of the cells of each label.

        Parameters
        ----------
        label
            Shape (n_cells,), in the dataset's order, as `Labels.label`; −1 for cells of no region.
        """
        at = label[self.cell_at]
        order = np.argsort(at, kind="stable")
        return np.split(order, np.searchsorted(at[order], np.arange(n_labels + 1)))[1:-1]

    def region(self, positions: NDArray[np.int64]) -> RegionSums:
        """Return the sums over a set of cells, given by unique positions."""
        groups = []
        for group in self.groups:
            packed = group.sums.total(positions)
            errors = group.seasons.errors(packed, positions, group.sums.leaves)
            groups.append(GroupSums(group.outputs, group.vector, packed, errors))
        if self.inputs is None:
            return RegionSums(self.classes, tuple(groups), groups[0].packed[:, groups[0].vector.inputs])
        size = 1 + groups[0].vector.n_inputs
        inputs = self.inputs.total(positions)[:, packed_products(np.arange(size), size)]
        return RegionSums(self.classes, tuple(groups), inputs)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for a file; whoever reads it knows the classes."""
        arrays: dict[str, NDArray[Any]] = {"cell_at": self.cell_at}
        for number, group in enumerate(self.groups):
            arrays |= {
                f"outputs.{number}": np.array(group.outputs, np.int64),
                f"sums.{number}": group.sums.leaves,
                f"squares.{number}": group.seasons.squares,
                f"pooled.{number}": group.seasons.pooled,
            }
        return arrays if self.inputs is None else arrays | {"inputs": self.inputs.leaves}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], classes: TimeClasses, n_inputs: int) -> "CellGrams":
        """Make Gram matrices of what `to_arrays` gave."""
        groups: list[OutputGroup] = []
        while (name := f"outputs.{len(groups)}") in arrays:
            outputs, number = tuple(arrays[name].tolist()), len(groups)
            vector = CellVector(n_inputs, len(outputs))
            seasons = CellSeasons(vector, classes, arrays[f"squares.{number}"], arrays[f"pooled.{number}"])
            groups.append(OutputGroup(outputs, vector, SumTree(arrays[f"sums.{number}"]), seasons))
        inputs = SumTree(arrays["inputs"]) if "inputs" in arrays else None
        return cls(classes, arrays["cell_at"], tuple(groups), inputs)
