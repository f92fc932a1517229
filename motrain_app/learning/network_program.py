"""The TensorFlow program that trains a stack of small networks at once. Imported by workers only.

Slots are independent: each has its own rows, scaler, weights, Adam moments, early stopping. Layers are stacked as
[slots, out, in] and activations as [slots, feature, batch], the batch innermost. A slot whose step has no row, or that
has stopped, keeps every bit of its state, whatever its neighbours do.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


@contextmanager
def _without_keras() -> Iterator[None]:
    """Import TensorFlow without Keras, a quarter of its modules, which nothing here needs.

    Asked for the old Keras, which is not there, it goes on without; who needs Keras in this process later finds the
    settings as they were.
    """
    name = "TF_USE_LEGACY_KERAS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


with _without_keras():
    import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

_ACTIVATIONS = {"relu": tf.nn.relu, "tanh": tf.math.tanh}
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7  # of Kingma & Ba (2015), as in Keras


@dataclass(frozen=True)
class StackData:
    """What a stack learns from.

    Attributes
    ----------
    inputs, outputs
        float32, [rows, n_inputs] and [rows, n_outputs]; missing outputs are NaN.
    input_mean, input_scale, output_mean, output_scale
        float32, [slots, n].
    validation
        int32, [slots, n]: the rows that judge a slot, −1 where it has fewer.
    """

    inputs: NDArray[np.float32]
    outputs: NDArray[np.float32]
    input_mean: NDArray[np.float32]
    input_scale: NDArray[np.float32]
    output_mean: NDArray[np.float32]
    output_scale: NDArray[np.float32]
    validation: NDArray[np.int32]

    def tensors(self) -> "_Tensors":
        """Return the data as tensors."""
        return _Tensors(*(tf.constant(getattr(self, name)) for name in _Tensors._fields))


class _Tensors(NamedTuple):
    inputs: Any
    outputs: Any
    input_mean: Any
    input_scale: Any
    output_mean: Any
    output_scale: Any
    validation: Any


class State(NamedTuple):
    """What changes while a stack trains; tensors with a leading axis of slots.

    Attributes
    ----------
    layers, first, second
        Weights and biases in turn, and Adam's moments of them.
    steps
        Adam steps taken, [slots].
    best_layers, best_loss, waited
        The weights with the lowest validation loss, that loss, and the epochs since.
    active
        Slots that still train, [slots].
    """

    layers: list[Any]
    first: list[Any]
    second: list[Any]
    steps: Any
    best_layers: list[Any]
    best_loss: Any
    waited: Any
    active: Any


def initial_state(layers: list[NDArray[np.float32]], active: NDArray[np.bool_]) -> State:
    """Return the state before the first epoch, from weights and biases in turn."""
    weights = [tf.constant(layer) for layer in layers]
    zeros = [tf.zeros_like(layer) for layer in weights]
    n = len(active)
    return State(
        layers=weights,
        first=zeros,
        second=zeros,
        steps=tf.zeros(n, tf.int32),
        best_layers=weights,
        best_loss=tf.fill([n], np.float32(np.inf)),
        waited=tf.zeros(n, tf.int32),
        active=tf.constant(active),
    )


def forward(layers: list[Any], x: Any, activation: str) -> Any:
    """Return outputs [slots, n_outputs, batch] of standardised inputs [slots, n_inputs, batch]."""
    for number in range(0, len(layers), 2):
        x = tf.matmul(layers[number], x) + layers[number + 1][:, :, None]
        if number + 2 < len(layers):
            x = _ACTIVATIONS[activation](x)
    return x


def _batch(data: _Tensors, rows: Any) -> tuple[Any, Any, Any]:
    """Return standardised inputs and outputs [slots, n, batch] of rows [slots, batch], and which outputs are there."""
    there = rows >= 0
    place = tf.maximum(rows, 0)
    x = (tf.gather(data.inputs, place) - data.input_mean[:, None]) / data.input_scale[:, None]
    y = (tf.gather(data.outputs, place) - data.output_mean[:, None]) / data.output_scale[:, None]
    # Padding points at row 0, which may be another partition's: nothing of it may enter this slot.
    x = tf.where(there[:, :, None], x, 0.0)
    known = tf.math.is_finite(y) & there[:, :, None]
    y = tf.where(known, y, 0.0)
    return (
        tf.transpose(x, [0, 2, 1]),
        tf.transpose(y, [0, 2, 1]),
        tf.transpose(tf.cast(known, tf.float32), [0, 2, 1]),
    )


def _losses(layers: list[Any], batch: tuple[Any, Any, Any], activation: str) -> Any:
    """Mean squared error [slots]: over the rows of each output, then over the outputs that have rows."""
    x, y, known = batch
    count = tf.reduce_sum(known, axis=2)
    error = tf.reduce_sum(known * (forward(layers, x, activation) - y) ** 2, axis=2) / tf.maximum(count, 1.0)
    return tf.reduce_sum(error, axis=1) / tf.maximum(tf.reduce_sum(tf.cast(count > 0, tf.float32), axis=1), 1.0)


def _where(mask: Any, new: list[Any], old: list[Any]) -> list[Any]:
    return [tf.where(tf.reshape(mask, [-1] + [1] * (len(b.shape) - 1)), a, b) for a, b in zip(new, old, strict=True)]


class Program:
    """One compiled epoch; shapes of stacks that agree share it.

    Parameters
    ----------
    activation, learning_rate, l2, patience
        As in `NetworkOptions`.
    """

    def __init__(self, *, activation: str, learning_rate: float, l2: float, patience: int) -> None:
        self.activation, self.learning_rate, self.l2, self.patience = activation, learning_rate, l2, patience
        self._epoch = tf.function(self._train_epoch, jit_compile=True)

    def epoch(self, state: State, data: _Tensors, rows: NDArray[np.int32], n_steps: int) -> State:
        """Train one epoch and judge it on the validation rows.

        Parameters
        ----------
        rows
            int32, [steps, slots, batch]: the rows of each step, −1 where a slot has no more.
        n_steps
            Steps that have any row; those after it are not run.
        """
        result: State = self._epoch(state, data, tf.constant(rows), tf.constant(n_steps, tf.int32))
        return result

    def _train_epoch(self, state: State, data: _Tensors, rows: Any, n_steps: Any) -> State:
        def step(number: Any, layers: list[Any], first: list[Any], second: list[Any], steps: Any) -> tuple[Any, ...]:
            moved = self._step(_batch(data, rows[number]), state.active, layers, first, second, steps)
            return (number + 1, *moved)

        _, layers, first, second, steps = tf.while_loop(
            lambda number, *_: number < n_steps,
            step,
            (0, state.layers, state.first, state.second, state.steps),
        )
        loss = _losses(layers, _batch(data, data.validation), self.activation)
        better = state.active & (loss < state.best_loss)
        waited = tf.where(better, 0, state.waited + 1)
        return State(
            layers=layers,
            first=first,
            second=second,
            steps=steps,
            best_layers=_where(better, layers, state.best_layers),
            best_loss=tf.where(better, loss, state.best_loss),
            waited=waited,
            # A loss that is no longer a number never gets better: the slot runs out of patience and keeps its best.
            active=state.active & (waited < self.patience) & tf.math.is_finite(loss),
        )

    def _step(
        self,
        batch: tuple[Any, Any, Any],
        active: Any,
        layers: list[Any],
        first: list[Any],
        second: list[Any],
        steps: Any,
    ) -> tuple[list[Any], list[Any], list[Any], Any]:
        """One Adam step of every slot that is active and has a row."""
        moves = active & (tf.reduce_max(batch[2], axis=[1, 2]) > 0)
        with tf.GradientTape() as tape:
            tape.watch(layers)
            loss = tf.reduce_sum(_losses(layers, batch, self.activation))
            loss += self.l2 * tf.add_n([tf.reduce_sum(weight**2) for weight in layers[::2]])
        gradients = tape.gradient(loss, layers)
        count = steps + tf.cast(moves, tf.int32)
        power = tf.cast(tf.maximum(count, 1), tf.float32)
        rate = self.learning_rate * tf.sqrt(1 - _BETA_2**power) / (1 - _BETA_1**power)
        new_first = [_BETA_1 * m + (1 - _BETA_1) * g for m, g in zip(first, gradients, strict=True)]
        new_second = [_BETA_2 * v + (1 - _BETA_2) * g * g for v, g in zip(second, gradients, strict=True)]
        new_layers = [
            w - tf.reshape(rate, [-1] + [1] * (len(w.shape) - 1)) * m / (tf.sqrt(v) + _EPSILON)
            for w, m, v in zip(layers, new_first, new_second, strict=True)
        ]
        return (
            _where(moves, new_layers, layers),
            _where(moves, new_first, first),
            _where(moves, new_second, second),
            count,
        )
