"""The network learner: every fold of every partition of a block trained as one stack.

This module is NumPy; TensorFlow is imported inside `fit_network`, that is, in a worker.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motrain_app.design.splits import Folds
from motrain_app.learning.block import MIN_ROWS, Block, Fitted, Stopped, wanted_members, why_untrained
from motrain_app.learning.hyperparameters import each, one_of, positive, refuse, whole
from motrain_app.learning.scalers import input_range, mean_and_scale
from motrain_app.operators.features import ACTIVATIONS
from motrain_app.operators.member import SCALERS
from motrain_app.operators.stack import MemberStack

if TYPE_CHECKING:
    from motrain_app.learning.network_program import Program, StackData

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NetworkOptions:
    """Hyper-parameters of the network.

    Attributes
    ----------
    hidden
        Widths of the hidden layers.
    activation
        "tanh" or "relu".
    learning_rate, batch, epochs, l2
        Of Adam; rows a step; passes at most; penalty on squared weights.
    patience
        Epochs without a lower validation loss after which a slot stops; its best weights are kept.
    """

    hidden: tuple[int, ...] = (16, 16)
    activation: str = "tanh"
    learning_rate: float = 0.005
    batch: int = 128
    epochs: int = 150
    patience: int = 25
    l2: float = 1e-5

    def __post_init__(self) -> None:
        refuse(
            [
                each("hidden", self.hidden, whole),
                one_of("activation", self.activation, ACTIVATIONS),
                positive("learning_rate", self.learning_rate),
                *(whole(name, getattr(self, name)) for name in ("batch", "epochs", "patience")),
                positive("l2", self.l2, zero=True),
            ]
        )


@dataclass(frozen=True)
class Slots:
    """What each slot (partition × member) learns from and is judged on.

    Attributes
    ----------
    train, validation
        Row numbers of the block, one array a slot; empty where the slot has no member.
    fit
        bool, [slots, n_atoms]: the atoms that `train` comes from.
    """

    train: list[NDArray[np.int64]]
    validation: list[NDArray[np.int64]]
    fit: NDArray[np.bool_]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Slots that are trained, [slots]."""
        return np.asarray(self.fit.any(axis=1))


def fit_network(block: Block, options: NetworkOptions) -> Fitted:
    """Train every member of every partition of a block, all slots at once.

    A member learns from its training rows less those of one other fold (the next one, cyclic), which say when to stop.
    """
    from motrain_app.learning.network_program import initial_state

    slots = choose_rows(block)
    scalers = _scalers(block, slots)
    data = _stack_data(block, slots, scalers).tensors()
    program = _program(options)
    random = [block.random(*divmod(slot, block.folds.n_members)) for slot in range(len(slots.train))]
    state = initial_state(_initial_layers(block, options, random), slots.present)
    epochs = np.zeros(len(random), np.int32)
    for _ in range(options.epochs):
        active = state.active.numpy()
        if not active.any():
            break
        if block.stopped():
            raise Stopped
        epochs += active
        state = program.epoch(state, data, *_shuffled(slots, active, random, options.batch, block.padded_rows))
    layers = [layer.numpy() for layer in state.best_layers]
    return _fitted(block, options, slots, scalers, layers, state.best_loss.numpy(), epochs)


def choose_rows(block: Block) -> Slots:
    """Say which rows each slot of a block learns from and is judged on."""
    folds = block.folds
    nothing = np.zeros(folds.n_atoms, bool)
    slots: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = []
    for partition in range(len(block)):
        count = np.bincount(block.atom[block.rows(partition)], minlength=folds.n_atoms)
        wanted = wanted_members(count > 0, folds) & ~block.masked[partition]
        slots += [
            member_atoms(folds, member, count) if wanted[member] else (nothing, nothing)
            for member in range(folds.n_members)
        ]
    return Slots(
        train=[_rows_of(block, number, fit) for number, (fit, _) in enumerate(slots)],
        validation=[_rows_of(block, number, judge) for number, (_, judge) in enumerate(slots)],
        fit=np.stack([fit for fit, _ in slots]),
    )


