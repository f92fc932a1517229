"""Ridge from Gram matrices is ridge, and no member or choice is touched by rows that it must not see."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from motrain_app.design import DesignError, Learner, LeaveRandomOut, LeaveYearsOut
from motrain_app.learning import resolve_learner
from motrain_app.learning.block import Stopped
from motrain_app.learning.ridge import RidgeOptions, fit_ridge, grams_of_outputs
from motrain_app.learning.ridge_members import choose_strengths, fit_members
from motrain_app.operators.features import FEATURE_MAPS
from motrain_app.runs.cutting import cut, needs, refuse_beyond_memory
from motrain_app.runs.errors import RunError

RANDOM = [{}, {"jackknife": LeaveRandomOut(folds=4, embargo=4)}]  # years; and folds of many days each
folds_of_both_kinds = pytest.mark.parametrize("folds", RANDOM, ids=["years", "random"])


def _peer(block, partition, output, train, features, alpha_per_row):
    """Fit scikit-learn's Ridge on the rows `train` (a mask over the partition's rows) of one output."""
    rows = block.rows(partition)
    x, y = block.inputs[:, rows].T.astype(float), block.outputs[output, rows].astype(float)
    scaler = StandardScaler().fit(x[train])  # of the member: all its rows, those of other outputs too
    mine = train & np.isfinite(y)
    expand = PolynomialFeatures(2 if features == "quadratic" else 1, include_bias=False)
    phi = expand.fit_transform(scaler.transform(x))
    unit, target = StandardScaler().fit(phi[mine]), StandardScaler().fit(y[mine, None])
    model = Ridge(alpha=alpha_per_row * mine.sum(), solver="cholesky")
    model.fit(unit.transform(phi[mine]), target.transform(y[mine, None])[:, 0])
    return target.inverse_transform(model.predict(unit.transform(phi))[:, None])[:, 0], mine


@folds_of_both_kinds
@pytest.mark.parametrize("features", ["linear", "quadratic"])
def test_leaving_folds_out_equals_scikit_learn_refitted_per_fold(make_block, features, folds):
    block, strength = make_block(**folds), 1e-3
    fitted = fit_ridge(block, RidgeOptions(strengths=(strength,), features=features))
    members = block.folds.n_members
    for partition in range(len(block)):
        rows = block.rows(partition)
        for member in range(members):
            train = block.folds.train[member][block.atom[rows]]
            ours = fitted.stack.member(partition * members + member).predict(block.inputs[:, rows].astype(float))
            for output in range(2):
                theirs, _ = _peer(block, partition, output, train, features, strength)
                assert np.abs(ours[output] - theirs).max() < 1e-8 * np.abs(theirs).max()


@folds_of_both_kinds
def test_strength_is_the_one_with_the_lowest_error_on_the_other_folds(make_block, folds):
    block, strengths = make_block(partitions=1, **folds), (1e-4, 1e-1, 1.0)
    folds, rows = block.folds, block.rows(0)
    fitted = fit_ridge(block, RidgeOptions(strengths=strengths))
    member, output = 1, 0
    error, count = np.zeros(len(strengths)), 0
    for other in folds.validators(member):
        train = folds.fit(member, other)[block.atom[rows]]
        judged = folds.validation(member, other)[block.atom[rows]] & np.isfinite(block.outputs[output, rows])
        count += judged.sum()
        for number, strength in enumerate(strengths):
            predicted, _ = _peer(block, 0, output, train, "linear", strength)
            error[number] += ((predicted - block.outputs[output, rows])[judged] ** 2).sum()
    np.testing.assert_allclose(fitted.trials["validation_loss"][0, member, :, output], error / count, rtol=1e-8)
    assert fitted.trials["chosen"][0, member, output] == error.argmin()


@folds_of_both_kinds
@pytest.mark.parametrize("features", ["linear", "quadratic"])
def test_a_fold_replaced_by_noise_leaves_its_own_member_bit_identical(make_block, scrambled, features, folds):
    block = make_block(**folds)
    members, options = block.folds.n_members, RidgeOptions(features=features)
    before = fit_ridge(block, options)
    for member in range(members):
        after = fit_ridge(scrambled(block, block.folds.held[member][block.atom], member), options)
        for partition in range(len(block)):
            slot = partition * members + member
            for name, array in before.stack.arrays.items():
                assert array[slot].tobytes() == after.stack.arrays[name][slot].tobytes(), name
            assert (
                before.trials["chosen"][partition, member].tolist()
                == after.trials["chosen"][partition, member].tolist()
            )
        other = (member + 1) % members
        assert before.stack.arrays["weight.0"][other].tobytes() != after.stack.arrays["weight.0"][other].tobytes()


@pytest.mark.parametrize("features", ["linear", "quadratic"])
def test_gaps_in_a_fold_change_no_more_than_last_digits_of_its_own_member(make_block, features):
    block, options = make_block(partitions=1, gaps=0), RidgeOptions(features=features)
    gappy = replace(block, outputs=block.outputs.copy())
    gappy.outputs[0, np.flatnonzero(block.folds.held[2][block.atom])[:5]] = np.nan  # so outputs share no product
    before, after = (fit_ridge(one, options).stack.arrays for one in (block, gappy))
    for name, array in before.items():
        np.testing.assert_allclose(after[name][2], array[2], rtol=1e-11, atol=1e-12)


def far(block, ratio, means=(35.0, 1013.25, -2.0)):
    """Give a block's inputs means that are so many times their spread, as salinity and pressure have them."""
    inputs = block.inputs.astype(float)
    z = (inputs - inputs.mean(axis=1, keepdims=True)) / inputs.std(axis=1, keepdims=True)
    mean = np.array(means)[:, None]
    return replace(block, inputs=(mean + mean / ratio * z).astype(np.float32))


