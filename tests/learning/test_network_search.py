"""The search over the stack: nested, independent of what else is tried, and its winners whole."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
import motrain_app.learning.network_tensorflow  # noqa: F401 - sets thread counts, which must be before the first operation
from motrain_app.design import DesignError
from motrain_app.learning import to_keras
from motrain_app.learning.network import fit_network
from motrain_app.learning.network_options import NetworkOptions
from motrain_app.learning.places import choose_places, rows_of
from motrain_app.learning.search import stretches
from motrain_app.operators import Operator, Variable
from motrain_app.operators.bounds import Bounds
from motrain_app.runs.task import add_offsets

pytestmark = pytest.mark.slow
OWN = {"hidden": (5,), "epochs": 9, "patience": 9, "batch": 64}
SEARCHES = {
    "grid": {"space": {"hidden": [[4], [7, 3]], "learning_rate": [0.01, 0.001]}},
    "random": {"space": {"width": {"low": 2, "high": 9}, "learning_rate": [0.01, 0.001]}, "candidates": 5},
    "halving": {"space": {"width": {"low": 2, "high": 9}, "l2": [0.0, 1e-3]}, "candidates": 7, "halving": 3},
}
MIXED = {"space": {"hidden": [[3], [6], [5, 4]], "activation": ["tanh", "relu"]}}


def _losses_of_members(block, fitted):
    """Return the validation loss of each member, in its own standardised units, [partitions, members]."""
    rows = rows_of(block, choose_places(block).judge)
    loss = np.full(fitted.present.size, np.nan)
    for slot in np.flatnonzero(fitted.present.reshape(-1)):
        model, mine = fitted.stack.member(int(slot)), rows[slot]
        error = model.predict(block.inputs[:, mine].astype(float)) - block.outputs[:, mine]
        loss[slot] = np.nanmean((error / model.output_scale[:, None]) ** 2, axis=1).mean()
    return loss.reshape(fitted.present.shape)


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_a_fold_replaced_by_noise_changes_no_choice_made_for_it(make_block, scrambled, search):
    block, member = make_block(), 2
    options = NetworkOptions(**OWN, search=search)
    before = fit_network(block, options)
    after = fit_network(scrambled(block, block.folds.held[member][block.atom], 5), options)
    for name, array in before.trials.items():
        assert array[:, member].tobytes() == after.trials[name][:, member].tobytes(), name
    other = before.trials["validation_loss"][:, member - 1]  # which is judged on that fold
    assert (other != after.trials["validation_loss"][:, member - 1]).all()
    x = block.inputs[:, :40].astype(float)
    for partition in range(len(block)):
        slot = partition * block.folds.n_members + member
        assert before.stack.member(slot).predict(x).tobytes() == after.stack.member(slot).predict(x).tobytes()


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_test_rows_touch_no_choice(make_block, scrambled, search):
    block = make_block()
    sealed = (block.folds.test | block.folds.near_test)[block.atom]
    options = NetworkOptions(**OWN, search=search)
    before, after = (fit_network(one, options) for one in (block, scrambled(block, sealed, 3)))
    assert all(array.tobytes() == after.trials[name].tobytes() for name, array in before.trials.items())
    assert all(array.tobytes() == after.stack.arrays[name].tobytes() for name, array in before.stack.arrays.items())


def test_the_winner_is_the_best_on_validation_rows_and_is_kept_whole(make_block):
    """Of candidates that differ in width, number of layers and activation, each padded to others of its program."""
    block = make_block()
    fitted = fit_network(block, NetworkOptions(**OWN, search=MIXED))
    loss, chosen = fitted.trials["validation_loss"], fitted.trials["chosen"]
    assert (chosen == loss.argmin(axis=2)).all()
    assert len(set(chosen.ravel())) >= 3
    np.testing.assert_allclose(_losses_of_members(block, fitted), loss.min(axis=2), rtol=2e-5)
    candidates = NetworkOptions(**OWN, search=MIXED).candidates(0)
    for slot, winner in enumerate(chosen.ravel()):
        member = fitted.stack.member(slot)
        assert tuple(len(bias) for bias in member.biases[:-1]) == candidates[winner].hidden
        assert member.activation == candidates[winner].activation


def test_a_partition_finds_the_same_among_others_as_alone(make_block):
    """Also where the others stop sooner, so that slots change their places in the stacks."""
    block = make_block(partitions=5)
    options = NetworkOptions(**{**OWN, "epochs": 30, "patience": 2}, search={"space": {"learning_rate": [0.02, 0.1]}})
    whole = fit_network(block, options)
    assert len(set(whole.trials["epochs"].ravel())) > 5
    alone = fit_network(replace(block, masked=np.arange(5) != 3), options)
    mine = slice(3 * block.folds.n_members, 4 * block.folds.n_members)
    x = block.inputs[:, :40].astype(float)
    for slot in range(mine.start, mine.stop):
        assert whole.stack.member(slot).predict(x).tobytes() == alone.stack.member(slot).predict(x).tobytes()
    assert whole.trials["validation_loss"][3].tobytes() == alone.trials["validation_loss"][3].tobytes()


def test_a_candidate_that_diverges_is_told_and_leaves_the_others_as_they_are(make_block):
    block = make_block()
    searches = [{"space": {"learning_rate": [0.01, 0.002, last]}} for last in (0.02, 1e30)]
    sound, wild = (fit_network(block, NetworkOptions(**OWN, search=search)) for search in searches)
    loss = wild.trials["validation_loss"]
    assert loss[..., :2].tobytes() == sound.trials["validation_loss"][..., :2].tobytes()
    assert not np.isfinite(loss[..., 2]).any()
    assert (wild.trials["epochs"][..., 2] == 1).all()  # it takes no further step
    assert (wild.trials["chosen"] < 2).all()
    assert wild.present.all()


def test_halving_gives_the_epochs_that_were_announced(make_block):
    block = make_block(partitions=1)
    options = NetworkOptions(**{**OWN, "patience": 9}, search=SEARCHES["halving"])
    epochs = fit_network(block, options).trials["epochs"]
    n = len(options.candidates(0))
    announced = sum(candidates * length for candidates, length in stretches(options.ladder(n)))
    assert (epochs.sum(axis=2) == announced).all()
    assert (np.sort(epochs, axis=2)[..., -1] == 9).all()


def test_halving_keeps_those_of_the_lowest_loss_at_each_rung(make_block):
    """A candidate that is as good as never trained does not come to the end, wherever in the list it stands."""
    rates = [1e-6, 0.02, 0.005, 1e-7, 0.01, 1e-5, 0.002, 1e-8]
    block, search = make_block(), {"space": {"learning_rate": rates}}
    options = NetworkOptions(**OWN, search={**search, "halving": 2})
    epochs = fit_network(block, options).trials["epochs"]
    ladder = options.ladder(len(rates))
    assert [rung.candidates for rung in ladder] == [8, 4, 2, 1]
    running = np.ones(epochs.shape, bool)
    for rung, after in pairwise(ladder):
        all_of_them = fit_network(block, NetworkOptions(**{**OWN, "epochs": rung.epochs}, search=search))
        loss = np.where(running, all_of_them.trials["validation_loss"], np.inf)
        running = loss <= np.sort(loss, axis=2)[..., [after.candidates - 1]]
        np.testing.assert_array_equal(epochs > rung.epochs, running)
    assert (np.array(rates)[epochs.argmax(axis=2)] >= 0.002).all()


def test_a_run_compiles_six_programs_at_most_whatever_its_partitions(make_block):
    from motrain_app.learning.network_race import programs_compiled

    search = {"space": {"width": {"low": 2, "high": 60}, "layers": [1, 2], "batch": [32, 64]}, "candidates": 16}
    options = NetworkOptions(**{**OWN, "epochs": 2}, search=search)
    before = programs_compiled()
    for partitions in (1, 3, 8):
        fit_network(make_block(partitions=partitions, padded_rows=16384), options)
    assert 4 <= programs_compiled() - before <= 6


def test_a_block_that_lacks_the_bounded_output_needs_no_programs_of_its_own(make_block):
    from motrain_app.learning.network_race import programs_compiled

    search = {"space": {"batch": [16, 48], "activation": ["tanh", "relu"]}}
    options = NetworkOptions(hidden=(4,), epochs=2, low=(-20.0, None), search=search)
    block = make_block(padded_rows=2040)
    block.outputs[0, block.rows(1)] = np.nan
    before = programs_compiled()
    fit_network(replace(block, masked=np.array([False, True])), options)
    compiled = programs_compiled() - before
    lacking = fit_network(replace(block, masked=np.array([True, False])), options)
    assert (compiled, programs_compiled() - before) == (4, 4)
    assert lacking.present[1].all()
    assert np.isfinite(lacking.trials["validation_loss"][1]).all()


def test_bounds_hold_for_any_input(make_block):
    block = make_block(partitions=1)
    low, high = (-10.5, None), (-9.0, 0.005)
    fitted = fit_network(block, NetworkOptions(**{**OWN, "epochs": 25}, low=low, high=high))
    member = fitted.stack.member(0)
    x = np.random.default_rng(0).normal(size=(3, 100_000)) * 1e3 * np.array([[8.0], [0.05], [1.0]])
    y = member.predict(x)
    assert np.isfinite(y).all()
    assert y[0].min() >= -10.5
    assert y[0].max() <= -9.0
    assert y[1].max() <= 0.005
    assert y[1].min() < -0.01  # that side has no bound
    np.testing.assert_allclose(_losses_of_members(block, fitted), fitted.trials["validation_loss"][..., 0], rtol=2e-5)
    near = x[:, :50] / 1e3
    step = 1e-6 * member.input_scale
    for number in range(3):
        beside = np.eye(3)[:, [number]] * step[:, None]
        slope = (member.predict(near + beside) - member.predict(near - beside)) / (2 * step[number])
        np.testing.assert_allclose(member.jacobian(near)[:, number], slope, rtol=1e-4, atol=1e-7)


def test_an_offset_moves_no_bound_by_a_bit(make_block):
    """Rows are staged minus an offset: 0.2 − 273.15 + 273.15 is 0.19999999999998863."""
    offset = np.array([273.15, 0.0])
    block = make_block(partitions=1)
    block = replace(block, outputs=block.outputs - offset.astype(np.float32)[:, None], output_offset=offset)
    fitted = fit_network(block, NetworkOptions(**{**OWN, "epochs": 2}, low=(-11.1, None), high=(0.2, None)))
    rows = SimpleNamespace(input_offset=np.zeros(3), output_offset=offset)
    member = add_offsets(fitted, rows).member(0)
    y = member.predict(np.random.default_rng(0).normal(size=(3, 100_000)) * 1e5)
    assert member.output_low.tolist() == [-11.1, -np.inf]
    assert member.output_high.tolist() == [0.2, np.inf]
    assert -11.1 <= y[0].min() <= y[0].max() <= 0.2
    np.testing.assert_allclose(fitted.stack.member(0).output_low[0] + 273.15, -11.1)  # where nothing is added yet


@pytest.mark.parametrize("high", [20.0, 200.0, 1e6, 1e30])
def test_bounds_wider_than_the_data_cost_no_skill(make_block, tmp_path, high):
    """Also where the data are a small part of what is possible, as snow depth within 100 m."""
    block = make_block(partitions=1)
    depth = np.exp(0.4 * (block.outputs[:1] + 10))
    block = replace(block, outputs=depth)
    options = NetworkOptions(**{**OWN, "epochs": 30, "learning_rate": 0.01})
    free, bounded = (fit_network(block, one) for one in (options, replace(options, low=(0.0,), high=(high,))))
    loss = [fitted.trials["validation_loss"].mean() for fitted in (free, bounded)]
    assert loss[1] < 1.1 * loss[0] < 0.5
    x = np.random.default_rng(0).normal(size=(3, 100_000)) * 1e3 * np.array([[8.0], [0.05], [1.0]])
    h = Operator("north", tuple(map(Variable, "abc")), (Variable("depth"),), (bounded.stack.member(0),))
    again = Operator.load(h.save(tmp_path / "h.safetensors"))
    assert again(x.T).tobytes() == h(x.T).tobytes()
    for y in (h(x.T), np.asarray(to_keras(h)(x.T.astype(np.float32)))):
        assert 0 <= y.min() <= y.max() <= high


def test_training_bends_as_the_operator_does():
    from motrain_app.learning.network_program import bound

    z = np.linspace(-50, 50, 1001, dtype=np.float32)[None, :]
    for low, high in [(-np.inf, np.inf), (-2, np.inf), (-np.inf, 2), (-0.5, 0.5), (-3, 1e30), (-1e6, 4)]:
        ends = [np.full((1, 1), value) for value in (low, high)]
        value, slope = bound(z, *(end.astype(np.float32) for end in ends))
        expected = Bounds(*ends, np.ones((1, 1)))
        np.testing.assert_allclose(value, expected.value(z.astype(float)), rtol=1e-5, atol=2e-5)
        np.testing.assert_allclose(slope, expected.slope(z.astype(float)), atol=1e-5)


def test_an_output_that_counts_more_is_learnt_better(make_block):
    block = make_block(partitions=2, noise=0.02)
    error = []
    for weights in ((1.0, 1e-3), (1e-3, 1.0)):
        fitted = fit_network(block, NetworkOptions(**{**OWN, "hidden": (2,), "epochs": 40}, output_weights=weights))
        held = block.folds.held_out[0][block.atom] & (np.arange(len(block.atom)) < block.row_start[1])
        model = fitted.stack.member(0)
        residual = model.predict(block.inputs[:, held].astype(float)) - block.outputs[:, held]
        error.append(np.nanstd(residual, axis=1) / model.output_scale)
    assert error[0][0] < error[1][0]
    assert error[1][1] < error[0][1]


def test_large_observations_count_more_where_they_are_to(make_block):
    """The loss is Σ exp(b y^c) (ŷ − y)², over the mean weight of the rows that the member learns from."""
    block = make_block(partitions=1, output_offset=np.array([10.0, 0.0]))
    options = NetworkOptions(**OWN, emphasis=1.5, emphasis_power=1.0)
    fitted = fit_network(block, options)
    observed = block.outputs + block.offset[:, None]
    places = choose_places(block)
    fit, judge = (rows_of(block, atoms) for atoms in (places.fit, places.judge))
    for slot in range(3):
        model = fitted.stack.member(slot)
        mine, theirs = judge[slot], fit[slot]
        predicted = model.predict(block.inputs[:, mine].astype(float)) + block.offset[:, None]
        mean_weight = np.nanmean(np.exp(1.5 * observed[:, theirs]), axis=1)
        total = np.nansum(np.exp(1.5 * observed[:, mine]) * (predicted - observed[:, mine]) ** 2, axis=1)
        loss = total / mean_weight / model.output_scale**2 / np.isfinite(observed[:, mine]).sum(axis=1)
        assert loss.mean() == pytest.approx(fitted.trials["validation_loss"][0, slot, 0], rel=1e-4)


def test_a_network_too_small_for_all_rows_fits_the_large_ones_where_they_count_more(make_block):
    """One hidden unit cannot follow a saddle: of equal weights it gives up where few rows are."""
    block = make_block(partitions=1, output_offset=np.array([10.0, 0.0]))
    small = NetworkOptions(hidden=(1,), epochs=60, patience=60, batch=64, learning_rate=0.02)
    high = block.outputs[0] > -9

    def error(options):
        members = fit_network(block, options).stack
        held = [member[block.atom] & high for member in block.folds.held_out]
        each = [
            np.abs(members.member(slot).predict(block.inputs[:, rows].astype(float))[0] - block.outputs[0, rows]).mean()
            for slot, rows in enumerate(held)
        ]
        return np.mean(each)

    assert error(replace(small, emphasis=0.8)) < 0.6 * error(small)


def test_a_power_of_negative_observations_is_refused_with_the_reason(make_block):
    with pytest.raises(DesignError, match="Choose a whole number as power"):
        fit_network(make_block(), NetworkOptions(**OWN, emphasis=1.0, emphasis_power=0.5))


@pytest.mark.parametrize("halving", [0, 2])
def test_the_best_candidates_act_together_where_they_are_asked_to(make_block, tmp_path, halving):
    block = make_block()
    search = {**MIXED, "halving": halving}
    one, three = (fit_network(block, NetworkOptions(**OWN, search=search, together=n)) for n in (1, 3))
    loss, epochs = three.trials["validation_loss"], three.trials["epochs"]
    assert (np.sort(epochs, axis=2)[..., -3:] == OWN["epochs"]).all()
    x = block.inputs[:, :40].astype(float)
    for slot in range(0, three.present.size, 3):
        member = three.stack.member(slot)
        assert len(member.parts) == 3
        np.testing.assert_allclose(member.predict(x), np.mean([part.predict(x) for part in member.parts], axis=0))
        np.testing.assert_allclose(member.jacobian(x), np.mean([part.jacobian(x) for part in member.parts], axis=0))
        if not halving:
            assert member.parts[0].predict(x).tobytes() == one.stack.member(slot).predict(x).tobytes()
            best = np.argsort(loss.reshape(three.present.size, -1)[slot])[:3]
            hidden = [NetworkOptions(**OWN, search=search).candidates(0)[number].hidden for number in best]
            assert [tuple(map(len, part.biases[:-1])) for part in member.parts] == hidden

    variables = tuple(map(Variable, "abc")), tuple(map(Variable, "yz"))
    h = Operator("north", *variables, tuple(three.stack.member(slot) for slot in range(2)))
    again = Operator.load(h.save(tmp_path / "h.safetensors"))
    assert again(x.T).tobytes() == h(x.T).tobytes()
    np.testing.assert_allclose(to_keras(h, dtype="float64")(x.T), h(x.T), rtol=1e-9)


def test_a_candidate_that_diverged_is_not_among_the_best_that_act_together(make_block):
    search = {"space": {"learning_rate": [0.01, 1e30]}}
    fitted = fit_network(make_block(), NetworkOptions(**OWN, search=search, together=2))
    assert fitted.present.all()
    assert not hasattr(fitted.stack.member(0), "parts")


def test_inputs_that_are_constant_or_the_same_twice_are_learnt_from(make_block):
    block = make_block()
    inputs = block.inputs.copy()
    inputs[1], inputs[2] = 3.0, inputs[0]
    fitted = fit_network(replace(block, inputs=inputs), NetworkOptions(**OWN))
    assert fitted.present.all()
    assert np.isfinite(fitted.trials["validation_loss"]).all()
    assert fitted.trials["validation_loss"].max() < 1


def test_fewer_rows_than_a_batch_and_folds_without_rows_are_learnt_from(make_block):
    block = make_block()
    empty = block.folds.held_out[1][block.atom] & (np.arange(len(block.atom)) < block.row_start[1])
    outputs = np.where(empty, np.nan, block.outputs)
    kept = np.flatnonzero(~empty)
    start = np.searchsorted(kept, block.row_start)
    block = replace(
        block, inputs=block.inputs[:, kept], outputs=outputs[:, kept], atom=block.atom[kept], row_start=start
    )
    fitted = fit_network(block, NetworkOptions(**{**OWN, "batch": 4096}))
    assert not fitted.present[0, 1]  # nothing to judge it on
    assert fitted.present.sum() == fitted.present.size - 1
    assert (fitted.trials["chosen"] >= 0).tolist() == fitted.present.tolist()
    assert np.isfinite(fitted.trials["validation_loss"][fitted.present]).all()


def test_without_a_jackknife_the_last_fifth_of_the_training_time_judges(make_block, scrambled):
    block = make_block(jackknife=None)
    judged = block.folds.validation(0, 0)[block.atom]
    share = judged.sum() / block.folds.train[0][block.atom].sum()
    assert 0.18 < share < 0.22
    options = NetworkOptions(**OWN, search=SEARCHES["grid"])
    before, after = (fit_network(one, options) for one in (block, scrambled(block, judged, 4)))
    assert before.trials["validation_loss"].tobytes() != after.trials["validation_loss"].tobytes()
    assert before.stack.arrays["input_mean"].tobytes() == after.stack.arrays["input_mean"].tobytes()
