"""A slot of the stack learns as the same network does in plain Keras, and alone as among five hundred."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the network needs TensorFlow")

from motrain_app.learning import network
from motrain_app.learning.network import NetworkOptions, choose_rows, fit_network

pytestmark = pytest.mark.slow
EPOCHS = 20


def _mean_squared_error(y, predicted):
    """Return the loss: over the rows of each output that are there, then over outputs."""
    import tensorflow as tf

    there = tf.math.is_finite(y)
    squares = tf.where(there, (predicted - tf.where(there, y, 0.0)) ** 2, 0.0)
    count = tf.reduce_sum(tf.cast(there, tf.float32), axis=0)
    return tf.reduce_mean(tf.reduce_sum(squares, axis=0) / count)


def _in_keras(options, layers, n_inputs):
    """Return a Keras network with given weights and biases in turn."""
    import keras

    model = keras.Sequential([keras.Input((n_inputs,))])
    for bias in layers[1:-1:2]:
        model.add(keras.layers.Dense(len(bias), activation=options.activation))
    model.add(keras.layers.Dense(len(layers[-1])))
    model.set_weights([layer.T for layer in layers])
    adam = keras.optimizers.Adam(options.learning_rate, epsilon=1e-7)
    model.compile(adam, loss=_mean_squared_error, jit_compile=False)
    return model


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_losses_are_those_of_plain_keras(make_block, activation):
    from motrain_app.learning.network_program import initial_state

    options = NetworkOptions(hidden=(9, 7), activation=activation, batch=64, patience=EPOCHS, l2=0.0)
    block = make_block(partitions=2)
    slots = choose_rows(block)
    scalers = network._scalers(block, slots)
    data = network._stack_data(block, slots, scalers).tensors()
    random = [block.random(*divmod(slot, block.folds.n_members)) for slot in range(len(slots.train))]
    start = network._initial_layers(block, options, random)
    state, program = initial_state(start, slots.present), network._program(options)
    slot = block.folds.n_members + 1  # of the second partition

    def scaled(name, values):
        return ((values.T - scalers[f"{name}_mean"][slot]) / scalers[f"{name}_scale"][slot]).astype(np.float32)

    x, y = scaled("input", block.inputs), scaled("output", block.outputs)
    keras_model = _in_keras(options, [layer[slot] for layer in start], x.shape[1])
    judges = slots.validation[slot]
    ours, theirs = [], []
    for _ in range(EPOCHS):
        rows, n_steps = network._shuffled(slots, state.active.numpy(), random, options.batch, block.padded_rows)
        state = program.epoch(state, data, rows, n_steps)
        for batch in rows[:, slot]:
            if (batch >= 0).any():
                keras_model.train_on_batch(x[batch[batch >= 0]], y[batch[batch >= 0]])
        ours.append(float(state.best_loss[slot]))
        theirs.append(float(_mean_squared_error(y[judges], keras_model(x[judges]))))
    np.testing.assert_allclose(ours, np.minimum.accumulate(theirs), atol=1e-4)
    assert all(after < before for before, after in pairwise(ours[::5]))  # it learned meanwhile


def test_a_model_among_five_hundred_equals_itself_alone_bit_by_bit(make_block):
    options = NetworkOptions(hidden=(5,), epochs=2, batch=64)
    block = make_block(partitions=100)
    members = block.folds.n_members
    assert len(block) * members == 500
    whole = fit_network(block, options)
    alone = fit_network(replace(block, masked=np.arange(len(block)) != 63), options)
    mine = slice(63 * members, 64 * members)
    assert alone.present.sum() == members
    for name, array in whole.stack.arrays.items():
        assert array[mine].tobytes() == alone.stack.arrays[name][mine].tobytes(), name
