"""What becomes of a race of networks: the best candidates of each place as members, with how they were judged."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.block import Block, Fitted
from motrain_app.learning.membership import GLANCED_AT, is_of_use, why_untrained
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.places import PlaceRows, Places, rows_of
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
    of_use = places.present[:, None] & np.isfinite(np.take_along_axis(loss, best, axis=1))
    bounds = _bounds(candidates[0], outputs_vary)
    staged = {name: values - block.offset for name, values in bounds.items()}
    shared = {**scalers, **staged, "output_mean": _within(candidates[0], scalers["output_mean"], outputs_vary, block)}
    arrays: dict[str, NDArray[np.generic]] = {**shared}
    rows = rows_of(block, places.fit)
    for rank, chosen in enumerate(best.T):
        layers = _winners(block, candidates, race, chosen, outputs_vary)
        of_use[:, rank] = _are_of_use(block, candidates, rows, {**shared, **layers}, chosen, of_use[:, rank])
        if rank:
            layers["activation"] = np.where(of_use[:, rank], layers["activation"], -1).astype(np.int8)
        arrays |= {f"{rank}/{name}" if rank else name: array for name, array in layers.items()}
    trained = of_use[:, 0]
    errors = {}
    for partition in np.flatnonzero(~trained.reshape(shape).any(axis=1) & ~block.masked).tolist():
        members = np.flatnonzero(places.present.reshape(shape)[partition])
        errors[partition] = (
            _why_of_no_use(block, candidates[0], rows[partition * shape[1] + int(members[0])])
            if len(members)
            else why_untrained(block.counts(partition), block.folds)
        )
    trials = {
        "validation_loss": loss.reshape(*shape, -1),
        "epochs": epochs.reshape(*shape, -1),
        "chosen": np.where(trained, best[:, 0], -1).astype(np.int32).reshape(shape),
    }
    stack = MemberStack(arrays, "linear", tuple(ACTIVATIONS))
    return Fitted(stack, trained.reshape(shape), trials, errors, bounds=bounds)


def _bounds(options: NetworkOptions, outputs_vary: NDArray[np.bool_]) -> dict[str, Array]:
    """Return the bounds of the outputs by the stack's names, [places, n_outputs]; nothing where there are none.

    An output that never varied has none: it is its mean, which a layer that keeps off the bounds would move.
    """
    if not options.bounded:
        return {}
    both = options.ends(outputs_vary.shape[1])
    return {
        f"output_{name}": np.where(outputs_vary, end, none)
        for name, end, none in zip(("low", "high"), both, (-np.inf, np.inf), strict=True)
    }


def _within(options: NetworkOptions, mean: Array, outputs_vary: NDArray[np.bool_], block: Block) -> Array:
    """Return the means of outputs, [places, n_outputs], those that never varied within their bounds."""
    low, high = (end - block.offset for end in options.ends(len(block.outputs)))
    return np.where(outputs_vary, mean, np.clip(mean, low, high))


def _are_of_use(
    block: Block,
    candidates: Sequence[NetworkOptions],
    rows: PlaceRows,
    arrays: Mapping[str, NDArray[np.generic]],
    chosen: NDArray[np.integer],
    which: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Say which networks of some places are of use for rows that they have learnt from, [places].

    Parameters
    ----------
    rows
        That each place learns from.
    arrays
        Of the candidate chosen at each place, and its scalers.
    """
    found, glanced_at = which.copy(), rows.some(GLANCED_AT)
    for winner in np.unique(chosen[which]).tolist():
        mine = np.flatnonzero(which & (chosen == winner))
        for some in np.split(mine, range(block.stack_slots, len(mine), block.stack_slots)):
            values = {name: np.asarray(array[some]) for name, array in arrays.items()}
            predicted, observed = _glance(block, candidates[winner], values, glanced_at[some])
            found[some] = is_of_use(predicted, observed).all(axis=1)
    return found


def _glance(
    block: Block, candidate: NetworkOptions, arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.int32]
) -> tuple[Array, Array]:
    """Return what a candidate at some places says of rows [places, n], and what is true: [places, n_outputs, n].

    Both are in standard deviations; what is true is NaN where there is no row.
    """
    mean, scale = arrays["output_mean"][..., None], arrays["output_scale"][..., None]
    observed = (block.outputs[:, rows].swapaxes(0, 1) - mean) / scale
    x = block.inputs[:, rows].swapaxes(0, 1)
    x = (x - arrays["input_mean"][..., None]) / arrays["input_scale"][..., None]
    shapes = list(enumerate(pairwise(_widths(block, candidate))))
    weights = [arrays[f"weight.{number}"][:, :after, :before] for number, (before, after) in shapes]
    biases = [arrays[f"bias.{number}"][:, :after] for number, (_, after) in shapes]
    with np.errstate(over="ignore", invalid="ignore"):
        predicted = layer_values(weights, biases, candidate.activation, x)[-1]
        if candidate.bounded:
            low, high = ((arrays[name][..., None] - mean) / scale for name in BOUNDS)
            predicted = Bounds(low, high, np.ones_like(scale)).value(predicted)
    return predicted, np.where(rows[:, None] >= 0, observed, np.nan)


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


def _why_of_no_use(block: Block, options: NetworkOptions, rows: NDArray[np.int32]) -> str:
    """Say why no network of a partition is of use, by the rows that one of its members has learnt from."""
    low, high = options.ends(len(block.outputs))
    observed = block.outputs[:, rows] + block.offset[:, None]
    within = (observed >= low[:, None]) & (observed <= high[:, None])
    for output in np.flatnonzero(np.isfinite(observed).any(axis=1) & ~within.any(axis=1)).tolist():
        return (
            f"Every training row of output {output} lies beyond its bounds ({low[output]:g} to {high[output]:g}), so "
            "no network that keeps to them is of use. Mend low and high, or look at the unit of the output."
        )
    return _DIVERGED


_DIVERGED = (
    "Every member's loss became infinite, or it is off by more than ten standard deviations on its own training rows. "
    "Lower the learning rate, or look for extreme values in inputs and outputs."
)
