"""Ridge regression, linear or quadratic: the rows of each partition become Gram matrices, and these its members."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.design import Folds
from motrain_app.learning.block import Block, Fitted, Stopped
from motrain_app.learning.centres import find_centres, no_centres
from motrain_app.learning.gram import GramLayout, Grams, add_grams, gram_by_atom
from motrain_app.learning.hyperparameters import each, one_of, positive, refuse
from motrain_app.learning.membership import why_untrained
from motrain_app.learning.ridge_members import bytes_of_fits, fit_members
from motrain_app.learning.scalers import input_range
from motrain_app.operators.features import FEATURE_MAPS
from motrain_app.operators.stack import MemberStack

Array = NDArray[np.float64]
_VALUES_AT_ONCE = 1 << 22  # of features: of quadratic ones a row takes over a kilobyte while it is summed
_LEAST_STRENGTH = 1e-12  # features are standardised, and sums of products exact to some 1e-15 of them
STRENGTHS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class RidgeOptions:
    """Hyper-parameters of ridge regression.

    Attributes
    ----------
    strengths
        Penalties λ to choose from, a row: minimise mean (y − ŷ)² + λ |β|² in standardised features and outputs
        (scikit-learn's alpha is λ times the number of rows). 1e-12 is the least.
    features
        "linear" or "quadratic". Where an input's mean is over 100 times its spread, as of a salinity of 35 ± 0.01,
        squares and products are summed of the input minus a centre, so they keep their digits up to what float32, as
        which rows are staged, resolves: a spread of a millionth of the mean.
    """

    strengths: tuple[float, ...] = STRENGTHS
    features: str = "linear"

    def __post_init__(self) -> None:
        refuse([each("strengths", self.strengths, _strength), one_of("features", self.features, FEATURE_MAPS)])

    def tried(self, seed: int) -> tuple[dict[str, float], ...]:
        """Say what each member and output chooses among; the seed has no say."""
        return tuple({"strength": strength} for strength in self.strengths)


def _strength(name: str, value: Any) -> str | None:
    """Say what is wrong with a strength; of inputs that repeat each other, a lower one leaves no single solution."""
    wrong = positive(name, value)
    if wrong is None and value < _LEAST_STRENGTH:
        return f"{name} is {value!r}; {_LEAST_STRENGTH:g} is the least, as less is lost in rounding."
    return wrong


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
        shape = block.folds.n_members, len(block.inputs), len(block.outputs)
        fits.append(_empty(*shape, options) if block.masked[partition] else _fit_partition(block, partition, options))
    arrays = {name: np.concatenate([fit[0][name] for fit in fits]) for name in fits[0][0]}
    present = np.stack([fit[1] for fit in fits])
    trials = {name: np.stack([fit[2][name] for fit in fits]) for name in fits[0][2]}
    errors = {number: fit[3] for number, fit in enumerate(fits) if fit[3]}
    return Fitted(MemberStack(arrays, options.features, ("relu",)), present, trials, errors)


@dataclass(frozen=True, eq=False)
class RowSums:
    """All that ridge needs to know of the rows of a partition.

    Attributes
    ----------
    n_inputs, n_outputs
        Numbers of variables.
    grams
        Numbers of outputs that share their gaps, with their Gram matrices by atom.
    low, high
        Lowest and highest training value of each member and input, [n_members, n_inputs].
    """

    n_inputs: int
    n_outputs: int
    grams: Iterable[tuple[list[int], Grams]]
    low: Array
    high: Array


PartitionFit = tuple[dict[str, Array], NDArray[np.bool_], dict[str, NDArray[Any]], str]


def fit_ridge_of_sums(sums: RowSums, folds: Folds, options: RidgeOptions) -> Fitted:
    """Train every member of one partition of which sums are known and no row is at hand; else as `fit_ridge`.

    Parameters
    ----------
    sums
        Over its rows, with features as the options name them.
    """
    arrays, present, trials, error = _fit_sums(sums, folds, options)
    stack = MemberStack(arrays, options.features, ("relu",))
    errors = {0: error} if error else {}
    return Fitted(stack, present[None], {name: values[None] for name, values in trials.items()}, errors)


def _empty(n: int, n_inputs: int, n_outputs: int, options: RidgeOptions) -> PartitionFit:
    """Return the slots of a partition of n members before anything is trained."""
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
    rows, folds = block.rows(partition), block.folds
    inputs, outputs, atom = block.inputs[:, rows], block.outputs[:, rows], block.atom[rows]
    grams = grams_of_outputs(inputs, outputs, atom, folds.n_atoms, options.features)
    return _fit_sums(RowSums(len(inputs), len(outputs), grams, *input_range(inputs, atom, folds)), folds, options)


def _fit_sums(sums: RowSums, folds: Folds, options: RidgeOptions) -> PartitionFit:
    arrays, present, trials, _ = _empty(folds.n_members, sums.n_inputs, sums.n_outputs, options)
    counts = []
    for shared, grams in sums.grams:
        counts.append(np.rint(grams.count).astype(np.int64))
        fitted = fit_members(grams, folds, options.strengths)
        del grams  # before the next ones are made, which may be as large
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
    arrays["input_low"][present], arrays["input_high"][present] = sums.low[present], sums.high[present]
    if present.any():
        return arrays, present, trials, ""
    return arrays, present, trials, why_untrained(np.stack(counts), folds)


def ridge_bytes(options: RidgeOptions, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]) -> int:
    """Return the memory of a member: its coefficients, twice."""
    return 2 * 8 * GramLayout(n_inputs, n_outputs, options.features).size * n_outputs


def ridge_atom_bytes(
    options: RidgeOptions, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]
) -> int:
    """Return the memory of the Gram matrices of an atom, and of a member, of which there are fewer.

    Quadratic ones are there twice while their centre is moved; where inputs hardly vary, they have more centres.
    """
    matrices = 3 if options.features == "quadratic" else 2
    return 8 * matrices * GramLayout(n_inputs, n_outputs, options.features).size ** 2


def ridge_making_bytes(
    options: RidgeOptions, seed: int, *, n_inputs: int, n_outputs: int, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the memory that passes through: of rows while they are summed, or of fits, whichever is more."""
    layout = GramLayout(n_inputs, n_outputs, options.features)
    vectors = 2 * 8 * np.minimum(rows * layout.size, _VALUES_AT_ONCE)
    return np.asarray(np.maximum(vectors, bytes_of_fits(layout)))


def grams_of_outputs(
    inputs: NDArray[np.floating],
    outputs: NDArray[np.floating],
    atom: NDArray[np.integer],
    n_atoms: int,
    features: str,
) -> Iterator[tuple[list[int], Grams]]:
    """Give the Gram matrices of each group of outputs that are missing in the same rows, atom by atom."""
    centres, order = None, np.argsort(atom, kind="stable")  # once, and not of each array that is made of them
    inputs, outputs, atom = inputs[:, order].astype(np.float64), outputs[:, order], atom[order]
    ones = np.ones((1, inputs.shape[1]))
    if features == "quadratic":
        centres = np.nan_to_num(find_centres(no_centres(n_atoms, len(inputs)), inputs, atom))
        inputs = inputs - centres.T[:, atom]
    input_sums = gram_by_atom(np.concatenate([ones, inputs]), atom, n_atoms)
    for shared in outputs_with_equal_gaps(np.isfinite(outputs)):
        there = np.flatnonzero(np.isfinite(outputs[shared[0]]))
        layout = GramLayout(len(inputs), len(shared), features)
        sums = np.zeros((n_atoms, layout.size, layout.size))
        step = max(1, _VALUES_AT_ONCE // layout.size)
        for some in (there[first : first + step] for first in range(0, len(there), step)):
            add_grams(sums, layout.vectors(inputs[:, some], outputs[shared][:, some]), atom[some])
        yield shared, Grams(layout, sums, input_sums, centres)


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
