"""A member's forward map against loops, and its Jacobian against finite differences."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.operators import Member, MemberStack, OperatorError
from motrain_app.operators.features import ACTIVATIONS, FEATURE_MAPS
from motrain_app.operators.scaled import SCALERS

ARCHITECTURES = [
    {"features": "linear"},
    {"features": "quadratic"},
    {"hidden": (5,), "activation": "tanh"},
    {"hidden": (5,), "activation": "relu"},
    {"hidden": (6, 4, 3), "activation": "tanh"},
    {"hidden": (6, 4, 3), "activation": "relu"},
    {"hidden": (4,), "features": "quadratic", "activation": "tanh"},
    {"hidden": (6, 4), "activation": "tanh", "dtype": np.float32},
]
architectures = pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: str(list(one.values())))


def by_loops(member: Member, state: np.ndarray) -> list[float]:
    """Map one state to observations with Python's floats alone."""
    z = [(float(state[i]) - float(member.input_mean[i])) / float(member.input_scale[i]) for i in range(len(state))]
    values = list(z)
    if member.features == "quadratic":
        values += [z[i] * z[j] for i in range(len(z)) for j in range(i, len(z))]
    for layer, (weight, bias) in enumerate(zip(member.weights, member.biases, strict=True)):
        sums = [
            float(bias[o]) + sum(float(weight[o, i]) * values[i] for i in range(len(values))) for o in range(len(bias))
        ]
        last = layer == len(member.weights) - 1
        bend = {"tanh": math.tanh, "relu": lambda a: max(a, 0.0)}[member.activation]
        values = sums if last else [bend(a) for a in sums]
    return [value * float(member.output_scale[o]) + float(member.output_mean[o]) for o, value in enumerate(values)]


@architectures
def test_the_forward_map_equals_loops(make_member, states, architecture):
    member = make_member(**architecture)
    expected = np.array([by_loops(member, state) for state in states])
    np.testing.assert_allclose(member.predict(states.T).T, expected, rtol=1e-12, atol=1e-13)


@architectures
def test_the_jacobian_equals_finite_differences(make_member, states, architecture):
    member = make_member(**architecture)
    jacobian = member.jacobian(states.T)
    assert jacobian.shape == (2, 3, len(states))
    for number, scale in enumerate(member.input_scale):
        step = np.zeros((3, 1))
        step[number] = 1e-5 * scale
        difference = (member.predict(states.T + step) - member.predict(states.T - step)) / (2 * step[number])
        largest = np.abs(jacobian[:, number]).max()
        np.testing.assert_allclose(jacobian[:, number], difference, rtol=1e-6, atol=1e-6 * largest)


@given(st.integers(1, 7))
def test_quadratic_features_are_every_product_once(n):
    z = np.random.default_rng(n).normal(size=(n, 4))
    values = FEATURE_MAPS["quadratic"].values(z)
    assert len(values) == FEATURE_MAPS["quadratic"].size(n) == n + n * (n + 1) // 2
    products = [z[i] * z[j] for i in range(n) for j in range(i, n)]
    np.testing.assert_array_equal(values, [*z, *products])


@pytest.mark.parametrize("name", ACTIVATIONS)
@settings(deadline=None)
@given(st.floats(-3, 3).filter(lambda a: abs(a) > 1e-3))
def test_the_derivative_of_an_activation_is_that_of_its_value(name, a):
    activation = ACTIVATIONS[name]
    difference = (activation.value(np.array(a + 1e-6)) - activation.value(np.array(a - 1e-6))) / 2e-6
    np.testing.assert_allclose(activation.slope_of_value(activation.value(np.array(a))), difference, atol=1e-8)


def test_states_in_float32_are_computed_in_float64(make_member, states):
    member = make_member(hidden=(5,), activation="tanh")
    single = states.T.astype(np.float32)
    np.testing.assert_array_equal(member.predict(single), member.predict(single.astype(np.float64)))


@architectures
def test_an_output_that_could_not_be_trained_is_nan_and_the_others_are_not(make_member, states, architecture):
    whole = make_member(**architecture)
    member = make_member(**architecture, output_mean=np.array([np.nan, -0.12]))
    predicted, jacobian = member.predict(states.T), member.jacobian(states.T)
    assert np.isnan(predicted[0]).all()
    assert np.isnan(jacobian[0]).all()
    np.testing.assert_array_equal(predicted[1], whole.predict(states.T)[1])
    np.testing.assert_array_equal(jacobian[1], whole.jacobian(states.T)[1])


