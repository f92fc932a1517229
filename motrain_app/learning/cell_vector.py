"""What the Gram matrices of cells are made of: v = [1, inputs, season harmonics, outputs], and packed triangles."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.gram import GramLayout

HARMONICS = 2  # of the year, as in the climatology that runs are compared with


@dataclass(frozen=True)
class CellVector:
    """Where things stand in v.

    Attributes
    ----------
    n_inputs, n_outputs
        Number of inputs, and of outputs that share their gaps.
    """

    n_inputs: int
    n_outputs: int

    @property
    def size(self) -> int:
        """Length of v."""
        return 1 + self.n_inputs + 2 * HARMONICS + self.n_outputs

    @property
    def packed_size(self) -> int:
        """Number of different products of two entries."""
        return self.size * (self.size + 1) // 2

    @property
    def layout(self) -> GramLayout:
        """Where things stand for a linear fit."""
        return GramLayout(self.n_inputs, self.n_outputs, "linear")

    @cached_property
    def ridge(self) -> NDArray[np.int64]:
        """Packed products of 1, inputs and outputs, [1 + n_inputs + n_outputs, the same]."""
        return packed_products(np.r_[: 1 + self.n_inputs, self._outputs], self.size)

    @cached_property
    def inputs(self) -> NDArray[np.int64]:
        """Packed products of 1 and inputs, [1 + n_inputs, 1 + n_inputs]."""
        return packed_products(np.arange(1 + self.n_inputs), self.size)

    @cached_property
    def season(self) -> NDArray[np.int64]:
        """Packed products of 1, harmonics and outputs, [5 + n_outputs, 5 + n_outputs]."""
        harmonics = 1 + self.n_inputs + np.arange(2 * HARMONICS)
        return packed_products(np.r_[0, harmonics, self._outputs], self.size)

    def narrowed(self, outputs: list[int]) -> NDArray[np.int64]:
        """Return where the packed triangle of some of the outputs stands in that of all."""
        places = np.r_[: self.size - self.n_outputs, self._outputs[outputs]]
        return packed_products(places, self.size)[np.triu_indices(len(places))]

    @property
    def _outputs(self) -> NDArray[np.int64]:
        return np.arange(self.size - self.n_outputs, self.size)


def packed_products(places: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """Return where the products of all pairs of places stand in the packed upper triangle of a matrix.

    Examples
    --------
    >>> packed_products(np.array([0, 2]), 3)
    array([[0, 2],
           [2, 5]])
    """
    first, second = np.minimum(places[:, None], places), np.maximum(places[:, None], places)
    return np.asarray(first * size - first * (first + 1) // 2 + second)