def member_atoms(folds: Folds, member: int, count: NDArray[np.integer]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the atoms a member learns from and those that judge it: of the next fold that leaves enough of both."""
    for holdout in folds.validators(member).tolist():
        fit, judge = folds.fit(member, holdout), folds.validation(member, holdout)
        if fit @ count >= MIN_ROWS and judge @ count > 0:
            return fit, judge
    return np.zeros(folds.n_atoms, bool), np.zeros(folds.n_atoms, bool)


def _rows_of(block: Block, slot: int, atoms: NDArray[np.bool_]) -> NDArray[np.int64]:
    rows = block.rows(slot // block.folds.n_members)
    return np.flatnonzero(atoms[block.atom[rows]]) + rows.start if atoms.any() else np.zeros(0, np.int64)


def _scalers(block: Block, slots: Slots) -> dict[str, Array]:
    """Return the scalers of all slots; NaN for slots without a member."""
    parts: list[dict[str, Array]] = []
    n = block.folds.n_members
    for partition in range(len(block)):
        rows = block.rows(partition)
        fit, atom = slots.fit[partition * n : (partition + 1) * n], block.atom[rows]
        input_mean, input_scale = mean_and_scale(block.inputs[:, rows], atom, fit)
        output_mean, output_scale = mean_and_scale(block.outputs[:, rows], atom, fit, min_rows=MIN_ROWS)
        low, high = input_range(block.inputs[:, rows], atom, block.folds)
        parts.append(dict(zip(SCALERS, (input_mean, input_scale, low, high, output_mean, output_scale), strict=True)))
    return {name: np.concatenate([part[name] for part in parts]) for name in SCALERS}


def _stack_data(block: Block, slots: Slots, scalers: Mapping[str, Array]) -> "StackData":
    """Return the data with padded row counts, so that blocks of one shape share a program."""
    from motrain_app.learning.network_program import StackData

    n_rows, n_padded = block.inputs.shape[1], len(block) * block.padded_rows
    inputs, outputs = (
        np.zeros((n_padded, len(block.inputs)), np.float32),
        np.full((n_padded, len(block.outputs)), np.nan, np.float32),
    )
    inputs[:n_rows], outputs[:n_rows] = block.inputs.T, block.outputs.T
    validation = np.full((len(slots.validation), block.padded_rows), -1, np.int32)
    for slot, rows in enumerate(slots.validation):
        validation[slot, : len(rows)] = rows
    float32 = {name: scalers[name].astype(np.float32) for name in SCALERS if name in StackData.__annotations__}
    return StackData(inputs=inputs, outputs=outputs, validation=validation, **float32)


@lru_cache(maxsize=8)
def _program(options: NetworkOptions) -> "Program":
    """Return the compiled program; a worker keeps it, so that equal blocks compile once."""
    from motrain_app.learning.network_program import Program

    return Program(
        activation=options.activation,
        learning_rate=options.learning_rate,
        l2=options.l2,
        patience=options.patience,
    )


def _initial_layers(
    block: Block, options: NetworkOptions, random: list[np.random.Generator]
) -> list[NDArray[np.float32]]:
    """Return weights and biases in turn: Glorot-uniform weights from each slot's own generator, zero biases."""
    widths = [len(block.inputs), *options.hidden, len(block.outputs)]
    layers: list[NDArray[np.float32]] = []
    for n_in, n_out in pairwise(widths):
        limit = np.sqrt(6 / (n_in + n_out))
        layers.append(np.stack([slot.uniform(-limit, limit, (n_out, n_in)) for slot in random]).astype(np.float32))
        layers.append(np.zeros((len(random), n_out), np.float32))
    return layers


def _shuffled(
    slots: Slots, active: NDArray[np.bool_], random: list[np.random.Generator], batch: int, padded_rows: int
) -> tuple[NDArray[np.int32], int]:
    """Return each slot's rows in a new order, [steps, slots, batch] with −1 as padding, and the steps that have any."""
    steps = -(-padded_rows // batch)
    rows = np.full((len(active), steps * batch), -1, np.int32)
    for slot in np.flatnonzero(active):
        rows[slot, : len(slots.train[slot])] = random[slot].permutation(slots.train[slot])
    longest = max(len(slots.train[slot]) for slot in np.flatnonzero(active))
    return np.ascontiguousarray(rows.reshape(len(active), steps, batch).swapaxes(0, 1)), -(-longest // batch)


def _fitted(
    block: Block,
    options: NetworkOptions,
    slots: Slots,
    scalers: Mapping[str, Array],
    layers: list[NDArray[np.float32]],
    best_loss: NDArray[np.float32],
    epochs: NDArray[np.int32],
) -> Fitted:
    shape = (len(block), block.folds.n_members)
    trained = slots.present & np.isfinite(best_loss)
    arrays: dict[str, NDArray[np.floating]] = {**scalers}
    for number in range(0, len(layers), 2):
        arrays |= {f"weight.{number // 2}": layers[number], f"bias.{number // 2}": layers[number + 1]}
    errors = {}
    for partition in np.flatnonzero(~trained.reshape(shape).any(axis=1) & ~block.masked).tolist():
        diverged = slots.present.reshape(shape)[partition].any()
        count = np.bincount(block.atom[block.rows(partition)], minlength=block.folds.n_atoms)
        errors[partition] = _DIVERGED if diverged else why_untrained(count, block.folds)
    trials = {"validation_loss": best_loss.reshape(shape), "epochs": epochs.reshape(shape)}
    stack = MemberStack(arrays, "linear", options.activation)
    return Fitted(stack, trained.reshape(shape), trials, errors)


_DIVERGED = "Every member's loss became infinite. Lower the learning rate, or look for extreme values in the inputs."
