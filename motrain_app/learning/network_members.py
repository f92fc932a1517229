"""What becomes of a race of networks: the best candidates of each place as members, with how they were judged."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motrain_app.learning.block import Block, Fitted
from motrain_app.learning.membership import GLANCED_AT, is_of_use, why_untrained
from motrain_app.learning.network_finalists import Finalists, of_rows
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.places import Places, rows_of
from motrain_app.operators.features import ACTIVATIONS
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
    running: NDArray[np.bool_],
    together: int,
) -> Fitted:
    """Return the members: of each place the mean of its best candidates that are of use, the very best first.

    Parameters
    ----------
    running
        Which candidates ran to the end, [places, candidates].
    together
        Of how many a member is the mean, at most.
    """
    shape = (len(block), block.folds.n_members)
    loss, epochs = race.loss(), race.epochs()
    glanced_at = rows_of(block, places.fit).some(GLANCED_AT)
    beyond = _beyond(block, candidates[0], glanced_at, scalers, outputs_vary)
    physical = _physical(block, candidates[0], scalers["output_mean"], outputs_vary)
    shared = {**scalers, **{name: values - block.offset for name, values in physical.items()}}
    finalists = Finalists(block, candidates, race, shared, outputs_vary, glanced_at)
    best, of_use = finalists.best_of_use(running, places.present & ~beyond.any(axis=1), together)
    arrays: dict[str, NDArray[np.generic]] = {**shared}
    for rank, chosen in enumerate(best.T):
        layers = finalists.padded(chosen)
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
    """Say which outputs lie beyond their bounds, [places, n_outputs].

    None of their rows lies within, or not even the best that keeps to them is of use.

    Parameters
    ----------
    rows
        Some that each place has learnt from, [places, n]; −1 for none.
    """
    low, high = (end[:, None] for end in options.ends(len(block.outputs)))
    mean, scale = scalers["output_mean"][..., None], scalers["output_scale"][..., None]
    observed = of_rows(block.outputs, rows)
    physical = observed + block.offset[:, None]
    kept = np.clip(physical, low, high)
    varied = ~is_of_use((kept - block.offset[:, None] - mean) / scale, (observed - mean) / scale)
    slack = _ROUNDING * (np.abs(physical) + np.abs(block.offset[:, None]))
    varied |= np.isfinite(observed).any(axis=2) & ~(np.abs(kept - physical) <= slack).any(axis=2)
    whole = scalers["output_mean"] + block.offset
    moved = np.abs(np.clip(whole, low[:, 0], high[:, 0]) - whole) > _ROUNDING * (np.abs(whole) + np.abs(block.offset))
    return np.where(outputs_vary, varied, moved)


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
