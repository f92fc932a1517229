"""What the Gram matrices of cells are made of: v = [1, inputs, season harmonics, outputs], and how they are packed."""

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

    @cached_property
    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Entries whose products are kept, packed in this order: all pairs but those of an input and a harmonic."""
        first, second = np.triu_indices(self.size)
        of_input = (first > 0) & (first <= self.n_inputs)
        of_harmonic = (second > self.n_inputs) & (second < self.size - self.n_outputs)
        kept = ~(of_input & of_harmonic)
        return first[kept], second[kept]

    @property
    def packed_size(self) -> int:
        """Number of products that are kept."""
        return len(self.pairs[0])

    @property
    def layout(self) -> GramLayout:
        """Where things stand for a linear fit."""
        return GramLayout(self.n_inputs, self.n_outputs, "linear")

    @cached_property
    def ridge(self) -> NDArray[np.int64]:
        """Packed products of 1, inputs and outputs, [1 + n_inputs + n_outputs, the same]."""
        return self._products(np.r_[: 1 + self.n_inputs, self._outputs])

    @cached_property
    def inputs(self) -> NDArray[np.int64]:
        """Packed products of 1 and inputs, [1 + n_inputs, 1 + n_inputs]."""
        return self._products(np.arange(1 + self.n_inputs))

    @cached_property
    def season(self) -> NDArray[np.int64]:
        """Packed products of 1, harmonics and outputs, [5 + n_outputs, 5 + n_outputs]."""
        harmonics = 1 + self.n_inputs + np.arange(2 * HARMONICS)
        return self._products(np.r_[0, harmonics, self._outputs])

    def narrowed(self, outputs: list[int]) -> NDArray[np.int64]:
        """Return where the packed products of some of the outputs stand in those of all."""
        places = np.r_[: self.size - self.n_outputs, self._outputs[outputs]]
        first, second = CellVector(self.n_inputs, len(outputs)).pairs
        return np.asarray(self._place[places[first], places[second]])

    def _products(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(self._place[np.ix_(places, places)])

    @cached_property
    def _place(self) -> NDArray[np.int64]:
        """Where the product of two entries is packed, [size, size]; −1 for what is not kept."""
        place = np.full((self.size, self.size), -1)
        first, second = self.pairs
        place[first, second] = place[second, first] = np.arange(len(first))
        return place

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
