"""Members of estimators: their face is that of other members, with outputs that scikit-learn computes."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from motrain_app.operators import EstimatorMember, EstimatorStack, Operator, OperatorError
from motrain_app.operators.scaled import SCALERS
from tests.conftest import PATIENCE
from tests.operators.conftest import INPUTS, OUTPUTS
from tests.operators.estimators import MAKERS, each_kind, fitted
from tests.runs.conftest import environment

# What a member says


@each_kind
def test_a_member_is_scaled_estimators_in_physical_units(member, states, kind):
    one = member(kind)
    z = (states - one.input_mean) / one.input_scale
    for output in range(2):
        expected = fitted(kind, output).predict(z) * one.output_scale[output] + one.output_mean[output]
        np.testing.assert_array_equal(one.predict(states.T)[output], expected)


def test_the_jacobian_of_support_vectors_is_that_of_the_formula(member, states):
    one = member()
    jacobian = one.jacobian(states.T)
    z = (states - one.input_mean) / one.input_scale
    for output in range(2):
        svr = fitted("svr", output)
        apart = z[:, None] - svr.support_vectors_  # y = Σ a_s exp(−γ |z − s|²) + b
        kernel = svr.dual_coef_[0] * np.exp(-0.3 * (apart**2).sum(axis=2))
        slope = (-0.6 * kernel[:, :, None] * apart).sum(axis=1) * one.output_scale[output] / one.input_scale
        np.testing.assert_allclose(jacobian[output].T, slope, rtol=1e-5, atol=1e-6 * np.abs(slope).max())


@pytest.mark.parametrize("kind", ["forest", "boosting"])
def test_trees_have_no_derivative_and_say_so(member, operator, states, kind):
    assert not member(kind).differentiable
    assert np.isnan(member(kind).jacobian(states.T)).all()
    assert member(kind).jacobian(states.T).shape == (2, 3, len(states))
    assert not operator(kind).differentiable
    assert np.isnan(operator(kind).jacobian(states)).all()


def test_an_operator_is_differentiable_where_all_its_members_are(member, operator, make_operator):
    assert operator("svr").differentiable
    assert make_operator().differentiable
    mixed = Operator("cell-0", INPUTS, OUTPUTS, (member("svr"), member("forest")))
    assert not mixed.differentiable


@each_kind
def test_where_an_input_is_missing_there_is_no_value_and_the_others_stay(member, states, kind):
    one, gappy = member(kind), states.T.copy()
    gappy[1, 3] = np.nan
    there = np.arange(len(states)) != 3
    assert np.isnan(one.predict(gappy)[:, 3]).all()
    assert np.isnan(one.jacobian(gappy)[..., 3]).all()
    np.testing.assert_array_equal(one.predict(gappy)[:, there], one.predict(states.T)[:, there])
    assert np.isnan(one.predict(np.full((3, 4), np.nan))).all()


@each_kind
@pytest.mark.parametrize("huge", [9.96921e36, -1e38, np.inf])
def test_a_fill_value_that_nobody_masked_spoils_no_other_row(member, states, kind, huge):
    """Scaled, NetCDF's is infinite as float32, which scikit-learn refuses for the whole table."""
    one, filled = member(kind, input_scale=np.full(3, 1e-3)), states.T.copy()
    filled[1, 3] = huge
    there = np.arange(len(states)) != 3
    assert np.isnan(one.predict(filled)[:, 3]).all()
    np.testing.assert_array_equal(one.predict(filled)[:, there], one.predict(states.T)[:, there])


@each_kind
def test_an_output_that_could_not_be_trained_is_nan_and_the_other_is_not(member, states, kind):
    whole = member(kind)
    part = member(kind, output_mean=np.array([np.nan, -0.12]), estimators=(np.zeros(0, np.uint8), whole.estimators[1]))
    assert np.isnan(part.predict(states.T)[0]).all()
    assert np.isnan(part.jacobian(states.T)[0]).all()
    np.testing.assert_array_equal(part.predict(states.T)[1], whole.predict(states.T)[1])


def test_no_rows_give_no_predictions(member):
    assert member().predict(np.zeros((3, 0))).shape == (2, 0)
    assert member().jacobian(np.zeros((3, 0))).shape == (2, 3, 0)