@folds_of_both_kinds
@pytest.mark.parametrize("ratio", [1e3, 1e4, 1e5])
def test_squares_of_inputs_with_a_mean_far_above_their_spread_keep_their_digits(make_block, folds, ratio):
    block, strength = far(make_block(partitions=1, **folds), ratio), 1e-6
    fitted, x = fit_ridge(block, RidgeOptions(strengths=(strength,), features="quadratic")), block.inputs.astype(float)
    for member in range(block.folds.n_members):
        train, ours = block.folds.train[member][block.atom], fitted.stack.member(member).predict(x)
        for output in range(2):
            theirs, _ = _peer(block, 0, output, train, "quadratic", strength)
            np.testing.assert_allclose(ours[output], theirs, rtol=0, atol=1e-5 * theirs.std())


@pytest.mark.parametrize("ratio", [1e4, 1e5])
def test_the_strength_is_chosen_as_well_where_a_mean_is_far_above_the_spread(make_block, ratio):
    block = make_block(partitions=1)
    near, moved = (fit_ridge(b, RidgeOptions(features="quadratic")).trials for b in (block, far(block, ratio)))
    np.testing.assert_allclose(moved["validation_loss"], near["validation_loss"], rtol=0.02)  # float32 moves rows


@folds_of_both_kinds
def test_rows_that_a_member_must_not_see_change_no_bit_of_it_by_a_centre_either(make_block, scrambled, folds):
    """Far from zero products are summed about centres; the noise lies elsewhere, near zero and about none."""
    block, options = far(make_block(partitions=1, **folds), 1e4), RidgeOptions(features="quadratic")
    before = fit_ridge(block, options)
    for member in range(block.folds.n_members):
        after = fit_ridge(scrambled(block, ~block.folds.train[member][block.atom], member), options)
        for name, array in before.stack.arrays.items():
            assert array[member].tobytes() == after.stack.arrays[name][member].tobytes(), name
        assert before.trials["chosen"][0, member].tolist() == after.trials["chosen"][0, member].tolist()


def test_a_constant_input_with_any_last_digit_changes_no_prediction(make_block):
    block = make_block(partitions=1, gaps=0.0)
    constant = np.full_like(block.inputs[:1], 1013.1)
    options = RidgeOptions(strengths=(1e-4,), features="quadratic")
    without = fit_ridge(block, options).stack.member(0).predict(block.inputs)
    beside = replace(block, inputs=np.concatenate([block.inputs, constant]))
    np.testing.assert_allclose(
        fit_ridge(beside, options).stack.member(0).predict(beside.inputs), without, rtol=0, atol=1e-9 * without.std()
    )


def test_coefficients_are_those_of_inputs_as_they_are(make_block):
    block = far(make_block(partitions=1, gaps=0.0), 1e3)
    fitted = fit_ridge(block, RidgeOptions(strengths=(1e-4,), features="quadratic"))
    ((_, grams),) = grams_of_outputs(block.inputs, block.outputs, block.atom, block.folds.n_atoms, "quadratic")
    members, x = fit_members(grams, block.folds, (1e-4,)), block.inputs.astype(float)
    features = np.vstack([np.ones(x.shape[1]), FEATURE_MAPS["quadratic"].values(x)])
    np.testing.assert_allclose(members.coefficients[1] @ features, fitted.stack.member(1).predict(x), rtol=1e-6)


