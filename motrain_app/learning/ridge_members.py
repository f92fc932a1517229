"""Members of ridge regression from Gram matrices alone: all folds and strengths of one partition at once.

The strength of each member and output is chosen by an inner leave-one-out over the other folds: the fit without folds k
and v, judged on v, pooled over v. As the fit without {k, v} serves both k and v, this costs half as many fits as it
seems, and fold k never takes part in its own choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.splits import Folds
from motrain_app.learning.centres import move_coefficients
from motrain_app.learning.gram import Coordinates, GramLayout, Grams, standardise
from motrain_app.learning.membership import MIN_ROWS, wanted_members

Array = NDArray[np.float64]
_VALUES_AT_ONCE = 1 << 20  # of Gram matrices of fits without two folds, of which there are half the square of the folds
_PAIRS_OF_TEN_FOLDS = 90
_MATRICES_OF_PAIR = 6  # one that judges; and of a fit, which serves two pairs, ten: as summed, scaled and solved


@dataclass(frozen=True)
class RidgeMembers:
    """The members of one partition for outputs that share their gaps, each with the strength chosen for it.

    Attributes
    ----------
    numbers
        Which members exist, ascending.
    weight, bias
        [members, n_outputs, n_features] and [members, n_outputs], in their coordinates.
    coordinates
        In which each member standardises.
    chosen
        Number of the strength, [members, n_outputs].
    validation_mse
        As `choose_strengths` gives it.
    features
        "linear" or "quadratic".
    """

    numbers: NDArray[np.int64]
    weight: Array
    bias: Array
    coordinates: Coordinates
    chosen: NDArray[np.int64]
    validation_mse: Array
    features: str

    @property
    def coefficients(self) -> Array:
        """Of 1 and the features of inputs as they are, in the outputs' units: [members, n_outputs, 1 + n_features]."""
        weight, bias = self.weight[:, None], self.bias[:, None]
        return _coefficients(self.coordinates, weight, bias, self.features, None)[:, 0]

    def squared_errors(self, judged: Grams, which: NDArray[np.integer]) -> Array:
        """Return the summed squared errors, [n_sets, n_outputs], of members on a set of rows each.

        Parameters
        ----------
        judged
            n_sets sets of rows.
        which
            The position of each set's member in `numbers`, shape (n_sets,).
        """
        weight, bias, seen = self.weight[which, None], self.bias[which, None], self.coordinates.take(which)
        return _squared_errors(_coefficients(seen, weight, bias, self.features, judged.centres), judged)[:, 0]


def fit_members(grams: Grams, folds: Folds, strengths: Sequence[float]) -> RidgeMembers | None:
    """Fit every member, each with its best strength; None where no member can be fitted.

    Parameters
    ----------
    grams
        One set an atom.
    """
    members, mse = choose_strengths(grams, folds, strengths)
    if not len(members):
        return None
    chosen = np.nanargmin(mse, axis=1)
    weight, bias, coordinates = _solve_each(grams.union(folds.train[members]), np.asarray(strengths)[chosen])
    return RidgeMembers(members, weight, bias, coordinates, chosen, mse, grams.layout.features)


