"""The sample dataset knows its truth: what is learnt, and what partitioning gains, is checked against it."""

import numpy as np
import pytest

from motrain_app.data.sample import OUTPUTS, REGIMES, STATES, make_sample, sample_regions, true_operator
from motrain_app.data.sample_optimum import population_mse
from motrain_app.design import Design, Learner
from motrain_app.runs import Run, create_run
from tests.runs.conftest import drive_here

pytestmark = pytest.mark.slow
FROZEN = "TG1 > 273.65"
NETWORK = Learner("network", {"hidden": [16], "epochs": 40, "batch": 512, "learning_rate": 0.01})


@pytest.fixture(scope="module")
def sample():
    """The sample dataset: 200 cells, six years, the last of which is the test."""
    return make_sample(cells=200, years=6)


@pytest.fixture(scope="module")
def trained(sample, tmp_path_factory):
    """Return a function that trains the sample with a learner, along the regimes or everywhere, once."""
    folder = tmp_path_factory.mktemp("truth")
    sample.to_zarr(folder / "data.zarr", consolidated=False)
    runs: dict[tuple[str, bool], Run] = {}

    def train(learner: str | Learner, *, regimes: bool) -> Run:
        key = str(learner), regimes
        if key not in runs:
            regions = sample_regions() if regimes else None
            design = Design(
                folder / "data.zarr",
                STATES,
                ["backscatter", "slope"],
                regions=regions,
                filters=[FROZEN],
                test="2015-01-01",
                learner=learner,
            )
            run = create_run(design, folder / "runs")
            assert drive_here(run) == "done"
            runs[key] = Run.open(run.path)
        return runs[key]

    return train


def _training_rows(sample):
    return (sample["TG1"] > 273.65) & (sample["time"] < np.datetime64("2015-01-01"))


def _pooled_mse(run, output):
    """Mean squared out-of-fold error over all rows of all partitions."""
    frame = run.skill().query("metric == 'rmse' and output == @output")
    return float((frame["value"] ** 2 * frame["n"]).sum() / frame["n"].sum())


def test_ridge_recovers_the_coefficients_of_slope_in_each_regime(sample, trained):
    """Within three standard errors that allow for AR(1) noise: each cell is a cluster, and cells are independent."""
    run = trained("ridge", regimes=True)
    keep = _training_rows(sample).values & np.isfinite(sample["slope"].values)
    for code, regime in enumerate(REGIMES):
        mine = keep & (sample["truth_regime"].values == code)[:, None]
        x = np.stack([sample[name].values[mine] for name in STATES], axis=1).astype(float)
        centred = np.c_[np.ones(len(x)), x - x.mean(axis=0)]
        y = sample["slope"].values[mine].astype(float)
        residual = y - centred @ np.linalg.lstsq(centred, y, rcond=None)[0]
        cell = np.broadcast_to(np.arange(mine.shape[0])[:, None], mine.shape)[mine]
        score = np.stack([np.bincount(cell, column) for column in (centred * residual[:, None]).T], axis=1)
        bread = np.linalg.inv(centred.T @ centred)
        error = np.sqrt(np.diag(bread @ (score.T @ score) @ bread))[1:]
        found = run.operator(regime).jacobian(x.mean(axis=0, keepdims=True))[0, 1]
        truth = true_operator(regime).jacobian(x.mean(axis=0, keepdims=True))[0, 1]
        assert (np.abs(found - truth) < 3 * error).all(), (regime, (found - truth) / error)


@pytest.mark.parametrize("learner", ["ridge", "ridge2"])
@pytest.mark.parametrize("output", ["backscatter", "slope"])
def test_partitions_along_the_regimes_gain_what_the_population_optimum_gains(sample, trained, learner, output):
    kind = {"ridge": "linear", "ridge2": "quadratic"}[learner]
    rows = _training_rows(sample) & np.isfinite(sample[output])
    one = population_mse(sample, output, learner=kind, rows=rows).mse
    three = population_mse(sample, output, sample["truth_regime"].values, learner=kind, rows=rows).mse
    gain = _pooled_mse(trained(learner, regimes=False), output) - _pooled_mse(trained(learner, regimes=True), output)
    assert one - three > 0.1 * three
    assert gain == pytest.approx(one - three, rel=0.1)


def test_a_linear_learner_loses_on_backscatter_and_a_quadratic_one_less(trained):
    linear, quadratic = (_pooled_mse(trained(learner, regimes=True), "backscatter") for learner in ("ridge", "ridge2"))
    assert quadratic < 0.6 * linear


def test_frozen_rows_are_filtered_in_training_and_nan_in_the_operator(sample, trained):
    run = trained("ridge2", regimes=True)
    got = run.predictions("mountain")
    cold = sample["TG1"].isel(space=got["cell"].values[:500]).sel(time=got["time"].values[:500])
    assert float(np.diagonal(cold.values).min()) > 273.65
    part = sample.isel(space=slice(0, 30), time=slice(0, 200))
    y = run.operator("cropland")(part)
    frozen = ~(part["TG1"].values > 273.65)
    assert np.isnan(y["slope"].values[frozen]).all()
    assert frozen.any()


@pytest.fixture(scope="module")
def network(trained):
    """The network's run along the regimes."""
    pytest.importorskip("tensorflow", reason="the network needs TensorFlow")
    return trained(NETWORK, regimes=True)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("regime", REGIMES)
def test_the_networks_error_is_within_five_per_cent_of_the_noise(sample, network, regime, output):
    """On rows that its members withheld; the noise is what those observations differ by from the truth."""
    got = network.predictions(regime).sel(output=output)
    time = np.searchsorted(sample["time"].values, got["time"].values)
    truth = sample[f"truth_{output}"].values[got["cell"].values, time]
    there = np.isfinite(got["observed"].values)
    noise, error = (
        float(np.sqrt(np.mean((got["observed"].values - other)[there] ** 2)))
        for other in (truth, got["predicted"].values)
    )
    assert there.sum() > 20_000
    assert 0.99 < error / noise < 1.05


@pytest.mark.parametrize("regime", REGIMES)
def test_the_networks_jacobian_is_the_truth_of_slope_and_equals_finite_differences(sample, network, regime):
    mine = _training_rows(sample).values & (sample["truth_regime"].values == REGIMES.index(regime))[:, None]
    x = np.stack([sample[name].values[mine] for name in STATES], axis=1).astype(float)
    x = x[np.random.default_rng(0).choice(len(x), 2000, replace=False)]
    spread, h = x.std(axis=0), network.operator(regime)
    found = h.jacobian(x)
    # What a usual change of one state does to slope, in standard deviations of the noise: the truth is up to 1.5.
    effect = (found[:, 1].mean(axis=0) - true_operator(regime).jacobian(x)[:, 1].mean(axis=0)) * spread / 0.005
    assert np.abs(effect).max() < 0.1

    steps = np.diag(1e-5 * spread)
    differences = [(h.predict((x + step).T) - h.predict((x - step).T)).T / (2 * step.sum()) for step in steps]
    largest = np.abs(found).max(axis=0)
    np.testing.assert_allclose(np.stack(differences, axis=2) / largest, found / largest, rtol=1e-4, atol=1e-6)
