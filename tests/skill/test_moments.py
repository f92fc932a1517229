import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motrain_app.skill import (
    Moments,
    bias,
    loss_difference,
    mae,
    moments,
    moments_by_group,
    r,
    rmse,
    rmse_change,
    skill,
    ubrmse,
)

# The roots would magnify the rounding of an error that should be zero.
SCORES = ("n", "error_mean", "absolute_error_mean", "mse", "error_variance", "covariance")
SPREADS = ("observed_variance", "predicted_variance")

rows = st.integers(2, 40)
# Multiples of 1/64, so that inputs are exact and any difference is ours.
values = st.integers(-6400, 6400).map(lambda i: i / 64)


@st.composite
def pairs(draw):
    n = draw(rows)
    with_gaps = st.one_of(values, st.just(math.nan))
    return draw(arrays(float, n, elements=with_gaps)), draw(arrays(float, n, elements=with_gaps))


def assert_same(first: Moments, second: Moments) -> None:
    for name in SCORES + SPREADS:
        ours, expected = getattr(first, name), getattr(second, name)
        np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-10, err_msg=name)


@given(pairs(), st.data())
def test_the_order_of_rows_does_not_matter(pair, data):
    order = data.draw(st.permutations(range(len(pair[0]))))
    assert_same(moments(*pair), moments(pair[0][order], pair[1][order]))


@given(pairs(), st.integers(0, 40))
def test_moments_of_two_parts_add_to_those_of_the_whole(pair, cut):
    o, p = pair
    first, second = moments(o[:cut], p[:cut]), moments(o[cut:], p[cut:])
    assert_same(first + second, moments(o, p))
    assert_same(second + first, moments(o, p))


@given(pairs(), values)
def test_a_common_shift_of_both_series_changes_no_error(pair, shift):
    o, p = pair
    assert_same(moments(o, p), moments(o + shift, p + shift))


@given(pairs(), st.data())
def test_groups_equal_their_own_rows_and_merge_to_all_of_them(pair, data):
    o, p = pair
    group = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(o), max_size=len(o))))
    by_group = moments_by_group(o, p, group, 5)
    for g in range(5):
        assert_same(by_group[g], moments(o[group == g], p[group == g]))
    assert_same(by_group.merged(), moments(o, p))


@given(pairs(), st.data())
def test_a_part_can_be_taken_away_again(pair, data):
    o, p = pair
    group = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(o), max_size=len(o))))
    rest = moments(o, p) - moments_by_group(o, p, group, 2)
    assert_same(rest[1], moments(o[group == 0], p[group == 0]))


@given(pairs(), st.data())
def test_a_replicate_equals_its_rows_written_out(pair, data):
    o, p = pair
    group = np.arange(len(o)) % 3
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=3, max_size=3)))
    times = counts[group]
    drawn = moments_by_group(o, p, group, 3).resampled(counts[None].astype(float))
    assert_same(drawn[0], moments(np.repeat(o, times), np.repeat(p, times)))


