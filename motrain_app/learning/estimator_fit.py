"""Trains any scikit-learn regressor: one for each output of each member, on all of that fold's training rows.

A learner of a user's own needs little more than this; see `motrain_app.learning.registry.register_learner`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from motrain_app.learning.block import Block, Fitted, Stopped
from motrain_app.learning.membership import GLANCED_AT, MIN_ROWS, is_of_use, wanted_members, why_untrained
from motrain_app.learning.random_words import random_words
from motrain_app.learning.scalers import input_range, scaler_of
from motrain_app.operators.estimator_file import dump_estimator
from motrain_app.operators.estimator_stack import EstimatorStack
from motrain_app.operators.scaled import SCALERS

Array = NDArray[np.float64]
MakeEstimator = Callable[[int], Any]
Problem = Callable[[Any], str | None]
_WIDE = 1e30  # scale of an input that never varied: whatever it is later, it is its mean
_DIVERGED = (
    "What was learnt is off by more than ten standard deviations on its own training rows, or no number at all. Look "
    "for extreme values, or choose hyper-parameters that learn less at a time."
)


@dataclass(frozen=True)
class _PartitionFit:
    """What became of the members of one partition.

    Attributes
    ----------
    scalers
        By name, [n_members, n]; NaN where there is no member.
    estimators
        Bytes by member and output, empty where nothing was trained.
    rows
        How many rows each learned from, [n_members, n_outputs]; 0 where nothing was trained, or to no use.
    unused
        By member and output: why an estimator is of no use.
    """

    scalers: dict[str, Array]
    estimators: list[list[bytes]]
    rows: NDArray[np.int64]
    unused: dict[tuple[int, int], str]


def fit_estimators(
    block: Block,
    make: MakeEstimator,
    *,
    rows_at_most: int | None = None,
    differentiable: bool = False,
    problem: Problem = lambda _: None,
) -> Fitted:
    """Train an estimator for each output of every member of every partition of a block.

    Inputs and outputs are standardised by the fold's own scalers: inputs by all of the member's training rows, an
    output by those that have it. No row is set aside, as nothing is chosen. Random numbers come from the seed that
    `make` is given, which depends on the design's seed, the partition, the fold and the output alone. An estimator that
    is absurd on its own training rows, or gives other than one number a row, is not used; a partition without any other
    fails with that reason.

    Parameters
    ----------
    make
        Returns an unfitted regressor for a seed, with ``fit(X, y)`` and ``predict(X)``; X is (rows, n_inputs),
        and y and what is predicted are (rows,).
    rows_at_most
        With more training rows, so many of them are drawn, without replacement, by the same seed.
    differentiable
        Whether what it learns is smooth, so that differences make a Jacobian.
    problem
        Says of a fitted estimator why it is not to be used, where that is so.

    Raises
    ------
    UntrustedTypeError
        Where the estimator holds types that are on no list, so that it could not be read back.
    """
    with threadpool_limits(1):  # the worker's own limit came before scikit-learn, and holds for what was loaded then
        fits = [_fit_partition(block, partition, make, rows_at_most, problem) for partition in range(len(block))]
    estimators = [member for fit in fits for member in fit.estimators]
    scalers = {name: np.concatenate([fit.scalers[name] for fit in fits]) for name in SCALERS}
    rows = np.stack([fit.rows for fit in fits])
    present = np.asarray(rows.any(axis=2))
    errors = {
        partition: why_untrained(block.counts(partition), block.folds, judged=False)
        for partition in np.flatnonzero(~present.any(axis=1) & ~block.masked).tolist()
    }
    errors |= {partition: next(iter(fits[partition].unused.values())) for partition in errors if fits[partition].unused}
    unused = {(partition, *of): words for partition, fit in enumerate(fits) for of, words in fit.unused.items()}
    stack = EstimatorStack.of(scalers, estimators, differentiable=differentiable)
    return Fitted(stack, present, {"rows": rows}, errors, unused)


def seeds_of_outputs(block: Block, partition: int, member: int) -> list[int]:
    """Return the seed of each output's estimator; scikit-learn takes no more than 31 bits."""
    words: list[int] = (random_words(block.keys()[partition, member], len(block.outputs)) >> np.uint64(33)).tolist()
    return words