@pytest.mark.parametrize("shape", [(1, 40), (4, 40), (3,), (3, 4, 5)])
def test_states_of_another_shape_are_refused(member, shape):
    with pytest.raises(OperatorError, match="a member takes"):
        member().predict(np.ones(shape))


@pytest.mark.parametrize(
    "changes",
    [
        {"estimators": ()},
        {"estimators": (np.zeros(3),) * 2},
        {"input_scale": np.ones(2)},
        {"output_scale": np.ones(3)},
        {"input_low": np.ones((3, 1))},
        {"input_mean": np.ones((3, 1))},
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(member, changes):
    with pytest.raises(OperatorError, match="'2010' do not fit together"):
        member(**changes)


def test_what_cannot_have_been_left_out_is_refused(member):
    with pytest.raises(OperatorError, match="What the member '2010' left out cannot be read"):
        member(held_out=[["2011-01-01", "2010-01-01"]])


def test_a_member_comes_back_from_its_arrays_and_values(member, states):
    one = member("forest", held_out=[["2010-01-01", "2011-01-01"]])
    again = EstimatorMember.from_file(one.to_arrays(), one.to_json())
    assert again.to_json() == one.to_json()
    np.testing.assert_array_equal(again.held_out, one.held_out)
    np.testing.assert_array_equal(again.predict(states.T), one.predict(states.T))


def test_a_member_passes_between_processes_without_what_it_made(member, states):
    one = member("boosting")
    y = one.predict(states.T)
    passed = pickle.dumps(one)
    assert b"sklearn" not in passed.replace(one.estimators[0].tobytes(), b"").replace(one.estimators[1].tobytes(), b"")
    np.testing.assert_array_equal(pickle.loads(passed).predict(states.T), y)


# Stacks


def test_a_stack_gives_each_member_of_its_slot_and_reads_no_byte_of_the_others(member, states):
    members = [member(kind, seed=seed) for seed, kind in enumerate(MAKERS)]
    nothing = [b"", members[1].estimators[1].tobytes()]
    estimators = [[data.tobytes() for data in one.estimators] for one in members]
    estimators[1] = nothing
    scalers = {name: np.stack([getattr(one, name) for one in members]) for name in SCALERS}
    stack = EstimatorStack.of(scalers, estimators, differentiable=False)
    assert stack.n_slots == 3
    for slot in (0, 2):
        made = stack.member(slot, "2010", np.array([["2010-01-01", "2011-01-01"]], "datetime64[us]"))
        np.testing.assert_array_equal(made.predict(states.T), members[slot].predict(states.T))
        assert made.name == "2010"
    assert [data.tobytes() for data in stack.member(1).estimators] == nothing
    asked = []

    def read(start, stop):
        asked.append((start, stop))
        return stack.arrays["estimators"][start:stop]

    by_slot = {name: array[1:3] for name, array in stack.arrays.items() if name != "estimators"}
    part = EstimatorStack.read(by_slot, read, differentiable=False)
    assert asked == [(sum(map(len, estimators[0])), len(stack.arrays["estimators"]))]
    np.testing.assert_array_equal(part.member(1).predict(states.T), members[2].predict(states.T))
    assert EstimatorStack.read({name: a[:0] for name, a in by_slot.items()}, read, differentiable=False).n_slots == 0


# Files


@each_kind
def test_an_operator_of_estimators_gives_the_same_in_a_new_process(operator, states, tmp_path, kind):
    h = operator(kind)
    path = h.save(tmp_path / "cell-0.safetensors")
    again = Operator.load(path)
    assert [one.to_json() for one in again.members] == [one.to_json() for one in h.members]
    np.save(tmp_path / "x.npy", states)
    code = f"""
import pickle, sys
pickle.loads = pickle.load = pickle.Unpickler = None
import numpy as np
from motrain_app import Operator
h = Operator.load({str(path)!r})
assert not {{"sklearn", "skops", "tensorflow", "dask"}} & set(sys.modules)
np.savez("y.npz", y=h(np.load("x.npy")), slope=h.jacobian(np.load("x.npy")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, env=environment()
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "y.npz") as there:
        np.testing.assert_array_equal(there["y"], h(states))
        np.testing.assert_array_equal(there["slope"], h.jacobian(states))