def test_an_untrained_row_of_weights_leaves_the_other_outputs_alone(make_member, states):
    whole = make_member()
    weight, bias = whole.weights[0].copy(), whole.biases[0].copy()
    weight[0] = bias[0] = np.nan
    member = make_member(weights=(weight,), biases=(bias,), output_mean=np.array([np.nan, -0.12]))
    np.testing.assert_array_equal(member.predict(states.T)[1], whole.predict(states.T)[1])
    np.testing.assert_array_equal(member.jacobian(states.T)[1], whole.jacobian(states.T)[1])


@architectures
def test_where_an_input_is_missing_there_is_neither_value_nor_derivative(make_member, states, architecture):
    member = make_member(**architecture)
    gappy = states.T.copy()
    gappy[1, 3] = np.nan
    there = np.arange(len(states)) != 3
    for whole, part in (
        (member.predict(states.T), member.predict(gappy)),
        (member.jacobian(states.T), member.jacobian(gappy)),
    ):
        assert np.isnan(part[..., 3]).all()
        np.testing.assert_allclose(part[..., there], whole[..., there], rtol=1e-14)


def test_no_rows_give_no_predictions(make_member):
    member = make_member(hidden=(4,))
    assert member.predict(np.zeros((3, 0))).shape == (2, 0)
    assert member.jacobian(np.zeros((3, 0))).shape == (2, 3, 0)


@pytest.mark.parametrize("shape", [(1, 40), (4, 40), (3,), (3, 4, 5)])
def test_states_of_another_shape_are_refused(make_member, shape):
    with pytest.raises(OperatorError, match="a member takes"):
        make_member().predict(np.ones(shape))


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": ()},
        {"weights": (np.ones((2, 4)),)},
        {"weights": (np.ones((3, 3)),)},
        {"weights": (np.ones((2, 3)), np.ones((2, 2)))},
        {"weights": (np.ones(6),)},
        {"biases": (np.ones(3),)},
        {"biases": (np.ones((2, 1)),)},
        {"weights": (), "biases": ()},
        {"input_scale": np.ones(2)},
        {"input_low": np.ones((3, 1))},
        {"output_scale": np.ones(3)},
        {"input_mean": np.ones((3, 1))},
        {"output_mean": np.array(1.0)},
        {"features": "cubic"},
        {"activation": "sine"},
        {"features": "quadratic", "weights": (np.ones((2, 3)),), "biases": (np.ones(2),)},
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(make_member, changes):
    values = {name: getattr(make_member(), name) for name in Member.__dataclass_fields__}
    with pytest.raises(OperatorError, match="'2010'"):
        Member(**(values | changes))


@pytest.mark.parametrize("held_out", [["2010-01-01", "2011-01-01"], [["2011-01-01", "2010-01-01"]], [["then", "now"]]])
def test_what_cannot_have_been_left_out_is_refused(make_member, held_out):
    with pytest.raises(OperatorError, match="What the member '2010' left out cannot be read"):
        make_member(held_out=held_out)


def test_a_member_of_a_stack_is_that_slot(make_member, states):
    members = [make_member(hidden=(4, 3), activation="tanh", seed=seed) for seed in range(5)]
    arrays = {name: np.stack([one.to_arrays()[name] for one in members]) for name in members[0].to_arrays()}
    stack = MemberStack(arrays, "linear", ("tanh",))
    assert stack.n_slots == 5
    interval = np.array([["2010-01-01", "2011-01-01"]], "datetime64[us]")
    for slot, member in enumerate(members):
        made = stack.member(slot, "2010", interval)
        np.testing.assert_array_equal(made.predict(states.T), member.predict(states.T))
        assert made.name == "2010"
        np.testing.assert_array_equal(made.held_out, interval)


def test_a_member_comes_back_from_its_arrays_and_values(make_member):
    member = make_member(hidden=(4,) * 11, held_out=[["2010-01-01", "2011-01-01"], ["2015-05-01", "2015-05-02"]])
    again = Member.from_file(member.to_arrays(), member.to_json())
    assert again.to_json() == member.to_json()
    np.testing.assert_array_equal(again.held_out, member.held_out)
    for name, array in member.to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[name], array)
    assert {"weight.10", "weight.11", *SCALERS} <= set(member.to_arrays())


def test_a_member_passes_between_processes(make_member, states):
    member = make_member(hidden=(4,))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(member)).predict(states.T), member.predict(states.T))
