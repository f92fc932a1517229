"""Operators as Keras models: the same numbers in physical units, also when saved, loaded and with gaps."""

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="Keras comes with TensorFlow")

import keras

from motrain_app.design import Filter
from motrain_app.learning import (
    network_tensorflow,  # noqa: F401 - sets threads, which TensorFlow allows before its first op
    to_keras,
)
from motrain_app.operators import EnsembleMember, Member, Operator, OperatorError, Variable
from motrain_app.operators.features import FEATURE_MAPS
from tests.conftest import PATIENCE

pytestmark = pytest.mark.slow

# As states and observations are: far from zero against their spread, and of very different sizes.
MEAN, SCALE = np.array([285.0, 0.3, 101_325.0, 2e-9]), np.array([9.0, 0.07, 800.0, 1e-9])
OUTPUT_MEAN, OUTPUT_SCALE = np.array([-11.0, 0.0, 250.0]), np.array([1.3, 3e-4, 20.0])
KINDS = {
    "ridge": {},
    "ridge2": {"features": "quadratic"},
    "tanh": {"hidden": (16, 16), "activation": "tanh"},
    "relu": {"hidden": (9, 5, 3), "activation": "relu"},
    "bounded": {
        "hidden": (7,),
        "activation": "tanh",
        "output_low": np.array([-12.0, -np.inf, 240.0]),
        "output_high": np.array([np.inf, 1e-4, 260.0]),
    },
    "widely bounded": {
        "hidden": (7,),
        "activation": "tanh",
        "output_low": np.array([-1e3, -1e30, 0.0]),
        "output_high": np.array([-10.1, 1e30, 1e6]),
    },
}
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def make_member(seed, *, hidden=(), features="linear", activation="relu", **changes):
    random = np.random.default_rng(seed)
    widths = [FEATURE_MAPS[features].size(4), *hidden, 3]
    values = {
        "weights": tuple(random.normal(size=(n, m)) / np.sqrt(m) for m, n in pairwise(widths)),
        "biases": tuple(random.normal(size=n) for n in widths[1:]),
        "input_mean": MEAN + 0.1 * SCALE * random.normal(size=4),
        "input_scale": SCALE,
        "input_low": MEAN - 3 * SCALE,
        "input_high": MEAN + 3 * SCALE,
        "output_mean": OUTPUT_MEAN,
        "output_scale": OUTPUT_SCALE,
        "features": features,
        "activation": activation,
    }
    return Member(name=str(seed), **(values | changes))


def make_operator(members, filters=()):
    inputs = tuple(Variable(name) for name in ("TG1", "WG1", "PS", "AER"))
    return Operator("a / b", inputs, tuple(Variable(name) for name in ("sig", "slop", "Tb")), tuple(members), filters)


def states(dtype, n=200):
    """States that both sides can hold: what rounding the states costs is no difference between them."""
    return (MEAN + SCALE * np.random.default_rng(1).normal(size=(n, 4))).astype(dtype)


