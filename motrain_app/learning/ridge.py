"""Ridge regression, linear or quadratic: the rows of each partition become Gram matrices, and these its members."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.block import Block, Fitted, Stopped, why_untrained
from motrain_app.learning.gram import GramLayout, Grams, gram_by_atom
from motrain_app.learning.hyperparameters import each, one_of, positive, refuse
from motrain_app.learning.ridge_members import fit_members
from motrain_app.learning.scalers import input_range
from motrain_app.operators.features import FEATURE_MAPS
from motrain_app.operators.stack import MemberStack

Array = NDArray[np.float64]
STRENGTHS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class RidgeOptions:
    """Hyper-parameters of ridge regression.

    Attributes
    ----------
    strengths
        Penalties λ to choose from, a row: minimise mean (y − ŷ)² + λ |β|² in standardised features and outputs
        (scikit-learn's alpha is λ times the number of rows).
    features
        "linear" or "quadratic".
    """

    strengths: tuple[float, ...] = STRENGTHS
    features: str = "linear"

    def __post_init__(self) -> None:
        refuse([each("strengths", self.strengths, positive), one_of("features", self.features, FEATURE_MAPS)])

    def tried(self, seed: int) -> tuple[dict[str, float], ...]:
        """Say what each member and output chooses among; the seed has no say."""
        return tuple({"strength": strength} for strength in self.strengths)


def fit_ridge(block: Block, options: RidgeOptions) -> Fitted:
    """Train every member of every partition of a block.

    References
    ----------
    Hoerl & Kennard (1970): Ridge regression: biased estimation for nonorthogonal problems. Technometrics 12.
    """
    fits = []
    for partition in range(len(block)):
        if block.stopped():
            raise Stopped
        fits.append(_empty(block, options) if block.masked[partition] else _fit_partition(block, partition, options))
    arrays = {name: np.concatenate([fit[0][name] for fit in fits]) for name in fits[0][0]}
    present = np.stack([fit[1] for fit in fits])
    trials = {name: np.stack([fit[2][name] for fit in fits]) for name in fits[0][2]}
    errors = {number: fit[3] for number, fit in enumerate(fits) if fit[3]}
    return Fitted(MemberStack(arrays, options.features, ("relu",)), present, trials, errors)


PartitionFit = tuple[dict[str, Array], NDArray[np.bool_], dict[str, NDArray[Any]], str]


def _empty(block: Block, options: RidgeOptions) -> PartitionFit:
    """Return the slots of a partition before anything is trained."""
    n_inputs, n_outputs, n = len(block.inputs), len(block.outputs), block.folds.n_members
    n_features = GramLayout(n_inputs, n_outputs, options.features).n_features
    shapes = {
        "weight.0": (n, n_outputs, n_features),
        "bias.0": (n, n_outputs),
        "input_mean": (n, n_inputs),
        "input_scale": (n, n_inputs),
        "input_low": (n, n_inputs),
        "input_high": (n, n_inputs),
        "output_mean": (n, n_outputs),
        "output_scale": (n, n_outputs),
    }
    arrays = {name: np.full(shape, np.nan) for name, shape in shapes.items()}
    trials: dict[str, NDArray[Any]] = {
        "validation_loss": np.full((n, len(options.strengths), n_outputs), np.nan),
        "chosen": np.full((n, n_outputs), -1, np.int32),
    }
    return arrays, np.zeros(n, bool), trials, ""


def _fit_partition(block: Block, partition: int, options: RidgeOptions) -> PartitionFit:
    arrays, present, trials, _ = _empty(block, options)
    rows, folds = block.rows(partition), block.folds
    inputs, outputs, atom = block.inputs[:, rows], block.outputs[:, rows], block.atom[rows]
    for shared, grams in grams_of_outputs(inputs, outputs, atom, folds.n_atoms, options.features):
        fitted = fit_members(grams, folds, options.strengths)
        if fitted is None:
            continue
        members, scalers = fitted.numbers, fitted.coordinates
        put = np.ix_(members, np.asarray(shared))
        arrays["weight.0"][put], arrays["bias.0"][put] = fitted.weight, fitted.bias
        arrays["output_mean"][put], arrays["output_scale"][put] = scalers.output_mean, scalers.output_scale
        arrays["input_mean"][members] = scalers.input_mean  # the same for every group of outputs
        arrays["input_scale"][members] = scalers.input_scale
        trials["chosen"][put] = fitted.chosen
        every = np.arange(len(options.strengths))
        trials["validation_loss"][np.ix_(members, every, np.asarray(shared))] = fitted.validation_mse
        present[members] = True
    low, high = input_range(inputs, atom, folds)
    arrays["input_low"][present], arrays["input_high"][present] = low[present], high[present]
    if present.any():
        return arrays, present, trials, ""
    return arrays, present, trials, why_untrained(np.bincount(atom, minlength=folds.n_atoms), folds)


def grams_of_outputs(
    inputs: NDArray[np.floating],
    outputs: NDArray[np.floating],
    atom: NDArray[np.integer],
    n_atoms: int,
    features: str,
) -> Iterator[tuple[list[int], Grams]]:
    """Give the Gram matrices of each group of outputs that are missing in the same rows, atom by atom."""
    ones = np.ones((1, inputs.shape[1]))
    input_sums = gram_by_atom(np.concatenate([ones, np.asarray(inputs, np.float64)]), atom, n_atoms)
    for shared in outputs_with_equal_gaps(np.isfinite(outputs)):
        there = np.flatnonzero(np.isfinite(outputs[shared[0]]))
        layout = GramLayout(len(inputs), len(shared), features)
        vectors = layout.vectors(inputs[:, there], outputs[shared][:, there])
        yield shared, Grams(layout, gram_by_atom(vectors, atom[there], n_atoms), input_sums)


def outputs_with_equal_gaps(there: NDArray[np.bool_]) -> list[list[int]]:
    """Group the numbers of outputs that are there in the same rows, [n_outputs, rows].

    Examples
    --------
    >>> outputs_with_equal_gaps(np.array([[True, False], [True, True], [True, False]]))
    [[0, 2], [1]]
    """
    groups: dict[bytes, list[int]] = {}
    for number, gaps in enumerate(np.packbits(there, axis=1)):
        groups.setdefault(gaps.tobytes(), []).append(number)
    return list(groups.values())