def _solve_each(grams: Grams, strength: Array) -> tuple[Array, Array, Coordinates]:
    """Solve the normal equations of each set, with a strength for each output, [n_sets, n_outputs]; a few at once."""
    parts, step = [], max(1, _VALUES_AT_ONCE // (grams.layout.size**2 * grams.layout.n_outputs))
    for some in (slice(first, first + step) for first in range(0, len(strength), step)):
        equations = NormalEquations.of(grams.take(some))
        parts.append((*equations.solve(strength[some]), equations.coordinates))
    weight, bias, coordinates = zip(*parts, strict=True)
    return np.concatenate(weight), np.concatenate(bias), Coordinates.joined(coordinates)


def bytes_of_fits(layout: GramLayout) -> int:
    """Return the memory that passes through while the members of ten folds are fitted, besides what is summed.

    Of more folds, more pairs are fitted at once where their matrices are small, up to `_VALUES_AT_ONCE`: tens of MB.
    """
    pairs = max(2, min(_VALUES_AT_ONCE // layout.size**2, _PAIRS_OF_TEN_FOLDS))
    return 8 * pairs * _MATRICES_OF_PAIR * layout.size**2


def choose_strengths(grams: Grams, folds: Folds, strengths: Sequence[float]) -> tuple[NDArray[np.int64], Array]:
    """Judge every strength for every member on the other folds.

    Parameters
    ----------
    grams
        One set an atom.

    Returns
    -------
    members : numpy.ndarray
        Members that can learn and judge these outputs, as `motrain_app.learning.membership.learnable` says.
    mse : numpy.ndarray
        [members, strengths, outputs], in the outputs' squared units, pooled over the validating folds.
    """
    count, pairs = grams.count, _pairs(folds)
    wanted = wanted_members(grams.input_sums[:, 0, 0] > 0, folds) & (folds.train @ count >= MIN_ROWS)
    usable = wanted[pairs.member] & (pairs.fits @ count >= MIN_ROWS)[pairs.fit] & (pairs.judged @ count > 0)
    if not usable.any():
        return np.zeros(0, np.int64), np.zeros((0, len(strengths), grams.layout.n_outputs))
    members = np.flatnonzero(wanted)
    total = np.zeros((len(members), len(strengths), grams.layout.n_outputs))
    rows = np.zeros(len(members))
    by_fit = np.flatnonzero(usable)[np.argsort(pairs.fit[usable], kind="stable")]
    step = max(2, _VALUES_AT_ONCE // grams.layout.size**2)
    for mine in (by_fit[first : first + step] for first in range(0, len(by_fit), step)):
        fits, which = np.unique(pairs.fit[mine], return_inverse=True)
        learnt = grams.union(pairs.fits[fits])
        judged = grams.union(pairs.judged[mine], None if learnt.centres is None else learnt.centres[which])
        position = np.searchsorted(members, pairs.member[mine])
        np.add.at(total, position, squared_errors(NormalEquations.of(learnt), judged, which, strengths))
        np.add.at(rows, position, judged.count)
    judgeable = rows > 0
    return members[judgeable], total[judgeable] / rows[judgeable, None, None]


@dataclass(frozen=True)
class _Pairs:
    """All pairs of a member and a fold that may validate its choice.

    Attributes
    ----------
    member, fit
        Shape (n_pairs,): the member, and the row of `fits` that leaves both out.
    fits
        bool, [n_fits, n_atoms]. The fit without folds {k, v} is the same for (k, v) and (v, k): each is there once.
    judged
        bool, [n_pairs, n_atoms].
    """

    member: NDArray[np.int64]
    fit: NDArray[np.int64]
    fits: NDArray[np.bool_]
    judged: NDArray[np.bool_]


@lru_cache(maxsize=2)  # thousands of partitions share their folds
def _pairs(folds: Folds) -> _Pairs:
    pairs = [(member, other) for member in range(folds.n_members) for other in folds.validators(member).tolist()]
    fits, fit = np.unique(np.stack([folds.fit(*pair) for pair in pairs]), axis=0, return_inverse=True)
    judged = np.stack([folds.validation(*pair) for pair in pairs])
    return _Pairs(np.array([member for member, _ in pairs]), fit.reshape(-1), fits, judged)


@dataclass(frozen=True)
class NormalEquations:
    """The normal equations of several sets of rows, in standardised features and outputs.

    Attributes
    ----------
    normal
        Correlation of the features, [n_sets, n_features, n_features].
    right
        Covariance of features and outputs, [n_sets, n_features, n_outputs].
    mean, unit
        Of the features, [n_sets, n_features]; the unit of a constant feature is infinite, so it gets no coefficient.
    coordinates
        In which inputs and outputs are standardised.
    centres
        As of the sets' Gram matrices.
    """

    normal: Array
    right: Array
    mean: Array
    unit: Array
    coordinates: Coordinates
    centres: Array | None

    @classmethod
    def of(cls, grams: Grams) -> "NormalEquations":
        """Set up the equations of sets with at least one row each."""
        coordinates = standardise(grams)
        gram = coordinates.see(grams) / grams.count[:, None, None]
        features, outputs = slice(1, 1 + grams.layout.n_features), slice(1 + grams.layout.n_features, None)
        mean = gram[:, 0, features]
        covariance = gram[:, features, features] - mean[:, :, None] * mean[:, None, :]
        variance = np.diagonal(covariance, axis1=1, axis2=2)
        varies = variance > 1e-12 * np.diagonal(gram[:, features, features], axis1=1, axis2=2)
        varies &= coordinates.features_vary(grams.layout.features)  # of a constant, rounding alone would be left
        unit = np.where(varies, np.sqrt(np.where(varies, variance, 1.0)), np.inf)
        normal = covariance / (unit[:, :, None] * unit[:, None, :])
        return cls(normal, gram[:, features, outputs] / unit[:, :, None], mean, unit, coordinates, grams.centres)

    def solve(self, strength: Array) -> tuple[Array, Array]:
        """Return weights [n_sets, n_outputs, n_features] and biases [n_sets, n_outputs].

        Parameters
        ----------
        strength
            λ of each set and output, [n_sets, n_outputs]; or [n_sets, 1] where all outputs share it.
        """
        n_features = self.normal.shape[1]
        regular = np.repeat(self.normal[:, None], strength.shape[1], axis=1)
        diagonal = np.arange(n_features)
        regular[:, :, diagonal, diagonal] += strength[..., None]
        right = self.right[:, None] if strength.shape[1] == 1 else self.right.swapaxes(1, 2)[..., None]
        beta = np.linalg.solve(regular, right)  # [n_sets, 1, features, outputs] or [n_sets, outputs, features, 1]
        beta = beta[:, 0].swapaxes(1, 2) if strength.shape[1] == 1 else beta[..., 0]
        weight = beta / self.unit[:, None, :]
        return weight, -np.einsum("sop,sp->so", weight, self.mean)


def squared_errors(
    equations: NormalEquations, judged: Grams, which: NDArray[np.integer], strengths: Sequence[float]
) -> Array:
    """Return the summed squared errors of fits, one for each strength, on rows given by Gram matrices alone.

    Parameters
    ----------
    equations
        Of n_sets fits.
    judged
        The rows judged, n_pairs sets, with the centres of the fits that judge them.
    which
        The fit that each set is judged by, shape (n_pairs,).

    Returns
    -------
    numpy.ndarray
        [n_pairs, n_strengths, n_outputs], in the outputs' squared units.
    """
    solved = [equations.solve(np.full((len(equations.normal), 1), strength)) for strength in strengths]
    weight, bias = (np.stack(part, axis=1) for part in zip(*solved, strict=True))
    fits = _coefficients(equations.coordinates, weight, bias, judged.layout.features, equations.centres)
    return _squared_errors(fits[which], judged)


def _coefficients(coordinates: Coordinates, weight: Array, bias: Array, features: str, centres: Array | None) -> Array:
    """Return coefficients of 1 and the features of inputs minus centres, in the outputs' units.

    Parameters
    ----------
    weight, bias
        In the coordinates, [n_sets, n_fits, n_outputs, n_features] and [n_sets, n_fits, n_outputs].
    centres
        [n_sets, n_inputs]; None: 0.

    Returns
    -------
    numpy.ndarray
        [n_sets, n_fits, n_outputs, 1 + n_features].
    """
    found = np.concatenate([bias[..., None], weight], axis=-1)
    found *= coordinates.output_scale[:, None, :, None]
    found /= coordinates.feature_units(features)[:, None, None]
    moved = move_coefficients(
        found.reshape(len(found), -1, found.shape[-1]),
        coordinates.input_mean if centres is None else coordinates.input_mean - centres,
        features,
    ).reshape(found.shape)
    moved[..., 0] += coordinates.output_mean[:, None]
    return moved


def _squared_errors(coefficients: Array, judged: Grams) -> Array:
    """Return squared errors [n_sets, n_fits, n_outputs] of fits: with a = [−coefficients, 1] they are aᵀ G a."""
    layout = judged.layout
    a = np.zeros((*coefficients.shape[:-1], layout.size))
    a[..., : 1 + layout.n_features] = -coefficients
    outputs = np.arange(layout.n_outputs)
    a[:, :, outputs, 1 + layout.n_features + outputs] = 1
    flat = a.reshape(len(a), -1, layout.size)
    squares = ((flat @ judged.sums) * flat).sum(axis=2).reshape(a.shape[:-1])
    return np.asarray(np.maximum(squares, 0))
