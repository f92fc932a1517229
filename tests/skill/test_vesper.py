"""Two models of land-surface temperature compared on 4,314 places of the globe, figure for figure.

The columns V15_error and V20_error are mean absolute errors of each place in K, although notes on the file call them
squared: the error of the means, beside them, is never larger, and its square often is.
"""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import ttest_rel

from motrain_app.design import Blocks
from motrain_app.design.regions import label_cells
from motrain_app.skill import bootstrap_groups, mae, mae_difference, moments, moments_by_group


@pytest.fixture(scope="module")
def places(shared_data) -> pd.DataFrame:
    path = shared_data / "vesper_lst_errors.csv"
    if not path.exists():
        pytest.skip("vesper_lst_errors.csv is not among the real data")
    return pd.read_csv(path)


@pytest.fixture(scope="module")
def square(places):
    """Labels of squares of ten degrees, as a design has them."""
    along = ("space",)
    positions = {"lat": (along, places["latitude_ERA"].values), "lon": (along, places["longitude_ERA"].values)}
    return label_cells([Blocks(10.0)], xr.Dataset(coords=positions)).label


def paired(places, group, n_groups):
    """V20 beside V15; an absolute error is the error of a prediction of zero."""
    zero = np.zeros(len(places))
    return moments_by_group(zero, places["V20_error"], group, n_groups, baseline=places["V15_error"])


def test_the_columns_are_mean_absolute_errors(places):
    for model in ("V15", "V20"):
        of_means = np.abs(places[f"{model}_prediction"] - places["MODIS_LST"])
        assert (places[f"{model}_error"] >= of_means - 1e-4).all()
        assert (places[f"{model}_error"] < of_means**2 - 1e-4).sum() > 1000, "no mean of squares is below the square"


def test_the_mean_errors_and_their_difference(places):
    zero = np.zeros(len(places))
    both = moments(zero, places["V20_error"], baseline=places["V15_error"])
    assert both.baseline_absolute_error_mean == pytest.approx(3.2137, abs=5e-5)
    assert mae(both) == pytest.approx(3.0591, abs=5e-5)
    assert mae_difference(both) == pytest.approx(-0.1546, abs=5e-5)
    assert both.n == 4314


def test_places_taken_for_independent_give_the_paired_t_test(places):
    expected = ttest_rel(places["V15_error"], places["V20_error"])
    assert expected.statistic == pytest.approx(10.59, abs=0.005)
    places_alone = paired(places, np.arange(len(places)), len(places))
    found = bootstrap_groups(places_alone, [mae_difference], replicates=4000, rng=np.random.default_rng(0))
    deviation = (found.high - found.low) / (2 * 1.96)
    assert -found.value / deviation == pytest.approx(expected.statistic, rel=0.05)
    assert found.p < 1e-20


def test_squares_of_ten_degrees_give_an_interval_over_twice_as_wide(places, square):
    assert square.max() + 1 == 243
    found = bootstrap_groups(
        paired(places, square, square.max() + 1), [mae_difference], replicates=10000, rng=np.random.default_rng(0)
    )
    assert found.low == pytest.approx(-0.263, abs=0.01)
    assert found.high == pytest.approx(-0.070, abs=0.01)
    assert found.value == pytest.approx(-0.1546, abs=5e-5)
    assert found.blocks == pytest.approx(64, abs=0.5), "a square on land counts for more than one at a coast"
    assert 0.001 < found.p < 0.01
    independent = 2 * 1.96 * 0.1546 / 10.59
    assert found.high - found.low > 2 * independent


def test_the_places_that_change_most(places):
    change = moments_by_group(
        np.zeros(len(places)),
        places["V20_error"],
        np.arange(len(places)),
        len(places),
        baseline=places["V15_error"],
    )
    difference = mae_difference(change)
    for at, value, where in (
        (difference.argmax(), 6.447, (-0.14, -50.63)),
        (difference.argmin(), -11.565, (-28.24, 137.19)),
    ):
        assert difference[at] == pytest.approx(value, abs=5e-4)
        assert tuple(places.loc[at, ["latitude_ERA", "longitude_ERA"]]) == pytest.approx(where, abs=6e-3)