def test_test_rows_and_rows_near_them_touch_nothing(make_block, scrambled):
    made = make_block()
    sealed = (made.folds.test | made.folds.near_test)[made.atom]
    for block, features in ((made, "linear"), (made, "quadratic"), (far(made, 1e4), "quadratic")):
        options = RidgeOptions(features=features)
        before, after = (fit_ridge(b, options) for b in (block, scrambled(block, sealed, 3)))
        assert all(array.tobytes() == after.stack.arrays[name].tobytes() for name, array in before.stack.arrays.items())
        assert all(array.tobytes() == after.trials[name].tobytes() for name, array in before.trials.items())


def test_gram_matrices_of_a_union_are_the_sum_of_the_parts(make_block):
    block = make_block(partitions=1, gaps=0.0)
    ((shared, grams),) = grams_of_outputs(block.inputs, block.outputs, block.atom, block.folds.n_atoms, "linear")
    whole = np.concatenate([np.ones((1, len(block.atom))), block.inputs, block.outputs]).astype(float)
    everything = grams.union(np.ones((1, block.folds.n_atoms), bool))
    assert shared == [0, 1]
    np.testing.assert_allclose(everything.sums[0], whole @ whole.T, rtol=1e-12)


@pytest.mark.parametrize("features", ["linear", "quadratic"])
@pytest.mark.parametrize("constant", [0.1, 0.35, 285.3])
@pytest.mark.parametrize("jackknife", [None, LeaveYearsOut()], ids=["one", "years"])
def test_what_never_varied_has_no_sensitivity_however_many_rows_there_are(make_block, features, constant, jackknife):
    block, times = make_block(partitions=1, jackknife=jackknife), 400
    many = replace(
        block,
        inputs=np.tile(np.concatenate([block.inputs, np.full_like(block.inputs[:1], constant)]), times),
        outputs=np.tile(block.outputs, times),
        atom=np.tile(block.atom, times),
        row_start=block.row_start * times,
    )
    assert len(many.atom) > 100_000
    fitted = fit_ridge(many, RidgeOptions(features=features))
    x = many.inputs[:, :20].astype(float)
    for member in range(many.folds.n_members):
        said, moved = (fitted.stack.member(member).predict(x + np.eye(4)[:, 3:] * by) for by in (0.0, 1.0))
        np.testing.assert_allclose(moved, said, rtol=1e-12)


def test_collinear_and_constant_inputs_are_no_obstacle(make_block):
    block = make_block(partitions=1)
    inputs = block.inputs.copy()
    inputs[1], inputs[2] = 5.0, 2 * inputs[0]
    fitted = fit_ridge(replace(block, inputs=inputs), RidgeOptions(features="quadratic"))
    assert fitted.present.all()
    assert np.isfinite(fitted.stack.arrays["weight.0"]).all()
    assert (fitted.stack.arrays["input_scale"][:, 1] == 1).all()


def test_an_output_missing_everywhere_is_nan_and_its_neighbour_is_trained(make_block):
    block = make_block(partitions=1)
    outputs = block.outputs.copy()
    outputs[0] = np.nan
    fitted = fit_ridge(replace(block, outputs=outputs), RidgeOptions())
    y = fitted.stack.member(0).predict(block.inputs.astype(float))
    assert np.isnan(y[0]).all()
    assert fitted.present.all()


def test_a_partition_with_rows_in_two_folds_says_why_it_cannot_be_trained(make_block):
    block = make_block(partitions=1)
    two = (block.folds.held_out[0] | block.folds.held_out[1])[block.atom]
    small = replace(
        block,
        inputs=block.inputs[:, two],
        outputs=block.outputs[:, two],
        atom=block.atom[two],
        row_start=np.array([0, two.sum()]),
    )
    fitted = fit_ridge(small, RidgeOptions())
    assert not fitted.present.any()
    assert "2 of the jackknife's folds (2010, 2011)" in fitted.errors[0]


