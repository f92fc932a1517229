"""Paired errors: what one row of one partition says is nothing to the others."""

import numpy as np
import pytest

from motrain_app.operators import Variable
from motrain_app.runs.comparison.paired import PairedErrors, PairedRows, stack_changes
from motrain_app.runs.comparison.paying import payoffs_of
from motrain_app.runs.comparison.run_comparison import Change

N = 500
TIME = np.datetime64("2010-01-01", "ns") + np.arange(N) * np.timedelta64(3, "D")


def rows(observed, one, other):
    return PairedRows(observed[None], one[None], other[None], np.arange(N))


@pytest.mark.parametrize("absurd", [1e6, 1e12, 1e25])
def test_an_absurd_row_is_nothing_to_other_partitions(absurd):
    random = np.random.default_rng(0)
    observed = 285 + random.normal(size=N)
    one, other = (observed + scale * random.normal(size=N) for scale in (0.1, 0.3))
    spoiled = one.copy()
    spoiled[7] += absurd
    alone, after = (PairedErrors(TIME, 0, np.zeros(1)) for _ in range(2))
    after.daily(rows(observed, spoiled, spoiled))
    expected, found = (judge.change(judge.daily(rows(observed, one, other))) for judge in (alone, after))
    for name in ("rmse", "other_rmse", "value", "low", "high", "p"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_allclose(found.rmse, np.sqrt(np.mean((one - observed) ** 2)), rtol=1e-12)


@pytest.mark.parametrize("bias", [0.3, 10.0])
def test_what_is_exact_stays_so_beside_partitions_that_are_not(bias):
    random = np.random.default_rng(0)
    observed, constant, noise = random.normal(size=N), np.full(N, 7.25), 0.1 * random.normal(size=N)
    judge = PairedErrors(TIME, 0, np.zeros(1))
    judge.add(rows(observed, observed + bias + noise, observed + bias), np.ones((1, N)))
    exact = judge.change(judge.daily(rows(constant, constant, constant + noise)))
    assert (exact.rmse.item(), exact.value.item()) == (0.0, -100.0)
    other = judge.change(judge.daily(rows(constant, constant + noise, constant)))
    assert other.other_rmse.item() == 0.0
    assert np.isnan([other.value, other.low, other.high]).all()


def test_where_the_other_errs_on_two_days_only_the_days_are_not_too_few():
    """Rain, say: one draw of days in seven has neither of the two, and so no ratio; of days there are 1,500."""
    zero, noise = np.zeros(N), 1e-3 * np.random.default_rng(0).normal(size=N)
    wet = np.isin(np.arange(N), (130, 370))
    judge = PairedErrors(TIME, 0, np.zeros(1))
    judge.add(rows(zero, 0.5 * wet + noise, 1.0 * wet), np.ones((1, N)))
    change = judge.change()
    assert np.isnan([change.low, change.high, change.p]).all()
    payoff = payoffs_of((Variable("rain", "mm"),), change, stack_changes([change]))[0]
    assert payoff.blocks == change.blocks > 100
    assert "RMSE −49." in payoff.sentence() or "RMSE −50." in payoff.sentence()
    assert "(no interval, as the other one is zero in over a tenth of the draws of days)" in payoff.sentence()
    few = judge.change(judge.daily(PairedRows(zero[None, :9], noise[None, :9], 2 * noise[None, :9], np.arange(9))))
    assert few.blocks < 10


def test_one_absurd_observation_does_not_tell_that_partitioning_does_not_pay():
    """In draws that have it both RMSE are as large, but for a millionth; in the others one is far the larger."""
    random = np.random.default_rng(0)
    observed, noise = random.normal(size=N), random.normal(size=(2, N))
    one, other = observed + 1.4 * noise[0], observed + noise[1]
    observed[300], one[300], other[300] = -1e6, 1.0, 0.0
    judge = PairedErrors(TIME, 0, np.zeros(1))
    judge.add(rows(observed, one, other), np.ones((1, N)))
    change = judge.change()
    payoff = payoffs_of((Variable("s0", "dB"),), change, stack_changes([change]))[0]
    assert 0 < payoff.low < 0.05 < 20 < payoff.high
    assert payoff.verdict == "cannot be told"
    assert payoff.sentence().startswith("Whether partitioning pays for s0 cannot be told: RMSE +0.0 % [+0.0, +")


def test_false_discoveries_of_an_output_are_none_of_the_others():
    """Of the second, 0.02 is nothing among ten partitions; beside ten of the first that differ it would be one."""
    p = np.stack([np.full(10, 1e-9), np.r_[0.02, np.linspace(0.3, 1, 9)]], axis=1)
    others = ("rmse", "other_rmse", "value", "low", "high", "blocks")
    of_each = [
        Change(n=np.ones(2, int), p=one, significant=one <= 0.05, **{name: np.ones(2) for name in others}) for one in p
    ]
    assert of_each[0].significant.all()
    stacked = stack_changes(of_each)
    assert stacked.significant[:, 0].all()
    assert not stacked.significant[:, 1].any()
