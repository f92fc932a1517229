"""How often the intervals of all scores hold the truth, which is known by construction."""

import numpy as np
import pytest
import scipy.stats
from scipy.signal import lfilter

from motrain_app.skill import get_metric, score_outputs

ERROR, BIAS = 0.5, 0.2
R, RATIO = 1 / np.sqrt(1 + ERROR**2), np.sqrt(1 + ERROR**2)
TRUTH = {
    "bias": BIAS,
    "mae": scipy.stats.foldnorm.mean(BIAS / ERROR, scale=ERROR),
    "rmse": np.sqrt(ERROR**2 + BIAS**2),
    "ubrmse": ERROR,
    "r": R,
    "spearman": 6 / np.pi * np.arcsin(R / 2),
    "r2": 1 - ERROR**2 - BIAS**2,
    "kge": 1 - np.sqrt((R - 1) ** 2 + (RATIO - 1) ** 2 + BIAS**2),
    "sd_ratio": RATIO,
    "skill": 1 - ERROR**2 - BIAS**2,  # over zero, the mean of the observed
    "coverage": 0.9,
}


def autoregressive(days, memory, rng):
    """Unit-variance AR(1) series with this correlation from day to day."""
    return lfilter([1.0], [1.0, -memory], rng.standard_normal(days + 500) * np.sqrt(1 - memory**2))[500:]


def hits(memory, days, replications):
    """Share of intervals that hold the truth, by metric, and the mean number of blocks."""
    rng, time = np.random.default_rng(1), np.datetime64("1990-01-01") + np.arange(days)
    truth, found, blocks = np.array(list(TRUTH.values())), np.zeros(len(TRUTH)), []
    limit = scipy.stats.norm.ppf(0.95)
    for key in range(replications):
        observed, error = autoregressive(days, memory, rng), ERROR * autoregressive(days, memory, rng)
        within = (np.abs(error) < limit * ERROR).astype(float)
        scores = score_outputs(
            observed,
            observed + BIAS + error,
            {"zero": np.zeros((1, days))},
            time,
            within=within,
            metrics=tuple(TRUTH),
            key=key,
            replicates=600,
            constant_baselines=(),
        )
        found += (scores.low[0] <= truth) & (truth <= scores.high[0])
        blocks.append(scores.blocks[0])
    return dict(zip(TRUTH, found / replications, strict=True)), np.mean(blocks)


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "days"), [(0.5, 1500), (0.9, 5000)])
def test_intervals_of_every_score_hold_the_truth_as_often_as_they_claim(memory, days):
    found, blocks = hits(memory, days, 1000)
    assert blocks >= 40
    for name, share in found.items():
        assert 0.92 <= share <= 0.98, (name, share)


@pytest.mark.slow
@pytest.mark.parametrize("error", [0.02, 0.1])
def test_intervals_of_a_distance_hold_the_truth_also_where_noise_is_all_of_it(error):
    """Percentiles of the KGE alone hold it in a quarter of all cases where errors are 2 %."""
    days, found, rng = 1500, 0, np.random.default_rng(3)
    time = np.datetime64("1990-01-01") + np.arange(days)
    truth = 1 - np.hypot(1 / np.sqrt(1 + error**2) - 1, np.sqrt(1 + error**2) - 1)
    for key in range(400):
        observed, noise = autoregressive(days, 0.7, rng), autoregressive(days, 0.7, rng)
        scores = score_outputs(observed, observed + error * noise, {}, time, metrics=["kge"], key=key, replicates=600)
        assert scores.low[0, 0] <= scores.value[0, 0] <= scores.high[0, 0] <= 1
        found += scores.low[0, 0] <= truth <= scores.high[0, 0]
    assert found / 400 >= 0.92


def test_the_interval_of_a_distance_reaches_as_far_up_as_down_but_not_beyond_the_best():
    metric = get_metric("kge")
    assert metric.interval(0.9, 0.85, 0.91) == (0.85, pytest.approx(0.95))
    assert metric.interval(0.99, 0.95, 0.98) == (0.95, 1.0)
    assert get_metric("kge_pooled").interval(0.9, 0.85, 0.91)[1] == pytest.approx(0.95)
    assert get_metric("r").interval(0.9, 0.85, 0.91) == (0.85, 0.91)