def test_a_fold_without_rows_has_no_member(make_block):
    block = make_block(partitions=1)
    keep = ~block.folds.held_out[2][block.atom]
    small = replace(
        block, inputs=block.inputs[:, keep], outputs=block.outputs[:, keep], atom=block.atom[keep],
        row_start=np.array([0, keep.sum()]),
    )  # fmt: skip
    assert fit_ridge(small, RidgeOptions()).present[0].tolist() == [True, True, False, True, True]


def test_without_a_jackknife_one_member_learns_from_all_training_rows(make_block):
    block = make_block(partitions=1, jackknife=None)
    fitted = fit_ridge(block, RidgeOptions(strengths=(1e-3,)))
    train = block.folds.train[0][block.atom]
    theirs, _ = _peer(block, 0, 1, train, "linear", 1e-3)
    np.testing.assert_allclose(fitted.stack.member(0).predict(block.inputs.astype(float))[1], theirs, rtol=1e-8)


def test_masked_partitions_keep_their_slots_and_change_nothing_for_the_others(make_block):
    block = make_block(partitions=3)
    whole = fit_ridge(block, RidgeOptions())
    masked = fit_ridge(replace(block, masked=np.array([True, False, True])), RidgeOptions())
    members = block.folds.n_members
    assert masked.present.any(axis=1).tolist() == [False, True, False]
    for name, array in whole.stack.arrays.items():
        assert array[members : 2 * members].tobytes() == masked.stack.arrays[name][members : 2 * members].tobytes()


def test_range_of_inputs_is_that_of_the_training_rows(make_block):
    block = make_block(partitions=1)
    fitted = fit_ridge(block, RidgeOptions())
    train = block.folds.train[0][block.atom]
    assert fitted.stack.arrays["input_low"][0].tolist() == block.inputs[:, train].min(axis=1).tolist()
    assert fitted.stack.arrays["input_high"][0].tolist() == block.inputs[:, train].max(axis=1).tolist()


def test_a_stop_is_heard_between_partitions(make_block):
    with pytest.raises(Stopped):
        fit_ridge(make_block(stopped=lambda: True), RidgeOptions())


def test_no_member_without_enough_rows_to_learn_from(make_block):
    block = make_block(partitions=1)
    ((_, grams), *_) = grams_of_outputs(
        block.inputs[:, :20], block.outputs[:1, :20], block.atom[:20], block.folds.n_atoms, "linear"
    )
    assert len(choose_strengths(grams, block.folds, (1.0,))[0]) == 0


@pytest.mark.parametrize(
    ("learner", "words"),
    [
        (Learner("rigde"), "Did you mean 'ridge'"),
        (Learner("ridge", {"strenghts": [1.0]}), "Did you mean 'strengths'"),
        (Learner("ridge", {"features": "quadratic"}), "no hyper-parameter 'features'"),
        (Learner("ridge", {"strengths": []}), "at least one entry"),
        (Learner("ridge", {"strengths": [-1.0]}), "above zero"),
        (Learner("network", {"hidden": [8, 0]}), "whole number from 1 on"),
        (Learner("network", {"activation": "swish"}), "one of relu, tanh"),
        (Learner("network", {"learning_rate": float("inf")}), "above zero"),
    ],
)
def test_hyper_parameters_that_make_no_sense_are_refused_in_words(learner, words):
    with pytest.raises(DesignError, match=words):
        resolve_learner(learner)


def test_inputs_that_repeat_each_other_are_fitted_with_the_least_strength_and_a_lower_one_is_refused(make_block):
    block = make_block(partitions=1, gaps=0.0)
    block.inputs[1] = block.inputs[0]
    for features in ("linear", "quadratic"):
        fitted = fit_ridge(block, RidgeOptions(strengths=(1e-12,), features=features))
        assert fitted.present.all()
        predicted = fitted.stack.member(0).predict(block.inputs.astype(float))
        assert np.std(predicted[0] - block.outputs[0]) < np.std(block.outputs[0])
    with pytest.raises(DesignError, match="strengths is 1e-17; 1e-12 is the least, as less is lost in rounding"):
        resolve_learner(Learner("ridge2", {"strengths": [0.1, 1e-17]}))


def _peak_bytes(learn):
    tracemalloc.start()
    learn()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _more_rows(block, times):
    """Return a block whose one partition has each row so many times."""
    rows = np.repeat(np.arange(len(block.atom)), times)
    return replace(
        block,
        row_start=np.array([0, len(rows)]),
        inputs=block.inputs[:, rows],
        outputs=block.outputs[:, rows],
        atom=block.atom[rows],
    )


