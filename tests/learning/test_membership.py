"""Which members exist, and which outputs they have, is the same whoever trains them."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motrain_app.design import LeaveBlocksOut, LeaveRandomOut, LeaveYearsOut, Split
from motrain_app.design.splits import make_folds
from motrain_app.learning import membership
from motrain_app.learning.estimators import BoostingOptions, fit_boosting
from motrain_app.learning.membership import MIN_ROWS, choose_judges, learnable, wanted_members, why_untrained
from motrain_app.learning.ridge import RidgeOptions, fit_ridge
from tests.learning.conftest import TIME

GAPS = {
    "none": lambda year: np.zeros(year.shape, bool),
    "one year": lambda year: year == 2012,
    "all but two years": lambda year: year < 2013,
    "all but one year": lambda year: year != 2011,
    "two years, and a few rows of a third": lambda year: (
        (year > 2012) | ((year == 2012) & (np.arange(len(year)) % 11 > 0))
    ),
}


@pytest.fixture
def gappy_block(make_block):
    """Return a maker of a block of one partition, whose second output is missing where a rule says so."""

    def make(gaps, other=GAPS["none"]):
        block = make_block(partitions=1, gaps=0, jackknife=LeaveYearsOut(), test=None)
        outputs, year = block.outputs.copy(), 2010 + block.folds.fold_of_atom[block.atom]
        outputs[1, gaps(year)], outputs[0, other(year)] = np.nan, np.nan
        return replace(block, outputs=outputs)

    return make


def _has(fitted):
    """Which outputs each member has, [members, outputs]."""
    return ~np.isnan(fitted.stack.arrays["output_mean"]) & fitted.present[0][:, None]


@pytest.mark.parametrize("gaps", GAPS)
def test_ridge_has_what_can_be_learnt_and_judged(gappy_block, gaps):
    block = gappy_block(GAPS[gaps])
    rule = learnable(block.counts(0), block.folds)
    for features in ("linear", "quadratic"):
        np.testing.assert_array_equal(_has(fit_ridge(block, RidgeOptions(features=features))), rule)
    assert rule[:, 0].all()


def test_a_member_of_a_fold_that_lacks_an_output_learns_it_from_the_others(gappy_block):
    block = gappy_block(GAPS["one year"])
    assert _has(fit_ridge(block, RidgeOptions())).all()
    assert _has(fit_boosting(block, BoostingOptions(max_iter=2))).all()


@pytest.mark.slow
@pytest.mark.parametrize("gaps", GAPS)
def test_a_network_has_what_can_be_learnt_and_judged(gappy_block, gaps):
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    from motrain_app.learning.network import fit_network
    from motrain_app.learning.network_options import NetworkOptions

    block = gappy_block(GAPS[gaps])
    has, rule = _has(fit_network(block, NetworkOptions(hidden=(4,), epochs=2))), learnable(block.counts(0), block.folds)
    assert (has >= rule).all()
    if gaps != "all but one year":  # whoever learns all outputs together learns one with no row to judge it, too
        np.testing.assert_array_equal(has, rule)


def test_a_fold_that_holds_only_what_cannot_be_learnt_judges_nobody(gappy_block):
    block = gappy_block(GAPS["all but one year"], other=lambda year: year == 2011)
    counts = block.counts(0)
    assert choose_judges(block.folds, counts)[0] == 2  # 2011 is the next one
    assert choose_judges(block.folds, counts[1:])[0] == -1


def test_the_fold_that_serves_every_output_judges(gappy_block):
    block = gappy_block(GAPS["two years, and a few rows of a third"])
    counts = block.counts(0)
    assert 0 < counts[1, block.folds.held[2]].sum() < 2 * MIN_ROWS
    judges = choose_judges(block.folds, counts)[0]
    assert (counts[1] @ block.folds.fit(0, judges)) >= MIN_ROWS


DAYS = np.arange("2010-01-01", "2014-01-01", dtype="datetime64[D]")
FOLDS = {
    "one": make_folds(None, None, DAYS),
    "years": make_folds(Split("2013-06-01", embargo=20), LeaveYearsOut(embargo=10), DAYS),
    "blocks": make_folds(None, LeaveBlocksOut(days=60), DAYS),
    "wide embargo": make_folds(None, LeaveBlocksOut(days=60, embargo=200), DAYS),
    "random": make_folds(None, LeaveRandomOut(folds=5, embargo=4), DAYS),
}


def _served_by(folds, member, holdout, counts):
    """Say how a fold serves each output: 0, or from 1 to 3."""
    learnt, judging = counts @ folds.fit(member, holdout), counts @ folds.validation(member, holdout)
    return np.where(learnt >= MIN_ROWS, 1 + (judging > 0) + (judging >= MIN_ROWS), 0)


def _judge_of(folds, member, counts):
    """Choose by looking at one fold after the other."""
    best, found = 0, -1
    for holdout in folds.validators(member).tolist():
        served = _served_by(folds, member, holdout, counts)
        if served.max() > 1 and served.sum() > best:
            best, found = served.sum(), holdout
    return found


@pytest.mark.parametrize("name", FOLDS)
@given(seed=st.integers(0, 2**32 - 1), n_outputs=st.integers(1, 3), most=st.sampled_from([1, 3, 12, 40]))
@settings(max_examples=10, deadline=None)
def test_all_pairs_of_folds_at_once_choose_whom_one_after_the_other_does(name, seed, n_outputs, most):
    folds, random = FOLDS[name], np.random.default_rng(seed)
    shape = (n_outputs, folds.n_atoms)
    counts = random.integers(0, most + 1, shape) * (random.random(shape) < random.random((n_outputs, 1)))
    varies = random.random((folds.n_members, n_outputs)) < 0.7
    every, of_varying = (
        np.array([_judge_of(folds, member, counts * of[:, None]) for member, of in enumerate(some)])
        for some in (np.ones_like(varies), varies)
    )
    wanted = wanted_members(counts.sum(axis=0) > 0, folds)
    can = [
        any((_served_by(folds, member, holdout, counts) > 1)[output] for holdout in folds.validators(member))
        for member in range(folds.n_members)
        for output in range(n_outputs)
    ]
    with pytest.MonkeyPatch.context() as patch:
        for at_once in (1, 1 << 20):
            patch.setattr(membership, "_VALUES_AT_ONCE", at_once)
            np.testing.assert_array_equal(choose_judges(folds, counts), every)
            judges = choose_judges(folds, counts, varies)
            np.testing.assert_array_equal(judges, np.where(of_varying < 0, every, of_varying))
            learnt = learnable(counts, folds)
            np.testing.assert_array_equal(learnt, np.reshape(can, learnt.shape) & wanted[:, None])


def test_many_folds_with_few_rows_each_have_their_judges_in_a_fraction_of_the_time_of_looking_at_each():
    folds = make_folds(None, LeaveBlocksOut(days=14), DAYS)
    counts = np.full((3, folds.n_atoms), MIN_ROWS // 2)  # no fold has as many as it should, so none ends the search
    begin = time.process_time()
    slow = [_judge_of(folds, member, counts) for member in range(folds.n_members)]
    middle = time.process_time()
    assert choose_judges(folds, counts).tolist() == slow
    assert time.process_time() - middle < (middle - begin) / 5


@pytest.mark.slow
def test_who_is_judged_on_nothing_is_never_the_best(gappy_block):
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    from motrain_app.learning.network import fit_network
    from motrain_app.learning.network_options import NetworkOptions

    block = gappy_block(GAPS["all but one year"], other=lambda year: year == 2011)
    search = {"space": {"learning_rate": [1e-6, 0.02]}}
    trials = fit_network(block, NetworkOptions(hidden=(6,), epochs=30, batch=32, search=search)).trials
    assert (trials["validation_loss"] > 0).all()
    assert (trials["chosen"][0] == 1).all()


def test_a_loss_without_a_judged_row_is_infinite():
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    from types import SimpleNamespace

    from motrain_app.learning.network_program import _mean_over_outputs

    settings = SimpleNamespace(place=SimpleNamespace(output_weight=np.ones((2, 2), np.float32)))
    count = np.array([[0, 0], [3, 0]], np.float32)
    assert np.asarray(_mean_over_outputs(np.ones((2, 2), np.float32), count, settings)).tolist() == [np.inf, 1.0]


def test_of_several_outputs_the_one_with_the_most_rows_is_spoken_of(gappy_block):
    block = gappy_block(lambda year: year < 2014, other=GAPS["all but one year"])
    assert "lie in 2 of the jackknife's folds (2014, 2015)" in why_untrained(block.counts(0), block.folds)


def test_who_sets_no_rows_aside_to_judge_is_told_of_no_rows_that_judge(make_block):
    few = make_block(partitions=1, jackknife=None, gaps=0)
    few.outputs[:, MIN_ROWS - 1 :] = np.nan
    one = make_block(partitions=1, gaps=0)
    one.outputs[:, ~one.folds.held_out[2][one.atom]] = np.nan
    n = np.isfinite(one.outputs[0]).sum()
    told = [
        (few, f"It has {MIN_ROWS - 1} training rows, too few: it needs at least {MIN_ROWS} to learn from."),
        (
            one,
            f"Its {n} training rows lie in 1 of the jackknife's folds (2012); it needs two: one held out, one to learn "
            "from.",
        ),
    ]
    for block, words in told:
        assert fit_boosting(block, BoostingOptions(max_iter=2)).errors == {0: words}


@pytest.mark.parametrize(
    ("rows", "jackknife", "judged", "words"),
    [
        ((5, 4, 2), LeaveYearsOut(), False, "the smallest fold leaves 9"),
        (
            (5, 4, 2),
            LeaveYearsOut(),
            True,
            "the two smallest folds, one held out and one to judge what is learnt, leave 5",
        ),
        ((4, 4, 3), None, True, "the last fifth of their times, which judges, leaves 8"),
    ],
    ids=["nobody judges", "a fold judges", "no jackknife"],
)
def test_of_too_few_rows_it_is_told_how_many_are_left(rows, jackknife, judged, words):
    year = TIME.astype("datetime64[Y]").astype(int) + 1970
    times = np.concatenate([np.flatnonzero(year == 2010 + number)[-n:] for number, n in enumerate(rows)])
    whole = make_folds(None, jackknife, TIME if jackknife else TIME[year <= 2012])
    counts = np.bincount(whole.atom_of_time[times], minlength=whole.n_atoms)[None]
    told = why_untrained(counts, whole, judged=judged)
    assert told == f"It has 11 training rows, too few: {words} to learn from, and it needs at least {MIN_ROWS}."


def test_where_no_row_can_judge_that_is_the_reason():
    """An output that a partition has for years, but not in the last fifth of its times: rows are not too few."""
    whole = make_folds(None, None, TIME)
    counts = np.bincount(whole.atom_of_time[np.flatnonzero(~whole.held[0][whole.atom_of_time])[:40]])[None]
    counts = np.pad(counts, ((0, 0), (0, whole.n_atoms - counts.shape[1])))
    assert why_untrained(counts, whole) == (
        "None of its 40 training rows lies in the last fifth of its times, which judges what is learnt."
    )


@pytest.mark.parametrize(
    ("fit", "new_years", "to_judge"),
    [
        (lambda block: fit_ridge(block, RidgeOptions()), (2011, 2012), ", and one to judge what is learnt"),
        (lambda block: fit_boosting(block, BoostingOptions(max_iter=2)), (2011,), ""),
    ],
    ids=["ridge", "boosting"],
)
def test_an_embargo_that_takes_the_rows_is_named_and_a_shorter_one_leaves_them(make_block, fit, new_years, to_judge):
    found = {}
    for embargo in (40, 0):
        block = make_block(partitions=1, gaps=0, jackknife=LeaveYearsOut(embargo=embargo), test=None)
        apart = np.min([np.abs(TIME - np.datetime64(f"{year}-01-01")) for year in new_years], axis=0)
        times = np.repeat(np.flatnonzero(apart < np.timedelta64(20, "D")), 20)
        values = np.random.default_rng(0).normal(size=(5, len(times))).astype(np.float32)
        atom, start = block.folds.atom_of_time[times], np.array([0, len(times)])
        found[embargo] = fit(replace(block, inputs=values[:3], outputs=values[3:], atom=atom, row_start=start))
    assert found[40].errors == {
        0: f"It has {len(times)} training rows, of which the jackknife's embargo takes too many: each fold must leave "
        f"at least {MIN_ROWS} to learn from{to_judge}. Make the embargo shorter."
    }
    assert found[0].present.any()
