import numpy as np
import pytest
import xarray as xr

from motrain_app.data.sample import NOISE, OUTPUTS, REGIMES, STATES, make_sample
from motrain_app.data.sample_optimum import population_mse


@pytest.fixture(scope="module")
def sample() -> xr.Dataset:
    return make_sample(cells=200, years=4)


@pytest.fixture(scope="module")
def thawed(sample: xr.Dataset) -> xr.DataArray:
    return sample.TG1 > 273.65


def best_fit(dataset: xr.Dataset, output: str, use: np.ndarray, *, quadratic: bool = False) -> np.ndarray:
    """Residual of the output after least squares on the states, (space, time), NaN outside `use`."""
    x = np.stack([dataset[name].values.astype(np.float64) for name in STATES], axis=-1)
    x = (x - x[use].mean(axis=0)) / x[use].std(axis=0)
    columns = [np.ones((*use.shape, 1)), x]
    if quadratic:
        columns += [x[..., [i]] * x[..., i:] for i in range(len(STATES))]
    design = np.concatenate(columns, axis=-1)
    y = dataset[output].values.astype(np.float64)
    return np.where(use, y - design @ np.linalg.lstsq(design[use], y[use])[0], np.nan)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("learner", ["linear", "quadratic"])
def test_it_equals_least_squares_on_the_truth(sample, thawed, output: str, learner: str) -> None:
    labels = np.where(np.arange(sample.sizes["space"]) % 5 == 0, -1, sample.truth_regime.values)
    optimum = population_mse(sample, output, labels, learner=learner, rows=thawed)
    use = np.isfinite(sample[output].values) & thawed.values
    squares = []
    for label, mse, rows in zip(optimum.labels, optimum.mse_by_label, optimum.rows_by_label, strict=True):
        here = use & (labels == label)[:, None]
        rest = best_fit(sample, f"truth_{output}", here, quadratic=learner == "quadratic")[here]
        assert rows == here.sum()
        np.testing.assert_allclose(mse, (rest**2).mean() + NOISE[output].sd ** 2, rtol=1e-9)
        squares.append(rest**2)
    np.testing.assert_allclose(optimum.mse, np.concatenate(squares).mean() + optimum.floor, rtol=1e-9)


def test_labels_may_change_with_time(sample, thawed) -> None:
    summer = np.broadcast_to(
        np.isin(sample.time.dt.month, (5, 6, 7, 8)).astype(int), (sample.sizes["space"], sample.sizes["time"])
    )
    seasons = population_mse(sample, "backscatter", summer, rows=thawed)
    assert seasons.labels.tolist() == [0, 1]
    assert seasons.mse < population_mse(sample, "backscatter", rows=thawed).mse


def test_partitions_along_the_regimes_pay(sample, thawed) -> None:
    for output in OUTPUTS:
        for learner in ("linear", "quadratic"):
            one = population_mse(sample, output, learner=learner, rows=thawed)
            three = population_mse(sample, output, sample.truth_regime, learner=learner, rows=thawed)
            assert one.mse - three.mse > 1.5 * one.floor, (output, learner)


def test_real_least_squares_gains_what_the_optimum_says(sample, thawed) -> None:
    for output in OUTPUTS:
        use = np.isfinite(sample[output].values) & thawed.values
        one = np.nanmean(best_fit(sample, output, use) ** 2)
        three = sum(
            np.nansum(best_fit(sample, output, use & (sample.truth_regime.values == code)[:, None]) ** 2)
            for code in range(3)
        ) / np.count_nonzero(use)
        expected = (
            population_mse(sample, output, rows=thawed).mse
            - population_mse(sample, output, sample.truth_regime, rows=thawed).mse
        )
        np.testing.assert_allclose(one - three, expected, rtol=0.05)


def test_a_linear_learner_loses_on_backscatter_and_a_quadratic_one_hardly(sample, thawed) -> None:
    linear = population_mse(sample, "backscatter", sample.truth_regime, rows=thawed)
    quadratic = population_mse(sample, "backscatter", sample.truth_regime, learner="quadratic", rows=thawed)
    assert (linear.mse_by_label > 1.5 * linear.floor).all()
    assert (quadratic.mse_by_label < 1.2 * quadratic.floor).all()
    slope = population_mse(sample, "slope", sample.truth_regime, rows=thawed)
    np.testing.assert_allclose(slope.mse_by_label, slope.floor, rtol=1e-6)


def test_frozen_rows_spoil_backscatter(sample, thawed) -> None:
    everything = population_mse(sample, "backscatter", sample.truth_regime)
    filtered = population_mse(sample, "backscatter", sample.truth_regime, rows=thawed)
    assert everything.mse > 2 * filtered.mse


def test_random_partitions_do_not_pay(sample, thawed) -> None:
    labels = np.random.default_rng(3).integers(0, 3, sample.sizes["space"])
    for output in OUTPUTS:
        one = population_mse(sample, output, rows=thawed)
        by_chance = population_mse(sample, output, labels, rows=thawed)
        along = population_mse(sample, output, sample.truth_regime, rows=thawed)
        assert one.mse - by_chance.mse < 0.05 * (one.mse - along.mse)


def test_where_there_is_one_regime_partitions_gain_nothing_on_slope() -> None:
    uniform = make_sample(cells=100, years=2, regimes=1)
    regions = make_sample(cells=100, years=2).truth_regime.values
    optimum = population_mse(uniform, "slope", regions)
    np.testing.assert_allclose(optimum.mse_by_label, optimum.floor, rtol=1e-6)


@pytest.mark.parametrize("output", OUTPUTS)
def test_one_operator_for_all_is_biased_in_the_mountains(sample, thawed, output: str) -> None:
    use = np.isfinite(sample[output].values) & thawed.values
    bias = np.nanmean(best_fit(sample, output, use), axis=1) / NOISE[output].sd
    size = {name: abs(bias[sample.truth_regime.values == code].mean()) for code, name in enumerate(REGIMES)}
    assert size["mountain"] > 2.0
    assert size["mountain"] > 1.5 * size["forest"] > 1.5 * size["cropland"]


def test_an_empty_choice_of_rows_has_no_error(sample) -> None:
    nothing = population_mse(sample, "slope", rows=sample.TG1 > 400.0)
    assert np.isnan(nothing.mse)
    assert nothing.labels.size == 0
