"""What never varied, and bounds, in a stacked network: neither takes anything from the other outputs."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the network needs TensorFlow")

from motrain_app.learning.network import fit_network
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.places import choose_places, rows_of
from motrain_app.runs.lacking import DIVERGED, find_lacking
from motrain_app.runs.task import add_offsets

pytestmark = pytest.mark.slow
OPTIONS = NetworkOptions(hidden=(8,), epochs=12, patience=4, batch=64)
EVERY_FOLD = [0, 1, 2, 3, 4]


def test_what_never_varied_has_no_sensitivity(make_block):
    """It has no gradient, so nothing but chance would say what it does; nor does a peer without penalty forget it."""
    block = make_block(partitions=2)
    inputs = block.inputs.copy()
    inputs[2, block.rows(0)] = np.float32(285.3)
    fitted = fit_network(replace(block, inputs=inputs), replace(OPTIONS, l2=0.0))
    for member, constant in ((0, True), (block.folds.n_members, False)):
        model = fitted.stack.member(member)
        x = inputs[:, block.rows(0 if constant else 1)][:, :5].astype(float)
        moved = x + np.array([[0.0], [0.0], [1.0]])
        assert (np.array_equal(model.predict(x), model.predict(moved))) == constant


def test_an_output_that_never_varied_is_its_mean_and_has_no_say_in_the_others(make_block):
    block = make_block(partitions=2)
    for constant, weights in ((3e-4, ()), (3e4, ()), (3e-4, (1.0, 1e6))):
        outputs = block.outputs.copy()
        outputs[1] = constant
        fitted = fit_network(replace(block, outputs=outputs), replace(OPTIONS, output_weights=weights))
        alone = fit_network(replace(block, outputs=outputs[1:]), OPTIONS)
        assert fitted.present.all()
        assert alone.present.all()
        x = block.inputs.astype(float) + 3
        for member in range(fitted.stack.n_slots):
            np.testing.assert_allclose(fitted.stack.member(member).predict(x)[1], constant, rtol=1e-6)
            np.testing.assert_allclose(alone.stack.member(member).predict(x)[0], constant, rtol=1e-6)
            assert not fitted.stack.member(member).jacobian(x)[1].any()
        missing = outputs.copy()
        missing[1] = np.nan
        other = fit_network(replace(block, outputs=missing), OPTIONS)
        np.testing.assert_array_equal(fitted.trials["validation_loss"], other.trials["validation_loss"])


@pytest.mark.parametrize("huge", [1e3, 1e25])  # the square of the latter is infinite in float32
def test_what_never_varied_loses_no_member_however_far_it_goes_in_the_rows_that_judge(make_block, huge):
    block = make_block(partitions=1)
    judged, outputs = rows_of(block, choose_places(block).judge)[0], block.outputs.copy()
    outputs[1] = 0.0
    outputs[1, judged] = huge * np.abs(block.inputs[0, judged])
    fitted = fit_network(replace(block, outputs=outputs), OPTIONS)
    assert fitted.present.all()
    assert not fitted.stack.member(0).predict(block.inputs.astype(float))[1].any()
    without = fit_network(replace(block, outputs=np.stack([outputs[0], np.full_like(outputs[1], np.nan)])), OPTIONS)
    assert fitted.trials["validation_loss"][0, 0] == without.trials["validation_loss"][0, 0]


def _with_outputs_in(block, a, b):
    """Return a block with an output a that never varies and another, b, each in some folds alone."""
    outputs = block.outputs.copy()
    outputs[0] = 5.0
    for output, folds in zip(outputs, (a, b), strict=True):
        output[~block.folds.held_out[folds].any(axis=0)[block.atom]] = np.nan
    return replace(block, outputs=outputs).without_test()


@pytest.mark.parametrize(("a", "b"), [(EVERY_FOLD, [0, 1, 3]), ([0, 1, 4], [0, 2, 3])], ids=["beside", "before"])
def test_what_never_varied_judges_nobody_where_another_output_can(make_block, a, b):
    """Neither where a fold has both, nor where one that has it alone comes first."""
    block = _with_outputs_in(make_block(partitions=1, gaps=0.0), a, b)
    places = choose_places(block)
    for member in range(block.folds.n_members):
        judges = rows_of(block, places.judge)[member]
        assert np.isfinite(block.outputs[1, judges]).any(), member
    assert np.isfinite(fit_network(block, OPTIONS).trials["validation_loss"]).all()


@pytest.mark.parametrize("weights", [(), (1e-30, 1e30)])
def test_where_only_what_never_varied_can_judge_it_does_as_any_other(make_block, weights):
    options = replace(OPTIONS, epochs=3, output_weights=weights)
    block = _with_outputs_in(make_block(partitions=1), EVERY_FOLD, [0, 1])
    varying = replace(block, outputs=np.stack([block.inputs[0], block.outputs[1]]))
    for one in (block, varying):
        fitted = fit_network(one, options)
        assert fitted.present.all()
        assert not fitted.errors
        assert find_lacking(one, fitted).codes.max() < DIVERGED


def test_an_output_that_never_varied_keeps_to_its_bounds_and_to_its_mean(make_block):
    block = make_block(partitions=1)
    block.outputs[1] = 0.0
    fitted = fit_network(block, replace(OPTIONS, low=(None, 0.0), high=(None, 5.0)))
    x = block.inputs.astype(float)
    assert fitted.present.all()
    for member in range(fitted.stack.n_slots):
        assert not fitted.stack.member(member).predict(x)[1].any()


def test_bounds_that_training_rows_do_not_meet_are_told_by_these_alone(make_block):
    block = make_block(partitions=2)
    test = (block.folds.test | block.folds.near_test)[block.atom]
    block.outputs[0] += np.where(test, 0, 500)  # only test rows meet the bounds,
    block.outputs[0, np.flatnonzero(~test)[7]] = 30  # and one other
    block = replace(block.without_test(), masked=np.array([False, True]))
    fitted = fit_network(block, replace(OPTIONS, low=(None, None), high=(50.0, None)))
    assert not fitted.present.any()
    assert fitted.errors[0].startswith("Output 0 lies beyond its bounds (-inf to 50) in the training rows")
    assert list(fitted.errors) == [0]


@pytest.mark.parametrize(("value", "is_told"), [(60.0, True), (50.0, False), (50.000001, False), (40.0, False)])
def test_a_constant_beyond_its_bounds_is_told_and_blames_no_other_output(make_block, value, is_told):
    block = make_block(partitions=1)
    block.outputs[1] = value
    fitted = fit_network(block, replace(OPTIONS, low=(None, None), high=(None, 50.0)))
    assert fitted.present.all() != is_told
    assert [words.split("(")[0] for words in fitted.errors.values()] == ["Output 1 lies beyond its bounds "] * is_told
    diverging = fit_network(block, replace(OPTIONS, low=(None, None), high=(None, 50.0), learning_rate=1e30))
    assert diverging.errors[0].startswith("Output 1" if is_told else "Every member's loss became infinite")


@pytest.mark.parametrize(("offset", "high"), [(1013.7, 0.6), (0.0, 0.1), (273.15, 300.1), (-5e4, -49_999.4)])
def test_a_constant_keeps_to_its_bound_with_its_offset_and_in_float32(make_block, offset, high):
    offsets = np.array([offset, 0.0])
    block = replace(make_block(partitions=1), output_offset=offsets)
    block.outputs[0] = high - offset
    fitted = fit_network(block, replace(OPTIONS, epochs=2, low=(high - 1e4, None), high=(high, None)))
    assert fitted.present.all()
    stack = add_offsets(fitted, SimpleNamespace(input_offset=np.zeros(3), output_offset=offsets))
    for member in map(stack.member, range(stack.n_slots)):
        y = member.predict(block.inputs[:, :50].astype(float))[0]
        assert (y <= high).all()
        assert (y.astype(np.float32).astype(float) <= high).all()
        np.testing.assert_allclose(y, high, rtol=1e-6 * max(1, abs(offset / high)))


@pytest.mark.parametrize("flicker", [5e-8, 9e-7])
def test_an_input_that_is_constant_to_rounding_gets_no_weight(make_block, flicker):
    block = make_block(partitions=1)
    sign = np.random.default_rng(0).choice([-1, 1], block.inputs.shape[1])
    block.inputs[1] = (300 * (1 + flicker * sign)).astype(np.float32)
    stack = fit_network(block, OPTIONS).stack
    for member in range(stack.n_slots):
        assert not stack.member(member).jacobian(block.inputs[:, :50].astype(float))[:, 1].any()