@given(pairs(), st.data())
def test_whole_weights_equal_repeated_rows(pair, data):
    o, p = pair
    weight = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(o), max_size=len(o))))
    weighted, repeated = (
        moments(o, p, weight=weight),
        moments(np.repeat(o, weight), np.repeat(p, weight)),
    )
    assert weighted.n == np.sum((weight > 0) & ~np.isnan(o + p))
    assert weighted.weight == repeated.n
    np.testing.assert_allclose(bias(weighted), bias(repeated), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(rmse(weighted), rmse(repeated), rtol=1e-11, atol=1e-12)


def test_a_row_counts_where_all_of_its_values_stand():
    nan = np.nan
    sums = moments([1, nan, 3, 4, 5], [2, 2, nan, 4, 6], baseline=[0, 0, 0, nan, 0], weight=[1, 1, 1, 1, 2])
    assert sums.n == 2
    assert sums.weight == 3
    by_group = moments_by_group(
        [1, nan, 3, 4, 5],
        [2, 2, nan, 4, 6],
        np.array([0, 0, 0, 0, -1]),
        1,
        baseline=[0, 0, 0, nan, 0],
        weight=[1, 1, 1, 1, nan],
    )
    assert by_group.n == 1


def test_groups_are_summed_about_shifts_of_their_own_where_these_are_given():
    o, p = np.random.default_rng(0).standard_normal((2, 2, 50))
    group = np.arange(50) % 4
    own = moments_by_group(o, p, group, 4)
    again = moments_by_group(o, p, group, 4, about=own)
    np.testing.assert_array_equal(again.shift, own.shift)
    np.testing.assert_array_equal(again.sums, own.sums)


def test_small_errors_of_large_values_keep_their_digits():
    rng = np.random.default_rng(0)
    o = 285 + 0.5 * rng.standard_normal(1000)
    p = o + 1e-6 * rng.standard_normal(1000)
    error = [Fraction(a) - Fraction(b) for a, b in zip(p, o, strict=True)]
    exact = math.sqrt(sum(e * e for e in error) / 1000)
    for sums in (
        moments(o, p),
        moments(o[:1], p[:1]) + moments(o[1:], p[1:]),
        moments_by_group(o, p, np.arange(1000) % 7, 7).merged(),
        moments_by_group(o, p, np.arange(1000) % 7, 7, about=moments(o, p)).merged(),
    ):
        np.testing.assert_allclose(rmse(sums), exact, rtol=1e-12)


def test_a_small_spread_of_a_large_error_keeps_its_digits():
    error = 1e6 + np.array([0.0, 1.0, 2.0, 3.0]) / 1024
    sums = moments(np.zeros(4), error)
    np.testing.assert_allclose(ubrmse(sums), np.std([0, 1, 2, 3]) / 1024, rtol=1e-12)


def test_outputs_and_baselines_broadcast_like_numpy():
    rng = np.random.default_rng(1)
    o, p, b = rng.standard_normal((3, 50)), rng.standard_normal((3, 50)), rng.standard_normal((2, 3, 50))
    many = moments(o, p, baseline=b)
    assert many.shape == (2, 3)
    assert many.has_baseline
    one = moments(o[1], p[1], baseline=b[1, 1])
    np.testing.assert_allclose(skill(many)[1, 1], skill(one), rtol=1e-13)
    np.testing.assert_allclose(skill(many[1])[1], skill(one), rtol=1e-13)
    np.testing.assert_allclose(many.baseline_error_mean[1, 1], np.mean(b[1, 1] - o[1]), rtol=1e-12)
    np.testing.assert_allclose(many.observed_mean[0], o.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(many.predicted_mean[0], p.mean(axis=1), rtol=1e-12)
    by_group = moments_by_group(o, p, np.arange(50) % 4, 4, baseline=b)
    assert by_group.shape == (2, 3, 4)
    np.testing.assert_allclose(skill(by_group.merged()), skill(many), rtol=1e-12)


def test_moments_with_and_without_baseline_do_not_mix():
    plain, beside = moments([1, 2], [1, 3]), moments([1, 2], [1, 3], baseline=[0, 0])
    with pytest.raises(ValueError, match="do not mix"):
        plain + beside
    with pytest.raises(ValueError, match="baseline="):
        skill(plain)


def test_a_negative_weight_and_an_unknown_group_are_refused():
    with pytest.raises(ValueError, match="weights are at least 0"):
        moments([1, 2], [1, 2], weight=[1, -1])
    with pytest.raises(ValueError, match="group 3, but there are only 3"):
        moments_by_group([1, 2], [1, 2], np.array([0, 3]), 3)


def test_an_infinite_prediction_is_seen_in_the_scores():
    sums = moments([[1, 2, 3], [1, 2, 3]], [[1, np.inf, 3], [-np.inf, np.inf, 3]])
    assert np.isinf(rmse(sums)).all()
    assert np.isinf(mae(sums)).all()
    assert np.isnan(r(sums)).all()
    by_group = moments_by_group([1, 2, 3], [-np.inf, np.inf, 3], np.array([0, 1, 1]), 2, about=sums[0])
    assert np.isinf(rmse(by_group.merged()))
    own = moments_by_group([1, 2, 3], [1.5, np.inf, 3.5], np.array([0, 1, 2]), 3)  # each about its own mean
    for whole in (own.merged(), own[0] + own[1]):
        assert rmse(whole) == np.inf
        assert bias(whole) == np.inf


def test_no_rows_and_no_groups_give_no_scores():
    for sums in (
        moments(np.empty(0), np.empty(0)),
        moments_by_group(np.empty(0), np.empty(0), np.empty(0, int), 1)[0],
        moments_by_group(np.empty(0), np.empty(0), np.empty(0, int), 0).merged(),
    ):
        assert sums.n == 0
        assert np.isnan(rmse(sums))


@pytest.mark.parametrize("value", [-12.3, 285.3])
def test_what_a_fit_of_a_constant_rounds_to_is_no_error_of_a_baseline(value):
    residual = 1e-13 * value * np.random.default_rng(0).standard_normal(500)  # of a ridge fit in double precision
    constant = np.zeros(500)
    found = moments(constant + value, constant + value, baseline=residual + value)
    assert found.baseline_mse == 0
    for statistic in (skill, loss_difference, rmse_change):
        assert np.isnan(statistic(found))
    real = moments(constant + value, constant + value, baseline=constant + value * (1 + 1e-7))
    assert real.baseline_mse > 0
