"""What becomes of a race of networks: the best candidates of each place as members, with how they were judged."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.block import Block, Fitted
from motrain_app.learning.membership import GLANCED_AT, is_of_use, why_untrained
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.places import Places, rows_of
from motrain_app.operators.bounds import Bounds
from motrain_app.operators.features import ACTIVATIONS
from motrain_app.operators.member import BOUNDS, layer_values
from motrain_app.operators.stack import MemberStack

if TYPE_CHECKING:
    from motrain_app.learning.network_race import Race

Array = NDArray[np.float64]


def members_of_race(
    block: Block,
    candidates: Sequence[NetworkOptions],
    places: Places,
    scalers: Mapping[str, Array],
    outputs_vary: NDArray[np.bool_],
    race: "Race",
    best: NDArray[np.integer],
) -> Fitted:
    """Return the members: of each place the mean of its best candidates, [places, together], the very best first."""
    shape = (len(block), block.folds.n_members)
    loss, epochs = race.loss(), race.epochs()
    rows = rows_of(block, places.fit)
    glanced_at = rows.some(GLANCED_AT)
    beyond = _beyond(block, candidates[0], glanced_at, scalers, outputs_vary)
    of_use = places.present[:, None] & np.isfinite(np.take_along_axis(loss, best, axis=1))
    of_use &= ~beyond.any(axis=1, keepdims=True)
    physical = _physical(block, candidates[0], scalers["output_mean"], outputs_vary)
    shared = {**scalers, **{name: values - block.offset for name, values in physical.items()}}
    arrays: dict[str, NDArray[np.generic]] = {**shared}
    for rank, chosen in enumerate(best.T):
        layers = _winners(block, candidates, race, chosen, outputs_vary)
        of_use[:, rank] = _are_of_use(block, candidates, glanced_at, {**shared, **layers}, chosen, of_use[:, rank])
        if rank:
            layers["activation"] = np.where(of_use[:, rank], layers["activation"], -1).astype(np.int8)
        arrays |= {f"{rank}/{name}" if rank else name: array for name, array in layers.items()}
    trained = of_use[:, 0]
    errors = {}
    for partition in np.flatnonzero(~trained.reshape(shape).any(axis=1) & ~block.masked).tolist():
        mine = slice(partition * shape[1], (partition + 1) * shape[1])
        errors[partition] = (
            _why_of_no_use(candidates[0], np.any(beyond[mine], axis=0))
            if places.present[mine].any()
            else why_untrained(block.counts(partition), block.folds)
        )
    trials = {
        "validation_loss": loss.reshape(*shape, -1),
        "epochs": epochs.reshape(*shape, -1),
        "chosen": np.where(trained, best[:, 0], -1).astype(np.int32).reshape(shape),
    }
    stack = MemberStack(arrays, "linear", tuple(ACTIVATIONS))
    return Fitted(stack, trained.reshape(shape), trials, errors, physical=physical)


def _physical(block: Block, options: NetworkOptions, mean: Array, outputs_vary: NDArray[np.bool_]) -> dict[str, Array]:
    """Return bounds and means of the outputs, [places, n_outputs], by the stack's names; nothing without a bound.

    An output that never varied is its mean, within its bounds; it has none itself, as a layer that keeps off them would
    move it.

    Parameters
    ----------
    mean
        Minus the offset.
    """
    if not options.bounded:
        return {}
    low, high = options.ends(len(block.outputs))
    whole = mean + block.offset
    return {
        "output_low": np.where(outputs_vary, low, -np.inf),
        "output_high": np.where(outputs_vary, high, np.inf),
        "output_mean": np.where(outputs_vary, whole, _within(whole, low, high)),
    }


def _within(values: Array, low: Array, high: Array) -> Array:
    """Return values within bounds, which float32 does not round beyond them either."""
    kept = np.clip(values, low, high)
    rounded = kept.astype(np.float32)
    inwards = np.where(rounded > high, np.float32(-np.inf), np.float32(np.inf))
    return np.where((rounded > high) | (rounded < low), np.nextafter(rounded, inwards), kept)


def _beyond(
    block: Block,
    options: NetworkOptions,
    rows: NDArray[np.int32],
    scalers: Mapping[str, Array],
    outputs_vary: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Say which outputs lie beyond their bounds, [places, n_outputs]: not even the best that keeps to them is of use.

    Parameters
    ----------
    rows
        Some that each place has learnt from, [places, n]; −1 for none.
    """
    low, high = (end[:, None] for end in options.ends(len(block.outputs)))
    mean, scale = scalers["output_mean"][..., None], scalers["output_scale"][..., None]
    observed = _of_rows(block.outputs, rows)
    best = np.clip(observed + block.offset[:, None], low, high) - block.offset[:, None]
    varied = ~is_of_use((best - mean) / scale, (observed - mean) / scale)
    whole = scalers["output_mean"] + block.offset
    moved = np.abs(np.clip(whole, low[:, 0], high[:, 0]) - whole) > _ROUNDING * (np.abs(whole) + np.abs(block.offset))
    return np.where(outputs_vary, varied, moved)


