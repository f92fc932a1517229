import numpy as np
import pytest

from motrain_app.skill import Metric, best_index, best_indices, get_metric, metric, metric_names, moments
from motrain_app.skill.registry import _REGISTRY

NAN = float("nan")


@pytest.fixture
def registry():
    before = dict(_REGISTRY)
    yield
    _REGISTRY.clear()
    _REGISTRY.update(before)


def test_the_metrics_stand_in_the_order_of_the_tables():
    errors, relations = ("bias", "mae", "rmse", "ubrmse"), ("r", "spearman", "r2", "kge", "sd_ratio", "anomaly_r")
    assert metric_names() == (*errors, *relations, "skill", "coverage", "n", "n_effective")


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="'RMSE'; there are bias, mae, rmse"):
        get_metric("RMSE")


def test_the_best_rmse_is_the_smallest_not_the_last_that_beats_the_first():
    # MOTrainer took index 4.
    assert best_index([0.9, 0.5, 0.7, 0.85, 0.6], "rmse") == 1


def test_the_best_correlation_is_the_largest():
    # MOTrainer took the smallest.
    for name in ("r", "r2", "skill", "n"):
        assert best_index([0.9, 0.5, 0.7, 0.95, 0.6], name) == 3


def test_the_best_bias_is_the_one_nearest_zero_from_either_side():
    assert best_index([-3.0, 0.5, -0.1, 0.2], "bias") == 2
    assert best_index([-3.0, 0.1, -0.5], get_metric("bias")) == 1


def test_missing_values_never_win_and_the_first_of_equals_does():
    assert best_index([NAN, 2.0, 1.0, 1.0, NAN], "rmse") == 2
    assert best_index([NAN, np.inf], "rmse") == 1
    assert best_index([-np.inf, NAN], "r2") == 0


def test_nothing_can_be_chosen_where_nothing_is_a_number():
    for values in ([], [NAN, NAN]):
        for known in ("rmse", get_metric("rmse")):
            with pytest.raises(ValueError, match="values of rmse is a number"):
                best_index(values, known)
    with pytest.raises(ValueError, match="one dimension, not 2"):
        best_index([[1.0]], "rmse")


def test_many_choices_at_once_mark_what_has_no_value():
    values = np.array([[3.0, NAN, NAN], [2.0, NAN, 5.0], [4.0, NAN, 1.0]])
    np.testing.assert_array_equal(best_indices(values, "rmse"), [1, -1, 2])
    np.testing.assert_array_equal(best_indices(np.empty((0, 2)), "rmse"), [-1, -1])


@pytest.mark.usefixtures("registry")
def test_a_metric_of_ones_own_is_one_decorated_function():
    @metric(best=1.0, direction="zero", unit="none")
    def spread(m):
        """Ratio of standard deviations."""
        return np.sqrt(m.predicted_variance / m.observed_variance)

    assert metric_names()[-1] == "spread"
    known = get_metric("spread")
    assert isinstance(known, Metric)
    assert known.title == "Ratio of standard deviations"
    np.testing.assert_allclose(known.function(moments([1.0, 2.0], [1.0, 3.0])), 2)
    assert best_index([0.5, 2.0, 0.9, 1.4], "spread") == 2


@pytest.mark.usefixtures("registry")
def test_the_same_metric_may_be_defined_again_but_no_name_taken_twice():
    def define(module):
        def spread(m):
            return m.n

        spread.__module__ = module
        return metric(best=0.0, direction="min", unit="none")(spread)

    define("notebook")
    again = define("notebook")
    assert get_metric("spread").function is again
    assert get_metric("spread").title == "spread"
    with pytest.raises(ValueError, match="already a metric 'spread', from notebook"):
        define("elsewhere")


def test_an_unknown_option_of_a_metric_is_refused():
    with pytest.raises(ValueError, match="'up' is none of min, max, zero"):
        metric(best=0.0, direction="up", unit="none")
    with pytest.raises(ValueError, match="'dB' is none of output, square, none"):
        metric(best=0.0, direction="min", unit="dB")


@pytest.mark.parametrize("of", ["ranks", "anomalies", "intervals", "days"])
def test_a_baseline_beside_anything_but_values_is_refused(of):
    with pytest.raises(ValueError, match=f"'{of}' has no baseline beside it: needs_baseline goes with of='values'"):
        metric(best=0.0, direction="min", unit="none", of=of, needs_baseline=True)


def test_a_score_has_the_unit_of_its_output_where_it_has_one():
    assert get_metric("rmse").unit_of("dB/deg") == "dB/deg"
    assert get_metric("r").unit_of("dB/deg") == ""
    assert get_metric("rmse").unit_of("") == ""
    square = Metric("mse", lambda m: m.mse, 0.0, "min", "square", False, False)
    assert square.unit_of("dB/deg") == "(dB/deg)²"