def assert_same(got, expected, dtype):
    got = np.asarray(got)
    assert got.dtype == dtype
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    assert np.nanmax(np.abs(got - expected) / OUTPUT_SCALE) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_gives_what_its_operator_gives(kind, dtype):
    h = make_operator([make_member(seed, **KINDS[kind]) for seed in range(3)])
    x = states(dtype)
    assert_same(to_keras(h, dtype=dtype)(x), h(x), dtype)
    member = h.members[1]
    assert_same(to_keras(member, dtype=dtype)(x), member.predict(x.T).T, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_model_keeps_within_its_bounds_far_from_all_states_too(dtype):
    member = make_member(0, **KINDS["bounded"], biases=(np.zeros(7), np.full(3, 0.1)))
    wild = replace(member, activation="relu")
    x = (MEAN + 1e6 * SCALE * np.random.default_rng(2).normal(size=(10_000, 4))).astype(dtype)
    y = np.asarray(to_keras(wild, dtype=dtype)(x), np.float64)
    assert (y >= member.output_low).all()
    assert (y <= member.output_high).all()
    np.testing.assert_allclose(y[:, 1:], wild.predict(x.T).T[:, 1:], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("has", [[True, True, True], [True, True, False], [False] * 3], ids=["all", "not all", "none"])
def test_rounding_carries_no_mean_of_members_beyond_their_bounds(dtype, has):
    ends = {"output_low": np.array([-12.3, -1e-4, 240.1]), "output_high": np.array([-10.7, 1e-4, 260.3])}
    members = [make_member(seed, hidden=(7,), activation="relu", **ends) for seed in range(5)]
    lacks = np.where(has, OUTPUT_MEAN, np.nan)
    none = {name: np.where(has, end, np.inf * np.sign(end[2] - 250)) for name, end in ends.items()}  # as it is trained
    members[0] = replace(members[0], output_mean=lacks, **none)
    x = (MEAN + 1e6 * SCALE * np.random.default_rng(2).normal(size=(10_000, 4))).astype(dtype)
    for h in (make_operator(members), EnsembleMember(tuple(members[1:]))):
        y = np.asarray(to_keras(h, dtype=dtype)(x), np.float64)
        assert (y >= ends["output_low"]).all()
        assert (y <= ends["output_high"]).all()


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("n", [3, 6, 10, 11])
def test_members_that_all_lie_at_a_bound_have_their_mean_there_beside_one_that_says_nothing(dtype, n):
    ends = {"output_low": np.array([-12.3, 1.3, 240.1]), "output_high": np.array([-10.7, 2.7, 260.3])}
    steep = {"weights": (np.full((3, 4), 1e4),), "biases": (np.zeros(3),)}
    none = {"output_low": np.full(3, -np.inf), "output_high": np.full(3, np.inf), "output_mean": np.full(3, np.nan)}
    members = [make_member(seed, **KINDS["ridge"], **steep, **ends) for seed in range(n)]
    h = make_operator([*members, make_member(n, **KINDS["ridge"], **none)])
    y = np.asarray(to_keras(h, dtype=dtype)((MEAN + np.array([[-9], [9]]) * SCALE).astype(dtype)), np.float64)
    assert (ends["output_low"] <= y[0]).all()
    assert (y[1] <= ends["output_high"]).all()
    np.testing.assert_allclose(y, np.stack(list(ends.values())), rtol=1e-6)


def test_members_of_different_kinds_are_averaged():
    h = make_operator([make_member(seed, **options) for seed, options in enumerate(KINDS.values())])
    x = states("float64")
    assert_same(to_keras(h, dtype="float64")(x), h(x), "float64")


def test_one_shot_prediction_is_the_same_in_float32():
    h = make_operator([make_member(seed, **KINDS["tanh"]) for seed in range(2)])
    x = states("float32")
    assert_same(to_keras(h).predict(x, verbose=0), h(x), "float32")


def test_gaps_and_untrained_outputs_stay_nan():
    untrained = make_member(0, output_mean=np.array([-11.0, np.nan, 250.0]))
    h = make_operator([untrained])
    x = states("float64")
    x[3, 2] = np.nan
    y = h(x)
    assert np.isnan(y[:, 1]).all()
    assert np.isnan(y[:, 0]).nonzero()[0].tolist() == [3]
    assert_same(to_keras(h, dtype="float64")(x), y, "float64")


def _saved_and_loaded(model, path):
    with warnings.catch_warnings():
        # Keras 3.15 asks its variables for arrays in a way that NumPy 2 no longer likes.
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
        model.save(path)
        return keras.saving.load_model(path, safe_mode=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_loads_in_safe_mode_and_gives_the_same_bits(kind, tmp_path):
    model = to_keras(make_operator([make_member(seed, **KINDS[kind]) for seed in range(2)]))
    again = _saved_and_loaded(model, tmp_path / "h.keras")
    x = states("float32")
    np.testing.assert_array_equal(again(x), model(x))


def test_no_layer_holds_code():
    layers = to_keras(make_operator([make_member(seed, **KINDS["ridge2"]) for seed in range(2)])).layers
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in layers)
    assert {type(layer).__module__.split(".")[0] for layer in layers} == {"keras"}


def test_only_the_layers_of_the_network_train():
    h = make_operator([make_member(0, **KINDS["ridge2"]), make_member(1, **KINDS["relu"])])
    shapes = [tuple(weight.shape) for weight in to_keras(h).trainable_weights]
    expected = [array.T.shape for member in h.members for array in (*member.weights, *member.biases)]
    assert sorted(shapes) == sorted(expected)


def test_gradients_are_the_jacobian():
    import tensorflow as tf

    h = make_operator([make_member(seed, **KINDS["tanh"]) for seed in range(2)])
    x = tf.constant(states("float64", n=5))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = to_keras(h, dtype="float64")(x)
    got, expected = tape.batch_jacobian(y, x).numpy(), h.jacobian(x.numpy())
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())


def test_names_and_shapes_are_those_that_the_documentation_promises():
    model = to_keras(make_operator([make_member(0)]))
    assert (model.name, model.input.name, model.input_shape, model.output_shape) == (
        "operator",
        "states",
        (None, 4),
        (None, 3),
    )


def test_filters_are_not_part_of_the_model():
    h = make_operator([make_member(0)], filters=(Filter("TG1 > 1000"),))
    x = states("float32")
    assert np.isnan(h(x)).all()
    assert np.isfinite(to_keras(h)(x)).all()


def test_what_is_no_operator_and_what_is_no_precision_are_refused():
    with pytest.raises(OperatorError, match="takes an Operator or a Member, not ndarray"):
        to_keras(np.ones(3))
    with pytest.raises(OperatorError, match="dtype is 'float16'"):
        to_keras(make_member(0), dtype="float16")


def test_a_fresh_process_makes_the_same_model(tmp_path):
    """Elsewhere in these tests TensorFlow was imported without Keras first, as a worker does."""
    h = make_operator([make_member(seed, **KINDS["tanh"]) for seed in range(2)])
    h.save(tmp_path / "h.safetensors")
    np.save(tmp_path / "x.npy", states("float64"))
    code = (
        "import sys, numpy as np, motrain_app as mt\n"
        "h = mt.Operator.load('h.safetensors')\n"
        "assert 'keras' not in sys.modules\n"
        "np.save('y.npy', mt.to_keras(h, dtype='float64')(np.load('x.npy')))\n"
        "assert not any('network_tensorflow' in name for name in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, timeout=PATIENCE)
    assert_same(np.load(tmp_path / "y.npy"), h(states("float64")), "float64")


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", KINDS)
def test_an_output_that_a_member_lacks_is_the_mean_of_the_others(kind, dtype):
    members = []
    for seed, has in enumerate(np.array([[True, True, False], [True, False, False], [True, True, False]])):
        member = make_member(seed, **KINDS[kind])
        weights = (*member.weights[:-1], np.where(has[:, None], member.weights[-1], np.nan))  # as ridge leaves them
        members.append(replace(member, weights=weights, output_mean=np.where(has, OUTPUT_MEAN, np.nan)))
    h, x = make_operator(members), states(dtype)
    assert np.isfinite(h(x)[:, :2]).all()
    assert np.isnan(h(x)[:, 2]).all()
    assert_same(to_keras(h, dtype=dtype)(x), h(x), dtype)


WHO_LACKS = {"the only one": [True], "all": [True, True, True], "one": [False, True, False]}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("lacks", WHO_LACKS.values(), ids=WHO_LACKS)
@pytest.mark.parametrize("kind", ["tanh", "bounded"])
def test_an_output_that_could_not_be_learnt_leaves_the_others_as_they_are(kind, lacks, dtype):
    import tensorflow as tf

    gone = np.where([True, False, True], OUTPUT_MEAN, np.nan)
    members = [
        make_member(seed, **KINDS[kind], output_mean=gone if lack else OUTPUT_MEAN) for seed, lack in enumerate(lacks)
    ]
    h, x = make_operator(members), tf.constant(states(dtype))
    assert np.isnan(h(x.numpy())).any(axis=0).tolist() == [False, all(lacks), False]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = to_keras(h, dtype=dtype)(x)
    assert_same(y, h(x.numpy()), dtype)
    slope, expected = (values[:, ::2] * SCALE for values in (tape.batch_jacobian(y, x), h.jacobian(x.numpy())))
    np.testing.assert_allclose(slope / OUTPUT_SCALE[::2, None], expected / OUTPUT_SCALE[::2, None], atol=1e-4)


@pytest.mark.parametrize("kind", ["tanh", "bounded"])
def test_a_part_s_output_that_could_not_be_learnt_leaves_the_others_as_they_are(kind):
    gone = np.where([True, False, True], OUTPUT_MEAN, np.nan)
    parts = tuple(make_member(seed, **KINDS[kind], output_mean=gone) for seed in range(2))
    x = states("float64")
    for member in (parts[0], EnsembleMember(parts)):
        y = member.predict(x.T).T
        assert np.isfinite(y[:, ::2]).all()
        assert_same(to_keras(member, dtype="float64")(x), y, "float64")


def test_a_model_that_lacks_an_output_is_saved_and_loaded_as_it_is(tmp_path):
    member = make_member(0, **KINDS["bounded"], output_mean=np.where([True, False, True], OUTPUT_MEAN, np.nan))
    model, x = to_keras(make_operator([member])), states("float32")
    again = _saved_and_loaded(model, tmp_path / "h.keras")
    np.testing.assert_array_equal(again(x), model(x))