def _are_of_use(
    block: Block,
    candidates: Sequence[NetworkOptions],
    rows: NDArray[np.int32],
    arrays: Mapping[str, NDArray[np.generic]],
    chosen: NDArray[np.integer],
    which: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Say which networks of some places are of use for rows that they have learnt from, [places].

    Parameters
    ----------
    rows
        Some that each place has learnt from, [places, n]; −1 for none.
    arrays
        Of the candidate chosen at each place, and its scalers.
    """
    found = which.copy()
    for winner in np.unique(chosen[which]).tolist():
        mine = np.flatnonzero(which & (chosen == winner))
        for some in np.split(mine, range(block.stack_slots, len(mine), block.stack_slots)):
            values = {name: np.asarray(array[some]) for name, array in arrays.items()}
            predicted, observed = _glance(block, candidates[winner], values, rows[some])
            found[some] = is_of_use(predicted, observed).all(axis=1)
    return found


def _glance(
    block: Block, candidate: NetworkOptions, arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.int32]
) -> tuple[Array, Array]:
    """Return what a candidate at some places says of rows [places, n], and what is true: [places, n_outputs, n].

    Both are in standard deviations; what is true is NaN where there is no row.
    """
    mean, scale = arrays["output_mean"][..., None], arrays["output_scale"][..., None]
    observed = (_of_rows(block.outputs, rows) - mean) / scale
    x = (_of_rows(block.inputs, rows) - arrays["input_mean"][..., None]) / arrays["input_scale"][..., None]
    shapes = list(enumerate(pairwise(_widths(block, candidate))))
    weights = [arrays[f"weight.{number}"][:, :after, :before] for number, (before, after) in shapes]
    biases = [arrays[f"bias.{number}"][:, :after] for number, (_, after) in shapes]
    with np.errstate(over="ignore", invalid="ignore"):
        predicted = layer_values(weights, biases, candidate.activation, x)[-1]
        if candidate.bounded:
            low, high = ((arrays[name][..., None] - mean) / scale for name in BOUNDS)
            predicted = Bounds(low, high, np.ones_like(scale)).value(predicted)
    return predicted, observed


def _of_rows(values: NDArray[np.float32], rows: NDArray[np.int32]) -> Array:
    """Return the values [places, n_variables, n] of rows [places, n], NaN where there is none."""
    return np.where(rows[:, None] >= 0, values[:, rows].swapaxes(0, 1), np.nan).astype(np.float64)


def _widths(block: Block, candidate: NetworkOptions) -> list[int]:
    """Return the widths of all layers of a candidate, the inputs first."""
    return [len(block.inputs), *candidate.hidden, len(block.outputs)]


def _winners(
    block: Block,
    candidates: Sequence[NetworkOptions],
    race: "Race",
    chosen: NDArray[np.integer],
    outputs_vary: NDArray[np.bool_],
) -> dict[str, NDArray[np.generic]]:
    """Return the layers of the candidate chosen at each place, padded to the widest of them, and their true widths.

    What they say of an output that never varied is its mean.
    """
    winners = sorted(set(chosen.tolist()))
    depth = max(len(candidates[winner].hidden) for winner in winners)
    hidden = np.zeros((len(chosen), depth), np.int32)
    for winner in winners:
        hidden[chosen == winner, : len(candidates[winner].hidden)] = candidates[winner].hidden
    most = hidden.max(axis=0).tolist()
    n_in, n_out = [len(block.inputs), *most], [max(width, len(block.outputs)) for width in [*most, 0]]
    if all(len(candidates[winner].hidden) == depth for winner in winners):
        n_out[:-1] = most  # no member ends earlier than the others
    layers: list[NDArray[np.float32]] = []
    for before, after in zip(n_in, n_out, strict=True):
        layers += [np.zeros((len(chosen), after, before), np.float32), np.zeros((len(chosen), after), np.float32)]
    for winner in winners:
        places = np.flatnonzero(chosen == winner)
        widths = _widths(block, candidates[winner])
        best = race.best_layers(winner, places)
        for number, (before, after) in enumerate(pairwise(widths)):
            layers[2 * number][places, :after, :before] = best[2 * number][:, :after, :before]
            layers[2 * number + 1][places, :after] = best[2 * number + 1][:, :after]
        last, varied = 2 * (len(widths) - 2), outputs_vary[places]
        layers[last][places, : widths[-1]] *= varied[:, :, None]
        layers[last + 1][places, : widths[-1]] *= varied
    arrays: dict[str, NDArray[np.generic]] = {}
    for number in range(0, len(layers), 2):
        arrays |= {f"weight.{number // 2}": layers[number], f"bias.{number // 2}": layers[number + 1]}
    names = list(ACTIVATIONS)
    codes = np.array([names.index(one.activation) for one in candidates], np.int8)
    return arrays | {"hidden": hidden, "activation": codes[chosen]}


def _why_of_no_use(options: NetworkOptions, beyond: NDArray[np.bool_]) -> str:
    """Say why no network of a partition is of use; and of each output, whether it lies beyond its bounds."""
    if not beyond.any():
        return _DIVERGED
    output = int(beyond.argmax())
    low, high = (end[output] for end in options.ends(len(beyond)))
    return (
        f"Output {output} lies beyond its bounds ({low:g} to {high:g}) in the training rows, so no network that keeps "
        "to them is of use. Mend low and high, or look at the output's unit and for extreme values."
    )


_ROUNDING = 1e-6  # of float32, in which values are kept
_DIVERGED = (
    "Every member's loss became infinite, or it is off by more than ten standard deviations on its own training rows. "
    "Lower the learning rate, or look for extreme values in inputs and outputs."
)
