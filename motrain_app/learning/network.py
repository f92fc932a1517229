"""The network learner: every candidate at every fold of every partition of a block, trained in stacks.

This module is NumPy; TensorFlow is imported inside `fit_network`, that is, in a worker.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from motrain_app.learning.block import Block, Fitted
from motrain_app.learning.losses import log_emphasis
from motrain_app.learning.membership import MIN_ROWS
from motrain_app.learning.network_members import members_of_race
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.places import Places, choose_places
from motrain_app.learning.programs import group_candidates
from motrain_app.learning.scalers import input_range, scaler_of
from motrain_app.operators.scaled import SCALERS

if TYPE_CHECKING:
    from motrain_app.learning.network_stack import OfPlace, Rows

Array = NDArray[np.float64]


def fit_network(block: Block, options: NetworkOptions) -> Fitted:
    """Train every member of every partition of a block.

    A member learns from its training rows less those of one other fold (the next one, cyclic, that has them), which say
    when to stop and which candidate is best.
    """
    from motrain_app.learning.network_race import Race

    candidates = options.candidates(block.seed)
    places = choose_places(block)
    scalers, inputs_vary, outputs_vary = _scalers(block, places)
    log_weight = _log_weight(block, options)
    fixed = {**scalers, "input_scale": np.where(inputs_vary, scalers["input_scale"], np.inf)}  # none has a say
    of_place = _of_place(block, options, places, fixed, outputs_vary, log_weight)
    rows = _padded_rows(block, log_weight)
    race = Race(block, places, group_candidates(candidates), candidates, rows, of_place, inputs_vary)
    running = np.repeat(places.present[:, None], len(candidates), axis=1)
    for rung in options.ladder(len(candidates)):
        running &= _best(race.loss(), running, rung.candidates)
        race.run(running, rung.epochs)
    return members_of_race(block, candidates, places, scalers, outputs_vary, race, running, options.together)


def _best(loss: NDArray[np.float32], running: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """Return the n candidates of each place with the lowest loss of those that run, [places, candidates]."""
    if n >= loss.shape[1]:
        return running
    rank = np.where(running, loss, np.inf).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    return np.asarray(rank < n)


def _scalers(block: Block, places: Places) -> tuple[dict[str, Array], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the scalers of all places, NaN where there is no member, and which inputs, and outputs, vary there."""
    parts: list[dict[str, Array]] = []
    inputs_vary, outputs_vary = [], []
    n = block.folds.n_members
    for partition in range(len(block)):
        rows = block.rows(partition)
        fit, atom = places.fit[partition * n : (partition + 1) * n], block.atom[rows]
        of_inputs = scaler_of(block.inputs[:, rows], atom, fit)
        of_outputs = scaler_of(block.outputs[:, rows], atom, fit, min_rows=MIN_ROWS)
        low, high = input_range(block.inputs[:, rows], atom, block.folds)
        values = (of_inputs.mean, of_inputs.scale, low, high, of_outputs.mean, of_outputs.scale)
        parts.append(dict(zip(SCALERS, values, strict=True)))
        inputs_vary.append(of_inputs.varies)
        outputs_vary.append(of_outputs.varies)
    scalers = {name: np.concatenate([part[name] for part in parts]) for name in SCALERS}
    return scalers, np.concatenate(inputs_vary), np.concatenate(outputs_vary)


def _log_weight(block: Block, options: NetworkOptions) -> Array | None:
    """Return the logarithm of what each row's squared error counts, [n_outputs, rows]; None where all are equal."""
    if options.emphasis == 0:
        return None
    observed = block.outputs + block.offset[:, None]
    return log_emphasis(observed, options.emphasis, options.emphasis_power)


