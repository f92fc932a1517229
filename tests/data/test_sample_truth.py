import numpy as np
import pytest
import xarray as xr

from motrain_app.data.sample import NOISE, OUTPUTS, REGIMES, STATES, make_sample, read_truth, true_operator


@pytest.fixture(scope="module")
def sample() -> xr.Dataset:
    return make_sample()


def states_of(dataset: xr.Dataset) -> np.ndarray:
    return np.stack([dataset[name].values.astype(np.float64) for name in STATES], axis=-1)


def noise_of(dataset: xr.Dataset, output: str) -> np.ndarray:
    return dataset[output].values.astype(np.float64) - dataset[f"truth_{output}"].values


@pytest.mark.parametrize("code", range(3))
def test_the_stored_truth_is_that_of_the_operator(sample: xr.Dataset, code: int) -> None:
    part = sample.isel(space=sample.truth_regime.values == code)
    x = states_of(part)
    seen = np.isfinite(x).all(axis=-1)
    expected = true_operator(REGIMES[code])(x[seen])
    for column, name in enumerate(OUTPUTS):
        truth = part[f"truth_{name}"].values
        np.testing.assert_array_equal(np.isfinite(truth), seen)
        np.testing.assert_allclose(truth[seen], expected[:, column], rtol=2e-7)


def test_the_truth_in_the_file_is_that_of_the_code(sample: xr.Dataset) -> None:
    operators, noise = read_truth(sample)
    assert operators == {code: true_operator(name) for code, name in enumerate(REGIMES)}
    assert noise == dict(NOISE)
    with pytest.raises(ValueError, match="carries no known truth"):
        read_truth(sample.drop_attrs())


def test_an_unknown_regime_is_refused() -> None:
    assert true_operator(2).regime == "mountain"
    for wrong in ("desert", 3, -1):
        with pytest.raises(KeyError, match="cropland, forest, mountain"):
            true_operator(wrong)


@pytest.mark.parametrize("regime", REGIMES)
def test_the_jacobian_is_that_of_finite_differences(regime: str) -> None:
    h = true_operator(regime)
    x = np.array([[290.0, 288.0, 0.25, 0.27, 2.0, 0.1], [280.0, 281.0, 0.10, 0.20, 0.5, 0.0]])
    steps = np.diag([0.1, 0.1, 1e-4, 1e-4, 1e-4, 1e-4])
    differences = np.stack([(h(x + s) - h(x - s)) / (2 * s.sum()) for s in steps], axis=-1)
    np.testing.assert_allclose(h.jacobian(x), differences, rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(h.jacobian(x)[:, 1], [h.slope_parameters.coefficients] * 2)


@pytest.mark.parametrize("code", range(3))
def test_slope_is_exactly_linear_in_each_regime(sample: xr.Dataset, code: int) -> None:
    part = sample.isel(space=sample.truth_regime.values == code)
    x = states_of(part)
    seen = np.isfinite(x).all(axis=-1)
    design = np.column_stack([np.ones(seen.sum()), x[seen] - x[seen].mean(axis=0)])
    truth = part.truth_slope.values[seen].astype(np.float64)
    rest = truth - design @ np.linalg.lstsq(design, truth)[0]
    assert np.abs(rest).max() < 1e-6 * truth.std() + 1e-8  # float32 keeps 1e-8 of a slope of 0.1


@pytest.mark.parametrize("code", range(3))
def test_least_squares_finds_the_coefficients_of_slope(sample: xr.Dataset, code: int) -> None:
    part = sample.isel(space=sample.truth_regime.values == code)
    x, y = states_of(part), part.slope.values.astype(np.float64)
    use = np.isfinite(y)
    centre, scale = x[use].mean(axis=0), x[use].std(axis=0)
    design = np.concatenate([np.ones((*y.shape, 1)), (x - centre) / scale], axis=-1)
    design[~use] = 0.0
    gram = np.einsum("cti,ctj->ij", design, design)
    found = np.linalg.solve(gram, np.einsum("cti,ct->i", design, np.where(use, y, 0.0)))
    rest = np.where(use, y - design @ found, 0.0)
    # Noise is independent between cells: sums over a cell hold all autocorrelation (cluster-robust errors).
    scores = np.einsum("cti,ct->ci", design, rest)
    inverse = np.linalg.inv(gram)
    errors = np.sqrt(np.diag(inverse @ (scores.T @ scores) @ inverse))
    truth = true_operator(code).slope_parameters
    expected = np.append(truth.intercept + truth.coefficients @ centre, truth.coefficients * scale)
    assert (np.abs(found - expected) < 3 * errors).all()
    # The errors are small enough for the test to mean something: no coefficient could be zero.
    assert (3 * errors[1:] < np.abs(truth.coefficients * scale)).all()


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_noise_is_the_autoregression_that_the_file_tells(sample: xr.Dataset, output: str) -> None:
    noise = noise_of(sample, output)
    told = read_truth(sample)[1][output]
    np.testing.assert_allclose(np.nanstd(noise), told.sd, rtol=0.02)
    np.testing.assert_allclose(np.nanmean(noise), 0.0, atol=0.02 * told.sd)
    days = (sample.time.values - sample.time.values[0]) / np.timedelta64(1, "D")
    for steps in (1, 2, 5, 20, 60):
        product = noise[:, steps:] * noise[:, :-steps] / told.sd**2
        expected = np.exp(-(days[steps:] - days[:-steps]) / told.efolding_days)
        present = np.isfinite(product)
        expected = np.broadcast_to(expected, product.shape)[present]
        np.testing.assert_allclose(product[present].mean(), expected.mean(), atol=0.02)
    # Innovations are white: an AR(2), or a wrong handling of irregular steps, would show here.
    first, second, third = (noise[:, i : noise.shape[1] - 2 + i] for i in range(3))
    decay = np.exp(-np.diff(days) / told.efolding_days)
    early = (second - decay[:-1] * first) / np.sqrt(1 - decay[:-1] ** 2)
    late = (third - decay[1:] * second) / np.sqrt(1 - decay[1:] ** 2)
    together = np.isfinite(early * late)
    np.testing.assert_allclose(late[together].std(), told.sd, rtol=0.02)
    np.testing.assert_allclose(np.corrcoef(early[together], late[together])[0, 1], 0.0, atol=0.01)


def test_the_noise_of_cells_and_outputs_is_independent(sample: xr.Dataset) -> None:
    backscatter = noise_of(sample, "backscatter") / NOISE["backscatter"].sd
    slope = noise_of(sample, "slope") / NOISE["slope"].sd
    np.testing.assert_allclose(np.nanmean(backscatter * slope), 0.0, atol=0.01)
    np.testing.assert_allclose(np.nanmean(backscatter[1:] * backscatter[:-1]), 0.0, atol=0.015)
    np.testing.assert_allclose(np.nanmean(slope[1:] * slope[:-1]), 0.0, atol=0.015)


def test_frozen_soil_lowers_backscatter_and_a_filter_removes_it(sample: xr.Dataset) -> None:
    x = states_of(sample)
    seen = np.isfinite(x).all(axis=-1)
    frozen = seen & (x[..., 0] < 273.15)
    assert 0.02 < frozen.sum() / seen.sum() < 0.2
    for code in range(3):
        here = frozen[sample.truth_regime.values == code]
        assert here.any()
    thawed = x[frozen]
    thawed[:, 0] = 274.0
    h = true_operator("cropland")
    drop = h.backscatter(thawed) - h.backscatter(x[frozen])
    np.testing.assert_allclose(drop, 4.5)
    assert not (frozen & (sample.TG1.values > 273.65)).any()
