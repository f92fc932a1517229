"""Gram matrices: the sums of products from which every least-squares fit follows.

For v = [1, features, outputs] a Gram matrix is the sum of v vᵀ over rows. Gram matrices add, so the fit on any union of
atoms (all years but one, say) costs a small matrix product and no further look at the rows. A fold's training matrix
is a sum with weights 0 and 1, never a difference: no value of a row that is not in the sum can change a bit of the
result. Its gaps can change the last ones: outputs that are missing in the same rows of a partition, whosever these are,
share matrices, and how many share them decides the order in which a product is summed.
Quadratic features are those of inputs minus a centre, see `motrain_app.learning.centres`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.centres import move_products
from motrain_app.operators.features import FEATURE_MAPS

Array = NDArray[np.float64]
_FAR = 100.0  # a mean above so many spreads: of fourth powers eight digits would be left


@dataclass(frozen=True)
class GramLayout:
    """Where things stand in v = [1, features, outputs].

    Attributes
    ----------
    n_inputs, n_outputs
        Number of inputs, and of outputs that share their gaps.
    features
        "linear": the inputs; "quadratic": also their squares and products.
    """

    n_inputs: int
    n_outputs: int
    features: str

    @property
    def n_features(self) -> int:
        """Number of features."""
        return FEATURE_MAPS[self.features].size(self.n_inputs)

    @property
    def size(self) -> int:
        """Length of v."""
        return 1 + self.n_features + self.n_outputs

    def vectors(self, inputs: NDArray[np.floating], outputs: NDArray[np.floating]) -> Array:
        """Return v, [size, rows], of inputs [n_inputs, rows] and outputs [n_outputs, rows]."""
        features = FEATURE_MAPS[self.features].values(np.asarray(inputs, np.float64))
        return np.concatenate([np.ones((1, features.shape[1])), features, np.asarray(outputs, np.float64)])


def gram_by_atom(vectors: Array, atom: NDArray[np.integer], n_atoms: int) -> Array:
    """Return one Gram matrix an atom.

    Parameters
    ----------
    vectors
        [size, rows].
    atom
        Shape (rows,), from 0 to n_atoms − 1.

    Returns
    -------
    numpy.ndarray
        [n_atoms, size, size].

    Examples
    --------
    >>> v = np.array([[1.0, 1.0, 1.0], [2.0, 3.0, 4.0]])
    >>> gram_by_atom(v, np.array([0, 1, 1]), 2)[1]
    array([[ 2.,  7.],
           [ 7., 25.]])
    """
    grams = np.zeros((n_atoms, len(vectors), len(vectors)))
    add_grams(grams, vectors, atom)
    return grams


def add_grams(grams: Array, vectors: Array, atom: NDArray[np.integer]) -> None:
    """Add the Gram matrices of more rows to those of each atom, [n_atoms, size, size], in their place; see above."""
    if (np.diff(atom) < 0).any():
        order = np.argsort(atom, kind="stable")
        vectors, atom = np.ascontiguousarray(vectors[:, order]), atom[order]
    edges = np.searchsorted(atom, np.arange(len(grams) + 1))
    for number in np.flatnonzero(np.diff(edges)):
        part = vectors[:, edges[number] : edges[number + 1]]
        grams[number] += part @ part.T


@dataclass(frozen=True)
class Grams:
    """Gram matrices of several sets of rows (atoms, or unions of atoms) that share their outputs' gaps.

    Attributes
    ----------
    layout
        Where things stand in v.
    sums
        [n_sets, size, size]: over rows that have the outputs.
    input_sums
        [n_sets, 1 + n_inputs, 1 + n_inputs]: of [1, inputs] over all rows, those of other outputs too. They fix the
        input scaler, which all outputs of a member share.
    centres
        [n_sets, n_inputs]: what was taken off the inputs of each set. None where they are summed as they are, which
        linear features allow.
    """

    layout: GramLayout
    sums: Array
    input_sums: Array
    centres: Array | None = None
    _moved: dict[bytes, "Grams"] = field(default_factory=dict, repr=False, compare=False)

    @property
    def count(self) -> Array:
        """Rows with the outputs, [n_sets]."""
        return self.sums[:, 0, 0]

    def union(self, which: NDArray[np.bool_], centres: Array | None = None) -> "Grams":
        """Return the Gram matrices of unions.

        Parameters
        ----------
        which
            bool, [n_unions, n_sets].
        centres
            What is to be taken off the inputs of each union, [n_unions, n_inputs]; None: as `union_centres` gives it.
        """
        weights = which.astype(np.float64)
        if self.centres is None:
            return Grams(self.layout, _weighted(weights, self.sums), _weighted(weights, self.input_sums))
        centres = self.union_centres(which) if centres is None else centres
        sums, input_sums = (np.zeros((len(which), *of_set.shape[1:])) for of_set in (self.sums, self.input_sums))
        for centre in {centre.tobytes(): centre for centre in centres}.values():
            # All unions each time: how many rows a product has may change its bits, and values decide who has a centre.
            moved, mine = self._about(centre), (centres == centre).all(axis=1)[:, None, None]
            new = _weighted(weights, moved.sums), _weighted(weights, moved.input_sums)
            if mine.all():
                return Grams(self.layout, *new, centres)
            sums, input_sums = np.where(mine, new[0], sums), np.where(mine, new[1], input_sums)
        return Grams(self.layout, sums, input_sums, centres)

    def union_centres(self, which: NDArray[np.bool_]) -> Array:
        """Return what is best taken off the inputs of each union, [n_unions, n_inputs]; no row outside has a say.

        Nothing, unless the mean of an input is far above its spread: so most unions share one centre. Else it is the
        centre of a set of the union, and of as few sets as the unions allow.
        """
        assert self.centres is not None
        sums = _weighted(which.astype(np.float64), move_products(self.input_sums, self.centres, "linear"))
        count = np.maximum(sums[:, :1, 0], 1)
        mean, square = sums[:, 0, 1:] / count, np.diagonal(sums, axis1=1, axis2=2)[:, 1:] / count
        there = which & (self.input_sums[:, 0, 0] > 0)
        frequent = np.argsort(-there.sum(axis=0), kind="stable")
        reference = frequent[there[:, frequent].argmax(axis=1)]
        return np.where(mean**2 > _FAR**2 * (square - mean**2), self.centres[reference], 0.0)

    def about(self, centres: Array) -> "Grams":
        """Return the same with other centres, [n_sets, n_inputs]."""
        by = np.zeros_like(centres) if self.centres is None else self.centres - centres
        if not by.any():
            return self
        sums = move_products(self.sums, by, self.layout.features)
        return Grams(self.layout, sums, move_products(self.input_sums, by, "linear"), centres)

    def take(self, some: slice) -> "Grams":
        """Return some of the sets."""
        centres = None if self.centres is None else self.centres[some]
        return Grams(self.layout, self.sums[some], self.input_sums[some], centres)

    def _about(self, centre: Array) -> "Grams":
        """Return all sets with one centre; it is kept, as fits, what judges them, and members ask for the same."""
        key = centre.tobytes()
        if key not in self._moved:
            moved = self.about(np.tile(centre, (len(self.sums), 1)))
            if moved is self:  # kept in itself it would outlive its use
                return self
            self._moved[key] = moved
        return self._moved[key]


def _weighted(weights: Array, sums: Array) -> Array:
    return (weights @ sums.reshape(len(sums), -1)).reshape(-1, *sums.shape[1:])


@dataclass(frozen=True)
class Coordinates:
    """Coordinates in which inputs and outputs are standardised, one for each set of rows.

    Attributes
    ----------
    input_mean, input_scale
        [n_sets, n_inputs]; the scale of a constant input is 1.
    output_mean, output_scale
        [n_sets, n_outputs].
    varies
        bool, [n_sets, n_inputs]: which inputs are not constant.
    """

    input_mean: Array
    input_scale: Array
    output_mean: Array
    output_scale: Array
    varies: NDArray[np.bool_]

    def see(self, grams: Grams) -> Array:
        """Return Gram matrices, [n_sets, size, size], of [1, features of standardised inputs, standardised outputs]."""
        layout = grams.layout
        centres = 0.0 if grams.centres is None else grams.centres
        moved = move_products(grams.sums, centres - self.input_mean, layout.features, self.output_mean)
        unit = np.concatenate([self.feature_units(layout.features), self.output_scale], axis=1)
        moved /= unit[:, :, None]
        moved /= unit[:, None, :]
        return moved

    def feature_units(self, features: str) -> Array:
        """Return what 1 and the features of centred inputs are divided by, [n_sets, 1 + n_features]."""
        units = FEATURE_MAPS[features].values(self.input_scale.T).T
        return np.concatenate([np.ones((len(units), 1)), units], axis=1)

    def take(self, number: NDArray[np.integer]) -> "Coordinates":
        """Return the coordinates of the sets of the given numbers."""
        inputs, outputs = (self.input_mean, self.input_scale), (self.output_mean, self.output_scale)
        of_some = [array[number] for array in (*inputs, *outputs)]
        return Coordinates(of_some[0], of_some[1], of_some[2], of_some[3], self.varies[number])

    @classmethod
    def joined(cls, parts: Sequence["Coordinates"]) -> "Coordinates":
        """Return those of all sets, in this order."""
        names = [each.name for each in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def features_vary(self, features: str) -> NDArray[np.bool_]:
        """Say which features are of inputs that vary, [n_sets, n_features]."""
        return np.asarray(FEATURE_MAPS[features].values(self.varies.T.astype(np.float64)).T > 0)


def standardise(grams: Grams) -> Coordinates:
    """Return the scalers of each set of rows, which must have at least one row."""
    mean, scale, varies = _mean_and_scale(grams.input_sums, grams.centres)
    centre = 0.0 if grams.centres is None else grams.centres
    output_mean, output_scale, _ = _mean_and_scale(grams.sums)
    outputs = slice(1 + grams.layout.n_features, None)
    of_outputs = output_mean[:, outputs], output_scale[:, outputs]
    return Coordinates(centre + mean[:, 1:], scale[:, 1:], *of_outputs, varies[:, 1:])


def _mean_and_scale(sums: Array, centres: Array | None = None) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Mean and population standard deviation of each entry of v, 1 where it is constant to rounding, and if it is not.

    The mean is that of v: minus a centre where there is one. What is constant, the entry itself decides.
    """
    count = sums[:, :1, 0]
    mean = sums[:, 0, :] / count
    square = np.diagonal(sums, axis1=1, axis2=2) / count
    variance = square - mean**2
    if centres is not None:
        square = variance + (mean + np.pad(centres, ((0, 0), (1, 0)))) ** 2
    varies = variance > 1e-12 * square
    return mean, np.where(varies, np.sqrt(np.where(varies, variance, 1.0)), 1.0), varies