def test_memory_of_a_large_partition_grows_with_its_rows_as_the_plan_reckons(make_block):
    kind, options = resolve_learner(Learner("ridge2"))
    block = make_block(partitions=1, gaps=0.0)
    block = replace(block, inputs=np.tile(block.inputs, (4, 1)) + np.arange(12, dtype=np.float32)[:, None])
    small, large = _more_rows(block, 300), _more_rows(block, 600)
    more = len(large.atom) - len(small.atom)
    assert more > 100_000
    need = needs(
        kind, options, np.array([more]), members=6, atoms=block.folds.n_atoms, n_inputs=12, n_outputs=2, seed=0
    )
    a_row = (_peak_bytes(lambda: kind.fit(large, options)) - _peak_bytes(lambda: kind.fit(small, options))) / more
    assert a_row < need.bytes_a_row


def test_sums_taken_in_pieces_are_those_taken_at_once(make_block, monkeypatch):
    block = make_block(partitions=1)
    whole = fit_ridge(block, RidgeOptions(features="quadratic"))
    monkeypatch.setattr("motrain_app.learning.ridge._VALUES_AT_ONCE", 500)
    monkeypatch.setattr("motrain_app.learning.ridge_members._VALUES_AT_ONCE", 500)
    parts = fit_ridge(block, RidgeOptions(features="quadratic"))
    np.testing.assert_array_equal(parts.trials["chosen"], whole.trials["chosen"])
    for name, array in whole.stack.arrays.items():
        np.testing.assert_allclose(parts.stack.arrays[name], array, rtol=1e-7, atol=1e-9)


def test_memory_does_not_grow_with_the_square_of_the_folds(make_block):
    grams = np.random.default_rng(0).normal(size=(30, 30))
    peaks = {}
    for n_folds in (20, 60):
        block = make_block(partitions=1, gaps=0.0, jackknife=LeaveRandomOut(n_folds, seed=0), test=None)
        block = replace(block, inputs=np.tile(block.inputs, (3, 1)) + grams[:9, :1].astype(np.float32))
        peaks[n_folds] = _peak_bytes(lambda block=block: fit_ridge(block, RidgeOptions(features="quadratic")))
    assert peaks[60] < 3 * peaks[20]


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_gram_matrices_are_there_twice_at_most_and_once_more_for_the_members(make_block, monkeypatch, gaps):
    for module in ("centres", "ridge_members"):
        monkeypatch.setattr(f"motrain_app.learning.{module}._VALUES_AT_ONCE", 1, raising=False)
    block = make_block(partitions=1, gaps=gaps, jackknife=LeaveRandomOut(folds=5, embargo=4))
    block = replace(block, inputs=np.tile(block.inputs, (5, 1)))
    size, folds = 1 + FEATURE_MAPS["quadratic"].size(15) + 2, block.folds
    peak = _peak_bytes(lambda: fit_ridge(block, RidgeOptions(features="quadratic")))
    assert peak / (8 * size**2) < 2 * folds.n_atoms + folds.n_members + 20
    sizes = {"members": folds.n_members, "atoms": folds.n_atoms, "n_inputs": 15, "n_outputs": 2, "seed": 0}
    need = needs(*resolve_learner(Learner("ridge2")), np.array([len(block.atom)]), **sizes)
    reckoned = need.bytes_of_members[0] + need.bytes_in_making[0]
    assert reckoned / 2 < peak < reckoned


def test_quadratic_ridge_of_inputs_that_no_worker_holds_is_refused_and_an_ordinary_one_is_cut_as_if_it_took_nothing():
    kind, options = resolve_learner(Learner("ridge2"))
    rows, names = np.full(10_000, 5400), tuple(map(str, range(10_000)))
    sizes = {"members": 10, "atoms": 21, "n_outputs": 3, "seed": 0}
    with pytest.raises(RunError, match=r"'0' has 5,400 rows; its 10 members need \d+\.\d GB in a worker"):
        refuse_beyond_memory(rows, names, needs(kind, options, rows, n_inputs=100, **sizes))
    for n_inputs in (3, 8):
        need = needs(kind, options, rows, n_inputs=n_inputs, **sizes)
        refuse_beyond_memory(rows, names, need)
        blocks, _, _ = cut(rows, 0 * rows, need, kind)
        assert blocks.max() + 1 == 10_000 // (kind.slots // 10)