def _of_place(
    block: Block,
    options: NetworkOptions,
    places: Places,
    scalers: Mapping[str, Array],
    outputs_vary: NDArray[np.bool_],
    log_weight: Array | None,
) -> "OfPlace":
    """Return what is fixed of each place, whatever the candidate.

    An output that never varied has no say beside one that did and is judged: in its own unit its error may be anything.
    """
    from motrain_app.learning.network_stack import OfPlace

    shape = (len(places.fit), len(block.outputs))
    mean_weight = np.zeros(shape)
    if log_weight is not None:
        n = block.folds.n_members
        for partition in range(len(block)):
            rows, mine = block.rows(partition), slice(partition * n, (partition + 1) * n)
            mean_weight[mine] = _log_mean(log_weight[:, rows], block.atom[rows], places.fit[mine])
    low, high = (_standardised(end, scalers, block.offset) for end in options.ends(len(block.outputs)))
    bounds = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    judged = np.concatenate([_judging(block, places, partition) for partition in range(len(block))]) > 0
    counts = outputs_vary | ~(outputs_vary & judged).any(axis=1, keepdims=True)
    weights = np.where(counts, np.asarray(options.output_weights or [1.0]), 0.0)
    weights /= weights.max(axis=1, keepdims=True)
    weights = np.where(counts, np.maximum(weights, _WEIGHT_AT_LEAST), 0.0)
    values = [*(scalers[name] for name in _OF_PLACES), *bounds, mean_weight, weights]
    return OfPlace(*(np.asarray(value, np.float32) for value in values))


_WEIGHT_AT_LEAST = 1e-30  # beside the largest: float32 holds it, and what it is divided by
_OF_PLACES = ("input_mean", "input_scale", "output_mean", "output_scale")


def _judging(block: Block, places: Places, partition: int) -> NDArray[np.int64]:
    """Return how many rows of each output judge each member of a partition, [n_members, n_outputs]."""
    n = block.folds.n_members
    return np.asarray(places.judge[partition * n : (partition + 1) * n] @ block.counts(partition).T)


def _log_mean(log_weight: Array, atom: NDArray[np.int32], fits: NDArray[np.bool_]) -> Array:
    """Return the logarithm of the mean weight of some sets of rows, [n_sets, n_outputs]; 0 where a set has none.

    Parameters
    ----------
    log_weight
        [n_outputs, rows], NaN where the output is missing.
    atom
        Of the rows.
    fits
        bool, [n_sets, n_atoms]: the atoms of each set.
    """
    order = np.argsort(atom, kind="stable")
    there, first = np.unique(atom[order], return_index=True)
    if not len(there):
        return np.zeros((len(fits), len(log_weight)))
    present = np.isfinite(log_weight[:, order])
    count = fits[:, there] @ np.add.reduceat(present, first, axis=1, dtype=np.int64).T
    of_atom = np.logaddexp.reduceat(np.where(present, log_weight[:, order], -np.inf), first, axis=1)
    total = logsumexp(np.where(fits[:, None, there], of_atom, -np.inf), axis=2)
    return np.where(count > 0, total - np.log(np.maximum(count, 1)), 0.0)


def _standardised(end: Array, scalers: Mapping[str, Array], offset: Array) -> Array:
    """Return one bound of each output in the standardised units of every place, NaN where these are not known."""
    return np.asarray((end - offset - scalers["output_mean"]) / scalers["output_scale"])


def _padded_rows(block: Block, log_weight: Array | None) -> "Rows":
    """Return the block's rows, as many as every block of the run has, so that they share programs."""
    from motrain_app.learning.network_stack import Rows

    n_rows, n_outputs = block.inputs.shape[1], len(block.outputs)
    inputs = np.zeros((block.padded_rows, len(block.inputs)), np.float32)
    outputs = np.full((block.padded_rows, n_outputs), np.nan, np.float32)
    inputs[:n_rows], outputs[:n_rows] = block.inputs.T, block.outputs.T
    if log_weight is None:
        return Rows(inputs, outputs, np.zeros((1, n_outputs), np.float32))
    weights = np.zeros((block.padded_rows, n_outputs), np.float32)
    weights[:n_rows] = np.nan_to_num(log_weight).T
    return Rows(inputs, outputs, weights)
