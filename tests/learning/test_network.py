"""The stacked network learns, is nested, and each slot is independent of all others, bit by bit."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the network needs TensorFlow")

from motrain_app.design import LeaveRandomOut, LeaveYearsOut
from motrain_app.learning.block import Stopped
from motrain_app.learning.membership import MIN_ROWS
from motrain_app.learning.network import fit_network
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.network_program import Program
from motrain_app.learning.places import choose_places, member_atoms, rows_of

pytestmark = pytest.mark.slow
OPTIONS = NetworkOptions(hidden=(8,), epochs=12, patience=4, batch=64)


def _same(a, b, slots):
    return all(
        a.stack.arrays[name][slots].tobytes() == b.stack.arrays[name][slots].tobytes() for name in a.stack.arrays
    )


@pytest.mark.parametrize("folds", [{}, {"jackknife": LeaveRandomOut(folds=5)}], ids=["years", "random"])
def test_rows_of_a_slot_are_nested(make_block, folds):
    block = make_block(**folds)
    places, members = choose_places(block), block.folds.n_members
    of_places = zip(rows_of(block, places.fit), rows_of(block, places.judge), strict=True)
    for place, (train, validation) in enumerate(of_places):
        rows, member = block.rows(place // members), place % members
        atoms = block.folds.train[member]
        assert len(train) > 100
        assert len(validation) > 50
        assert not set(train) & set(validation)
        assert atoms[block.atom[train]].all()
        assert atoms[block.atom[validation]].all()
        assert block.folds.held_out[(member + 1) % members][block.atom[validation]].all()
        others = ~(block.folds.held_out[member] | block.folds.held_out[(member + 1) % members])
        if folds:  # without an embargo a member learns from every row of the other folds
            expected = np.flatnonzero((others & block.folds.held_out.any(axis=0))[block.atom[rows]]) + rows.start
            assert train.tolist() == expected.tolist()
        assert rows.start <= min(*train, *validation) <= max(*train, *validation) < rows.stop


def test_it_learns_what_a_linear_model_cannot(make_block):
    block = make_block(partitions=1, noise=0.05)
    fitted = fit_network(block, NetworkOptions(hidden=(16,), epochs=80, patience=80, batch=64, learning_rate=0.01))
    held = block.folds.held_out[0][block.atom]
    error = fitted.stack.member(0).predict(block.inputs[:, held].astype(float)) - block.outputs[:, held]
    there = held & np.isfinite(block.outputs[0])
    columns = np.c_[np.ones(there.sum()), block.inputs[:, there].T]
    linear = np.linalg.lstsq(columns, block.outputs[0, there], rcond=None)[1][0] / there.sum()
    assert np.nanstd(error[0]) < 0.15
    assert np.sqrt(linear) > 0.3  # a linear model, even one fitted on these very rows, is twice as far


def test_a_slot_is_itself_whatever_its_neighbours_do(make_block):
    block = make_block(partitions=3)
    members = block.folds.n_members
    whole = fit_network(block, OPTIONS)
    alone = fit_network(replace(block, masked=np.array([True, False, True])), OPTIONS)
    assert _same(whole, alone, slice(members, 2 * members))
    assert alone.present.any(axis=1).tolist() == [False, True, False]


def test_neither_padding_nor_the_size_of_a_stack_of_several_decides_a_bit(make_block):
    """The fingerprint of a partition rests on the first; the second enters it all the same."""
    block = make_block(partitions=2)
    before = fit_network(block, OPTIONS)
    for padded_rows, stack_slots in ((3584, 64), (40960, 64), (2048, 7)):
        after = fit_network(replace(block, padded_rows=padded_rows, stack_slots=stack_slots), OPTIONS)
        assert _same(before, after, slice(None))
        assert all(array.tobytes() == after.trials[name].tobytes() for name, array in before.trials.items())


def test_same_seed_same_bits_and_another_seed_another_network(make_block):
    block = make_block(partitions=1)
    first, again, other = (fit_network(b, OPTIONS) for b in (block, block, replace(block, seed=1)))
    assert _same(first, again, slice(None))
    assert not _same(first, other, slice(None))


def test_a_fold_replaced_by_noise_leaves_its_own_member_bit_identical(make_block, scrambled):
    block, member = make_block(), 2
    members = block.folds.n_members
    before = fit_network(block, OPTIONS)
    after = fit_network(scrambled(block, block.folds.held[member][block.atom], 5), OPTIONS)
    for partition in range(len(block)):
        slot = partition * members + member
        assert _same(before, after, slice(slot, slot + 1))
        assert not _same(before, after, slice(slot - 2, slot - 1))


def _without(block, gone):
    """The block as if some of its rows had never been."""
    kept = ~gone
    rows = [int(kept[block.rows(partition)].sum()) for partition in range(len(block))]
    return replace(
        block,
        inputs=block.inputs[:, kept],
        outputs=block.outputs[:, kept],
        atom=block.atom[kept],
        row_start=np.cumsum([0, *rows]),
    )


def test_whether_a_fold_has_a_row_more_leaves_its_own_member_bit_identical(make_block):
    """Nor does the order in which it learns from the others say how many rows it does not see."""
    block, member = make_block(jackknife=LeaveYearsOut(embargo=20)), 2
    members = block.folds.n_members
    unseen = ~block.folds.train[member][block.atom]
    before = fit_network(block, OPTIONS)
    after = fit_network(_without(block, unseen & (np.arange(len(unseen)) % 7 == 0)), OPTIONS)
    for partition in range(len(block)):
        slot = partition * members + member
        assert _same(before, after, slice(slot, slot + 1))
        assert not _same(before, after, slice(slot - 2, slot - 1))
        assert before.trials["validation_loss"][partition, member] == after.trials["validation_loss"][partition, member]


def test_who_diverged_to_a_finite_loss_is_no_member_and_no_part_of_one(make_block):
    block = make_block(partitions=1)
    both = fit_network(block, replace(OPTIONS, together=2, search={"space": {"learning_rate": [0.01, 1e6]}}))
    loss = both.trials["validation_loss"]
    assert (loss[..., 0] < 1).all()
    assert (np.isfinite(loss[..., 1]) & (loss[..., 1] > 1e3)).any()
    alone = fit_network(block, replace(OPTIONS, learning_rate=0.01))
    x = block.inputs[:, :20].astype(float)
    for member in range(block.folds.n_members):
        np.testing.assert_allclose(
            both.stack.member(member).predict(x), alone.stack.member(member).predict(x), rtol=0.5
        )
    wrecked = fit_network(block, replace(OPTIONS, learning_rate=1e6))
    assert not wrecked.present.any()
    assert "off by more than ten standard deviations" in wrecked.errors[0]


@pytest.mark.parametrize("emphasis", [0.0, 1e-6])
def test_neither_emphasis_nor_an_extreme_value_lets_a_diverged_network_pass(make_block, emphasis):
    block = make_block(partitions=1)
    block.outputs[0, rows_of(block, choose_places(block).judge)[0][5]] = 1000
    fitted = fit_network(block, replace(OPTIONS, learning_rate=1e3, emphasis=emphasis))
    assert np.isfinite(fitted.trials["validation_loss"]).any()
    assert not fitted.present.any()
    assert 0 in fitted.errors


def test_a_diverged_network_is_tried_on_more_rows_than_one_that_says_nothing(make_block):
    block = make_block(partitions=1)
    first = rows_of(block, choose_places(block).fit)[0][0]
    block.outputs[:, first] = 1000  # who is extreme has no say in who is off
    fitted = fit_network(block, replace(OPTIONS, learning_rate=1e6))
    assert np.isfinite(fitted.trials["validation_loss"][0, 0]).all()
    assert not fitted.present[0, 0]


def test_an_output_that_a_partition_lacks_takes_no_weight_from_the_others(make_block):
    block = make_block(partitions=1)
    block.outputs[0] = np.nan
    found = [fit_network(block, replace(OPTIONS, output_weights=(w, 1e-20))) for w in (1e-20, 1e20)]
    assert found[1].present.all()
    assert _same(*found, slice(None))


def test_one_extreme_value_in_the_rows_that_judge_is_no_fault_of_the_network(make_block):
    block = make_block(partitions=1)
    outputs = block.outputs.copy()
    judged = rows_of(block, choose_places(block).judge)[0]
    outputs[0, judged[5]] = 1e4
    fitted = fit_network(replace(block, outputs=outputs), OPTIONS)
    assert fitted.trials["validation_loss"][0, 0, 0] > 100
    assert fitted.present[0, 0]


def test_weights_of_outputs_count_by_their_ratio_alone(make_block):
    block = make_block(partitions=1)
    few, many = (fit_network(block, replace(OPTIONS, output_weights=(w, 2 * w))) for w in (1.0, 1e38))
    assert _same(few, many, slice(None))
    assert np.isfinite(many.trials["validation_loss"]).all()


def test_test_rows_touch_nothing(make_block, scrambled):
    block = make_block()
    sealed = (block.folds.test | block.folds.near_test)[block.atom]
    before, after = (fit_network(b, OPTIONS) for b in (block, scrambled(block, sealed, 3)))
    assert _same(before, after, slice(None))
    assert all(array.tobytes() == after.trials[name].tobytes() for name, array in before.trials.items())


def test_a_diverging_partition_is_told_and_its_neighbour_untouched(make_block):
    block = make_block()
    inputs = block.inputs.copy()
    first, second = block.rows(0), block.rows(1)
    good = fit_network(block, OPTIONS)
    inputs[:, first] = np.nan  # no staged row is so; it stands for whatever makes a loss that is no number
    bad = fit_network(replace(block, inputs=inputs), OPTIONS)
    members = block.folds.n_members
    assert second.start > 0
    assert not bad.present[0].any()
    assert "loss became infinite" in bad.errors[0]
    assert _same(good, bad, slice(members, 2 * members))


def test_an_output_missing_in_one_partition_is_nan_there_alone(make_block):
    block = make_block()
    outputs = block.outputs.copy()
    outputs[1, block.rows(0)] = np.nan
    fitted = fit_network(replace(block, outputs=outputs), OPTIONS)
    x = block.inputs[:, :50].astype(float)
    here, there = fitted.stack.member(0).predict(x), fitted.stack.member(block.folds.n_members).predict(x)
    assert np.isnan(here[1]).all()
    assert np.isfinite(here[0]).all()
    assert np.isfinite(there).all()


def test_a_stop_is_heard_between_epochs(make_block):
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        fit_network(make_block(stopped=lambda: next(asked)), OPTIONS)


def test_a_fold_of_a_single_row_judges_nobody_where_another_has_enough(make_block):
    folds = make_block(partitions=1).folds
    count = np.where(folds.held_out[1], 1, 100)
    fit, judge = member_atoms(folds, 0, count[None])
    np.testing.assert_array_equal(judge, folds.validation(0, 2))
    np.testing.assert_array_equal(fit, folds.fit(0, 2))


def test_where_no_fold_has_enough_rows_the_next_one_judges_all_the_same(make_block):
    folds = make_block(partitions=1).folds
    count = np.zeros(folds.n_atoms, int)
    for held in folds.held_out:
        count[np.flatnonzero(held & ~folds.near.any(axis=0) & ~folds.near_test)[0]] = MIN_ROWS - 1
    fit, judge = member_atoms(folds, 0, count[None])
    np.testing.assert_array_equal(judge, folds.validation(0, 1))
    np.testing.assert_array_equal(fit, folds.fit(0, 1))


def test_no_loop_goes_over_the_models_of_a_stack(make_block, monkeypatch):
    """Thirty times as many take no more calls of a program, as long as a stack holds them."""
    calls = []
    advance = Program.advance

    def counted(self, state, *arguments, **named):
        calls.append(len(state.active))
        return advance(self, state, *arguments, **named)

    monkeypatch.setattr(Program, "advance", counted)
    options, found = NetworkOptions(hidden=(2,), epochs=2, patience=2, batch=64), []
    for folds in (3, 30):
        calls.clear()
        block = make_block(partitions=1, jackknife=LeaveRandomOut(folds=folds), test=None, stack_slots=30)
        assert fit_network(block, options).present.all()
        found.append((len(calls), max(calls)))
    (few, _), (many, models) = found
    assert models == 30
    assert many <= few + 2  # a call more where members have more rows
