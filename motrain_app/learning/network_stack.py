"""What a stack of networks consists of: the rows it draws from, what is fixed of its slots, and what changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from motrain_app.learning.network_tensorflow import tf
from motrain_app.learning.places import PlaceRows
from motrain_app.learning.programs import steps_of_call

_Values = TypeVar("_Values", "Settings", "State")


@dataclass(frozen=True)
class Rows:
    """The rows that the slots of all stacks draw from.

    Attributes
    ----------
    inputs, outputs
        float32, [rows, n_inputs] and [rows, n_outputs]; missing outputs are NaN.
    log_weight
        float32, [rows, n_outputs]: logarithm of what a row's squared error counts; [1, n_outputs] where all count the
        same.
    """

    inputs: NDArray[np.float32]
    outputs: NDArray[np.float32]
    log_weight: NDArray[np.float32]

    def tensors(self) -> "RowTensors":
        """Return the rows as tensors."""
        return RowTensors(*(tf.constant(getattr(self, name)) for name in RowTensors._fields))


class RowTensors(NamedTuple):
    """The same as tensors."""

    inputs: Any
    outputs: Any
    log_weight: Any


class OfPlace(NamedTuple):
    """What is fixed of each slot by its place, whatever the candidate; float32 with a leading axis of slots.

    Attributes
    ----------
    input_mean, input_scale, output_mean, output_scale
        [slots, n].
    low, high
        Bounds of the outputs in standardised units, [slots, n_outputs]; infinite where there is none.
    log_weight
        Logarithm of the mean weight of a slot's rows, [slots, n_outputs].
    output_weight
        What each output counts, [slots, n_outputs].
    """

    input_mean: Any
    input_scale: Any
    output_mean: Any
    output_scale: Any
    low: Any
    high: Any
    log_weight: Any
    output_weight: Any


class Settings(NamedTuple):
    """What is fixed of each slot while it trains.

    Attributes
    ----------
    place
        By its place.
    learning_rate, l2, patience
        By its candidate, [slots]; float32, and int32.
    """

    place: OfPlace
    learning_rate: Any
    l2: Any
    patience: Any


class State(NamedTuple):
    """What changes while a stack trains; a leading axis of slots.

    Attributes
    ----------
    layers, first, second
        Weights and biases in turn, and Adam's moments of them.
    steps
        Adam steps taken, [slots].
    best_layers, best_loss, waited
        The weights with the lowest validation loss, that loss, and the epochs since.
    epochs
        Epochs trained, [slots].
    active
        Slots that still train, [slots].
    squares, counts
        Sums over the validation rows seen so far in this epoch, [slots, n_outputs].
    """

    layers: list[Any]
    first: list[Any]
    second: list[Any]
    steps: Any
    best_layers: list[Any]
    best_loss: Any
    waited: Any
    epochs: Any
    active: Any
    squares: Any
    counts: Any


def initial_state(layers: Sequence[NDArray[np.float32]], active: NDArray[np.bool_]) -> State:
    """Return the state before the first epoch, as NumPy arrays, from weights and biases in turn."""
    n, n_outputs = len(active), layers[-1].shape[1]
    return State(
        layers=list(layers),
        first=[np.zeros_like(layer) for layer in layers],
        second=[np.zeros_like(layer) for layer in layers],
        steps=np.zeros(n, np.int32),
        best_layers=[layer.copy() for layer in layers],
        best_loss=np.full(n, np.inf, np.float32),
        waited=np.zeros(n, np.int32),
        epochs=np.zeros(n, np.int32),
        active=active.copy(),
        squares=np.zeros((n, n_outputs), np.float32),
        counts=np.zeros((n, n_outputs), np.float32),
    )


def as_tensors(values: _Values) -> _Values:
    """Return arrays, or lists of them, as tensors."""
    result: _Values = tf.nest.map_structure(tf.constant, values)
    return result


class Call(NamedTuple):
    """Rows for some steps of a stack.

    Attributes
    ----------
    rows
        int32, [steps of a call, slots, batch]: the rows of each step, −1 where a slot has no more.
    steps
        How many of the steps have any.
    """

    rows: NDArray[np.int32]
    steps: int


class Calls(Sequence[Call]):
    """The rows of a stack's slots cut into calls, at least one; each is made when it is asked for.

    Parameters
    ----------
    rows
        Of each place.
    place
        Of each slot.
    batch
        Rows of a step.
    at_most
        Rows of a place at most. It is the same for all blocks of a run, as the length of calls is part of a program.
    """

    def __init__(self, rows: PlaceRows, place: NDArray[np.int64], batch: int, at_most: int) -> None:
        self._batch, self._steps = batch, steps_of_call(batch, at_most)
        self._windows = sliding_window_view(rows.flat, self._steps * batch)  # a call of a slot begins anywhere
        self._start, self._length = rows.start[place], rows.counts[place]

    def __len__(self) -> int:
        return max(1, -(-self._longest // (self._steps * self._batch)))

    def __getitem__(self, number: Any) -> Any:
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        size = self._steps * self._batch
        begin = number % len(self) * size
        padded = self._windows[np.minimum(self._start + begin, len(self._windows) - 1)]
        padded[np.arange(size) >= self._length[:, None] - begin] = -1
        ordered = np.ascontiguousarray(padded.reshape(-1, self._steps, self._batch).swapaxes(0, 1))
        return Call(ordered, -(-min(size, self._longest - begin) // self._batch))

    @property
    def _longest(self) -> int:
        return int(self._length.max(initial=0))