def _fit_partition(
    block: Block, partition: int, make: MakeEstimator, rows_at_most: int | None, problem: Problem
) -> _PartitionFit:
    wanted = wanted_members(block.counts(partition).sum(axis=0) > 0, block.folds) & ~block.masked[partition]
    scalers = _scalers(block, partition)
    trained = wanted[:, None] & np.isfinite(scalers["output_mean"])
    rows = np.zeros(trained.shape, np.int64)
    estimators = [[b""] * trained.shape[1] for _ in wanted]
    unused: dict[tuple[int, int], str] = {}
    for member in np.flatnonzero(trained.any(axis=1)).tolist():
        seeds = seeds_of_outputs(block, partition, member)
        for output in np.flatnonzero(trained[member]).tolist():
            if block.stopped():
                raise Stopped
            mine = _sample(_training_rows(block, partition, member, output), rows_at_most, seeds[output])
            x, y = _standardised(block, mine, output, {name: values[member] for name, values in scalers.items()})
            estimator = make(seeds[output]).fit(x, y)
            words = problem(estimator) or _why_of_no_use(estimator, x, y)
            if words:
                unused[member, output] = words
                scalers["output_mean"][member, output] = np.nan
                continue
            estimators[member][output] = dump_estimator(estimator)
            rows[member, output] = len(mine)
    for values in scalers.values():
        values[~rows.any(axis=1)] = np.nan
    return _PartitionFit(scalers, estimators, rows, unused)


def _why_of_no_use(estimator: Any, x: Array, y: Array) -> str | None:
    """Say why an estimator is of no use even for some of the rows, standardised, that it has learnt from, or None."""
    some = slice(None, None, max(1, len(y) // GLANCED_AT))
    predicted, observed = np.asarray(estimator.predict(x[some]), np.float64), y[some]
    if predicted.shape != observed.shape:
        return (
            f"The estimator's predict gave an array of shape {predicted.shape} for {len(observed)} rows; it must give "
            f"one number a row, shape {observed.shape}."
        )
    return None if is_of_use(predicted, observed) else _DIVERGED


def _scalers(block: Block, partition: int) -> dict[str, Array]:
    """Return the scalers of the members of a partition; an output with too few rows has a NaN mean."""
    rows, folds = block.rows(partition), block.folds
    inputs, atom = block.inputs[:, rows], block.atom[rows]
    of_inputs = scaler_of(inputs, atom, folds.train)
    of_outputs = scaler_of(block.outputs[:, rows], atom, folds.train, min_rows=MIN_ROWS)
    low, high = input_range(inputs, atom, folds)
    scale = np.where(of_inputs.varies, of_inputs.scale, _WIDE)
    parts = (of_inputs.mean, scale, low, high, of_outputs.mean, of_outputs.scale)
    return dict(zip(SCALERS, parts, strict=True))


def _training_rows(block: Block, partition: int, member: int, output: int) -> NDArray[np.int64]:
    """Return the numbers of the rows in the block that a member may learn an output from."""
    rows = block.rows(partition)
    there = block.folds.train[member][block.atom[rows]] & np.isfinite(block.outputs[output, rows])
    return np.asarray(np.flatnonzero(there) + rows.start)


def _sample(rows: NDArray[np.int64], at_most: int | None, seed: int) -> NDArray[np.int64]:
    """Return so many of the rows, in their order."""
    if at_most is None or len(rows) <= at_most:
        return rows
    return np.asarray(np.sort(np.random.default_rng(seed).choice(rows, at_most, replace=False)))


def _standardised(block: Block, rows: NDArray[np.int64], output: int, scalers: dict[str, Array]) -> tuple[Array, Array]:
    """Return inputs (rows, n_inputs) and an output (rows,) in a member's scale."""
    x, y = block.inputs[:, rows].T.astype(np.float64), block.outputs[output, rows].astype(np.float64)
    x = (x - scalers["input_mean"]) / scalers["input_scale"]
    return np.ascontiguousarray(x), (y - scalers["output_mean"][output]) / scalers["output_scale"][output]
