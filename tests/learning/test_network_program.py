"""A slot of the stack learns as the same network does in plain Keras, and alone as among five hundred."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the network needs TensorFlow")

from motrain_app.learning import network
from motrain_app.learning.network import fit_network
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.places import Shuffle, choose_places, rows_of
from motrain_app.learning.programs import group_candidates

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
    """Return a Keras network with given weights and biases in turn, and the same penalty."""
    import keras

    penalty = keras.regularizers.L2(options.l2)
    model = keras.Sequential([keras.Input((n_inputs,))])
    for bias in layers[1:-1:2]:
        model.add(keras.layers.Dense(len(bias), activation=options.activation, kernel_regularizer=penalty))
    model.add(keras.layers.Dense(len(layers[-1]), kernel_regularizer=penalty))
    model.set_weights([layer.T for layer in layers])
    adam = keras.optimizers.Adam(options.learning_rate, epsilon=1e-7)
    model.compile(adam, loss=_mean_squared_error, jit_compile=False)
    return model


def _race(block, candidates):
    from motrain_app.learning.network_race import Race

    places = choose_places(block)
    scalers, inputs_vary, outputs_vary = network._scalers(block, places)
    settings = network._of_place(block, candidates[0], places, scalers, outputs_vary, None)
    rows = network._padded_rows(block, None)
    return Race(block, places, group_candidates(candidates), candidates, rows, settings, inputs_vary), places, scalers


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_losses_are_those_of_plain_keras(make_block, activation):
    """Of the narrower of two candidates, which is padded to the other's widths."""
    options = NetworkOptions(hidden=(9, 7), activation=activation, batch=64, patience=EPOCHS, l2=1e-3)
    candidates = (options, replace(options, hidden=(11, 8), learning_rate=0.1))
    block = make_block(partitions=2)
    race, places, scalers = _race(block, candidates)
    place = block.folds.n_members + 1  # of the second partition
    start = [layer[0] for layer in race.best_layers(0, np.array([place]))]
    widths = [len(block.inputs), *options.hidden, len(block.outputs)]
    start = [
        layer[:n, : widths[number // 2]] if layer.ndim == 2 else layer[:n]
        for number, (layer, n) in enumerate(zip(start, np.repeat(widths[1:], 2), strict=True))
    ]

    def scaled(name, values):
        return ((values.T - scalers[f"{name}_mean"][place]) / scalers[f"{name}_scale"][place]).astype(np.float32)

    x, y = scaled("input", block.inputs), scaled("output", block.outputs)
    keras_model = _in_keras(options, start, x.shape[1])
    shuffle, judges = Shuffle(block), rows_of(block, places.judge)[place]
    ours, theirs = [], []
    running = np.ones((len(places.fit), 2), bool)
    for epoch in range(EPOCHS):
        race.run(running, epoch + 1)
        rows = rows_of(block, places.fit, shuffle.next())[place]
        for begin in range(0, len(rows), options.batch):
            batch = rows[begin : begin + options.batch]
            keras_model.train_on_batch(x[batch], y[batch])
        ours.append(float(race.loss()[place, 0]))
        theirs.append(float(_mean_squared_error(y[judges], keras_model(x[judges]))))
    np.testing.assert_allclose(ours, np.minimum.accumulate(theirs), atol=1e-4)
    assert all(after < before for before, after in pairwise(ours[::5]))  # it learned meanwhile


def _epoch_by_epoch(race, shape, epochs):
    """Train, and yield after each epoch."""
    for epoch in range(1, epochs + 1):
        race.run(np.ones(shape, bool), epoch)
        yield


def _losses(block, places, scalers, layers):
    """Return the loss of each place's network on the rows that judge it, by plain NumPy; layers are [places, ...]."""
    loss = []
    for place, rows in enumerate(rows_of(block, places.judge)):
        scaled = {
            name: (values[:, rows] - scalers[f"{name}_mean"][place][:, None]) / scalers[f"{name}_scale"][place][:, None]
            for name, values in (("input", block.inputs), ("output", block.outputs))
        }
        first, first_bias, last, last_bias = (layer[place].astype(float) for layer in layers)
        hidden = np.tanh(first @ scaled["input"] + first_bias[:, None])
        error = last @ hidden + last_bias[:, None] - scaled["output"]
        loss.append(np.nanmean(error**2, axis=1).mean())
    return np.array(loss)


def test_the_best_weights_are_kept_not_the_last(make_block):
    """At a learning rate at which the loss goes up and down, and ends above where it has been."""
    options = NetworkOptions(hidden=(8,), activation="tanh", batch=64, patience=EPOCHS, learning_rate=0.3)
    block = make_block(partitions=2)
    race, places, scalers = _race(block, (options,))
    all_places = np.arange(len(places.fit))
    kept, each = [], []
    for _ in _epoch_by_epoch(race, (len(all_places), 1), EPOCHS):
        kept.append(race.loss()[:, 0])
        each.append(_losses(block, places, scalers, race._fields[0].state.layers))
    best = np.min(each, axis=0)
    assert (each[-1] > 1.05 * best).sum() > len(all_places) / 2
    np.testing.assert_allclose(kept, np.minimum.accumulate(each), rtol=1e-4)
    np.testing.assert_allclose(_losses(block, places, scalers, race.best_layers(0, all_places)), best, rtol=1e-4)


def test_a_network_stops_as_many_epochs_after_its_best_as_it_is_patient(make_block):
    patience = [1, 2, 4]
    options = NetworkOptions(hidden=(8,), batch=64, learning_rate=0.3)
    candidates = tuple(replace(options, patience=one) for one in patience)
    block = make_block(partitions=2)
    race, places, _ = _race(block, candidates)
    shape = (len(places.fit), len(candidates))
    loss = np.array([race.loss() for _ in _epoch_by_epoch(race, shape, EPOCHS)])
    bettered = np.diff(loss, axis=0, prepend=np.inf) < 0
    best = EPOCHS - bettered[::-1].argmax(axis=0)
    assert ((best > 1) & (best + patience < EPOCHS)).any(axis=0).all()
    np.testing.assert_array_equal(race.epochs(), np.minimum(best + patience, EPOCHS))


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
